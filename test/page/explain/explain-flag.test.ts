/** Each response flag in words: the numbers that caused it are in the sentence. */
import { describe, expect, test } from 'vitest';
import { FLAG_NAMES } from '../../../src/http/response-flags.ts';
import { explain } from '../../../src/page/explain/explain.ts';
import { explainFlag } from '../../../src/page/explain/explain-flag.ts';
import type { ClusterFacts, HostsFacts, NoRouteFacts, NotedRequest, RequestFacts, RouteFacts } from '../../../src/page/worker/facts.ts';

const CLUSTER: ClusterFacts = {
  name: 'payments',
  priority: 'default',
  connections: [3, 1024],
  pending: [0, 1024],
  requests: [3, 1024],
  retries: [0, 3],
  connectionPools: [1, 4294967295],
  retryBudgetPercent: null,
  hosts: null,
  connectTimeoutMs: 250,
  dropOverload: 0,
};
const HOSTS: HostsFacts = { total: 5, healthy: 0, degraded: 0, ejected: 0, failedActiveCheck: 0, failedByEndpoints: 0, unchecked: 0 };
const ROUTE: RouteFacts = {
  numRetries: 0,
  perTryTimeoutMs: 0,
  perTryIdleTimeoutMs: 0,
  timeoutMs: 15_000,
  idleTimeoutMs: null,
  maxStreamDurationMs: null,
};
const TCP = { protocol: 'TCP', method: '', path: '', code: 0, details: '', route: '' } as const;
const NO_ROUTE: NoRouteFacts = { routeConfiguration: 'local', virtualHost: '', nearestDomain: '', domains: 3, routes: 0, missed: [] };

function request(changes: Partial<NotedRequest> = {}, facts: Partial<RequestFacts> = {}): NotedRequest {
  return {
    wallMs: 0,
    why: 'failed',
    durationMs: 1500,
    phases: { requestMs: 0, connectMs: 1, firstByteMs: null, responseMs: null },
    listener: 'front',
    routeConfiguration: 'local',
    virtualHost: 'shop',
    route: 'pay',
    cluster: 'payments',
    host: '10.0.0.1:80',
    protocol: 'HTTP/1.1',
    method: 'GET',
    authority: 'foo:8080',
    path: '/pay',
    code: 503,
    grpcStatus: null,
    flags: [],
    details: '',
    attempts: 1,
    requestId: '',
    traceId: '',
    facts: {
      cluster: CLUSTER,
      route: ROUTE,
      noRoute: null,
      missingCluster: '',
      timeoutMs: 15_000,
      streamIdleTimeoutMs: 300_000,
      transportFailure: '',
      bytesReceived: 0,
      bytesSent: 2048,
      connectionTermination: '',
      ...facts,
    },
    ...changes,
  };
}

const cluster = (changes: Partial<ClusterFacts>) => ({ cluster: { ...CLUSTER, ...changes } });
const route = (changes: Partial<RouteFacts>) => ({ route: { ...ROUTE, ...changes } });

