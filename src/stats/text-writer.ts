/**
 * `/stats` as text and JSON: generators of small pieces, so that the caller decides how many leave in one turn. A piece is good until the next one is asked
 * for; '' means "nothing yet".
 */
import type { StatsAggregate } from './aggregate.ts';
import { type BinCounts, binLower, binWidth, SUPPORTED_QUANTILES } from './histogram-bins.ts';
import { integer } from './integer.ts';
import { LineBuffer, NUMBER_ROOM, textRoom } from './line-buffer.ts';
import { type StatsQuery, selects } from './query.ts';
import type { Series } from './series.ts';

const QUANTILE_NAMES = SUPPORTED_QUANTILES.map((q) => `P${Number((q * 100).toPrecision(4))}`);
/** How many series are passed over before the caller gets its turn. */
const PASS = 64;
const [COLON, SPACE] = [0x3a, 0x20];

type Kinds = (series: Series) => boolean;
const isText: Kinds = (s) => s.kind === 'text';
const isScalar: Kinds = (s) => s.kind === 'counter' || s.kind === 'gauge';
const isHistogram: Kinds = (s) => s.kind === 'histogram';

type Pieces = Generator<Uint8Array | ''>;

export function* writeText(stats: StatsAggregate, query: StatsQuery): Pieces {
  const out = new LineBuffer();
  const { texts, scalars, histograms } = wanted(query);
  if (texts) for (const s of selected(stats, query, isText)) yield* put(out, s === null ? '' : `${s.fullName}: "${s.text ?? ''}"\n`);
  const later: Series[] = [];
  if (scalars) yield* scalarLines(stats, query, out, histograms ? later : null);
  else if (histograms) yield* collected(stats, query, isHistogram, later);
  for (const series of later) yield* put(out, histogramText(stats, query, series));
  yield out.take();
}

function wanted({ type }: StatsQuery): { readonly texts: boolean; readonly scalars: boolean; readonly histograms: boolean } {
  const all = type === 'All';
  return {
    texts: all || type === 'TextReadouts',
    scalars: all || type === 'Counters' || type === 'Gauges',
    histograms: all || type === 'Histograms',
  };
}

/** Selected series of some kinds in order of their names; null now and then. */
function* selected(stats: StatsAggregate, query: StatsQuery, kinds: Kinds): Generator<Series | null> {
  const cursor = stats.cursor();
  let passed = 0;
  for (let series = cursor.next(); series !== null; series = cursor.next()) {
    if (kinds(series) && selects(query, series)) yield series;
    if (++passed % PASS === 0) yield null;
  }
}

function* collected(stats: StatsAggregate, query: StatsQuery, kinds: Kinds, into: Series[]): Generator<''> {
  for (const series of selected(stats, query, kinds)) {
    if (series === null) yield '';
    else into.push(series);
  }
}

/** @param text '' = nothing, but a chance for others */
function* put(out: LineBuffer, text: string): Pieces {
  if (text === '') yield '';
  if (!out.fits(textRoom(text))) {
    yield out.take();
    out.fits(textRoom(text));
  }
  out.text(text);
}

/** Nearly all lines: no strings are made for them. @param histograms null = not wanted; else the selected ones are put there, to be shown after the rest */
function* scalarLines(stats: StatsAggregate, query: StatsQuery, out: LineBuffer, histograms: Series[] | null): Pieces {
  const cursor = stats.cursor();
  let passed = 0;
  for (let series = cursor.next(); series !== null; series = cursor.next()) {
    if (++passed % PASS === 0) yield '';
    if (!isScalar(series)) {
      if (histograms !== null && isHistogram(series) && selects(query, series)) histograms.push(series);
      continue;
    }
    if (!selects(query, series)) continue;
    const { prefix } = series.node;
    const room = textRoom(prefix) + textRoom(series.name) + NUMBER_ROOM;
    if (!out.fits(room)) {
      yield out.take();
      out.fits(room);
    }
    out.text(prefix);
    out.text(series.name);
    out.byte(COLON);
    out.byte(SPACE);
    out.integer(series.value());
    out.newline();
  }
}

export function* writeJson(stats: StatsAggregate, query: StatsQuery): Pieces {
  const out = new LineBuffer();
  const { texts, scalars, histograms } = wanted(query);
  let separator = '';
  yield* put(out, '{"stats":[');
  // Envoy's order: text readouts, then counters and gauges together.
  if (texts) {
    for (const s of selected(stats, query, isText)) {
      yield* put(out, s === null ? '' : `${separator}${jsonName(s)}${JSON.stringify(s.text ?? '')}}`);
      if (s !== null) separator = ',';
    }
  }
  if (scalars) {
    for (const s of selected(stats, query, isScalar)) {
      yield* put(out, s === null ? '' : `${separator}${jsonName(s)}${integer(s.value())}}`);
      if (s !== null) separator = ',';
    }
  }
  if (histograms) for (const piece of histogramsJson(stats, query, separator)) yield* put(out, piece);
  yield* put(out, ']}');
  yield out.take();
}

/** An object up to the value. */
function jsonName(series: Series): string {
  return `{"name":${JSON.stringify(series.fullName)},"value":`;
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
  // Native histograms are refused for this format.
  const mode = query.histogramBuckets === 'prometheusnative' ? 'summary' : (query.histogramBuckets ?? 'summary');
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
