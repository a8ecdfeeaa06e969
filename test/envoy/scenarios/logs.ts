import { type Area, bytes, get, hangUp, says } from '../harness/scenario.ts';

const OPERATORS = `
REQ(:METHOD) REQ(:PATH) REQ(X-NONE?:AUTHORITY) REQ(user-agent):3 RESP(x-up) RESP(X-UP?x) RESP(none) TRAILER(x) PROTOCOL UPSTREAM_PROTOCOL
RESPONSE_CODE RESPONSE_CODE_DETAILS RESPONSE_FLAGS RESPONSE_FLAGS_LONG CONNECTION_TERMINATION_DETAILS BYTES_RECEIVED BYTES_SENT
REQUEST_HEADERS_BYTES RESPONSE_HEADERS_BYTES RESPONSE_TRAILERS_BYTES UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_HOST UPSTREAM_HOST_NAME UPSTREAM_REMOTE_ADDRESS
UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_PORT UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_TRANSPORT_FAILURE_REASON UPSTREAM_REQUEST_ATTEMPT_COUNT
DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_PORT
DOWNSTREAM_DIRECT_LOCAL_ADDRESS REQUESTED_SERVER_NAME ROUTE_NAME VIRTUAL_CLUSTER_NAME FILTER_CHAIN_NAME ACCESS_LOG_TYPE LOCAL_REPLY_BODY
GRPC_STATUS GRPC_STATUS_NUMBER PATH(WQ:PATH) PATH(NQ:ORIG_OR_PATH) QUERY_PARAM(q) QUERY_PARAM(none) DYNAMIC_METADATA(ns:key) UPSTREAM_METADATA(ns:key) CLUSTER_METADATA(ns:key)
FILTER_STATE(key) ENVIRONMENT(OUTRIDER_NOT_SET) DOWNSTREAM_TLS_VERSION DOWNSTREAM_PEER_SUBJECT STREAM_ID CONNECTION_ID
DOWNSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_WIRE_BYTES_SENT DOWNSTREAM_HEADER_BYTES_RECEIVED DOWNSTREAM_HEADER_BYTES_SENT
UPSTREAM_WIRE_BYTES_RECEIVED UPSTREAM_WIRE_BYTES_SENT UPSTREAM_HEADER_BYTES_RECEIVED UPSTREAM_HEADER_BYTES_SENT
DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT CUSTOM_FLAGS TRACE_ID DOWNSTREAM_TRANSPORT_FAILURE_REASON
UPSTREAM_HOSTS_ATTEMPTED UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT
`
  .trim()
  .split(/\s+/);

const FIRST = [
  'REQUEST_HEADER(user-agent):3',
  'RESPONSE_HEADER(x-up)',
  'RESPONSE_TRAILER(x)',
  'SPAN_ID',
  'COALESCE({"operators":["ROUTE_NAME","PROTOCOL"]})',
  'COALESCE({"operators":[{"command":"REQ","param":"x-none"},{"command":"REQ","param":"user-agent","max_length":4},"PROTOCOL"]})',
  'COALESCE({"operators":[{"command":"REQ","param":"x-none"},"UPSTREAM_CLUSTER","RESPONSE_FLAGS","PROTOCOL"]}):2',
  'COALESCE({"operators":[{"command":"REQ","param":"x-none"}]})',
];
const file = (rest: string, filter = '') =>
  `{name: envoy.access_loggers.file, ${filter === '' ? '' : `filter: {${filter}}, `}typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, ${rest}}}`;
const line = (name: string, filter: string) =>
  `- ${file(`log_format: {text_format_source: {inline_string: "${name} %REQ(:PATH)% %RESPONSE_CODE%\\n"}}`, filter)}`;