/** Flag, the request, what is to be said. */
const SENTENCES: readonly [flag: string, about: NotedRequest, expected: string][] = [
  [
    'LH',
    request(),
    'This proxy answered a health check as failed: POST /healthcheck/fail is in force, or too few hosts of the clusters it checks are healthy.',
  ],
  [
    'UH',
    request({}, cluster({ hosts: { ...HOSTS, total: 0 } })),
    'Cluster payments has no hosts: its endpoint list is empty, or its name resolves to no address.',
  ],
  [
    'UH',
    request({}, cluster({ hosts: { ...HOSTS, ejected: 3, failedActiveCheck: 2 } })),
    '0 of 5 hosts of cluster payments healthy: 3 ejected by outlier detection (consecutive 5xx), 2 failed active health checks.',
  ],
  [
    'UH',
    request({}, cluster({ hosts: { ...HOSTS, healthy: 2, failedByEndpoints: 2, unchecked: 1 } })),
    '2 of 5 hosts of cluster payments healthy: 2 marked unhealthy by the endpoint list, 1 not checked yet. None of the healthy ones may be used for this request.',
  ],
  [
    'UT',
    request({ attempts: 2 }),
    "The route's timeout of 15 s passed: no answer of host 10.0.0.1:80 of cluster payments had begun; 2 tries.",
  ],
  [
    'UT',
    request({ phases: { requestMs: 0, connectMs: 0, firstByteMs: 3, responseMs: null } }, { timeoutMs: 700 }),
    'The timeout of 700 ms that the request asked for passed: the answer of host 10.0.0.1:80 of cluster payments had begun but not ended; 1 try.',
  ],
  [
    'UT',
    request({ details: 'upstream_per_try_timeout' }, route({ perTryTimeoutMs: 250 })),
    'The per-try timeout of 250 ms passed without an answer of host 10.0.0.1:80 of cluster payments; 1 try.',
  ],
  [
    'UT',
    request({ details: 'upstream_per_try_idle_timeout' }, route({ perTryIdleTimeoutMs: 50 })),
    'Host 10.0.0.1:80 of cluster payments sent nothing for the per-try idle timeout of 50 ms; 1 try.',
  ],
  ['LR', request(), 'The proxy itself reset the request to host 10.0.0.1:80 of cluster payments.'],
  [
    'UR',
    request({ details: 'upstream_reset_before_response_started{remote_reset}' }),
    'Host 10.0.0.1:80 of cluster payments reset the request (remote reset) after 1.5 s.',
  ],
  [
    'UF',
    request({}, { transportFailure: 'delayed connect error: Connection refused' }),
    'The connection to host 10.0.0.1:80 of cluster payments failed: delayed connect error: Connection refused. Nothing listens there.',
  ],
  [
    'UF',
    request({ details: 'upstream_reset_before_response_started{connection_timeout}' }),
    'No connection to host 10.0.0.1:80 of cluster payments could be opened within the connect timeout of 250 ms: the address does not answer.',
  ],
  [
    'UF',
    request({}, { transportFailure: 'TLS_error: certificate verify failed' }),
    'The connection to host 10.0.0.1:80 of cluster payments failed: TLS_error: certificate verify failed. The TLS handshake failed.',
  ],
  [
    'UC',
    request({ details: 'upstream_reset_before_response_started{connection_termination|stale_connection}' }),
    'Host 10.0.0.1:80 of cluster payments closed the connection before the response was complete, after 1.5 s. The connection had been idle: the host closes idle connections sooner than the proxy does.',
  ],
  [
    'UO',
    request({}, cluster({ pending: [1024, 1024] })),
    '1,024 requests pending in cluster payments, its limit max_pending_requests is 1,024.',
  ],
  [
    'UO',
    request({}, cluster({ requests: [1, 1], connections: [1, 1], priority: 'high' })),
    '1 request in flight in cluster payments, its limit max_requests is 1 and 1 connection in cluster payments, its limit max_connections is 1 (high priority).',
  ],
  [
    'UO',
    request({}, cluster({ retries: [3, 3], retryBudgetPercent: 20 })),
    'The answer 503 was not retried: 3 retries in flight in cluster payments, the limit max_retries is 3 (a retry budget of 20 % of the requests).',
  ],
  [
    'UO',
    request(),
    'A circuit breaker of cluster payments was open; a moment later: 0 of 1,024 requests pending, 3 of 1,024 requests in flight and 3 of 1,024 connections.',
  ],
  [
    'UO',
    request({ details: 'maintenance_mode' }),
    'Cluster payments is in maintenance mode (runtime key upstream.maintenance_mode.payments).',
  ],
  [
    'NR',
    request({}, { noRoute: { ...NO_ROUTE, nearestDomain: 'foo' } }),
    'No virtual host has domain foo:8080; nearest: foo (3 domains in route configuration local). The port of the request is what differs.',
  ],
  ['NR', request({}, { noRoute: { ...NO_ROUTE, domains: 0 } }), 'Route configuration local has no virtual hosts (yet).'],
  [
    'NR',
    request({}, { noRoute: { ...NO_ROUTE, virtualHost: 'shop', routes: 2, missed: ['a: prefix "/a"', 'route 2: header x-b'] } }),
    'Virtual host shop has 2 routes, and none matches GET /pay. What it lacks: a: prefix "/a"; route 2: header x-b.',
  ],
  ['DI', request(), 'The fault filter delayed the request; it took 1.5 s in all.'],
  ['FI', request({ code: 555 }), 'The fault filter aborted the request with 555: this failure was made on purpose.'],
  ['RL', request({ code: 429 }), 'A rate limit refused the request with 429: the limit of this route, listener or client is used up.'],
  [
    'UAEX',
    request({ code: 403, details: 'ext_authz_denied' }),
    'The external authorization service denied the request (403) (ext authz denied).',
  ],
  ['RLSE', request(), 'The rate limit service could not be asked: it failed, or did not answer in time.'],
  ['DC', request({ code: 0 }), 'The client closed its connection after 1.5 s, before there was an answer.'],
  ['DC', request({ code: 200 }), 'The client closed its connection after 1.5 s, while the answer was being sent (2,048 bytes were).'],
  [
    'URX',
    request({ attempts: 4 }, route({ numRetries: 3 })),
    'The retry limit was reached: 4 tries of cluster payments, the route allows 3 retries.',
  ],
  [
    'URX',
    request({ attempts: 2 }, route({ numRetries: 1 })),
    'The retry limit was reached: 2 tries of cluster payments, the route allows 1 retry.',
  ],
  ['SI', request(), 'Nothing moved on the request for 5 min, its idle timeout; it had lasted 1.5 s.'],
  ['SI', request({}, route({ idleTimeoutMs: 1000 })), 'Nothing moved on the request for 1 s, its idle timeout; it had lasted 1.5 s.'],
  [
    'IH',
    request({ details: 'request_headers_failed_strict_check{x-envoy-max-retries}' }),
    'A header of the request that speaks to the proxy has a value that is not valid (x-envoy-max-retries).',
  ],
  ['DPE', request({ details: 'http1.invalid_url' }), 'The client broke the rules of HTTP/1.1 (http1.invalid_url).'],
  ['UMSDR', request({}, route({ maxStreamDurationMs: 1400 })), 'The request lasted 1.5 s: max_stream_duration of the route is 1.4 s.'],
  ['RFCF', request(), 'The answer came from the cache.'],
  ['NFCF', request(), 'The configuration of a filter has not arrived yet, and the request cannot be handled without it.'],
  ['DT', request(), 'The connection had reached its maximum duration after 1.5 s.'],
  [
    'UPE',
    request({ details: 'upstream_reset_before_response_started{protocol_error}' }),
    'Host 10.0.0.1:80 of cluster payments broke the rules of HTTP in its answer (protocol error).',
  ],
  ['NC', request({}, { missingCluster: 'paymnts' }), 'The route leads to cluster paymnts, and there is no cluster of that name.'],
  ['NC', request(), 'The route leads to no cluster: the header or matcher that should name one did not.'],
  ['OM', request(), 'The overload manager ended the request: memory or another monitored resource is above its limit.'],
  ['DF', request({ details: 'dns_resolution_failure{timeout}' }), 'The name foo:8080 could not be resolved (timeout).'],
  [
    'DO',
    request({}, cluster({ dropOverload: 0.125 })),
    'The control plane has 12.5 % of the requests of cluster payments dropped (drop_overloads); this was one of them.',
  ],
  ['UDO', request(), 'The control plane has all requests of cluster payments dropped (drop_overloads is 100 %).'],
  ['DR', request(), 'The client reset the request after 1.5 s.'],
];

