/** Where the request goes and under which limits: the cluster with its hosts, timeouts and retries with their sources. */
import type { HttpConnectionManager } from '../../filters/network/http-connection-manager/http-connection-manager.ts';
import { streamDurationMs } from '../../filters/network/http-connection-manager/stream-timers.ts';
import type { RequestHeaders } from '../../http/header-map.ts';
import { healthFlagsText } from '../../lb/host.ts';
import { computePriorityLoads } from '../../lb/priority-load.ts';
import { parseDecimal } from '../../resilience/decimal.ts';
import { retryOnNames } from '../../resilience/retry-policy.ts';
import type { ForwardSettings } from '../../route/settings.ts';
import type { DryRun } from './dry-run.ts';
import type { ClusterPart, RetryPart, TimeoutPart } from './explanation.ts';

/** null = the request goes to no cluster. */
export function clusterReport(run: DryRun): ClusterPart | null {
  const action = run.route?.action ?? null;
  if (action === null) return null;
  const { cluster, forwarded } = run;
  const priority = action.priority === 1 ? 'high' : 'default';
  if (cluster === null) {
    const nothing = { host_priorities: [], hosts: [], host: '', hash: '', mirrors: [], circuit_breakers: [], upstream_request: null };
    return { name: run.clusterName, known: false, type: '', lb_policy: '', priority, ...nothing };
  }
  const { settings, hostSets } = cluster;
  const loads = computePriorityLoads(hostSets, settings.panicThreshold);
  const breaker = cluster.circuitBreaker(action.priority);
  const limits = [
    ['max_connections', breaker.connections],
    ['max_pending_requests', breaker.pendingRequests],
    ['max_requests', breaker.requests],
    ['max_retries', breaker.retries],
  ] as const;
  return {
    name: cluster.name,
    known: true,
    type: settings.type,
    lb_policy: settings.balancer.policy,
    priority,
    host_priorities: hostSets.map((_set, p) => ({
      healthy_percent: loads.healthy[p] ?? 0,
      degraded_percent: loads.degraded[p] ?? 0,
      panic: loads.panic[p] ?? false,
    })),
    hosts: hostSets.flatMap((set) =>
      set.hosts.map((host) => ({
        address: host.address.text,
        hostname: host.hostname,
        weight: host.weight,
        priority: set.priority,
        health: healthFlagsText(host.healthFlags),
        rq_active: host.rqActive,
      })),
    ),
    host: run.host?.address.text ?? '',
    hash: run.router?.hash?.toString() ?? '',
    mirrors: action.mirrors.map((mirror) => mirror.cluster || `from header ${mirror.clusterHeader}`),
    circuit_breakers: limits.map(([name, resource]) => ({ name, in_use: resource.count, limit: resource.max })),
    upstream_request:
      forwarded === null
        ? null
        : {
            method: forwarded.method,
            path: forwarded.path,
            authority: forwarded.authority,
            headers: forwarded.names.map((name, i) => [name, forwarded.values[i]!] as const),
          },
  };
}

/** @param settings of the route; null only for routes that no configuration has */
export function timeoutReport(manager: HttpConnectionManager, run: DryRun, settings: ForwardSettings | null): TimeoutPart[] {
  const parts: TimeoutPart[] = [];
  const add = (name: string, ms: number, from: string) => parts.push({ name, ms, from });
  const headers = run.admitted;
  const action = run.route?.action ?? null;
  const hcm = manager.settings;
  if (headers === null) return parts;
  const { router, cluster } = run;
  if (action !== null && router !== null) {
    const respected = router.factory.settings.respectExpectedRqTimeout;
    add('timeout', router.globalTimeoutMs, overallSource(headers, run, settings, respected));
    const policy = action.retryPolicy;
    const askedPerTry = steeredBy(headers, 'x-envoy-upstream-rq-per-try-timeout-ms');
    const configured = askedPerTry === '' ? (policy?.perTryTimeoutMs ?? 0) : parseDecimal(headers.get(askedPerTry)!);
    const perTryFrom = askedPerTry !== '' ? `header ${askedPerTry}` : policy === null ? 'no retry_policy' : 'retry_policy';
    const pointless = router.perTryTimeoutMs === 0 && configured > 0 ? `, ${configured} ms is not below the timeout: off` : '';
    add('per_try_timeout', router.perTryTimeoutMs, perTryFrom + pointless);
    add('per_try_idle_timeout', router.perTryIdleTimeoutMs, policy === null ? 'no retry_policy' : 'retry_policy');
    const asked = router.upstreamStreamDurationMs >= 0;
    add(
      'upstream max_stream_duration',
      asked ? router.upstreamStreamDurationMs : (cluster?.settings.http.maxStreamDurationMs ?? 0),
      asked ? 'header x-envoy-upstream-stream-duration-ms' : 'cluster',
    );
  }
  if (cluster !== null) add('connect_timeout', cluster.settings.connectTimeoutMs, 'cluster');
  const ownIdleMs = action?.idleTimeoutMs ?? null;
  add('stream idle_timeout', ownIdleMs ?? hcm.streamIdleTimeoutMs, ownIdleMs === null ? 'connection manager' : 'route');
  const durationMs = action === null ? null : streamDurationMs(headers.clone(), action);
  add(
    'max_stream_duration',
    durationMs === null ? hcm.maxStreamDurationMs : Math.max(0, durationMs),
    durationMs === null ? 'connection manager' : durationMs !== action!.maxStreamDurationMs ? 'grpc-timeout within the route' : 'route',
  );
  add('request_timeout', hcm.requestTimeoutMs, 'connection manager');
  add('request_headers_timeout', hcm.requestHeadersTimeoutMs, 'connection manager');
  return parts;
}

function overallSource(headers: RequestHeaders, run: DryRun, settings: ForwardSettings | null, respected: boolean): string {
  const expected = respected ? steeredBy(headers, 'x-envoy-expected-rq-timeout-ms') : '';
  if (expected !== '') return `header ${expected}`;
  const asked = respected && headers.has('x-envoy-expected-rq-timeout-ms') ? '' : steeredBy(headers, 'x-envoy-upstream-rq-timeout-ms');
  if (asked !== '') return `header ${asked}`;
  const action = run.route!.action!;
  if (action.maxStreamDurationMs !== null || action.grpcTimeoutHeaderMaxMs !== null) return 'off: the route has max_stream_duration';
  if (run.router!.grpc && action.maxGrpcTimeoutMs !== null) return 'header grpc-timeout within max_grpc_timeout';
  return settings?.timeoutIsDefault === true ? 'default' : 'route';
}

/** The name itself if the request has that header with a number, else ''. */
function steeredBy(headers: RequestHeaders, name: string): string {
  const text = headers.get(name);
  return text !== undefined && parseDecimal(text) >= 0 ? name : '';
}

const STEERS = ['x-envoy-retry-on', 'x-envoy-retry-grpc-on', 'x-envoy-max-retries'];

export function retryReport(run: DryRun): RetryPart | null {
  if (run.router === null) return null;
  const sources = run.router.action.retryPolicy === null ? [] : ['retry_policy'];
  for (const name of STEERS) if (run.admitted?.has(name)) sources.push(`header ${name}`);
  const from = sources.length === 0 ? 'no retry_policy' : sources.join(', ');
  const { retry } = run;
  if (retry === null || !retry.enabled) return { enabled: false, retry_on: [], num_retries: 0, from };
  return { enabled: retry.retriesLeft > 0, retry_on: retryOnNames(retry.conditions), num_retries: retry.retriesLeft, from };
}
