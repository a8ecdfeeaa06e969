/** `/stats` as text and JSON: generators of small pieces, so that the caller decides how many leave in one turn. '' means "nothing yet". */
import type { StatsAggregate } from './aggregate.ts';
import { type BinCounts, binLower, binWidth, SUPPORTED_QUANTILES } from './histogram-bins.ts';
import { type StatsQuery, selects } from './query.ts';
import type { Series } from './series.ts';

const QUANTILE_NAMES = SUPPORTED_QUANTILES.map((q) => `P${Number((q * 100).toPrecision(4))}`);
/** How many series that are not shown are passed over before the caller gets its turn. */
const PASS = 64;

type Kinds = (series: Series) => boolean;
const isText: Kinds = (s) => s.kind === 'text';
const isScalar: Kinds = (s) => s.kind === 'counter' || s.kind === 'gauge';
const isHistogram: Kinds = (s) => s.kind === 'histogram';

/** Selected series of some kinds in order of their names; null now and then when there was none for a while. */
export function* selected(stats: StatsAggregate, query: StatsQuery, kinds: Kinds): Generator<Series | null> {
  const cursor = stats.cursor();
  let passed = 0;
  for (let series = cursor.next(); series !== null; series = cursor.next()) {
    if (kinds(series) && selects(query, series)) yield series;
    else if (++passed % PASS === 0) yield null;
  }
}

export function* writeText(stats: StatsAggregate, query: StatsQuery): Generator<string> {
  if (query.type === 'All' || query.type === 'TextReadouts')
    for (const s of selected(stats, query, isText)) yield s === null ? '' : `${s.fullName}: "${s.text ?? ''}"\n`;
  if (query.type !== 'Histograms' && query.type !== 'TextReadouts')
    for (const s of selected(stats, query, isScalar)) yield s === null ? '' : `${s.fullName}: ${integer(s.value())}\n`;
  if (query.type === 'All' || query.type === 'Histograms')
    for (const s of selected(stats, query, isHistogram)) yield s === null ? '' : histogramText(stats, query, s);
}

export function* writeJson(stats: StatsAggregate, query: StatsQuery): Generator<string> {
  let separator = '';
  yield '{"stats":[';
  const scalars: Kinds = (s) => s.kind !== 'histogram';
  // Envoy's order: text readouts, then counters and gauges together.
  for (const kinds of [isText, isScalar]) {
    for (const s of query.type === 'Histograms' ? [] : selected(stats, query, (x) => scalars(x) && kinds(x))) {
      if (s === null) yield '';
      else {
        yield `${separator}{"name":${JSON.stringify(s.fullName)},"value":${s.kind === 'text' ? JSON.stringify(s.text ?? '') : integer(s.value())}}`;
        separator = ',';
      }
    }
  }
  if (query.type === 'All' || query.type === 'Histograms') yield* histogramsJson(stats, query, separator);
  yield ']}';
}

/** Counters and gauges are unsigned numbers of 64 bits: one this big is still written out in full, and -1 is 2^64 - 1, as in Envoy. */
export function integer(value: number): string {
  const whole = Math.trunc(value);
  if (whole < 0) return Number.isSafeInteger(whole) ? BigInt.asUintN(64, BigInt(whole)).toString() : '0';
  return Number.isSafeInteger(whole) ? String(whole + 0) : Number.isFinite(whole) ? BigInt(whole).toString() : '0';
}

function histogramText(stats: StatsAggregate, query: StatsQuery, series: Series): string {
  const { cumulative, interval } = series.collect();
  const name = series.fullName;
  switch (query.histogramBuckets) {
    case 'cumulative':
    case 'disjoint': {
      const bounds = stats.buckets(series);
      const disjoint = query.histogramBuckets === 'disjoint';
      const total = bucketCounts(cumulative, bounds, disjoint);
      const last = bucketCounts(interval, bounds, disjoint);
      return `${name}:${bounds.map((b, i) => ` B${shortNumber(b)}(${last[i]},${total[i]})`).join('')}\n`;
    }
    case 'detailed':
      if (cumulative.total === 0) return `${name}: No recorded values\n`;
      return `${name}:\n  totals=${binsText(cumulative)}\n  intervals=${binsText(interval)}\n  summary=${summary(cumulative, interval)}\n`;
    default:
      return cumulative.total === 0 ? `${name}: No recorded values\n` : `${name}: ${summary(cumulative, interval)}\n`;
  }
}

