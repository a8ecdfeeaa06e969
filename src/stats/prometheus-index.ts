/**
 * Which series a scrape writes, in the order in which it writes them: all of a metric together, metrics by their names. Made at the first scrape and kept until
 * there are new series.
 */
import type { StatsAggregate } from './aggregate.ts';
import { type StatsQuery, selects } from './query.ts';
import type { Series } from './series.ts';
import type { ExtractedName, Tag } from './tag-extractor.ts';

export interface Metric {
  readonly name: string;
  readonly kind: Series['kind'];
  /** Its series are those with a rank in [start, end). */
  readonly start: number;
  readonly end: number;
  /** Of kinds that are more than a number; empty for the others. */
  readonly series: readonly Series[];
}

interface NewMetric {
  readonly name: string;
  readonly kind: Series['kind'];
  /** Dotted name without tag values: Envoy sorts metrics by it. */
  readonly sortKey: string;
  readonly series: Series[];
  start: number;
  count: number;
}

/** Envoy's order. */
const KINDS: readonly Series['kind'][] = ['counter', 'gauge', 'text', 'histogram'];
/** Series that are looked at before others may run. */
const PASS = 256;
const NO_LABELS: Uint8Array = Buffer.alloc(0);
/** Instead of the value of a series that is not to be shown. */
const NOT_SELECTED = Number.NaN;

const indexes = new WeakMap<StatsAggregate, PrometheusIndex>();

/** Yields '' now and then while it makes one, so that others may run. */
export function* prometheusIndex(stats: StatsAggregate): Generator<'', PrometheusIndex> {
  const cursor = stats.cursor();
  const { version } = stats;
  let index = indexes.get(stats);
  if (index?.version === version) return index;
  const metrics = new Map<string, NewMetric>();
  const order: Series[] = [];
  const metricOf: NewMetric[] = [];
  for (let series = cursor.next(); series !== null; series = cursor.next()) {
    if (order.length % PASS === PASS - 1) yield '';
    const { kind } = series;
    const name = metricName(stats, series);
    // Most metrics are of one kind, and most names need no string of their own.
    const key = metrics.get(name)?.kind === kind ? name : `${name}\n${kind}`;
    let metric = metrics.get(key);
    if (metric === undefined) {
      metric = { name, kind, sortKey: nameOf(stats, series).name, series: [], start: 0, count: 0 };
      metrics.set(metrics.has(name) ? key : name, metric);
    }
    if (kind === 'histogram' || kind === 'text') metric.series.push(series);
    metric.count++;
    order.push(series);
    metricOf.push(metric);
  }
  index = yield* ranked(version, order, metricOf, [...metrics.values()].sort(inOrder));
  indexes.set(stats, index);
  return index;
}

function inOrder(a: NewMetric, b: NewMetric): number {
  return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || (a.sortKey < b.sortKey ? -1 : a.sortKey > b.sortKey ? 1 : 0);
}

function* ranked(
  version: number,
  order: readonly Series[],
  metricOf: readonly NewMetric[],
  metrics: readonly NewMetric[],
): Generator<'', PrometheusIndex> {
  let start = 0;
  for (const metric of metrics) {
    metric.start = start;
    start += metric.count;
  }
  const ends = metrics.map(({ name, kind, start, count, series }): Metric => ({ name, kind, start, end: start + count, series }));
  const rank = new Uint32Array(order.length);
  const labels = new Array<Uint8Array>(order.length).fill(NO_LABELS);
  for (let i = 0; i < order.length; i++) {
    if (i % PASS === PASS - 1) yield '';
    const at = metricOf[i]!.start++;
    rank[i] = at;
    labels[at] = order[i]!.labels!;
  }
  return new PrometheusIndex(version, ends, order, rank, labels);
}

export class PrometheusIndex {
  /** Of the aggregate when this was made. */
  readonly version: number;
  readonly metrics: readonly Metric[];
  /** By rank. */
  readonly labels: readonly Uint8Array[];
  /** By full name: that is where they lie in memory too, and looking them up metric by metric would miss the caches each time. */
  readonly #order: readonly Series[];
  readonly #rank: Uint32Array;

  constructor(version: number, metrics: readonly Metric[], order: readonly Series[], rank: Uint32Array, labels: readonly Uint8Array[]) {
    this.version = version;
    this.metrics = metrics;
    this.labels = labels;
    this.#order = order;
    this.#rank = rank;
  }

  /** @returns by rank the value (0 for what is more than a number), NaN for series that the query does not select. Yields '' as above. */
  *values(query: StatsQuery): Generator<'', Float64Array> {
    const order = this.#order;
    const rank = this.#rank;
    const values = new Float64Array(order.length);
    for (let start = 0; start < order.length; start += PASS) {
      if (start > 0) yield '';
      readValues(order, rank, start, Math.min(order.length, start + PASS), query, values);
    }
    return values;
  }
}

function readValues(
  order: readonly Series[],
  rank: Uint32Array,
  start: number,
  end: number,
  query: StatsQuery,
  values: Float64Array,
): void {
  for (let i = start; i < end; i++) {
    const series = order[i]!;
    values[rank[i]!] = selects(query, series) ? series.value() : NOT_SELECTED;
  }
}

/** Names that start so are not Envoy's, and must not look like it: as in Envoy's custom namespaces they get no "envoy_". */
const OWN_NAMESPACE = 'outrider.';
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
  node.labels ??= labelBytes(prefixTags);
  series.labels = extracted.tags === prefixTags ? node.labels : labelBytes(extracted.tags);
  return name;
}

/** Characters outside [a-zA-Z0-9_] become "_": dots first of all. */
function sanitized(text: string): string {
  return text.replace(/[^a-zA-Z0-9_]/g, '_');
}

function labelBytes(tags: readonly Tag[]): Uint8Array {
  return tags.length === 0 ? NO_LABELS : Buffer.from(tags.map((t) => `${sanitized(t.label)}="${escapeLabel(t.value)}"`).join(','));
}

export function escapeLabel(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"') : value;
}
