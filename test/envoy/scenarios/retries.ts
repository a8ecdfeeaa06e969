import { type Area, after, bytes, closing, get, hangUp, reply, reset, silence, steps } from '../harness/scenario.ts';

const status = (code: string, ...headers: (readonly [string, string])[]) => reply({ status: code, headers });
const route = (retryOn: string, more = '') =>
  `- {match: {prefix: /}, route: {cluster: a, timeout: 2s, retry_policy: {retry_on: "${retryOn}", retry_back_off: {base_interval: 0.001s, max_interval: 0.002s}${more}}}}`;
/** Lets a loopback client use the x-envoy-* headers. */
const TRUSTED = '{use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 0.0.0.0, prefix_len: 0}]}}';

/** What is retried, how often, and what the client and the statistics then say. */
export const retries: Area = {
  name: 'retries',
  configurations: [
    {
      name: '5xx',
      routes: route('5xx', ', num_retries: 2'),
      cases: [
        { name: 'a 500 then a 200', send: 'GET /', upstream: { a: [status('500 E')] } },
        { name: 'limit reached', send: 'GET /', upstream: { a: [status('500 E'), status('503 E'), status('504 last')] } },
        { name: 'a 404 passes', send: 'GET /', upstream: { a: [status('404 N')] } },
        { name: 'closed before the response', send: 'GET /', upstream: { a: [hangUp] } },
        { name: 'reset before the response', send: 'GET /', upstream: { a: [reset] } },
        { name: 'closed every time', send: 'GET /', upstream: { a: [hangUp, hangUp, hangUp] } },
        { name: 'with its body again', send: { method: 'POST', body: 'some data' }, upstream: { a: [status('500 E')] } },
        { name: 'a chunked body again', send: { method: 'POST', chunks: ['some', 'data'] }, upstream: { a: [status('500 E')] } },
        {
          name: 'an x-envoy-ratelimited response is final',
          send: 'GET /',
          upstream: { a: [status('503 E', ['x-envoy-ratelimited', 'true'])] },
        },
        {
          name: 'a started response is final',
          send: 'GET /',
          upstream: { a: [closing(bytes('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'))] },
        },
        { name: 'garbage is a protocol error', send: 'GET /', upstream: { a: [closing(bytes('garbage\r\n\r\n'))] } },
      ],
    },
    {
      name: 'gateway-error',
      routes: route('gateway-error'),
      cases: [
        { name: 'a 502', send: 'GET /', upstream: { a: [status('502 E')] } },
        { name: 'a 500 passes', send: 'GET /', upstream: { a: [status('500 E')] } },
        { name: 'closed', send: 'GET /', upstream: { a: [hangUp] } },
      ],
    },
    {
      name: 'reset',
      routes: route('reset'),
      cases: [
        { name: 'closed', send: 'GET /', upstream: { a: [hangUp] } },
        { name: 'a 503 passes', send: 'GET /', upstream: { a: [status('503 E')] } },
        { name: 'closed in the middle of the head', send: 'GET /', upstream: { a: [closing(bytes('HTTP/1.1 200 OK\r\ncontent-'))] } },
      ],
    },
    {
      name: 'reset-before-request and connect-failure',
      routes: route('reset-before-request,connect-failure'),
      cases: [
        { name: 'the request was written', send: 'GET /', upstream: { a: [hangUp] } },
        { name: 'the request was written, with a body', send: { method: 'POST', body: 'x' }, upstream: { a: [hangUp] } },
      ],
    },
    {
      name: 'connect-failure to a dead port',
      routes: `- {match: {prefix: /}, route: {cluster: dead, retry_policy: {retry_on: connect-failure, num_retries: 2, retry_back_off: {base_interval: 0.001s}}}}`,
      clusters: `
        - name: dead
          load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}
      `,
      cases: [{ name: 'refused three times', send: 'GET /' }],
    },
    {
      name: 'retriable-4xx',
      routes: route('retriable-4xx'),
      cases: [
        { name: 'a 409', send: 'GET /', upstream: { a: [status('409 C')] } },
        { name: 'a 429 passes', send: 'GET /', upstream: { a: [status('429 T')] } },
      ],
    },
    {
      name: 'retriable status codes and headers',
      routes: route(
        'retriable-status-codes,retriable-headers',
        ', retriable_status_codes: [418, 200], retriable_headers: [{name: x-retry, string_match: {exact: "yes"}}], retriable_request_headers: [{name: ":method", string_match: {exact: GET}}]',
      ),
      cases: [
        { name: 'a status code', send: 'GET /', upstream: { a: [status('418 T'), status('404 N')] } },
        { name: 'a header', send: 'GET /', upstream: { a: [status('404 N', ['x-retry', 'yes']), status('404 N', ['x-retry', 'no'])] } },
        { name: 'not for other requests', send: { method: 'POST', body: '' }, upstream: { a: [status('418 T')] } },
      ],
    },
    {
      name: 'envoy-ratelimited',
      routes: route('envoy-ratelimited'),
      cases: [{ name: 'a limited response', send: 'GET /', upstream: { a: [status('429 T', ['x-envoy-ratelimited', 'true'])] } }],
    },
    {
      name: 'gRPC conditions',
      routes: route('cancelled,deadline-exceeded,internal,resource-exhausted,unavailable', ', num_retries: 5'),
      cases: [
        {
          name: 'each code',
          send: { method: 'POST', headers: [['content-type', 'application/grpc']], body: 'x' },
          upstream: {
            a: [1, 4, 8, 13, 14, 2].map((code) => status('200 OK', ['content-type', 'application/grpc'], ['grpc-status', String(code)])),
          },
        },
      ],
    },
    {
      name: 'asked for by headers',
      hcm: TRUSTED,
      routes: '- {match: {prefix: /}, route: {cluster: a}}',
      cases: [
        {
          name: 'retry-on and max-retries',
          send: get('/', ['x-envoy-retry-on', '5xx'], ['x-envoy-max-retries', '2']),
          upstream: { a: [status('500 E'), status('500 E')] },
        },
        {
          name: 'no retries',
          send: get('/', ['x-envoy-retry-on', '5xx'], ['x-envoy-max-retries', '0']),
          upstream: { a: [status('500 E')] },
        },
        {
          name: 'status codes',
          send: get('/', ['x-envoy-retry-on', 'retriable-status-codes'], ['x-envoy-retriable-status-codes', '404,405']),
          upstream: { a: [status('404 N')] },
        },
        {
          name: 'header names',
          send: get('/', ['x-envoy-retry-on', 'retriable-headers'], ['x-envoy-retriable-header-names', 'x-again']),
          upstream: { a: [status('404 N', ['x-again', '1'])] },
        },
        {
          name: 'gRPC',
          send: get('/', ['x-envoy-retry-grpc-on', 'unavailable']),
          upstream: { a: [status('200 OK', ['grpc-status', '14'])] },
        },
        { name: 'unknown tokens do nothing', send: get('/', ['x-envoy-retry-on', 'whatever']), upstream: { a: [status('500 E')] } },
      ],
    },
    {
      name: 'headers of strangers are ignored',
      routes: '- {match: {prefix: /}, route: {cluster: a}}',
      cases: [
        {
          name: 'stripped',
          send: get('/', ['x-envoy-retry-on', '5xx'], ['x-envoy-max-retries', '3'], ['x-envoy-upstream-rq-timeout-ms', '1']),
          upstream: { a: [status('500 E')] },
        },
      ],
    },
    {
      name: 'per-try time-outs',
      routes: `
        - {match: {prefix: /retried}, route: {cluster: a, timeout: 2s, retry_policy: {retry_on: 5xx, per_try_timeout: 0.120s, retry_back_off: {base_interval: 0.001s}}}}
        - {match: {prefix: /not}, route: {cluster: a, timeout: 2s, retry_policy: {retry_on: connect-failure, per_try_timeout: 0.120s}}}
        - {match: {prefix: /idle}, route: {cluster: a, timeout: 2s, retry_policy: {retry_on: connect-failure, per_try_idle_timeout: 0.120s}}}
      `,
      cases: [
        { name: 'retried', send: 'GET /retried', upstream: { a: [silence] } },
        { name: 'retried until the limit', send: 'GET /retried', upstream: { a: [silence, silence] } },
        { name: 'not retried', send: 'GET /not', upstream: { a: [silence] } },
        { name: 'idle', send: 'GET /idle', upstream: { a: [silence] } },
        {
          name: 'idle while the response streams',
          send: 'GET /idle',
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')] },
        },
      ],
    },
    {
      name: 'the overall time-out includes retries',
      routes:
        '- {match: {prefix: /}, route: {cluster: a, timeout: 0.250s, retry_policy: {retry_on: 5xx, num_retries: 5, per_try_timeout: 0.150s, retry_back_off: {base_interval: 0.001s, max_interval: 0.001s}}}}',
      cases: [{ name: 'two tries fit', send: 'GET /', upstream: { a: [silence, silence, silence] } }],
    },
    {
      name: 'rate-limited back-off',
      routes:
        '- {match: {prefix: /}, route: {cluster: a, timeout: 0s, retry_policy: {retry_on: 5xx, retry_back_off: {base_interval: 0.001s}, rate_limited_retry_back_off: {reset_headers: [{name: retry-after, format: SECONDS}], max_interval: 5s}}}}',
      cases: [
        { name: 'waits as told', send: 'GET /', upstream: { a: [status('503 E', ['retry-after', '1'])] } },
        { name: 'not that long', send: 'GET /', upstream: { a: [status('503 E', ['retry-after', '6'])] } },
      ],
    },
    {
      name: 'retries and priorities',
      routes: `- {match: {prefix: /}, route: {cluster: two, retry_policy: {retry_on: 5xx, num_retries: 1}}}`,
      clusters: `
        - name: two
          lb_policy: ROUND_ROBIN
          load_assignment:
            cluster_name: two
            endpoints:
            - {priority: 0, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}}]}
            - {priority: 1, lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{b}}}}}}]}
      `,
      cases: [{ name: 'one priority, one host: used again', send: 'GET /', upstream: { a: [status('500 E'), status('201 second')] } }],
    },
    {
      name: 'bodies and early answers',
      routes: route('5xx', ', num_retries: 1'),
      cases: [
        {
          name: 'an early 500 to an unfinished body',
          send: { raw: ['POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc', 'def'], pause: 150 },
          upstream: { a: [steps({ early: true }, { send: 'HTTP/1.1 500 E\r\ncontent-length: 0\r\n\r\n' })] },
        },
        { name: 'a late 200', send: 'GET /', upstream: { a: [after(30, status('200 OK'))] } },
        { name: 'HEAD', send: 'HEAD /', upstream: { a: [bytes('HTTP/1.1 503 E\r\ncontent-length: 10\r\n\r\n')] } },
      ],
    },
  ],
};
