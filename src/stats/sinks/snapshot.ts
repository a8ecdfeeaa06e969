/** What sinks get at the end of a flush interval: every statistic that has been written, with what its counter grew by. */
import type { StatsAggregate } from '../aggregate.ts';
import type { Series } from '../series.ts';
import type { ExtractedName, Tag } from '../tag-extractor.ts';

export interface CounterSample {
  readonly stat: SinkStat;
  readonly value: number;
  /** Since the last interval. */
  readonly delta: number;
}

export interface GaugeSample {
  readonly stat: SinkStat;
  readonly value: number;
}

export interface StatsSnapshot {
  /** Clock.wallMs() when it was taken, and when the one before was. */
  readonly wallMs: number;
  readonly lastWallMs: number;
  readonly counters: readonly CounterSample[];
  readonly gauges: readonly GaugeSample[];
  readonly histograms: readonly SinkStat[];
}

/** A series with what sinks need of it again and again. */
export class SinkStat {
  readonly series: Series;
  readonly extracted: ExtractedName;
  /** Of a counter, at the end of the last interval. */
  latched: number;
  #sorted: readonly Tag[] | null;

  constructor(series: Series, extracted: ExtractedName) {
    this.series = series;
    this.extracted = extracted;
    this.latched = 0;
    this.#sorted = null;
  }

  /** By label. */
  get sortedTags(): readonly Tag[] {
    const { tags } = this.extracted;
    this.#sorted ??= tags.length < 2 ? tags : [...tags].sort((a, b) => (a.label < b.label ? -1 : 1));
    return this.#sorted;
  }
}

export class SnapshotTaker {
  readonly #stats: StatsAggregate;
  readonly #known = new Map<Series, SinkStat>();
  #lastWallMs: number;

  /** @param wallMs of now */
  constructor(stats: StatsAggregate, wallMs: number) {
    this.#stats = stats;
    this.#lastWallMs = wallMs;
  }

  stat(series: Series): SinkStat {
    let stat = this.#known.get(series);
    if (stat === undefined) {
      const { extractor } = this.#stats;
      stat = new SinkStat(series, extractor.name(series.node.prefix, series.node.extracted(extractor), series.name));
      this.#known.set(series, stat);
    }
    return stat;
  }

  /** Yields now and then, so that others may run. */
  *take(wallMs: number): Generator<null, StatsSnapshot> {
    const counters: CounterSample[] = [];
    const gauges: GaugeSample[] = [];
    const histograms: SinkStat[] = [];
    const cursor = this.#stats.cursor();
    let passed = 0;
    for (let series = cursor.next(); series !== null; series = cursor.next()) {
      if (++passed % 64 === 0) yield null;
      if (series.kind === 'text' || !series.used()) continue;
      const stat = this.stat(series);
      if (series.kind === 'histogram') histograms.push(stat);
      else {
        const value = series.value() + 0;
        if (series.kind === 'gauge') gauges.push({ stat, value });
        else {
          // `/reset_counters` takes back what was counted: a counter never goes down for a sink.
          counters.push({ stat, value, delta: Math.max(0, value - stat.latched) });
          stat.latched = value;
        }
      }
    }
    const lastWallMs = this.#lastWallMs;
    this.#lastWallMs = wallMs;
    return { wallMs, lastWallMs, counters, gauges, histograms };
  }
}
