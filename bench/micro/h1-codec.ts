/** What one exchange costs the HTTP/1.1 codecs, without sockets: `node bench/micro/h1-codec.ts [seconds]`. */

import type { RequestEncoder, ResponseDecoder, ResponseEncoder } from '../../src/http/codec.ts';
import { Http1ClientConnection } from '../../src/http/h1/client-connection.ts';
import { Http1ServerConnection } from '../../src/http/h1/server-connection.ts';
import { DEFAULT_HTTP1_CLIENT_SETTINGS, DEFAULT_HTTP1_SETTINGS } from '../../src/http/h1/settings.ts';
import { RequestHeaders, ResponseHeaders } from '../../src/http/header-map.ts';
import type { Connection } from '../../src/net/connection.ts';

const SECONDS = Number(process.argv[2] ?? 1);

class NullConnection {
  readonly sink = Buffer.alloc(1 << 16);
  aboveHighWatermark = false;
  #text = '';
  writeText(text: string): void {
    this.#text += text;
  }
  write(chunk: Buffer): void {
    this.#text += chunk.latin1Slice(0, chunk.length);
  }
  /** What a socket would do: the gathered text becomes bytes. */
  flush(): void {
    this.sink.write(this.#text, 'latin1');
    this.#text = '';
  }
  readDisable(): void {}
  close(): void {
    throw new Error('closed');
  }
  dispatch(fn: () => void): void {
    fn();
  }
}

const nothing = (): void => undefined;

function report(name: string, step: () => void): void {
  for (let i = 0; i < 50_000; i++) step();
  // Processor time, so that other work on the machine does not count.
  const started = process.cpuUsage();
  let count = 0;
  let used = 0;
  while (used < SECONDS * 1e6) {
    for (let i = 0; i < 10_000; i++) step();
    count += 10_000;
    const usage = process.cpuUsage(started);
    used = usage.user + usage.system;
  }
  process.stdout.write(`${name.padEnd(44)} ${((used * 1000) / count).toFixed(0).padStart(6)} ns\n`);
}

function serverSide(name: string, request: string, body: string): void {
  const bytes = Buffer.from(request, 'latin1');
  const connection = new NullConnection();
  const codec = new Http1ServerConnection(connection as unknown as Connection, DEFAULT_HTTP1_SETTINGS, {
    newStream: (encoder: ResponseEncoder) => {
      const respond = (): void => {
        const headers = new ResponseHeaders(200);
        headers.add('content-type', 'text/plain');
        headers.add('content-length', String(body.length));
        headers.add('date', 'Mon, 01 Jan 2024 00:00:00 GMT');
        headers.add('server', 'envoy');
        headers.add('x-envoy-upstream-service-time', '1');
        encoder.encodeHeaders(headers, false);
        encoder.encodeText(body, true);
      };
      return {
        onRequestHeaders: (_headers: RequestHeaders, end: boolean) => {
          if (end) respond();
        },
        onRequestData: (_chunk: Buffer, end: boolean) => {
          if (end) respond();
        },
        onRequestTrailers: nothing,
        onRequestReset: nothing,
        onAboveWriteBufferHighWatermark: nothing,
        onBelowWriteBufferLowWatermark: nothing,
      };
    },
    onCodecError: (_encoder, _decoder, error) => {
      throw new Error(error.details);
    },
  });
  report(name, () => {
    codec.onData(bytes);
    connection.flush();
  });
}

function clientSide(name: string, response: string): void {
  const bytes = Buffer.from(response, 'latin1');
  const connection = new NullConnection();
  let done = false;
  const codec = new Http1ClientConnection(connection as unknown as Connection, DEFAULT_HTTP1_CLIENT_SETTINGS, {
    onStreamDone: () => {
      done = true;
    },
    onGoAway: nothing,
    onProtocolError: nothing,
  });
  const decoder: ResponseDecoder = {
    on1xxHeaders: nothing,
    onResponseHeaders: nothing,
    onResponseData: nothing,
    onResponseTrailers: nothing,
    onResponseReset: nothing,
    onAboveWriteBufferHighWatermark: nothing,
    onBelowWriteBufferLowWatermark: nothing,
  };
  const headers = new RequestHeaders('GET', '/path', 'service.test', 'http');
  for (const [key, value] of [
    ['user-agent', 'bench/1.0'],
    ['accept', '*/*'],
    ['x-forwarded-proto', 'http'],
    ['x-request-id', '8f14e45f-ceea-4123-8f14-e45fceea4123'],
    ['x-envoy-expected-rq-timeout-ms', '15000'],
  ] as const) {
    headers.add(key, value);
  }
  report(name, () => {
    done = false;
    const encoder: RequestEncoder = codec.newStream(decoder);
    encoder.encodeHeaders(headers, true);
    connection.flush();
    codec.onData(bytes);
    if (!done) throw new Error('not done');
  });
}

const small = 'GET /path HTTP/1.1\r\nHost: service.test\r\nConnection: keep-alive\r\n\r\n';
const browser =
  'GET /products/42?color=blue HTTP/1.1\r\nHost: shop.test\r\nConnection: keep-alive\r\nAccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n' +
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\nAccept-Encoding: gzip, deflate, br\r\n' +
  'Accept-Language: en-US,en;q=0.5\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1\r\nReferer: http://shop.test/\r\nDNT: 1\r\n' +
  'Upgrade-Insecure-Requests: 1\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nX-Custom-Header: value\r\n\r\n';
const post = `POST /path HTTP/1.1\r\nHost: service.test\r\nContent-Length: 512\r\n\r\n${'x'.repeat(512)}`;
const chunked = `POST /path HTTP/1.1\r\nHost: service.test\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n${'x'.repeat(512)}\r\n0\r\n\r\n`;

serverSide('request: 3 headers, response: 5 headers', small, 'hello world');
serverSide('request: 14 headers, response: 5 headers', browser, 'hello world');
serverSide('request: POST, 512 bytes', post, 'hello world');
serverSide('request: POST, 512 bytes chunked', chunked, 'hello world');
clientSide(
  'response: 4 headers, 11 bytes',
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\nDate: x\r\nConnection: keep-alive\r\n\r\nhello world',
);
clientSide(
  'response: chunked',
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nDate: x\r\n\r\nb\r\nhello world\r\n0\r\n\r\n',
);
