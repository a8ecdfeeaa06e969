import { frame, request } from '../../http/h2/frames.ts';
import { type Area, type Case, gated, reply } from '../harness/scenario.ts';

const RESOURCE = 'envoy.resource_monitors.injected_resource';
const PRESSURE = `overload.${RESOURCE}.pressure`;
const injected = `{name: ${RESOURCE}, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig, filename: "{{dir}}/pressure"}}`;
const at = (value: number) => `triggers: [{name: ${RESOURCE}, threshold: {value: ${value}}}]`;
const action = (name: string, value = 0.9, more = '') => `{name: envoy.overload_actions.${name}, ${at(value)}${more}}`;
const point = (name: string, value = 0.9) => `{name: envoy.load_shed_points.${name}, ${at(value)}}`;
const manager = (actions: readonly string[], points: readonly string[] = [], more = '') => `
  overload_manager:
    refresh_interval: 0.02s
    ${more}
    resource_monitors: [${injected}]
    actions: [${actions.join(', ')}]
    loadshed_points: [${points.join(', ')}]
`;
const START = { files: { pressure: '0' } };
/** A case under this pressure. */
const under = (percent: number, more: Omit<Case, 'writes' | 'until'>): Case => ({
  writes: { pressure: String(percent / 100) },
  until: { [PRESSURE]: percent },
  ...more,
});
const FRAMES = /^(RST_STREAM|HEADERS|DATA|GOAWAY)/;
const OK = reply({ body: 'ok' });
const STATS = {
  admin: 'GET /stats',
  adminLines: /^(overload\.envoy|envoy\.|(http|listener)\.(?!admin).*(overload|rq_completed|rq_5xx|rq_2xx))/,
};
const GRPC = { method: 'POST', path: '/s/m', headers: [['content-type', 'application/grpc']], body: '' } as const;

const FAILURE = reply({ status: '503 Service Unavailable' });
const NOT_FOUND = reply({ status: '404 Not Found' });
const grpcReply = (status: string) =>
  reply({
    headers: [
      ['content-type', 'application/grpc'],
      ['grpc-status', status],
    ],
  });
/** Draws nothing: after one failure every request is refused. */
const admissionControl = (more: string, criteria = '') => `
  - name: ac
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.admission_control.v3.AdmissionControl
      success_criteria: {${criteria}}
      sampling_window: 600s
      aggression: {runtime_key: ac.aggression, default_value: 100000000}
      ${more.includes('max_rej') ? '' : 'max_rejection_probability: {runtime_key: ac.max, default_value: {value: 100}}'}
      ${more}
`;
const adaptiveConcurrency = (rtt: string, limits = '', more = '') => `
  - name: conc
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency
      gradient_controller_config:
        concurrency_limit_params: {concurrency_update_interval: 100s, ${limits}}
        min_rtt_calc_params: {${rtt}}
      ${more}
`;
const RUNTIME = `
  layered_runtime: {layers: [{name: admin, admin_layer: {}}]}
`;

