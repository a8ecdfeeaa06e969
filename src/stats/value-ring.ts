/**
 * Every single value of a thread's histograms, on its way to sinks that want them one by one (statsd). Shared memory that the thread writes and
 * the control thread empties ten times a second; what comes faster than that is lost, oldest first.
 */
const PAIRS = 16_384;
const HEAD_BYTES = 8;

export class ValueRing {
  readonly buffer: SharedArrayBuffer;
  /** Pairs written so far, modulo 2^32. */
  readonly #written: Uint32Array;
  readonly #pairs: Float64Array;
  #at: number;

  constructor(buffer = new SharedArrayBuffer(HEAD_BYTES + PAIRS * 16)) {
    this.buffer = buffer;
    this.#written = new Uint32Array(buffer, 0, 1);
    this.#pairs = new Float64Array(buffer, HEAD_BYTES);
    this.#at = 0;
  }

  push(stat: number, value: number): void {
    const at = (this.#at % PAIRS) * 2;
    this.#pairs[at] = stat;
    this.#pairs[at + 1] = value;
    this.#at = (this.#at + 1) >>> 0;
    // Ordered: whoever sees the count sees the pair.
    Atomics.store(this.#written, 0, this.#at);
  }

  /** On the reader's side: what came since the last call. @returns how many were lost */
  drain(each: (stat: number, value: number) => void): number {
    const written = Atomics.load(this.#written, 0);
    const lost = Math.max(0, ((written - this.#at) >>> 0) - PAIRS);
    this.#at = (this.#at + lost) >>> 0;
    while (this.#at !== written) {
      const at = (this.#at % PAIRS) * 2;
      each(this.#pairs[at]!, this.#pairs[at + 1]!);
      this.#at = (this.#at + 1) >>> 0;
    }
    return lost;
  }
}
