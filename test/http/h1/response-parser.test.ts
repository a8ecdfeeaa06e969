import { describe, expect, test } from 'vitest';
import type { Http1Settings } from '../../../src/http/h1/settings.ts';
import { ResetReason } from '../../../src/http/reset-reason.ts';
import { ClientHarness } from './recording.ts';

const PROTOCOL_ERROR = ['protocol error', `reset ${ResetReason.ProtocolError}`];
const OK = 'HTTP/1.1 200 OK\r\n';

interface Request {
  method?: string;
  headers?: Record<string, string>;
  settings?: Partial<Http1Settings>;
  /** The upstream closes its side after the bytes. */
  fin?: boolean;
}
type Row = [bytes: string, events: string[], request?: Request];

function run(pieces: string[], { method = 'GET', headers = {}, settings = {}, fin = false }: Request): string[] {
  const client = new ClientHarness(settings);
  client.request(method, headers);
  for (const piece of pieces) client.feed(piece);
  if (fin) client.fin();
  return client.log.lines;
}

function check(bytes: string, events: string[], request: Request = {}): void {
  expect(run([bytes], request)).toEqual(events);
  for (let cut = 1; cut < bytes.length; cut++) {
    expect(run([bytes.slice(0, cut), bytes.slice(cut)], request), `cut at ${cut}`).toEqual(events);
  }
  expect(run([...bytes], request), 'byte by byte').toEqual(events);
}

const line = (text: string): string => `${text}\r\ncontent-length: 2\r\n\r\nok`;
const withHeader = (text: string): string => `${OK}${text}\r\ncontent-length: 2\r\n\r\nok`;
const reusable = (status: number, fields = 'content-length=2'): string[] => [`${status} {${fields}}`, 'data ok', 'end', 'done, reusable'];
const spent = (status: number, fields = 'content-length=2'): string[] => [...reusable(status, fields).slice(0, 3), 'done'];

// Each row was observed on Envoy 1.40, except where `strict` is set or a status has not three digits.
describe('status line', () => {
  test.each<Row>([
    [line('HTTP/1.1 200 OK'), reusable(200)],
    [line('HTTP/1.1 200'), reusable(200)],
    [line('HTTP/1.1 200 '), reusable(200)],
    [line('HTTP/1.1  200 OK'), reusable(200)],
    [line('HTTP/1.1\t200\tOK'), reusable(200)],
    [line('HTTP/1.1 200 O\rK\xff'), reusable(200)],
    [line('HTTP/1.1 600 x'), reusable(600)],
    [line('HTTP/1.0 200 OK'), spent(200)],
    [line('HTTP/2.0 200 OK'), spent(200)],
    [line('HTTP/1.1 20 OK'), PROTOCOL_ERROR],
    [line('HTTP/1.1 2000 OK'), PROTOCOL_ERROR],
    [line('HTTP/1.1 099 OK'), PROTOCOL_ERROR],
    [line('HTTP/1.1 abc OK'), PROTOCOL_ERROR],
    [line('HTTP/1.1 200OK'), PROTOCOL_ERROR],
    [line('http/1.1 200 OK'), PROTOCOL_ERROR],
    [line('HTTP/11 200 OK'), PROTOCOL_ERROR],
    [line('HTTP/1.1'), PROTOCOL_ERROR],
    [line('HTTP/1.1 200 O\x00K'), PROTOCOL_ERROR],
    [line('\r\nHTTP/1.1 200 OK'), PROTOCOL_ERROR],
    [line('HTTP/1.1  200 OK'), PROTOCOL_ERROR, { settings: { strict: true } }],
  ])('%j', check);
});

describe('header lines', () => {
  test.each<Row>([
    [withHeader('a: b\rc'), reusable(200, 'a=bc;content-length=2')],
    [withHeader('a: b\r\n c'), reusable(200, 'a=b c;content-length=2')],
    [withHeader('etag: a\r\netag: b'), reusable(200, 'etag=a,b;content-length=2')],
    [withHeader('set-cookie: a\r\nset-cookie: b'), reusable(200, 'set-cookie=a;set-cookie=b;content-length=2')],
    [withHeader('connection: x-a\r\nx-a: 1'), reusable(200, 'connection=x-a;x-a=1;content-length=2')],
    [withHeader('x_y: 1'), reusable(200, 'x_y=1;content-length=2'), { settings: { headersWithUnderscores: 'reject' } }],
    ['HTTP/1.1 200 OK\ncontent-length: 2\n\nok', reusable(200)],
    [withHeader('a : b'), PROTOCOL_ERROR],
    [withHeader('a b: c'), PROTOCOL_ERROR],
    [withHeader('a: b\x00'), PROTOCOL_ERROR],
    [withHeader('nocolon'), PROTOCOL_ERROR],
    [withHeader(': x'), PROTOCOL_ERROR],
    [withHeader('content-length: 2'), PROTOCOL_ERROR],
    [withHeader('transfer-encoding: chunked'), PROTOCOL_ERROR],
    [`${OK}transfer-encoding: gzip\r\n\r\nok`, PROTOCOL_ERROR],
    [withHeader(Array.from({ length: 100 }, (_, i) => `x${i}: y`).join('\r\n')), PROTOCOL_ERROR],
  ])('%j', check);

  test('size', () => {
    const sized = (n: number): string => `${OK}x: ${'a'.repeat(n - OK.length - 7)}\r\n\r\n`;
    expect(run([sized(81920)], { settings: { maxHeadersKb: 80 } })[0]).toContain('200');
    expect(run([sized(81921)], { settings: { maxHeadersKb: 80 } })).toEqual(PROTOCOL_ERROR);
    expect(run([sized(90000).slice(0, 85000)], { settings: { maxHeadersKb: 80 } })).toEqual(PROTOCOL_ERROR);
  });
});

