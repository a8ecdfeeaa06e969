import { type Area, bytes, type Configuration, get, hangUp } from '../harness/scenario.ts';

const TAP = 'type.googleapis.com/envoy.extensions.filters.http.tap.v3.Tap';
const filter = (match: string, output: string, more = '') =>
  `- {name: tap, typed_config: {"@type": ${TAP}, common_config: {static_config: {match: {${match}}, output_config: {${output}}${more}}}}}`;
const sink = (format: string) => `sinks: [{format: ${format}, file_per_tap: {path_prefix: "{{dir}}/taps/t"}}]`;
const UP = bytes('HTTP/1.1 200 OK\r\nx-up: u\r\nx-up: v\r\ncontent-length: 9\r\n\r\nabc\xffdefgh');
const TRAILERS = bytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-t: end\r\n\r\n');
const header = (of: string, name: string, value: string) =>
  `http_${of}_match: {headers: [{name: "${name}", string_match: {exact: "${value}"}}]}`;

function configuration(name: string, filters: string, cases: Configuration['cases']): Configuration {
  return {
    name,
    filters,
    hcm: 'generate_request_id: false',
    files: { 'taps/.keep': '' },
    routes: `
      - {match: {path: /d}, direct_response: {status: 403, body: {inline_string: no}}}
      - {match: {prefix: /}, route: {cluster: a, timeout: 0s}, response_headers_to_remove: [x-envoy-upstream-service-time]}
    `,
    cases,
  };
}

const ALL: Configuration['cases'] = [
  {
    name: 'bodies both ways',
    send: {
      method: 'POST',
      path: '/x?q',
      headers: [
        ['x-a', '1'],
        ['x-a', 'é'],
      ],
      body: 'hello',
    },
    upstream: { a: [UP] },
    traces: 1,
  },
  { name: 'no bodies', send: 'GET /x', upstream: { a: [bytes('HTTP/1.1 204 N\r\n\r\n')] }, traces: 1 },
  { name: 'direct', send: 'GET /d', traces: 1 },
  { name: 'trailers', send: 'GET /x', upstream: { a: [TRAILERS] }, traces: 1 },
  { name: 'hung up', send: 'GET /x', upstream: { a: [hangUp] }, traces: 1 },
];
const BODIES: Configuration['cases'] = [
  {
    name: 'a request',
    send: { method: 'POST', path: '/x', body: 'the secret is out' },
    upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')] },
    traces: 1,
  },
  {
    name: 'in pieces',
    send: { raw: ['POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 12\r\n\r\nthe sec', 'ret i'], pause: 30 },
    upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')] },
    traces: 1,
  },
  {
    name: 'too late in it',
    send: { method: 'POST', path: '/x', body: `${'x'.repeat(30)}secret` },
    upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')] },
    traces: 0,
  },
  {
    name: 'a response',
    send: 'GET /x',
    upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n\x01answer'.replace('6', '7'))] },
    traces: 1,
  },
  { name: 'neither', send: 'GET /d', traces: 0 },
];

/** The tap filter: what its files hold, and of which requests there are any. */
export const tap: Area = {
  name: 'tap',
  configurations: [
    configuration(
      'everything, as text',
      filter('any_match: true', sink('JSON_BODY_AS_STRING')),
      ALL.filter((one) => one.name !== 'bodies both ways'),
    ),
    configuration(
      'everything, as bytes',
      filter('any_match: true', `max_buffered_rx_bytes: 3, max_buffered_tx_bytes: 4, ${sink('JSON_BODY_AS_BYTES')}`),
      ALL,
    ),
    configuration('everything, binary', filter('any_match: true', sink('PROTO_BINARY')), ALL),
    configuration('in pieces', filter('any_match: true', `streaming: true, max_buffered_rx_bytes: 3, ${sink('JSON_BODY_AS_BYTES')}`), ALL),
    configuration('with lengths', filter('any_match: true', sink('PROTO_BINARY_LENGTH_DELIMITED')), ALL.slice(1, 2)),
    configuration(
      'by the response, in pieces',
      filter(header('response_headers', 'x-up', 'u,v'), `streaming: true, ${sink('JSON_BODY_AS_BYTES')}`),
      ALL.map((one) => (one.name === 'bodies both ways' ? one : { ...one, traces: 0 })),
    ),
    configuration(
      'by headers',
      filter(
        `or_match: {rules: [{and_match: {rules: [{${header('request_headers', ':method', 'GET')}}, {${header('response_headers', ':status', '403')}}]}}, {${header('response_trailers', 'x-t', 'end')}}, {not_match: {or_match: {rules: [{${header('request_headers', ':path', '/d')}}, {not_match: {${header('request_headers', 'x-not', '1')}}}]}}}]}`,
        sink('JSON_BODY_AS_BYTES'),
      ),
      [
        { name: 'direct', send: 'GET /d', traces: 1 },
        { name: 'trailers', send: 'GET /x', upstream: { a: [TRAILERS] }, traces: 1 },
        { name: 'neither', send: 'GET /x', traces: 0 },
        { name: 'the last', send: get('/x', ['x-not', '1']), traces: 1 },
      ],
    ),
    configuration(
      'by bodies',
      filter(
        'or_match: {rules: [{http_request_generic_body_match: {bytes_limit: 20, patterns: [{string_match: secret}, {string_match: the}]}}, {http_response_generic_body_match: {patterns: [{binary_match: "AWE="}]}}]}',
        sink('JSON_BODY_AS_BYTES'),
      ),
      BODIES,
    ),
    configuration(
      'hardly any',
      filter('any_match: true', sink('JSON_BODY_AS_BYTES'), ', tap_enabled: {default_value: {numerator: 0}, runtime_key: k}'),
      [{ name: 'sampled out', send: 'GET /d', traces: 0 }],
    ),
  ],
};
