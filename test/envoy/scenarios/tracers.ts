import { type Area, type Configuration, get, reply } from '../harness/scenario.ts';

const ZIPKIN = 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig';
const OTEL = 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig';
const SAMPLERS = 'type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3.';
const DETECTORS = 'type.googleapis.com/envoy.extensions.tracers.opentelemetry.resource_detectors.v3.';
const H2 =
  'typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}';
const at = (name: string, more: string, token: string) =>
  `{name: ${name}${more}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{${token}}}}}}}]}]}}`;
const CLUSTERS = `
  - ${at('spans', '', 'spans')}
  - ${at('grpc', `, ${H2}`, 'grpc-spans')}
`;
const AT_ONCE =
  'layered_runtime: {layers: [{name: s, static_layer: {tracing.zipkin.min_flush_spans: 1, tracing.opentelemetry.min_flush_spans: 1}}]}';

const zipkin = (more = '') =>
  `{name: envoy.tracers.zipkin, typed_config: {"@type": ${ZIPKIN}, collector_cluster: spans, collector_endpoint: /api/v2/spans, collector_endpoint_version: HTTP_JSON${more}}}`;
const otel = (service: string, more = '') => `{name: envoy.tracers.opentelemetry, typed_config: {"@type": ${OTEL}, ${service}${more}}}`;
const GRPC =
  'grpc_service: {envoy_grpc: {cluster_name: grpc, authority: collector.test}, timeout: 1s, initial_metadata: [{key: x-key, value: secret}]}';
const HTTP = 'http_service: {http_uri: {uri: "http://collector.test/v1/traces", cluster: spans, timeout: 1s}}';
const sampler = (name: string, config = '') => `sampler: {name: s, typed_config: {"@type": ${SAMPLERS}${name}${config}}}`;
const ratio = (numerator: number) => sampler('TraceIdRatioBasedSamplerConfig', `, sampling_percentage: {numerator: ${numerator}}`);
const parentBased = (wrapped: string) => sampler('ParentBasedSamplerConfig', `, wrapped_${wrapped}`);

function configuration(name: string, tracing: string, rest: Omit<Configuration, 'name'>): Configuration {
  return {
    name,
    hcm: `tracing: {${tracing}}`,
    listener: 'traffic_direction: OUTBOUND',
    clusters: CLUSTERS,
    bootstrap: AT_ONCE,
    // A report may find its connection free again, or not; Envoy counts every tick of its timer.
    ignoreStats: /^cluster\.(spans|grpc)\.(upstream_(cx|rq_pending)|http2)|\.timer_flushed$/,
    ...rest,
  };
}

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const from = (flags: string, ...more: (readonly [string, string])[]) => get('/', ['traceparent', `00-${TRACE}-${SPAN}-${flags}`], ...more);
const RETRY = 'retry_policy: {retry_on: 5xx, num_retries: 1, retry_back_off: {base_interval: 0.001s}}';
const ROUTES = `
  - {match: {prefix: /named}, decorator: {operation: list}, route: {cluster: a}}
  - {match: {prefix: /}, route: {cluster: a, ${RETRY}}}
`;
const toldOverGrpc = (spans: number) => ({
  spans,
  differs: {
    reason: 'timeout of grpc_service holds: Envoy waits forever for a collector that hangs',
    changes: new Array<string>(spans).fill('+ x-envoy-expected-rq-timeout-ms: 1000'),
  },
});
const WHOEVER_ASKS: Configuration['cases'] = [
  { name: 'nothing came', send: 'GET /', spans: 1 },
  { name: 'a parent that is sampled', send: from('01'), spans: 1 },
  { name: 'a parent that is not', send: from('00'), spans: 1 },
];

const INTERNAL = 'internal_address_config: {cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}';
const ID = '12345678-1234-4234-8234-123456789abc';
/** Its random number is below 100 of 10,000: one of a hundred. */
const LOW_ID = '00000031-1234-4234-8234-123456789abc';
const FORCED = [
  ['x-envoy-force-trace', 'true'],
  ['x-forwarded-for', '10.1.1.1'],
] as const;
const withKeys = (keys: string): string => AT_ONCE.replace('min_flush_spans: 1}', `min_flush_spans: 1, ${keys}}`);
const sampling = (name: string, shares: string, cases: Configuration['cases'], keys = ''): Configuration =>
  configuration(name, '', {
    hcm: `{tracing: {provider: ${zipkin()}${shares}}, ${INTERNAL}, always_set_request_id_in_response: true}`,
    ...(keys === '' ? {} : { bootstrap: withKeys(keys) }),
    cases,
  });

