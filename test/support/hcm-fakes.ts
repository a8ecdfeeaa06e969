/** What stands around a connection manager's streams in tests: a codec's encoder, a connection, filters that look on or answer. */
import { PassThroughFilter, Status, type TerminalHttpStream } from '../../src/filters/api.ts';
import type { ResponseEncoder } from '../../src/http/codec.ts';
import { type HeaderMap, RequestHeaders, ResponseHeaders } from '../../src/http/header-map.ts';
import type { ResetReason } from '../../src/http/reset-reason.ts';
import type { CloseType, OutputSource } from '../../src/net/connection.ts';

export type HeaderLines = Readonly<Record<string, string>>;

export function requestHeaders(lines: HeaderLines = {}, method = 'GET', path = '/', authority = 'shop.test'): RequestHeaders {
  const headers = new RequestHeaders(method, path, authority);
  for (const [name, value] of Object.entries(lines)) headers.add(name, value);
  return headers;
}

export function responseHeaders(status = 200, lines: HeaderLines = {}): ResponseHeaders {
  const headers = new ResponseHeaders(status);
  for (const [name, value] of Object.entries(lines)) headers.add(name, value);
  return headers;
}

/** The end that a codec would have: what the stream answered, in order. */
export class FakeEncoder implements ResponseEncoder {
  protocol: ResponseEncoder['protocol'] = 'HTTP/1.1';
  close = false;
  wireBytesReceived = 0;
  wireBytesSent = 0;
  headerBytesReceived = 0;
  headerBytesSent = 0;
  readonly interim: number[] = [];
  headers: ResponseHeaders | null = null;
  body = '';
  trailers: HeaderMap | null = null;
  /** How often an end was written: more than once is a broken message. */
  ends = 0;
  resets = 0;
  pauses = 0;
  /** What the codec does as soon as the response is complete. */
  onComplete: () => void = () => undefined;

  encode1xx(headers: ResponseHeaders): void {
    this.interim.push(headers.status);
  }
  encodeHeaders(headers: ResponseHeaders, end: boolean): void {
    if (this.headers !== null) throw new Error('a second response');
    this.headers = headers;
    this.#end(end);
  }
  encodeData(chunk: Buffer, end: boolean): void {
    if (this.headers === null || this.ends > 0) throw new Error('data outside of a response');
    this.body += chunk.toString('latin1');
    this.#end(end);
  }
  encodeText(text: string, end: boolean): void {
    this.encodeData(Buffer.from(text, 'latin1'), end);
  }
  encodeTrailers(trailers: HeaderMap): void {
    if (this.headers === null || this.ends > 0) throw new Error('trailers outside of a response');
    this.trailers = trailers;
    this.#end(true);
  }
  readDisable(disable: boolean): void {
    this.pauses += disable ? 1 : -1;
    if (this.pauses < 0) throw new Error('more resumes than pauses');
  }
  reset(_reason: ResetReason): void {
    this.resets++;
  }
  #end(end: boolean): void {
    if (!end) return;
    this.ends++;
    this.onComplete();
  }
}

/** The connection as far as a connection manager and its codec use it. */
export class FakeConnection {
  written = '';
  bytesReceived = 0;
  bytesSent = 0;
  pauses = 0;
  aboveHighWatermark = false;
  bytesBuffered = 0;
  bytesUnsent = 0;
  bufferLimit = 1 << 20;
  outputSource: OutputSource | null = null;
  readonly closes: CloseType[] = [];

  writeText(text: string): void {
    if (this.closes.length > 0) return;
    this.written += text;
    this.bytesSent += text.length;
  }
  write(chunk: Buffer): void {
    this.writeText(chunk.toString('latin1'));
  }
  /** Soon, as a real one does. */
  expectOutput(): void {
    queueMicrotask(() => this.outputSource?.drainOutput());
  }
  readDisable(disable: boolean): void {
    this.pauses += disable ? 1 : -1;
  }
  close(type: CloseType): void {
    this.outputSource?.drainOutput();
    this.closes.push(type);
  }
  dispatch(fn: () => void): void {
    fn();
  }
}

/** A filter that sees everything and lets it pass, unless told otherwise. */
export class ProbeFilter extends PassThroughFilter {
  ends = 0;
  readonly seen: string[] = [];
  onHeaders: Status = Status.Continue;
  onBody: Status = Status.Continue;
  onAnswer: Status = Status.Continue;
  onAnswerBody: Status = Status.Continue;

  override onRequestHeaders(_stream: unknown, _headers: RequestHeaders, end: boolean): Status {
    this.seen.push('request' + (end ? ' end' : ''));
    return this.onHeaders;
  }
  override onRequestData(_stream: unknown, chunk: Buffer, end: boolean): Status {
    this.seen.push(`data ${chunk.length}${end ? ' end' : ''}`);
    return this.onBody;
  }
  override onResponseHeaders(_stream: unknown, headers: ResponseHeaders, _end: boolean): Status {
    this.seen.push('response ' + headers.status);
    return this.onAnswer;
  }
  override onResponseData(): Status {
    return this.onAnswerBody;
  }
  override onStreamEnd(): void {
    this.ends++;
  }
}

/** Stands where the router would: answers when the test says so. */
export class BackendFilter extends PassThroughFilter {
  stream: TerminalHttpStream | null = null;
  headers: RequestHeaders | null = null;
  body = '';
  complete = false;
  ends = 0;
  readonly #reached: BackendFilter[];

  /** @param reached those that got a request; an answer that comes before it makes the filters too */
  constructor(reached: BackendFilter[]) {
    super();
    this.#reached = reached;
  }

  override onRequestHeaders(stream: TerminalHttpStream, headers: RequestHeaders, end: boolean): Status {
    this.#reached.push(this);
    this.stream = stream;
    this.headers = headers;
    this.complete = end;
    return Status.Stop;
  }
  override onRequestData(_stream: unknown, chunk: Buffer, end: boolean): Status {
    this.body += chunk.toString('latin1');
    this.complete = end;
    return Status.Stop;
  }
  override onRequestTrailers(): Status {
    this.complete = true;
    return Status.Stop;
  }
  override onStreamEnd(): void {
    this.ends++;
  }
  /** Answers in one go. */
  respond(status = 200, headers: HeaderLines = {}, body = ''): void {
    this.stream!.respondHeaders(responseHeaders(status, headers), body === '');
    if (body !== '') this.stream!.respondData(Buffer.from(body, 'latin1'), true);
  }
}
