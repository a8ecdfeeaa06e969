/** All threads' statistics together, on the control thread. */
import { nextTurn } from '../runtime/turn.ts';
import type { StatDefinition, StatsAnnouncement } from './announcement.ts';
import { BINS_PER_DECADE, DEFAULT_BUCKETS } from './histogram-bins.ts';
import { compileNameMatcher, type NameMatcher } from './name-matcher.ts';
import { Series, SeriesCursor, Source, StatNode } from './series.ts';
import { DEFAULT_STATS_SETTINGS, type StatsSettings } from './settings.ts';
import { StatsStore } from './store.ts';
import { TagExtractor } from './tag-extractor.ts';
import { ValueRing } from './value-ring.ts';

/** Histograms a turn: about 5 µs each when used. */
const FLUSH_SLICE = 512;

export class StatsAggregate {
  readonly #root = new StatNode('', [], []);
  readonly #histograms: Series[] = [];
  /** One copy of each leaf name, however many clusters have it. */
  readonly #names = new Map<string, string>();
  #settings: StatsSettings = DEFAULT_STATS_SETTINGS;
  #bucketRules: readonly { readonly matches: NameMatcher; readonly bounds: readonly number[] }[] = [];
  #local: StatsStore | null = null;
  #threads = 0;
  readonly #rings = new Set<ThreadStats>();
  #flushing = false;
  /** Changes whenever a series is new. */
  version = 0;
  /** How names become metric names and labels. */
  extractor = new TagExtractor();

  /** Applies `stats_config`; to be called before anything is shown. Workers' stores get the settings on their own. */
  configure(settings: StatsSettings): void {
    this.#settings = settings;
    this.#bucketRules = settings.buckets.map((b) => ({ matches: compileNameMatcher(b.match), bounds: b.bounds }));
    this.extractor = new TagExtractor(settings.tags, settings.useDefaultTags, settings.overridden);
    this.#local?.configure(settings);
  }

  /** The control thread's own statistics. */
  get local(): StatsStore {
    if (this.#local === null) {
      const thread = this.addThread();
      this.#local = new StatsStore((batch) => thread.accept(batch));
      this.#local.configure(this.#settings);
    }
    return this.#local;
  }