/** Overload manager, load shedding, and what shapes traffic by its outcome. */
export const overload: Area = {
  name: 'overload',
  configurations: [
    {
      name: 'stop_accepting_requests',
      ...START,
      bootstrap: manager([action('stop_accepting_requests')]),
      cases: [
        { name: 'without pressure', send: 'GET /', upstream: { a: [OK] } },
        under(89, { name: 'below the threshold', send: 'GET /', upstream: { a: [OK] } }),
        under(90, { name: 'at the threshold', send: ['GET /', 'HEAD /', { method: 'POST', path: '/', body: 'abc' }] }),
        under(95, { name: 'a gRPC request', send: GRPC }),
        under(96, { name: 'a request that would be refused anyway', send: ['GET /', { path: '/', host: '' }] }),
        under(97, { name: 'statistics while active', ...STATS }),
        under(10, { name: 'pressure is gone', send: 'GET /', upstream: { a: [OK] } }),
        under(11, { name: 'statistics afterwards', ...STATS }),
        { name: 'a pressure that is none', writes: { pressure: '1.5' }, send: 'GET /', upstream: { a: [OK] } },
        under(93, { name: 'a pressure again', send: 'GET /' }),
      ],
    },
    {
      name: 'answers say that they are local',
      ...START,
      hcm: '{append_local_overload: true}',
      bootstrap: manager([action('stop_accepting_requests')]),
      cases: [under(90, { name: 'x-envoy-local-overloaded', send: ['GET /', GRPC] })],
    },
    {
      name: 'disable_http_keepalive',
      ...START,
      bootstrap: manager([action('disable_http_keepalive')]),
      cases: [
        under(50, { name: 'kept', send: ['GET /', 'GET /'], upstream: { a: [OK, OK] } }),
        under(90, { name: 'closed after the response', send: 'GET /', upstream: { a: [OK] } }),
        under(92, { name: 'statistics', ...STATS }),
        under(20, { name: 'kept again', send: ['GET /', 'GET /'], upstream: { a: [OK, OK] } }),
      ],
    },
    {
      name: 'reject_incoming_connections',
      ...START,
      bootstrap: manager([action('reject_incoming_connections')]),
      cases: [
        under(50, { name: 'accepted', send: 'GET /', upstream: { a: [OK] } }),
        under(90, { name: 'rejected', send: { raw: '', responses: 0 }, closes: true }),
        under(91, { name: 'statistics', ...STATS }),
        under(50, { name: 'accepted again', send: 'GET /', upstream: { a: [OK] } }),
      ],
    },
    {
      name: 'listeners may bypass the overload manager',
      ...START,
      listener: '{bypass_overload_manager: true}',
      bootstrap: manager([action('reject_incoming_connections')]),
      cases: [under(90, { name: 'accepted', send: 'GET /', upstream: { a: [OK] } })],
    },
    {
      name: 'actions that scale',
      ...START,
      bootstrap: `
        overload_manager:
          refresh_interval: 0.02s
          resource_monitors: [${injected}]
          buffer_factory_config: {minimum_account_to_track_power_of_two: 12}
          actions:
          - {name: envoy.overload_actions.shrink_heap, triggers: [{name: ${RESOURCE}, scaled: {scaling_threshold: 0.5, saturation_threshold: 0.75}}]}
          - {name: envoy.overload_actions.reset_high_memory_stream, triggers: [{name: ${RESOURCE}, scaled: {scaling_threshold: 0.25, saturation_threshold: 0.75}}]}
          - name: envoy.overload_actions.reduce_timeouts
            triggers: [{name: ${RESOURCE}, scaled: {scaling_threshold: 0.5, saturation_threshold: 1.0}}]
            typed_config:
              "@type": type.googleapis.com/envoy.config.overload.v3.ScaleTimersOverloadActionConfig
              timer_scale_factors:
              - {timer: HTTP_DOWNSTREAM_STREAM_IDLE, min_timeout: 0.6s}
              - {timer: HTTP_DOWNSTREAM_CONNECTION_IDLE, min_scale: {value: 10}}
              - {timer: TRANSPORT_SOCKET_CONNECT, min_timeout: 1s}
      `,
      hcm: '{stream_idle_timeout: 60s}',
      cases: [
        under(50, { name: 'not yet', ...STATS }),
        under(75, { name: 'halfway', ...STATS }),
        under(100, { name: 'a stream that waits ends early', send: 'GET /', upstream: { a: [[]] } }),
        under(100, { name: 'saturated', ...STATS }),
        under(0, { name: 'and nothing', ...STATS }),
      ],
    },
    {
      name: 'load-shed point tcp_listener_accept',
      ...START,
      bootstrap: manager([], [point('tcp_listener_accept')]),
      cases: [
        under(90, { name: 'rejected', send: { raw: '', responses: 0 }, closes: true }),
        under(91, { name: 'statistics', ...STATS }),
        under(0, { name: 'accepted', send: 'GET /', upstream: { a: [OK] } }),
      ],
    },
    {
      name: 'load-shed point http_connection_manager_decode_headers',
      ...START,
      hcm: '{append_local_overload: true}',
      bootstrap: manager([], [point('http_connection_manager_decode_headers')]),
      cases: [
        under(90, { name: 'refused', send: ['GET /', { method: 'POST', path: '/', body: 'abc' }] }),
        under(91, { name: 'statistics', ...STATS }),
        under(0, { name: 'passed', send: 'GET /', upstream: { a: [OK] } }),
      ],
    },
    {
      name: 'load-shed point http1_server_abort_dispatch',
      ...START,
      bootstrap: manager([], [point('http1_server_abort_dispatch')]),
      cases: [
        under(90, { name: 'refused', send: 'GET /' }),
        under(91, { name: 'with a body', send: { method: 'POST', path: '/', body: 'abc' } }),
        under(92, {
          name: 'HEAD',
          send: 'HEAD /',
          differs: {
            reason: 'an answer to HEAD has no body (RFC 9110 §9.3.2); Envoy has not seen the method yet, and sends one',
            changes: ['- [unasked] Internal Server Error', '- [message cut off]'],
          },
        }),
        under(93, { name: 'statistics', ...STATS }),
      ],
    },
    {
      name: 'load-shed point http2_server_go_away_on_dispatch',
      ...START,
      bootstrap: manager([], [point('http2_server_go_away_on_dispatch')]),
      cases: [
        under(90, {
          name: 'the requests of one read are served',
          http2: { frames: [Buffer.concat([frame(1, 5, 1, request()), frame(1, 5, 3, request())])], shows: FRAMES },
          upstream: { a: [OK, OK] },
        }),
        under(91, {
          name: 'a later request',
          http2: { frames: [frame(1, 5, 1, request()), frame(1, 5, 3, request())], shows: FRAMES },
          upstream: { a: [OK, OK] },
        }),
        under(92, { name: 'statistics', admin: STATS.admin, adminLines: /^http\.(?!admin).*(overload|rq_completed|rq_2xx|goaway)/ }),
        under(0, { name: 'passed', http2: { requests: [{ headers: {} }, { headers: {} }] }, upstream: { a: [OK, OK] } }),
        under(93, { name: 'HTTP/1 connections close too', send: 'GET /', upstream: { a: [OK] } }),
      ],
    },
    {
      name: 'load-shed point http2_server_go_away_and_close_on_dispatch',
      ...START,
      bootstrap: manager([], [point('http2_server_go_away_and_close_on_dispatch')]),
      cases: [
        under(90, { name: 'closed', http2: { frames: [frame(1, 5, 1, request())], shows: FRAMES, closes: true } }),
        under(91, { name: 'statistics', ...STATS }),
        under(0, { name: 'passed', http2: { requests: [{ headers: {} }] }, upstream: { a: [OK] } }),
        under(92, { name: 'HTTP/1 is closed too', send: { raw: 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', responses: 0 }, closes: true }),
      ],
    },
    {
      name: 'load-shed point hcm_ondata_creating_codec',
      ...START,
      bootstrap: manager([], [point('hcm_ondata_creating_codec')]),
      cases: [
        under(90, { name: 'refused', send: { raw: 'GET / HTTP/1.1\r\nhost: h\r\n\r\n', responses: 0 }, closes: true }),
        under(91, { name: 'statistics', ...STATS }),
      ],
    },
    {
      name: 'load-shed point http_downstream_filter_check',
      ...START,
      hcm: '{append_local_overload: true}',
      routes: `
        - {match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: here}}}
        - {match: {prefix: /nowhere}, route: {cluster: nowhere}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      routeConfig: '{validate_clusters: false}',
      bootstrap: manager([], [point('http_downstream_filter_check')]),
      cases: [
        under(90, { name: 'the router asks', send: ['GET /', GRPC] }),
        under(91, { name: 'for what goes upstream', send: ['GET /direct', 'GET /nowhere'] }),
        under(92, { name: 'statistics', ...STATS }),
        under(0, { name: 'passed', send: 'GET /', upstream: { a: [OK] } }),
      ],
    },
    {
      name: 'load-shed point connection_pool_new_connection',
      ...START,
      bootstrap: manager([], [point('connection_pool_new_connection')]),
      cases: [
        under(90, { name: 'no connection, no request', send: ['GET /', { method: 'POST', path: '/', body: 'abc' }] }),
        under(91, { name: 'statistics', ...STATS }),
        under(0, { name: 'connected', send: 'GET /', upstream: { a: [OK] } }),
        under(92, { name: 'a connection that is there is used', send: 'GET /', upstream: { a: [OK] } }),
      ],
    },
    {
      name: 'limit on all connections',
      bootstrap: `
        overload_manager:
          refresh_interval: 0.02s
          resource_monitors:
          - name: envoy.resource_monitors.global_downstream_max_connections
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
              max_active_downstream_connections: 2
      `,
      cases: [
        {
          name: 'the third is closed',
          parallel: [
            { send: 'GET /', until: 'upstream' },
            { send: 'GET /', until: 'upstream' },
            { send: { raw: '', responses: 0 }, until: 'sent' },
          ],
          upstream: {
            a: [
              [{ gate: true }, ...OK],
              [{ gate: true }, ...OK],
            ],
          },
        },
        { name: 'there is room again', until: { 'http.ingress.downstream_cx_active': 0 }, send: 'GET /', upstream: { a: [OK] } },
      ],
    },
    {
      name: 'admission control',
      filters: admissionControl('sr_threshold: {runtime_key: ac.sr, default_value: {value: 99}}'),
      cases: [
        { name: 'successes', send: ['GET /', 'GET /'], upstream: { a: [OK, NOT_FOUND] } },
        { name: 'the first failure passes', send: 'GET /', upstream: { a: [FAILURE] } },
        { name: 'then all are refused', send: ['GET /', 'HEAD /', { method: 'POST', path: '/', body: 'abc' }] },
        { name: 'gRPC requests too', send: GRPC },
      ],
    },
    {
      name: 'admission control, gRPC',
      filters: admissionControl('max_rejection_probability: {runtime_key: ac.max, default_value: {value: 0}}'),
      cases: [
        { name: 'a status in the headers', send: GRPC, upstream: { a: [grpcReply('3'), grpcReply('14')] } },
        { name: 'an unavailable one', send: GRPC, upstream: { a: [grpcReply('14')] } },
        { name: 'no gRPC at all', send: GRPC, upstream: { a: [FAILURE] } },
      ],
    },
    {
      name: 'admission control with criteria of its own',
      filters: admissionControl('', 'http_criteria: {http_success_status: [{start: 200, end: 300}]}'),
      cases: [
        { name: '404 is a failure', send: 'GET /', upstream: { a: [NOT_FOUND] } },
        { name: 'so the next is refused', send: 'GET /' },
      ],
    },
    {
      name: 'admission control below its rate',
      filters: admissionControl('rps_threshold: {runtime_key: ac.rps, default_value: 100}'),
      cases: [{ name: 'failures pass', send: ['GET /', 'GET /', 'GET /'], upstream: { a: [FAILURE, FAILURE, FAILURE] } }],
    },
    {
      name: 'admission control switched off by the runtime',
      filters: admissionControl('enabled: {runtime_key: ac.enabled, default_value: true}'),
      bootstrap: RUNTIME,
      cases: [
        { name: 'on', send: ['GET /', 'GET /'], upstream: { a: [FAILURE] } },
        { name: 'switched off', admin: 'POST /runtime_modify?ac.enabled=false' },
        { name: 'off', send: ['GET /', 'GET /'], upstream: { a: [FAILURE, FAILURE] } },
        { name: 'switched on', admin: 'POST /runtime_modify?ac.enabled=true' },
        { name: 'on again', send: 'GET /' },
      ],
    },
    {
      name: 'adaptive concurrency while minRTT is measured',
      filters: adaptiveConcurrency('interval: 60s, request_count: 1000, min_concurrency: 2'),
      cases: [
        { name: 'one after the other', send: ['GET /', 'GET /', 'GET /'], upstream: { a: [OK, OK, FAILURE] } },
        {
          name: 'the third at once is refused',
          parallel: [
            { send: 'GET /1', until: 'upstream' },
            { send: 'GET /2', until: 'upstream' },
            { send: 'GET /3', until: 'answered' },
            { send: GRPC, until: 'answered' },
          ],
          upstream: { a: [gated(OK), gated(OK)] },
        },
        { name: 'there is room again', send: 'GET /', upstream: { a: [OK] } },
        {
          name: 'a client that leaves makes room',
          parallel: [
            { send: 'GET /1', until: 'upstream', abort: true },
            { send: 'GET /2', until: 'upstream' },
          ],
          upstream: { a: [[], gated(OK)] },
        },
        { name: 'and room it is', send: ['GET /', 'GET /'], upstream: { a: [OK, OK] } },
      ],
    },
    {
      name: 'adaptive concurrency with a minRTT that is known',
      filters: adaptiveConcurrency('fixed_value: 0.005s', 'min_concurrency_limit: 1', 'concurrency_limit_exceeded_status: {code: 429}'),
      cases: [
        {
          name: 'the second at once is refused',
          parallel: [
            { send: 'GET /1', until: 'upstream' },
            { send: 'GET /2', until: 'answered' },
          ],
          upstream: { a: [gated(OK)] },
        },
      ],
    },
    {
      name: 'adaptive concurrency switched off by the runtime',
      filters: adaptiveConcurrency('interval: 60s, min_concurrency: 1', '', 'enabled: {runtime_key: conc.enabled, default_value: true}'),
      bootstrap: `
        layered_runtime: {layers: [{name: s, static_layer: {conc: {enabled: false}}}]}
      `,
      cases: [
        {
          name: 'nothing is refused',
          parallel: [
            { send: 'GET /1', until: 'upstream' },
            { send: 'GET /2', until: 'answered' },
          ],
          upstream: { a: [gated(OK), OK] },
        },
      ],
    },
    {
      name: 'runtime layers',
      files: {
        'v1/envoy/sub/number': '7\n',
        'v1/envoy/text': '# a comment\nhello \n',
        'v1/envoy/fraction': 'numerator: 3\ndenominator: TEN_THOUSAND\n',
        'v1/override/service-1/sub/number': '9',
        'v2/envoy/sub/number': '8',
      },
      links: { current: 'v1' },
      bootstrap: `
        layered_runtime:
          layers:
          - {name: static, static_layer: {a: {b: 1, c: true, d: 0.25, e: "x y"}, sub.number: 3}}
          - {name: disk, disk_layer: {symlink_root: "{{dir}}/current", subdirectory: envoy}}
          - {name: override, disk_layer: {symlink_root: "{{dir}}/current", subdirectory: override, append_service_cluster: true}}
          - {name: missing, disk_layer: {symlink_root: "{{dir}}/current", subdirectory: nothing}}
          - {name: admin, admin_layer: {}}
      `,
      cases: [
        { name: 'at the start', admin: 'GET /runtime' },
        { name: 'statistics', admin: 'GET /stats', adminLines: /^runtime\./ },
        { name: 'overrides', admin: 'POST /runtime_modify?a.b=3&z=1' },
        { name: 'with overrides', admin: 'GET /runtime' },
        { name: 'statistics with overrides', admin: 'GET /stats', adminLines: /^runtime\./ },
        { name: 'the root swapped', links: { current: 'v2' }, until: { 'runtime.num_layers': 3 }, admin: 'GET /runtime' },
        { name: 'statistics of the swap', until: { 'runtime.load_success': 6 }, admin: 'GET /stats', adminLines: /^runtime\./ },
        { name: 'an override taken back', admin: 'POST /runtime_modify?a.b=&z=' },
        { name: 'without overrides', admin: 'GET /stats', adminLines: /^runtime\./ },
      ],
    },
    {
      name: 'paths normalised by the runtime',
      bootstrap: `
        layered_runtime: {layers: [{name: s, static_layer: {http_connection_manager: {normalize_path: 100}}}]}
      `,
      cases: [{ name: 'where the configuration says nothing', send: ['GET /a/../b/%7Ec', 'GET /a/./b'], upstream: { a: [OK, OK] } }],
    },
    {
      name: 'runtime values take effect at once',
      bootstrap: RUNTIME,
      routes: `
        - {match: {prefix: /some, runtime_fraction: {runtime_key: some, default_value: {numerator: 0}}}, direct_response: {status: 200, body: {inline_string: some}}}
        - {match: {prefix: /}, route: {cluster: a, retry_policy: {retry_on: 5xx}}}
      `,
      cases: [
        { name: 'as configured', send: 'GET /some', upstream: { a: [FAILURE, OK] } },
        { name: 'a fraction as a percentage', admin: 'POST /runtime_modify?some=100' },
        { name: 'the route matches', send: 'GET /some' },
        { name: 'a fraction as JSON', admin: 'POST /runtime_modify?some={numerator:0,denominator:MILLION}' },
        { name: 'it does not', send: 'GET /some', upstream: { a: [OK] } },
        { name: 'no retries', admin: 'POST /runtime_modify?upstream.use_retry=0' },
        { name: 'so the failure is passed on', send: 'GET /', upstream: { a: [FAILURE] } },
        { name: 'retries again', admin: 'POST /runtime_modify?upstream.use_retry=' },
        { name: 'so there is another try', send: 'GET /', upstream: { a: [FAILURE, OK] } },
        { name: 'a breaker of 0', admin: 'POST /runtime_modify?circuit_breakers.a.default.max_requests=0' },
        { name: 'opens', send: 'GET /' },
        { name: 'and 10', admin: 'POST /runtime_modify?circuit_breakers.a.default.max_requests=10' },
        { name: 'closes', send: 'GET /', upstream: { a: [OK] } },
        { name: 'maintenance', admin: 'POST /runtime_modify?upstream.maintenance_mode.a=100' },
        { name: 'is said', send: 'GET /' },
        { name: 'is over', admin: 'POST /runtime_modify?upstream.maintenance_mode.a=0' },
        { name: 'and all is well', send: 'GET /', upstream: { a: [OK] } },
        { name: 'no connections', admin: 'POST /runtime_modify?envoy.resource_limits.listener.main.connection_limit=0' },
        { name: 'are taken', send: { raw: '', responses: 0 }, closes: true },
        {
          name: 'in the statistics',
          admin: 'GET /stats',
          adminLines: /downstream_cx_overflow|maintenance_mode|retry_(limit|overflow)|pending_overflow/,
        },
      ],
    },
  ],
};
