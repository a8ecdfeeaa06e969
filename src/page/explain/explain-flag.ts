/** What each response flag means for one request. The flags are those of Envoy's %RESPONSE_FLAGS%. */
import type { ClusterFacts, HostsFacts, NoRouteFacts, NotedRequest, Use } from '../worker/facts.ts';
import { count, counted, duration, list, percent } from './words.ts';

type Explain = (request: NotedRequest, ejectionReasons: readonly string[]) => string;

/** @param flag short name @param ejectionReasons why hosts of its cluster are ejected now */
export function explainFlag(flag: string, request: NotedRequest, ejectionReasons: readonly string[] = []): string {
  return EXPLAIN[flag]?.(request, ejectionReasons) ?? `The response flag ${flag} was set${because(request.details)}.`;
}

const EXPLAIN: Readonly<Record<string, Explain>> = {
  LH: () =>
    'This proxy answered a health check as failed: POST /healthcheck/fail is in force, or too few hosts of the clusters it checks are healthy.',
  UH: ({ facts }, reasons) =>
    facts.cluster?.hosts == null ? 'No host of the cluster could be chosen.' : noHealthyHost(facts.cluster, facts.cluster.hosts, reasons),
  UT: timedOut,
  LR: (request) => `The proxy itself reset the request to ${where(request)}${because(request.details)}.`,
  UR: (request) =>
    request.protocol === 'TCP'
      ? `${capital(where(request))} reset the connection after ${duration(request.durationMs)}; ${count(request.facts.bytesReceived)} bytes had gone there and ${count(request.facts.bytesSent)} had come back.`
      : `${capital(where(request))} reset the request${because(request.details)} after ${taken(request)}.`,
  UF: connectionFailed,
  UC: (request) =>
    `${capital(where(request))} closed the connection before the response was complete, after ${taken(request)}.` +
    (/stale_connection/.test(request.details)
      ? ' The connection had been idle: the host closes idle connections sooner than the proxy does.'
      : ''),
  UO: overflow,
  NR: ({ authority, method, path, facts }) =>
    facts.noRoute === null ? 'No route matches the request.' : noRoute(authority, method, path, facts.noRoute),
  DI: ({ durationMs }) => `The fault filter delayed the request; it took ${duration(durationMs)} in all.`,
  FI: ({ code }) => `The fault filter aborted the request with ${code}: this failure was made on purpose.`,
  RL: ({ code }) => `A rate limit refused the request with ${code}: the limit of this route, listener or client is used up.`,
  UAEX: ({ code, details }) => `The external authorization service denied the request (${code})${because(details)}.`,
  RLSE: () => 'The rate limit service could not be asked: it failed, or did not answer in time.',
  DC: ({ durationMs, code, facts }) =>
    `The client closed its connection after ${duration(durationMs)}, ${code === 0 ? 'before there was an answer' : `while the answer was being sent (${count(facts.bytesSent)} bytes were)`}.`,
  URX: ({ attempts, facts, cluster, protocol }) => {
    if (protocol === 'TCP')
      return `No host of ${named(cluster)} could be connected in ${tries(attempts)}, which is all that max_connect_attempts allows.`;
    const retries = facts.route?.numRetries ?? Math.max(0, attempts - 1);
    return `The retry limit was reached: ${tries(attempts)} of ${named(cluster)}, the route allows ${retries === 1 ? '1 retry' : `${retries} retries`}.`;
  },
  SI: ({ facts, durationMs }) => {
    const idle = facts.route?.idleTimeoutMs ?? facts.streamIdleTimeoutMs;
    return `Nothing moved on the request for ${idle > 0 ? `${duration(idle)}, its idle timeout` : 'longer than its idle timeout'}; it had lasted ${duration(durationMs)}.`;
  },
  IH: ({ details }) => `A header of the request that speaks to the proxy has a value that is not valid${because(details)}.`,
  DPE: ({ details, protocol }) => `The client broke the rules of ${protocol === '' ? 'HTTP' : protocol}${because(details)}.`,
  UMSDR: ({ facts, durationMs }) => {
    const max = facts.route?.maxStreamDurationMs ?? 0;
    return `The request lasted ${duration(durationMs)}: ${max > 0 ? `max_stream_duration of the route is ${duration(max)}` : 'its maximum stream duration has passed'}.`;
  },
  RFCF: () => 'The answer came from the cache.',
  NFCF: () => 'The configuration of a filter has not arrived yet, and the request cannot be handled without it.',
  DT: ({ durationMs }) => `The connection had reached its maximum duration after ${duration(durationMs)}.`,
  UPE: (request) => `${capital(where(request))} broke the rules of HTTP in its answer${because(request.details)}.`,
  NC: ({ facts, protocol }) =>
    facts.missingCluster === ''
      ? 'The route leads to no cluster: the header or matcher that should name one did not.'
      : `${protocol === 'TCP' ? 'The connection' : 'The route'} leads to cluster ${facts.missingCluster}, and there is no cluster of that name.`,
  OM: () => 'The overload manager ended the request: memory or another monitored resource is above its limit.',
  DF: ({ authority, details }) => `The name ${authority} could not be resolved${because(details)}.`,
  DO: ({ facts, cluster }) =>
    `The control plane has ${percent(facts.cluster?.dropOverload ?? 0)} of the requests of ${named(cluster)} dropped (drop_overloads); this was one of them.`,
  UDO: ({ cluster }) => `The control plane has all requests of ${named(cluster)} dropped (drop_overloads is 100 %).`,
  DR: ({ durationMs }) => `The client reset the request after ${duration(durationMs)}.`,
};

