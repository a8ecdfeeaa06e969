/** Both roles over real sockets, against Node's own HTTP/2 (nghttp2) as an independent implementation. */
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { ClientConnection, RequestDecoder, ResponseDecoder, ServerConnection } from '../../../src/http/codec.ts';
import { Http2ClientConnection } from '../../../src/http/h2/client-connection.ts';
import { Http2ServerConnection } from '../../../src/http/h2/server-connection.ts';
import { DEFAULT_HTTP2_SETTINGS, type Http2Settings } from '../../../src/http/h2/settings.ts';
import { Http2Stats } from '../../../src/http/h2/stats.ts';
import { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../src/http/header-map.ts';
import { ipAddress } from '../../../src/net/address.ts';
import { Connection, type ConnectionHandler } from '../../../src/net/connection.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { PlainStats } from '../../support/plain-stats.ts';

const somewhere = ipAddress('127.0.0.1', 1);
const open: { close(): unknown }[] = [];

afterEach(() => {
  for (const each of open.splice(0)) each.close();
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

/** Sends back what it got, method and path in headers; trailers too. */
async function echoServer(change: Partial<Http2Settings> = {}): Promise<number> {
  const server = net.createServer((socket) => {
    const connection: Connection = new Connection(
      socket,
      handlerOf(() => codec),
      somewhere,
      somewhere,
    );
    const codec: ServerConnection = new Http2ServerConnection(
      connection,
      { ...DEFAULT_HTTP2_SETTINGS, ...change },
      {
        newStream: (encoder): RequestDecoder => ({
          onRequestHeaders: (headers, end) => {
            const response = new ResponseHeaders(200);
            response.add('x-method', headers.method);
            response.add('x-path', headers.path);
            response.add('x-seen', headers.get('x-sent') ?? '');
            encoder.encodeHeaders(response, end);
          },
          onRequestData: (chunk, end) => encoder.encodeData(chunk, end),
          onRequestTrailers: (trailers) => encoder.encodeTrailers(trailers),
          onRequestReset: () => undefined,
          onAboveWriteBufferHighWatermark: () => encoder.readDisable(true),
          onBelowWriteBufferLowWatermark: () => encoder.readDisable(false),
        }),
        onCodecError: () => undefined,
      },
      new Http2Stats(new PlainStats()),
      { clock: new SimulatedClock(), random: seededRandom(1), flushTimeoutMs: 0 },
    );
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

interface Answer {
  status: number;
  headers: http2.IncomingHttpHeaders;
  body: Buffer;
  trailers: http2.IncomingHttpHeaders;
}

function ask(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders, body: Buffer, trailers?: http2.OutgoingHttpHeaders) {
  return new Promise<Answer>((resolve, reject) => {
    const stream = session.request(headers, { waitForTrailers: trailers !== undefined });
    const answer: Answer = { status: 0, headers: {}, body: Buffer.alloc(0), trailers: {} };
    const chunks: Buffer[] = [];
    stream.on('wantTrailers', () => stream.sendTrailers(trailers!));
    stream.on('response', (received) => {
      answer.status = received[':status'] ?? 0;
      answer.headers = received;
    });
    stream.on('trailers', (received) => {
      answer.trailers = received;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve({ ...answer, body: Buffer.concat(chunks) }));
    stream.on('error', reject);
    stream.end(body);
  });
}

describe('server role', () => {
  test('many streams at once, bodies of any size, trailers', async () => {
    const port = await echoServer();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    open.push(session);
    const random = seededRandom(3);
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        const size = [0, 1, 100, 16_384, 16_385, 70_000, 300_000][i % 7]!;
        const body = Buffer.alloc(size, random.below(256));
        const sent = 'v'.repeat(i * 50);
        const answer = await ask(
          session,
          { ':method': 'POST', ':path': `/p${i}`, 'x-sent': sent, cookie: `secret=${i}` },
          body,
          i % 3 === 0 ? { 't-sum': String(size) } : undefined,
        );
        return (
          answer.status === 200 && answer.headers['x-path'] === `/p${i}` && answer.headers['x-seen'] === sent && answer.body.equals(body)
        );
      }),
    );
    expect(answers).toEqual(answers.map(() => true));
    const last = await ask(session, { ':method': 'POST', ':path': '/t' }, Buffer.from('x'), { 't-sum': '1' });
    expect(last.trailers['t-sum']).toBe('1');
  });

  test('small windows on both sides and a small header table', async () => {
    const port = await echoServer({ initialStreamWindow: 65_535, initialConnectionWindow: 65_535, hpackTableSize: 0 });
    const session = http2.connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1000, headerTableSize: 100 } });
    open.push(session);
    const body = Buffer.alloc(500_000, 'abcdefg');
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(session, { ':method': 'POST', ':path': '/w' }, body)));
    for (const answer of answers) expect(answer.body.equals(body)).toBe(true);
  });

  test('PING is answered', async () => {
    const port = await echoServer();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    open.push(session);
    await new Promise((resolve) => session.once('connect', resolve));
    const payload = await new Promise<Buffer>((resolve, reject) =>
      session.ping(Buffer.from('8 bytes!'), (error, _ms, bytes) => (error ? reject(error) : resolve(bytes))),
    );
    expect(payload.toString()).toBe('8 bytes!');
  });
});

