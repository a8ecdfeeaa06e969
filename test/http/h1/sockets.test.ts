/** Both codecs over real sockets, against Node's own HTTP as an independent implementation. */
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { ClientConnection, RequestDecoder, ResponseDecoder, ServerConnection } from '../../../src/http/codec.ts';
import { Http1ClientConnection } from '../../../src/http/h1/client-connection.ts';
import { Http1ServerConnection } from '../../../src/http/h1/server-connection.ts';
import { DEFAULT_HTTP1_SETTINGS } from '../../../src/http/h1/settings.ts';
import { type HeaderMap, RequestHeaders, ResponseHeaders } from '../../../src/http/header-map.ts';
import { ipAddress } from '../../../src/net/address.ts';
import { Connection, type ConnectionHandler } from '../../../src/net/connection.ts';

const settings = { ...DEFAULT_HTTP1_SETTINGS, enableTrailers: true };
const somewhere = ipAddress('127.0.0.1', 1);
const open: { close(): unknown }[] = [];

afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

function handlerOf(codec: () => ServerConnection | ClientConnection): ConnectionHandler {
  return {
    onData: (chunk) => codec().onData(chunk),
    onEnd: () => codec().onEnd(),
    onClose: () => codec().onConnectionClosed(),
    onAboveWriteBufferHighWatermark: () => codec().onAboveWriteBufferHighWatermark(),
    onBelowWriteBufferLowWatermark: () => codec().onBelowWriteBufferLowWatermark(),
  };
}

