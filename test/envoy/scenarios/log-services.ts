import { type Area, bytes, type Configuration, get, hangUp, reply, says, silence } from '../harness/scenario.ts';

const HTTP = 'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig';
const TCP = 'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig';
const OTEL = 'type.googleapis.com/envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig';
const common = (more = '') =>
  `{log_name: main, transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: logs}}, buffer_size_bytes: 0${more}}`;
const http = (more = '', rest = '') => `- {name: als, typed_config: {"@type": ${HTTP}, common_config: ${common(more)}${rest}}}`;
const tcp = (more = '') => `- {name: als, typed_config: {"@type": ${TCP}, common_config: ${common(more)}}}`;
const otel = (more: string) => `- {name: otel, typed_config: {"@type": ${OTEL}, ${more}}}`;
const ZIPKIN = 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig';
const RBAC = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC';
const INSPECTOR =
  'listener_filters: [{name: i, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}]';
const TLS =
  'transport_socket: {name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {tls_certificates: [{certificate_chain: {filename: "{{certs}}/a.pem"}, private_key: {filename: "{{certs}}/a.key"}}], validation_context: {trusted_ca: {filename: "{{certs}}/ca.pem"}}}}}';
const H2 =
  'typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}';
const CLUSTERS = `
  - {name: logs, ${H2}, load_assignment: {cluster_name: logs, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{logs}}}}}}]}]}}
  - {name: dead, load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}}
  - {name: empty, type: STATIC}
`;
const BOOTSTRAP =
  'node: {id: node-1, cluster: shop, locality: {region: r, zone: z, sub_zone: s}, metadata: {a: text, n: 1.5, l: [true, null]}}';
/** How many digits it has is chance, and sizes of headers are logged. */
const ROUTES = `
  - {name: direct, match: {path: /d}, ${says('direct')}}
  - {name: bad, match: {prefix: /bad}, direct_response: {status: 500}}
  - {name: dead, match: {prefix: /dead}, route: {cluster: dead}}
  - {name: empty, match: {prefix: /empty}, route: {cluster: empty}}
  - {name: slow, match: {prefix: /slow}, route: {cluster: a, timeout: 0.1s}}
  - name: again
    match: {prefix: /again}
    route: {cluster: a, retry_policy: {retry_on: 5xx, num_retries: 2, retry_back_off: {base_interval: 0.001s}}}
    response_headers_to_remove: [x-envoy-upstream-service-time]
  - name: up
    match: {prefix: /up}
    route: {cluster: a, prefix_rewrite: /new}
    response_headers_to_remove: [x-envoy-upstream-service-time]
`;

function configuration(name: string, accessLog: string, rest: Omit<Configuration, 'name'>): Configuration {
  return { name, accessLog, clusters: CLUSTERS, bootstrap: BOOTSTRAP, routes: ROUTES, ignoreStats: /^cluster\.logs\./, ...rest };
}

