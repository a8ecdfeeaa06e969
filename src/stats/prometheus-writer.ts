/**
 * The Prometheus text format as Envoy writes it. A writer of our own, since it must stream, merge several threads' cells and keep Envoy's
 * `name{} 5`; docs/decisions/ has the numbers. Yields pieces like text-writer.ts.
 */
import type { StatsAggregate } from './aggregate.ts';
import { SUPPORTED_QUANTILES } from './histogram-bins.ts';
import { LineBuffer, NUMBER_ROOM, textRoom } from './line-buffer.ts';
import { escapeLabel, type Metric, type PrometheusIndex, prometheusIndex } from './prometheus-index.ts';
import type { StatsQuery } from './query.ts';
import type { Series } from './series.ts';

/** Envoy writes no HELP; what it does not have needs one. */
const OWN_HELP: Readonly<Record<string, string>> = {
  outrider_thread_event_loop_delay: 'How late timers of the thread came, in milliseconds.',
  outrider_thread_gc_pause: "The thread's garbage collections, in milliseconds.",
};
/** Series that are looked at before others may run: few of them may be selected. */
const PASS = 256;
const [CLOSE, SPACE, COMMA] = [0x7d, 0x20, 0x2c];
const NOTHING: Uint8Array = Buffer.alloc(0);

/** @returns pieces of the answer, each good until the next one is asked for; '' = nothing yet */
export function* writePrometheus(stats: StatsAggregate, query: StatsQuery): Generator<Uint8Array | ''> {
  const index = yield* prometheusIndex(stats);
  const out = new LineBuffer();
  const writer = new MetricWriter(index, yield* index.values(query), out);
  const scalars = new ScalarLines(out);
  const texts = query.textReadouts ? new TextLines(out) : null;
  const summary = query.histogramBuckets === 'summary';
  const histograms = summary ? new SummaryLines(out) : new HistogramLines(out, stats);
  const [histogramType, linesOf] = [
    summary ? 'summary' : 'histogram',
    { counter: scalars, gauge: scalars, text: texts, histogram: histograms },
  ];
  for (const metric of index.metrics) {
    const { kind } = metric;
    const lines = linesOf[kind];
    if (lines === null) continue;
    writer.begin(metric, kind === 'histogram' ? histogramType : kind === 'text' ? 'gauge' : kind, lines);
    while (writer.step()) yield out.full ? out.take() : '';
  }
  yield out.take();
}

/** Lines of one series of a metric. */
abstract class SeriesLines {
  protected readonly out: LineBuffer;

  constructor(out: LineBuffer) {
    this.out = out;
  }

  /** What all lines of the metric start with can be made here. */
  abstract begin(name: string): void;
  /** Bytes that a series needs at most. @param series null for a number */
  abstract room(labels: Uint8Array, series: Series | null): number;
  abstract write(labels: Uint8Array, value: number, series: Series | null): void;

  /** @param start the line up to its first label */
  protected scalar(start: Uint8Array, labels: Uint8Array, value: number): void {
    const { out } = this;
    out.add(start);
    if (labels.length > 0) out.add(labels);
    out.byte(CLOSE);
    out.byte(SPACE);
    out.integer(value);
    out.newline();
  }

  protected labelled(start: Uint8Array, labels: Uint8Array): void {
    const { out } = this;
    out.add(start);
    if (labels.length === 0) return;
    out.add(labels);
    out.byte(COMMA);
  }
}

/** One metric after the other, as much of it as there is room for. */
class MetricWriter {
  readonly #labels: readonly Uint8Array[];
  readonly #values: Float64Array;
  readonly #out: LineBuffer;
  #metric: Metric | null;
  #at: number;
  #lines: SeriesLines | null;
  /** TYPE and HELP; '' when they are written, which they are not for a metric without a selected series. */
  #head: string;

  constructor(index: PrometheusIndex, values: Float64Array, out: LineBuffer) {
    this.#labels = index.labels;
    this.#values = values;
    this.#out = out;
    this.#metric = null;
    this.#at = 0;
    this.#lines = null;
    this.#head = '';
  }

  begin(metric: Metric, type: string, lines: SeriesLines): void {
    const { name } = metric;
    const help = OWN_HELP[name];
    this.#head = `${help === undefined ? '' : `# HELP ${name} ${help}\n`}# TYPE ${name} ${type}\n`;
    this.#metric = metric;
    this.#at = metric.start;
    this.#lines = lines;
    lines.begin(name);
  }

