/** `/stats` and what belongs to it. */

import { type ProcessMetrics, startProcessMetrics } from '../stats/process-metrics.ts';
import { writePrometheus } from '../stats/prometheus-writer.ts';
import { parseStatsQuery, type StatsQuery } from '../stats/query.ts';
import { writeJson, writeText } from '../stats/text-writer.ts';
import type { AdminDeps, AdminReply, AdminRequest, Endpoint, EndpointParameter } from './api.ts';
import { HTML, JSON_TYPE, ok, PROTOBUF_TYPE, text } from './reply.ts';
import { ActiveStats, activePage, pagePolicy, statsPage } from './stats-page.ts';

const USED_ONLY: EndpointParameter = { name: 'usedonly', help: 'only statistics that have been written since the start', flag: true };
const FILTER: EndpointParameter = { name: 'filter', help: 'regular expression (RE2) that a part of the name must match' };
const INVERT: EndpointParameter = { name: 'invert_filter', help: 'show what does not match the filter', flag: true };
const HIDDEN: EndpointParameter = { name: 'hidden', help: 'what to do with hidden statistics', values: ['include', 'only', 'exclude'] };

const processMetrics = new WeakMap<AdminDeps, Promise<ProcessMetrics>>();

export const statsEndpoints: readonly Endpoint[] = [
  {
    path: '/reset_counters',
    help: 'reset all counters to zero',
    mutates: true,
    parameters: [],
    handle: (_request, deps) => {
      deps.stats.resetCounters();
      return ok();
    },
  },
  {
    path: '/stats',
    help: 'print server stats',
    mutates: false,
    asksWorkers: true,
    parameters: [
      USED_ONLY,
      FILTER,
      INVERT,
      { name: 'format', help: 'format to use', values: ['html', 'active-html', 'text', 'json'] },
      { name: 'type', help: 'kind of statistics', values: ['All', 'Counters', 'Histograms', 'Gauges', 'TextReadouts'] },
      { name: 'histogram_buckets', help: 'how to show histograms', values: ['cumulative', 'disjoint', 'detailed', 'summary'] },
      HIDDEN,
    ],
    handle: (request, deps) => stats(request, deps, false),
  },
  {
    path: '/stats/prometheus',
    help: 'print server stats in prometheus format',
    mutates: false,
    asksWorkers: true,
    parameters: [
      USED_ONLY,
      { name: 'text_readouts', help: 'show text readouts as gauges of value 0', flag: true },
      FILTER,
      INVERT,
      { name: 'histogram_buckets', help: 'how to show histograms', values: ['cumulative', 'summary', 'prometheusnative'] },
      { name: 'native_histogram_max_buckets', help: 'of one native histogram; 20 if nothing is said' },
      HIDDEN,
    ],
    handle: (request, deps) => stats(request, deps, true),
  },
];

function stats(request: AdminRequest, deps: AdminDeps, prometheus: boolean): AdminReply {
  const query = parseStatsQuery(request.params, prometheus, request.headers.accept);
  if (typeof query === 'string') return text(query, 400);
  deps.flushStats();
  if (query.protobuf) return { status: 200, contentType: PROTOBUF_TYPE, body: protobuf(deps, query) };
  if (query.format === 'prometheus') return text(withProcess(deps, query));
  if (query.format === 'json') return { status: 200, contentType: JSON_TYPE, body: writeJson(deps.stats, query) };
  if (query.format === 'html') return html(statsPage(deps.stats, query, request.params));
  if (query.format === 'active-html') return html(activePage(activeStats(deps), query, request.params, deps.clock.nowMs()));
  return text(writeText(deps.stats, query));
}

function html(body: Iterable<string>): AdminReply {
  return { status: 200, contentType: HTML, headers: pagePolicy(), body };
}

const activeStatsOf = new WeakMap<AdminDeps, ActiveStats>();

/** One memory of what changes, whoever looks. */
function activeStats(deps: AdminDeps): ActiveStats {
  let active = activeStatsOf.get(deps);
  if (active === undefined) {
    active = new ActiveStats(deps.stats);
    activeStatsOf.set(deps, active);
  }
  return active;
}

/** The proxy's own metrics, then those of the Node process, which Envoy does not have. */
async function* withProcess(deps: AdminDeps, query: StatsQuery): AsyncGenerator<string | Uint8Array> {
  yield* writePrometheus(deps.stats, query);
  yield await (await processMetricsOf(deps)).text(query.accepts);
}

async function* protobuf(deps: AdminDeps, query: StatsQuery): AsyncGenerator<string | Uint8Array> {
  const { writeFamilies, writePrometheusProtobuf } = await import('../stats/prometheus-protobuf.ts');
  yield* writePrometheusProtobuf(deps.stats, query);
  yield* writeFamilies(await (await processMetricsOf(deps)).families(query.accepts));
}

function processMetricsOf(deps: AdminDeps): Promise<ProcessMetrics> {
  let metrics = processMetrics.get(deps);
  if (metrics === undefined) {
    metrics = startProcessMetrics(() => deps.threads());
    processMetrics.set(deps, metrics);
  }
  return metrics;
}

/** Envoy counts look-ups of names in its symbol table. Names are never looked up here after a statistic is made, so there is nothing to count. */
export function recentLookups(): readonly Endpoint[] {
  let enabled = false;
  const change = (path: string, help: string, act: () => void): Endpoint => ({
    path,
    help,
    mutates: true,
    parameters: [],
    handle: () => {
      act();
      return ok();
    },
  });
  return [
    {
      path: '/stats/recentlookups',
      help: 'show recent look-ups of statistic names',
      mutates: false,
      parameters: [],
      handle: () =>
        text(
          enabled
            ? '   Count Lookup\n\ntotal: 0\n'
            : 'Lookup tracking is not enabled. Use /stats/recentlookups/enable to enable.\n\ntotal: 0\n',
        ),
    },
    change('/stats/recentlookups/clear', 'clear the list of look-ups', () => undefined),
    change('/stats/recentlookups/disable', 'stop recording look-ups', () => {
      enabled = false;
    }),
    change('/stats/recentlookups/enable', 'record look-ups', () => {
      enabled = true;
    }),
  ];
}