const ROUTES = `
  - {name: direct, match: {prefix: /d}, ${says('direct')}}
  - {name: bad, match: {prefix: /bad}, direct_response: {status: 500}}
  - {name: grpc, match: {prefix: /grpc}, direct_response: {status: 503}}
  - name: up
    match: {prefix: /up}
    route: {cluster: a, prefix_rewrite: /new}
    # How many digits it has is chance, and sizes of headers are logged.
    response_headers_to_remove: [x-envoy-upstream-service-time]
`;
const UP = bytes('HTTP/1.1 200 OK\r\nx-up: "quoted" \\ back\r\ncontent-length: 3\r\n\r\nabc');
const requests = [
  {
    name: 'from the upstream',
    send: { method: 'POST', path: '/up/x?q=1&r', headers: [['user-agent', 'tester "1"']] as const, body: 'hello' },
    upstream: { a: [UP] },
  },
  { name: 'direct', send: 'GET /d' },
  { name: 'no route', send: 'GET /none' },
  { name: 'an upstream that hangs up', send: 'GET /up', upstream: { a: [hangUp] } },
  {
    name: 'chunks both ways',
    send: { raw: 'POST /up HTTP/1.1\r\nhost:  x \r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n' },
    upstream: { a: [bytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n')] },
  },
  { name: 'two on one connection', send: ['GET /up', 'GET /up/second'], upstream: { a: [UP] } },
  { name: 'a parse error', send: { raw: 'GET / HTTP/1.1\r\nbad header: 1\r\n\r\n' } },
];

/** What the access log says, and when it says anything. */
export const logs: Area = {
  name: 'logs',
  configurations: [
    {
      name: 'other names, and the first of several',
      accessLog: `- ${file(`log_format: {text_format_source: {inline_string: '${FIRST.map((o) => `%${o}%`).join('|')} '}}`)}`,
      routes: ROUTES,
      cases: requests.slice(0, 3),
    },
    {
      name: 'text operators',
      accessLog: `- ${file(`log_format: {text_format_source: {inline_string: "${OPERATORS.map((o) => `${o}=%${o}%`).join('|')}\\n"}}`)}`,
      cases: requests,
    },
    {
      name: 'the default format',
      accessLog: `- ${file('')}`,
      cases: requests.slice(1, 3),
    },
    {
      name: 'typed JSON',
      accessLog: `- ${file(
        `log_format: {json_format: {${OPERATORS.filter((o) => !/[?:]/.test(o))
          .map((o) => `"${o}": "%${o}%"`)
          .join(
            ', ',
          )}, mixed: "%REQ(:METHOD)% %RESPONSE_CODE%", nested: {code: "%RESPONSE_CODE%", list: ["%PROTOCOL%", 5, true]}, agent: "%REQ(USER-AGENT)%"}}`,
      )}`,
      cases: requests,
    },
    {
      name: 'empty values omitted',
      accessLog: `
        - ${file('log_format: {omit_empty_values: true, json_format: {none: "%REQ(x-none)%", code: "%RESPONSE_CODE%", nested: {none: "%REQ(x-none)%"}}}')}
        - ${file('log_format: {omit_empty_values: true, text_format_source: {inline_string: "[%REQ(x-none)%] [%RESPONSE_FLAGS%]\\n"}}')}
      `,
      cases: requests.slice(0, 3),
    },
    {
      name: 'filters',
      accessLog: [
        line('status-ge-400', 'status_code_filter: {comparison: {op: GE, value: {default_value: 400, runtime_key: k}}}'),
        line('status-le-300', 'status_code_filter: {comparison: {op: LE, value: {default_value: 300, runtime_key: k}}}'),
        line('duration', 'duration_filter: {comparison: {op: GE, value: {default_value: 100000, runtime_key: k}}}'),
        line('not-health', 'not_health_check_filter: {}'),
        line('header', 'header_filter: {header: {name: x-log, string_match: {exact: "yes"}}}'),
        line('flags-any', 'response_flag_filter: {}'),
        line('flags-nr', 'response_flag_filter: {flags: [NR]}'),
        line('grpc', 'grpc_status_filter: {statuses: [UNAVAILABLE]}'),
        line('grpc-exclude', 'grpc_status_filter: {statuses: [OK, UNAVAILABLE], exclude: true}'),
        line(
          'and',
          'and_filter: {filters: [{header_filter: {header: {name: x-log}}}, {status_code_filter: {comparison: {op: EQ, value: {default_value: 200, runtime_key: k}}}}]}',
        ),
        line('or', 'or_filter: {filters: [{header_filter: {header: {name: x-log}}}, {response_flag_filter: {flags: [NR]}}]}'),
        line('never', 'runtime_filter: {runtime_key: k2, percent_sampled: {numerator: 0}}'),
        line('always', 'runtime_filter: {runtime_key: k2, percent_sampled: {numerator: 100}}'),
        line('by-id', 'runtime_filter: {runtime_key: k3, percent_sampled: {numerator: 50}}'),
        line('traceable', 'traceable_filter: {}'),
        line('type', 'log_type_filter: {types: [DownstreamEnd]}'),
        line(
          'metadata',
          'metadata_filter: {matcher: {filter: ns, path: [{key: k}], value: {present_match: true}}, match_if_key_not_found: false}',
        ),
      ].join('\n'),
      routes: ROUTES,
      cases: [
        { name: 'plain', send: get('/d', ['x-request-id', '00000001-3c4d-4e5f-8a9b-0c1d2e3f4a5b']) },
        { name: 'with the header', send: get('/d', ['x-log', 'yes'], ['x-request-id', 'ffffffff-3c4d-4e5f-8a9b-0c1d2e3f4a5b']) },
        { name: 'an error', send: get('/bad', ['x-request-id', '12345678-3c4d-4e5f-8a9b-0c1d2e3f4a5b']) },
        { name: 'no route', send: get('/none', ['x-request-id', '9abcdef0-3c4d-4e5f-8a9b-0c1d2e3f4a5b']) },
        {
          name: 'gRPC',
          send: {
            method: 'POST',
            path: '/grpc',
            headers: [
              ['content-type', 'application/grpc'],
              ['x-request-id', '0fedcba9-3c4d-4e5f-8a9b-0c1d2e3f4a5b'],
            ],
            body: '',
          },
        },
        {
          name: 'an upstream that hangs up',
          send: get('/up', ['x-request-id', '76543210-3c4d-4e5f-8a9b-0c1d2e3f4a5b']),
          upstream: { a: [hangUp] },
        },
      ],
    },
    {
      name: 'on new requests',
      hcm: '{access_log_options: {flush_access_log_on_new_request: true}}',
      logFormat: '%ACCESS_LOG_TYPE% %REQ(:PATH)% %RESPONSE_CODE%',
      cases: [{ name: 'two lines each', send: ['GET /1', 'GET /2'] }],
    },
    {
      name: 'connection log of the listener',
      listener: `access_log: [${file('path: "{{log}}", log_format: {text_format_source: {inline_string: "connection %PROTOCOL% %BYTES_RECEIVED% %BYTES_SENT% %ACCESS_LOG_TYPE% %RESPONSE_CODE%\\n"}}')}]`,
      cases: [{ name: 'after the requests', send: ['GET /1', 'GET /2'] }],
    },
  ].map((configuration) => ({ routes: ROUTES, ...configuration })) as Area['configurations'],
};
