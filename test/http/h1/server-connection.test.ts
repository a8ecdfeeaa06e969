import { describe, expect, test } from 'vitest';
import type { ResponseEncoder } from '../../../src/http/codec.ts';
import type { Http1Settings } from '../../../src/http/h1/settings.ts';
import { HeaderMap, ResponseHeaders } from '../../../src/http/header-map.ts';
import { ResetReason } from '../../../src/http/reset-reason.ts';
import { ClientHarness, echoPath, ServerHarness } from './recording.ts';

const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: h\r\n${headers}\r\n`;
const ok = (body: string): string => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

function respond(encoder: ResponseEncoder, status: number, headers: Record<string, string>, end: boolean): void {
  const response = new ResponseHeaders(status);
  for (const [name, value] of Object.entries(headers)) response.add(name, value);
  encoder.encodeHeaders(response, end);
}

/** Whoever called into the codec has returned. */
const callersDone = (): Promise<void> => Promise.resolve();

describe('pipelining', () => {
  test('requests in one read are answered in order', () => {
    const server = new ServerHarness({}, echoPath).feed(get('/a') + get('/b') + get('/c'));
    expect(server.connection.written).toBe(ok('/a') + ok('/b') + ok('/c'));
    expect(server.codec.activeStreams).toBe(0);
  });

  test('the next request is looked at only when the response before is complete, and its upstream connection back in the pool', async () => {
    const server = new ServerHarness().feed(
      `POST /a HTTP/1.1\r\nHost: h\r\ncontent-length: 3\r\n\r\nabc${get('/b')}${get('/c').slice(0, 9)}`,
    );
    expect(server.streams).toBe(1);
    respond(server.encoder!, 204, {}, true);
    expect(server.streams).toBe(1);
    await callersDone();
    expect(server.streams).toBe(2);
    expect(server.log.lines.at(-1)).toBe('HTTP/1.1 GET h|/b {} end');
    server.feed(get('/c').slice(9));
    expect(server.streams).toBe(2);
    respond(server.encoder!, 204, {}, true);
    await callersDone();
    expect(server.log.lines.at(-1)).toBe('HTTP/1.1 GET h|/c {} end');
  });

  test('a client that floods is not read from until there is room', async () => {
    const server = new ServerHarness().feed(get('/'));
    for (let i = 0; i < 20; i++) server.feed(get(`/${'x'.repeat(1024)}`));
    expect(server.connection.pauses).toBe(1);
    for (let i = 0; i < 21; i++) {
      respond(server.encoder!, 204, {}, true);
      await callersDone();
    }
    expect(server.streams).toBe(21);
    expect(server.connection.pauses).toBe(0);
    expect(server.codec.activeStreams).toBe(0);
  });

  test('a client that does not read the responses waits', () => {
    const server = new ServerHarness({}, echoPath);
    server.connection.aboveHighWatermark = true;
    server.feed(get('/a'));
    expect(server.streams).toBe(0);
    server.connection.aboveHighWatermark = false;
    server.codec.onBelowWriteBufferLowWatermark();
    expect(server.connection.written).toBe(ok('/a'));
  });

  test('garbage behind an upgrade is the tunnel, behind a request an error', () => {
    const tunnel = new ServerHarness().feed(get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n')).feed('\x00\x01');
    respond(tunnel.encoder!, 101, { connection: 'Upgrade', upgrade: 'websocket' }, false);
    tunnel.encoder!.encodeData(Buffer.from('raw'), false);
    expect(tunnel.log.lines.at(-1)).toBe('data \x00\x01');
    expect(tunnel.connection.written).toBe('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nraw');
    tunnel.encoder!.encodeData(Buffer.alloc(0), true);
    expect(tunnel.connection.closedAs).toBe('flush');

    const plain = new ServerHarness({}, echoPath).feed(`${get('/a')}\x00garbage\r\n\r\n`);
    expect(plain.log.lines.at(-1)).toBe('error 400 http1.codec_error');
    expect(plain.connection.closedAs).toBe('flush');
  });
});

describe('responses as written', () => {
  type Row = [string, Partial<Http1Settings>, string, number, Record<string, string>, string | null, string, 'open' | 'closed'];
  const CHUNKED = '2\r\nok\r\n0\r\n\r\n';
  test.each<Row>([
    ['length', {}, get('/'), 200, { 'content-length': '2' }, 'ok', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', 'open'],
    ['chunked', {}, get('/'), 200, {}, 'ok', `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${CHUNKED}`, 'open'],
    ['none', {}, get('/'), 200, {}, null, 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', 'open'],
    ['204', {}, get('/'), 204, {}, null, 'HTTP/1.1 204 No Content\r\n\r\n', 'open'],
    ['304', {}, get('/'), 304, {}, null, 'HTTP/1.1 304 Not Modified\r\n\r\n', 'open'],
    [
      '304 with a body',
      {},
      get('/'),
      304,
      { 'content-length': '2' },
      'ok',
      'HTTP/1.1 304 Not Modified\r\ncontent-length: 2\r\n\r\n',
      'open',
    ],
    [
      'HEAD',
      {},
      get('/').replace('GET', 'HEAD'),
      200,
      { 'content-length': '2' },
      'ok',
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n',
      'open',
    ],
    [
      'HEAD, no length',
      {},
      get('/').replace('GET', 'HEAD'),
      200,
      {},
      null,
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
      'open',
    ],
    ['unknown status', {}, get('/'), 299, {}, null, 'HTTP/1.1 299 Unknown\r\ncontent-length: 0\r\n\r\n', 'open'],
    [
      'close wanted',
      {},
      get('/', 'Connection: close\r\n'),
      200,
      {},
      null,
      'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
      'closed',
    ],
    [
      'close said but not meant yet, as while draining',
      {},
      get('/'),
      200,
      { connection: 'close' },
      null,
      'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
      'open',
    ],
    [
      'request not complete',
      {},
      'POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 9\r\n\r\nabc',
      200,
      {},
      null,
      'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
      'closed',
    ],
    [
      'proper case',
      { headerKeyFormat: 'proper' },
      get('/'),
      200,
      { 'x-a': 'b' },
      null,
      'HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 0\r\n\r\n',
      'open',
    ],
    ['1.0', { acceptHttp10: true }, 'GET / HTTP/1.0\r\n\r\n', 200, {}, 'ok', 'HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nok', 'closed'],
    [
      '1.0 kept',
      { acceptHttp10: true },
      'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
      200,
      { 'content-length': '2' },
      'ok',
      'HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok',
      'open',
    ],
    [
      '1.0 kept, no length',
      { acceptHttp10: true },
      'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
      200,
      {},
      'ok',
      'HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nok',
      'closed',
    ],
    [
      'CONNECT refused',
      {},
      'CONNECT h:1 HTTP/1.1\r\n\r\n',
      403,
      {},
      null,
      'HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
      'closed',
    ],
    ['CONNECT accepted', {}, 'CONNECT h:1 HTTP/1.1\r\n\r\n', 200, {}, 'ok', 'HTTP/1.1 200 OK\r\n\r\nok', 'closed'],
  ])('%s', (_, settings, request, status, headers, body, written, after) => {
    const server = new ServerHarness(settings).feed(request);
    respond(server.encoder!, status, headers, body === null);
    if (body !== null) server.encoder!.encodeData(Buffer.from(body), true);
    expect(server.connection.written).toBe(written);
    expect(server.connection.closedAs === null ? 'open' : 'closed').toBe(after);
  });

  test('the user may end the connection with a response', () => {
    const server = new ServerHarness().feed(get('/'));
    server.encoder!.close = true;
    respond(server.encoder!, 204, {}, true);
    expect(server.connection.written).toBe('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
    expect(server.connection.closedAs).toBe('flush');
  });

  test('1xx, pieces and trailers', () => {
    const server = new ServerHarness({ enableTrailers: true }).feed(get('/'));
    const encoder = server.encoder!;
    encoder.encode1xx(new ResponseHeaders(100));
    respond(encoder, 200, {}, false);
    encoder.encodeData(Buffer.from('x'.repeat(26)), false);
    encoder.encodeText('yz', false);
    encoder.encodeData(Buffer.alloc(0), false);
    const trailers = new HeaderMap();
    trailers.add('grpc-status', '0');
    encoder.encodeTrailers(trailers);
    expect(server.connection.written).toBe(
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1a\r\n${'x'.repeat(26)}\r\n2\r\nyz\r\n0\r\ngrpc-status: 0\r\n\r\n`,
    );
    encoder.encodeData(Buffer.from('after the end'), true);
    encoder.reset(ResetReason.LocalReset);
    expect(server.connection.closedAs).toBeNull();
  });

  test('names keep the spelling they came with', () => {
    const server = new ServerHarness({ headerKeyFormat: 'preserve' }).feed(get('/'));
    const response = new ResponseHeaders(200);
    response.add('x-foo', '1');
    response.add('x-own', '2');
    response.rawNames = ['X-FoO', 'TRANSFER-encoding'];
    server.encoder!.encodeHeaders(response, false);
    expect(server.connection.written).toBe('HTTP/1.1 200 OK\r\nX-FoO: 1\r\nx-own: 2\r\nTRANSFER-encoding: chunked\r\n\r\n');
  });
});