/** Who wants a request traced, the shares, and the keys that overrule them: the reason is in the request id, which the client is told. */
const SAMPLING: readonly Configuration[] = [
  sampling('a hundredth by chance', ', random_sampling: {value: 1}', [
    { name: 'not this', send: get('/', ['x-request-id', ID]), spans: 0 },
    { name: 'this', send: get('/', ['x-request-id', LOW_ID]), spans: 1 },
    { name: 'a service wants it', send: get('/', ['x-request-id', ID], ...FORCED), spans: 1 },
    { name: 'a service wants it, and a new id', send: get('/', ...FORCED), spans: 1 },
    { name: 'a client wants it', send: get('/', ['x-request-id', ID], ['x-client-trace-id', 'c']), spans: 1 },
    { name: 'both want it', send: get('/', ['x-request-id', ID], ['x-client-trace-id', 'c'], ...FORCED), spans: 1 },
    { name: 'a service wanted it', send: get('/', ['x-request-id', ID.replace('-4234', '-a234')]), spans: 1 },
    { name: 'a client wanted it', send: get('/', ['x-request-id', ID.replace('-4234', '-b234')]), spans: 1 },
  ]),
  sampling('a hundredth overall', ', overall_sampling: {value: 1}', [
    { name: 'not this', send: get('/', ['x-request-id', ID]), spans: 0 },
    { name: 'not even if a service wants it', send: get('/', ['x-request-id', ID], ...FORCED), spans: 0 },
    { name: 'not even if a client wants it', send: get('/', ['x-request-id', ID], ['x-client-trace-id', 'c']), spans: 0 },
    { name: 'decided before, and taken back', send: get('/', ['x-request-id', ID.replace('-4234', '-9234')]), spans: 0 },
  ]),
  sampling(
    'keys of the runtime',
    ', random_sampling: {value: 100}, client_sampling: {value: 100}',
    [
      { name: 'not by chance', send: get('/', ['x-request-id', ID]), spans: 0 },
      { name: 'the first of a hundred', send: get('/', ['x-request-id', LOW_ID]), spans: 1 },
      { name: 'not for clients', send: get('/', ['x-request-id', ID], ['x-client-trace-id', 'c']), spans: 0 },
      { name: 'for services', send: get('/', ['x-request-id', ID], ...FORCED), spans: 1 },
    ],
    'tracing.random_sampling: {numerator: 100, denominator: TEN_THOUSAND}, tracing.client_enabled: 0',
  ),
  sampling(
    'a key in percent',
    '',
    [
      { name: 'not by chance', send: get('/', ['x-request-id', LOW_ID]), spans: 0 },
      { name: 'one of a hundred', send: get('/', ['x-request-id', '00000064-1234-4234-8234-123456789abc']), spans: 1 },
    ],
    'tracing.random_sampling: 1',
  ),
  sampling(
    'a key for none',
    '',
    [
      { name: 'not by chance', send: 'GET /', spans: 0 },
      { name: 'not for services', send: get('/', ...FORCED), spans: 0 },
    ],
    'tracing.global_enabled: 0',
  ),
];

