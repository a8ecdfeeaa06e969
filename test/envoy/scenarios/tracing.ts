import { type Area, after, type Configuration, closing, get, hangUp, reply, silence } from '../harness/scenario.ts';

const ZIPKIN = 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig';
const OTEL = 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig';
const zipkin = (more = '') =>
  `provider: {name: envoy.tracers.zipkin, typed_config: {"@type": ${ZIPKIN}, collector_cluster: spans, collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON${more}}}`;
const otel = (more = '') =>
  `provider: {name: envoy.tracers.opentelemetry, typed_config: {"@type": ${OTEL}, http_service: {http_uri: {uri: "http://collector.test/v1/traces", cluster: spans, timeout: 1s}, request_headers_to_add: [{header: {key: x-key, value: secret}}]}${more}}}`;
const COLLECTOR = `
  - {name: spans, load_assignment: {cluster_name: spans, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{spans}}}}}}]}]}}
  - {name: dead, load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}}
  - {name: empty, type: STATIC}
`;
const AT_ONCE = 'tracing.zipkin.min_flush_spans: 1, tracing.opentelemetry.min_flush_spans: 1';
const runtime = (more = '') => `layered_runtime: {layers: [{name: s, static_layer: {${AT_ONCE}${more}}}]}`;
/** A report may find its connection free again, or not; Envoy counts every tick of its timer. */
const REPORTS = /^cluster\.spans\.upstream_(cx|rq_pending)|\.timer_flushed$/;

function configuration(name: string, tracing: string, direction: string, rest: Omit<Configuration, 'name'>): Configuration {
  return {
    name,
    hcm: `tracing: {${tracing}}`,
    listener: `traffic_direction: ${direction}`,
    clusters: COLLECTOR,
    bootstrap: runtime(),
    ignoreStats: REPORTS,
    ...rest,
  };
}

const TRACE = '463ac35c9f6413ad48485a3953bb6124';
const SPAN = 'a2fb4a1d1a96d312';
const PARENT = '0020000000000001';
const W3C = '0af7651916cd43dd8448eb211c80319c';
const multi = (...more: (readonly [string, string])[]) => get('/', ['x-b3-traceid', TRACE], ['x-b3-spanid', SPAN], ...more);
const RETRY = 'retry_policy: {retry_on: "5xx,reset", num_retries: 1, retry_back_off: {base_interval: 0.001s}}';

const CONTEXTS: Configuration['cases'] = [
  { name: 'nothing came', send: 'GET /', spans: 1 },
  { name: 'several B3 headers', send: multi(['x-b3-sampled', '1']), spans: 1 },
  { name: 'with a parent', send: multi(['x-b3-parentspanid', PARENT], ['x-b3-sampled', '1']), spans: 1 },
  { name: 'without a decision', send: multi(), spans: 1 },
  { name: 'not sampled', send: multi(['x-b3-sampled', '0']), spans: 0 },
  { name: 'only the decision against it', send: get('/', ['x-b3-sampled', '0']), spans: 0 },
  { name: 'the decision as a word', send: get('/', ['x-b3-sampled', 'true']), spans: 1 },
  { name: 'debug flag', send: get('/', ['x-b3-flags', '1']), spans: 1 },
  { name: 'a short trace id', send: get('/', ['x-b3-traceid', SPAN], ['x-b3-spanid', SPAN], ['x-b3-sampled', '1']), spans: 1 },
  { name: 'a trace id alone', send: get('/', ['x-b3-traceid', TRACE]), spans: 1 },
  { name: 'no ids', send: get('/', ['x-b3-traceid', 'zz'], ['x-b3-spanid', SPAN]), spans: 0 },
  { name: 'one B3 header', send: get('/', ['b3', `${TRACE}-${SPAN}-1-${PARENT}`]), spans: 1 },
  { name: 'one B3 header without a parent', send: get('/', ['b3', `${TRACE}-${SPAN}-1`]), spans: 1 },
  { name: 'one B3 header without a decision', send: get('/', ['b3', `${TRACE}-${SPAN}`]), spans: 1 },
  { name: 'one B3 header: no', send: get('/', ['b3', '0']), spans: 0 },
  { name: 'one B3 header: debug', send: get('/', ['b3', 'd']), spans: 1 },
  { name: 'one B3 header that is none', send: get('/', ['b3', `${TRACE}-${SPAN}-x`]), spans: 0 },
  { name: 'one B3 header that is empty', send: get('/', ['b3', '']), spans: 0 },
  { name: 'W3C', send: get('/', ['traceparent', `00-${W3C}-${SPAN}-01`], ['tracestate', 'a=b']), spans: 1 },
  { name: 'x-ot-span-context passes', send: get('/', ['x-ot-span-context', 'a;b;c']), spans: 1 },
];

