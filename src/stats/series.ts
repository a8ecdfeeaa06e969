/** The control thread's view of statistics: a tree of name segments whose leaves are series, each the sum of its cells in every thread. */
import type { StatKind, StatUnit } from './announcement.ts';
import { BINS_PER_DECADE, BinCounts } from './histogram-bins.ts';
import type { ExtractedPrefix, TagExtractor } from './tag-extractor.ts';

/** One thread's memory of a series. */
export class Source {
  readonly thread: number;
  next: Source | null;
  readonly cells: Float64Array | null;
  readonly index: number;
  /** Histograms: bins by decade, and their counts when last looked at. */
  readonly blocks: SourceBlock[];
  constructor(thread: number, cells: Float64Array | null, index: number, next: Source | null) {
    this.thread = thread;
    this.cells = cells;
    this.index = index;
    this.blocks = cells === null ? [] : NO_BLOCKS;
    this.next = next;
  }
}

interface SourceBlock {
  readonly block: number;
  readonly bins: Uint32Array;
  readonly seen: Uint32Array;
}

const NO_BLOCKS: SourceBlock[] = [];

export class Series {
  readonly node: StatNode;
  readonly name: string;
  readonly kind: StatKind;
  readonly unit: StatUnit;
  /** Linked list; most series live in one or two threads. */
  sources: Source | null = null;
  /** Counters: what threads that are gone counted, less what `reset` took away. */
  base = -0;
  text: string | null = null;
  counts: HistogramCounts | null = null;
  /** Filled when first shown to Prometheus. */
  metric: string | null = null;
  labels: Uint8Array | null = null;

  constructor(node: StatNode, name: string, kind: StatKind, unit: StatUnit) {
    this.node = node;
    this.name = name;
    this.kind = kind;
    this.unit = unit;
  }

  get fullName(): string {
    return this.node.prefix + this.name;
  }

  value(): number {
    let sum = this.base;
    for (let s = this.sources; s !== null; s = s.next) if (s.cells !== null) sum += s.cells[s.index]!;
    return sum;
  }

  /** Written since the start, even if its value is back to 0. */
  used(): boolean {
    if (this.kind === 'text') return this.text !== null && this.text !== '';
    if (this.kind === 'histogram') return this.collect().cumulative.total > 0;
    if (!Object.is(this.base, -0)) return true;
    for (let s = this.sources; s !== null; s = s.next) if (s.cells !== null && !Object.is(s.cells[s.index], -0)) return true;
    return false;
  }

  /** Takes over what the threads recorded since the last call. */
  collect(): HistogramCounts {
    this.counts ??= new HistogramCounts();
    for (let s = this.sources; s !== null; s = s.next) {
      for (const b of s.blocks) {
        for (let i = 0; i <= BINS_PER_DECADE; i++) {
          // Modular: the 4-byte bins may wrap, but not twice between two collections.
          const recorded = (b.bins[i]! - b.seen[i]!) >>> 0;
          if (recorded === 0) continue;
          b.seen[i] = b.bins[i]!;
          this.counts.record(i === 0 ? 0 : b.block * BINS_PER_DECADE + i, recorded);
        }
      }
    }
    return this.counts;
  }

  /** A thread is gone: counts stay, its share of gauges goes. */
  retire(thread: number): void {
    if (this.kind === 'histogram') this.collect();
    let before: Source | null = null;
    for (let s = this.sources; s !== null; s = s.next) {
      if (s.thread !== thread) {
        before = s;
        continue;
      }
      if (this.kind === 'counter' && s.cells !== null) this.base += s.cells[s.index]!;
      // Unlinked in place: the other threads' announcements refer to the very objects of the list.
      if (before === null) this.sources = s.next;
      else before.next = s.next;
    }
  }

  reset(): void {
    const value = this.value();
    if (value !== 0) this.base -= value;
  }
}

export class HistogramCounts {
  readonly cumulative = new BinCounts();
  /** The last whole flush interval: what `/stats` calls "interval". */
  interval = new BinCounts();
  #current = new BinCounts();