  /** A place for one worker's announcements; `retire` it when the worker is gone. */
  addThread(): ThreadStats {
    return new ThreadStats(this, this.#threads++);
  }

  /** @internal */
  define(thread: number, node: StatNode, definition: StatDefinition, cells: Float64Array | null): { series: Series; source: Source } {
    let name = this.#names.get(definition.name);
    if (name === undefined) {
      name = definition.name;
      this.#names.set(name, name);
    }
    const series = node.series(name, definition.kind, definition.unit);
    if (series.sources === null) this.version++;
    const source = new Source(thread, cells, definition.slot, series.sources);
    if (definition.kind === 'histogram' && series.sources === null && series.counts === null) this.#histograms.push(series);
    series.sources = source;
    return { series, source };
  }

  /** @internal */
  nodeOf(tokens: readonly string[], tags: readonly string[]): StatNode {
    let node = this.#root;
    for (let i = 0; i < tokens.length; i++) node = node.child(tokens[i]!, tags[i]!);
    return node;
  }

  /** All names: for who looks at the same series again and again. */
  get root(): StatNode {
    return this.#root;
  }

  /** Series in the order of their full names. */
  cursor(): SeriesCursor {
    this.#local?.flush();
    return new SeriesCursor(this.#root);
  }

  /** Looks only below prefixes of the name. For what happens rarely: a prefix of 10,000 names is walked. */
  find(fullName: string): Series | null {
    this.#local?.flush();
    return findBelow(this.#root, fullName);
  }

  /** Sum over the threads; null = no such counter or gauge. */
  value(fullName: string): number | null {
    const series = this.find(fullName);
    return series === null || (series.kind !== 'counter' && series.kind !== 'gauge') ? null : series.value();
  }

  buckets(series: Series): readonly number[] {
    if (this.#bucketRules.length > 0) {
      const name = series.fullName;
      for (const rule of this.#bucketRules) if (rule.matches(name)) return rule.bounds;
    }
    return DEFAULT_BUCKETS;
  }

  /**
   * Ends a `stats_flush_interval`: at once for a few histograms, over several turns of the event loop for many. @param done called then
   * @returns false if the last one is not done yet
   */
  flush(done: () => void = () => undefined): boolean {
    this.#local?.flush();
    if (this.#flushing) return false;
    this.#flushing = true;
    this.#flushFrom(0, done);
    return true;
  }

  /** Single values that histograms got since the last call, if the settings say that they are recorded. @returns how many were lost */
  drainValues(each: (series: Series, value: number) => void): number {
    this.#local?.flush();
    let lost = 0;
    for (const thread of this.#rings) lost += thread.drainValues(each);
    return lost;
  }

  #flushFrom(start: number, done: () => void): void {
    const end = Math.min(start + FLUSH_SLICE, this.#histograms.length);
    for (let i = start; i < end; i++) this.#histograms[i]!.collect().flush();
    if (end < this.#histograms.length) void nextTurn().then(() => this.#flushFrom(end, done));
    else {
      this.#flushing = false;
      done();
    }
  }

  resetCounters(): void {
    const cursor = this.cursor();
    for (let s = cursor.next(); s !== null; s = cursor.next()) if (s.kind === 'counter') s.reset();
  }

  /** @internal */
  hasValues(thread: ThreadStats, has: boolean): void {
    if (has) this.#rings.add(thread);
    else this.#rings.delete(thread);
  }

  /** @internal */
  retire(thread: number): void {
    const cursor = this.cursor();
    for (let s = cursor.next(); s !== null; s = cursor.next()) s.retire(thread);
  }
}

function findBelow(node: StatNode, fullName: string): Series | null {
  for (const entry of node.order) {
    if (entry instanceof Series) {
      if (entry.fullName === fullName) return entry;
    } else if (fullName.startsWith(entry.prefix)) {
      const found = findBelow(entry, fullName);
      if (found !== null) return found;
    }
  }
  return null;
}

export class ThreadStats {
  readonly #aggregate: StatsAggregate;
  readonly #thread: number;
  readonly #chunks: SharedArrayBuffer[] = [];
  readonly #cells: Float64Array[] = [];
  readonly #nodes: StatNode[] = [];
  /** Histograms and texts by number: what later announcements refer to. */
  readonly #referable = new Map<number, { series: Series; source: Source }>();
  #count = 0;
  #ring: ValueRing | null = null;
  /** Values of histograms that have not been announced yet: by number of the histogram. */
  #early: (readonly [number, number])[] = [];

  constructor(aggregate: StatsAggregate, thread: number) {
    this.#aggregate = aggregate;
    this.#thread = thread;
  }

  accept(batch: StatsAnnouncement): void {
    for (const chunk of batch.chunks) {
      this.#chunks.push(chunk);
      this.#cells.push(new Float64Array(chunk));
    }
    for (const scope of batch.scopes) this.#nodes.push(this.#aggregate.nodeOf(scope.tokens, scope.tags));
    for (const stat of batch.stats) {
      const cells = stat.chunk < 0 ? null : this.#cells[stat.chunk]!;
      const defined = this.#aggregate.define(this.#thread, this.#nodes[stat.scope]!, stat, cells);
      if (cells === null) this.#referable.set(this.#count, defined);
      this.#count++;
    }
    for (const b of batch.blocks) {
      const bins = new Uint32Array(this.#chunks[b.chunk]!, b.slot * 8, BINS_PER_DECADE + 1);
      this.#referable.get(b.stat)!.source.blocks.push({ block: b.block, bins, seen: new Uint32Array(BINS_PER_DECADE + 1) });
    }
    for (const ring of batch.rings) {
      this.#ring = new ValueRing(ring);
      this.#aggregate.hasValues(this, true);
    }
    for (const t of batch.texts) this.#referable.get(t.stat)!.series.text = t.text;
  }

  /** @internal */
  drainValues(each: (series: Series, value: number) => void): number {
    const early = this.#early;
    this.#early = [];
    const take = (stat: number, value: number) => {
      const found = this.#referable.get(stat);
      // A value can be quicker than the word of its histogram, which is on its way.
      if (found === undefined) this.#early.push([stat, value]);
      else each(found.series, value);
    };
    for (const [stat, value] of early) take(stat, value);
    return this.#ring!.drain(take);
  }

  /** The worker is gone: what it counted stays, its gauges and memory go. */
  retire(): void {
    this.#aggregate.retire(this.#thread);
    this.#aggregate.hasValues(this, false);
    this.#referable.clear();
    this.#chunks.length = 0;
    this.#cells.length = 0;
  }
}
