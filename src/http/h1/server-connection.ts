/**
 * HTTP/1.1 on a downstream connection. One exchange at a time: a pipelined request is looked at when the response before it is
 * complete. Bytes that cannot be parsed are answered by the user (`onCodecError`) and end the connection.
 */

import { type Connection, keepChunk } from '../../net/connection.ts';
import type { CodecError, ServerCallbacks, ServerConnection } from '../codec.ts';
import type { HeaderMap } from '../header-map.ts';
import { ResetReason } from '../reset-reason.ts';
import { BodyDecoder } from './body.ts';
import { CR, LF } from './char-table.ts';
import { CODEC_ERROR, HEADERS_TOO_LARGE, INVALID_CHARACTERS } from './codec-errors.ts';
import { INCOMPLETE } from './field-scan.ts';
import { BodyKind } from './framing.ts';
import { PartialHead } from './partial-head.ts';
import { Parsed, RequestParser } from './request-parser.ts';
import { Http1Exchange } from './response-writer.ts';
import type { Http1Settings } from './settings.ts';
import type { Http1Stats } from './stats.ts';

/** Pipelined bytes that are kept while a response is under way; above it the client is not read from. */
const MAX_HELD = 16 * 1024;

const parser = new RequestParser();

const State = { Head: 0, Body: 1, AwaitResponse: 2, Closed: 3 } as const;
type State = (typeof State)[keyof typeof State];

export class Http1ServerConnection implements ServerConnection {
  readonly connection: Connection;
  readonly settings: Http1Settings;
  closing: boolean;
  readonly #callbacks: ServerCallbacks;
  readonly #stats: Http1Stats | null;
  readonly #body: BodyDecoder;
  #state: State;
  #exchange: Http1Exchange | null;
  #partial: PartialHead | null;
  /** Bytes after the request in flight. */
  #held: Buffer | null;
  #heldPaused: boolean;
  #parsing: boolean;
  /** Read, but not counted for any exchange yet. */
  #unmetered: number;
  #resume: (() => void) | null;
  #resumeSoon: (() => void) | null;

  constructor(connection: Connection, settings: Http1Settings, callbacks: ServerCallbacks, stats: Http1Stats | null = null) {
    this.connection = connection;
    this.settings = settings;
    this.closing = false;
    this.#callbacks = callbacks;
    this.#stats = stats;
    this.#body = new BodyDecoder(settings, settings.headersWithUnderscores, this);
    this.#state = State.Head;
    this.#exchange = null;
    this.#partial = null;
    this.#held = null;
    this.#heldPaused = false;
    this.#parsing = false;
    this.#unmetered = 0;
    this.#resume = null;
    this.#resumeSoon = null;
  }

  get activeStreams(): number {
    return this.#exchange === null ? 0 : 1;
  }

