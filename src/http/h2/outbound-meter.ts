/**
 * Frames that wait for peers that do not read, as gauges (http2.outbound_frames_active, outbound_control_frames_active). Looked at a few
 * times a second, and only while something waits: in front of peers that keep up nothing is counted.
 */
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { Gauge } from '../../stats/scope.ts';

const INTERVAL_MS = 250;

/** The output of one connection. */
export interface Backlog {
  /** What the gauges hold of it. */
  shownFrames: number;
  shownControlFrames: number;
  /** Frames written that the kernel is not known to have taken. */
  readonly waitingFrames: number;
  readonly waitingControlFrames: number;
  /** Finds out what has been taken. */
  catchUp(): void;
}

export class OutboundMeter implements TimerTarget {
  readonly #frames: Gauge;
  readonly #controlFrames: Gauge;
  readonly #backlogs: Set<Backlog>;
  readonly #timer: Timer;
  readonly #clock: Clock;

  constructor(frames: Gauge, controlFrames: Gauge, clock: Clock) {
    this.#frames = frames;
    this.#controlFrames = controlFrames;
    this.#backlogs = new Set();
    this.#timer = new Timer(this, 0);
    this.#clock = clock;
  }

  watch(backlog: Backlog): void {
    this.#backlogs.add(backlog);
    if (!this.#timer.armed) this.#clock.arm(this.#timer, INTERVAL_MS);
  }

  /** Its connection is gone. */
  forget(backlog: Backlog): void {
    if (!this.#backlogs.delete(backlog)) return;
    this.#show(backlog, 0, 0);
    if (this.#backlogs.size === 0) this.#clock.disarm(this.#timer);
  }

  /** Whether it is being looked at. */
  watches(backlog: Backlog): boolean {
    return this.#backlogs.has(backlog);
  }

  onTimer(): void {
    for (const backlog of this.#backlogs) {
      backlog.catchUp();
      this.#show(backlog, backlog.waitingFrames, backlog.waitingControlFrames);
      if (backlog.waitingFrames === 0) this.#backlogs.delete(backlog);
    }
    if (this.#backlogs.size > 0) this.#clock.arm(this.#timer, INTERVAL_MS);
  }

  #show(backlog: Backlog, frames: number, controlFrames: number): void {
    this.#frames.add(frames - backlog.shownFrames);
    this.#controlFrames.add(controlFrames - backlog.shownControlFrames);
    backlog.shownFrames = frames;
    backlog.shownControlFrames = controlFrames;
  }
}