describe('body', () => {
  const chunked = (body: string): string => `${OK}transfer-encoding: chunked\r\n\r\n${body}`;
  const CHUNKED = '200 {transfer-encoding=chunked}';
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };
  const SWITCH = 'HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: websocket\r\n';
  const SWITCHED = '101 {connection=upgrade;upgrade=websocket}';
  test.each<Row>([
    [`${OK}\r\nhello`, ['200 {}', 'data hello', 'end', 'done'], { fin: true }],
    [`${OK}content-length: 5\r\n\r\nhello`, ['200 {content-length=5}', 'data hello', 'end', 'done, reusable']],
    [`${OK}content-length: 0\r\n\r\n`, ['200 {content-length=0} end', 'done, reusable']],
    [`${OK}content-length: 9\r\n\r\nhello`, ['200 {content-length=9}', 'data hello', ...PROTOCOL_ERROR], { fin: true }],
    [chunked('5\r\nhello\r\n0\r\n\r\n'), [CHUNKED, 'data hello', 'end', 'done, reusable']],
    [chunked('5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n'), [CHUNKED, 'data hello', 'end', 'done, reusable']],
    [
      chunked('5\r\nhello\r\n0\r\nx-t: 1\r\n\r\n'),
      [CHUNKED, 'data hello', 'trailers {x-t=1}', 'done, reusable'],
      { settings: { enableTrailers: true } },
    ],
    [chunked('5\r\nhello\r\n'), [CHUNKED, 'data hello', ...PROTOCOL_ERROR], { fin: true }],
    [chunked('z\r\n'), [CHUNKED, ...PROTOCOL_ERROR]],
    [`${OK}content-le`, PROTOCOL_ERROR, { fin: true }],
    ['', [`reset ${ResetReason.ConnectionTermination}`], { fin: true }],
    ['HTTP/1.1 204 No\r\n\r\n', ['204 {} end', 'done, reusable']],
    ['HTTP/1.1 204 No\r\ncontent-length: 0\r\n\r\n', ['204 {} end', 'done, reusable']],
    ['HTTP/1.1 204 No\r\ncontent-length: 2\r\n\r\nok', PROTOCOL_ERROR],
    ['HTTP/1.1 204 No\r\ntransfer-encoding: chunked\r\n\r\n', PROTOCOL_ERROR],
    ['HTTP/1.1 304 NM\r\ncontent-length: 20\r\n\r\n', ['304 {content-length=20} end', 'done, reusable']],
    ['HTTP/1.1 304 NM\r\ntransfer-encoding: chunked\r\n\r\n', ['304 {transfer-encoding=chunked} end', 'done, reusable']],
    [`${OK}content-length: 20\r\n\r\n`, ['200 {content-length=20} end', 'done, reusable'], { method: 'HEAD' }],
    [`${OK}transfer-encoding: chunked\r\n\r\n`, [`${CHUNKED} end`, 'done, reusable'], { method: 'HEAD' }],
    [
      'HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nlink: x\r\n\r\n' + line('HTTP/1.1 200 OK'),
      ['1xx 100 {}', '1xx 103 {link=x}', ...reusable(200)],
    ],
    ['HTTP/1.1 103 E\r\ncontent-length: 2\r\n\r\n', PROTOCOL_ERROR],
    ['HTTP/1.1 103 E\r\ntransfer-encoding: chunked\r\n\r\n', PROTOCOL_ERROR],
    ['HTTP/1.1 101 S\r\n\r\n', ['101 {} end', 'done']],
    // The end of a tunnel is that of its connection, not of a message.
    [`${SWITCH}\r\nraw`, [SWITCHED, 'data raw', `reset ${ResetReason.ConnectionTermination}`, 'done'], { headers: upgrade, fin: true }],
    ['HTTP/1.1 101 S\r\n\r\n', ['101 {} end', 'done'], { headers: upgrade }],
    [`${SWITCH}content-length: 5\r\n\r\nraw`, PROTOCOL_ERROR, { headers: upgrade }],
    [line('HTTP/1.1 200 OK'), reusable(200), { headers: upgrade }],
    [`${OK}\r\nraw`, ['200 {}', 'data raw'], { method: 'CONNECT' }],
    [`${OK}content-length: 2\r\n\r\nraw`, ['200 {content-length=2}', 'data raw'], { method: 'CONNECT' }],
    [line('HTTP/1.1 403 F'), reusable(403), { method: 'CONNECT' }],
    [`${OK}connection: close\r\ncontent-length: 0\r\n\r\n`, ['200 {connection=close;content-length=0} end', 'done']],
    [
      'HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n',
      ['200 {connection=keep-alive;content-length=0} end', 'done, reusable'],
    ],
  ])('%j', check);
});

