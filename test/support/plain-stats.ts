/** Statistics for tests: values by full name. */
import { Counter, Gauge, type Histogram, type StatsScope, type TextReadout } from '../../src/stats/scope.ts';

export class PlainStats implements StatsScope {
  readonly prefix: string;
  readonly #cells: Map<string, Float64Array>;
  readonly recorded: Map<string, number[]>;

  constructor(prefix = '', cells = new Map<string, Float64Array>(), recorded = new Map<string, number[]>()) {
    this.prefix = prefix;
    this.#cells = cells;
    this.recorded = recorded;
  }

  counter(name: string): Counter {
    return new Counter(this.#cell(name), 0);
  }

  gauge(name: string): Gauge {
    return new Gauge(this.#cell(name), 0);
  }

  histogram(name: string): Histogram {
    const values = this.recorded.get(this.prefix + name) ?? [];
    this.recorded.set(this.prefix + name, values);
    return { record: (value) => void values.push(value) };
  }

  textReadout(_name: string): TextReadout {
    return { set: () => undefined };
  }

  scope(segment: string): StatsScope {
    return new PlainStats(`${this.prefix}${segment}.`, this.#cells, this.recorded);
  }

  tagged(segment: string, _tag: string, value: string): StatsScope {
    return this.scope(`${segment}.${value}`);
  }

  /** Value of a counter or gauge by its full name; 0 if it was never made. */
  value(name: string): number {
    return this.#cells.get(name)?.[0] ?? 0;
  }

  /** Of counters and gauges, with their prefix. */
  get names(): string[] {
    return [...this.#cells.keys()];
  }

  /** All that are not zero. */
  nonZero(): Record<string, number> {
    return Object.fromEntries([...this.#cells].filter(([, cell]) => cell[0] !== 0).map(([name, cell]) => [name, cell[0]!]));
  }

  #cell(name: string): Float64Array {
    const full = this.prefix + name;
    let cell = this.#cells.get(full);
    if (cell === undefined) {
      cell = new Float64Array(1);
      this.#cells.set(full, cell);
    }
    return cell;
  }
}
