import { field, fields, frame, request, word } from '../../http/h2/frames.ts';
import { type Area, bytes, closing, reply, says, silence } from '../harness/scenario.ts';

const head = (...pairs: readonly (readonly [string, string])[]): Buffer => frame(1, 5, 1, fields(...pairs));
const M = [':method', 'GET'] as const;
const S = [':scheme', 'http'] as const;
const P = [':path', '/x'] as const;
const A = [':authority', 'h'] as const;
const post = (id = 1, ...more: readonly (readonly [string, string])[]): Buffer => frame(1, 4, id, request('POST', '/x', ...more));

/** HTTP/2 on the client's side, HTTP/1 upstream. */
export const http2: Area = {
  name: 'http2',
  configurations: [
    {
      name: 'downstream',
      routes: `
        - {match: {prefix: /direct}, ${says('hello')}}
        - {match: {prefix: /redirect}, redirect: {path_redirect: /to}}
        - {match: {prefix: /timeout}, route: {cluster: a, timeout: 0.2s}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      hcm: '{via: proxy, server_name: the-proxy}',
      cases: [
        { name: 'GET', http2: { requests: [{ headers: { ':path': '/x', 'x-a': '1' } }] } },
        { name: 'POST with a body', http2: { requests: [{ headers: { ':method': 'POST' }, body: 'hello' }] } },
        { name: 'POST with a length', http2: { requests: [{ headers: { ':method': 'POST', 'content-length': 5 }, body: 'hello' }] } },
        {
          name: 'HEAD',
          http2: { requests: [{ headers: { ':method': 'HEAD' } }] },
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n')] },
        },
        { name: 'HEAD, direct', http2: { requests: [{ headers: { ':method': 'HEAD', ':path': '/direct' } }] } },
        {
          name: 'direct response and redirect',
          http2: { requests: [{ headers: { ':path': '/direct' } }, { headers: { ':path': '/redirect' } }] },
        },
        {
          name: 'chunked with trailers',
          http2: { requests: [{ headers: { te: 'trailers' } }] },
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n')] },
        },
        { name: '204', http2: { requests: [{ headers: {} }] }, upstream: { a: [bytes('HTTP/1.1 204 No Content\r\n\r\n')] } },
        {
          name: 'body until the end',
          http2: { requests: [{ headers: {} }] },
          upstream: { a: [closing(bytes('HTTP/1.1 200 OK\r\n\r\nabc'))] },
        },
        {
          name: 'request trailers are dropped',
          http2: { requests: [{ headers: { ':method': 'POST' }, body: 'x', trailers: { 'x-t': '1' } }] },
        },
        {
          name: 'three at once',
          http2: {
            together: true,
            requests: [{ headers: { ':path': '/direct?1' } }, { headers: { ':path': '/direct?2' } }, { headers: { ':path': '/direct?3' } }],
          },
        },
        {
          name: 'cookies and repeated fields',
          http2: { requests: [{ headers: { cookie: ['a=1', 'b=2'], 'x-r': ['1', '2'], accept: ['a/b', 'c/d'] } }] },
        },
        {
          name: 'fields of the upstream that HTTP/2 does not have',
          http2: { requests: [{ headers: {} }] },
          upstream: {
            a: [
              reply({
                headers: [
                  ['keep-alive', 'timeout=5'],
                  ['x-a', '1'],
                  ['proxy-connection', 'x'],
                  ['set-cookie', 'a=1'],
                  ['set-cookie', 'b=2'],
                ],
              }),
            ],
          },
        },
        {
          name: 'the upstream says close',
          http2: { requests: [{ headers: {} }, { headers: { ':path': '/direct' } }] },
          upstream: { a: [closing(reply({ headers: [['connection', 'close']], body: 'x' }))] },
        },
        {
          name: 'interim response',
          http2: { requests: [{ headers: {} }] },
          upstream: { a: [bytes('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')] },
        },
        { name: 'expect', http2: { requests: [{ headers: { ':method': 'POST', expect: '100-continue' }, body: 'x' }] } },
        { name: 'upstream hangs up', http2: { requests: [{ headers: {} }] }, upstream: { a: [closing(silence)] } },
        {
          name: 'upstream cut off in the body',
          http2: { requests: [{ headers: {} }] },
          upstream: { a: [closing(bytes('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'))] },
        },
        { name: 'malformed answer', http2: { requests: [{ headers: {} }] }, upstream: { a: [bytes('nonsense\r\n\r\n')] } },
        { name: 'timeout', http2: { requests: [{ headers: { ':path': '/timeout' } }] }, upstream: { a: [silence] } },
        {
          name: 'timeout of gRPC',
          http2: { requests: [{ headers: { ':path': '/timeout', ':method': 'POST', 'content-type': 'application/grpc' }, body: 'x' }] },
          upstream: { a: [silence] },
        },
        { name: 'answered early', http2: { requests: [{ headers: { ':method': 'POST', ':path': '/direct' }, body: 'x', open: true }] } },
        {
          name: 'no route for CONNECT',
          http2: {
            requests: [{ headers: { ':method': 'CONNECT', ':authority': 'a:80', ':path': undefined, ':scheme': undefined }, open: true }],
          },
        },
        { name: 'an absolute path', http2: { frames: [head(M, S, [':path', 'http://x/y'], A)], closes: true } },
        { name: 'a path with a fragment', http2: { frames: [head(M, S, [':path', '/a#b'], A)] } },
        { name: 'OPTIONS *', http2: { frames: [head([':method', 'OPTIONS'], S, [':path', '*'], A)] } },
      ],
    },
    {
      name: 'malformed',
      routes: `
        - {match: {prefix: /direct}, ${says('hello')}}
        - {match: {prefix: /}, route: {cluster: a}}
      `,
      cases: [
        { name: 'an upper-case name', http2: { frames: [head(M, S, P, A, ['Foo', 'x'])], closes: true } },
        { name: 'connection', http2: { frames: [head(M, S, P, A, ['connection', 'close'])], closes: true } },
        { name: 'te', http2: { frames: [head(M, S, P, A, ['te', 'gzip'])], closes: true } },
        { name: 'a control character', http2: { frames: [head(M, S, P, A, ['foo', 'a\x01b'])], closes: true } },
        { name: 'no :path', http2: { frames: [head(M, S, A)], closes: true } },
        { name: 'no :authority', http2: { frames: [head(M, S, P)], closes: true } },
        { name: 'host only', http2: { frames: [head(M, S, P, ['host', 'b.com'])] } },
        { name: 'host and :authority', http2: { frames: [head(M, S, P, A, ['host', 'b.com'])] } },
        { name: 'an empty :authority', http2: { frames: [head(M, S, P, [':authority', ''])], closes: true } },
        { name: 'two lengths', http2: { frames: [post(1, ['content-length', '1'], ['content-length', '2'])], closes: true } },
        { name: 'a body too long', http2: { frames: [post(1, ['content-length', '2']), frame(0, 0, 1, 'abc')] } },
        { name: 'a body too short', http2: { frames: [Buffer.concat([post(1, ['content-length', '5']), frame(0, 1, 1, 'abc')])] } },
        { name: 'a length and no body', http2: { frames: [head([':method', 'POST'], S, P, A, ['content-length', '5'])], closes: true } },
        { name: 'trailers without end', http2: { frames: [post(), frame(1, 4, 1, field('a', 'b'))], closes: true } },
        {
          name: 'a broken header block',
          http2: { frames: [frame(1, 5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))], closes: true },
        },
        { name: 'an even stream', http2: { frames: [frame(1, 5, 2, request())], closes: true } },
        { name: 'a frame too large', http2: { frames: [Buffer.concat([post(), frame(0, 0, 1, Buffer.alloc(16_385))])], closes: true } },
        { name: 'DATA on an idle stream', http2: { frames: [frame(0, 1, 5, 'x')], closes: true } },
        { name: 'SETTINGS with a bad value', http2: { frames: [frame(4, 0, 0, Buffer.from([0, 5, 0, 0, 0, 1]))], closes: true } },
        { name: 'WINDOW_UPDATE by nothing', http2: { frames: [post(), frame(8, 0, 1, word(0))], closes: true } },
        { name: 'an unknown frame', http2: { frames: [Buffer.concat([frame(77, 0, 0, 'x'), frame(1, 5, 1, request('GET', '/direct'))])] } },
        { name: 'empty DATA frames', http2: { frames: [Buffer.concat([post(), frame(0, 0, 1), frame(0, 0, 1)])], closes: true } },
        {
          name: 'empty CONTINUATION frames',
          http2: { frames: [Buffer.concat([frame(1, 1, 1, request()), frame(9, 0, 1), frame(9, 0, 1)])], closes: true },
        },
        {
          name: 'PRIORITY flood',
          http2: { frames: [Buffer.concat(Array.from({ length: 102 }, () => frame(2, 0, 1, Buffer.from([0, 0, 0, 0, 1]))))], closes: true },
        },
        {
          name: 'WINDOW_UPDATE flood',
          http2: { frames: [Buffer.concat(Array.from({ length: 9 }, () => frame(8, 0, 0, word(1))))], closes: true },
        },
        {
          name: 'too many fields',
          http2: { frames: [frame(1, 5, 1, Buffer.concat([request(), ...Array.from({ length: 101 }, (_, i) => field('x' + i, 'y'))]))] },
        },
        { name: 'HTTP/1 all the same', send: 'GET /direct' },
        {
          name: 'h2c upgrade is not taken',
          send: {
            raw: 'GET /direct HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
          },
        },
        {
          name: 'opened and reset again and again',
          http2: {
            frames: [
              post(),
              Buffer.concat([
                frame(3, 0, 1, word(8)),
                ...Array.from({ length: 260 }, (_, i) => Buffer.concat([post(3 + 2 * i), frame(3, 0, 3 + 2 * i, word(8))])),
              ]),
            ],
            shows: /^nothing/,
            pause: 100,
            closes: true,
          },
        },
      ],
      ignoreStats: /upstream_/,
      statsDiffer: {
        reason: 'Envoy counts a protocol error too when it drops a connection for premature resets and finds more frames in its buffer',
        changes: ['- http.ingress.downstream_cx_protocol_error: 17', '+ http.ingress.downstream_cx_protocol_error: 16'],
      },
    },
    {
      name: 'options',
      hcm: `{codec_type: HTTP2, stream_error_on_invalid_http_message: true, upgrade_configs: [{upgrade_type: websocket}],
             common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST},
             http2_protocol_options: {allow_connect: true, max_concurrent_streams: 2, initial_stream_window_size: 65535}}`,
      cases: [
        { name: 'GET', http2: { requests: [{ headers: {} }] } },
        {
          name: 'an invalid message spares the connection',
          http2: { frames: [head(M, S, P, A, ['connection', 'close']), frame(1, 5, 3, request())], shows: /^RST/ },
        },
        { name: 'a name with an underscore', http2: { requests: [{ headers: { a_b: 'x' } }, { headers: {} }] } },
        {
          name: 'streams over the limit',
          http2: { frames: [post(1), post(3), post(5)] },
          upstream: { a: [silence, silence] },
        },
        { name: 'SETTINGS', http2: { frames: [], shows: /^SETTINGS 0$|^WINDOW/ } },
        {
          name: 'WebSocket',
          http2: {
            requests: [
              {
                headers: {
                  ':method': 'CONNECT',
                  ':protocol': 'websocket',
                  ':path': '/ws',
                  ':scheme': 'http',
                  'sec-websocket-version': '13',
                },
                tunnel: 'ping',
              },
            ],
          },
          upstream: {
            a: [
              [{ send: 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx: y\r\n\r\n' }, { tunnel: true }],
            ],
          },
        },
        {
          name: 'WebSocket refused',
          http2: {
            requests: [{ headers: { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/ws', ':scheme': 'http' }, open: true }],
          },
          upstream: { a: [reply({ status: '403 Forbidden', body: 'no' })] },
        },
        {
          name: 'an upgrade that is not allowed',
          http2: { requests: [{ headers: { ':method': 'CONNECT', ':protocol': 'foo', ':path': '/ws', ':scheme': 'http' }, open: true }] },
        },
      ],
    },
    {
      name: 'limits',
      hcm: `{common_http_protocol_options: {max_requests_per_connection: 2, max_headers_count: 20}, max_request_headers_kb: 1, drain_timeout: 0.1s,
             stream_idle_timeout: 0.3s}`,
      cases: [
        { name: 'requests on one connection', http2: { requests: [{ headers: {} }, { headers: {} }], closes: true } },
        { name: 'headers too large', http2: { requests: [{ headers: { 'x-large': 'x'.repeat(2000) } }] } },
        { name: 'idle before the answer', http2: { requests: [{ headers: {} }] }, upstream: { a: [silence] } },
        {
          name: 'idle in the answer',
          http2: { requests: [{ headers: {} }] },
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc')] },
        },
        { name: 'idle in the request', http2: { requests: [{ headers: { ':method': 'POST' }, body: 'x', open: true }] } },
      ],
    },
  ],
};
