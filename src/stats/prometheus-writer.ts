/**
 * The Prometheus text format as Envoy writes it. A writer of our own, since it must stream, merge several threads' cells and keep Envoy's
 * `name{} 5`; docs/decisions/ has the numbers. Yields small pieces like text-writer.ts.
 */
import type { StatsAggregate } from './aggregate.ts';
import { SUPPORTED_QUANTILES } from './histogram-bins.ts';
import { type StatsQuery, selects } from './query.ts';
import type { Series } from './series.ts';
import type { ExtractedName, Tag } from './tag-extractor.ts';
import { integer } from './text-writer.ts';

interface Metric {
  /** Dotted name without tag values: Envoy sorts metrics by it. */
  readonly sortKey: string;
  readonly series: Series[];
}

type Metrics = Map<string, Metric>;

/** Characters of a piece of the answer, about: a millisecond's work at most. */
const PIECE = 40_000;

/** They are kept in one array, which is used again. */
const PARTS = 8192;

/** Parts of lines, joined when there are enough of them: cheaper than strings of strings, of which there would be several a line. */
class Piece {
  readonly #parts: string[] = new Array<string>(PARTS).fill('');
  #used = 0;
  #chars = 0;

  add(part: string): void {
    this.#parts[this.#used++] = part;
    this.#chars += part.length;
  }

  get full(): boolean {
    // Room for one more series, a histogram with very many bounds perhaps.
    return this.#chars >= PIECE || this.#used > PARTS / 2;
  }

  take(): string {
    this.#parts.fill('', this.#used);
    const text = this.#parts.join('');
    if (this.#parts.length > PARTS) this.#parts.length = PARTS;
    this.#used = 0;
    this.#chars = 0;
    return text;
  }
}

export function* writePrometheus(stats: StatsAggregate, query: StatsQuery): Generator<string> {
  const counters: Metrics = new Map();
  const gauges: Metrics = new Map();
  const texts: Metrics = new Map();
  const histograms: Metrics = new Map();
  const byKind = { counter: counters, gauge: gauges, text: query.textReadouts ? texts : null, histogram: histograms };
  // All series of one metric must stand together, under one TYPE line: they are gathered first, each yield a chance for other work.
  const cursor = stats.cursor();
  let passed = 0;
  for (let series = cursor.next(); series !== null; series = cursor.next()) {
    if (++passed % 64 === 0) yield '';
    const metrics = byKind[series.kind];
    if (metrics === null || !selects(query, series)) continue;
    const name = metricName(stats, series);
    const metric = metrics.get(name);
    if (metric !== undefined) metric.series.push(series);
    else metrics.set(name, { sortKey: nameOf(stats, series).name, series: [series] });
  }
  const piece = new Piece();
  yield* written(counters, 'counter', piece, scalarLine);
  yield* written(gauges, 'gauge', piece, scalarLine);
  yield* written(texts, 'gauge', piece, textLine);
  if (query.histogramBuckets === 'summary') yield* written(histograms, 'summary', piece, summaryLines);
  else {
    const writer = new HistogramLines(stats);
    yield* written(histograms, 'histogram', piece, (to, name, series) => writer.add(to, name, series));
  }
  yield piece.take();
}

function* written(
  metrics: Metrics,
  type: string,
  piece: Piece,
  write: (piece: Piece, name: string, series: Series) => void,
): Generator<string> {
  const sorted = [...metrics].sort((a, b) => (a[1].sortKey < b[1].sortKey ? -1 : a[1].sortKey > b[1].sortKey ? 1 : 0));
  for (const [name, { series }] of sorted) {
    const help = OWN_HELP[name];
    if (help !== undefined) piece.add(`# HELP ${name} ${help}\n`);
    piece.add(`# TYPE ${name} ${type}\n`);
    // Lines of single values have it all in common up to the labels.
    const start = type === 'counter' || type === 'gauge' ? name + '{' : name;
    for (const one of series) {
      write(piece, start, one);
      if (piece.full) yield piece.take();
    }
  }
}

/** Names that start so are not Envoy's, and must not look like it: as in Envoy's custom namespaces they get no "envoy_". */
const OWN_NAMESPACE = 'outrider.';
/** Envoy writes no HELP; what it does not have needs one. */
const OWN_HELP: Readonly<Record<string, string>> = {
  outrider_thread_event_loop_delay: 'How late timers of the thread came, in milliseconds.',
  outrider_thread_gc_pause: "The thread's garbage collections, in milliseconds.",
};

const NAMES = new Map<string, string>();

function nameOf(stats: StatsAggregate, series: Series): ExtractedName {
  return stats.extractor.name(series.node.prefix, series.node.extracted(stats.extractor), series.name);
}

/** The metric's name; the first call computes the labels too. Both are shared between series wherever they are equal. */
function metricName(stats: StatsAggregate, series: Series): string {
  if (series.metric !== null) return series.metric;
  const extracted = nameOf(stats, series);
  let name = NAMES.get(extracted.name);
  if (name === undefined) {
    name = (extracted.name.startsWith(OWN_NAMESPACE) ? '' : 'envoy_') + sanitized(extracted.name);
    NAMES.set(extracted.name, name);
  }
  series.metric = name;
  const { node } = series;
  const prefixTags = node.extracted(stats.extractor).tags;
  if (node.labels === '' && prefixTags.length > 0) node.labels = labelsText(prefixTags);
  series.labels = extracted.tags === prefixTags ? node.labels : labelsText(extracted.tags);
  return name;
}

/** Characters outside [a-zA-Z0-9_] become "_": dots first of all. */
function sanitized(text: string): string {
  return text.replace(/[^a-zA-Z0-9_]/g, '_');
}

function labelsText(tags: readonly Tag[]): string {
  return tags.map((t) => `${sanitized(t.label)}="${escapeLabel(t.value)}"`).join(',');
}

function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"') : value;
}

