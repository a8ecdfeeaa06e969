/**
 * Statistics handles. They are made when configuration is applied (or on first use) and cost one array access on the request path.
 * Names are Envoy's, dotted; the parts that Prometheus shows as labels are told apart when the scope is made.
 */
export class Counter {
  readonly #cells: Float64Array;
  readonly #index: number;
  constructor(cells: Float64Array, index: number) {
    this.#cells = cells;
    this.#index = index;
  }
  inc(): void {
    this.#cells[this.#index]! += 1;
  }
  add(n: number): void {
    this.#cells[this.#index]! += n;
  }
  get value(): number {
    return this.#cells[this.#index]!;
  }
}

export class Gauge {
  readonly #cells: Float64Array;
  readonly #index: number;
  constructor(cells: Float64Array, index: number) {
    this.#cells = cells;
    this.#index = index;
  }
  inc(): void {
    this.#cells[this.#index]! += 1;
  }
  dec(): void {
    this.#cells[this.#index]! -= 1;
  }
  add(n: number): void {
    this.#cells[this.#index]! += n;
  }
  sub(n: number): void {
    this.#cells[this.#index]! -= n;
  }
  set(value: number): void {
    this.#cells[this.#index] = value;
  }
  get value(): number {
    return this.#cells[this.#index]!;
  }
}

/** A distribution; milliseconds unless its unit says otherwise. */
export interface Histogram {
  record(value: number): void;
}

export interface TextReadout {
  set(text: string): void;
}

export interface StatsScope {
  /** The same name gives the same cell. */
  counter(name: string): Counter;
  gauge(name: string): Gauge;
  histogram(name: string, unit?: 'ms' | 'bytes' | 'percent' | ''): Histogram;
  textReadout(name: string): TextReadout;
  /** `<this>.<segment>.` with a fixed segment (may hold dots). */
  scope(segment: string): StatsScope;
  /** `<this>.<segment>.<value>.`, where Prometheus shows `value` as label `tag` (e.g. "envoy.cluster_name"): tagged('cluster', 'envoy.cluster_name', 'web'). */
  tagged(segment: string, tag: string, value: string): StatsScope;
}