describe('reuse', () => {
  test('bytes behind a response end the connection', () => {
    const together = new ClientHarness();
    together.request();
    together.feed(`${line('HTTP/1.1 200 OK')}x`);
    expect(together.log.lines).toEqual([...reusable(200).slice(0, 3), 'protocol error', 'done']);

    const later = new ClientHarness();
    later.request();
    later.feed(line('HTTP/1.1 200 OK')).feed('HTTP/1.1 200 OK\r\n\r\n');
    expect(later.log.lines).toEqual([...reusable(200), 'protocol error']);
    expect(later.connection.closedAs).toBe('no-flush');
  });

  test('a response that is complete before its request leaves the connection spent', () => {
    const client = new ClientHarness();
    const encoder = client.request('POST', { 'content-length': '9' }, false);
    client.feed(line('HTTP/1.1 200 OK'));
    encoder.encodeData(Buffer.from('late'), true);
    expect(client.log.lines).toEqual(spent(200));
    expect(client.connection.written).toBe('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\n');
  });

  test('two exchanges one after the other', () => {
    const client = new ClientHarness();
    client.request();
    client.feed(line('HTTP/1.1 200 OK'));
    client.request('HEAD');
    client.feed(`${OK}content-length: 2\r\n\r\n`);
    expect(client.log.lines).toEqual([...reusable(200), '200 {content-length=2} end', 'done, reusable']);
    expect(client.codec.activeStreams).toBe(0);
  });

  test('a reset closes the connection and takes back its pauses', () => {
    const client = new ClientHarness();
    const encoder = client.request();
    encoder.readDisable(true);
    encoder.readDisable(true);
    encoder.reset(ResetReason.LocalReset);
    encoder.readDisable(false);
    expect(client.connection).toMatchObject({ pauses: 0, closedAs: 'no-flush' });
    expect(client.log.lines).toEqual(['done']);
  });

  const MALFORMED = ['protocol error', `reset ${ResetReason.ProtocolError}`];
  const LOST = [`reset ${ResetReason.ConnectionTermination}`];
  test.each([
    ['inside a body of known length', `${OK}content-length: 5\r\n\r\nhe`, ['200 {content-length=5}', 'data he', ...MALFORMED]],
    ['inside the head', OK, MALFORMED],
    ['inside a body without length', `${OK}\r\nhe`, ['200 {}', 'data he', ...LOST]],
    ['before the response', '', LOST],
  ])('a connection that is lost %s resets the stream', (_where, bytes, lines) => {
    const client = new ClientHarness();
    client.request();
    client.feed(bytes);
    client.codec.onConnectionClosed();
    expect(client.log.lines).toEqual(lines);
  });
});

describe('requests as written', () => {
  const written = (settings: Partial<Http1Settings>, method: string, headers: Record<string, string>, end: boolean): string => {
    const client = new ClientHarness(settings);
    const encoder = client.request(method, headers, end);
    if (!end) {
      encoder.encodeData(Buffer.from('abc'), false);
      encoder.encodeData(Buffer.alloc(0), true);
    }
    return client.connection.written;
  };
  test.each<[Partial<Http1Settings>, string, Record<string, string>, boolean, string]>([
    [{}, 'GET', { a: 'b' }, true, 'GET / HTTP/1.1\r\nhost: h\r\na: b\r\n\r\n'],
    [{}, 'POST', {}, true, 'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n'],
    [{}, 'TRACE', {}, true, 'TRACE / HTTP/1.1\r\nhost: h\r\n\r\n'],
    [{}, 'POST', { 'content-length': '3' }, false, 'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc'],
    [{}, 'POST', {}, false, 'POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'],
    [{ headerKeyFormat: 'proper' }, 'GET', { 'x-a1-b_c': 'b' }, true, 'GET / HTTP/1.1\r\nHost: h\r\nX-A1-B_C: b\r\n\r\n'],
    [{ sendFullyQualifiedUrl: true }, 'GET', {}, true, 'GET http://h/ HTTP/1.1\r\nhost: h\r\n\r\n'],
    [
      {},
      'POST',
      { 'transfer-encoding': 'gzip', 'content-length': '3' },
      false,
      'POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc',
    ],
    [{}, 'CONNECT', {}, false, 'CONNECT h HTTP/1.1\r\nhost: h\r\n\r\nabc'],
    [
      {},
      'GET',
      { connection: 'Upgrade', upgrade: 'websocket' },
      false,
      'GET / HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nabc',
    ],
  ])('%j %s %j', (settings, method, headers, end, expected) => {
    expect(written(settings, method, headers, end)).toBe(expected);
  });
});
