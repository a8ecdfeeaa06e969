/**
 * The log-linear bins of Envoy's histograms (circllhist): two significant decimal digits, so a bin is never wider than a tenth of its values.
 * Bins are numbered 0 for "zero", then 90 a decade. Quantile, sum and bucket rules are those that Envoy shows.
 */
export const FIRST_DECADE = -6;
export const LAST_DECADE = 15;
export const BINS_PER_DECADE = 90;
export const DECADES = LAST_DECADE - FIRST_DECADE + 1;
/** Powers of ten by block (decade - FIRST_DECADE), one more than there are blocks. */
export const BLOCK_BASE: readonly number[] = Array.from({ length: DECADES + 1 }, (_, i) => Number(`1e${FIRST_DECADE + i}`));

export const SUPPORTED_QUANTILES: readonly number[] = [0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1];

/** Upper bounds of the buckets shown when the configuration names none (milliseconds). */
export const DEFAULT_BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
];

export function binLower(bin: number): number {
  if (bin === 0) return 0;
  const mantissa = 10 + ((bin - 1) % BINS_PER_DECADE);
  // Dividing by a power of ten is correctly rounded where multiplying by its inverse is not: 1.1, not 1.1000000000000001.
  return scale(mantissa, FIRST_DECADE - 1 + Math.floor((bin - 1) / BINS_PER_DECADE));
}

export function binWidth(bin: number): number {
  return bin === 0 ? 0 : scale(1, FIRST_DECADE - 1 + Math.floor((bin - 1) / BINS_PER_DECADE));
}

function scale(value: number, exponent: number): number {
  return exponent < 0 ? value / 10 ** -exponent : value * 10 ** exponent;
}

/** Counts by bin; sparse, since most histograms touch a few dozen bins. */
export class BinCounts {
  /** Sorted bin numbers, parallel to `counts`. */
  bins: number[] = [];
  counts: number[] = [];
  total = 0;

  add(bin: number, count: number): void {
    this.total += count;
    const bins = this.bins;
    let low = 0;
    let high = bins.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (bins[middle]! < bin) low = middle + 1;
      else high = middle;
    }
    if (bins[low] === bin) this.counts[low]! += count;
    else {
      bins.splice(low, 0, bin);
      this.counts.splice(low, 0, count);
    }
  }

  clear(): void {
    this.bins = [];
    this.counts = [];
    this.total = 0;
  }

  /** Values at `quantiles` (ascending); NaN for each when nothing was recorded. */
  quantiles(quantiles: readonly number[]): number[] {
    const out: number[] = [];
    let at = 0;
    let below = 0;
    for (const q of quantiles) {
      if (this.total === 0) {
        out.push(Number.NaN);
        continue;
      }
      const rank = Math.max(1, Math.ceil(q * this.total));
      while (below + this.counts[at]! < rank) below += this.counts[at++]!;
      // The k-th of n values of a bin is taken to lie k/(n+1) into it.
      out.push(binLower(this.bins[at]!) + (binWidth(this.bins[at]!) * (rank - below)) / (this.counts[at]! + 1));
    }
    return out;
  }

  sum(): number {
    let sum = 0;
    for (let i = 0; i < this.bins.length; i++) {
      const low = binLower(this.bins[i]!);
      if (low === 0) continue;
      const high = low + binWidth(this.bins[i]!);
      sum += ((2 * low * high) / (low + high)) * this.counts[i]!;
    }
    return sum;
  }

  /** For each bound, how many values lie at or below it (cumulative). */
  cumulative(bounds: readonly number[]): number[] {
    const out: number[] = [];
    let at = 0;
    let count = 0;
    for (const bound of bounds) {
      while (at < this.bins.length && binLower(this.bins[at]!) <= bound) count += this.counts[at++]!;
      out.push(count);
    }
    return out;
  }
}