/** Tracing: what upstreams are told, and what the collector is. */
export const tracing: Area = {
  name: 'tracing',
  configurations: [
    configuration('Zipkin, outbound', zipkin(), 'OUTBOUND', { cases: CONTEXTS }),
    configuration('Zipkin, inbound', zipkin(), 'INBOUND', { cases: CONTEXTS }),
    configuration('Zipkin, spans of tries', `${zipkin()}, spawn_upstream_span: true`, 'OUTBOUND', {
      routes: `
        - {match: {prefix: /again}, route: {cluster: a, ${RETRY}}}
        - {match: {prefix: /slow}, route: {cluster: a, timeout: 0.1s}}
        - {match: {prefix: /try}, route: {cluster: a, retry_policy: {retry_on: reset, per_try_timeout: 0.1s, retry_back_off: {base_interval: 0.001s}}}}
        - {match: {prefix: /dead}, route: {cluster: dead}}
        - {match: {prefix: /empty}, route: {cluster: empty}}
        - {match: {prefix: /direct}, direct_response: {status: 200}}
        - {match: {prefix: /secret}, route: {cluster: a, request_mirror_policies: [{cluster: b, trace_sampled: false}]}}
        - {match: {prefix: /mirrored}, route: {cluster: a, request_mirror_policies: [{cluster: b}]}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'one try', send: 'GET /', spans: 2 },
        { name: 'part of a trace', send: multi(['x-b3-sampled', '1']), spans: 2 },
        { name: 'not sampled', send: multi(['x-b3-sampled', '0']), spans: 0 },
        {
          name: 'two tries',
          send: 'GET /again',
          upstream: { a: [reply({ status: '500 E', body: 'no' }), reply({ body: 'yes' })] },
          spans: 3,
        },
        { name: 'two tries in vain', send: 'GET /again', upstream: { a: [hangUp, hangUp] }, spans: 3 },
        { name: 'an error', send: 'GET /', upstream: { a: [reply({ status: '503 E' })] }, spans: 2 },
        { name: 'too slow', send: 'GET /slow', upstream: { a: [silence] }, spans: 2 },
        { name: 'a try that is too slow', send: 'GET /try', upstream: { a: [silence, reply()] }, spans: 3 },
        { name: 'nobody there', send: 'GET /dead', spans: 2 },
        { name: 'no host', send: 'GET /empty', spans: 1 },
        { name: 'no upstream', send: 'GET /direct', spans: 1 },
        { name: 'a mirror', send: 'GET /mirrored', upstream: { a: [after(40, reply())] }, spans: 3 },
        { name: 'a mirror, not sampled', send: get('/mirrored', ['x-b3-sampled', '0']), upstream: { a: [after(40, reply())] }, spans: 0 },
        { name: 'a mirror that is not to be', send: 'GET /secret', upstream: { a: [after(40, reply())] }, spans: 2 },
      ],
    }),
    configuration('Zipkin, spans of tries by the router', zipkin(', trace_id_128bit: true'), 'OUTBOUND', {
      router: '{start_child_span: true}',
      cases: [
        { name: 'one try', send: 'GET /', spans: 2 },
        { name: 'part of a trace', send: multi(['x-b3-sampled', '1']), spans: 2 },
      ],
    }),
    configuration('Zipkin, no shared spans', zipkin(', shared_span_context: false'), 'INBOUND', {
      cases: [
        { name: 'the first', send: 'GET /', spans: 1 },
        { name: 'part of a trace', send: multi(['x-b3-sampled', '1']), spans: 1 },
        { name: 'with a parent', send: get('/', ['b3', `${TRACE}-${SPAN}-1-${PARENT}`]), spans: 1 },
      ],
    }),
    configuration('Zipkin with W3C', zipkin(', trace_context_option: USE_B3_WITH_W3C_PROPAGATION'), 'OUTBOUND', {
      cases: [
        { name: 'nothing came', send: 'GET /', spans: 1 },
        { name: 'traceparent', send: get('/', ['traceparent', `00-${W3C}-${SPAN}-01`], ['tracestate', 'a=b']), spans: 1 },
        { name: 'traceparent, not sampled', send: get('/', ['traceparent', `00-${W3C}-${SPAN}-00`]), spans: 0 },
        { name: 'both', send: get('/', ['traceparent', `00-${W3C}-${SPAN}-01`], ['b3', `${TRACE}-${SPAN}-1`]), spans: 1 },
        { name: 'traceparent that is none', send: get('/', ['traceparent', `00-${W3C}-${SPAN}`]), spans: 0 },
      ],
    }),
    configuration(
      'tags',
      `${zipkin()}, max_path_tag_length: 8, custom_tags: [{tag: lit, literal: {value: L}}, {tag: env, environment: {name: OUTRIDER_NONE, default_value: D}}, {tag: hdr, request_header: {name: x-h, default_value: none}}, {tag: absent, request_header: {name: x-none}}, {tag: route, metadata: {kind: {route: {}}, metadata_key: {key: ns, path: [{key: a}]}, default_value: md}}, {tag: number, metadata: {kind: {route: {}}, metadata_key: {key: ns, path: [{key: n}]}}}, {tag: cluster, metadata: {kind: {cluster: {}}, metadata_key: {key: ns, path: [{key: c}]}}}, {tag: url, value: "%REQ(:METHOD)% of %PROTOCOL%"}]`,
      'OUTBOUND',
      {
        routes: `
          - {match: {prefix: /own}, route: {cluster: a}, tracing: {custom_tags: [{tag: lit, literal: {value: own}}]}}
          - {match: {prefix: /rewritten}, route: {cluster: a, prefix_rewrite: /r, host_rewrite_literal: other.test}}
          - {match: {prefix: /}, route: {cluster: a}, metadata: {filter_metadata: {ns: {a: text, n: 12}}}}
        `,
        cluster: { a: 'metadata: {filter_metadata: {ns: {c: [1, true]}}}' },
        cases: [
          { name: 'of the connection manager', send: get('/a/long/path', ['x-h', 'v'], ['user-agent', 'ua']), spans: 1 },
          { name: 'of the route', send: 'GET /own', spans: 1 },
          { name: 'rewritten', send: 'GET /rewritten/path', spans: 1 },
          {
            name: 'the callers name',
            send: get('/', ['x-envoy-downstream-service-cluster', 'shop'], ['x-client-trace-id', 'c1']),
            spans: 1,
          },
          { name: 'sizes', send: { method: 'POST', body: 'some data' }, upstream: { a: [reply({ body: 'answer' })] }, spans: 1 },
          {
            name: 'gRPC that fails',
            send: {
              method: 'POST',
              headers: [
                ['content-type', 'application/grpc'],
                ['te', 'trailers'],
                ['grpc-timeout', '5S'],
              ],
              body: 'x',
            },
            upstream: {
              a: [
                reply({
                  headers: [
                    ['content-type', 'application/grpc'],
                    ['grpc-status', '13'],
                    ['grpc-message', 'broken'],
                  ],
                }),
              ],
            },
            spans: 1,
          },
          {
            name: 'gRPC that was refused',
            send: { method: 'POST', headers: [['content-type', 'application/grpc']], body: 'x' },
            upstream: {
              a: [
                reply({
                  headers: [
                    ['content-type', 'application/grpc'],
                    ['grpc-status', '5'],
                  ],
                }),
              ],
            },
            spans: 1,
          },
          { name: 'no route', send: { host: '' }, spans: 1 },
          { name: 'an error', send: 'GET /', upstream: { a: [hangUp] }, spans: 1 },
          {
            name: 'cut off',
            send: 'GET /',
            upstream: { a: [closing([{ send: 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc' }])] },
            closes: true,
            spans: 1,
          },
        ],
      },
    ),
    configuration('moments', `${zipkin()}, verbose: true`, 'UNSPECIFIED', { cases: [{ name: 'of one request', send: 'GET /', spans: 1 }] }),
    configuration('names, outbound', zipkin(), 'OUTBOUND', {
      routes: `
        - {match: {prefix: /named}, decorator: {operation: list}, route: {cluster: a}}
        - {match: {prefix: /quiet}, decorator: {operation: list, propagate: false}, route: {cluster: a}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'by the route', send: 'GET /named', spans: 1 },
        { name: 'kept to itself', send: get('/quiet', ['x-envoy-decorator-operation', 'given']), spans: 1 },
        {
          name: 'by the server',
          send: 'GET /named',
          upstream: { a: [reply({ headers: [['x-envoy-decorator-operation', 'served']] })] },
          spans: 1,
        },
        { name: 'given', send: get('/', ['x-envoy-decorator-operation', 'given']), spans: 1 },
      ],
    }),
    configuration(
      'names by formats',
      `${zipkin()}, spawn_upstream_span: true, operation: "%REQ(:METHOD)% %REQ(:PATH)%", upstream_operation: "up %REQ(X-NAME)%"`,
      'OUTBOUND',
      {
        routes: `
          - {match: {prefix: /route}, tracing: {operation: "route %REQ(:METHOD)%"}, decorator: {operation: list}, route: {cluster: a}}
          - {match: {prefix: /}, decorator: {operation: list}, route: {cluster: a}}
        `,
        cases: [
          { name: 'of the connection manager', send: get('/x', ['x-name', 'n']), spans: 2 },
          { name: 'that make nothing of it', send: 'GET /y', spans: 2 },
          { name: 'of the route', send: get('/route', ['x-name', 'n']), spans: 2 },
        ],
      },
    ),
    configuration('no propagation', `${zipkin()}, no_context_propagation: true`, 'OUTBOUND', {
      cases: [
        { name: 'the upstream is told nothing', send: 'GET /', spans: 1 },
        { name: 'what came passes', send: multi(['x-b3-sampled', '1']), spans: 1 },
      ],
    }),
    configuration('names, inbound', zipkin(), 'INBOUND', {
      routes: `
        - {match: {prefix: /named}, decorator: {operation: list}, route: {cluster: a}}
        - {match: {prefix: /quiet}, decorator: {operation: list, propagate: false}, route: {cluster: a}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'by the route', send: 'GET /named', spans: 1 },
        { name: 'kept to itself', send: 'GET /quiet', spans: 1 },
        { name: 'by the client', send: get('/named', ['x-envoy-decorator-operation', 'given']), spans: 1 },
        {
          name: 'by the server',
          send: 'GET /',
          upstream: { a: [reply({ headers: [['x-envoy-decorator-operation', 'served']] })] },
          spans: 1,
        },
      ],
    }),
    configuration('sampling', `${zipkin()}, client_sampling: {value: 0}, random_sampling: {value: 0}`, 'OUTBOUND', {
      hcm: `{tracing: {${zipkin()}, client_sampling: {value: 0}, random_sampling: {value: 0}}, use_remote_address: false, internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}}`,
      routes: `
        - {match: {prefix: /all}, tracing: {}, route: {cluster: a}}
        - {match: {prefix: /some}, tracing: {random_sampling: {numerator: 50, denominator: HUNDRED}}, route: {cluster: a}}
        - {match: {prefix: /none}, tracing: {overall_sampling: {numerator: 0}}, route: {cluster: a}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'none', send: 'GET /', spans: 0 },
        { name: 'nor if the client wants it', send: get('/', ['x-client-trace-id', 'c']), spans: 0 },
        { name: 'a service wants it', send: get('/', ['x-envoy-force-trace', 'true'], ['x-forwarded-for', '10.1.1.1']), spans: 1 },
        { name: 'a stranger wants it', send: get('/', ['x-envoy-force-trace', 'true']), spans: 0 },
        { name: 'the route wants all', send: 'GET /all', spans: 1 },
        { name: 'the route wants some: not this', send: get('/some', ['x-request-id', '12345678-1234-4234-8234-123456789abc']), spans: 0 },
        { name: 'the route wants some: this', send: get('/some', ['x-request-id', '00000001-1234-4234-8234-123456789abc']), spans: 1 },
        { name: 'the route wants none', send: get('/none', ['x-client-trace-id', 'c']), spans: 0 },
        { name: 'decided before', send: get('/', ['x-request-id', '12345678-1234-9234-8234-123456789abc']), spans: 1 },
        { name: 'decided before, and none here', send: get('/none', ['x-request-id', '12345678-1234-9234-8234-123456789abc']), spans: 0 },
        { name: 'an id that is none', send: get('/all', ['x-request-id', 'nothing']), spans: 0 },
      ],
    }),
    configuration('runtime decides', zipkin(), 'OUTBOUND', {
      bootstrap: runtime(', tracing.random_sampling: 0, tracing.client_enabled: 100'),
      cases: [
        { name: 'none by chance', send: 'GET /', spans: 0 },
        { name: 'those that clients want', send: get('/', ['x-client-trace-id', 'c']), spans: 1 },
      ],
    }),
    configuration('no request ids', zipkin(), 'OUTBOUND', {
      hcm: `{tracing: {${zipkin()}}, generate_request_id: false}`,
      cases: [
        { name: 'nothing to decide by', send: 'GET /', spans: 0 },
        { name: 'part of a trace', send: multi(['x-b3-sampled', '1']), spans: 1 },
      ],
    }),
    configuration('OpenTelemetry, outbound', otel(', service_name: shop'), 'OUTBOUND', {
      routes: `
        - {match: {prefix: /named}, decorator: {operation: list}, route: {cluster: a}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'nothing came', send: 'GET /', spans: 1 },
        { name: 'named', send: 'GET /named', spans: 1 },
        { name: 'traceparent', send: get('/', ['traceparent', `00-${W3C}-${SPAN}-01`]), spans: 1 },
        {
          name: 'with a state',
          send: get('/', ['traceparent', `00-${W3C}-${SPAN}-01`], ['tracestate', 'a=b'], ['tracestate', 'c=d']),
          spans: 1,
        },
        { name: 'not sampled', send: get('/', ['traceparent', `00-${W3C}-${SPAN}-00`]), spans: 0 },
        { name: 'none', send: get('/', ['traceparent', `00-${'0'.repeat(32)}-${SPAN}-01`]), spans: 0 },
        { name: 'B3 passes', send: multi(['x-b3-sampled', '1']), spans: 1 },
        { name: 'not found', send: 'GET /', upstream: { a: [reply({ status: '404 N' })] }, spans: 1 },
        { name: 'an error', send: 'GET /', upstream: { a: [reply({ status: '503 E' })] }, spans: 1 },
      ],
    }),
    configuration('OpenTelemetry, spans of tries', `${otel()}, spawn_upstream_span: true, verbose: true`, 'INBOUND', {
      routes: `- {match: {prefix: /}, route: {cluster: a, ${RETRY}}}`,
      cases: [
        { name: 'one try', send: 'GET /', spans: 2 },
        { name: 'two tries', send: 'GET /', upstream: { a: [reply({ status: '500 E' }), reply()] }, spans: 3 },
      ],
    }),
  ],
};