const REQUESTS: Configuration['cases'] = [
  {
    name: 'from the upstream',
    send: {
      method: 'POST',
      path: '/up/x?q=1',
      headers: [
        ['user-agent', 'tester'],
        ['referer', 'http://r.test/'],
        ['x-a', '1'],
        ['x-a', '2'],
      ],
      body: 'hello',
    },
    upstream: { a: [bytes('HTTP/1.1 200 OK\r\nx-up: u\r\nx-up: v\r\ncontent-length: 3\r\n\r\nabc')] },
    entries: 1,
  },
  { name: 'direct', send: get('/d', ['x-forwarded-for', '1.2.3.4'], ['x-request-id', 'mine']), entries: 1 },
  { name: 'a method of its own', send: { method: 'PATCH', path: '/d' }, entries: 1 },
  { name: 'no route', send: 'GET /none', entries: 1 },
  { name: 'nobody there', send: 'GET /dead', entries: 1 },
  { name: 'no host', send: 'GET /empty', entries: 1 },
  { name: 'an upstream that hangs up', send: 'GET /up', upstream: { a: [hangUp] }, entries: 1 },
  { name: 'too slow', send: 'GET /slow', upstream: { a: [silence] }, entries: 1 },
  {
    name: 'retries in vain',
    send: 'GET /again',
    upstream: { a: [reply({ status: '500 E' }), reply({ status: '500 E' }), reply({ status: '500 E' })] },
    entries: 1,
  },
  {
    name: 'a parse error',
    send: { raw: 'GET / HTTP/1.1\r\nbad header: 1\r\n\r\n' },
    entries: 1,
  },
  {
    name: 'HTTP/1.0',
    send: { raw: 'GET /d HTTP/1.0\r\n\r\n' },
    entries: 1,
    differs: {
      reason: 'where a refused request has no fields Envoy counts one that is empty',
      changes: ['-  "request": {', '-   "downstreamHeaderBytesReceived": "3"', '-  },', '+  "request": {},'],
    },
  },
  {
    name: 'trailers',
    send: 'GET /up',
    upstream: { a: [bytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-t: end\r\n\r\n')] },
    entries: 1,
  },
];

const RETRIED = ', grpc_stream_retry_policy: {num_retries: 2, retry_back_off: {base_interval: 0.01s, max_interval: 0.02s}}';
const OTEL_GRPC =
  'common_config: {log_name: main, transport_api_version: V3, grpc_service: {envoy_grpc: {cluster_name: logs}}, buffer_size_bytes: 0}';
const BODY = 'body: {string_value: "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESP(X-UP)%"}';
const ATTRIBUTES =
  'attributes: {values: [{key: status, value: {string_value: "%RESPONSE_CODE%"}}, {key: list, value: {array_value: {values: [{string_value: "a%PROTOCOL%"}, {string_value: b}]}}}, {key: tree, value: {kvlist_value: {values: [{key: none, value: {string_value: "%REQ(X-NONE)%"}}]}}}]}';

/** Access-log services: what a receiver gets. */
export const logServices: Area = {
  name: 'log-services',
  configurations: [
    configuration('HTTP entries', http(), { cases: REQUESTS }),
    configuration('a stream that is tried again', http(RETRIED).replace('cluster_name: logs', 'cluster_name: dead'), {
      cases: [
        { name: 'nobody takes the entry', send: 'GET /d', entries: 0 },
        { name: 'in vain', admin: 'GET /stats?filter=cluster.dead.upstream_rq_retry_limit_exceeded$', adminUntil: /: 1/ },
      ],
    }),
    configuration(
      'headers, tags and filter',
      http(
        ', custom_tags: [{tag: lit, literal: {value: L}}, {tag: hdr, request_header: {name: x-a, default_value: none}}, {tag: absent, request_header: {name: x-none}}, {tag: fmt, value: "%PROTOCOL%"}]',
        ', additional_request_headers_to_log: [X-A, ":path", x-none], additional_response_headers_to_log: [x-up, ":status"], additional_response_trailers_to_log: [x-t]',
      ).replace(
        'typed_config',
        'filter: {status_code_filter: {comparison: {op: LE, value: {default_value: 499, runtime_key: k}}}}, typed_config',
      ),
      {
        cases: REQUESTS.filter((one) => one.name !== 'retries in vain').map((one) =>
          one.name === 'from the upstream' || one.name === 'trailers' || one.name === 'direct' || one.name === 'no route'
            ? one
            : { ...one, entries: 0 },
        ),
      },
    ),
    configuration('when a request begins', http(), {
      hcm: 'access_log_options: {flush_access_log_on_new_request: true}',
      cases: [{ name: 'two entries', send: 'GET /up', entries: 2 }],
    }),
    configuration('TLS', http(), {
      certificates: true,
      ignoreStats: /^cluster\.logs\.|ssl\.sigalgs\.|ssl\.curves\.|unnamed_ca_cert\./,
      listener: `{${INSPECTOR}, filter_chains: [{${TLS}, filters: [{{hcm}}]}]}`,
      cases: [
        { name: 'a client with a certificate', tls: { serverName: 'a.test', certificate: 'client' }, entries: 1 },
        { name: 'one without, of version 1.2', tls: { serverName: 'a.test', maxVersion: 'TLSv1.2' }, entries: 1 },
      ],
    }),
    configuration('dynamic metadata', http(), {
      filters: `- {name: envoy.filters.http.rbac, typed_config: {"@type": ${RBAC}, shadow_rules: {action: DENY, policies: {b: {permissions: [{any: true}], principals: [{any: true}]}}}}}`,
      cases: [{ name: 'of a filter', send: 'GET /d', entries: 1 }],
    }),
    configuration('OpenTelemetry, traced', otel(`${OTEL_GRPC}, body: {string_value: "%TRACE_ID%"}`), {
      hcm: `tracing: {provider: {name: envoy.tracers.zipkin, typed_config: {"@type": ${ZIPKIN}, collector_cluster: dead, collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON}}}`,
      ignoreStats: /^(cluster\.(logs|dead)|tracing)\./,
      cases: [
        {
          name: 'part of a trace',
          send: get('/d', ['x-b3-traceid', '463ac35c9f6413ad48485a3953bb6124'], ['x-b3-spanid', 'a2fb4a1d1a96d312'], ['x-b3-sampled', '1']),
          entries: 1,
          spans: 0,
        },
        { name: 'not sampled', send: get('/d', ['x-b3-sampled', '0']), entries: 1, spans: 0 },
      ],
    }),
    configuration('connections', '[]', {
      networkFilters: `[{name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: a, access_log: [${tcp(', custom_tags: [{tag: lit, literal: {value: L}}]').slice(2)}]}}]`,
      upstreams: { a: 'tcp' },
      cases: [{ name: 'one', tcp: true, send: { raw: 'hello', payload: 8, afterwards: 'half-close' }, closes: true, entries: 1 }],
    }),
    configuration(
      'OpenTelemetry',
      otel(
        `${OTEL_GRPC}, ${BODY}, ${ATTRIBUTES}, resource_attributes: {values: [{key: r, value: {string_value: "%x"}}, {key: n, value: {int_value: "-3"}}, {key: d, value: {double_value: 1.5}}, {key: t, value: {bool_value: true}}]}, stat_prefix: mine`,
      ),
      {
        cases: REQUESTS.slice(0, 4),
      },
    ),
    configuration(
      'OpenTelemetry, no labels',
      otel(
        `grpc_service: {envoy_grpc: {cluster_name: logs}, timeout: 2s, initial_metadata: [{key: x-key, value: v}]}, log_name: own, buffer_size_bytes: 0, disable_builtin_labels: true, custom_tags: [{tag: lit, literal: {value: L}}]`,
      ),
      {
        cases: REQUESTS.slice(0, 2),
      },
    ),
    configuration(
      'OpenTelemetry over HTTP',
      otel(
        `http_service: {http_uri: {uri: "http://collector.test/v1/logs", cluster: logs, timeout: 1s}, request_headers_to_add: [{header: {key: x-key, value: secret}}]}, log_name: own, buffer_size_bytes: 0, ${BODY}`,
      ),
      {
        cases: REQUESTS.slice(0, 2),
      },
    ),
  ],
};
