/**
 * One thread's statistics. Cells live in shared memory that only this thread writes and the control thread reads, so an update is one plain
 * array access, no atomics. New statistics are announced to the control thread in batches, together with the memory that holds them.
 */
import type { StatDefinition, StatKind, StatsAnnouncement, StatUnit } from './announcement.ts';
import { BINS_PER_DECADE, BLOCK_BASE, DECADES, FIRST_DECADE } from './histogram-bins.ts';
import { compileNameMatcher, type NameMatcher } from './name-matcher.ts';
import { Counter, Gauge, type Histogram, type StatsScope, type TextReadout } from './scope.ts';
import type { StatsSettings } from './settings.ts';
import { ValueRing } from './value-ring.ts';

/** Cells of 8 bytes in a chunk. */
export const CHUNK_CELLS = 2048;
/** A decade of a histogram: the zero bin (used in one block only), 90 bins, one to spare; 4 bytes each. */
const BLOCK_CELLS = 46;
/** The control thread takes about 1.5 µs a statistic: a batch must not hold its event loop up. */
const BATCH_LIMIT = 2048;
const NO_BLOCK = new Uint32Array(0);
const NO_BLOCKS: Uint32Array[] = new Array<Uint32Array>(DECADES).fill(NO_BLOCK);
const UNIT_BLOCK = -FIRST_DECADE;

/** Takes the batch of a thread to the control thread, for example with `postMessage`. */
export type Announce = (announcement: StatsAnnouncement) => void;

export class StatsStore {
  /** The scope of names without a prefix. */
  readonly root: StatsScope;
  readonly #announce: Announce;
  readonly #scopes = new Map<string, Scope>();
  #pending: StatsAnnouncement;
  #rejects: NameMatcher | null = null;
  /** null = nobody wants single values. */
  #ring: ValueRing | null = null;
  #announced = true;
  #chunk: Float64Array;
  #chunkIndex = -1;
  #used = CHUNK_CELLS;
  #scopeCount = 0;
  #statCount = 0;

  constructor(announce: Announce) {
    this.#announce = announce;
    this.#pending = emptyAnnouncement();
    this.#chunk = new Float64Array(0);
    this.root = new Scope(this, [], [], '');
  }

  /**
   * Applies `stats_matcher`: statistics that it rejects are not made; their handles write to nowhere. To be called before configuration makes
   * statistics; those that exist already stay.
   */
  configure(settings: StatsSettings): void {
    const { include, names } = settings.matcher;
    const matchers = names.map(compileNameMatcher);
    this.#rejects = matchers.length === 0 && !include ? null : (name) => matchers.some((m) => m(name)) !== include;
    if (settings.recordValues && this.#ring === null) {
      this.#ring = new ValueRing();
      this.#batch().rings.push(this.#ring.buffer);
    }
  }

  /** @internal */
  newHistogram(scope: number, name: string, unit: StatUnit): Histogram {
    const stat = this.newCellless('histogram', scope, name, unit);
    const whole = unit !== 'percent';
    return this.#ring === null ? new ThreadHistogram(this, stat, whole) : new ValueHistogram(this, stat, whole, this.#ring);
  }

  /** @internal */
  rejects(tokens: readonly string[], name: string): boolean {
    return this.#rejects?.(tokens.concat(name).join('.')) ?? false;
  }

