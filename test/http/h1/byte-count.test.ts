import { expect, test } from 'vitest';
import { type ByteMeter, continueMeter, wireBytes } from '../../../src/http/byte-meter.ts';
import { ResponseHeaders } from '../../../src/http/header-map.ts';
import { ClientHarness, echoPath, ServerHarness } from './recording.ts';

const counts = ({ wireBytesReceived, wireBytesSent, headerBytesReceived, headerBytesSent }: ByteMeter) => ({
  wireBytesReceived,
  wireBytesSent,
  headerBytesReceived,
  headerBytesSent,
});

// The rules are Envoy 1.40's; the same exchanges were compared with its log.
test('a request with a body, its head in two pieces', () => {
  const server = new ServerHarness();
  const pieces = ['POST /splithead HTTP/1.1\r\nHos', 't:   x  \r\ncontent-length: 3\r\n\r\na', 'bc'];
  for (const piece of pieces) server.feed(piece);
  const response = new ResponseHeaders(200);
  response.add('content-length', '2');
  server.encoder!.encodeHeaders(response, false);
  server.encoder!.encodeData(Buffer.from('ok'), true);
  expect(counts(server.encoder!)).toEqual({
    wireBytesReceived: pieces.join('').length,
    wireBytesSent: server.connection.written.length,
    headerBytesReceived: 'host:x\r\ncontent-length:3\r\n'.length,
    headerBytesSent: 'content-length: 2\r\n'.length,
  });
});

test('a chunked response counts with its framing, and a request with the bytes that came along', () => {
  const get = 'GET /1 HTTP/1.1\r\nHost: h\r\n\r\n';
  const server = new ServerHarness().feed(get + get);
  const first = server.encoder!;
  first.encodeHeaders(new ResponseHeaders(200), false);
  first.encodeData(Buffer.from('abc'), false);
  first.encodeText('d', true);
  expect(counts(first)).toEqual({
    wireBytesReceived: 2 * get.length,
    wireBytesSent: server.connection.written.length,
    headerBytesReceived: 'host:h\r\n'.length,
    headerBytesSent: 'transfer-encoding: chunked\r\n'.length,
  });
});

test('each request of a connection counts its own bytes', () => {
  const server = new ServerHarness({}, echoPath).feed('GET /1 HTTP/1.1\r\nHost: h\r\n\r\n');
  const first = server.encoder!;
  server.feed('GET /22 HTTP/1.1\r\nHost: h\r\n\r\n');
  expect([first.wireBytesReceived, server.encoder!.wireBytesReceived]).toEqual([28, 29]);
});

test('an upstream exchange counts interim responses too', () => {
  const client = new ClientHarness();
  const request = client.request('POST', {}, false);
  request.encodeData(Buffer.from('0123456789abcdef'), true);
  const pieces = ['HTTP/1.1 100 Continue\r\na: b\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\nServer:  up \r\n\r\nhello'];
  for (const piece of pieces) client.feed(piece);
  expect(counts(request)).toEqual({
    wireBytesReceived: pieces.join('').length,
    wireBytesSent: client.connection.written.length,
    headerBytesReceived: 'a:b\r\ncontent-length:5\r\nserver:up\r\n'.length,
    headerBytesSent: 'host: h\r\ntransfer-encoding: chunked\r\n'.length,
  });
});

test('the tries of a request are counted together', () => {
  const second = wireBytes(10, 20);
  continueMeter(second, { wireBytesReceived: 1, wireBytesSent: 2, headerBytesReceived: 3, headerBytesSent: 4 });
  expect(counts(second)).toEqual({ wireBytesReceived: 11, wireBytesSent: 22, headerBytesReceived: 3, headerBytesSent: 4 });
});
