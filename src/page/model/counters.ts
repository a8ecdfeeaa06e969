/** Counters and gauges of one prefix, looked at again and again: how much each has risen since the last time. */
import type { Series, StatNode } from '../../stats/series.ts';

export class Counters {
  readonly #names: readonly string[];
  readonly #series: (Series | null)[];
  readonly #before: Float64Array;
  readonly #risen: Float64Array;
  #fresh: boolean;
  #turn = -1;

  /** @param fromZero what they count before the first look is news, too */
  constructor(names: readonly string[], fromZero: boolean) {
    this.#fresh = !fromZero;
    this.#names = names;
    this.#series = new Array<Series | null>(names.length).fill(null);
    this.#before = new Float64Array(names.length);
    this.#risen = new Float64Array(names.length);
  }

  /** @param node null = there are no such statistics (yet) */
  read(node: StatNode | null): void {
    for (let i = 0; i < this.#names.length; i++) {
      let series = this.#series[i] ?? null;
      if (series === null && node !== null) {
        series = node.named(this.#names[i]!);
        this.#series[i] = series;
      }
      const value = series === null ? 0 : series.value();
      // A counter that was reset has risen by what it has now.
      this.#risen[i] = this.#fresh ? 0 : value >= this.#before[i]! ? value - this.#before[i]! : value;
      this.#before[i] = value;
    }
    this.#fresh = false;
  }

  /** As `read`, but only once for each `turn`. */
  readOnce(turn: number, node: StatNode | null): void {
    if (turn === this.#turn) return;
    this.#turn = turn;
    this.read(node);
  }

  risen(i: number): number {
    return this.#risen[i]!;
  }

  /** As last read. */
  value(i: number): number {
    return this.#before[i]!;
  }
}
