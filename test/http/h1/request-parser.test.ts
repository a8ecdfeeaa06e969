import { describe, expect, test } from 'vitest';
import type { Http1Settings } from '../../../src/http/h1/settings.ts';
import { ServerHarness } from './recording.ts';

const BAD = ['error 400 http1.codec_error'];
const CHARS = ['error 400 http1.invalid_characters'];
const LOW = ['error 426 low_version'];
const CODING = ['error 501 http1.invalid_transfer_encoding'];
const URL = ['error 400 http1.invalid_url'];
const NOMINATED = ['error 400 http1.connection_header_rejected'];
const HOST = 'Host: h\r\n\r\n';

type Row = [bytes: string, events: string[], settings?: Partial<Http1Settings>];

/** What the codec says of `bytes`, in one piece, and cut in two at every place. */
function check(bytes: string, events: string[], settings: Partial<Http1Settings> = {}): void {
  expect(new ServerHarness(settings).feed(bytes).log.lines).toEqual(events);
  for (let cut = 1; cut < bytes.length; cut++) {
    const split = new ServerHarness(settings).feed(bytes.slice(0, cut)).feed(bytes.slice(cut));
    expect(split.log.lines, `cut at ${cut}`).toEqual(events);
  }
  const drops = new ServerHarness(settings);
  for (const byte of bytes) drops.feed(byte);
  expect(drops.log.lines, 'byte by byte').toEqual(events);
}

const get = (line: string, headers = HOST): string => `${line}\r\n${headers}`;
const withHeader = (lines: string): string => `GET / HTTP/1.1\r\nHost: h\r\n${lines}\r\n\r\n`;
const passes = (fields: string): string[] => [`HTTP/1.1 GET h|/ {${fields}} end`];
const post = (headers: string, body: string): string => `POST / HTTP/1.1\r\nHost: h\r\n${headers}\r\n\r\n${body}`;

// Each row was observed on Envoy 1.40, except where `strict` is set.
describe('request line', () => {
  test.each<Row>([
    [get('GET / HTTP/1.1'), ['HTTP/1.1 GET h|/ {} end']],
    [get('PATCH /a?b=c HTTP/1.1'), ['HTTP/1.1 PATCH h|/a?b=c {} end']],
    [get('GET  /  HTTP/1.1'), ['HTTP/1.1 GET h|/ {} end']],
    [get('GET\t/\tHTTP/1.1 '), ['HTTP/1.1 GET h|/ {} end']],
    [get('GET /\r HTTP/1.1\r'), ['HTTP/1.1 GET h|/ {} end']],
    [get('\r\n\r\nGET / HTTP/1.1'), ['HTTP/1.1 GET h|/ {} end']],
    [get('\n\rGET / HTTP/1.1'), ['HTTP/1.1 GET h|/ {} end']],
    [get(' GET / HTTP/1.1'), BAD],
    [get('GET / HTTP/1.1 x'), BAD],
    [get('GET / a HTTP/1.1'), BAD],
    [get('GET'), BAD],
    [get('GET / http/1.1'), BAD],
    [get('GET / HTTP/1.10'), BAD],
    [get('GET / HTTP/1,1'), BAD],
    [get('GET / XTTP/1.1'), BAD],
    [get('GET / HTTP/1.2'), LOW],
    [get('GET / HTTP/1.0'), LOW],
    [get('GET / HTTP/0.9'), LOW],
    [get('GET /'), LOW],
    [get('GET /', '\r\n'), ['HTTP/1.0 GET d|/ {} end'], { acceptHttp10: true, defaultHostForHttp10: 'd' }],
    [get('GET / HTTP/1.2'), ['HTTP/1.0 GET h|/ {} end'], { acceptHttp10: true }],
    [get('get / HTTP/1.1'), BAD],
    [get('FOO / HTTP/1.1'), BAD],
    [get('FOO / HTTP/1.1'), ['HTTP/1.1 FOO h|/ {} end'], { allowCustomMethods: true }],
    [get('M-SEARCH / HTTP/1.1'), BAD],
    [get('MSEARCH / HTTP/1.1'), ['HTTP/1.1 MSEARCH h|/ {} end']],
    [get('G\x00T / HTTP/1.1'), CHARS],
    [get('\x16\x03\x01'), BAD],
    [get('GET  /  HTTP/1.1'), BAD, { strict: true }],
    [get('GET\t/ HTTP/1.1'), BAD, { strict: true }],
    ['GET / HTTP/1.1\nHost: h\r\n\r\n', BAD, { strict: true }],
  ])('%j', check);
});

