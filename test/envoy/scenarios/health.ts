import { type Area, type Case, get, reply } from '../harness/scenario.ts';

const check = (what: string, more = '') =>
  `health_checks: [{timeout: 5s, interval: 60s, unhealthy_threshold: 2, healthy_threshold: 2${more}, ${what}}]`;
const http = (path: string, more = '', outer = '') => check(`http_health_check: {path: ${path}${more}}`, outer);
const HOST = 'endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}, health_check_config: {port_value: {{hc}}}}';
const assignment = (name: string, host = HOST) => `load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{${host}}]}]}`;
/** A cluster whose one host is upstream `a`, checked at the check server. */
const cluster = (name: string, checks: string, more = '', host = HOST) =>
  `- {name: ${name}, ${checks}, ${assignment(name, host)}${more === '' ? '' : `, ${more}`}}`;
const NO_PANIC = 'common_lb_config: {healthy_panic_threshold: {value: 0}, update_merge_window: 0s}';

const flags = (of: string): Case => ({ name: `${of}: flags`, admin: 'GET /clusters', adminLines: new RegExp(`^${of}::.*health_flags`) });
const stats = (of: string): Case => ({
  name: `${of}: statistics`,
  admin: 'GET /stats',
  adminLines: new RegExp(`^cluster\\.${of}\\.(health_check|membership_)`),
});
const route = (name: string) => `- {match: {prefix: /${name}}, route: {cluster: ${name}}}`;

/** One cluster, checked once, and all that can be seen of it. */
function once(name: string, checks: string, shows: string | null = null, more = ''): { name: string; yaml: string; cases: Case[] } {
  const cases = [flags(name), stats(name), { name: `${name}: a request`, send: `GET /${name}` }];
  if (shows !== null) cases.push({ name: `${name}: the check`, shows });
  return { name, yaml: cluster(name, checks, more), cases };
}

const firstRound = [
  once('passes', http('/200'), '/200'),
  once('fails', http('/503', '', ', event_log_path: {{dir}}/fails.log'), '/503', NO_PANIC),
  once('panics', http('/500')),
  once('degraded', http('/200/x-envoy-degraded', '', ', event_log_path: {{dir}}/degraded.log')),
  once('excluded', http('/503/x-envoy-immediate-health-check-fail')),
  once('immediate_but_200', http('/200/x-envoy-immediate-health-check-fail')),
  once('other_statuses', http('/404', ', expected_statuses: [{start: 200, end: 201}, {start: 404, end: 405}]')),
  once('created_is_not_ok', http('/201')),
  once('retriable', http('/429', ', retriable_statuses: [{start: 400, end: 500}]')),
  once('body', http('/200/body=abcdef', ', receive: [{text: "6162"}, {text: "6566"}]')),
  once('body_wrong_order', http('/200/body=abcdef1', ', receive: [{text: "6566"}, {text: "6162"}]')),
  once('body_beyond', http('/200/body=abcdefgh', ', response_buffer_size: 4, receive: [{text: "6566"}]')),
  once('body_all', http('/200/body=abcdefghi', ', response_buffer_size: 0, receive: [{text: "6869"}]')),
  once('named', http('/200/x-envoy-upstream-healthchecked-cluster=orders-1', ', service_name_matcher: {prefix: orders}')),
  once('misnamed', http('/200/x-envoy-upstream-healthchecked-cluster=billing', ', service_name_matcher: {prefix: orders}')),
  once('unnamed', http('/200/x-n', ', service_name_matcher: {exact: orders}')),
  once('head', http('/200/x-head', ', method: HEAD, host: head.test'), '/200/x-head'),
  once('post', http('/200/x-post', ', method: POST'), '/200/x-post'),
  once('post_body', http('/200/x-send', ', method: POST, send: {text: "616263"}'), '/200/x-send'),
  once(
    'edited',
    http(
      '/200/x-edited',
      ', request_headers_to_remove: [user-agent], request_headers_to_add: [{header: {key: X-One, value: "1"}}, {header: {key: x-one, value: "2"}}, {header: {key: x-over, value: "%PROTOCOL%"}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}, {header: {key: x-empty, value: ""}}]',
    ),
    '/200/x-edited',
  ),
  once('http2', http('/200/x-h2', ', codec_client_type: HTTP2, request_headers_to_add: [{header: {key: x-a, value: "1"}}]'), '/200/x-h2'),
  once('http2_fails', http('/503/x-h2', ', codec_client_type: HTTP2')),
  once('tcp_connects', check('tcp_health_check: {}')),
  once('tcp_answers', check('tcp_health_check: {send: {text: "616263"}, receive: [{text: "41"}, {text: "43"}]}')),
  once('tcp_silent', check('tcp_health_check: {send: {text: "616263"}, receive: [{text: "ff"}]}').replace('timeout: 5s', 'timeout: 0.1s')),
];

