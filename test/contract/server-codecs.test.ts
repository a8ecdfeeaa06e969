/** The order in which a server codec calls its user, kept for any bytes cut anywhere and answered at any time. */
import { describe, expect, test } from 'vitest';
import type { CodecError, RequestDecoder, ResponseEncoder, ServerCallbacks, ServerConnection } from '../../src/http/codec.ts';
import { Http1ServerConnection } from '../../src/http/h1/server-connection.ts';
import { DEFAULT_HTTP1_SETTINGS } from '../../src/http/h1/settings.ts';
import { Http2ServerConnection } from '../../src/http/h2/server-connection.ts';
import { DEFAULT_HTTP2_SETTINGS } from '../../src/http/h2/settings.ts';
import { Http2Stats } from '../../src/http/h2/stats.ts';
import { HeaderMap, ResponseHeaders } from '../../src/http/header-map.ts';
import { ResetReason } from '../../src/http/reset-reason.ts';
import type { Connection } from '../../src/net/connection.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { field, frame, PREFACE, request, word } from '../http/h2/frames.ts';
import { FakeConnection } from '../support/hcm-rig.ts';
import { PlainStats } from '../support/plain-stats.ts';

const HTTP1: readonly string[] = [
  'GET /a HTTP/1.1\r\nHost: h\r\n\r\n',
  'GET /a HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n',
  'HEAD / HTTP/1.1\r\nHost: h\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n',
  'GET / HTTP/1.1\r\nbad header\r\n\r\n',
  '\0\0\0\r\n\r\n',
];

const HTTP2: readonly ((id: number) => Buffer[])[] = [
  (id) => [frame(1, 5, id, request())],
  (id) => [frame(1, 4, id, request('POST')), frame(0, 0, id, 'hello'), frame(0, 1, id, '!')],
  (id) => [frame(1, 4, id, request('POST')), frame(0, 1, id)],
  (id) => [frame(1, 4, id, request('POST')), frame(0, 0, id, 'abc'), frame(1, 5, id, field('x-sum', '1'))],
  (id) => [frame(1, 4, id, request('POST')), frame(0, 0, id, 'abc'), frame(3, 0, id, word(8))],
  (id) => [frame(1, 4, id, request('POST', '/', ['content-length', '1'])), frame(0, 0, id, 'abc')],
  (id) => [frame(1, 1, id, request().subarray(0, 9)), frame(9, 4, id, request().subarray(9))],
  (id) => [frame(8, 0, 0, word(100)), frame(6, 0, 0, '12345678'), frame(1, 5, id, request('HEAD'))],
  (id) => [frame(1, 5, id, request('GET', '/', ['connection', 'close']))],
];

const codecs: Record<
  string,
  {
    make(connection: Connection, callbacks: ServerCallbacks): ServerConnection;
    oneAtATime: boolean;
    /** Bytes of a connection. */
    input(random: Random): string;
  }
> = {
  'HTTP/1': {
    make: (connection, callbacks) =>
      new Http1ServerConnection(connection, { ...DEFAULT_HTTP1_SETTINGS, acceptHttp10: true, enableTrailers: true }, callbacks),
    oneAtATime: true,
    input: (random) => Array.from({ length: 1 + random.below(4) }, () => HTTP1[random.below(HTTP1.length)]!).join(''),
  },
  'HTTP/2': {
    make: (connection, callbacks) =>
      new Http2ServerConnection(connection, DEFAULT_HTTP2_SETTINGS, callbacks, new Http2Stats(new PlainStats()), {
        clock: new SimulatedClock(),
        random: seededRandom(1),
        flushTimeoutMs: 0,
      }),
    oneAtATime: false,
    input: (random) => {
      const frames = [PREFACE, frame(4, 0, 0)];
      for (let id = 1, n = 1 + random.below(4); id < 2 * n; id += 2) frames.push(...HTTP2[random.below(HTTP2.length)]!(id));
      return Buffer.concat(frames).latin1Slice();
    },
  },
};

/** A user that answers by chance and complains about every call out of order. */
class StrictUser implements ServerCallbacks {
  readonly streams: StrictStream[] = [];
  errors = 0;
  done = 0;
  readonly #random: Random;
  readonly #oneAtATime: boolean;

  constructor(random: Random, oneAtATime: boolean) {
    this.#random = random;
    this.#oneAtATime = oneAtATime;
  }

