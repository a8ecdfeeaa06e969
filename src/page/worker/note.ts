/** Makes a note of a request that has ended: what its log entry says, and the numbers of this moment that explain it. */
import type { Cluster, ClusterManager } from '../../cluster/api.ts';
import type { RequestOrigin } from '../../filters/request-watch.ts';
import type { RequestHeaders } from '../../http/header-map.ts';
import { Flag, shortFlags } from '../../http/response-flags.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { HealthFlag } from '../../lb/host.ts';
import type { Resource } from '../../resilience/circuit-breaker.ts';
import { explainMatch } from '../../route/explain.ts';
import type { Route } from '../../route/route.ts';
import { MatchingRouteTable } from '../../route/route-table.ts';
import { ScopedRouteTable } from '../../route/scoped/scoped-routes.ts';
import type { RequestPhases } from '../snapshot.ts';
import type { ClusterFacts, HostsFacts, NoRouteFacts, NotedRequest, RequestFacts, RouteFacts, Use } from './facts.ts';
import { routeIdentity } from './route-identity.ts';

export interface NoteDeps {
  readonly clusters: ClusterManager;
  /** The candidate most like `name`; null = none is. */
  nearest(name: string, candidates: Iterable<string>): string | null;
}

/** Hosts that are looked at for one note. */
const MAX_HOSTS = 512;
const MAX_MISSED = 3;
const MAX_DOMAINS = 1000;
const MAX_TEXT = 256;
export const HOSTS_MATTER = Flag.UH | Flag.LH | Flag.URX;

export function note(
  info: StreamInfo,
  route: Route | null,
  origin: RequestOrigin,
  why: 'failed' | 'slow',
  grpcStatus: number | null,
  deps: NoteDeps,
): NotedRequest {
  const headers = info.requestHeaders;
  const identity = routeIdentity(route);
  const flags = shortFlags(info.flags, info.flagOrder);
  const { connection } = info;
  return {
    wallMs: Math.round(info.startWallMs),
    why,
    durationMs: tenths(info.endMs - info.startMs),
    phases: phases(info),
    listener: connection.listenerName,
    routeConfiguration: identity.routeConfiguration,
    virtualHost: identity.virtualHost,
    route: identity.name === '' ? (route === null ? '' : identity.match) : identity.name,
    cluster: info.upstreamCluster,
    host: info.upstreamHost?.address.text ?? '',
    protocol: info.protocol,
    method: cut(headers?.method),
    authority: cut(headers?.authority),
    path: pathWithoutQuery(headers),
    code: info.responseCode,
    grpcStatus,
    flags: flags === '' ? [] : flags.split(','),
    details: cut(info.responseCodeDetails),
    attempts: info.attemptCount,
    requestId: cut(headers?.get('x-request-id')),
    traceId: info.traceId,
    facts: facts(info, route, origin, deps),
  };
}

function facts(info: StreamInfo, route: Route | null, origin: RequestOrigin, deps: NoteDeps): RequestFacts {
  const headers = info.requestHeaders;
  const noCluster = (info.flags & Flag.NC) !== 0 && route !== null && route.action !== null && headers !== null;
  const cluster = info.upstreamCluster === '' ? null : deps.clusters.get(info.upstreamCluster);
  const timeout = Number(headers?.get('x-envoy-expected-rq-timeout-ms') ?? 0);
  return {
    cluster: cluster === null ? null : clusterFacts(cluster, route, (info.flags & HOSTS_MATTER) !== 0),
    route: route === null || route.action === null ? null : routeFacts(route),
    noRoute: (info.flags & Flag.NR) !== 0 && headers !== null ? noRouteFacts(info, headers, origin, deps) : null,
    missingCluster: noCluster ? cut(route.action!.clusterName(headers, info)) : '',
    timeoutMs: Number.isFinite(timeout) ? timeout : 0,
    streamIdleTimeoutMs: origin.settings.streamIdleTimeoutMs,
    transportFailure: cut(info.upstreamTransportFailureReason),
    bytesReceived: info.bytesReceived,
    bytesSent: info.bytesSent,
    connectionTermination: cut(info.connectionTerminationDetails),
  };
}

export function clusterFacts(cluster: Cluster, route: Route | null, hostsMatter: boolean): ClusterFacts {
  const priority = route?.action?.priority ?? 0;
  const breaker = cluster.circuitBreaker(priority);
  const { settings } = cluster;
  return {
    name: cluster.name,
    priority: priority === 0 ? 'default' : 'high',
    connections: use(breaker.connections),
    pending: use(breaker.pendingRequests),
    requests: use(breaker.requests),
    retries: use(breaker.retries),
    connectionPools: use(breaker.connectionPools),
    retryBudgetPercent: settings.breakers[priority].retryBudget?.budgetPercent ?? null,
    hosts: hostsMatter ? hostsFacts(cluster) : null,
    connectTimeoutMs: settings.connectTimeoutMs,
    dropOverload: cluster.dropOverload,
  };
}

