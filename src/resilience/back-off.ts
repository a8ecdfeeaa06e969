/** How long to wait before the next attempt. Delays are whole milliseconds. */
import type { Random } from '../runtime/random.ts';

/** Full jitter: the n-th delay is uniform in [0, base·2^(n-1)), capped at `max`. Source: JitteredExponentialBackOffStrategy. */
export class JitteredExponentialBackOff {
  readonly #maxMs: number;
  readonly #random: Random;
  #intervalMs: number;

  constructor(baseMs: number, maxMs: number, random: Random) {
    this.#maxMs = maxMs;
    this.#random = random;
    this.#intervalMs = Math.min(baseMs, maxMs);
  }

  nextMs(): number {
    const interval = this.#intervalMs;
    this.#intervalMs = Math.min(interval * 2, this.#maxMs);
    return this.#random.below(interval);
  }
}

/** What a rate-limited upstream asked for and up to half as much again, so that its clients do not come back all at once. */
export function jitteredLowerBound(intervalMs: number, random: Random): number {
  return intervalMs + random.below(Math.max(1, intervalMs >> 1));
}
