import { type Area, type Case, reply } from '../harness/scenario.ts';

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
const OK = reply({ body: 'ok' });
const STATS = {
  admin: 'GET /stats',
  adminLines: /^(overload\.envoy|envoy\.|(http|listener)\.(?!admin).*(overload|rq_completed|rq_5xx|rq_2xx))/,
};
const GRPC = { method: 'POST', path: '/s/m', headers: [['content-type', 'application/grpc']], body: '' } as const;

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
              - {timer: HTTP_DOWNSTREAM_STREAM_IDLE, min_timeout: 0.05s}
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
      name: 'load-shed point hcm_ondata_creating_codec',
      ...START,
      bootstrap: manager([], [point('hcm_ondata_creating_codec')]),
      cases: [
        under(90, { name: 'refused', send: { raw: 'GET / HTTP/1.1\r\nhost: h\r\n\r\n', responses: 0 }, closes: true }),
        under(91, { name: 'statistics', ...STATS }),
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
  ],
};