  /** Hands over what is pending now, without waiting for the end of this turn. */
  flush(): void {
    if (this.#announced) return;
    this.#announced = true;
    const batch = this.#pending;
    this.#pending = emptyAnnouncement();
    this.#announce(batch);
  }

  /** @internal The scope of these tokens; `key` tells apart scopes that differ only in which token is a tag. */
  scopeOf(key: string, tokens: readonly string[], tags: readonly string[]): Scope {
    let scope = this.#scopes.get(key);
    if (scope === undefined) {
      scope = new Scope(this, tokens, tags, key);
      this.#scopes.set(key, scope);
    }
    return scope;
  }

  /** @internal */
  newScopeId(tokens: readonly string[], tags: readonly string[]): number {
    this.#batch().scopes.push({ tokens: [...tokens], tags: [...tags] });
    return this.#scopeCount++;
  }

  /** @internal */
  newCell(kind: StatKind, scope: number, name: string): { cells: Float64Array; index: number } {
    const index = this.#allocate(1);
    const cells = this.#chunk;
    // Minus zero means "never written": any increment, and set(0), make it another number. `usedonly` lives on that.
    cells[index] = -0;
    this.#define({ kind, scope, name, chunk: this.#chunkIndex, slot: index, unit: '' });
    return { cells, index };
  }

  /** @internal @returns the number of the statistic in this store */
  newCellless(kind: StatKind, scope: number, name: string, unit: StatUnit): number {
    return this.#define({ kind, scope, name, chunk: -1, slot: -1, unit });
  }

  /** @internal */
  newBlock(stat: number, block: number): Uint32Array {
    const slot = this.#allocate(BLOCK_CELLS);
    this.#batch().blocks.push({ stat, block, chunk: this.#chunkIndex, slot });
    return new Uint32Array(this.#chunk.buffer, slot * 8, BLOCK_CELLS * 2);
  }

  /** @internal */
  setText(stat: number, text: string): void {
    this.#batch().texts.push({ stat, text });
  }

  #define(definition: StatDefinition): number {
    this.#batch().stats.push(definition);
    if (this.#pending.stats.length >= BATCH_LIMIT) this.flush();
    return this.#statCount++;
  }

  #allocate(cells: number): number {
    if (this.#used + cells > CHUNK_CELLS) {
      const memory = new SharedArrayBuffer(CHUNK_CELLS * 8);
      this.#chunk = new Float64Array(memory);
      this.#chunkIndex++;
      this.#used = 0;
      this.#batch().chunks.push(memory);
    }
    const index = this.#used;
    this.#used += cells;
    return index;
  }

  #batch(): StatsAnnouncement {
    if (this.#announced) {
      this.#announced = false;
      queueMicrotask(() => this.flush());
    }
    return this.#pending;
  }
}

function emptyAnnouncement(): StatsAnnouncement {
  return { chunks: [], scopes: [], stats: [], blocks: [], rings: [], texts: [] };
}

/** Envoy allows no colon in a name: "web:80" and "http://x" become "web_80" and "http_x". */
export function sanitizeStatsName(name: string): string {
  return name.indexOf(':') < 0 && name.indexOf('\0') < 0 ? name : name.replaceAll('://', '_').replaceAll(':/', '_').replace(/[:\0]/g, '_');
}

/** What rejected statistics write to. */
const NOWHERE = new Float64Array(1);
const NO_HISTOGRAM: Histogram = { record: () => undefined };
const NO_TEXT: TextReadout = { set: () => undefined };

class Scope implements StatsScope {
  readonly #store: StatsStore;
  readonly #tokens: readonly string[];
  /** The tag that a token is the value of, '' for none; parallel to the tokens. */
  readonly #tags: readonly string[];
  readonly #key: string;
  #id = -1;
  #stats: Map<string, Counter | Gauge | Histogram | TextReadout> | null = null;

  constructor(store: StatsStore, tokens: readonly string[], tags: readonly string[], key: string) {
    this.#store = store;
    this.#tokens = tokens;
    this.#tags = tags;
    this.#key = key;
  }