  onData(chunk: Buffer): void {
    if (this.#held !== null) this.#hold(chunk, 0);
    else this.#parse(chunk);
  }

  onEnd(): void {
    // As in Envoy, a client that has closed its side is gone: no half-close in HTTP/1.
    this.connection.close('flush');
  }

  onConnectionClosed(): void {
    this.#state = State.Closed;
    this.#held = null;
    this.#partial = null;
    const exchange = this.#exchange;
    if (exchange === null) return;
    this.#release(exchange);
    if (!exchange.responseComplete) exchange.decoder?.onRequestReset(ResetReason.ConnectionTermination, '');
    exchange.decoder?.onCodecStreamDone?.();
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#exchange?.decoder?.onAboveWriteBufferHighWatermark();
  }

  onBelowWriteBufferLowWatermark(): void {
    if (this.#exchange !== null) this.#exchange.decoder?.onBelowWriteBufferLowWatermark();
    else if (this.#held !== null && this.#state === State.Head) this.#parseHeld();
  }

  shutdownNotice(): void {
    this.closing = true;
  }

  goAway(): void {
    this.closing = true;
    const exchange = this.#exchange;
    if (exchange === null) this.#finish();
    else exchange.close = true;
  }

  onBodyData(chunk: Buffer, end: boolean): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    if (end) exchange.requestComplete = true;
    if (!exchange.responseComplete) exchange.decoder!.onRequestData(chunk, end);
  }

  onBodyTrailers(trailers: HeaderMap): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    exchange.requestComplete = true;
    if (!exchange.responseComplete) exchange.decoder!.onRequestTrailers(trailers);
  }

  onResponseComplete(exchange: Http1Exchange): void {
    this.#release(exchange);
    exchange.decoder?.onCodecStreamDone?.();
    // A request that is not read to its end leaves no place where the next one could start.
    if (exchange.close || this.closing || !exchange.requestComplete) {
      this.#finish();
      return;
    }
    if (this.#state !== State.AwaitResponse) return;
    this.#state = State.Head;
    if (!this.#parsing && this.#held !== null && !this.connection.aboveHighWatermark) this.#parseHeldSoon();
  }

  onExchangeReset(exchange: Http1Exchange): void {
    this.#release(exchange);
    this.#finish();
    exchange.decoder?.onCodecStreamDone?.();
  }

  /** Parses until the bytes are used up or a request waits for its response. */
  #parse(chunk: Buffer): void {
    this.#parsing = true;
    let p = 0;
    const end = chunk.length;
    if (this.#exchange === null) this.#unmetered = end;
    else this.#exchange.wireBytesReceived += end;
    while (p < end) {
      if (this.#state === State.Body) p = this.#decodeBody(chunk, p);
      else if (this.#state === State.Closed) break;
      else if (this.#state === State.AwaitResponse || this.connection.aboveHighWatermark) {
        // A client that sends requests but does not read the responses waits too.
        this.#hold(chunk, p);
        break;
      } else p = this.#partial === null ? this.#parseHead(chunk, p) : this.#parseSplitHead(chunk, p);
    }
    this.#parsing = false;
  }

  #parseHead(chunk: Buffer, start: number): number {
    let p = start;
    const end = chunk.length;
    // RFC 9112 §2.2: empty lines before the request line are skipped.
    while (p < end && (chunk[p] === CR || chunk[p] === LF)) p++;
    if (p === end) return end;
    const parsed = parser.parse(chunk, p, end, this.settings);
    if (parsed === Parsed.Complete) {
      const next = parser.end;
      this.#startRequest(this.#newExchange());
      return next;
    }
    if (parsed === Parsed.Failed) {
      const error = parser.error!;
      if ((error === CODEC_ERROR || error === INVALID_CHARACTERS) && this.#headIsOpen(chunk, p)) return this.#keepPartial(chunk, p);
      this.#fail(this.#newExchange(), error);
      return end;
    }
    return this.#keepPartial(chunk, p);
  }

  /** Whether the head whose request line is good has not ended yet: what is wrong with it is said when it has. */
  #headIsOpen(chunk: Buffer, start: number): boolean {
    if (parser.parseRequestLine(chunk, start, chunk.length, this.settings) < 0) return false;
    const partial = new PartialHead(true);
    partial.append(chunk, start, chunk.length);
    return partial.findEnd() < 0;
  }

  #keepPartial(chunk: Buffer, start: number): number {
    this.#partial = new PartialHead(true);
    this.#newExchange();
    return this.#parseSplitHead(chunk, start);
  }

  #parseSplitHead(chunk: Buffer, start: number): number {
    const partial = this.#partial!;
    const exchange = this.#exchange!;
    const before = partial.length;
    const hadLine = partial.firstLineEnd > 0;
    partial.append(chunk, start, chunk.length);
    const headEnd = partial.findEnd();
    if (headEnd < 0) {
      let error: CodecError | null = null;
      if (!hadLine && partial.firstLineEnd > 0) {
        const line = parser.parseRequestLine(partial.bytes, 0, partial.length, this.settings);
        if (line < 0 && line !== INCOMPLETE) error = parser.error;
      }
      if (error === null && partial.length > this.settings.maxHeadersKb * 1024) error = HEADERS_TOO_LARGE;
      if (error !== null) this.#fail(exchange, error);
      return chunk.length;
    }
    this.#partial = null;
    if (parser.parse(partial.bytes, 0, headEnd, this.settings) === Parsed.Complete) this.#startRequest(exchange);
    else this.#fail(exchange, parser.error ?? CODEC_ERROR);
    return start + headEnd - before;
  }

  #newExchange(): Http1Exchange {
    const exchange = new Http1Exchange(this);
    exchange.wireBytesReceived = this.#unmetered;
    this.#unmetered = 0;
    this.#exchange = exchange;
    exchange.decoder = this.#callbacks.newStream(exchange);
    if (this.connection.aboveHighWatermark) exchange.decoder.onAboveWriteBufferHighWatermark();
    return exchange;
  }

  #startRequest(exchange: Http1Exchange): void {
    const headers = parser.headers;
    exchange.headerBytesReceived = parser.fieldBytes;
    exchange.isHead = headers.method === 'HEAD';
    exchange.isConnect = headers.method === 'CONNECT';
    exchange.isUpgrade = parser.tunnel && !exchange.isConnect;
    exchange.close = parser.close;
    if (parser.http10) exchange.protocol = 'HTTP/1.0';
    if (parser.droppedUnderscores > 0) this.#stats?.droppedHeadersWithUnderscores.add(parser.droppedUnderscores);
    const end = parser.body === BodyKind.None;
    exchange.requestComplete = end;
    if (end) this.#state = State.AwaitResponse;
    else {
      this.#state = State.Body;
      this.#body.start(parser.body, parser.contentLength);
    }
    exchange.decoder!.onRequestHeaders(headers, end);
  }