/** Where tracers come from, over what they send, and the samplers of OpenTelemetry. */
export const tracers: Area = {
  name: 'tracers',
  configurations: [
    configuration('OTLP over gRPC', `provider: ${otel(GRPC, ', service_name: shop')}, spawn_upstream_span: true`, {
      routes: ROUTES,
      cases: [
        { name: 'nothing came', send: 'GET /', ...toldOverGrpc(2) },
        { name: 'part of a trace', send: from('01', ['tracestate', 'a=b']), ...toldOverGrpc(2) },
        { name: 'not sampled', send: from('00'), spans: 0 },
        { name: 'two tries', send: 'GET /', upstream: { a: [reply({ status: '500 E' }), reply()] }, ...toldOverGrpc(3) },
        { name: 'named', send: 'GET /named', ...toldOverGrpc(2) },
        { name: 'not found', send: 'GET /', upstream: { a: [reply({ status: '404 N' })] }, ...toldOverGrpc(2) },
      ],
    }),
    configuration('of the bootstrap', '', {
      bootstrap: `${AT_ONCE}\ntracing: {http: ${zipkin()}}`,
      cases: [
        { name: 'nothing came', send: 'GET /', spans: 1 },
        { name: 'part of a trace', send: get('/', ['x-b3-traceid', TRACE], ['x-b3-spanid', SPAN], ['x-b3-sampled', '1']), spans: 1 },
      ],
    }),
    configuration('of the bootstrap, and another one', `provider: ${otel(HTTP)}`, {
      bootstrap: `${AT_ONCE}\ntracing: {http: ${zipkin()}}`,
      cases: [{ name: 'the connection manager has the last word', send: 'GET /', spans: 1 }],
    }),
    configuration('of nobody', '', { cases: [{ name: 'only the decision', send: 'GET /', spans: 0 }] }),
    ...SAMPLING,
    configuration('always on', `provider: ${otel(HTTP, `, ${sampler('AlwaysOnSamplerConfig')}`)}, random_sampling: {value: 0}`, {
      cases: WHOEVER_ASKS.map((one) => ({ ...one, spans: 0 })),
    }),
    configuration('always on, if asked', `provider: ${otel(HTTP, `, ${sampler('AlwaysOnSamplerConfig')}`)}`, { cases: WHOEVER_ASKS }),
    configuration('the parent is asked about those alone that are traced', `provider: ${otel(HTTP)}, random_sampling: {value: 0}`, {
      cases: WHOEVER_ASKS.map((one) => ({ ...one, spans: 0 })),
    }),
    configuration('B3 is not', `provider: ${zipkin()}, random_sampling: {value: 0}`, {
      cases: [
        {
          name: 'a parent that is sampled',
          send: get('/', ['x-b3-traceid', TRACE], ['x-b3-spanid', SPAN], ['x-b3-sampled', '1']),
          spans: 1,
        },
        { name: 'in one header', send: get('/', ['b3', `${TRACE}-${SPAN}-1`]), spans: 1 },
        { name: 'one that has not decided', send: get('/', ['b3', `${TRACE}-${SPAN}`]), spans: 0 },
      ],
    }),
    configuration('a share of all', `provider: ${otel(HTTP, `, ${ratio(100)}`)}`, { cases: WHOEVER_ASKS }),
    configuration('a share of nothing', `provider: ${otel(HTTP, `, ${ratio(0)}`)}`, {
      cases: WHOEVER_ASKS.map((one) => ({ ...one, spans: 0 })),
    }),
    configuration('as the parent, otherwise all', `provider: ${otel(HTTP, `, ${parentBased(sampler('AlwaysOnSamplerConfig'))}`)}`, {
      cases: WHOEVER_ASKS.map((one) => ({ ...one, spans: one.name === 'a parent that is not' ? 0 : 1 })),
    }),
    configuration('as the parent, otherwise none', `provider: ${otel(HTTP, `, ${parentBased(ratio(0))}`)}`, {
      cases: WHOEVER_ASKS.map((one) => ({ ...one, spans: one.name === 'a parent that is sampled' ? 1 : 0 })),
    }),
    configuration(
      'resource',
      `provider: ${otel(HTTP, `, service_name: shop, resource_detectors: [{name: s, typed_config: {"@type": ${DETECTORS}StaticConfigResourceDetectorConfig, attributes: {zone: z, service.name: other}}}]`)}`,
      { cases: [{ name: 'of detectors and by name', send: 'GET /', spans: 1 }] },
    ),
    configuration(
      'resource, nothing but detectors',
      `provider: ${otel(HTTP, `, set_service_name_resource_attribute: false, set_instrumentation_scope: false, resource_detectors: [{name: s, typed_config: {"@type": ${DETECTORS}StaticConfigResourceDetectorConfig, attributes: {zone: z}}}]`)}`,
      { cases: [{ name: 'no name, no scope', send: 'GET /', spans: 1 }] },
    ),
    configuration(
      'Zipkin by its service',
      `provider: {name: envoy.tracers.zipkin, typed_config: {"@type": ${ZIPKIN}, collector_endpoint_version: HTTP_JSON, collector_service: {http_uri: {uri: "http://collector.test/api/v2/spans", cluster: spans, timeout: 1s}, request_headers_to_add: [{header: {key: x-key, value: secret}}]}}}`,
      { cases: [{ name: 'with headers', send: 'GET /', spans: 1 }] },
    ),
    configuration('Zipkin, split spans', `provider: ${zipkin(', split_spans_for_request: true')}`, {
      cases: [
        { name: 'nothing came', send: 'GET /', spans: 2 },
        { name: 'part of a trace', send: get('/', ['x-b3-traceid', TRACE], ['x-b3-spanid', SPAN], ['x-b3-sampled', '1']), spans: 2 },
      ],
    }),
  ],
};