describe('a flag is explained with its numbers', () => {
  test.each(SENTENCES)('%s', (flag, about, expected) => {
    expect(explainFlag(flag, about, ['consecutive 5xx'])).toBe(expected);
  });

  test('every flag that there is', () => {
    const explained = new Set(SENTENCES.map(([flag]) => flag));
    expect(FLAG_NAMES.filter((name) => !explained.has(name))).toEqual([]);
  });

  test('none of them is left without words when the numbers are not known', () => {
    const bare = request(
      { cluster: '', host: '', protocol: '', attempts: 0 },
      { cluster: null, route: null, timeoutMs: 0, streamIdleTimeoutMs: 0 },
    );
    for (const flag of FLAG_NAMES) {
      const text = explainFlag(flag, bare);
      expect(text).toMatch(/^[A-Z0-9].*\.$/s);
      expect(text).not.toMatch(/undefined|null|NaN| {2}/);
    }
  });
});

describe('a request without flags', () => {
  const textOf = (about: NotedRequest) => explain(about, []).map(({ text }) => text);

  test('the answer of the host itself', () => {
    expect(textOf(request({ details: 'via_upstream', attempts: 2 }))).toEqual([
      'The answer 503 came from host 10.0.0.1:80 of cluster payments itself, not from the proxy.',
      'It was tried 2 times; this is how the last try ended.',
    ]);
  });

  test('a gRPC status', () => {
    expect(textOf(request({ details: 'via_upstream', code: 200, grpcStatus: 14 }))).toEqual([
      'The answer 200 with gRPC status 14 (UNAVAILABLE) came from host 10.0.0.1:80 of cluster payments itself, not from the proxy.',
    ]);
  });

  test('an answer of the proxy', () => {
    expect(textOf(request({ host: '', details: 'direct_response' }))).toEqual(['The route answers with 503 itself (direct_response).']);
    expect(textOf(request({ host: '', code: 500, details: 'ext_proc_error' }))).toEqual([
      'The answer 500 came from the proxy. The reason it gave: ext_proc_error.',
    ]);
    expect(textOf(request({ host: '', code: 0, details: '' }))).toEqual(['The request ended without an answer after 1.5 s.']);
  });

  test('a slow one: where the time went', () => {
    const phases = { requestMs: 10, connectMs: 5, firstByteMs: 1400, responseMs: 20 };
    expect(textOf(request({ why: 'slow', code: 200, phases }))).toEqual([
      'It took 1.5 s, longer than nearly all requests. Most of it, 1.4 s, went into waiting for host 10.0.0.1:80 of cluster payments to answer.',
    ]);
  });
});

describe('a connection', () => {
  const of = (about: Partial<NotedRequest>, facts: Partial<RequestFacts> = {}) =>
    explain(request({ ...TCP, ...about }, { route: null, ...facts }), []).map(({ text }) => text);

  test('that could not be made', () => {
    expect(of({ flags: ['URX'], attempts: 3 })).toEqual([
      'No host of cluster payments could be connected in 3 tries, which is all that max_connect_attempts allows.',
    ]);
    expect(of({ flags: ['NC'] }, { missingCluster: 'db' })).toEqual([
      'The connection leads to cluster db, and there is no cluster of that name.',
    ]);
  });

  test('that was reset, or had to wait', () => {
    expect(of({ flags: ['UR'] }, { bytesReceived: 1200, bytesSent: 5 })).toEqual([
      'Host 10.0.0.1:80 of cluster payments reset the connection after 1.5 s; 1,200 bytes had gone there and 5 had come back.',
    ]);
    expect(of({ why: 'slow', phases: { requestMs: null, connectMs: 1400, firstByteMs: null, responseMs: null } })).toEqual([
      'It took 1.4 s until host 10.0.0.1:80 of cluster payments was connected.',
    ]);
  });
});
