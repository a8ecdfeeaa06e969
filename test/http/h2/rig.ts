/** Codecs on a connection that only remembers, and users that write down what they are told. */
import type { CodecError, RequestDecoder, ResponseDecoder, ResponseEncoder, ServerCallbacks } from '../../../src/http/codec.ts';
import { Http2ClientConnection } from '../../../src/http/h2/client-connection.ts';
import { Http2ServerConnection } from '../../../src/http/h2/server-connection.ts';
import { DEFAULT_HTTP2_SETTINGS, type Http2Settings } from '../../../src/http/h2/settings.ts';
import { Http2Stats } from '../../../src/http/h2/stats.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../src/http/header-map.ts';
import type { ResetReason } from '../../../src/http/reset-reason.ts';
import type { CloseType, Connection, OutputSource } from '../../../src/net/connection.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { PlainStats } from '../../support/plain-stats.ts';
import { describeFrame, parseFrames } from './frames.ts';

export class FakeSocket {
  outputSource: OutputSource | null = null;
  bufferLimit = 1 << 20;
  aboveHighWatermark = false;
  bytesSent = 0;
  /** What the kernel does not take. */
  bytesUnsent = 0;
  stuck = false;
  closing = false;
  readonly closes: CloseType[] = [];
  readonly #written: Buffer[] = [];

  expectOutput(): void {}
  writeText(text: string): void {
    this.write(Buffer.from(text, 'latin1'));
  }
  write(chunk: Buffer): void {
    this.#written.push(Buffer.from(chunk));
    this.bytesSent += chunk.length;
    if (this.stuck) this.bytesUnsent += chunk.length;
  }
  close(type: CloseType): void {
    this.outputSource?.drainOutput();
    this.closing = true;
    this.closes.push(type);
  }
  dispatch(fn: () => void): void {
    fn.call(this);
  }
  /** Everything written so far, and no longer kept. */
  take(): Buffer {
    this.outputSource?.drainOutput();
    return Buffer.concat(this.#written.splice(0));
  }
  /** What was written, as words. */
  frames(): string[] {
    return parseFrames(this.take()).map(describeFrame);
  }
}

export class RequestUser implements RequestDecoder {
  readonly encoder: ResponseEncoder;
  readonly seen: string[] = [];
  headers: RequestHeaders | null = null;
  body = Buffer.alloc(0);
  trailers: HeaderMap | null = null;
  ended = false;
  above = 0;
  done = 0;

  constructor(encoder: ResponseEncoder) {
    this.encoder = encoder;
  }

  onRequestHeaders(headers: RequestHeaders, end: boolean): void {
    this.headers = headers;
    this.ended = end;
    this.seen.push(`${headers.method} ${headers.path}${end ? ' end' : ''}`);
  }
  onRequestData(chunk: Buffer, end: boolean): void {
    this.body = Buffer.concat([this.body, chunk]);
    this.ended = end;
    this.seen.push(`data ${chunk.length}${end ? ' end' : ''}`);
  }
  onRequestTrailers(trailers: HeaderMap): void {
    this.trailers = trailers;
    this.ended = true;
    this.seen.push('trailers');
  }
  onRequestReset(reason: ResetReason, details: string): void {
    this.seen.push(`reset ${reason} ${details}`);
  }
  onCodecStreamDone(): void {
    this.done++;
  }
  onAboveWriteBufferHighWatermark(): void {
    this.above++;
  }
  onBelowWriteBufferLowWatermark(): void {
    this.above--;
  }
}

export class ServerUser implements ServerCallbacks {
  readonly streams: RequestUser[] = [];
  readonly errors: CodecError[] = [];
  done = 0;

  newStream(encoder: ResponseEncoder): RequestDecoder {
    const user = new RequestUser(encoder);
    this.streams.push(user);
    return user;
  }
  onCodecError(_encoder: ResponseEncoder | null, decoder: RequestDecoder | null, error: CodecError): void {
    this.errors.push(error);
    decoder?.onRequestReset(10, error.details);
  }
  onConnectionDone(): void {
    this.done++;
  }
}

export function serverRig(change: Partial<Http2Settings> = {}, flushTimeoutMs = 0) {
  const socket = new FakeSocket();
  const user = new ServerUser();
  const stats = new PlainStats();
  const clock = new SimulatedClock();
  const codec = new Http2ServerConnection(
    socket as unknown as Connection,
    { ...DEFAULT_HTTP2_SETTINGS, ...change },
    user,
    new Http2Stats(stats),
    { clock, random: seededRandom(1), flushTimeoutMs },
  );
  return { socket, user, stats, clock, codec, receive: (...chunks: Buffer[]) => codec.onData(Buffer.concat(chunks)) };
}

export class ResponseUser implements ResponseDecoder {
  readonly seen: string[] = [];
  headers: ResponseHeaders | null = null;
  body = Buffer.alloc(0);
  trailers: HeaderMap | null = null;
  above = 0;

  on1xxHeaders(headers: ResponseHeaders): void {
    this.seen.push(`interim ${headers.status}`);
  }
  onResponseHeaders(headers: ResponseHeaders, end: boolean): void {
    this.headers = headers;
    this.seen.push(`${headers.status}${end ? ' end' : ''}`);
  }
  onResponseData(chunk: Buffer, end: boolean): void {
    this.body = Buffer.concat([this.body, chunk]);
    this.seen.push(`data ${chunk.length}${end ? ' end' : ''}`);
  }
  onResponseTrailers(trailers: HeaderMap): void {
    this.trailers = trailers;
    this.seen.push('trailers');
  }
  onResponseReset(reason: ResetReason): void {
    this.seen.push(`reset ${reason}`);
  }
  onAboveWriteBufferHighWatermark(): void {
    this.above++;
  }
  onBelowWriteBufferLowWatermark(): void {
    this.above--;
  }
}

export function clientRig(change: Partial<Http2Settings> = {}) {
  const socket = new FakeSocket();
  const stats = new PlainStats();
  const clock = new SimulatedClock();
  const heard: string[] = [];
  const codec = new Http2ClientConnection(
    socket as unknown as Connection,
    { ...DEFAULT_HTTP2_SETTINGS, ...change },
    {
      onStreamClosed: (reset) => heard.push(reset < 0 ? 'complete' : 'cut'),
      onGoAway: () => heard.push('goaway'),
      onMaxStreamsChanged: () => heard.push(`max ${codec.maxStreams}`),
      onProtocolError: () => heard.push('protocol error'),
    },
    new Http2Stats(stats),
    clock,
    seededRandom(1),
  );
  return { socket, stats, clock, heard, codec, receive: (...chunks: Buffer[]) => codec.onData(Buffer.concat(chunks)) };
}