/** Sends back what it got, with the method and the path in headers; trailers too. */
async function echoServer(): Promise<number> {
  const server = net.createServer((socket) => {
    const connection: Connection = new Connection(
      socket,
      handlerOf(() => codec),
      somewhere,
      somewhere,
    );
    const codec: ServerConnection = new Http1ServerConnection(connection, settings, {
      newStream: (encoder): RequestDecoder => ({
        onRequestHeaders: (headers, end) => {
          const response = new ResponseHeaders(headers.path === '/204' ? 204 : 200);
          response.add('x-method', headers.method);
          response.add('x-path', headers.path);
          const length = headers.get('content-length');
          if (length !== undefined && headers.path !== '/chunked') response.add('content-length', length);
          encoder.encodeHeaders(response, end);
        },
        onRequestData: (chunk, end) => encoder.encodeData(chunk, end),
        onRequestTrailers: (trailers) => encoder.encodeTrailers(trailers),
        onRequestReset: () => undefined,
        onAboveWriteBufferHighWatermark: () => encoder.readDisable(true),
        onBelowWriteBufferLowWatermark: () => encoder.readDisable(false),
      }),
      onCodecError: (encoder, _decoder, error) => {
        const response = new ResponseHeaders(error.status);
        encoder?.encodeHeaders(response, false);
        encoder?.encodeText(error.body, true);
      },
    });
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('server codec', () => {
  function ask(agent: http.Agent, port: number, method: string, path: string, body: Buffer, headers: http.OutgoingHttpHeaders = {}) {
    return new Promise<{ response: http.IncomingMessage; body: Buffer }>((resolve, reject) => {
      const request = http.request({ agent, port, host: '127.0.0.1', method, path, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ response, body: Buffer.concat(chunks) }));
        response.on('error', reject);
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  test('answers a keep-alive client', async () => {
    const port = await echoServer();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    open.push({ close: () => agent.destroy() });
    const large = Buffer.alloc(3_000_000, 'abcdefghij');
    for (const [method, path, body, headers] of [
      ['GET', '/a?b', Buffer.alloc(0), {}],
      ['POST', '/length', Buffer.from('hello'), { 'content-length': 5 }],
      ['PUT', '/chunked', Buffer.from('hello'), {}],
      ['POST', '/large', large, { 'content-length': large.length }],
      ['POST', '/chunked', large, { 'transfer-encoding': 'chunked' }],
      ['HEAD', '/head', Buffer.alloc(0), {}],
      ['GET', '/204', Buffer.alloc(0), {}],
    ] as const) {
      const answer = await ask(agent, port, method, path, body, headers);
      expect(answer.response.statusCode).toBe(path === '/204' ? 204 : 200);
      expect(answer.response.headers['x-method']).toBe(method);
      expect(answer.response.headers['x-path']).toBe(path);
      expect(answer.body.equals(body)).toBe(true);
    }
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
  });

  test('answers garbage and closes', async () => {
    const port = await echoServer();
    const text = await new Promise<string>((resolve, reject) => {
      let received = '';
      const socket = net.connect(port, '127.0.0.1', () => socket.write('nonsense\r\n\r\n'));
      socket.setEncoding('latin1');
      socket.on('data', (chunk: string) => (received += chunk));
      socket.on('error', reject);
      socket.on('close', () => resolve(received));
    });
    expect(text).toMatch(/^HTTP\/1.1 400 Bad Request\r\nconnection: close\r\n/);
    expect(text).toContain('Bad Request\r\n0\r\n\r\n');
  });
});

describe('client codec', () => {
  interface Answer {
    status: number;
    informational: number[];
    headers: ResponseHeaders;
    body: string;
    trailers: HeaderMap | null;
    reset: number | null;
  }

  class Upstream {
    readonly reused: boolean[] = [];
    #codec: Http1ClientConnection | null = null;
    #waiting: (() => void) | null = null;

    async connect(port: number): Promise<void> {
      const socket = net.connect(port, '127.0.0.1');
      await new Promise<void>((resolve) => socket.once('connect', resolve));
      const connection: Connection = new Connection(
        socket,
        handlerOf(() => this.#codec!),
        somewhere,
        somewhere,
      );
      open.push({ close: () => connection.close('no-flush') });
      this.#codec = new Http1ClientConnection(connection, settings, {
        onStreamDone: (reusable) => {
          this.reused.push(reusable);
          this.#waiting?.();
        },
        onGoAway: () => undefined,
        onProtocolError: () => undefined,
      });
    }

    async ask(headers: RequestHeaders, body: string | null = null): Promise<Answer> {
      const answer: Answer = { status: 0, informational: [], headers: new ResponseHeaders(), body: '', trailers: null, reset: null };
      const done = new Promise<void>((resolve) => (this.#waiting = resolve));
      const decoder: ResponseDecoder = {
        on1xxHeaders: (informational) => answer.informational.push(informational.status),
        onResponseHeaders: (response) => {
          answer.status = response.status;
          answer.headers = response;
        },
        onResponseData: (chunk) => (answer.body += chunk.toString('latin1')),
        onResponseTrailers: (trailers) => (answer.trailers = trailers),
        onResponseReset: (reason) => {
          answer.reset = reason;
          this.#waiting?.();
        },
        onAboveWriteBufferHighWatermark: () => undefined,
        onBelowWriteBufferLowWatermark: () => undefined,
      };
      const encoder = this.#codec!.newStream(decoder);
      encoder.encodeHeaders(headers, body === null);
      if (body !== null) encoder.encodeData(Buffer.from(body), true);
      await done;
      return answer;
    }
  }

  test('asks a Node server, many times over one connection', async () => {
    let connections = 0;
    const server = http.createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => (body += chunk));
      request.on('end', () => {
        switch (request.url) {
          case '/hints':
            response.writeEarlyHints({ link: '</a.css>; rel=preload' });
            response.end('after hints');
            break;
          case '/trailers':
            response.writeHead(200, { trailer: 'x-sum' });
            response.write('some');
            response.addTrailers({ 'x-sum': '42' });
            response.end(' more');
            break;
          case '/none':
            response.writeHead(204).end();
            break;
          case '/cut':
            response.writeHead(200, { 'content-length': 10 });
            response.write('short', () => request.socket.destroy());
            break;
          default:
            response.setHeader('x-te', request.headers['transfer-encoding'] ?? 'none');
            response.end(`${request.method} ${request.headers.host} ${body.length}`);
        }
      });
    });
    server.on('connection', () => connections++);
    open.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const upstream = new Upstream();
    await upstream.connect((server.address() as AddressInfo).port);

    const get = (path: string, method = 'GET'): RequestHeaders => new RequestHeaders(method, path, 'up.test');
    expect((await upstream.ask(get('/'))).body).toBe('GET up.test 0');
    const posted = await upstream.ask(get('/', 'POST'), 'x'.repeat(100_000));
    expect([posted.body, posted.headers.get('x-te')]).toEqual(['POST up.test 100000', 'chunked']);
    expect(await upstream.ask(get('/', 'HEAD'))).toMatchObject({ status: 200, body: '' });
    expect(await upstream.ask(get('/hints'))).toMatchObject({ informational: [103], body: 'after hints' });
    const trailers = await upstream.ask(get('/trailers'));
    expect([trailers.body, trailers.trailers?.get('x-sum')]).toEqual(['some more', '42']);
    expect(await upstream.ask(get('/none'))).toMatchObject({ status: 204, body: '' });
    expect(upstream.reused).toEqual([true, true, true, true, true, true]);
    expect(connections).toBe(1);
    const cut = await upstream.ask(get('/cut'));
    expect([cut.body, cut.reset === null]).toEqual(['short', false]);
  });
});
