/** Query parameters of `/stats`, as Envoy reads them. */
import { re2 } from '../runtime/re2.ts';
import type { Series } from './series.ts';

export type StatsFormat = 'text' | 'json' | 'prometheus' | 'html' | 'active-html';
export type HistogramBuckets = 'summary' | 'cumulative' | 'disjoint' | 'detailed';
export type StatsType = 'All' | 'Counters' | 'Gauges' | 'Histograms' | 'TextReadouts';

export interface StatsQuery {
  readonly format: StatsFormat;
  readonly usedOnly: boolean;
  readonly type: StatsType;
  /** null = the default of the format. */
  readonly histogramBuckets: HistogramBuckets | null;
  readonly textReadouts: boolean;
  /** True for the statistics to show. */
  readonly accepts: (fullName: string) => boolean;
}

const FORMATS: Readonly<Record<string, StatsFormat>> = {
  text: 'text',
  json: 'json',
  prometheus: 'prometheus',
  html: 'html',
  'active-html': 'active-html',
  '': 'text',
};
const BUCKETS: Readonly<Record<string, HistogramBuckets | null>> = {
  '': null,
  none: 'summary',
  summary: 'summary',
  cumulative: 'cumulative',
  disjoint: 'disjoint',
  detailed: 'detailed',
};
const TYPES: readonly string[] = ['All', 'Counters', 'Gauges', 'Histograms', 'TextReadouts'];
const KIND_OF: Readonly<Record<StatsType, string>> = {
  All: '',
  Counters: 'counter',
  Gauges: 'gauge',
  Histograms: 'histogram',
  TextReadouts: 'text',
};

/** @returns the query, or the text of a 400 answer */
export function parseStatsQuery(params: URLSearchParams, prometheus: boolean): StatsQuery | string {
  const format = prometheus ? 'prometheus' : FORMATS[params.get('format') ?? 'text'];
  if (format === undefined) return 'usage: /stats?format=(html|active-html|json|prometheus|text)\n\n';
  const buckets = BUCKETS[params.get('histogram_buckets') ?? ''];
  if (buckets === undefined) return 'usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n';
  if (format === 'prometheus' && (buckets === 'disjoint' || buckets === 'detailed')) return 'unsupported prometheus histogram bucket mode';
  const type = params.get('type') ?? 'All';
  if (!TYPES.includes(type)) return 'invalid &type= param';
  const pattern = params.get('filter') ?? '';
  const matches = compileFilter(pattern);
  if (typeof matches === 'string') return matches;
  const invert = params.has('invert_filter') && pattern !== '';
  return {
    format,
    usedOnly: params.has('usedonly'),
    // Envoy ignores the type in the Prometheus format.
    type: format === 'prometheus' ? 'All' : (type as StatsType),
    histogramBuckets: buckets,
    textReadouts: params.has('text_readouts'),
    accepts: invert ? (name) => !matches(name) : matches,
  };
}

const ANY = (): boolean => true;

/** A partial match that never backtracks; plain text needs no engine. */
export function compileFilter(pattern: string): ((text: string) => boolean) | string {
  if (pattern === '') return ANY;
  if (/^[\w:-]+$/.test(pattern)) return (text) => text.includes(pattern);
  try {
    const compiled = re2().RE2JS.compile(pattern);
    return (text) => compiled.matcher(text).find();
  } catch (error) {
    if (!(error instanceof re2().RE2JSException)) throw error;
    return `Invalid re2 regex: ${describe(error, pattern)}`;
  }
}

/** Envoy's library says "missing ): (" where this one says "error parsing regexp: missing closing ): `(`". */
function describe(error: Error, pattern: string): string {
  const text = error.message.replace('error parsing regexp: ', '').replace(/missing closing (?=[)\]])/, 'missing ');
  return text.replace(/`([^`]*)`$/, '$1') || pattern;
}

export function selects(query: StatsQuery, series: Series): boolean {
  const kind = KIND_OF[query.type];
  if (kind !== '' && series.kind !== kind) return false;
  if (query.usedOnly && !series.used()) return false;
  // Most ask for everything, and a name is a string to be made.
  return query.accepts === ANY || query.accepts(series.fullName);
}
