/** What counts as a slow request: slower than 99 of 100 of about the last minute, but not faster than people notice, and a second at most. */
import { binStart, LATENCY_BINS, type Latencies } from '../worker/latency-bins.ts';

export const MAX_SLOW_MS = 1000;
const MIN_SLOW_MS = 10;
/** Fewer requests say nothing of their hundredth. */
const MIN_REQUESTS = 200;
/** Each second the seconds before count a little less. */
const FADE = 59 / 60;
const WORTH_TELLING = 1.2;

export class SlowLimit {
  slowMs = MAX_SLOW_MS;
  readonly #tell: (slowMs: number) => void;
  readonly #counts = new Float64Array(LATENCY_BINS);

  /** @param tell takes a new limit to the workers */
  constructor(tell: (slowMs: number) => void) {
    this.#tell = tell;
  }

  /** Durations of the last second. */
  add(latencies: Latencies): void {
    const counts = this.#counts;
    for (let bin = 0; bin < LATENCY_BINS; bin++) counts[bin]! *= FADE;
    latencies.each((bin, count) => {
      counts[bin]! += count;
    });
    let total = 0;
    for (const count of counts) total += count;
    const limit = total < MIN_REQUESTS ? MAX_SLOW_MS : Math.min(MAX_SLOW_MS, Math.max(MIN_SLOW_MS, this.#at(total * 0.99)));
    if (limit < this.slowMs * WORTH_TELLING && limit > this.slowMs / WORTH_TELLING) return;
    if (limit === this.slowMs) return;
    this.slowMs = Math.round(limit);
    this.#tell(this.slowMs);
  }

  /** End of the bin in which `rank` lies. */
  #at(rank: number): number {
    let below = 0;
    let bin = 0;
    while (bin < LATENCY_BINS - 1 && below + this.#counts[bin]! < rank) below += this.#counts[bin++]!;
    return binStart(bin + 1);
  }
}
