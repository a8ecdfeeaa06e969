/**
 * How many requests have begun within the last while, over all threads that share its memory: what a retry budget with a budget_interval goes by.
 * Ten parts of the interval are counted apart, and the oldest is forgotten as a whole, as in Envoy: what began between 0.9 and 1 intervals ago
 * may count or not.
 */
import { lockCell, unlockCell } from '../lb/shared-blocks.ts';
import type { Clock } from '../runtime/clock.ts';

const PARTS = 10;
/** A lock, then a count and the number of its part of time for each. */
export const WINDOW_CELLS = 1 + 2 * PARTS;
/** Numbers of parts stay 32-bit integers. */
const WRAP = 0x40000000;

export class RequestWindow {
  readonly #cells: Int32Array;
  readonly #base: number;
  readonly #partMs: number;
  readonly #clock: Clock;

  constructor(cells: Int32Array, base: number, intervalMs: number, clock: Clock) {
    this.#cells = cells;
    this.#base = base;
    this.#partMs = Math.max(1, intervalMs / PARTS);
    this.#clock = clock;
  }

  /** A request begins. */
  note(): void {
    const cells = this.#cells;
    const part = this.#now();
    const at = this.#base + 1 + 2 * (part % PARTS);
    lockCell(cells, this.#base);
    if (cells[at + 1] !== part) {
      cells[at + 1] = part;
      cells[at] = 0;
    }
    cells[at]!++;
    unlockCell(cells, this.#base);
  }

  get count(): number {
    const cells = this.#cells;
    const now = this.#now();
    let sum = 0;
    lockCell(cells, this.#base);
    for (let at = this.#base + 1; at < this.#base + WINDOW_CELLS; at += 2) {
      const age = now - cells[at + 1]!;
      if (age >= 0 && age < PARTS) sum += cells[at]!;
    }
    unlockCell(cells, this.#base);
    return sum;
  }

  /** Number of the part of time that is now, the same in every thread; never 0, which is what unused cells hold. */
  #now(): number {
    return (Math.floor((this.#clock.nowMs() + this.#clock.originMs) / this.#partMs) % WRAP) + 1;
  }
}
