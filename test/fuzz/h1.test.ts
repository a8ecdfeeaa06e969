/**
 * Messages grown from good ones by random mutation: whatever comes, the codecs do not throw, do not hang, and say the same however
 * the bytes are cut. OUTRIDER_FUZZ_CASES sets how many.
 */
import { describe, expect, test } from 'vitest';
import type { RequestDecoder, RequestEncoder, ResponseDecoder, ResponseEncoder } from '../../src/http/codec.ts';
import { Http1ServerConnection } from '../../src/http/h1/server-connection.ts';
import { DEFAULT_HTTP1_SETTINGS, type Http1Settings } from '../../src/http/h1/settings.ts';
import { ResponseHeaders } from '../../src/http/header-map.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import { ClientHarness, echoPath, FakeConnection, type Responder, ServerHarness } from '../http/h1/recording.ts';

const CASES = Number(process.env['OUTRIDER_FUZZ_CASES'] ?? 4000);

const REQUESTS = [
  'GET / HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n',
  'POST /p?q HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello',
  'POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\na;x=y\r\n0123456789\r\n1\r\nz\r\n0\r\nX-T: v\r\n\r\n',
  'GET http://h:80/x HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, x-a\r\nX-A: 1\r\nTE: trailers\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi',
  'CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n\x16\x03\x01',
  'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
];
const RESPONSES = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: v\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end',
  'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi',
  'HTTP/1.0 304 Not Modified\r\nETag: "x"\r\n\r\n',
];
/** What a mutation puts in: the bytes that mean something, and numbers that overflow. */
const TOKENS = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '0',
  '-',
  '\x7f',
  '\xff',
  '\x01',
  'chunked',
  'Content-Length: 3\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Host: x\r\n',
  'Connection: close\r\n',
  'Connection: host\r\n',
  'Upgrade: h2c\r\n',
  'x_y: 1\r\n',
  '99999999999999999999',
  'ffffffffffffffff',
  'HTTP/1.1',
  'HTTP/1.0',
  'GET / HTTP/1.1\r\n',
  '0\r\n\r\n',
  '1\r\na\r\n',
  ' folded\r\n',
  '%00',
  '@@',
  '://',
];
const SETTINGS: readonly Partial<Http1Settings>[] = [
  {},
  { strict: true, enableTrailers: true },
  { acceptHttp10: true, defaultHostForHttp10: 'd', allowChunkedLength: true, enableTrailers: true },
  { headersWithUnderscores: 'drop', headerKeyFormat: 'preserve', allowCustomMethods: true },
  { headersWithUnderscores: 'reject', headerKeyFormat: 'proper', maxHeadersKb: 1, maxHeadersCount: 4, allowAbsoluteUrl: false },
];

