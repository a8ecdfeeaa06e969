import type { Script } from '../harness/recording-upstream.ts';
import {
  type Area,
  type Case,
  type Configuration,
  gated,
  hangUp,
  type ReplyOptions,
  reply,
  reset,
  type Send,
  silence,
} from '../harness/scenario.ts';

const DETECTION = /^cluster\.\w+\.(outlier_detection|membership_(healthy|degraded))/;
const HEALTH = /(health_flags|success_rate|outlier)/;
/** Where the event log goes: it is compared as the log of the configuration. */
const EVENT_LOG = '{cluster_manager: {outlier_detection: {event_log_path: "{{log}}"}}}';
/** Without panic an ejected host gets nothing; without the window workers hear of each change at once. */
const STRICT = 'common_lb_config: {healthy_panic_threshold: {value: 0}, update_merge_window: 0s}';

const status = (line: string, more: ReplyOptions = {}): Script => reply({ status: line, ...more });
const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);
/** Requests under way at once: all have their hosts before the first of `failing` is answered. */
const together = (count: number, path: string, upstream: string, script: Script): Pick<Case, 'parallel' | 'anyOrder' | 'upstream'> => ({
  parallel: many(count, { send: `GET ${path}`, until: 'upstream' as const }),
  anyOrder: true,
  upstream: { [upstream]: many(count, gated(script)) },
});
const active = (cluster: string, count: number) => ({ [`cluster.${cluster}.outlier_detection.ejections_active`]: count });

const host = (port: string) => `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${port}}}}}}}`;
const cluster = (name: string, hosts: readonly string[], outlier: string, more = STRICT) => `
  - name: ${name}
    connect_timeout: 1s
    outlier_detection: ${outlier}
    ${more}
    load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [${hosts.map(host).join(', ')}]}]}
`;

// ── what counts as a failure ──

const grpc = (path: string): Send => ({ method: 'POST', path, headers: [['content-type', 'application/grpc']], body: 'x' });
const grpcAnswer = (grpcStatus: string, line = '200 OK'): Script =>
  status(line, {
    headers: [
      ['content-type', 'application/grpc'],
      ['grpc-status', grpcStatus],
    ],
  });