  record(bin: number, count: number): void {
    this.cumulative.add(bin, count);
    this.#current.add(bin, count);
  }

  flush(): void {
    const old = this.interval;
    this.interval = this.#current;
    old.clear();
    this.#current = old;
  }
}

/** One segment of names. */
export class StatNode {
  /** Full dotted prefix with the closing dot; '' at the root. */
  readonly prefix: string;
  readonly tokens: readonly string[];
  readonly tags: readonly string[];
  /** Children by segment; a tag's value is one segment even if it holds dots. */
  readonly #children = new Map<string, StatNode>();
  #series: Map<string, Series> | null = null;
  #order: readonly (StatNode | Series)[] | null = null;
  #extracted: ExtractedPrefix | null = null;
  /** The labels that this prefix gives to every series below, as Prometheus has them; made when first shown. */
  labels: Uint8Array | null = null;

  constructor(prefix: string, tokens: readonly string[], tags: readonly string[]) {
    this.prefix = prefix;
    this.tokens = tokens;
    this.tags = tags;
  }

  child(token: string, tag: string): StatNode {
    // The same text may be tagged in one place and not in another; they are separate nodes that sort next to each other.
    const key = tag === '' ? token : token + '\n' + tag;
    let node = this.#children.get(key);
    if (node === undefined) {
      node = new StatNode(this.prefix + token + '.', [...this.tokens, token], [...this.tags, tag]);
      this.#children.set(key, node);
      this.#order = null;
    }
    return node;
  }

  /** The child of that name and tag, if there is one. */
  known(token: string, tag: string): StatNode | null {
    return this.#children.get(tag === '' ? token : token + '\n' + tag) ?? null;
  }

  get children(): IterableIterator<StatNode> {
    return this.#children.values();
  }

  /** Of its own series the first of that name, whatever its kind; null = there is none. */
  named(name: string): Series | null {
    return this.#series?.get(name) ?? null;
  }

  series(name: string, kind: StatKind, unit: StatUnit): Series {
    this.#series ??= new Map();
    let series = this.#series.get(name);
    if (series !== undefined && series.kind === kind) return series;
    if (series === undefined) {
      series = new Series(this, name, kind, unit);
      this.#series.set(name, series);
    } else {
      // Envoy keeps a name once per kind.
      const key = name + '\n' + kind;
      series = this.#series.get(key) ?? new Series(this, name, kind, unit);
      this.#series.set(key, series);
    }
    this.#order = null;
    return series;
  }

  /** Children and series such that a walk visits full names in the order of their characters. */
  get order(): readonly (StatNode | Series)[] {
    if (this.#order === null) {
      const keyed: { key: string; entry: StatNode | Series }[] = [];
      // The dot takes part in the comparison: "a-b.x" sorts before "a.x".
      for (const node of this.#children.values()) keyed.push({ key: node.tokens[node.tokens.length - 1]! + '.', entry: node });
      if (this.#series !== null) for (const [name, series] of this.#series) keyed.push({ key: name, entry: series });
      keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
      this.#order = keyed.map((k) => k.entry);
    }
    return this.#order;
  }

  extracted(extractor: TagExtractor): ExtractedPrefix {
    this.#extracted ??= extractor.prefix(this.tokens, this.tags);
    return this.#extracted;
  }
}

/** Visits all series in order of their names, a few at a time. */
export class SeriesCursor {
  readonly #lists: (readonly (StatNode | Series)[])[];
  readonly #at: number[];

  constructor(root: StatNode) {
    this.#lists = [root.order];
    this.#at = [0];
  }

  next(): Series | null {
    for (;;) {
      const depth = this.#lists.length - 1;
      if (depth < 0) return null;
      const entry = this.#lists[depth]![this.#at[depth]!++];
      if (entry === undefined) {
        this.#lists.pop();
        this.#at.pop();
      } else if (entry instanceof Series) return entry;
      else {
        this.#lists.push(entry.order);
        this.#at.push(0);
      }
    }
  }
}
