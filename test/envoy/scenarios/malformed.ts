import type { Area, Case } from '../harness/scenario.ts';

const broken = (name: string, raw: string, more: Partial<Case> = {}): Case => ({ name, send: { raw }, ...more });
const head = (...lines: string[]): string => `${['GET / HTTP/1.1', 'Host: h', ...lines].join('\r\n')}\r\n\r\n`;
const post = (headers: string, body: string): string => `POST / HTTP/1.1\r\nHost: h\r\n${headers}\r\n\r\n${body}`;

/**
 * What the upstream does not see here: the attempt of the case before has left a connection in the pool, on which Envoy sends the head
 * before it has looked at the body that came with it. Outrider writes once per read, and by then the request has been refused.
 */
const neverSent = (connection: number): Partial<Case> => ({
  differs: {
    reason: 'a request that is refused in the read that brought it does not reach the upstream',
    changes: [
      `- <- a #${connection}`,
      '- POST / HTTP/1.1',
      '- host: h',
      '- x-forwarded-proto: http',
      '- x-request-id: {uuid 4}',
      '- x-envoy-expected-rq-timeout-ms: 15000',
      '- transfer-encoding: chunked',
      '- [message cut off]',
    ],
  },
});

/** Messages that are wrong or ambiguous: what is refused, how, and what is let through in which form. */
export const malformed: Area = {
  name: 'malformed',
  configurations: [
    {
      name: 'ambiguous framing',
      cases: [
        broken('length and chunked', post('Content-Length: 3\r\nTransfer-Encoding: chunked', '0\r\n\r\n')),
        broken('two lengths, different', post('Content-Length: 3\r\nContent-Length: 4', 'abcd')),
        broken('two lengths, equal', post('Content-Length: 3\r\nContent-Length: 3', 'abc')),
        broken('a list of lengths', post('Content-Length: 3, 3', 'abc')),
        broken('a signed length', post('Content-Length: +3', 'abc')),
        broken('a negative length', post('Content-Length: -3', 'abc')),
        broken('a hex length', post('Content-Length: 0x3', 'abc')),
        broken('a length with a space inside', post('Content-Length: 1 2', 'abc')),
        broken('an empty length', post('Content-Length:', '')),
        broken('a huge length', post('Content-Length: 99999999999999999999', 'abc')),
        broken('chunked twice', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n')),
        broken('gzip, chunked', post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n')),
        broken('chunked, gzip', post('Transfer-Encoding: chunked, gzip', '0\r\n\r\n')),
        broken('xchunked', post('Transfer-Encoding: xchunked', '0\r\n\r\n')),
        broken('a vertical tab before chunked', post('Transfer-Encoding: \x0bchunked', '0\r\n\r\n')),
        broken('a space before the colon', post('Transfer-Encoding : chunked', '0\r\n\r\n')),
      ],
    },
    {
      name: 'bad chunks',
      cases: [
        broken('not hex', post('Transfer-Encoding: chunked', 'xyz\r\n')),
        broken('an empty size', post('Transfer-Encoding: chunked', '\r\nabc\r\n0\r\n\r\n'), neverSent(1)),
        broken('a negative size', post('Transfer-Encoding: chunked', '-1\r\n\r\n')),
        broken('a size with 0x', post('Transfer-Encoding: chunked', '0x1\r\na\r\n0\r\n\r\n'), neverSent(2)),
        broken('a huge size', post('Transfer-Encoding: chunked', 'fffffffffffffffff\r\n')),
        broken('data longer than its size', post('Transfer-Encoding: chunked', '2\r\nabc\r\n0\r\n\r\n')),
        broken('LF after the size', post('Transfer-Encoding: chunked', '1\na\r\n0\r\n\r\n'), neverSent(3)),
        broken('LF after the data', post('Transfer-Encoding: chunked', '1\r\na\n0\r\n\r\n')),
        broken('a space after the size', post('Transfer-Encoding: chunked', '1 \r\na\r\n0\r\n\r\n')),
      ],
    },
    {
      name: 'bad heads',
      cases: [
        broken('a space before the colon', head('X-A : 1')),
        broken('a space in a name', head('X A: 1')),
        broken('an empty name', head(': 1')),
        broken('no colon', head('nocolon')),
        broken('a NUL in a value', head('X-A: a\x00b')),
        broken('a NUL in a name', head('X-\x00A: a')),
        broken('a control character in a value', head('X-A: a\x01b')),
        broken('DEL in a value', head('X-A: a\x7fb')),
        broken('bytes over 127 in a value', head('X-A: a\xe9\xffb')),
        broken('bytes over 127 in a name', head('X-\xe9: a')),
        broken('a CR inside a value', head('X-A: a\rb')),
        broken('a tab inside a value', head('X-A: a\tb')),
        broken('spaces around a value', head('X-A:  \t v \t ')),
        broken('no space after the colon', head('X-A:v')),
        broken('a folded line', head('X-A: a', ' b')),
        broken('a folded line with a tab', head('X-A: a', '\t\tb')),
        broken('a folded line first', 'GET / HTTP/1.1\r\n X: 1\r\nHost: h\r\n\r\n'),
        broken('odd but legal name characters', head("!#$%&'*+-.^_`|~09aZ: v")),
        broken('a parenthesis in a name', head('X(A): v')),
        broken('LF only', 'GET / HTTP/1.1\nHost: h\nX-A: 1\n\n'),
        broken('LF and CRLF mixed', 'GET / HTTP/1.1\r\nHost: h\nX-A: 1\r\n\r\n'),
        broken('CR only', 'GET / HTTP/1.1\rHost: h\r\r', { send: { raw: 'GET / HTTP/1.1\rHost: h\r\r', afterwards: 'half-close' } }),
      ],
    },
    {
      name: 'bad request lines',
      cases: [
        broken('HTTP/1.0', 'GET / HTTP/1.0\r\nHost: h\r\n\r\n'),
        broken('HTTP/0.9', 'GET /\r\n\r\n'),
        broken('HTTP/1.2', 'GET / HTTP/1.2\r\nHost: h\r\n\r\n'),
        broken('HTTP/2.0', 'GET / HTTP/2.0\r\nHost: h\r\n\r\n'),
        broken('HTTP/1.10', 'GET / HTTP/1.10\r\nHost: h\r\n\r\n'),
        broken('lower-case version', 'GET / http/1.1\r\nHost: h\r\n\r\n'),
        broken('an unknown method', 'FROB / HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('a lower-case method', 'get / HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('WebDAV methods', 'PROPFIND / HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('PURGE', 'PURGE / HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('PATCH', 'PATCH / HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('TRACE', 'TRACE / HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('QUERY', 'QUERY / HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('two spaces', 'GET  / HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('a space in the target', 'GET /a b HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('a tab in the target', 'GET /a\tb HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('a space after the version', 'GET / HTTP/1.1 \r\nHost: h\r\n\r\n'),
        broken('bytes over 127 in the target', 'GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('a control character in the target', 'GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('a fragment', 'GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('no slash', 'GET a HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('an empty target', 'GET  HTTP/1.1\r\nHost: h\r\n\r\n'),
        broken('TLS to a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
      ],
    },
    {
      name: 'HTTP/2',
      cases: [broken('a broken preface', 'PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n')],
    },
    {
      name: 'hosts',
      cases: [
        broken('no Host', 'GET / HTTP/1.1\r\n\r\n'),
        broken('an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'),
        broken('two Hosts', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'),
        broken('a path in the Host', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'),
        broken('userinfo in the Host', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n'),
        broken('a space in the Host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'),
        broken('odd characters in the Host', 'GET / HTTP/1.1\r\nHost: a<b>\r\n\r\n'),
        broken('a bad port', 'GET / HTTP/1.1\r\nHost: a:99999999\r\n\r\n'),
      ],
    },
    {
      name: 'sizes',
      cases: [
        broken('a header of 70 KiB', head(`X-A: ${'a'.repeat(70 * 1024)}`)),
        broken('headers of 59 KiB', head(`X-A: ${'a'.repeat(59 * 1024)}`)),
        broken('101 headers', head(...Array.from({ length: 100 }, (_v, i) => `x-${i}: 1`))),
        broken('100 headers', head(...Array.from({ length: 99 }, (_v, i) => `x-${i}: 1`))),
        broken('a target of 70 KiB', `GET /${'u'.repeat(70 * 1024)} HTTP/1.1\r\nHost: h\r\n\r\n`),
      ],
    },
    {
      name: 'smaller limits',
      hcm: '{max_request_headers_kb: 1, common_http_protocol_options: {max_headers_count: 3}}',
      cases: [
        broken('over one KiB', head(`X-A: ${'a'.repeat(1100)}`)),
        broken('four headers', head('a: 1', 'b: 2', 'c: 3')),
        broken('three headers', head('a: 1', 'b: 2')),
      ],
    },
    {
      name: 'underscores rejected',
      hcm: '{common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST}}',
      cases: [broken('rejected', head('x_a: 1')), broken('others pass', head('x-a: 1'))],
    },
    {
      name: 'underscores dropped',
      hcm: '{common_http_protocol_options: {headers_with_underscores_action: DROP_HEADER}}',
      cases: [broken('dropped', head('x_a: 1', 'x-a: 2'))],
    },
    {
      name: 'chunked length allowed',
      hcm: '{http_protocol_options: {allow_chunked_length: true}}',
      cases: [broken('length and chunked', post('Content-Length: 3\r\nTransfer-Encoding: chunked', '1\r\nx\r\n0\r\n\r\n'))],
    },
    {
      name: 'connection stays open after an error',
      hcm: '{http_protocol_options: {override_stream_error_on_invalid_http_message: true}}',
      cases: [broken('no Host', 'GET / HTTP/1.1\r\n\r\n'), broken('a parse error', head('X A: 1'))],
    },
    {
      name: 'nominated headers',
      cases: [
        broken('x-forwarded-for', head('Connection: x-forwarded-for', 'x-forwarded-for: 1.2.3.4')),
        broken('a pseudo header', head('Connection: :path')),
        broken('host', head('Connection: host')),
        broken('too many', head(`Connection: ${'abcdefghijkl'.split('').join(',')}`)),
        broken('te', head('Connection: te', 'te: trailers')),
      ],
    },
  ],
};
