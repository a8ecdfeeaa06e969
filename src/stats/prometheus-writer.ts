/**
 * The Prometheus text format as Envoy writes it. A writer of our own, since it must stream, merge several threads' cells and keep Envoy's
 * `name{} 5`; docs/decisions/ has the numbers. Yields small pieces like text-writer.ts.
 */
import type { StatsAggregate } from './aggregate.ts';
import { SUPPORTED_QUANTILES } from './histogram-bins.ts';
import type { StatsQuery } from './query.ts';
import type { Series } from './series.ts';
import type { ExtractedName, Tag } from './tag-extractor.ts';
import { integer, selected } from './text-writer.ts';

interface Metric {
  /** Dotted name without tag values: Envoy sorts metrics by it. */
  readonly sortKey: string;
  readonly series: Series[];
}

export function* writePrometheus(stats: StatsAggregate, query: StatsQuery): Generator<string> {
  yield* metricsOf(stats, query, (s) => s.kind === 'counter', 'counter', scalarLine);
  yield* metricsOf(stats, query, (s) => s.kind === 'gauge', 'gauge', scalarLine);
  if (query.textReadouts) yield* metricsOf(stats, query, (s) => s.kind === 'text', 'gauge', textLine);
  const summary = query.histogramBuckets === 'summary';
  yield* metricsOf(
    stats,
    query,
    (s) => s.kind === 'histogram',
    summary ? 'summary' : 'histogram',
    summary ? summaryLines : (name, s) => histogramLines(name, s, stats.buckets(s)),
  );
}

/** All series of one metric must stand together, under one TYPE line: they are gathered first, each yield a chance for other work. */
function* metricsOf(
  stats: StatsAggregate,
  query: StatsQuery,
  kinds: (series: Series) => boolean,
  type: string,
  write: (name: string, series: Series) => string,
): Generator<string> {
  const metrics = new Map<string, Metric>();
  let gathered = 0;
  for (const series of selected(stats, query, kinds)) {
    if (series === null) {
      yield '';
      continue;
    }
    const name = metricName(stats, series);
    const metric = metrics.get(name);
    if (metric !== undefined) metric.series.push(series);
    else metrics.set(name, { sortKey: nameOf(stats, series).name, series: [series] });
    if (++gathered % 64 === 0) yield '';
  }
  const sorted = [...metrics].sort((a, b) => (a[1].sortKey < b[1].sortKey ? -1 : a[1].sortKey > b[1].sortKey ? 1 : 0));
  for (const [name, metric] of sorted) {
    const help = OWN_HELP[name];
    if (help !== undefined) yield `# HELP ${name} ${help}\n`;
    yield `# TYPE ${name} ${type}\n`;
    for (const series of metric.series) yield write(name, series);
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

function scalarLine(name: string, series: Series): string {
  return `${name}{${series.labels}} ${integer(series.value())}\n`;
}

function textLine(name: string, series: Series): string {
  const labels = series.labels === '' ? '' : `${series.labels},`;
  return `${name}{${labels}text_value="${escapeLabel(series.text ?? '')}"} 0\n`;
}

function histogramLines(name: string, series: Series, bounds: readonly number[]): string {
  const { cumulative } = series.collect();
  const labels = series.labels === '' ? '' : `${series.labels},`;
  const counts = cumulative.cumulative(bounds);
  let out = '';
  for (let i = 0; i < bounds.length; i++) out += `${name}_bucket{${labels}le="${bounds[i]}"} ${counts[i]}\n`;
  out += `${name}_bucket{${labels}le="+Inf"} ${cumulative.total}\n`;
  out += `${name}_sum{${series.labels}} ${cumulative.sum()}\n`;
  return out + `${name}_count{${series.labels}} ${cumulative.total}\n`;
}

/** Quantiles of the last flush interval: of all time they would say little to a scraper. */
function summaryLines(name: string, series: Series): string {
  const { interval } = series.collect();
  const labels = series.labels === '' ? '' : `${series.labels},`;
  const values = interval.quantiles(SUPPORTED_QUANTILES);
  let out = '';
  SUPPORTED_QUANTILES.forEach((q, i) => {
    out += `${name}{${labels}quantile="${q}"} ${Number.isNaN(values[i]!) ? 'nan' : values[i]}\n`;
  });
  out += `${name}_sum{${series.labels}} ${interval.sum()}\n`;
  return out + `${name}_count{${series.labels}} ${interval.total}\n`;
}