  /** @returns false when the metric is done */
  step(): boolean {
    const { start, end, series } = this.#metric!;
    const lines = this.#lines!;
    const out = this.#out;
    const values = this.#values;
    const until = Math.min(end, this.#at + PASS);
    for (; this.#at < until; this.#at++) {
      const value = values[this.#at]!;
      if (Number.isNaN(value)) continue;
      const labels = this.#labels[this.#at]!;
      const one = series.length === 0 ? null : series[this.#at - start]!;
      if (!out.fits(textRoom(this.#head) + lines.room(labels, one))) return true;
      if (this.#head !== '') {
        out.text(this.#head);
        this.#head = '';
      }
      lines.write(labels, value, one);
    }
    return this.#at < end;
  }
}

class ScalarLines extends SeriesLines {
  #start: Uint8Array = NOTHING;

  override begin(name: string): void {
    this.#start = Buffer.from(`${name}{`);
  }

  override room(labels: Uint8Array): number {
    return this.#start.length + labels.length + NUMBER_ROOM;
  }

  override write(labels: Uint8Array, value: number): void {
    this.scalar(this.#start, labels, value);
  }
}

class TextLines extends SeriesLines {
  #start: Uint8Array = NOTHING;
  #end = '';

  override begin(name: string): void {
    this.#start = Buffer.from(`${name}{`);
  }

  override room(labels: Uint8Array, series: Series | null): number {
    this.#end = `text_value="${escapeLabel(series!.text ?? '')}"} 0\n`;
    return this.#start.length + labels.length + 1 + textRoom(this.#end);
  }

  override write(labels: Uint8Array): void {
    this.labelled(this.#start, labels);
    this.out.text(this.#end);
  }
}

/** What lines of histograms with the same bounds have in common is made once. */
class HistogramLines extends SeriesLines {
  readonly #stats: StatsAggregate;
  #bounds: readonly number[] = [];
  /** `le="0.5"} ` and so on, the last one for infinity. */
  #ends: Uint8Array[] = [];
  /** The same with a zero and the line's end. */
  #zeros: Uint8Array[] = [];
  #endBytes = 0;
  #bucket: Uint8Array = NOTHING;
  #sum: Uint8Array = NOTHING;
  #count: Uint8Array = NOTHING;

  constructor(out: LineBuffer, stats: StatsAggregate) {
    super(out);
    this.#stats = stats;
  }

  override begin(name: string): void {
    this.#bucket = Buffer.from(`${name}_bucket{`);
    this.#sum = Buffer.from(`${name}_sum{`);
    this.#count = Buffer.from(`${name}_count{`);
  }

  override room(labels: Uint8Array, series: Series | null): number {
    const bounds = this.#stats.buckets(series!);
    if (bounds !== this.#bounds || this.#ends.length === 0) {
      this.#bounds = bounds;
      const ends = [...bounds.map((bound) => `le="${bound}"} `), 'le="+Inf"} '];
      this.#ends = ends.map((end) => Buffer.from(end));
      this.#zeros = ends.map((end) => Buffer.from(`${end}0\n`));
      this.#endBytes = this.#ends.reduce((sum, end) => sum + end.length, 0);
    }
    // Sum and count are two lines more.
    return (this.#bucket.length + labels.length + 2 * NUMBER_ROOM) * (this.#ends.length + 2) + this.#endBytes;
  }

  override write(labels: Uint8Array, _value: number, series: Series | null): void {
    const { cumulative } = series!.collect();
    const { total } = cumulative;
    const counts = total === 0 ? null : cumulative.cumulative(this.#bounds);
    for (let i = 0; i < this.#ends.length; i++) {
      const count = counts === null ? 0 : (counts[i] ?? total);
      this.labelled(this.#bucket, labels);
      if (count === 0) this.out.add(this.#zeros[i]!);
      else {
        this.out.add(this.#ends[i]!);
        this.out.integer(count);
        this.out.newline();
      }
    }
    this.out.add(this.#sum);
    this.out.add(labels);
    this.out.text(`} ${total === 0 ? 0 : cumulative.sum()}\n`);
    this.scalar(this.#count, labels, total);
  }
}

/** Quantiles of the last flush interval: of all time they would say little to a scraper. */
class SummaryLines extends SeriesLines {
  #name = '';

  override begin(name: string): void {
    this.#name = name;
  }

  override room(labels: Uint8Array): number {
    return (textRoom(this.#name) + labels.length + 3 * NUMBER_ROOM) * (SUPPORTED_QUANTILES.length + 2);
  }

  override write(labels: Uint8Array, _value: number, series: Series | null): void {
    const { interval } = series!.collect();
    const { out } = this;
    const values = interval.quantiles(SUPPORTED_QUANTILES);
    for (let i = 0; i < values.length; i++) {
      out.text(`${this.#name}{`);
      out.add(labels);
      out.text(`${labels.length === 0 ? '' : ','}quantile="${SUPPORTED_QUANTILES[i]}"} ${Number.isNaN(values[i]!) ? 'nan' : values[i]}\n`);
    }
    out.text(`${this.#name}_sum{`);
    out.add(labels);
    out.text(`} ${interval.sum()}\n${this.#name}_count{`);
    out.add(labels);
    out.text(`} ${interval.total}\n`);
  }
}