/** Ends of lines for the numbers that most statistics have. */
const NUMBERS = Array.from({ length: 256 }, (_, i) => `${i}\n`);
const ENDS = NUMBERS.map((number) => `} ${number}`);

function numberLine(value: number): string {
  return NUMBERS[value] ?? `${integer(value)}\n`;
}

function scalarLine(piece: Piece, name: string, series: Series): void {
  const value = series.value();
  piece.add(name);
  piece.add(series.labels!);
  piece.add(ENDS[value] ?? `} ${integer(value)}\n`);
}

function textLine(piece: Piece, name: string, series: Series): void {
  const labels = series.labels === '' ? '' : `${series.labels},`;
  piece.add(`${name}${labels}text_value="${escapeLabel(series.text ?? '')}"} 0\n`);
}

/** What lines of histograms with the same bounds have in common is made once. */
class HistogramLines {
  readonly #stats: StatsAggregate;
  #bounds: readonly number[] = [];
  /** `le="0.5"} ` and so on, the last one for infinity. */
  #ends: string[] = [];
  /** The same with a zero and the line's end. */
  #zeros: string[] = [];

  constructor(stats: StatsAggregate) {
    this.#stats = stats;
  }

  add(piece: Piece, name: string, series: Series): void {
    const bounds = this.#stats.buckets(series);
    if (bounds !== this.#bounds) {
      this.#bounds = bounds;
      this.#ends = [...bounds.map((bound) => `le="${bound}"} `), 'le="+Inf"} '];
      this.#zeros = this.#ends.map((end) => `${end}0\n`);
    }
    const { cumulative } = series.collect();
    const { total } = cumulative;
    const counts = total === 0 ? null : cumulative.cumulative(bounds);
    const start = `${name}_bucket{${series.labels === '' ? '' : `${series.labels},`}`;
    const ends = this.#ends;
    for (let i = 0; i < ends.length; i++) {
      const count = counts === null ? 0 : (counts[i] ?? total);
      piece.add(start);
      if (count === 0) piece.add(this.#zeros[i]!);
      else {
        piece.add(ends[i]!);
        piece.add(numberLine(count));
      }
    }
    piece.add(`${name}_sum{${series.labels}} ${total === 0 ? 0 : cumulative.sum()}\n`);
    piece.add(`${name}_count{${series.labels}} ${total}\n`);
  }
}

/** Quantiles of the last flush interval: of all time they would say little to a scraper. */
function summaryLines(piece: Piece, name: string, series: Series): void {
  const { interval } = series.collect();
  const labels = series.labels === '' ? '' : `${series.labels},`;
  const values = interval.quantiles(SUPPORTED_QUANTILES);
  SUPPORTED_QUANTILES.forEach((q, i) => {
    piece.add(`${name}{${labels}quantile="${q}"} ${Number.isNaN(values[i]!) ? 'nan' : values[i]}\n`);
  });
  piece.add(`${name}_sum{${series.labels}} ${interval.sum()}\n`);
  piece.add(`${name}_count{${series.labels}} ${interval.total}\n`);
}