const REDIS = 'type.googleapis.com/envoy.extensions.health_checkers.redis.v3.Redis';
const redis = (name: string, more = '') =>
  cluster(
    name,
    check(`custom_health_check: {name: r, typed_config: {"@type": ${REDIS}${more}}}`),
    '',
    'endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{hc}}}}}',
  );

const HTTP2 =
  'typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}';
const grpc = (name: string, more: string) => cluster(name, check(`grpc_health_check: {${more.replace(/^, /, '')}}`), HTTP2);

/** Checks every 30 ms, before and after traffic. */
const OFTEN =
  'no_traffic_interval: 0.03s, interval: 0.03s, timeout: 0.5s, event_log_path: {{dir}}/events.log, unhealthy_threshold: 2, healthy_threshold: 2';
const turning = (more = '') => `{health_checks: [{${OFTEN}${more}, http_health_check: {path: /state}}], ${NO_PANIC}, ${assignment('a')}}`;
const becomes = (name: string, checks: string, line: RegExp): Case => ({
  name,
  checks,
  admin: 'GET /clusters',
  adminLines: /^a::.*health_flags/,
  adminUntil: line,
});
const eds = (...names: string[]) =>
  `resources:\n- {"@type": type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment, cluster_name: eds, endpoints: [{lb_endpoints: [${names
    .map(
      (name) =>
        `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${name}}}}}, health_check_config: {port_value: {{hc}}}}}`,
    )
    .join(', ')}]}]}\n`;
const edsFlags = (adminUntil: RegExp) => ({ admin: 'GET /clusters', adminLines: /^eds::.*health_flags/, adminUntil });
const COUNTS = /health_check\.(attempt|success|failure|network_failure)$/;

const PLAIN = 'endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}';
const filter = (config: string) =>
  `- {name: envoy.filters.http.health_check, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck, ${config}}}`;