  #decodeBody(chunk: Buffer, start: number): number {
    const p = this.#body.decode(chunk, start);
    if (this.#state !== State.Body) return p;
    if (this.#body.error !== null) {
      this.#fail(this.#exchange!, this.#body.error);
      return chunk.length;
    }
    if (this.#body.done) this.#state = this.#exchange === null ? State.Head : State.AwaitResponse;
    return p;
  }

  #fail(exchange: Http1Exchange, error: CodecError): void {
    if (error.details === 'http1.unexpected_underscore') this.#stats?.requestsRejectedWithUnderscores.inc();
    this.#state = State.Closed;
    this.#partial = null;
    exchange.close = true;
    this.closing = true;
    const answerable = !exchange.responseStarted && error.status > 0;
    this.#callbacks.onCodecError(answerable ? exchange : null, exchange.decoder, error);
    if (!answerable) {
      if (this.#exchange === exchange) this.#release(exchange);
      this.connection.close('flush');
    }
  }

  /** The exchange is over for the codec. */
  #release(exchange: Http1Exchange): void {
    if (this.#exchange === exchange) this.#exchange = null;
    exchange.detached = true;
    for (; exchange.pauses > 0; exchange.pauses--) this.connection.readDisable(false);
  }

  #finish(): void {
    this.#state = State.Closed;
    this.#held = null;
    this.#body.stop();
    if (this.#callbacks.onConnectionDone !== undefined) this.#callbacks.onConnectionDone();
    else this.connection.close('flush');
  }

  #hold(chunk: Buffer, start: number): void {
    const rest = keepChunk(start === 0 ? chunk : chunk.subarray(start));
    this.#held = this.#held === null ? rest : Buffer.concat([this.#held, rest]);
    if (!this.#heldPaused && this.#held.length >= MAX_HELD) {
      this.#heldPaused = true;
      this.connection.readDisable(true);
    }
  }

  /** When the upstream connection that is just being read has gone back to its pool, so that the next request finds it there. */
  #parseHeldSoon(): void {
    this.#resumeSoon ??= () => this.#parseHeld();
    queueMicrotask(this.#resumeSoon);
  }

  #parseHeld(): void {
    // Under the connection's own guard: the caller may be another connection's read.
    this.#resume ??= () => {
      const held = this.#held;
      if (held === null) return;
      this.#held = null;
      if (this.#heldPaused) {
        this.#heldPaused = false;
        this.connection.readDisable(false);
      }
      this.#parse(held);
    };
    this.connection.dispatch(this.#resume);
  }
}
