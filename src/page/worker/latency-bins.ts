/** Durations by quarter octave of sixteenths of a millisecond: a bin is at most a quarter wider than its lower end, and an index is a few shifts. */
export const LATENCY_BINS = 128;
const UNITS_PER_MS = 16;
const MAX_UNITS = 0x7fffffff;

export function latencyBin(ms: number): number {
  const units = ms <= 0 ? 0 : ms >= MAX_UNITS / UNITS_PER_MS ? MAX_UNITS : (ms * UNITS_PER_MS) | 0;
  if (units < 4) return units;
  const exponent = 31 - Math.clz32(units);
  return exponent * 4 + ((units >> (exponent - 2)) & 3) - 4;
}

/** Milliseconds. */
export function binStart(bin: number): number {
  if (bin < 4) return bin / UNITS_PER_MS;
  const exponent = (bin + 4) >> 2;
  return (2 ** exponent + ((bin + 4) & 3) * 2 ** (exponent - 2)) / UNITS_PER_MS;
}

/** Counts of bins as they come, in any order and more than once: most have a handful. */
export class Latencies {
  /** `bin * COUNT_LIMIT + count`. */
  #packed: number[] = [];
  #total = 0;

  add(bin: number, count: number): void {
    this.#packed.push(bin * COUNT_LIMIT + count);
    this.#total += count;
  }

  get total(): number {
    return this.#total;
  }

  clear(): void {
    // A busy second must not be paid for in memory for ever.
    if (this.#packed.length > 256) this.#packed = [];
    else this.#packed.length = 0;
    this.#total = 0;
  }

  each(visit: (bin: number, count: number) => void): void {
    for (const packed of this.#packed) visit(Math.floor(packed / COUNT_LIMIT), packed % COUNT_LIMIT);
  }

  addAll(other: Latencies): void {
    for (const packed of other.#packed) this.#packed.push(packed);
    this.#total += other.#total;
  }

  /** Milliseconds at each of `shares` (ascending, 0 to 1); null for each if nothing was counted. */
  quantiles(shares: readonly number[]): (number | null)[] {
    if (this.#total === 0) return shares.map(() => null);
    const packed = this.#packed.sort((a, b) => a - b);
    const out: number[] = [];
    let at = 0;
    let below = 0;
    for (const share of shares) {
      const rank = Math.max(1, Math.ceil(share * this.#total));
      while (below + (packed[at]! % COUNT_LIMIT) < rank) below += packed[at++]! % COUNT_LIMIT;
      const bin = Math.floor(packed[at]! / COUNT_LIMIT);
      const count = packed[at]! % COUNT_LIMIT;
      const start = binStart(bin);
      out.push(round(start + ((binStart(bin + 1) - start) * (rank - below)) / (count + 1)));
    }
    return out;
  }
}

const COUNT_LIMIT = 2 ** 40;

/** Three significant digits: more would be made up. */
function round(ms: number): number {
  return ms >= 100 ? Math.round(ms) : ms >= 10 ? Math.round(ms * 10) / 10 : Math.round(ms * 100) / 100;
}