/** Active health checks: what they ask, what they make of the answer, what is seen of it. */
export const health: Area = {
  name: 'health',
  configurations: [
    {
      name: 'the first round',
      routes: firstRound.map(({ name }) => route(name)).join('\n'),
      clusters: firstRound.map(({ yaml }) => yaml).join('\n'),
      // Named after the library that Envoy speaks HTTP/2 with.
      ignoreStats: /\.nghttp2_/,
      cases: [
        ...firstRound.flatMap(({ cases }) => cases),
        { name: 'flags in JSON', admin: 'GET /clusters?format=json', adminLines: /"name": "[a-z_]+",?$|fail|degraded|excl|HEALTHY/ },
        { name: 'event of a failure', file: { name: 'fails.log', lines: 1 } },
        { name: 'events of a degraded host', file: { name: 'degraded.log', lines: 2 } },
      ],
    },
    {
      name: 'gRPC',
      clusters: [
        grpc('all', ''),
        grpc('one', ', service_name: svc, authority: auth.test, initial_metadata: [{header: {key: x-a, value: "1"}}]'),
        grpc('sick', ', service_name: sick'),
        grpc('unknown', ', service_name: unknown'),
      ].join('\n'),
      cases: [
        ...['all', 'one', 'sick', 'unknown'].flatMap((name) => [flags(name), stats(name)]),
        { name: 'the check of the server', shows: '' },
        { name: 'the check of a service', shows: 'svc' },
      ],
      // Of the HTTP/2 codec that Envoy checks with.
      ignoreStats: /^cluster\.(all|one|sick|unknown)\.http2\./,
    },
    // One key a process: Envoy asks for the first one's in all clusters.
    ...['gone', 'busy'].map((key) => ({
      name: `Redis, ${key}`,
      clusters: [redis('ping'), redis('exists', `, key: ${key}`)].join('\n'),
      cases: [
        ...['ping', 'exists'].flatMap((name) => [flags(name), stats(name)]),
        { name: 'PING', shows: 'PING' },
        { name: 'EXISTS', shows: 'EXISTS' },
      ],
      // Envoy's Redis client counts its connections and commands as the cluster's own; checks are no traffic here.
      ignoreStats: /^cluster\.(ping|exists)\.upstream_/,
    })),
    {
      name: 'endpoints of their own',
      routes: ['refused', 'unchecked', 'hostname', 'priorities'].map(route).join('\n'),
      clusters: [
        `- {name: refused, ${http('/200')}, ${NO_PANIC}, ${assignment('refused', 'endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}, health_check_config: {port_value: {{dead}}}}')}}`,
        `- {name: unchecked, ${http('/503')}, ${assignment('unchecked', 'endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}, health_check_config: {disable_active_health_check: true}}')}}`,
        `- {name: hostname, ${http('/200/x-host', ', host: not.this')}, ${assignment('hostname', 'endpoint: {hostname: web.test, address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}, health_check_config: {hostname: hc.test, address: {socket_address: {address: 127.0.0.1, port_value: {{hc}}}}}}')}}`,
        `- name: priorities
  ${http('/200')}
  load_assignment:
    cluster_name: priorities
    endpoints:
    - {priority: 0, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}, health_check_config: {port_value: {{dead}}}}}]}
    - {priority: 1, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{b}}}}, health_check_config: {port_value: {{hc}}}}}]}`,
      ].join('\n'),
      cases: [
        ...['refused', 'unchecked', 'hostname', 'priorities'].flatMap((name) => [
          flags(name),
          stats(name),
          { name: `${name}: a request`, send: `GET /${name}` },
        ]),
        { name: 'hostname: the check', shows: '/200/x-host' },
      ],
    },
    {
      name: 'a host that comes and goes',
      upstreams: { a: 'http' },
      cluster: { a: turning() },
      ignoreStats: COUNTS,
      statsDiffer: {
        reason: 'Envoy never takes a host that is no longer degraded out of its gauge',
        changes: ['- cluster.a.health_check.degraded: 1'],
      },
      cases: [
        { name: 'healthy', send: 'GET /' },
        becomes('fails at once', '503', /failed_active_hc/),
        { name: 'no healthy host', send: 'GET /' },
        becomes('and comes back', '200', /flags::healthy/),
        { name: 'served again', send: 'GET /' },
        becomes('degraded', '200 x-envoy-degraded', /degraded_active_hc/),
        { name: 'served although degraded', send: 'GET /' },
        becomes('no longer degraded', '200', /flags::healthy/),
        becomes('closes connections', 'close', /failed_active_hc/),
        becomes('comes back again', '200', /flags::healthy/),
        becomes('does not answer', 'silence', /active_hc_timeout/),
        becomes('answers wrongly after that', '503', /failed_active_hc$/),
        becomes('excluded', '503 x-envoy-immediate-health-check-fail', /excluded/),
        becomes('all is well', '200', /flags::healthy/),
        { name: 'membership', admin: 'GET /stats', adminLines: /^cluster\.a\.membership/ },
        { name: 'events', file: { name: 'events.log', lines: 11 } },
      ],
    },
    {
      name: 'every result logged',
      upstreams: { a: 'http' },
      cluster: {
        a: turning(', always_log_health_check_failures: true, always_log_health_check_success: true').replaceAll('0.03s', '0.15s'),
      },
      ignoreStats: COUNTS,
      cases: [
        { name: 'successes', file: { name: 'events.log', lines: 3 } },
        becomes('fails', '503', /failed_active_hc/),
        { name: 'a request while it fails', send: 'GET /' },
        becomes('comes back', '200', /flags::healthy/),
      ],
    },
    {
      name: 'a response that fails its host',
      upstreams: { a: 'http' },
      cluster: { a: `{${http('/200')}, ${NO_PANIC}, ${assignment('a')}}` },
      cases: [
        {
          name: 'the response passes',
          send: 'GET /',
          upstream: { a: [reply({ headers: [['x-envoy-immediate-health-check-fail', 'true']], body: 'x' })] },
        },
        { name: 'the flags', admin: 'GET /clusters', adminLines: /^a::.*health_flags/, adminUntil: /failed_active_hc/ },
        stats('a'),
        { name: 'the next request', send: 'GET /' },
      ],
    },
    {
      name: 'connections of a host that fails',
      upstreams: { a: 'http' },
      cluster: { a: turning() },
      ignoreStats: COUNTS,
      cases: [
        { name: 'a connection', send: 'GET /' },
        becomes('fails', '503', /failed_active_hc/),
        {
          name: 'closed',
          admin: 'GET /stats',
          adminLines: /^cluster\.a\.upstream_cx_(active|destroy|destroy_local|destroy_remote|total):/,
          adminUntil: /upstream_cx_destroy: 1/,
        },
      ],
    },
    {
      name: 'hosts that discovery removes',
      routes: route('eds'),
      files: { 'eds.yaml': eds('a', 'b') },
      clusters: `- {name: eds, type: EDS, eds_cluster_config: {eds_config: {path_config_source: {path: "{{dir}}/eds.yaml"}}}, ${NO_PANIC}, health_checks: [{${OFTEN}, http_health_check: {path: /state}}]}`,
      ignoreStats: COUNTS,
      statsDiffer: {
        reason: 'Envoy makes, and looks up the transport socket of, every host that an update names, also those that it knows',
        changes: ['- cluster.eds.default.total_match_count: 6', '+ cluster.eds.default.total_match_count: 2'],
      },
      cases: [
        flags('eds'),
        { name: 'one stays though it is not named any more', writes: { 'eds.yaml': eds('a') }, ...edsFlags(/pending_dynamic_removal/) },
        { name: 'it counts', admin: 'GET /stats', adminLines: /^cluster\.eds\.membership_/ },
        { name: 'it is named again', writes: { 'eds.yaml': eds('a', 'b') }, ...edsFlags(/^eds::.*\{b\}.*healthy/) },
        { name: 'and not', writes: { 'eds.yaml': eds('b') }, ...edsFlags(/pending_dynamic_removal/) },
        {
          name: 'its first failure ends it',
          checks: '503',
          admin: 'GET /stats',
          adminLines: /^cluster\.eds\.membership_(total|healthy|change)/,
          adminUntil: /membership_total: 1$/,
        },
        { name: 'the other is there, failing', ...edsFlags(/failed_active_hc/) },
        { name: 'until all is well', checks: '200', ...edsFlags(/flags::healthy/) },
      ],
    },
    {
      name: 'the filter, answering by itself',
      filters: filter('pass_through_mode: false, headers: [{name: ":path", string_match: {exact: /hc}}]'),
      cases: [
        { name: 'a check', send: ['GET /hc', 'HEAD /hc', { method: 'POST', path: '/hc', body: 'abc' }] },
        { name: 'another path', send: ['GET /hc2', 'GET /'] },
        { name: 'told to fail', admin: 'POST /healthcheck/fail' },
        { name: 'a check fails', send: 'GET /hc' },
        { name: 'others are told', send: 'GET /' },
        { name: 'told to be well', admin: 'POST /healthcheck/ok' },
        { name: 'a check is answered again', send: 'GET /hc' },
        { name: 'others are told nothing', send: 'GET /' },
      ],
    },
    {
      name: 'the filter, passing through',
      filters: filter(
        'pass_through_mode: true, headers: [{name: ":path", string_match: {prefix: /hc}}, {name: x-probe, present_match: true}]',
      ),
      cases: [
        { name: 'a check', send: get('/hc', ['x-probe', '1']) },
        { name: 'no check without the header', send: 'GET /hc' },
        { name: 'one with a body', send: { method: 'PUT', path: '/hc/x', headers: [['x-probe', '1']], body: 'abc' } },
        { name: 'told to fail', admin: 'POST /healthcheck/fail' },
        { name: 'a check fails', send: get('/hc', ['x-probe', '1']) },
        { name: 'one with a body fails', send: { method: 'PUT', path: '/hc/x', headers: [['x-probe', '1']], body: 'abc' } },
      ],
    },
    {
      name: 'the filter, with a cache',
      filters: filter('pass_through_mode: true, cache_time: 3600s, headers: [{name: ":path", string_match: {exact: /hc}}]'),
      cases: [
        { name: 'other requests fill no cache', send: ['GET /', 'GET /'] },
        {
          name: 'one check goes through',
          send: ['GET /hc', 'GET /hc', 'GET /hc'],
          upstream: { a: [reply({ status: '429 No', headers: [['x-envoy-degraded', 'yes']], body: 'x' })] },
        },
        { name: 'told to fail', admin: 'POST /healthcheck/fail' },
        { name: 'that comes first', send: 'GET /hc' },
      ],
    },
    {
      name: 'the filter, with clusters',
      filters: [
        ['all', 'a: {value: 100}'],
        ['half', 'two: {value: 50}'],
        ['more', 'two: {value: 50.5}'],
        ['most', 'two: {value: 51}'],
        ['none', 'empty: {value: 0}'],
        ['some', 'empty: {value: 1}'],
        ['unknown', 'nowhere: {value: 0}'],
        ['degraded', 'degraded: {value: 100}'],
      ]
        .map(([path, min]) =>
          filter(
            `pass_through_mode: false, cluster_min_healthy_percentages: {${min}}, headers: [{name: ":path", string_match: {exact: /${path}}}]`,
          ),
        )
        .join('\n'),
      clusters: [
        `- {name: empty, type: STATIC}`,
        `- {name: two, load_assignment: {cluster_name: two, endpoints: [{lb_endpoints: [{${PLAIN}}, {health_status: UNHEALTHY, endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{b}}}}}}]}]}}`,
        `- {name: degraded, ${assignment('degraded', `health_status: DEGRADED, ${PLAIN}`)}}`,
      ].join('\n'),
      cases: ['all', 'half', 'more', 'most', 'none', 'some', 'unknown', 'degraded'].map((path) => ({ name: path, send: `GET /${path}` })),
    },
  ],
};