function bucketCounts(counts: BinCounts, bounds: readonly number[], disjoint: boolean): number[] {
  const cumulative = counts.cumulative(bounds);
  return disjoint ? cumulative.map((c, i) => c - (cumulative[i - 1] ?? 0)) : cumulative;
}

function summary(cumulative: BinCounts, interval: BinCounts): string {
  const total = cumulative.quantiles(SUPPORTED_QUANTILES);
  const last = interval.quantiles(SUPPORTED_QUANTILES);
  return QUANTILE_NAMES.map((name, i) => `${name}(${number(last[i]!)},${number(total[i]!)})`).join(' ');
}

function number(value: number): string {
  return Number.isNaN(value) ? 'nan' : String(value);
}

/** Six significant digits as C's %g writes them: 1800000 is "1.8e+06". */
export function shortNumber(value: number): string {
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 6) return String(Number(value.toPrecision(6)));
  const [mantissa, power] = Number(value.toPrecision(6)).toExponential().split('e') as [string, string];
  return `${mantissa}e${power[0]}${power.slice(1).padStart(2, '0')}`;
}

function binsText(counts: BinCounts): string {
  return counts.bins.map((bin, i) => `${binLower(bin)},${binWidth(bin)}:${counts.counts[i]}`).join(', ');
}

function* histogramsJson(stats: StatsAggregate, query: StatsQuery, separator: string): Generator<string> {
  const mode = query.histogramBuckets ?? 'summary';
  const percent = JSON.stringify(SUPPORTED_QUANTILES.map((q) => Number((q * 100).toPrecision(4))));
  let open = `${separator}{"histograms":${mode === 'cumulative' || mode === 'disjoint' ? '[' : mode === 'detailed' ? `{"supported_percentiles":${percent},"details":[` : `{"supported_quantiles":${percent},"computed_quantiles":[`}`;
  const close = mode === 'cumulative' || mode === 'disjoint' ? ']}' : ']}}';
  let any = false;
  for (const series of selected(stats, query, isHistogram)) {
    if (series === null) {
      yield '';
      continue;
    }
    any = true;
    yield open + histogramJson(stats, mode, series);
    open = ',';
  }
  if (any) yield close;
}

function histogramJson(stats: StatsAggregate, mode: 'summary' | 'cumulative' | 'disjoint' | 'detailed', series: Series): string {
  const { cumulative, interval } = series.collect();
  const name = series.fullName;
  if (mode === 'cumulative' || mode === 'disjoint') {
    const bounds = stats.buckets(series);
    const total = bucketCounts(cumulative, bounds, mode === 'disjoint');
    const last = bucketCounts(interval, bounds, mode === 'disjoint');
    return JSON.stringify({ name, buckets: bounds.map((b, i) => ({ upper_bound: b, interval: last[i], cumulative: total[i] })) });
  }
  const values = quantilePairs(cumulative, interval);
  if (mode === 'summary') return JSON.stringify({ name, values });
  return JSON.stringify({ name, totals: binsJson(cumulative), intervals: binsJson(interval), percentiles: values });
}

function quantilePairs(cumulative: BinCounts, interval: BinCounts): object[] {
  const total = cumulative.quantiles(SUPPORTED_QUANTILES);
  const last = interval.quantiles(SUPPORTED_QUANTILES);
  // JSON has no NaN: JSON.stringify writes null, which is what Envoy sends.
  return SUPPORTED_QUANTILES.map((_, i) => ({ cumulative: total[i], interval: last[i] }));
}

function binsJson(counts: BinCounts): object[] {
  return counts.bins.map((bin, i) => ({ lower_bound: binLower(bin), width: binWidth(bin), count: counts.counts[i] }));
}
