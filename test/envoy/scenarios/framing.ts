import { type Area, bytes, closing, early, get, says, steps } from '../harness/scenario.ts';

const CHUNKED_OK = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

/** Messages that are correct, in every shape HTTP/1 has. */
export const framing: Area = {
  name: 'framing',
  configurations: [
    {
      name: 'bodies of requests',
      cases: [
        { name: 'content-length', send: { method: 'POST', body: 'hello' } },
        { name: 'content-length 0', send: { method: 'POST', body: '' } },
        { name: 'no body at all', send: 'POST /' },
        { name: 'a GET with a body', send: { method: 'GET', body: 'why not' } },
        { name: 'a DELETE with a body', send: { method: 'DELETE', body: 'why not' } },
        { name: 'chunked', send: { method: 'POST', chunks: ['hello', ' ', 'world'] } },
        { name: 'chunked and empty', send: { method: 'POST', chunks: [] } },
        {
          name: 'chunk extensions',
          send: { raw: 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1;q="a b"\r\nhello\r\n0;last\r\n\r\n' },
        },
        {
          name: 'upper-case hex and leading zeros',
          send: { raw: 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n00A\r\n0123456789\r\n000\r\n\r\n' },
        },
        { name: 'trailers dropped by default', send: { method: 'POST', chunks: ['x'], trailers: [['x-t', '1']] } },
        {
          name: 'transfer-encoding in another case',
          send: { raw: 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n' },
        },
        { name: 'piece by piece', send: { raw: ['POST / HTTP/1.1\r\nHo', 'st: h\r\nContent-Length: 4\r', '\n\r\nab', 'cd'] } },
        {
          name: 'chunks piece by piece',
          send: { raw: ['POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3', '\r', '\nab', 'c\r\n0\r\n', '\r\n'] },
        },
        { name: 'a body of 300 KiB', send: { method: 'POST', body: 'b'.repeat(300 * 1024) } },
        { name: 'identity', send: { raw: 'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx' } },
      ],
    },
    {
      name: 'trailers enabled',
      hcm: '{http_protocol_options: {enable_trailers: true}}',
      cluster: {
        a: `
          typed_extension_protocol_options:
            envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
              "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
              explicit_http_config: {http_protocol_options: {enable_trailers: true}}
        `,
      },
      cases: [
        {
          name: 'of a request',
          send: {
            method: 'POST',
            chunks: ['x'],
            trailers: [
              ['x-t', '1'],
              ['X-Second', '2'],
            ],
          },
        },
        { name: 'of a response', send: 'GET /', upstream: { a: [bytes(`${CHUNKED_OK}1\r\nx\r\n0\r\nx-trailer: yes\r\n\r\n`)] } },
      ],
    },
    {
      name: 'bodies of responses',
      cases: [
        { name: 'chunked', send: 'GET /', upstream: { a: [bytes(`${CHUNKED_OK}5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n`)] } },
        { name: 'chunked and empty', send: 'GET /', upstream: { a: [bytes(`${CHUNKED_OK}0\r\n\r\n`)] } },
        { name: 'until close', send: 'GET /', upstream: { a: [closing(bytes('HTTP/1.1 200 OK\r\n\r\nuntil the end'))] } },
        {
          name: 'until close with connection: close',
          send: 'GET /',
          upstream: { a: [closing(bytes('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nend'))] },
        },
        {
          name: 'HEAD with a length',
          send: ['HEAD /', 'GET /'],
          upstream: { a: [bytes('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n')] },
        },
        { name: 'HEAD chunked', send: 'HEAD /', upstream: { a: [bytes(CHUNKED_OK)] } },
        { name: 'HEAD without framing', send: 'HEAD /', upstream: { a: [bytes('HTTP/1.1 200 OK\r\n\r\n')] } },
        { name: '204', send: ['GET /', 'GET /'], upstream: { a: [bytes('HTTP/1.1 204 No Content\r\nx: y\r\n\r\n')] } },
        { name: '204 with a length', send: 'GET /', upstream: { a: [bytes('HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n')] } },
        {
          name: '304 with a length',
          send: 'GET /',
          upstream: { a: [bytes('HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\netag: "x"\r\n\r\n')] },
        },
        { name: '304 without', send: 'GET /', upstream: { a: [bytes('HTTP/1.1 304 Not Modified\r\n\r\n')] } },
        {
          name: 'reason phrases are replaced',
          send: ['GET /', 'GET /', 'GET /'],
          upstream: {
            a: [
              bytes('HTTP/1.1 200 Fine\r\ncontent-length: 0\r\n\r\n'),
              bytes('HTTP/1.1 299 Odd One\r\ncontent-length: 0\r\n\r\n'),
              bytes('HTTP/1.1 418\r\ncontent-length: 0\r\n\r\n'),
            ],
          },
        },
        {
          name: 'trailers dropped by default',
          send: 'GET /',
          upstream: { a: [bytes(`${CHUNKED_OK}1\r\nx\r\n0\r\nx-trailer: yes\r\n\r\n`)] },
        },
        {
          name: 'hop-by-hop headers',
          send: 'GET /',
          upstream: {
            a: [
              bytes(
                'HTTP/1.1 200 OK\r\nconnection: keep-alive, x-hop\r\nkeep-alive: timeout=5\r\nproxy-connection: x\r\nx-hop: 1\r\nupgrade: h2c\r\ncontent-length: 0\r\n\r\n',
              ),
            ],
          },
        },
        {
          name: 'the same header twice',
          send: 'GET /',
          upstream: {
            a: [
              bytes(
                'HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nX-Multi: 1\r\nx-multi: 2\r\ncache-control: a\r\ncache-control: b\r\ncontent-length: 0\r\n\r\n',
              ),
            ],
          },
        },
        {
          name: '300 KiB',
          send: 'GET /',
          upstream: { a: [bytes(`HTTP/1.1 200 OK\r\ncontent-length: ${300 * 1024}\r\n\r\n${'r'.repeat(300 * 1024)}`)] },
        },
        {
          name: 'slowly',
          send: 'GET /',
          upstream: {
            a: [
              steps({ send: 'HTTP/1.1 200 OK\r\ncontent-le' }, { delay: 10 }, { send: 'ngth: 4\r\n\r\nab' }, { delay: 10 }, { send: 'cd' }),
            ],
          },
        },
      ],
    },
    {
      name: 'interim responses',
      hcm: '{proxy_100_continue: false}',
      cases: [
        {
          name: '100-continue answered by the proxy',
          send: { raw: ['POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n', 'ok'], pause: 60 },
        },
        {
          name: '103 is passed on',
          send: 'GET /',
          upstream: { a: [bytes('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')] },
        },
        {
          name: '102 is passed on',
          send: 'GET /',
          upstream: { a: [bytes('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')] },
        },
        {
          name: 'an unasked 100 is not',
          send: 'GET /',
          upstream: { a: [bytes('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')] },
        },
        { name: 'other expectations', send: { method: 'POST', headers: [['expect', 'something']], body: 'x' } },
      ],
    },
    {
      name: '100-continue passed on',
      hcm: '{proxy_100_continue: true}',
      cases: [
        {
          name: 'asked and granted',
          send: { raw: ['POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n', 'ok'], pause: 60 },
          upstream: {
            a: [
              early(
                steps(
                  { send: 'HTTP/1.1 100 Continue\r\n\r\n' },
                  { wholeRequest: true },
                  { send: 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n' },
                ),
              ),
            ],
          },
        },
        {
          name: 'refused',
          send: { raw: 'POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n' },
          upstream: { a: [early(bytes('HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n'))] },
        },
      ],
    },
    {
      name: 'connections',
      routes: `- {match: {prefix: /d}, ${says('d')}}\n- {match: {prefix: /}, route: {cluster: a}}`,
      cases: [
        { name: 'connection: close', send: get('/', ['connection', 'close']) },
        { name: 'connection: Close, direct response', send: get('/d', ['Connection', 'Close']) },
        { name: 'connection: keep-alive', send: [get('/', ['connection', 'keep-alive']), 'GET /'] },
        {
          name: 'nominated headers are dropped',
          send: get(
            '/',
            ['connection', 'x-hop, keep-alive'],
            ['x-hop', '1'],
            ['keep-alive', 'timeout=5'],
            ['te', 'gzip, trailers'],
            ['proxy-connection', 'x'],
          ),
        },
        {
          name: 'pipelined',
          send: {
            raw: 'GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /d HTTP/1.1\r\nHost: h\r\n\r\n',
            responses: 3,
          },
        },
        {
          name: 'pipelined with bodies',
          send: {
            raw: 'POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcPOST /2 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n',
            responses: 3,
          },
        },
        {
          name: 'pipelined after close',
          send: { raw: 'GET /1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n' },
        },
        { name: 'empty lines before the request', send: { raw: '\r\n\r\nGET /1 HTTP/1.1\r\nHost: h\r\n\r\n' } },
      ],
    },
    {
      name: 'absolute targets',
      virtualHosts: `- {name: t, domains: [target.test, "target.test:8080"], routes: [{match: {prefix: /}, route: {cluster: b}}]}\n- {name: rest, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: a}}]}`,
      cases: [
        { name: 'the target wins over Host', send: { raw: 'GET http://target.test/p?q HTTP/1.1\r\nHost: other.test\r\n\r\n' } },
        { name: 'with a port', send: { raw: 'GET http://target.test:8080/p HTTP/1.1\r\nHost: other.test\r\n\r\n' } },
        { name: 'without a path', send: { raw: 'GET http://target.test HTTP/1.1\r\nHost: other.test\r\n\r\n' } },
        { name: 'only a query', send: { raw: 'GET http://target.test?q=1 HTTP/1.1\r\nHost: other.test\r\n\r\n' } },
        { name: 'https over plain text', send: { raw: 'GET https://target.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n' } },
        { name: 'another scheme', send: { raw: 'GET ftp://target.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n' } },
        { name: 'OPTIONS *', send: { raw: 'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n' } },
      ],
    },
    {
      name: 'HTTP/1.0 accepted',
      hcm: '{http_protocol_options: {accept_http_10: true, default_host_for_http_10: default.test}}',
      cases: [
        { name: 'without a host', send: { version: 'HTTP/1.0', host: null } },
        { name: 'with a host', send: { version: 'HTTP/1.0', host: 'h.test' } },
        { name: 'keep-alive', send: { version: 'HTTP/1.0', headers: [['connection', 'keep-alive']] } },
        {
          name: 'a chunked response is sent until close',
          send: { version: 'HTTP/1.0' },
          upstream: { a: [bytes(`${CHUNKED_OK}3\r\nabc\r\n0\r\n\r\n`)] },
        },
        { name: 'a body', send: { version: 'HTTP/1.0', method: 'POST', body: 'abc' } },
      ],
    },
  ],
};