describe('the end of a connection', () => {
  test('goAway closes an idle connection now, a busy one after its response', () => {
    const idle = new ServerHarness({}, echoPath).feed(get('/a'));
    idle.codec.goAway();
    expect(idle.connection.closedAs).toBe('flush');

    const busy = new ServerHarness().feed(get('/') + get('/never'));
    busy.codec.goAway();
    expect(busy.connection.closedAs).toBeNull();
    respond(busy.encoder!, 204, {}, true);
    expect(busy.connection.written).toBe('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
    expect(busy.connection.closedAs).toBe('flush');
    expect(busy.streams).toBe(1);
  });

  test('a notice is told on the next response', () => {
    const server = new ServerHarness({}, echoPath);
    server.codec.shutdownNotice();
    expect(server.connection.closedAs).toBeNull();
    server.feed(get('/a'));
    expect(server.connection.written).toContain('connection: close');
    expect(server.connection.closedAs).toBe('flush');
  });

  test('a client that is gone resets its stream', () => {
    const server = new ServerHarness().feed(get('/'));
    server.codec.onEnd();
    expect(server.connection.closedAs).toBe('flush');
    server.codec.onConnectionClosed();
    expect(server.log.lines.at(-1)).toBe(`reset ${ResetReason.ConnectionTermination}`);
    expect(server.codec.activeStreams).toBe(0);
  });

  test('a body that goes wrong after the response has begun cannot be answered', () => {
    const server = new ServerHarness().feed('POST / HTTP/1.1\r\nHost: h\r\ntransfer-encoding: chunked\r\n\r\n');
    respond(server.encoder!, 200, {}, false);
    server.feed('zz\r\n');
    expect(server.log.lines.at(-1)).toBe('error 400 http1.codec_error unanswerable');
    expect(server.connection.closedAs).toBe('flush');
  });

  test('after an error nothing more is parsed', () => {
    const server = new ServerHarness().feed(`${get('/').replace('GET', 'NOPE')}${get('/smuggled')}`).feed(get('/smuggled'));
    expect(server.streams).toBe(1);
    expect(server.connection.written).toContain('HTTP/1.1 400 Bad Request');
    expect(server.connection.written).toContain('connection: close');
  });

  test('a reset closes the connection and takes back its pauses', () => {
    const server = new ServerHarness().feed('POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 9\r\n\r\nabc');
    const encoder = server.encoder!;
    encoder.readDisable(true);
    encoder.reset(ResetReason.LocalReset);
    encoder.readDisable(false);
    expect(server.connection).toMatchObject({ pauses: 0, closedAs: 'flush' });
    server.feed('defghi');
    expect(server.log.lines.at(-1)).toBe('data abc');
  });

  test('the user that wants to close gets to', () => {
    const server = new ServerHarness({}, echoPath);
    let done = 0;
    Object.assign(server, { onConnectionDone: () => done++ });
    server.feed(get('/a', 'Connection: close\r\n') + get('/never'));
    expect([done, server.connection.closedAs, server.streams]).toEqual([1, null, 1]);
  });
});

describe('watermarks', () => {
  test('reach the stream that is under way', () => {
    const server = new ServerHarness().feed(get('/'));
    server.codec.onAboveWriteBufferHighWatermark();
    server.codec.onBelowWriteBufferLowWatermark();
    expect(server.log.lines.slice(1)).toEqual(['above', 'below']);
    respond(server.encoder!, 204, {}, true);
    server.codec.onAboveWriteBufferHighWatermark();
    expect(server.log.lines).toHaveLength(3);
  });

  test('a new upstream stream learns that the connection is full', () => {
    const client = new ClientHarness();
    client.connection.aboveHighWatermark = true;
    client.request();
    client.codec.onBelowWriteBufferLowWatermark();
    expect(client.log.lines).toEqual(['above', 'below']);
  });
});