function use(resource: Resource): Use {
  return [resource.count, resource.max];
}

function hostsFacts(cluster: Cluster): HostsFacts {
  let total = 0;
  let healthy = 0;
  let degraded = 0;
  let seen = 0;
  let ejected = 0;
  let failedActiveCheck = 0;
  let failedByEndpoints = 0;
  let unchecked = 0;
  for (const set of cluster.hostSets) {
    total += set.hosts.length;
    healthy += set.healthy.length;
    degraded += set.degraded.length;
    for (const host of set.hosts) {
      if (seen++ >= MAX_HOSTS) break;
      const flags = host.healthFlags;
      if ((flags & HealthFlag.FailedOutlierCheck) !== 0) ejected++;
      if ((flags & HealthFlag.FailedActiveHc) !== 0) failedActiveCheck++;
      if ((flags & HealthFlag.FailedEdsHealth) !== 0) failedByEndpoints++;
      if ((flags & HealthFlag.PendingActiveHc) !== 0) unchecked++;
    }
  }
  return { total, healthy, degraded, ejected, failedActiveCheck, failedByEndpoints, unchecked };
}

function routeFacts(route: Route): RouteFacts {
  const action = route.action!;
  const retry = action.retryPolicy;
  return {
    numRetries: retry?.numRetries ?? 0,
    perTryTimeoutMs: retry?.perTryTimeoutMs ?? 0,
    perTryIdleTimeoutMs: retry?.perTryIdleTimeoutMs ?? 0,
    timeoutMs: action.timeoutMs,
    idleTimeoutMs: action.idleTimeoutMs,
    maxStreamDurationMs: action.maxStreamDurationMs,
  };
}

function noRouteFacts(info: StreamInfo, headers: RequestHeaders, origin: RequestOrigin, deps: NoteDeps): NoRouteFacts {
  const found = origin.routeTable();
  const table = found instanceof ScopedRouteTable ? found.find(headers) : found;
  if (!(table instanceof MatchingRouteTable))
    return { routeConfiguration: table?.name ?? '', virtualHost: '', nearestDomain: '', domains: 0, routes: 0, missed: [] };
  const why = explainMatch(table, headers, info, info.randomValue);
  const domains: string[] = [];
  if (why.virtualHost === '') {
    for (const host of table.virtualHosts) {
      for (const domain of host.settings.domains) if (domains.length < MAX_DOMAINS) domains.push(domain);
    }
  }
  const missed = why.considered.filter(({ missed }) => missed.length > 0);
  return {
    routeConfiguration: table.name,
    virtualHost: why.virtualHost,
    nearestDomain: why.virtualHost === '' ? nearestDomain(headers.authority, domains, deps) : '',
    domains: domains.length,
    routes: missed.length,
    missed: missed
      .slice(0, MAX_MISSED)
      .map(({ index, name, missed }) => `${name === '' ? `route ${index + 1}` : name}: ${missed.join(', ')}`),
  };
}

/** A port is what most often keeps an authority from matching. */
function nearestDomain(authority: string, domains: readonly string[], deps: NoteDeps): string {
  const host = authority.replace(/:\d+$/, '').toLowerCase();
  return (
    domains.find((domain) => domain.replace(/:\d+$/, '') === host) ?? deps.nearest(authority, domains) ?? deps.nearest(host, domains) ?? ''
  );
}

function phases(info: StreamInfo): RequestPhases {
  return {
    requestMs: between(info.startMs, info.lastDownstreamRxMs),
    connectMs: between(info.poolRequestMs, info.poolReadyMs),
    firstByteMs: between(info.firstUpstreamTxMs, info.firstUpstreamRxMs),
    responseMs: between(info.firstUpstreamRxMs, info.lastUpstreamRxMs),
  };
}

function between(from: number, to: number): number | null {
  return from < 0 || to < from ? null : tenths(to - from);
}

export function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}

function pathWithoutQuery(headers: RequestHeaders | null): string {
  const path = headers?.path ?? '';
  const mark = path.search(/[?#]/);
  return cut(mark < 0 ? path : path.slice(0, mark));
}

function cut(text: string | undefined): string {
  return text === undefined ? '' : text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT - 1) + '…';
}