describe('request target', () => {
  test.each<Row>([
    [get('OPTIONS * HTTP/1.1'), ['HTTP/1.1 OPTIONS h|* {} end']],
    [get('GET * HTTP/1.1'), URL],
    [get('GET x HTTP/1.1'), BAD],
    [get('GET ?x HTTP/1.1'), BAD],
    [get('GET /\x80 HTTP/1.1'), BAD],
    [get('GET /\x7f HTTP/1.1'), CHARS],
    [get('GET /a\x01 HTTP/1.1'), CHARS],
    [get('GET /a"<>\\^`{|} HTTP/1.1'), ['HTTP/1.1 GET h|/a"<>\\^`{|} {} end']],
    [get('GET http://hh/p HTTP/1.1'), ['HTTP/1.1 GET http:hh|/p {} end']],
    [get('GET HTTPS://hh HTTP/1.1'), ['HTTP/1.1 GET https:hh|/ {} end']],
    [get('GET http://hh?q HTTP/1.1'), ['HTTP/1.1 GET http:hh|?q {} end']],
    [get('GET http://u@hh:80/p HTTP/1.1'), ['HTTP/1.1 GET http:hh:80|/p {} end']],
    [get('GET http://[::1]/p HTTP/1.1'), ['HTTP/1.1 GET http:[::1]|/p {} end']],
    [get('GET http://u@@hh/p HTTP/1.1'), BAD],
    [get('GET http://h<h/p HTTP/1.1'), BAD],
    [get('GET http:/p HTTP/1.1'), BAD],
    [get('GET ht!tp://hh/ HTTP/1.1'), BAD],
    [get('GET ftp://hh/p HTTP/1.1'), ['error 400 http1.invalid_scheme']],
    [get('GET http:///p HTTP/1.1'), URL],
    [get('GET http://hh:99999/p HTTP/1.1'), URL],
    [get('GET http://hh:x/p HTTP/1.1'), URL],
    [get('GET http://hh/p HTTP/1.1'), ['HTTP/1.1 GET h|http://hh/p {} end'], { allowAbsoluteUrl: false }],
    [get('CONNECT hh:80 HTTP/1.1'), ['HTTP/1.1 CONNECT hh:80| {}']],
    [get('CONNECT hh HTTP/1.1'), URL],
    [get('CONNECT hh:80/x HTTP/1.1'), URL],
  ])('%j', check);

  const host = (value: string): string => `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
  test.each<Row>([
    [host('u:p@h.test:1'), ['HTTP/1.1 GET u:p@h.test:1|/ {} end']],
    [host('[::1]:80'), ['HTTP/1.1 GET [::1]:80|/ {} end']],
    [host('a%20b'), ['HTTP/1.1 GET a%20b|/ {} end']],
    ...['a/b', 'a b', 'a<b>', 'a"', 'a#b', 'a?b', 'a\\b', 'caf\xe9'].map(
      (value): Row => [host(value), ['error 400 http.invalid_authority']],
    ),
  ])('%j', check);
});

describe('header lines', () => {
  test.each<Row>([
    [withHeader('a:b'), passes('a=b')],
    [withHeader('a:\tb\t '), passes('a=b')],
    [withHeader('a:'), passes('a=')],
    [withHeader('A-b: C'), passes('a-b=C')],
    [withHeader('a: b\x80\xff'), passes('a=b\x80\xff')],
    [withHeader('a: b\rc'), passes('a=bc')],
    [withHeader('a:\r b'), passes('a=b')],
    [withHeader('a: b\r\r'), passes('a=b')],
    [withHeader('a: b\nc: d'), passes('a=b;c=d')],
    [withHeader('a: b\r\n c'), passes('a=b c')],
    [withHeader('a: b\r\n\t c  \r\n  d'), passes('a=b\t c    d')],
    [withHeader('a: b\r\n \r\nc: d'), passes('a=b;c=d')],
    [withHeader('a:\r\n b'), passes('a=b')],
    ['GET / HTTP/1.1\nHost: h\na: b\n\n', passes('a=b')],
    ['GET / HTTP/1.1\r\nHost: h\na: b\r\n\n', passes('a=b')],
    ['GET / HTTP/1.1\r\n Host: h\r\n\r\n', BAD],
    [withHeader('a : b'), BAD],
    [withHeader('a b: c'), BAD],
    [withHeader(': x'), BAD],
    [withHeader('a'), BAD],
    [withHeader('(a): b'), BAD],
    [withHeader('a\x80: c'), BAD],
    [withHeader('a\r: b'), BAD],
    [withHeader('\ra: b'), BAD],
    [withHeader('a: b\x00c'), CHARS],
    [withHeader('a: b\x01c'), CHARS],
    [withHeader('a: b\x7fc'), CHARS],
    [withHeader('a\x00: c'), CHARS],
    [withHeader('a: b\r\na: c'), passes('a=b;a=c')],
    [withHeader('cookie: a\r\ncookie: b'), passes('cookie=a;cookie=b')],
    [withHeader('accept: b\r\nx: y\r\naccept: c'), passes('accept=b,c;x=y')],
    [withHeader('Host: i'), ['HTTP/1.1 GET h,i|/ {} end']],
    [withHeader('x_y: 1'), passes('x_y=1')],
    [withHeader('x_y: 1'), passes(''), { headersWithUnderscores: 'drop' }],
    [withHeader('x_y: 1'), ['error 400 http1.unexpected_underscore'], { headersWithUnderscores: 'reject' }],
    [withHeader('a: b\r\n c'), BAD, { strict: true }],
    [withHeader('a: b\rc'), BAD, { strict: true }],
    [withHeader('a: b\nc: d'), BAD, { strict: true }],
    [withHeader('Host: i'), BAD, { strict: true }],
  ])('%j', check);

  test('a bad line is refused when the head is whole, a bad request line at once', () => {
    expect(new ServerHarness().feed('GET / HTTP/1.1\r\nbad line\r\n').log.lines).toEqual([]);
    expect(new ServerHarness().feed('FOO / HTTP/1.1\r\n').log.lines).toEqual(BAD);
    expect(new ServerHarness().feed('\x16').log.lines).toEqual(BAD);
  });

  test('counts and sizes', () => {
    const lines = (n: number): string => Array.from({ length: n }, (_, i) => `x${i}: y`).join('\r\n');
    expect(new ServerHarness().feed(withHeader(lines(99))).log.lines[0]).toContain('x98=y');
    expect(new ServerHarness().feed(withHeader(lines(100))).log.lines).toEqual(['error 431 http1.too_many_headers']);
    expect(new ServerHarness({ maxHeadersCount: 400 }).feed(withHeader(lines(399))).log.lines[0]).toContain('x398=y');
    const sized = (n: number): string => withHeader(`x: ${'a'.repeat(n - withHeader('x: ').length)}`);
    expect(new ServerHarness().feed(sized(61440)).log.lines[0]).toContain('HTTP/1.1 GET');
    expect(new ServerHarness().feed(sized(61441)).log.lines).toEqual(['error 431 http1.headers_too_large']);
    expect(new ServerHarness().feed(sized(70000).slice(0, 62000)).log.lines).toEqual(['error 431 http1.headers_too_large']);
    expect(new ServerHarness().feed(`GET /${'a'.repeat(62000)}`).log.lines).toEqual(['error 431 http1.headers_too_large']);
    const slow = new ServerHarness();
    for (let sent = 0; sent < 61440; sent += 1024) slow.feed(sized(61440).slice(sent, sent + 1024));
    expect(slow.log.lines[0]).toContain('HTTP/1.1 GET');
  });
});

describe('Connection', () => {
  const nominating = (value: string): string => withHeader(`x-a: 1\r\nTE: gzip, trailers\r\nConnection: ${value}`);
  test.each<Row>([
    [nominating('keep-alive'), passes('x-a=1;te=gzip, trailers;connection=keep-alive')],
    [nominating('Close, x-a'), passes('te=gzip, trailers;connection=Close')],
    [nominating(',,x-a,,'), passes('te=gzip, trailers')],
    [nominating('te'), passes('x-a=1;te=trailers;connection=te')],
    [withHeader('TE: gzip\r\nConnection: te'), passes('')],
    [nominating('host'), ['HTTP/1.1 GET |/ {x-a=1;te=gzip, trailers} end']],
    [nominating('keep-alive\r\nConnection: x-a'), passes('te=gzip, trailers;connection=keep-alive')],
    [nominating('a,b,c,d,e,f,g,h,i'), passes('x-a=1;te=gzip, trailers')],
    [nominating('a,b,c,d,e,f,g,h,i,j'), NOMINATED],
    [nominating('x-forwarded-for'), NOMINATED],
    [nominating('X-Forwarded-Host'), NOMINATED],
    [nominating(':path'), NOMINATED],
    [withHeader('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x'), passes('')],
    [
      `${withHeader('Connection: Upgrade\r\nUpgrade: websocket')}raw`,
      ['HTTP/1.1 GET h|/ {connection=Upgrade;upgrade=websocket}', 'data raw'],
    ],
  ])('%j', check);
});

describe('framing', () => {
  const POST = (fields: string): string => `HTTP/1.1 POST h|/ {${fields}}`;
  const chunked = (body: string): string => post('Transfer-Encoding: chunked', body);
  const CHUNKED = POST('transfer-encoding=chunked');
  test.each<Row>([
    [post('Content-Length: 3', 'abc'), [POST('content-length=3'), 'data abc', 'end']],
    [post('Content-Length:  003 ', 'abc'), [POST('content-length=003'), 'data abc', 'end']],
    [post('Content-Length: 0', ''), [`${POST('content-length=0')} end`]],
    [post('Content-Length: 18446744073709551615', 'abc'), [POST('content-length=18446744073709551615'), 'data abc']],
    [post('Content-Length: 18446744073709551616', 'abc'), BAD],
    [post('Content-Length: 3\r\nContent-Length: 3', 'abc'), BAD],
    [post('Content-Length: 3, 3', 'abc'), BAD],
    [post('Content-Length: +3', 'abc'), BAD],
    [post('Content-Length: 0x3', 'abc'), BAD],
    [post('Content-Length:', 'abc'), BAD],
    [post('Content-Length: 3\r\nTransfer-Encoding: chunked', ''), ['error 400 http1.content_length_and_chunked_not_allowed']],
    [
      post('Content-Length: 9\r\nTransfer-Encoding: chunked', '3\r\nabc\r\n0\r\n\r\n'),
      [CHUNKED, 'data abc', 'end'],
      { allowChunkedLength: true },
    ],
    [post('Content-Length: 3\r\nTransfer-Encoding: identity', 'abc'), ['error 400 http1.content_length_and_chunked_not_allowed']],
    [
      post('Content-Length: 3\r\nTransfer-Encoding: gzip', 'abc'),
      ['error 400 http1.content_length_and_chunked_not_allowed'],
      { allowChunkedLength: true },
    ],
    [post('Transfer-Encoding: gzip', ''), CODING],
    [post('Transfer-Encoding: identity', ''), CODING],
    [post('Transfer-Encoding: gzip, chunked', ''), CODING],
    [post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', ''), CODING],
    [post('Transfer-Encoding:', ''), CODING],
    [post('Connection: transfer-encoding\r\nTransfer-Encoding: gzip', ''), CODING],
    [post('Connection: content-length\r\nContent-Length: 3', 'abc'), [POST(''), 'data abc', 'end']],
    [post('Transfer-Encoding: CHUNKED', '0\r\n\r\n'), [POST('transfer-encoding=CHUNKED'), 'end']],
    [chunked('3;ext="1"\r\nabc\r\n0\r\n\r\n'), [CHUNKED, 'data abc', 'end']],
    [chunked('3 \r\nabc\r\n00\r\n\r\n'), [CHUNKED, 'data abc', 'end']],
    [chunked('3\tx\r\nabc\r\n0\r\n\n'), [CHUNKED, 'data abc', 'end']],
    [chunked('3\r\nabcdefg\r\n0\r\n\r\n'), [CHUNKED, 'data abc', 'end']],
    [chunked('3\r\nabc\n0\r\n\r\n'), [CHUNKED, 'data abc', 'end']],
    [chunked('a\r\n0123456789\r\nB\r\n01234567890\r\n0\r\n\r\n'), [CHUNKED, 'data 012345678901234567890', 'end']],
    [chunked('00000000000000000003\r\nabc\r\n0\r\n\r\n'), [CHUNKED, 'data abc', 'end']],
    [chunked('FFFFFFFFFFFFFFFF\r\nabc'), [CHUNKED, 'data abc']],
    [chunked('10000000000000000\r\nabc'), [CHUNKED, ...BAD]],
    [chunked('g\r\nabc'), [CHUNKED, ...BAD]],
    [chunked(' 3\r\nabc'), [CHUNKED, ...BAD]],
    [chunked('\r\n'), [CHUNKED, ...BAD]],
    [chunked('3\nabc\n0\n\n'), [CHUNKED, ...BAD]],
    [chunked('3;a\nabc\r\n0\r\n\r\n'), [CHUNKED, ...BAD]],
    [chunked('3\rabc'), [CHUNKED, ...BAD]],
    [chunked('3;a\rb\r\nabc\r\n'), [CHUNKED, ...BAD]],
    [chunked('3x\r\nabc'), [CHUNKED, ...BAD]],
    [chunked('3\r\nabc0\r\n\r\n'), [CHUNKED, 'data abc', ...BAD]],
    [chunked('3\r\nabcd\r\n0\r\n\r\n'), [CHUNKED, 'data abc', ...BAD], { strict: true }],
    [chunked('0\r\nX-T: v\r\n\r\n'), [CHUNKED, 'end']],
    [chunked('1\r\na\r\n0\r\nX-T: v\r\nx-u: w\r\n y\r\n\r\n'), [CHUNKED, 'data a', 'trailers {x-t=v;x-u=w y}'], { enableTrailers: true }],
    [
      chunked('0\r\nx_y: 1\r\n\r\n'),
      [CHUNKED, 'error 400 http1.unexpected_underscore'],
      { enableTrailers: true, headersWithUnderscores: 'reject' },
    ],
    [chunked('0\r\nbad trailer\r\n\r\n'), [CHUNKED, ...BAD]],
    [chunked('0\r\na: \x00\r\n\r\n'), [CHUNKED, ...CHARS]],
    [chunked('0\r\r\n\r\n'), [CHUNKED, ...BAD]],
    ['CONNECT h:1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc', ['error 400 http1.body_disallowed']],
    ['CONNECT h:1 HTTP/1.1\r\nContent-Length: 0\r\n\r\nabc', ['HTTP/1.1 CONNECT h:1| {}', 'data abc']],
    ['CONNECT h:1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', CODING],
  ])('%j', check);
});