function timedOut(request: NotedRequest): string {
  const { facts, attempts, details, phases } = request;
  const perTry = facts.route?.perTryTimeoutMs ?? 0;
  if (details.includes('per_try_idle') && (facts.route?.perTryIdleTimeoutMs ?? 0) > 0)
    return `${capital(where(request))} sent nothing for the per-try idle timeout of ${duration(facts.route!.perTryIdleTimeoutMs)}; ${tries(attempts)}.`;
  if (details.includes('per_try') && perTry > 0)
    return `The per-try timeout of ${duration(perTry)} passed without an answer of ${where(request)}; ${tries(attempts)}.`;
  const limit = facts.route !== null && facts.route.timeoutMs > 0 ? facts.route.timeoutMs : 0;
  const asked = facts.timeoutMs > 0 && facts.timeoutMs !== limit && facts.timeoutMs !== perTry ? facts.timeoutMs : 0;
  const timeout =
    asked > 0
      ? `The timeout of ${duration(asked)} that the request asked for`
      : `The route's timeout${limit > 0 ? ` of ${duration(limit)}` : ''}`;
  const begun =
    phases.firstByteMs === null ? `no answer of ${where(request)} had begun` : `the answer of ${where(request)} had begun but not ended`;
  return `${timeout} passed: ${begun}; ${tries(attempts)}.`;
}

function connectionFailed(request: NotedRequest): string {
  const { facts, details } = request;
  const { transportFailure } = facts;
  if (/connection_timeout|connect_timeout/.test(details)) {
    const timeout = facts.cluster === null ? '' : ` within the connect timeout of ${duration(facts.cluster.connectTimeoutMs)}`;
    return `No connection to ${where(request)} could be opened${timeout}: the address does not answer.`;
  }
  const reason = transportFailure === '' ? '' : `: ${transportFailure}`;
  const hint = /TLS|SSL|certificate|handshake/i.test(transportFailure)
    ? ' The TLS handshake failed.'
    : /ECONNREFUSED|refused/i.test(transportFailure + details)
      ? ' Nothing listens there.'
      : '';
  return `The connection to ${where(request)} failed${reason}.${hint}`;
}

const LIMITS: readonly [keyof ClusterFacts & ('pending' | 'requests' | 'connections' | 'retries' | 'connectionPools'), string, string][] = [
  ['pending', 'requests pending', 'max_pending_requests'],
  ['requests', 'requests in flight', 'max_requests'],
  ['connections', 'connections', 'max_connections'],
  ['retries', 'retries in flight', 'max_retries'],
  ['connectionPools', 'connection pools', 'max_connection_pools'],
];

