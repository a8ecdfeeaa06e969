import { type Area, get, type Request, reply } from '../harness/scenario.ts';

const PLAIN = `[{match: {prefix: /}, route: {cluster: a}}]`;
const FAULT = 'type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault';
const withFault = (fields: string) => `[{name: envoy.filters.http.fault, typed_config: {"@type": ${FAULT}, ${fields}}}]`;
const perRoute = (fields: string) => `typed_per_filter_config: {envoy.filters.http.fault: {"@type": ${FAULT}, ${fields}}}`;
const ALWAYS = 'percentage: {numerator: 100}';
const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %DYNAMIC_METADATA(envoy.filters.http.fault)% %GRPC_STATUS%';
const OK = reply({ body: 'ok' });
const grpc = (...headers: readonly (readonly [string, string])[]): Request => ({
  method: 'POST',
  path: '/svc/M',
  headers: [['content-type', 'application/grpc'], ...headers],
  body: '',
});
const BODY = 'x'.repeat(300);

/** Faults that the proxy injects. */
export const fault: Area = {
  name: 'fault',
  configurations: [
    {
      name: 'abort with an HTTP status',
      routes: `
        - {match: {prefix: /off}, route: {cluster: a}, typed_per_filter_config: {envoy.filters.http.fault: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}
        - {match: {prefix: /teapot}, route: {cluster: a}, ${perRoute(`abort: {http_status: 418, ${ALWAYS}}`)}}
        - {match: {prefix: /none}, route: {cluster: a}, ${perRoute('')}}
        - {match: {prefix: /never}, route: {cluster: a}, ${perRoute('abort: {http_status: 503, percentage: {numerator: 0}}')}}
        - {match: {prefix: /missing}, route: {cluster: a}, ${perRoute('abort: {http_status: 503}')}}
        - {match: {prefix: /million}, route: {cluster: a}, ${perRoute('abort: {http_status: 503, percentage: {numerator: 1000000, denominator: MILLION}}')}}
        - {match: {prefix: /words}, route: {cluster: a}, ${perRoute(`abort: {http_status: 500, response_body: "broken on purpose", ${ALWAYS}}`)}}
        - {match: {prefix: /grpc}, route: {cluster: a}, ${perRoute(`abort: {grpc_status: 5, ${ALWAYS}}`)}}
        - {match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: hi}}}
        - {match: {prefix: /other}, route: {cluster: b}, ${perRoute(`upstream_cluster: a, abort: {http_status: 418, ${ALWAYS}}`)}}
        - {match: {prefix: /same}, route: {cluster: a}, ${perRoute(`upstream_cluster: a, abort: {http_status: 418, ${ALWAYS}}`)}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: withFault(`abort: {http_status: 503, ${ALWAYS}}, filter_metadata: {why: [test], n: 1}`),
      logFormat: LOG,
      cases: [
        { name: 'by the filter', send: ['GET /', 'HEAD /', { method: 'POST', path: '/x', body: 'data' }] },
        { name: 'gRPC gets it as trailers', send: [grpc()] },
        { name: 'by the route', send: 'GET /teapot' },
        { name: 'the route has a configuration without faults', send: 'GET /none' },
        { name: 'the filter is off for the route', send: 'GET /off' },
        { name: 'share of nothing', send: 'GET /never' },
        { name: 'no share', send: 'GET /missing' },
        { name: 'share in millionths', send: 'GET /million' },
        { name: 'its own body', send: 'GET /words' },
        { name: 'gRPC status for a plain request', send: 'GET /grpc' },
        { name: 'gRPC status', send: { ...grpc(), path: '/grpc' } },
        { name: 'before a direct response', send: 'GET /direct' },
        { name: 'another upstream cluster', send: 'GET /other' },
        { name: 'this upstream cluster', send: 'GET /same' },
        { name: 'with the cluster of the caller', send: get('/', ['x-envoy-downstream-service-cluster', 'shop']) },
        { name: 'a body that was not asked for', send: { method: 'POST', path: '/', body: BODY } },
      ],
    },
    {
      name: 'abort by header',
      routes: PLAIN,
      filters: withFault('abort: {header_abort: {}, percentage: {numerator: 100}}'),
      logFormat: LOG,
      cases: [
        { name: 'no header', send: 'GET /' },
        { name: 'HTTP status', send: get('/', ['x-envoy-fault-abort-request', '429']) },
        { name: 'no status', send: [get('/', ['x-envoy-fault-abort-request', '199']), get('/', ['x-envoy-fault-abort-request', '600'])] },
        { name: 'no number', send: [get('/', ['x-envoy-fault-abort-request', 'x']), get('/', ['x-envoy-fault-abort-request', '-1'])] },
        { name: 'spaces around it', send: get('/', ['x-envoy-fault-abort-request', '  404 ']) },
        { name: 'gRPC status', send: grpc(['x-envoy-fault-abort-grpc-request', '7']) },
        { name: 'gRPC status for a plain request', send: get('/', ['x-envoy-fault-abort-grpc-request', '7']) },
        { name: 'both', send: grpc(['x-envoy-fault-abort-grpc-request', '7'], ['x-envoy-fault-abort-request', '404']) },
        { name: 'a share of 0', send: get('/', ['x-envoy-fault-abort-request', '404'], ['x-envoy-fault-abort-request-percentage', '0']) },
        {
          name: 'more than is allowed',
          send: get('/', ['x-envoy-fault-abort-request', '404'], ['x-envoy-fault-abort-request-percentage', '900']),
        },
        { name: 'no share', send: get('/', ['x-envoy-fault-abort-request', '404'], ['x-envoy-fault-abort-request-percentage', 'all']) },
      ],
    },
    {
      name: 'abort by header, none allowed',
      routes: PLAIN,
      filters: withFault('abort: {header_abort: {}, percentage: {numerator: 0}}'),
      cases: [
        {
          name: 'the configured share caps',
          send: get('/', ['x-envoy-fault-abort-request', '404'], ['x-envoy-fault-abort-request-percentage', '100']),
        },
      ],
    },
    {
      name: 'whom it is for',
      routes: PLAIN,
      filters: withFault(
        `abort: {http_status: 410, ${ALWAYS}}, downstream_nodes: [n1, n2], headers: [{name: x-break, string_match: {exact: me}}, {name: ":method", string_match: {exact: GET}}]`,
      ),
      logFormat: LOG,
      cases: [
        { name: 'everything fits', send: get('/', ['x-envoy-downstream-service-node', 'n2'], ['x-break', 'me']) },
        { name: 'another node', send: get('/', ['x-envoy-downstream-service-node', 'n3'], ['x-break', 'me']) },
        { name: 'no node', send: get('/', ['x-break', 'me']) },
        { name: 'a header does not match', send: get('/', ['x-envoy-downstream-service-node', 'n1'], ['x-break', 'you']) },
        { name: 'a header is missing', send: get('/', ['x-envoy-downstream-service-node', 'n1']) },
        {
          name: 'another method',
          send: {
            method: 'POST',
            headers: [
              ['x-envoy-downstream-service-node', 'n1'],
              ['x-break', 'me'],
            ],
            body: '',
          },
        },
      ],
    },
    {
      name: 'delays',
      routes: `
        - {match: {prefix: /fixed}, route: {cluster: a}, ${perRoute(`delay: {fixed_delay: 0.03s, ${ALWAYS}}`)}}
        - {match: {prefix: /both}, route: {cluster: a}, ${perRoute(`delay: {fixed_delay: 0.02s, ${ALWAYS}}, abort: {http_status: 503, ${ALWAYS}}`)}}
        - {match: {prefix: /tiny}, route: {cluster: a}, ${perRoute(`delay: {fixed_delay: 0.0005s, ${ALWAYS}}`)}}
        - {match: {prefix: /never}, route: {cluster: a}, ${perRoute('delay: {fixed_delay: 5s}')}}
        - {match: {prefix: /timeout}, route: {cluster: a, timeout: 0.02s}, ${perRoute(`delay: {fixed_delay: 0.06s, ${ALWAYS}}`)}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: withFault(
        'delay: {header_delay: {}, percentage: {numerator: 100}}, abort: {header_abort: {}, percentage: {numerator: 100}}',
      ),
      logFormat: LOG,
      cases: [
        { name: 'fixed', send: ['GET /fixed', { method: 'POST', path: '/fixed', body: 'data' }], upstream: { a: [OK, OK] } },
        {
          name: 'a chunked body and trailers wait',
          send: { method: 'POST', path: '/fixed', chunks: ['one', 'two'], trailers: [['t', '1']] },
        },
        { name: 'then an abort', send: 'GET /both' },
        { name: 'less than a millisecond is none', send: 'GET /tiny' },
        { name: 'no share', send: 'GET /never' },
        { name: 'does not count against the timeout', send: 'GET /timeout' },
        { name: 'by header', send: get('/', ['x-envoy-fault-delay-request', '20']) },
        {
          name: 'by header, 0 and nonsense',
          send: [get('/', ['x-envoy-fault-delay-request', '0']), get('/', ['x-envoy-fault-delay-request', 'x'])],
        },
        { name: 'a share of 0', send: get('/', ['x-envoy-fault-delay-request', '5000'], ['x-envoy-fault-delay-request-percentage', '0']) },
        {
          name: 'by header, then an abort by header',
          send: get('/', ['x-envoy-fault-delay-request', '20'], ['x-envoy-fault-abort-request', '404']),
        },
        { name: 'of a caller', send: get('/fixed', ['x-envoy-downstream-service-cluster', 'shop']) },
        {
          name: 'the client hangs up meanwhile',
          parallel: [{ send: get('/', ['x-envoy-fault-delay-request', '3000']), until: 'sent', abort: true }],
        },
      ],
    },
    {
      name: 'a slow response',
      routes: `
        - {match: {prefix: /fixed}, route: {cluster: a}, ${perRoute(`response_rate_limit: {fixed_limit: {limit_kbps: 2}, ${ALWAYS}}`)}}
        - {match: {prefix: /never}, route: {cluster: a}, ${perRoute('response_rate_limit: {fixed_limit: {limit_kbps: 1}}')}}
        - {match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: hi}}, ${perRoute(`response_rate_limit: {fixed_limit: {limit_kbps: 2}, ${ALWAYS}}`)}}
        - {match: {prefix: /all}, route: {cluster: a}, ${perRoute(`response_rate_limit: {fixed_limit: {limit_kbps: 2}, ${ALWAYS}}, abort: {http_status: 503, ${ALWAYS}}`)}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: withFault('response_rate_limit: {header_limit: {}, percentage: {numerator: 100}}'),
      logFormat: LOG,
      cases: [
        { name: 'fixed', send: 'GET /fixed', upstream: { a: [reply({ body: BODY })] } },
        { name: 'without a body', send: ['GET /fixed', 'HEAD /fixed'] },
        {
          name: 'chunks and trailers',
          send: 'GET /fixed',
          upstream: {
            a: [[{ send: 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc8\r\n' + 'y'.repeat(200) + '\r\n0\r\nt: 1\r\n\r\n' }]],
          },
        },
        { name: 'no share', send: 'GET /never', upstream: { a: [reply({ body: BODY })] } },
        { name: 'of a direct response', send: 'GET /direct' },
        { name: 'with an abort', send: 'GET /all' },
        { name: 'by header', send: get('/', ['x-envoy-fault-throughput-response', '4']), upstream: { a: [reply({ body: BODY })] } },
        {
          name: 'by header, 0, nonsense, share of 0',
          send: [
            get('/', ['x-envoy-fault-throughput-response', '0']),
            get('/', ['x-envoy-fault-throughput-response', 'fast']),
            get('/', ['x-envoy-fault-throughput-response', '1'], ['x-envoy-fault-throughput-response-percentage', '0']),
          ],
        },
      ],
    },
    {
      name: 'at most so many',
      routes: `
        - {match: {prefix: /none}, route: {cluster: a}, ${perRoute(`max_active_faults: 0, abort: {http_status: 503, ${ALWAYS}}, response_rate_limit: {fixed_limit: {limit_kbps: 1}, ${ALWAYS}}`)}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: withFault(`max_active_faults: 1, delay: {fixed_delay: 0.2s, ${ALWAYS}}, abort: {http_status: 503, ${ALWAYS}}`),
      logFormat: LOG,
      cases: [
        { name: 'none at all', send: 'GET /none' },
        {
          name: 'one, the next passes',
          parallel: [
            { send: 'GET /first', until: 'sent' },
            { send: 'GET /second', until: 'answered' },
          ],
        },
      ],
    },
    {
      name: 'at most so many of all filters',
      routes: PLAIN,
      filters: `[{name: first, typed_config: {"@type": ${FAULT}, headers: [{name: x-one, present_match: true}], delay: {fixed_delay: 0.25s, ${ALWAYS}}}}, {name: second, typed_config: {"@type": ${FAULT}, max_active_faults: 1, abort: {http_status: 503, ${ALWAYS}}}}]`,
      logFormat: LOG,
      cases: [
        {
          name: 'one filter is busy, the other has nothing to give',
          parallel: [
            { send: get('/first', ['x-one', '1']), until: 'sent' },
            { send: 'GET /second', until: 'answered' },
          ],
        },
      ],
    },
    {
      name: 'a delay is over before its request',
      routes: PLAIN,
      filters: withFault(`max_active_faults: 1, delay: {fixed_delay: 0.01s, ${ALWAYS}}`),
      logFormat: LOG,
      cases: [
        {
          name: 'the next one',
          upstream: { a: [[{ gate: true }, ...OK], OK] },
          parallel: [
            { send: 'GET /first', until: 'upstream' },
            { send: 'GET /second', until: 'answered' },
          ],
        },
      ],
    },
    {
      name: 'a limit of the response is not',
      routes: PLAIN,
      filters: withFault(
        `max_active_faults: 1, delay: {fixed_delay: 0.01s, ${ALWAYS}}, response_rate_limit: {fixed_limit: {limit_kbps: 1000}, ${ALWAYS}}`,
      ),
      logFormat: LOG,
      cases: [
        {
          name: 'the next one',
          upstream: { a: [[{ gate: true }, ...OK], OK] },
          parallel: [
            { send: 'GET /first', until: 'upstream' },
            { send: 'GET /second', until: 'answered' },
          ],
        },
      ],
    },
    {
      name: 'runtime',
      routes: PLAIN,
      filters: withFault('abort: {http_status: 503, percentage: {numerator: 0}}, delay: {fixed_delay: 9s, percentage: {numerator: 100}}'),
      logFormat: LOG,
      bootstrap: `
layered_runtime: {layers: [{name: s, static_layer: {
  fault.http.abort.abort_percent: 100, fault.http.abort.http_status: 510, fault.http.delay.fixed_duration_ms: 10,
  fault.http.quiet.abort.abort_percent: 0, fault.http.quiet.delay.fixed_delay_percent: 0,
  fault.http.other.abort.http_status: 511, fault.http.other.abort.abort_percent: 100, fault.http.other.delay.fixed_duration_ms: 20,
  fault.http.plain.delay.fixed_duration_ms: 0}}]}
`,
      cases: [
        { name: 'changes share, status and time', send: 'GET /' },
        { name: 'of a caller that is left alone', send: get('/', ['x-envoy-downstream-service-cluster', 'quiet']) },
        { name: 'of a caller with a status of its own', send: get('/', ['x-envoy-downstream-service-cluster', 'other']) },
        { name: 'of a caller with a time of its own', send: get('/', ['x-envoy-downstream-service-cluster', 'plain']) },
      ],
    },
    {
      name: 'runtime keys by other names',
      routes: PLAIN,
      filters: withFault(
        `abort: {http_status: 503, percentage: {numerator: 0}}, delay: {fixed_delay: 9s, percentage: {numerator: 0}}, abort_percent_runtime: my.share, abort_http_status_runtime: my.status, delay_percent_runtime: my.delay, delay_duration_runtime: my.time, max_active_faults_runtime: my.max, disable_downstream_cluster_stats: true`,
      ),
      logFormat: LOG,
      bootstrap: `
layered_runtime: {layers: [{name: s, static_layer: {my.share: 100, my.status: 520, my.delay: 100, my.time: 10, my.max: 5}}]}
`,
      cases: [
        { name: 'are read', send: ['GET /', get('/', ['x-envoy-downstream-service-cluster', 'shop'])] },
        { name: 'gRPC', send: grpc() },
      ],
    },
    {
      name: 'runtime allows none',
      routes: PLAIN,
      filters: withFault(
        `abort: {grpc_status: 3, ${ALWAYS}}, response_rate_limit: {fixed_limit: {limit_kbps: 1}, percentage: {numerator: 0}}`,
      ),
      logFormat: LOG,
      bootstrap: `
layered_runtime: {layers: [{name: s, static_layer: {fault.http.max_active_faults: 0, fault.http.rate_limit.response_percent: 100}}]}
`,
      cases: [{ name: 'and counts what would be', send: ['GET /', grpc()] }],
    },
  ],
};
