import { type Area, after, bytes, closing, hangUp, reply, silence } from '../harness/scenario.ts';

const FORMAT =
  '%ACCESS_LOG_TYPE% %REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% flags=%RESPONSE_FLAGS% details=%RESPONSE_CODE_DETAILS% ' +
  'in=%BYTES_RECEIVED% out=%BYTES_SENT% up=%UPSTREAM_HOST% cluster=%UPSTREAM_CLUSTER% route=%ROUTE_NAME% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% ' +
  'x-a=%RESP(x-a)% failure=%UPSTREAM_TRANSPORT_FAILURE_REASON% wire=%UPSTREAM_WIRE_BYTES_SENT%/%UPSTREAM_WIRE_BYTES_RECEIVED%';
const LOG = (more = '') =>
  `{name: f, ${more}typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "{{log}}", log_format: {text_format_source: {inline_string: "${FORMAT}\\n"}}}}`;
const NONE = '[]';
const retry = 'retry_policy: {retry_on: 5xx, num_retries: 1, retry_back_off: {base_interval: 0.001s}}';
const ok = reply({ headers: [['x-a', 'yes']], body: 'hello' });

/** upstream_log of the router: a line for each try. */
export const upstreamLogs: Area = {
  name: 'upstream-logs',
  configurations: [
    {
      name: 'one line a try',
      router: `{upstream_log: [${LOG()}]}`,
      accessLog: NONE,
      routes: `
        - {name: again, match: {prefix: /again}, route: {cluster: a, ${retry}}}
        - {name: slow, match: {prefix: /slow}, route: {cluster: a, timeout: 0.1s}}
        - {name: try, match: {prefix: /try}, route: {cluster: a, retry_policy: {retry_on: reset, per_try_timeout: 0.1s, retry_back_off: {base_interval: 0.001s}}}}
        - {name: idle, match: {prefix: /idle}, route: {cluster: a, retry_policy: {retry_on: connect-failure, per_try_idle_timeout: 0.1s}}}
        - {name: dead, match: {prefix: /dead}, route: {cluster: dead}}
        - {name: none, match: {prefix: /none}, route: {cluster: empty}}
        - {name: direct, match: {prefix: /direct}, direct_response: {status: 200}}
        - {name: mirrored, match: {prefix: /mirrored}, route: {cluster: a, request_mirror_policies: [{cluster: b}]}}
        - {name: plain, match: {prefix: /}, route: {cluster: a, prefix_rewrite: /changed}}
      `,
      clusters: `
        - {name: dead, load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{dead}}}}}}]}]}}
        - {name: empty, type: STATIC}
      `,
      cases: [
        { name: 'a response', send: 'GET /', upstream: { a: [ok] } },
        { name: 'a body', send: { method: 'POST', path: '/', body: 'some data' }, upstream: { a: [ok] } },
        { name: 'retried', send: 'GET /again', upstream: { a: [reply({ status: '500 E', body: 'sorry' }), ok] } },
        { name: 'retried in vain', send: 'GET /again', upstream: { a: [hangUp, hangUp] } },
        { name: 'no answer', send: 'GET /slow', upstream: { a: [silence] } },
        { name: 'no answer to two tries', send: 'GET /try', upstream: { a: [silence, ok] } },
        { name: 'idle for too long', send: 'GET /idle', upstream: { a: [silence] } },
        { name: 'nobody there', send: 'GET /dead' },
        { name: 'no host', send: 'GET /none' },
        { name: 'no upstream', send: 'GET /direct' },
        { name: 'garbage', send: 'GET /x', upstream: { a: [bytes('garbage\r\n\r\n')] } },
        {
          name: 'cut off',
          send: 'GET /x',
          upstream: { a: [closing(bytes('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc'))] },
          closes: true,
        },
        { name: 'a mirror', send: 'GET /mirrored', upstream: { a: [after(60, ok)] } },
      ],
    },
    {
      name: 'filtered',
      router: `{upstream_log: [${LOG('filter: {status_code_filter: {comparison: {op: GE, value: {default_value: 500, runtime_key: x}}}}, ')}]}`,
      accessLog: NONE,
      routes: `- {match: {prefix: /}, route: {cluster: a, ${retry}}}`,
      cases: [{ name: 'the failed try alone', send: 'GET /', upstream: { a: [reply({ status: '503 E' }), ok] } }],
    },
    {
      name: 'also when the connection is there',
      router: `{upstream_log: [${LOG()}], upstream_log_options: {flush_upstream_log_on_upstream_stream: true}}`,
      accessLog: NONE,
      routes: `- {match: {prefix: /}, route: {cluster: a, ${retry}}}`,
      cases: [{ name: 'two lines a try', send: 'GET /', upstream: { a: [reply({ status: '503 E' }), ok] } }],
    },
    {
      name: 'while it goes on',
      router: `{upstream_log: [${LOG()}], upstream_log_options: {upstream_log_flush_interval: 0.2s}}`,
      accessLog: NONE,
      cases: [{ name: 'two more lines', send: 'GET /', upstream: { a: [after(500, ok)] } }],
    },
    {
      name: 'beside the access log',
      router: `{upstream_log: [${LOG()}]}`,
      logFormat: '%ACCESS_LOG_TYPE% %RESPONSE_CODE% %PROTOCOL%',
      cases: [{ name: 'first the upstream', send: 'GET /', upstream: { a: [ok] } }],
    },
  ],
};
