/** Runtime feature values: what the configured layers say now. Fractions are drawn with a random value that the caller keeps stable for its request. */
export interface RuntimeSnapshot {
  /** Integer under `key`, or `fallback` if there is none. */
  integer(key: string, fallback: number): number;
  boolean(key: string, fallback: boolean): boolean;
  /** True when `random % denominator < numerator`, with the value of `key` in place of the numerator (an integer is a percentage). */
  fraction(key: string, numerator: number, denominator: number, random: number): boolean;
  get(key: string): string | undefined;
}

/** A percentage with its runtime key, as settings carry it. */
export interface FractionSettings {
  readonly runtimeKey: string;
  readonly numerator: number;
  /** 100, 10,000 or 1,000,000. */
  readonly denominator: number;
}

export class StaticRuntime implements RuntimeSnapshot {
  #values: ReadonlyMap<string, string>;

  /** @param values flattened keys, e.g. "upstream.healthy_panic_threshold" → "0" */
  constructor(values: ReadonlyMap<string, string> = new Map()) {
    this.#values = values;
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  integer(key: string, fallback: number): number {
    if (this.#values.size === 0 || key === '') return fallback;
    const text = this.#values.get(key);
    if (text === undefined || !/^-?\d+$/.test(text)) return fallback;
    return Number(text);
  }

  boolean(key: string, fallback: boolean): boolean {
    if (this.#values.size === 0 || key === '') return fallback;
    const text = this.#values.get(key);
    return text === 'true' ? true : text === 'false' ? false : fallback;
  }

  fraction(key: string, numerator: number, denominator: number, random: number): boolean {
    if (this.#values.size > 0 && key !== '') {
      const text = this.#values.get(key);
      if (text !== undefined && /^\d+$/.test(text)) return random % 100 < Number(text);
    }
    return numerator >= denominator || random % denominator < numerator;
  }

  protected setValues(values: ReadonlyMap<string, string>): void {
    this.#values = values;
  }
}

/** Holds what the layers say now; the control thread replaces it whole. */
export class MutableRuntime extends StaticRuntime {
  replace(values: Readonly<Record<string, string>>): void {
    this.setValues(new Map(Object.entries(values)));
  }
}
