import { type Area, type Request, reply } from '../harness/scenario.ts';

const PLAIN = '[{match: {prefix: /}, route: {cluster: a}}]';
const BUFFER = 'type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer';
const LIMIT = 'type.googleapis.com/envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit';
const perRouteBuffer = (fields: string) =>
  `typed_per_filter_config: {envoy.filters.http.buffer: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute, ${fields}}}`;
const perRouteLimit = (fields: string) => `typed_per_filter_config: {envoy.filters.http.bandwidth_limit: {"@type": ${LIMIT}, ${fields}}}`;
const post = (path: string, body: string): Request => ({ method: 'POST', path, body });
const chunked = (path: string, ...chunks: string[]): Request => ({ method: 'POST', path, chunks });
const LOG = '%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% in=%BYTES_RECEIVED% out=%BYTES_SENT%';
const BODY = 'x'.repeat(400);
const TRAILERS: readonly { send: string }[] = [
  { send: `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc8\r\n${'y'.repeat(200)}\r\n0\r\nt: 1\r\n\r\n` },
];
const CHUNKED: readonly { send: string }[] = [
  { send: `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc8\r\n${'y'.repeat(200)}\r\n0\r\n\r\n` },
];
/** The head alone, then each piece by itself. */
const inPieces = (path: string, ...pieces: string[]) => {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return { raw: [`POST ${path} HTTP/1.1\r\nhost: example.test\r\ncontent-length: ${length}\r\n\r\n`, ...pieces], method: 'POST' };
};

const LAST_PIECE = {
  reason: 'Envoy has refused the last piece of a body before it finds that it was the last; Outrider knows, and keeps the connection',
  changes: ['- connection: close', '- [connection closed]', '+ [connection open]'],
};

const LAST_PIECE_STATS = {
  reason: LAST_PIECE.reason,
  changes: [
    '- http.ingress.downstream_cx_destroy_local: 1',
    '+ http.ingress.downstream_cx_destroy_remote: 1',
    '- http.ingress.downstream_rq_response_before_rq_complete: 1',
    '- http.ingress.downstream_rq_rx_reset: 1',
  ],
};