  counter(name: string): Counter {
    const known = this.#stats?.get(name);
    if (known instanceof Counter) return known;
    const dot = name.lastIndexOf('.');
    if (dot > 0) return this.scope(name.slice(0, dot)).counter(name.slice(dot + 1));
    if (this.#rejects(name)) return this.#keep(name, new Counter(NOWHERE, 0));
    const { cells, index } = this.#store.newCell('counter', this.#ownId(), name);
    return this.#keep(name, new Counter(cells, index));
  }

  gauge(name: string): Gauge {
    const known = this.#stats?.get(name);
    if (known instanceof Gauge) return known;
    const dot = name.lastIndexOf('.');
    if (dot > 0) return this.scope(name.slice(0, dot)).gauge(name.slice(dot + 1));
    if (this.#rejects(name)) return this.#keep(name, new Gauge(NOWHERE, 0));
    const { cells, index } = this.#store.newCell('gauge', this.#ownId(), name);
    return this.#keep(name, new Gauge(cells, index));
  }

  histogram(name: string, unit: StatUnit = 'ms'): Histogram {
    const known = this.#stats?.get(name);
    if (known instanceof ThreadHistogram || known === NO_HISTOGRAM) return known as Histogram;
    const dot = name.lastIndexOf('.');
    if (dot > 0) return this.scope(name.slice(0, dot)).histogram(name.slice(dot + 1), unit);
    if (this.#rejects(name)) return this.#keep(name, NO_HISTOGRAM);
    return this.#keep(name, this.#store.newHistogram(this.#ownId(), name, unit));
  }

  textReadout(name: string): TextReadout {
    const known = this.#stats?.get(name);
    if (known instanceof ThreadText || known === NO_TEXT) return known as TextReadout;
    const dot = name.lastIndexOf('.');
    if (dot > 0) return this.scope(name.slice(0, dot)).textReadout(name.slice(dot + 1));
    if (this.#rejects(name)) return this.#keep(name, NO_TEXT);
    const stat = this.#store.newCellless('text', this.#ownId(), name, '');
    return this.#keep(name, new ThreadText(this.#store, stat));
  }

  scope(segment: string): StatsScope {
    const parts = sanitizeStatsName(segment).split('.').filter(Boolean);
    if (parts.length === 0) return this;
    const tokens = [...this.#tokens, ...parts];
    const tags = [...this.#tags, ...parts.map(() => '')];
    return this.#store.scopeOf(this.#key + parts.join('.') + '.', tokens, tags);
  }

  tagged(segment: string, tag: string, value: string): StatsScope {
    const clean = sanitizeStatsName(value);
    const parts = sanitizeStatsName(segment).split('.').filter(Boolean);
    const tokens = [...this.#tokens, ...parts, clean];
    const tags = [...this.#tags, ...parts.map(() => ''), tag];
    // '\n' cannot be in a name, so a tagged "a.b" is not mixed up with the plain scopes "a" and "b".
    return this.#store.scopeOf(this.#key + parts.join('.') + '\n' + tag + '\n' + clean + '.', tokens, tags);
  }

  #rejects(name: string): boolean {
    return this.#store.rejects(this.#tokens, name);
  }

  /** Only scopes that hold statistics themselves are announced. */
  #ownId(): number {
    if (this.#id < 0) this.#id = this.#store.newScopeId(this.#tokens, this.#tags);
    return this.#id;
  }

  #keep<T extends Counter | Gauge | Histogram | TextReadout>(name: string, stat: T): T {
    this.#stats ??= new Map();
    this.#stats.set(name, stat);
    return stat;
  }
}

/** Bins by decade, each decade's memory taken when its first value comes. */
class ThreadHistogram implements Histogram {
  readonly #store: StatsStore;
  readonly #stat: number;
  /** Envoy records whole numbers: 0.9 ms counts as 0 ms. Percentages are fractions of 1. */
  readonly #whole: boolean;
  #blocks: Uint32Array[];

  constructor(store: StatsStore, stat: number, whole: boolean) {
    this.#store = store;
    this.#stat = stat;
    this.#whole = whole;
    this.#blocks = NO_BLOCKS;
  }

  record(value: number): void {
    const v = this.#whole ? Math.floor(value) : value;
    let block = UNIT_BLOCK;
    let bin = 0;
    // Most times are below 100 ms: no division for them.
    if (v >= 1 && v < 10) bin = Math.floor(v * 10) - 9;
    else if (v >= 10 && v < 100) {
      block = UNIT_BLOCK + 1;
      bin = Math.floor(v) - 9;
    } else if (v >= 100) {
      block = UNIT_BLOCK + 2;
      while (block < DECADES - 1 && v >= BLOCK_BASE[block + 1]!) block++;
      bin = Math.min(BINS_PER_DECADE, Math.floor((v * 10) / BLOCK_BASE[block]!) - 9);
    } else if (v >= BLOCK_BASE[0]! && !this.#whole) {
      block--;
      while (v < BLOCK_BASE[block]!) block--;
      // A tiny surplus undoes the rounding of the power below one: 0.29 belongs to bin 0.29, not 0.28.
      bin = Math.min(BINS_PER_DECADE, Math.floor((v * 10) / BLOCK_BASE[block]! + 1e-9) - 9);
    }
    let cells = this.#blocks[block]!;
    if (cells.length === 0) cells = this.#grow(block);
    cells[bin]! += 1;
  }

  #grow(block: number): Uint32Array {
    if (this.#blocks === NO_BLOCKS) this.#blocks = NO_BLOCKS.slice();
    const cells = this.#store.newBlock(this.#stat, block);
    this.#blocks[block] = cells;
    return cells;
  }
}

/** One whose every value is wanted. */
class ValueHistogram extends ThreadHistogram {
  readonly #ring: ValueRing;
  readonly #number: number;
  readonly #integers: boolean;

  constructor(store: StatsStore, stat: number, whole: boolean, ring: ValueRing) {
    super(store, stat, whole);
    this.#ring = ring;
    this.#number = stat;
    this.#integers = whole;
  }

  override record(value: number): void {
    super.record(value);
    this.#ring.push(this.#number, this.#integers ? Math.floor(value) : value);
  }
}

class ThreadText implements TextReadout {
  readonly #store: StatsStore;
  readonly #stat: number;
  #text: string | null = null;

  constructor(store: StatsStore, stat: number) {
    this.#store = store;
    this.#stat = stat;
  }

  set(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    this.#store.setText(this.#stat, text);
  }
}
