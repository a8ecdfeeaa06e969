/** Latencies of one window in shared cells: 32 bins an octave, so a quantile is right within 3 %. */

const SUB_BITS = 5;
const SUB = 1 << SUB_BITS;
/** Up to 2^32 µs, more than an hour. */
const OCTAVES = 32 - SUB_BITS;
export const HISTOGRAM_CELLS = SUB * (OCTAVES + 1);

/** @param us microseconds, an integer */
export function addLatency(cells: Int32Array, at: number, us: number): void {
  cells[at + binOf(us)]!++;
}

/** The latency below which `quantile` (0..1) of `total` samples lie, microseconds; interpolated within its bin. */
export function latencyQuantile(cells: Int32Array, at: number, total: number, quantile: number): number {
  const wanted = total * quantile;
  let seen = 0;
  for (let bin = 0; bin < HISTOGRAM_CELLS; bin++) {
    const count = cells[at + bin]!;
    if (count === 0) continue;
    if (seen + count >= wanted) {
      const from = lowest(bin);
      return Math.floor(from + (lowest(bin + 1) - from) * Math.max(0, (wanted - seen) / count));
    }
    seen += count;
  }
  return 0;
}

function binOf(us: number): number {
  if (us < SUB) return Math.max(0, us);
  const octave = 31 - Math.clz32(us >>> 0) - SUB_BITS;
  return SUB * (octave + 1) + (us >>> octave) - SUB;
}

function lowest(bin: number): number {
  if (bin < SUB) return bin;
  const octave = Math.floor(bin / SUB) - 1;
  return (SUB + (bin % SUB)) * 2 ** octave;
}
