/** Query parameters of `/stats`, as Envoy reads them. */
import { re2 } from '../runtime/re2.ts';
import type { Series } from './series.ts';

export type StatsFormat = 'text' | 'json' | 'prometheus' | 'html' | 'active-html';
export type HistogramBuckets = 'summary' | 'cumulative' | 'disjoint' | 'detailed' | 'prometheusnative';
export type StatsType = 'All' | 'Counters' | 'Gauges' | 'Histograms' | 'TextReadouts';

export interface StatsQuery {
  readonly format: StatsFormat;
  readonly usedOnly: boolean;
  readonly type: StatsType;
  /** null = the default of the format. */
  readonly histogramBuckets: HistogramBuckets | null;
  /** With 'prometheusnative': of one histogram at most. */
  readonly nativeMaxBuckets: number;
  readonly textReadouts: boolean;
  /** The Prometheus format as protobuf. */
  readonly protobuf: boolean;
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
  prometheusnative: 'prometheusnative',
};
const HIDDEN: readonly string[] = ['', 'include', 'only', 'exclude'];
const DEFAULT_NATIVE_BUCKETS = 20;
const MAX_UINT32 = 4_294_967_295;
const TYPES: readonly string[] = ['All', 'Counters', 'Gauges', 'Histograms', 'TextReadouts'];
const KIND_OF: Readonly<Record<StatsType, string>> = {
  All: '',
  Counters: 'counter',
  Gauges: 'gauge',
  Histograms: 'histogram',
  TextReadouts: 'text',
};

/** @param accept the `accept` header of a question for the Prometheus format; @returns the query, or the text of a 400 answer. Checks are in Envoy's order. */
export function parseStatsQuery(params: URLSearchParams, prometheus: boolean, accept = ''): StatsQuery | string {
  const pattern = params.get('filter') ?? '';
  const matches = compileFilter(pattern);
  if (typeof matches === 'string') return matches;
  const invert = params.has('invert_filter');
  if (invert && pattern === '') return 'invert_filter can only be used if filter is also provided';
  const buckets = BUCKETS[params.get('histogram_buckets') ?? ''];
  if (buckets === undefined) return 'usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n';
  const nativeMaxBuckets = bucketLimit(params.get('native_histogram_max_buckets') ?? '');
  if (nativeMaxBuckets === null) return 'invalid native_histogram_max_buckets value: must be a positive integer';
  const type = params.get('type') || 'All';
  if (!TYPES.includes(type)) return 'invalid &type= param';
  const hidden = params.get('hidden') ?? '';
  if (!HIDDEN.includes(hidden)) return 'usage: /stats?hidden=(include|only|exclude)\n\n';
  const asked = FORMATS[params.get('format') ?? 'text'];
  if (asked === undefined) return 'usage: /stats?format=(html|active-html|json|prometheus|text)\n\n';
  const format = prometheus ? 'prometheus' : asked;
  const protobuf = format === 'prometheus' && (params.has('prom_protobuf') || prefersProtobuf(accept));
  if (format === 'prometheus' && (buckets === 'disjoint' || buckets === 'detailed')) return 'unsupported prometheus histogram bucket mode';
  if (buckets === 'prometheusnative' && !protobuf)
    return format === 'prometheus'
      ? 'unsupported prometheusnative histogram type when not using protobuf exposition format'
      : 'Invalid histogram_buckets type for non prometheus stats type';
  return {
    format,
    usedOnly: params.has('usedonly'),
    // Envoy ignores the type in the Prometheus format.
    type: format === 'prometheus' ? 'All' : (type as StatsType),
    histogramBuckets: buckets,
    nativeMaxBuckets,
    textReadouts: params.has('text_readouts'),
    protobuf,
    // Envoy hides what only others' sums are made of; there is nothing of the kind here.
    accepts: hidden === 'only' ? NONE : invert ? (name) => !matches(name) : matches,
  };
}

/** @returns null if it is no positive number of 32 bits */
function bucketLimit(text: string): number | null {
  if (text === '') return DEFAULT_NATIVE_BUCKETS;
  if (!/^\s*\+?\d+\s*$/.test(text)) return null;
  const value = Number(text);
  return value > 0 && value <= MAX_UINT32 ? value : null;
}

/** Of the two formats the one that is named first; Envoy looks at no q but ours at "not at all". */
function prefersProtobuf(accept: string): boolean {
  for (const part of accept.split(',')) {
    const [type, ...parameters] = part.split(';').map((piece) => piece.trim());
    if (parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) continue;
    if (type === 'application/vnd.google.protobuf') return true;
    if (type === 'text/plain') return false;
  }
  return false;
}

const NONE = (): boolean => false;
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