function overflow({ facts, cluster, details, code }: NotedRequest): string {
  if (details === 'maintenance_mode')
    return `Cluster ${cluster} is in maintenance mode (runtime key upstream.maintenance_mode.${cluster}).`;
  const at = facts.cluster;
  if (at === null) return 'A circuit breaker refused the request.';
  const full = LIMITS.filter(([name]) => isFull(at[name]));
  // The limit of retries alone does not refuse a request: its answer went to the client as it was.
  if (full.length === 1 && full[0]![0] === 'retries') {
    const budget = at.retryBudgetPercent === null ? '' : ` (a retry budget of ${at.retryBudgetPercent} % of the requests)`;
    return `The answer ${code} was not retried: ${use(at.retries, 'retries in flight')} in cluster ${cluster}, the limit max_retries is ${count(at.retries[1])}${budget}.`;
  }
  const words = full
    .filter(([name]) => name !== 'retries')
    .map(([name, what, limit]) => `${use(at[name], what)} in cluster ${cluster}, its limit ${limit} is ${count(at[name][1])}`);
  if (words.length === 0) {
    const now = LIMITS.slice(0, 3).map(([name, what]) => `${count(at[name][0])} of ${count(at[name][1])} ${what}`);
    return `A circuit breaker of cluster ${cluster} was open; a moment later: ${list(now)}.`;
  }
  return `${capital(list(words))}${at.priority === 'high' ? ' (high priority)' : ''}.`;
}

function isFull([value, limit]: Use): boolean {
  return value >= limit;
}

function use([value]: Use, what: string): string {
  return value === 1
    ? `1 ${what.replace('requests', 'request').replace('connections', 'connection').replace('retries', 'retry').replace('pools', 'pool')}`
    : `${count(value)} ${what}`;
}

function noHealthyHost({ name }: ClusterFacts, hosts: HostsFacts, reasons: readonly string[]): string {
  if (hosts.total === 0) return `Cluster ${name} has no hosts: its endpoint list is empty, or its name resolves to no address.`;
  const why: string[] = [];
  if (hosts.ejected > 0)
    why.push(`${count(hosts.ejected)} ejected by outlier detection${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`);
  if (hosts.failedActiveCheck > 0) why.push(`${count(hosts.failedActiveCheck)} failed active health checks`);
  if (hosts.failedByEndpoints > 0) why.push(`${count(hosts.failedByEndpoints)} marked unhealthy by the endpoint list`);
  if (hosts.unchecked > 0) why.push(`${count(hosts.unchecked)} not checked yet`);
  const healthy = hosts.healthy + hosts.degraded;
  const causes = why.length === 0 ? '' : `: ${why.join(', ')}`;
  const rest = healthy > 0 ? '. None of the healthy ones may be used for this request' : '';
  return `${count(healthy)} of ${counted(hosts.total, 'host')} of cluster ${name} healthy${causes}${rest}.`;
}

function noRoute(authority: string, method: string, path: string, facts: NoRouteFacts): string {
  const table = facts.routeConfiguration === '' ? 'The route configuration' : `Route configuration ${facts.routeConfiguration}`;
  if (facts.virtualHost === '') {
    if (facts.domains === 0) return `${table} has no virtual hosts (yet).`;
    const nearest = facts.nearestDomain === '' ? '' : `; nearest: ${facts.nearestDomain}`;
    const port =
      facts.nearestDomain !== '' && authority.startsWith(facts.nearestDomain + ':') ? ' The port of the request is what differs.' : '';
    return `No virtual host has domain ${authority === '' ? '(none given)' : authority}${nearest} (${counted(facts.domains, 'domain')} in ${table.replace('The route', 'the route').replace('Route', 'route')}).${port}`;
  }
  const missed = facts.missed.length === 0 ? '' : ` What it lacks: ${facts.missed.join('; ')}.`;
  return `Virtual host ${facts.virtualHost} has ${counted(facts.routes, 'route')}, and none matches ${method} ${path}.${missed}`;
}

function tries(n: number): string {
  return n === 1 ? '1 try' : `${count(n)} tries`;
}

function named(cluster: string): string {
  return cluster === '' ? 'the cluster' : `cluster ${cluster}`;
}

/** "host 10.0.0.1:80 of cluster web". */
function where({ host, cluster }: NotedRequest): string {
  if (host === '') return cluster === '' ? 'the upstream' : `cluster ${cluster}`;
  return `host ${host}${cluster === '' ? '' : ` of cluster ${cluster}`}`;
}

function taken({ durationMs, phases, attempts }: NotedRequest): string {
  const begun = phases.firstByteMs === null ? '' : ', when its answer had begun';
  return `${duration(durationMs)}${attempts > 1 ? ` and ${attempts} tries` : ''}${begun}`;
}

/** What the details say beyond the flag. */
function because(details: string): string {
  const inner = /\{(.*)\}$/.exec(details)?.[1];
  const text = inner ?? details;
  return text === '' || text === 'via_upstream' ? '' : ` (${text.includes('.') ? text : text.replaceAll('_', ' ').replace('|', ': ')})`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
