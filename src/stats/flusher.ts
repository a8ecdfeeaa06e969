/** Ends a `stats_flush_interval` every so often: what histograms show as "interval" is what came in the last whole one. */
import { type Clock, Timer, type TimerTarget } from '../runtime/clock.ts';
import type { StatsAggregate } from './aggregate.ts';

/** One turn of the event loop spends at most this long on it. */
const SLICE_MS = 2;

export class StatsFlusher implements TimerTarget {
  readonly #stats: StatsAggregate;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #timer: Timer;
  #stopped = false;

  constructor(stats: StatsAggregate, clock: Clock, intervalMs: number) {
    this.#stats = stats;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#timer = new Timer(this, 0);
  }

  start(): void {
    this.#clock.arm(this.#timer, this.#intervalMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#clock.disarm(this.#timer);
  }

  onTimer(): void {
    this.#slice(this.#stats.flush());
  }

  #slice(rest: Generator<void>): void {
    if (this.#stopped) return;
    const start = this.#clock.nowMs();
    while (this.#clock.nowMs() - start < SLICE_MS) {
      if (rest.next().done) {
        // Armed only now: intervals never overlap, however many histograms there are.
        this.#clock.arm(this.#timer, this.#intervalMs);
        return;
      }
    }
    setImmediate(() => this.#slice(rest));
  }
}
