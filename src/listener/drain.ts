/** Whether a connection is to be let go while its listener, or the whole server, drains. Behaviour: Envoy's DrainManagerImpl. */
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';

export type DrainStrategy = 'gradual' | 'immediate';

export class DrainSequence {
  readonly #clock: Clock;
  readonly #random: Random;
  #strategy: DrainStrategy;
  #startMs: number;
  #durationMs: number;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#strategy = 'immediate';
    this.#startMs = -1;
    this.#durationMs = 0;
  }

  get started(): boolean {
    return this.#startMs >= 0;
  }

  /** @param durationMs --drain-time-s: over it the share of connections that are let go rises from none to all */
  start(strategy: DrainStrategy, durationMs: number): void {
    if (this.started) return;
    this.#strategy = strategy;
    this.#startMs = this.#clock.nowMs();
    this.#durationMs = durationMs;
  }

  /** Asked anew for each request: with the gradual strategy the answer is drawn. */
  shouldClose(): boolean {
    if (!this.started) return false;
    if (this.#strategy === 'immediate') return true;
    const elapsed = this.#clock.nowMs() - this.#startMs;
    return elapsed >= this.#durationMs || this.#random.below(this.#durationMs) < elapsed;
  }
}