/** Requests that wait to be complete, and bodies at a rate. */
export const buffering: Area = {
  name: 'buffering',
  configurations: [
    {
      name: 'buffer',
      routes: `
        - {match: {prefix: /off}, route: {cluster: a}, ${perRouteBuffer('disabled: true')}}
        - {match: {prefix: /small}, route: {cluster: a}, ${perRouteBuffer('buffer: {max_request_bytes: 4}')}}
        - {match: {prefix: /direct}, direct_response: {status: 200}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: `[{name: envoy.filters.http.buffer, typed_config: {"@type": ${BUFFER}, max_request_bytes: 10}}]`,
      logFormat: LOG,
      cases: [
        { name: 'no body', send: ['GET /', 'HEAD /'] },
        { name: 'an empty body', send: [post('/', ''), chunked('/')] },
        { name: 'content-length', send: post('/', 'data') },
        { name: 'in pieces', send: inPieces('/', 'da', 'ta', 'end') },
        { name: 'chunked gets a length', send: chunked('/', 'one', 'two') },
        { name: 'with trailers', send: { method: 'POST', path: '/', chunks: ['one', 'two'], trailers: [['t', '1']] } },
        { name: 'exactly as much as may be', send: inPieces('/', '01234', '56789') },
        { name: 'too much, in pieces', send: inPieces('/', '01234567', '89a', 'b') },
        {
          name: 'too much, chunked',
          send: {
            raw: ['POST / HTTP/1.1\r\nhost: example.test\r\ntransfer-encoding: chunked\r\n\r\n', '7\r\n0123456\r\n', '6\r\n789abc\r\n'],
            method: 'POST',
          },
        },
        { name: 'too much for the route', send: inPieces('/small', '012', '345', '6') },
        { name: 'switched off for the route', send: [chunked('/off', 'one', 'two'), post('/off', BODY)] },
        { name: 'a direct response', send: [post('/direct', 'data'), inPieces('/direct', '01234567', '89a', 'b')] },
      ],
    },
    {
      name: 'buffer, too much with the last piece',
      routes: PLAIN,
      filters: `[{name: envoy.filters.http.buffer, typed_config: {"@type": ${BUFFER}, max_request_bytes: 10}}]`,
      logFormat: LOG,
      cases: [{ name: 'the connection goes on', send: inPieces('/', '01234567', '89abc'), differs: LAST_PIECE }],
      statsDiffer: LAST_PIECE_STATS,
    },
    {
      name: 'bandwidth limit',
      routes: `
        - {match: {prefix: /none}, route: {cluster: a}, ${perRouteLimit('stat_prefix: none, limit_kbps: 1')}}
        - {match: {prefix: /request}, route: {cluster: a}, ${perRouteLimit('stat_prefix: request, enable_mode: REQUEST, limit_kbps: 500')}}
        - {match: {prefix: /response}, route: {cluster: a}, ${perRouteLimit('stat_prefix: response, enable_mode: RESPONSE, limit_kbps: 500')}}
        - {match: {prefix: /off}, route: {cluster: a}, ${perRouteLimit('stat_prefix: off, enable_mode: REQUEST_AND_RESPONSE, limit_kbps: 500, runtime_enabled: {default_value: true, runtime_key: limit.off}')}}
        - {match: {prefix: /slow}, route: {cluster: a}, ${perRouteLimit('stat_prefix: slow, enable_mode: RESPONSE, limit_kbps: 2, fill_interval: 0.1s')}}
        - {match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: hi}}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      filters: `[{name: envoy.filters.http.bandwidth_limit, typed_config: {"@type": ${LIMIT}, stat_prefix: bw, enable_mode: REQUEST_AND_RESPONSE, limit_kbps: 500}}]`,
      bootstrap: 'layered_runtime: {layers: [{name: s, static_layer: {limit.off: false}}]}\n',
      logFormat: LOG,
      // Of the last piece that was read.
      ignoreStats: /http_bandwidth_limit\.\w+_(transfer_duration|incoming_size|allowed_size)$/,
      cases: [
        { name: 'no bodies', send: ['GET /', 'HEAD /'] },
        { name: 'both', send: post('/', BODY), upstream: { a: [reply({ body: BODY })] } },
        {
          name: 'chunks and trailers',
          send: { method: 'POST', path: '/', chunks: ['one', 'two'], trailers: [['t', '1']] },
          upstream: { a: [TRAILERS] },
        },
        { name: 'the request', send: post('/request', BODY), upstream: { a: [reply({ body: BODY })] } },
        { name: 'the response', send: post('/response', BODY), upstream: { a: [reply({ body: BODY })] } },
        { name: 'nothing', send: post('/none', BODY), upstream: { a: [reply({ body: BODY })] } },
        { name: 'by runtime', send: post('/off', BODY), upstream: { a: [reply({ body: BODY })] } },
        { name: 'slow', send: 'GET /slow', upstream: { a: [reply({ body: BODY })] } },
        { name: 'a direct response', send: 'GET /direct' },
      ],
    },
    {
      name: 'bandwidth limit with trailers',
      routes: PLAIN,
      hcm: 'http_protocol_options: {enable_trailers: true}',
      cluster: {
        a: '{typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {enable_trailers: true}}}}}',
      },
      filters: `[{name: envoy.filters.http.bandwidth_limit, typed_config: {"@type": ${LIMIT}, stat_prefix: bw, enable_mode: REQUEST_AND_RESPONSE, limit_kbps: 2, enable_response_trailers: true, response_trailer_prefix: pre}}]`,
      ignoreStats: /http_bandwidth_limit\.\w+_(transfer_duration|incoming_size|allowed_size)$/,
      cases: [
        { name: 'added', send: 'GET /', upstream: { a: [CHUNKED] } },
        { name: 'beside those of the upstream', send: post('/', 'data'), upstream: { a: [TRAILERS] } },
        { name: 'a response of known length', send: 'GET /', upstream: { a: [reply({ body: BODY })] } },
        { name: 'no body', send: 'HEAD /' },
      ],
    },
  ],
};