/** Each shows what it has added to the statistics. */
const RESULT_CASES: readonly Case[] = [
  ...[
    '200 OK',
    '404 Not Found',
    '499 Gone',
    '500 Internal Server Error',
    '502 Bad Gateway',
    '503 Service Unavailable',
    '504 Gateway Timeout',
    '505 No',
    '599 Never',
  ].map((line): Case => ({ name: line, send: 'GET /', upstream: { a: [status(line)] } })),
  { name: 'closed before an answer', send: 'GET /', upstream: { a: [hangUp] } },
  { name: 'reset before an answer', send: 'GET /', upstream: { a: [reset] } },
  {
    name: 'cut off in the body',
    send: 'GET /',
    upstream: { a: [[{ send: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc' }, { end: true }]] },
    closes: true,
  },
  { name: 'garbage', send: 'GET /', upstream: { a: [[{ send: 'garbage\r\n\r\n' }]] } },
  { name: 'no answer in time', send: 'GET /slow', upstream: { a: [silence] } },
  {
    name: 'no answer in time, with another status for the client',
    send: { path: '/slow', headers: [['x-envoy-upstream-rq-timeout-alt-response', '1']] },
    upstream: { a: [silence] },
  },
  { name: 'no answer to any try in time', send: 'GET /tries', upstream: { a: [silence, silence] } },
  { name: 'no answer to hedged tries in time', send: 'GET /hedge', upstream: { a: [silence, silence] } },
  {
    name: 'an answer that does not end in time',
    send: 'GET /slow',
    upstream: { a: [[{ send: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc' }]] },
    closes: true,
  },
  { name: 'a retried 503', send: 'GET /retry', upstream: { a: [status('503 Service Unavailable'), status('200 OK')] } },
  { name: 'nobody listens', send: 'GET /dead' },
  { name: 'a full breaker', send: 'GET /full' },
  { name: 'gRPC: fine', send: grpc('/'), upstream: { a: [grpcAnswer('0')] } },
  { name: 'gRPC: unavailable', send: grpc('/'), upstream: { a: [grpcAnswer('14')] } },
  { name: 'gRPC: internal', send: grpc('/'), upstream: { a: [grpcAnswer('13')] } },
  { name: 'gRPC: deadline exceeded', send: grpc('/'), upstream: { a: [grpcAnswer('4')] } },
  { name: 'gRPC: not found', send: grpc('/'), upstream: { a: [grpcAnswer('5')] } },
  { name: 'gRPC: unknown number', send: grpc('/'), upstream: { a: [grpcAnswer('77')] } },
  { name: 'gRPC: fine, with an HTTP error', send: grpc('/'), upstream: { a: [grpcAnswer('0', '503 Service Unavailable')] } },
  { name: 'gRPC: an HTTP error alone', send: grpc('/'), upstream: { a: [status('503 Service Unavailable')] } },
  {
    name: 'gRPC: failure in trailers',
    send: grpc('/'),
    upstream: {
      a: [
        [
          {
            send: 'HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\ngrpc-status: 14\r\n\r\n',
          },
        ],
      ],
    },
  },
  { name: 'a gRPC status of an answer to something else', send: 'GET /', upstream: { a: [grpcAnswer('14')] } },
];

const RESULTS: readonly Case[] = RESULT_CASES.map((one) => ({
  ...one,
  admin: 'GET /stats',
  adminLines: /^cluster\.\w+\.outlier_detection\.ejections_(detected|enforced|overflow).*: [1-9]/,
}));

function results(name: string, more: string): Configuration {
  const detection = `{consecutive_5xx: 1, consecutive_gateway_failure: 1, enforcing_consecutive_5xx: 0, max_ejection_percent: 100, ${more}}`;
  return {
    name,
    cluster: { a: `{outlier_detection: ${detection}}` },
    clusters:
      cluster('unheard', ['dead'], detection, '') +
      cluster('full', ['a'], detection, 'circuit_breakers: {thresholds: [{max_requests: 0}]}'),
    routes: `
      - {match: {prefix: /slow}, route: {cluster: a, timeout: 0.2s}}
      - {match: {prefix: /tries}, route: {cluster: a, timeout: 2s, retry_policy: {retry_on: gateway-error, num_retries: 1, per_try_timeout: 0.1s}}}
      - {match: {prefix: /hedge}, route: {cluster: a, timeout: 0.4s, hedge_policy: {hedge_on_per_try_timeout: true}, retry_policy: {retry_on: gateway-error, num_retries: 1, per_try_timeout: 0.1s}}}
      - {match: {prefix: /retry}, route: {cluster: a, retry_policy: {retry_on: 5xx}}}
      - {match: {prefix: /dead}, route: {cluster: unheard}}
      - {match: {prefix: /full}, route: {cluster: full}}
      - {match: {prefix: /}, route: {cluster: a}}
    `,
    cases: RESULTS,
  };
}

// ── the cluster's own word on what is an error ──

const MATCHER = `{or_match: {rules: [
  {http_response_headers_match: {headers: [{name: x-error, present_match: true}]}},
  {and_match: {rules: [{http_response_headers_match: {headers: [{name: ":status", string_match: {exact: "429"}}]}}, {not_match: {http_response_headers_match: {headers: [{name: x-fine, present_match: true}]}}}]}},
  {http_request_headers_match: {headers: [{name: ":path", string_match: {exact: /}}]}}]}}`;

function matched(split: boolean): Configuration {
  const options = `{"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {}}, outlier_detection: {error_matcher: ${MATCHER}}}`;
  const showing = (one: Case): Case => ({
    ...one,
    admin: 'GET /stats',
    adminLines: /^cluster\.a\.outlier_detection\.ejections_detected.*: [1-9]/,
  });
  const answer = (name: string, line: string, headers: readonly (readonly [string, string])[] = [], send: Send = 'GET /'): Case =>
    showing({ name, send, upstream: { a: [status(line, { headers })] } });
  return {
    name: `errors by a matcher${split ? ', origins told apart' : ''}`,
    cluster: {
      a: `{typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: ${options}},
           outlier_detection: {consecutive_5xx: 1, consecutive_gateway_failure: 1, consecutive_local_origin_failure: 1, enforcing_consecutive_5xx: 0,
             enforcing_consecutive_local_origin_failure: 0, max_ejection_percent: 100, split_external_local_origin_errors: ${split}}}`,
    },
    cases: [
      answer('a plain 503', '503 Service Unavailable'),
      answer('a 200 that says it is an error', '200 OK', [['x-error', '1']]),
      answer('a 429', '429 Too Many Requests'),
      answer('a 429 that is fine', '429 Too Many Requests', [['x-fine', '']]),
      answer('a 500 that says it is an error', '500 Internal Server Error', [['x-error', '']]),
      answer(
        'gRPC',
        '200 OK',
        [
          ['grpc-status', '14'],
          ['content-type', 'application/grpc'],
        ],
        grpc('/'),
      ),
      showing({ name: 'closed before an answer', send: 'GET /', upstream: { a: [hangUp] } }),
      answer('fine', '200 OK'),
    ],
  };
}

// ── rates ──

const THREE = ['a', 'b', 'c'];

/** Traffic begins right after a sweep, the one that has brought host c back, and is short: the next sweep must find all of it. */
function rates(
  name: string,
  settings: string,
  failures: Readonly<Record<string, readonly Script[]>>,
  judged: Case,
  left: number,
): Configuration {
  return {
    name,
    upstreams: Object.fromEntries(THREE.map((upstream) => [upstream, 'http' as const])),
    clusters: cluster(
      'rated',
      THREE,
      `{interval: 0.95s, base_ejection_time: 1s, max_ejection_percent: 40, consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100,
        consecutive_5xx: 99, success_rate_request_volume: 4, failure_percentage_request_volume: 4, success_rate_minimum_hosts: 3,
        failure_percentage_minimum_hosts: 3, ${settings}}`,
    ),
    routes: '[{match: {prefix: /}, route: {cluster: rated}}]',
    bootstrap: EVENT_LOG,
    accessLog: '[]',
    cases: [
      { name: 'one is thrown out', ...together(6, '/', 'c', status('502 Bad Gateway')) },
      { name: 'it is out', until: active('rated', 1), admin: 'GET /clusters?filter=rated', adminLines: HEALTH },
      {
        name: 'it is back: some fail more than others',
        until: active('rated', 0),
        send: many(15, 'GET /'),
        anyOrder: true,
        upstream: failures,
      },
      judged,
      { name: 'statistics of it', admin: 'GET /stats', adminLines: DETECTION },
      { name: 'hosts after it', admin: 'GET /clusters?filter=rated', adminLines: HEALTH },
      {
        name: 'hosts after it, JSON',
        admin: 'GET /clusters?filter=rated&format=json',
        adminLines: /success_rate|threshold"|health|failed|value": [0-9-]/,
      },
      { name: 'who gets traffic', send: many(3 * left, 'GET /'), anyOrder: true },
    ],
  };
}

const OK = reply();
const E500 = status('500 Internal Server Error');

/** Who is thrown out, when, and what is said of it. */
export const outlier: Area = {
  name: 'outlier',
  configurations: [
    {
      name: 'rows of failures of one host',
      cluster: {
        a: `{outlier_detection: {interval: 0.5s, base_ejection_time: 1s, max_ejection_time: 1s, max_ejection_percent: 100}, ${STRICT}}`,
        b: `{outlier_detection: {}}`,
      },
      bootstrap: EVENT_LOG,
      accessLog: '[]',
      cases: [
        { name: 'all names', admin: 'GET /stats', adminLines: /outlier/ },
        { name: 'nothing yet', admin: 'GET /clusters', adminLines: HEALTH },
        { name: 'four failures', send: many(4, 'GET /'), upstream: { a: many(4, E500) }, admin: 'GET /stats', adminLines: DETECTION },
        { name: 'a success in between', send: many(6, 'GET /'), upstream: { a: [status('404 Not Found'), ...many(4, E500), OK] } },
        { name: 'five failures', send: many(5, 'GET /'), upstream: { a: many(5, E500) } },
        { name: 'thrown out', until: active('a', 1), send: many(2, 'GET /'), admin: 'GET /clusters', adminLines: HEALTH },
        { name: 'in JSON', admin: 'GET /clusters?format=json', adminLines: /name": "[ab]"|health|failed/ },
        { name: 'statistics', admin: 'GET /stats', adminLines: DETECTION },
        { name: 'back', until: active('a', 0), send: 'GET /', admin: 'GET /clusters', adminLines: HEALTH },
        { name: 'four failures after it', send: many(5, 'GET /'), upstream: { a: [...many(4, E500), OK] } },
        { name: 'gateway failures', send: many(5, 'GET /'), upstream: { a: many(5, status('502 Bad Gateway')) } },
        { name: 'thrown out again', until: active('a', 1), send: 'GET /', admin: 'GET /stats', adminLines: DETECTION },
        { name: 'back again', until: active('a', 0), send: 'GET /' },
      ],
    },
    results('what counts as a failure', ''),
    results(
      'what counts as a failure, origins told apart',
      'split_external_local_origin_errors: true, consecutive_local_origin_failure: 1, enforcing_consecutive_local_origin_failure: 0',
    ),
    {
      name: 'several hosts',
      upstreams: { a: 'http', b: 'http', c: 'http' },
      clusters:
        cluster(
          'three',
          ['a', 'b', 'c'],
          '{base_ejection_time: 300s, max_ejection_percent: 34}',
          'common_lb_config: {update_merge_window: 0s}',
        ) +
        cluster('careful', ['a', 'b', 'c'], '{}', 'common_lb_config: {update_merge_window: 0s}') +
        cluster('one_at_least', ['a', 'b', 'c'], '{always_eject_one_host: true}', 'common_lb_config: {update_merge_window: 0s}') +
        cluster(
          'panicking',
          ['a', 'b'],
          '{max_ejection_percent: 100}',
          'common_lb_config: {update_merge_window: 0s, healthy_panic_threshold: {value: 60}}',
        ),
      routes: `
        - {match: {prefix: /careful}, route: {cluster: careful}}
        - {match: {prefix: /one}, route: {cluster: one_at_least}}
        - {match: {prefix: /panic}, route: {cluster: panicking}}
        - {match: {prefix: /}, route: {cluster: three}}
      `,
      bootstrap: EVENT_LOG,
      accessLog: '[]',
      cases: [
        {
          name: 'one of three fails',
          ...together(15, '/', 'a', status('503 Service Unavailable')),
        },
        { name: 'the other two get the traffic', until: active('three', 1), send: many(6, 'GET /'), anyOrder: true },
        { name: 'health', admin: 'GET /clusters?filter=three', adminLines: HEALTH },
        { name: 'a second one is too many', ...together(10, '/', 'b', E500) },
        { name: 'statistics', admin: 'GET /stats', adminLines: /^cluster\.three\.(outlier_detection|membership)/ },
        {
          name: '10 % of three is nobody',
          ...together(15, '/careful', 'a', status('503 Service Unavailable')),
        },
        {
          name: 'so it goes on getting traffic',
          send: many(6, 'GET /careful'),
          anyOrder: true,
          admin: 'GET /stats',
          adminLines: /^cluster\.careful\.(outlier_detection|membership)/,
        },
        { name: 'one at least', ...together(15, '/one', 'b', E500) },
        {
          name: 'traffic without it',
          until: active('one_at_least', 1),
          send: many(6, 'GET /one'),
          anyOrder: true,
          admin: 'GET /clusters?filter=one',
          adminLines: HEALTH,
        },
        {
          name: 'but only one',
          ...together(10, '/one', 'c', E500),
          admin: 'GET /stats',
          adminLines: /^cluster\.one_at_least\.(outlier_detection|membership)/,
        },
        { name: 'half of two', ...together(10, '/panic', 'a', E500) },
        { name: 'is panic: all get traffic', until: active('panicking', 1), send: many(6, 'GET /panic'), anyOrder: true },
      ],
    },
    {
      name: 'another priority',
      clusters: `
        - name: tiers
          outlier_detection: {interval: 0.4s, base_ejection_time: 1.2s, max_ejection_percent: 50, consecutive_5xx: 2}
          ${STRICT}
          load_assignment: {cluster_name: tiers, endpoints: [{lb_endpoints: [${host('a')}]}, {priority: 1, lb_endpoints: [${host('b')}]}]}
      `,
      routes: '[{match: {prefix: /}, route: {cluster: tiers}}]',
      cases: [
        { name: 'the first fails', send: many(2, 'GET /'), upstream: { a: many(2, E500) } },
        {
          name: 'the second takes over',
          until: active('tiers', 1),
          send: many(2, 'GET /'),
          admin: 'GET /clusters?filter=tiers',
          adminLines: HEALTH,
        },
        {
          name: 'of two only one may go',
          send: many(3, 'GET /'),
          upstream: { b: many(2, E500) },
          admin: 'GET /stats',
          adminLines: /^cluster\.tiers\.outlier/,
        },
        { name: 'the first is back', until: active('tiers', 0), send: many(2, 'GET /') },
      ],
    },
    rates(
      'success rates',
      'success_rate_stdev_factor: 1000',
      { a: many(4, E500), b: [E500] },
      { name: 'the worst is thrown out', until: active('rated', 1) },
      2,
    ),
    rates(
      'success rates that only inform',
      'success_rate_stdev_factor: 1000, enforcing_success_rate: 0',
      { a: many(4, E500) },
      { name: 'nobody is thrown out', until: { 'cluster.rated.outlier_detection.ejections_detected_success_rate': 1 } },
      3,
    ),
    rates(
      'failure percentage',
      'success_rate_stdev_factor: 9000, enforcing_failure_percentage: 100, failure_percentage_threshold: 60',
      { a: many(2, E500), b: many(3, E500) },
      { name: 'the one at the threshold is thrown out', until: active('rated', 1) },
      2,
    ),
    {
      name: 'degraded hosts',
      cluster: {
        a: `{outlier_detection: {detect_degraded_hosts: true, interval: 0.3s, base_ejection_time: 0.6s, max_ejection_percent: 0}, ${STRICT}}`,
        b: '{outlier_detection: {}}',
      },
      routes: '[{match: {prefix: /b}, route: {cluster: b}}, {match: {prefix: /}, route: {cluster: a}}]',
      bootstrap: EVENT_LOG,
      accessLog: '[]',
      cases: [
        { name: 'one says so', send: many(2, 'GET /'), upstream: { a: many(2, reply({ headers: [['x-envoy-degraded', 'true']] })) } },
        {
          name: 'it is marked',
          until: { 'cluster.a.membership_degraded': 1 },
          admin: 'GET /clusters?filter=a',
          adminLines: HEALTH,
        },
        { name: 'in JSON', admin: 'GET /clusters?filter=a&format=json', adminLines: /health|degraded|failed/ },
        { name: 'it gets traffic', send: many(2, 'GET /'), admin: 'GET /stats', adminLines: DETECTION },
        {
          name: 'until it is forgotten',
          until: { 'cluster.a.membership_degraded': 0 },
          admin: 'GET /clusters?filter=a',
          adminLines: HEALTH,
        },
        {
          name: 'where it is not wanted',
          send: 'GET /b',
          upstream: { b: [reply({ headers: [['x-envoy-degraded', '']] })] },
          admin: 'GET /clusters?filter=b',
          adminLines: HEALTH,
        },
      ],
    },
    {
      name: 'TCP',
      upstreams: { a: 'tcp' },
      clusters: cluster('unheard', ['dead'], '{max_ejection_percent: 100, consecutive_5xx: 2}'),
      networkFilters: `
        - name: tcp
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: unheard}
      `,
      bootstrap: EVENT_LOG,
      cases: [
        { name: 'a failed connect', send: { raw: 'x', responses: 0 }, tcp: true, closes: true, admin: 'GET /stats', adminLines: DETECTION },
        { name: 'another one', send: { raw: 'x', responses: 0 }, tcp: true, closes: true },
        {
          name: 'no host any more',
          until: active('unheard', 1),
          send: { raw: 'x', responses: 0 },
          tcp: true,
          closes: true,
          admin: 'GET /stats',
          adminLines: DETECTION,
        },
      ],
    },
    {
      name: 'TCP, origins told apart',
      upstreams: { a: 'tcp' },
      cluster: {
        a: '{outlier_detection: {split_external_local_origin_errors: true, consecutive_local_origin_failure: 2, max_ejection_percent: 100}}',
      },
      networkFilters: `
        - name: tcp
          typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: a}
      `,
      cases: [
        {
          name: 'connections',
          send: { raw: 'x', payload: 1 },
          tcp: true,
          admin: 'GET /stats',
          adminLines: DETECTION,
        },
      ],
    },
    ...[false, true].map((split) => matched(split)),
    {
      name: 'runtime',
      cluster: {
        a: `{outlier_detection: {interval: 0.4s, max_ejection_percent: 0, base_ejection_time: 99s, max_ejection_time: 99s}, ${STRICT}}`,
      },
      bootstrap: `{cluster_manager: {outlier_detection: {event_log_path: "{{log}}"}}, layered_runtime: {layers: [{name: s, static_layer: {outlier_detection: {
        consecutive_5xx: 2, consecutive_gateway_failure: 3, enforcing_consecutive_gateway_failure: 0, max_ejection_percent: 100, base_ejection_time_ms: 500, max_ejection_time_ms: 500}}}]}}`,
      accessLog: '[]',
      cases: [
        { name: 'two failures are enough', send: many(2, 'GET /'), upstream: { a: many(2, E500) } },
        { name: 'thrown out', until: active('a', 1), send: 'GET /', admin: 'GET /stats', adminLines: DETECTION },
        { name: 'and soon back', until: active('a', 0), send: 'GET /' },
      ],
    },
  ],
};