/** A client codec connected to `port`. */
async function client(port: number, change: Partial<Http2Settings> = {}): Promise<Http2ClientConnection> {
  const socket = net.connect(port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  const connection: Connection = new Connection(
    socket,
    handlerOf(() => codec),
    somewhere,
    somewhere,
  );
  open.push({ close: () => connection.close('no-flush') });
  const codec: Http2ClientConnection = new Http2ClientConnection(
    connection,
    { ...DEFAULT_HTTP2_SETTINGS, ...change },
    { onStreamClosed: () => undefined, onGoAway: () => undefined, onMaxStreamsChanged: () => undefined, onProtocolError: () => undefined },
    new Http2Stats(new PlainStats()),
    new SimulatedClock(),
    seededRandom(1),
  );
  return codec;
}

function send(codec: Http2ClientConnection, headers: RequestHeaders, body: Buffer, trailers: HeaderMap | null) {
  return new Promise<{ status: number; headers: ResponseHeaders; body: Buffer; trailers: HeaderMap | null; interim: number[] }>(
    (resolve, reject) => {
      const chunks: Buffer[] = [];
      const interim: number[] = [];
      let response = new ResponseHeaders();
      const end = (received: HeaderMap | null) =>
        resolve({ status: response.status, headers: response, body: Buffer.concat(chunks), trailers: received, interim });
      const decoder: ResponseDecoder = {
        on1xxHeaders: (received) => void interim.push(received.status),
        onResponseHeaders: (received, last) => {
          response = received;
          if (last) end(null);
        },
        onResponseData: (chunk, last) => {
          chunks.push(Buffer.from(chunk));
          if (last) end(null);
        },
        onResponseTrailers: end,
        onResponseReset: (reason, details) => reject(new Error(`reset ${reason} ${details}`)),
        onAboveWriteBufferHighWatermark: () => undefined,
        onBelowWriteBufferLowWatermark: () => undefined,
      };
      codec.connection.dispatch(() => {
        const encoder = codec.newStream(decoder);
        encoder.encodeHeaders(headers, body.length === 0 && trailers === null);
        if (body.length > 0) encoder.encodeData(body, trailers === null);
        if (trailers !== null) encoder.encodeTrailers(trailers);
      });
    },
  );
}

describe('client role', () => {
  async function nodeServer(settings: http2.Settings = {}): Promise<number> {
    const server = http2.createServer({ settings });
    server.on('stream', (each: http2.Http2Stream, headers) => {
      const stream = each as http2.ServerHttp2Stream;
      const chunks: Buffer[] = [];
      let sum: string | undefined;
      if (headers[':path'] === '/interim') stream.additionalHeaders({ ':status': 103, link: 'x' });
      stream.on('trailers', (trailers: http2.IncomingHttpHeaders) => {
        sum = String(trailers['x-sum']);
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', () => undefined);
      stream.on('end', () => {
        if (headers[':path'] === '/refused') {
          stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
          return;
        }
        stream.respond({ ':status': 200, 'x-path': headers[':path'], 'set-cookie': ['a', 'b'] }, { waitForTrailers: sum !== undefined });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-back': sum }));
        stream.end(Buffer.concat(chunks));
      });
    });
    open.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  test('many streams at once, with and without trailers', async () => {
    const codec = await client(await nodeServer());
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const body = Buffer.alloc([0, 5, 20_000, 200_000][i % 4]!, i);
        let trailers: HeaderMap | null = null;
        if (i % 8 === 1) {
          trailers = new HeaderMap();
          trailers.add('x-sum', String(i));
        }
        const answer = await send(codec, new RequestHeaders('POST', `/p${i}`, 'h', 'http'), body, trailers);
        expect(answer.headers.getAll('set-cookie')).toEqual(['a', 'b']);
        expect(answer.trailers?.get('x-back')).toBe(trailers === null ? undefined : String(i));
        return answer.status === 200 && answer.headers.get('x-path') === `/p${i}` && answer.body.equals(body);
      }),
    );
    expect(answers).toEqual(answers.map(() => true));
    expect(codec.activeStreams).toBe(0);
  });

  test('interim responses and refusals', async () => {
    const codec = await client(await nodeServer());
    expect((await send(codec, new RequestHeaders('GET', '/interim', 'h', 'http'), Buffer.alloc(0), null)).interim).toEqual([103]);
    await expect(send(codec, new RequestHeaders('GET', '/refused', 'h', 'http'), Buffer.alloc(0), null)).rejects.toThrow('reset 3 ');
  });

  test("the peer's small windows and stream limit are kept", async () => {
    const codec = await client(await nodeServer({ initialWindowSize: 500, maxConcurrentStreams: 7, headerTableSize: 64 }));
    const body = Buffer.alloc(100_000, 'z');
    const answer = await send(codec, new RequestHeaders('POST', '/small', 'h', 'http'), body, null);
    expect(answer.body.equals(body)).toBe(true);
    expect(codec.maxStreams).toBe(7);
  });
});