  newStream(encoder: ResponseEncoder): RequestDecoder {
    expect(this.errors).toBe(0);
    expect(this.done).toBe(0);
    if (this.#oneAtATime && this.streams.length > 0) expect(this.streams.at(-1)!.codecDone).toBe(1);
    const stream = new StrictStream(encoder, this.#random);
    this.streams.push(stream);
    return stream;
  }

  onCodecError(encoder: ResponseEncoder | null, decoder: RequestDecoder | null, error: CodecError): void {
    expect(++this.errors).toBe(1);
    if (this.#oneAtATime) expect(decoder).toBe(this.streams.at(-1) ?? null);
    if (decoder !== null) (decoder as StrictStream).failed = true;
    if (encoder === null) return;
    expect((decoder as StrictStream).answered).toBe(false);
    (decoder as StrictStream).answered = true;
    encoder.encodeHeaders(new ResponseHeaders(error.status), true);
  }

  onConnectionDone(): void {
    this.done++;
  }
}

class StrictStream implements RequestDecoder {
  readonly encoder: ResponseEncoder;
  state: 'new' | 'open' | 'ended' | 'reset' = 'new';
  failed = false;
  answered = false;
  codecDone = 0;
  body = '';
  readonly #random: Random;
  #responded: 'no' | 'headers' | 'all' = 'no';

  constructor(encoder: ResponseEncoder, random: Random) {
    this.encoder = encoder;
    this.#random = random;
  }

  onRequestHeaders(_headers: unknown, end: boolean): void {
    expect([this.state, this.failed, this.codecDone]).toEqual(['new', false, 0]);
    this.state = end ? 'ended' : 'open';
    this.#perhaps();
  }
  onRequestData(chunk: Buffer, end: boolean): void {
    expect([this.state, this.failed, this.codecDone]).toEqual(['open', false, 0]);
    if (!end) expect(chunk.length).toBeGreaterThan(0);
    this.body += chunk.toString('latin1');
    if (end) this.state = 'ended';
    this.#perhaps();
  }
  onRequestTrailers(trailers: HeaderMap): void {
    expect([this.state, this.failed, this.codecDone]).toEqual(['open', false, 0]);
    expect(trailers).toBeInstanceOf(HeaderMap);
    this.state = 'ended';
    this.#perhaps();
  }
  onRequestReset(): void {
    expect(this.state).not.toBe('reset');
    expect(this.codecDone).toBe(0);
    this.state = 'reset';
  }
  onCodecStreamDone(): void {
    expect(++this.codecDone).toBe(1);
  }
  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}

  /** The answer's next piece; pieces after the end are the codec's to ignore. */
  respond(): void {
    const random = this.#random;
    if (this.failed || this.state === 'new') return;
    this.answered = true;
    switch (this.#responded) {
      case 'no': {
        if (random.below(4) === 0) this.encoder.encode1xx(new ResponseHeaders(103));
        const end = random.below(2) === 0;
        this.#responded = end ? 'all' : 'headers';
        this.encoder.encodeHeaders(new ResponseHeaders(random.below(5) === 0 ? 101 : 200), end);
        return;
      }
      case 'headers': {
        if (random.below(5) === 0) {
          this.#responded = 'all';
          this.encoder.encodeTrailers(new HeaderMap());
          return;
        }
        const end = random.below(2) === 0;
        if (end) this.#responded = 'all';
        this.encoder.encodeData(Buffer.from('x'), end);
        return;
      }
      default:
        if (random.below(3) === 0) this.encoder.encodeData(Buffer.from('late'), true);
    }
  }

  reset(): void {
    if (this.state === 'new' || this.#responded === 'all') return;
    this.#responded = 'all';
    this.answered = true;
    this.encoder.reset(ResetReason.LocalReset);
    this.failed = true;
  }

  #perhaps(): void {
    if (this.#random.below(3) === 0) this.respond();
  }
}

for (const [name, { make, oneAtATime, input }] of Object.entries(codecs)) {
  describe(name, () => {
    test('headers, data, trailers, one end; a reset is the last call; every stream is let go of once', () => {
      let complete = 0;
      for (let seed = 1; seed <= 1500; seed++) {
        const random = seededRandom(seed);
        const user = new StrictUser(random, oneAtATime);
        const connection = new FakeConnection();
        const codec = make(connection as unknown as Connection, user);
        let bytes = input(random);
        while (bytes.length > 0 && user.done === 0 && connection.closes.length === 0) {
          const cut = 1 + random.below(Math.min(bytes.length, 60));
          codec.onData(Buffer.from(bytes.slice(0, cut), 'latin1'));
          bytes = bytes.slice(cut);
          const stream = user.streams.at(-1);
          if (stream !== undefined && random.below(2) === 0) stream.respond();
          if (stream !== undefined && random.below(40) === 0) stream.reset();
          if (random.below(60) === 0) codec.goAway();
        }
        for (let i = 0; i < 40 && random.below(4) !== 0; i++) user.streams.at(-1)?.respond();
        codec.onConnectionClosed();
        complete += user.streams.filter((stream) => stream.state === 'ended').length;
        for (const stream of user.streams) {
          if (stream.codecDone !== 1 && !stream.failed) expect.fail(`seed ${seed}: a stream was not let go of`);
        }
        expect(codec.activeStreams, `seed ${seed}`).toBe(0);
        expect(connection.pauses, `seed ${seed}`).toBe(0);
        // Late answers reach nobody.
        const written = connection.written;
        for (const stream of user.streams) stream.respond();
        expect(connection.written, `seed ${seed}`).toBe(written);
      }
      expect(complete).toBeGreaterThan(500);
    });
  });
}
