/** Runtime feature values: what the configured layers say now. Fractions are drawn with a random value that the caller keeps stable for its request. */
export interface RuntimeSnapshot {
  /** Integer under `key`, or `fallback` if there is none. */
  integer(key: string, fallback: number): number;
  /** Number under `key`, with or without a fraction. */
  double(key: string, fallback: number): number;
  boolean(key: string, fallback: boolean): boolean;
  /** True when `random % denominator < numerator`, with what stands under `key` in place of both (an integer is a percentage). */
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

/** A value as it is read: told apart once, when the layers change. */
interface Entry {
  readonly text: string;
  /** NaN = it is none. */
  readonly integer: number;
  readonly double: number;
  readonly boolean: boolean | null;
  readonly numerator: number;
  /** 0 = it is no fraction. */
  readonly denominator: number;
}

const DENOMINATORS: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };

export class StaticRuntime implements RuntimeSnapshot {
  #values: ReadonlyMap<string, Entry>;

  /** @param values flattened keys, e.g. "upstream.healthy_panic_threshold" → "0" */
  constructor(values: ReadonlyMap<string, string> = new Map()) {
    this.#values = parse(values);
  }

  get(key: string): string | undefined {
    return this.#values.get(key)?.text;
  }

  integer(key: string, fallback: number): number {
    if (this.#values.size === 0 || key === '') return fallback;
    const value = this.#values.get(key)?.integer ?? Number.NaN;
    return Number.isNaN(value) ? fallback : value;
  }

  double(key: string, fallback: number): number {
    if (this.#values.size === 0 || key === '') return fallback;
    const value = this.#values.get(key)?.double ?? Number.NaN;
    return Number.isNaN(value) ? fallback : value;
  }

  boolean(key: string, fallback: boolean): boolean {
    if (this.#values.size === 0 || key === '') return fallback;
    return this.#values.get(key)?.boolean ?? fallback;
  }

  fraction(key: string, numerator: number, denominator: number, random: number): boolean {
    if (this.#values.size > 0 && key !== '') {
      const entry = this.#values.get(key);
      if (entry !== undefined && entry.denominator > 0) return random % entry.denominator < entry.numerator;
      if (entry !== undefined && entry.integer >= 0) return random % 100 < entry.integer;
    }
    return numerator >= denominator || random % denominator < numerator;
  }

  protected setValues(values: ReadonlyMap<string, string>): void {
    this.#values = parse(values);
  }
}

/** Holds what the layers say now; the control thread replaces it whole. */
export class MutableRuntime extends StaticRuntime {
  replace(values: Readonly<Record<string, string>>): void {
    this.setValues(new Map(Object.entries(values)));
  }
}

function parse(values: ReadonlyMap<string, string>): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [key, text] of values) entries.set(key, entryOf(text));
  return entries;
}

/** Source: Envoy's SnapshotImpl::parseEntryValue. A fraction is FractionalPercent as JSON, or as the lines of a file. */
function entryOf(text: string): Entry {
  const double = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  const lower = text.toLowerCase();
  const numerator = /\bnumerator"?\s*:\s*"?(\d+)/.exec(text);
  const denominator = /\bdenominator"?\s*:\s*"?([A-Z_]+)/.exec(text);
  return {
    text,
    integer: Number.isInteger(double) ? double : Number.NaN,
    double,
    boolean: lower === 'true' ? true : lower === 'false' ? false : null,
    numerator: Number(numerator?.[1] ?? 0),
    denominator: numerator === null ? 0 : (DENOMINATORS[denominator?.[1] ?? 'HUNDRED'] ?? 0),
  };
}
