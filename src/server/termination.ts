/**
 * The way out after SIGTERM: no new inbound connections, those that are open are asked to close, outbound listeners keep working for
 * the application's own shutdown. Over when no connection is left, or when the grace is.
 */
import type { Clock } from '../runtime/clock.ts';
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Workers } from './workers.ts';

const LOOK_EVERY_MS = 50;

export class Termination implements TimerTarget {
  readonly #workers: Workers;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #deadlineMs: number;
  readonly #done: () => void;
  readonly #timer: Timer;

  constructor(workers: Workers, clock: Clock, logger: Logger, graceMs: number, done: () => void) {
    this.#workers = workers;
    this.#clock = clock;
    this.#logger = logger;
    this.#deadlineMs = clock.nowMs() + graceMs;
    this.#done = done;
    this.#timer = new Timer(this, 0);
  }

  get secondsLeft(): number {
    return Math.max(0, (this.#deadlineMs - this.#clock.nowMs()) / 1000);
  }

  async start(): Promise<void> {
    const connections = await this.#workers.connectionCount(false);
    this.#logger.info('terminating: draining connections', { connections, graceS: Math.round(this.secondsLeft) });
    await this.#workers.tell({ kind: 'set-health-check-failed', failed: true });
    await this.#workers.tell({ kind: 'drain', inboundOnly: false });
    await this.#workers.tell({ kind: 'stop-listening', inboundOnly: true });
    await this.#look();
  }

  cancel(): void {
    this.#clock.disarm(this.#timer);
  }

  onTimer(): void {
    void this.#look();
  }

  async #look(): Promise<void> {
    const connections = await this.#workers.connectionCount(false).catch(() => 0);
    if (connections === 0) {
      this.#done();
      return;
    }
    if (this.#clock.nowMs() >= this.#deadlineMs) {
      this.#logger.warn('termination grace is over: closing what is left', { connections });
      this.#done();
      return;
    }
    this.#clock.arm(this.#timer, LOOK_EVERY_MS);
  }
}
