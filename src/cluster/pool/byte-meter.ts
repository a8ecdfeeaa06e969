/** Counts the bytes of connections that carry one stream for long (TCP, upgrades): once a second, not once a chunk. */
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';

const INTERVAL_MS = 1000;

export interface Metered {
  /** Adds what came and went since the last call to the statistics. */
  countBytes(): void;
}

export class ByteMeter implements TimerTarget {
  readonly #clock: Clock;
  readonly #timer: Timer;
  readonly #metered: Set<Metered>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timer = new Timer(this, 0);
    this.#metered = new Set();
  }

  add(metered: Metered): void {
    this.#metered.add(metered);
    if (!this.#timer.armed) this.#clock.arm(this.#timer, INTERVAL_MS);
  }

  /** Counts a last time. */
  remove(metered: Metered): void {
    if (!this.#metered.delete(metered)) return;
    metered.countBytes();
    if (this.#metered.size === 0) this.#clock.disarm(this.#timer);
  }

  onTimer(): void {
    for (const metered of this.#metered) metered.countBytes();
    this.#clock.arm(this.#timer, INTERVAL_MS);
  }
}