function pick<T>(random: Random, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

function mutate(random: Random, seeds: readonly string[]): string {
  let text = pick(random, seeds);
  if (random.below(4) === 0) text += pick(random, seeds);
  for (let n = random.below(5); n > 0; n--) {
    const at = random.below(text.length + 1);
    const span = random.below(random.below(8) === 0 ? 40 : 4);
    switch (random.below(5)) {
      case 0:
        text = text.slice(0, at) + text.slice(at + span);
        break;
      case 1:
        text = text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
        break;
      case 2:
        text = text.slice(0, at) + text.slice(at, at + span) + text.slice(at);
        break;
      case 3: {
        const lineStart = text.lastIndexOf('\n', at) + 1;
        text = text.slice(0, lineStart) + pick(random, TOKENS) + text.slice(lineStart);
        break;
      }
      default:
        text = text.slice(0, at) + pick(random, TOKENS) + text.slice(at);
    }
  }
  return text;
}

function cut(random: Random, text: string): string[] {
  const pieces: string[] = [];
  let from = 0;
  while (from < text.length) {
    const length = 1 + random.below(random.below(2) === 0 ? 3 : 40);
    pieces.push(text.slice(from, from + length));
    from += length;
  }
  return pieces;
}

/** A codec pair as a proxy has it: whatever the server side lets pass is written to an upstream. */
class ProxyUnderTest {
  readonly upstream = new ClientHarness({ enableTrailers: true });
  readonly server: Http1ServerConnection;
  readonly #connection = new FakeConnection();
  /** Requests that were forwarded to their end, and those that began. */
  complete = 0;
  begun = 0;
  tunnels = 0;

  constructor(settings: Partial<Http1Settings>) {
    this.server = new Http1ServerConnection(this.#connection.asConnection, { ...DEFAULT_HTTP1_SETTINGS, ...settings }, this);
  }

  newStream(encoder: ResponseEncoder): RequestDecoder {
    let request: RequestEncoder | null = null;
    const answer = (): void => {
      this.complete++;
      this.upstream.feed('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      encoder.encodeHeaders(new ResponseHeaders(200), true);
    };
    return {
      onRequestHeaders: (headers, end) => {
        this.begun++;
        const upgrade = headers.has('upgrade') && !end;
        if (upgrade || headers.method === 'CONNECT') this.tunnels++;
        else for (const name of ['connection', 'upgrade', 'keep-alive', 'proxy-connection']) headers.remove(name);
        request = this.upstream.codec.newStream(IGNORE);
        request.encodeHeaders(headers, end);
        if (end) answer();
      },
      onRequestData: (chunk, end) => {
        request!.encodeData(chunk, end);
        if (end) answer();
      },
      onRequestTrailers: (trailers) => {
        request!.encodeTrailers(trailers);
        answer();
      },
      onRequestReset: () => undefined,
      onAboveWriteBufferHighWatermark: () => undefined,
      onBelowWriteBufferLowWatermark: () => undefined,
    };
  }

  onCodecError(encoder: ResponseEncoder | null): void {
    encoder?.encodeHeaders(new ResponseHeaders(400), true);
  }
}

const IGNORE: ResponseDecoder = {
  on1xxHeaders: () => undefined,
  onResponseHeaders: () => undefined,
  onResponseData: () => undefined,
  onResponseTrailers: () => undefined,
  onResponseReset: () => undefined,
  onAboveWriteBufferHighWatermark: () => undefined,
  onBelowWriteBufferLowWatermark: () => undefined,
};

describe('fuzz', () => {
  test(`${CASES} requests`, () => {
    const random = seededRandom(0x0071);
    for (let i = 0; i < CASES; i++) {
      const text = mutate(random, REQUESTS);
      const settings = pick(random, SETTINGS);
      const run = (pieces: string[]): unknown => {
        const server = new ServerHarness(settings, echoPath);
        for (const piece of pieces) server.feed(piece);
        server.codec.onConnectionClosed();
        return {
          log: server.log.lines,
          written: server.connection.written,
          closed: server.connection.closedAs,
          pauses: server.connection.pauses,
        };
      };
      expect(run(cut(random, text)), JSON.stringify({ i, text, settings })).toEqual(run([text]));
    }
  });

  test(`${CASES} responses`, () => {
    const random = seededRandom(0x0072);
    for (let i = 0; i < CASES; i++) {
      const text = mutate(random, RESPONSES);
      const settings = pick(random, SETTINGS);
      const method = pick(random, ['GET', 'HEAD', 'CONNECT', 'POST']);
      const headers = random.below(3) === 0 ? { connection: 'Upgrade', upgrade: 'websocket' } : {};
      const run = (pieces: string[]): string[] => {
        const client = new ClientHarness(settings);
        client.request(method, headers);
        for (const piece of pieces) client.feed(piece);
        client.fin();
        // Bytes behind a complete response cost the connection in the same read or in the next: the same, told differently.
        return client.log.lines.filter((line) => !line.startsWith('done') && line !== 'protocol error');
      };
      expect(run(cut(random, text)), JSON.stringify({ i, text, settings, method, headers })).toEqual(run([text]));
    }
  });

  test(`${CASES} requests: the upstream counts those that were forwarded, no others`, () => {
    const random = seededRandom(0x0073);
    for (let i = 0; i < CASES; i++) {
      const text = mutate(random, REQUESTS);
      const proxy = new ProxyUnderTest(pick(random, SETTINGS));
      for (const piece of cut(random, text)) proxy.server.onData(Buffer.from(piece, 'latin1'));
      // Our own parser at its strictest stands in for a backend.
      const written = proxy.upstream.connection.written;
      const backend = new ServerHarness(
        { strict: true, allowCustomMethods: true, allowAbsoluteUrl: false, enableTrailers: true, maxHeadersCount: 1000 },
        respondNothing,
      ).feed(written);
      const heads = backend.log.lines.filter((line) => line.startsWith('HTTP/1.1 '));
      const context = JSON.stringify({ i, text, written, log: backend.log.lines });
      expect(heads.length, context).toBe(proxy.begun);
      if (proxy.tunnels === 0)
        expect(
          backend.log.lines.filter((line) => line.startsWith('error')),
          context,
        ).toEqual([]);
    }
  });
});

const respondNothing: Responder = (encoder) => encoder.encodeHeaders(new ResponseHeaders(204), true);
