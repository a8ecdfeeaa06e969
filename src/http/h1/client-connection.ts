/**
 * HTTP/1.1 on an upstream connection, one exchange at a time. Responses are parsed as strictly as requests: a malformed one is a
 * protocol error, and bytes that no request has asked for end the connection.
 */

import type { Connection } from '../../net/connection.ts';
import { acknowledgedBytes } from '../../net/socket-options.ts';
import type { ClientCallbacks, ClientConnection, RequestEncoder, ResponseDecoder } from '../codec.ts';
import type { HeaderMap } from '../header-map.ts';
import { ResetReason } from '../reset-reason.ts';
import { BodyDecoder, EMPTY } from './body.ts';
import { CODEC_ERROR, INVALID_CHARACTERS } from './codec-errors.ts';
import { BodyKind } from './framing.ts';
import { PartialHead } from './partial-head.ts';
import { Parsed } from './request-parser.ts';
import { Http1Request } from './request-writer.ts';
import { ResponseParser } from './response-parser.ts';
import type { Http1Settings } from './settings.ts';

const parser = new ResponseParser();

const State = { Idle: 0, Head: 1, Body: 2, Closed: 3 } as const;
type State = (typeof State)[keyof typeof State];

/** Bytes: the least send buffer of a socket (tcp_wmem). */
const TAKEN_WHOLE = 4096;

export class Http1ClientConnection implements ClientConnection {
  readonly connection: Connection;
  readonly settings: Http1Settings;
  readonly #callbacks: ClientCallbacks;
  readonly #body: BodyDecoder;
  #state: State;
  #request: Http1Request | null;
  #partial: PartialHead | null;
  /** The connection must not carry another request. */
  #spent: boolean;
  /** The exchange has become a byte stream in both directions. */
  #tunnel: boolean;
  /** What had been sent before the request in flight; 0 = it is the first. */
  #sentBefore: number;
  /** Connection.flushes before it. */
  #flushesBefore: number;
  /** The peer had closed before it could read the request in flight. */
  #unread: boolean;
  /** A response is complete but its owner is told only after the bytes behind it have been looked at. */
  #finished: boolean;

  constructor(connection: Connection, settings: Http1Settings, callbacks: ClientCallbacks) {
    this.connection = connection;
    this.settings = settings;
    this.#callbacks = callbacks;
    this.#body = new BodyDecoder(settings, 'allow', this);
    this.#state = State.Idle;
    this.#request = null;
    this.#partial = null;
    this.#spent = false;
    this.#tunnel = false;
    this.#finished = false;
    this.#sentBefore = 0;
    this.#flushesBefore = 0;
    this.#unread = false;
  }

  get activeStreams(): number {
    return this.#request === null ? 0 : 1;
  }

  newStream(decoder: ResponseDecoder): RequestEncoder {
    const request = new Http1Request(this, decoder);
    this.#request = request;
    this.#state = State.Head;
    this.#sentBefore = this.connection.bytesSent;
    this.#flushesBefore = this.connection.flushes;
    if (this.connection.aboveHighWatermark) decoder.onAboveWriteBufferHighWatermark();
    return request;
  }

  onData(chunk: Buffer): void {
    let p = 0;
    const end = chunk.length;
    if (this.#request !== null) this.#request.wireBytesReceived += end;
    while (p < end) {
      if (this.#state === State.Head) p = this.#partial === null ? this.#parseHead(chunk, p) : this.#parseSplitHead(chunk, p);
      else if (this.#state === State.Body) p = this.#decodeBody(chunk, p);
      else break;
    }
    if (p < end && this.#state === State.Idle) this.#onUnexpectedBytes();
    if (this.#finished) this.#endExchange();
  }

  onEnd(): void {
    const request = this.#request;
    if (request !== null) {
      if (this.#tunnel) {
        // As in Envoy no end of a message but of the connection: flag UC.
        this.#release(request);
        this.#body.stop();
        request.decoder.onResponseReset(ResetReason.ConnectionTermination, '');
        this.#callbacks.onStreamDone(false, false);
      } else if (this.#state === State.Body && this.#body.kind === BodyKind.UntilClose) {
        this.#body.stop();
        this.#spent = true;
        this.#state = State.Idle;
        this.#finished = true;
        request.decoder.onResponseData(EMPTY, true);
        if (this.#finished) this.#endExchange();
      } else if (this.#state === State.Body || this.#partial !== null) {
        // Cut in the middle of a message: malformed rather than refused.
        this.#protocolError();
        return;
      } else this.#unread = this.#sentBefore > 0 && request.wireBytesReceived === 0 && this.#nothingArrived();
    }
    this.#spent = true;
    this.connection.close('flush');
  }

  onConnectionClosed(): void {
    const inside = this.#state === State.Body ? this.#body.kind !== BodyKind.UntilClose && !this.#tunnel : this.#partial !== null;
    this.#state = State.Closed;
    this.#partial = null;
    const request = this.#request;
    if (request === null) return;
    this.#release(request);
    // Cut by the peer in the middle of a message, with RST as with FIN. A tunnel has no messages.
    const malformed = inside && !this.connection.closing;
    if (malformed) this.#callbacks.onProtocolError();
    this.#unread ||= !inside && !this.connection.closing && this.#sentBefore > 0 && request.wireBytesReceived === 0 && this.#nothingLeft();
    const reason = this.#unread ? ResetReason.ConnectionTerminationUnread : ResetReason.ConnectionTermination;
    request.decoder.onResponseReset(malformed ? ResetReason.ProtocolError : reason, '');
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#request?.decoder.onAboveWriteBufferHighWatermark();
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#request?.decoder.onBelowWriteBufferLowWatermark();
  }

  onRequestComplete(_request: Http1Request): void {}

  onRequestReset(request: Http1Request): void {
    this.#release(request);
    this.#spent = true;
    this.#state = State.Closed;
    this.#body.stop();
    this.#callbacks.onStreamDone(false, false);
    this.connection.close('no-flush');
  }

  onBodyData(chunk: Buffer, end: boolean): void {
    if (end) this.#messageComplete();
    this.#request?.decoder.onResponseData(chunk, end);
  }

  onBodyTrailers(trailers: HeaderMap): void {
    this.#messageComplete();
    this.#request?.decoder.onResponseTrailers(trailers);
  }

  #parseHead(chunk: Buffer, start: number): number {
    const parsed = parser.parse(chunk, start, chunk.length, this.settings, this.#request!.answering);
    if (parsed === Parsed.Complete) {
      const next = parser.end;
      this.#startResponse();
      return next;
    }
    if (
      parsed === Parsed.Failed &&
      ((parser.error !== CODEC_ERROR && parser.error !== INVALID_CHARACTERS) || !this.#headIsOpen(chunk, start))
    ) {
      this.#protocolError();
      return chunk.length;
    }
    this.#partial = new PartialHead(true);
    return this.#parseSplitHead(chunk, start);
  }

  #headIsOpen(chunk: Buffer, start: number): boolean {
    if (parser.parseStatusLine(chunk, start, chunk.length, this.settings) < 0) return false;
    const partial = new PartialHead(true);
    partial.append(chunk, start, chunk.length);
    return partial.findEnd() < 0;
  }

  #parseSplitHead(chunk: Buffer, start: number): number {
    const partial = this.#partial!;
    const before = partial.length;
    const hadLine = partial.firstLineEnd > 0;
    partial.append(chunk, start, chunk.length);
    const headEnd = partial.findEnd();
    if (headEnd < 0) {
      // The status line is looked at once, when it is whole; no other byte than 'H' can begin it.
      let bad = partial.bytes[0] !== 0x48 || partial.length > this.settings.maxHeadersKb * 1024;
      if (!hadLine && partial.firstLineEnd > 0) bad ||= parser.parseStatusLine(partial.bytes, 0, partial.length, this.settings) < 0;
      if (bad) this.#protocolError();
      return chunk.length;
    }
    this.#partial = null;
    if (parser.parse(partial.bytes, 0, headEnd, this.settings, this.#request!.answering) !== Parsed.Complete) {
      this.#protocolError();
      return chunk.length;
    }
    this.#startResponse();
    return start + headEnd - before;
  }

  #startResponse(): void {
    const request = this.#request!;
    const headers = parser.headers;
    request.headerBytesReceived += parser.fieldBytes;
    if (parser.informational) {
      request.decoder.on1xxHeaders(headers);
      return;
    }
    if (parser.closeAnnounced) this.#callbacks.onCloseAnnounced?.();
    this.#tunnel = parser.tunnel;
    if (parser.close) this.#spent = true;
    else {
      const keepAlive = headers.get('keep-alive');
      if (keepAlive !== undefined) this.#onKeepAlive(keepAlive);
    }
    const end = parser.body === BodyKind.None;
    if (end) this.#messageComplete();
    else {
      this.#state = State.Body;
      this.#body.start(parser.body, parser.contentLength);
    }
    request.decoder.onResponseHeaders(headers, end);
  }

  /** "timeout=5, max=100" (RFC 2068 §19.7.1.1): only the timeout is of use. */
  #onKeepAlive(value: string): void {
    const at = value.indexOf('timeout=');
    const seconds = at < 0 ? Number.NaN : Number.parseInt(value.slice(at + 8), 10);
    if (seconds >= 0) this.#callbacks.onKeepAliveTimeout?.(seconds);
  }

  #decodeBody(chunk: Buffer, start: number): number {
    const p = this.#body.decode(chunk, start);
    if (this.#state === State.Body && this.#body.error !== null) {
      this.#protocolError();
      return chunk.length;
    }
    return p;
  }

  #messageComplete(): void {
    this.#state = State.Idle;
    this.#finished = true;
  }

  /** Tells the pool once decoding has returned, so that a new exchange never starts inside the old one's last callback. */
  #endExchange(): void {
    this.#finished = false;
    const request = this.#request;
    if (request === null) return;
    if (!request.complete) this.#spent = true;
    this.#release(request);
    this.#callbacks.onStreamDone(!this.#spent, request.complete);
  }

  /**
   * FIN acknowledges all that the peer's kernel had by then: if that is nothing of this request, nobody was there to read it any more.
   * RST says no such thing.
   */
  #nothingArrived(): boolean {
    const acknowledged = acknowledgedBytes(this.connection.socket);
    return acknowledged >= 0 && acknowledged <= this.#sentBefore + 1;
  }

  /**
   * The kernel has not taken a byte of the request: RST had come before. As much as its buffers always hold it takes whole or not at all;
   * of more some may have left.
   */
  #nothingLeft(): boolean {
    const { connection } = this;
    const flushes = connection.flushes - this.#flushesBefore;
    return flushes === 0 || (flushes === 1 && connection.writeFailed && connection.bytesSent - this.#sentBefore <= TAKEN_WHOLE);
  }

  #onUnexpectedBytes(): void {
    this.#spent = true;
    this.#callbacks.onProtocolError();
    if (this.#finished) return;
    this.#state = State.Closed;
    this.connection.close('no-flush');
  }

  #protocolError(): void {
    const request = this.#request;
    this.#state = State.Closed;
    this.#spent = true;
    this.#finished = false;
    this.#partial = null;
    this.#body.stop();
    this.#callbacks.onProtocolError();
    if (request !== null) {
      this.#release(request);
      request.decoder.onResponseReset(ResetReason.ProtocolError, '');
    }
    this.connection.close('no-flush');
  }

  #release(request: Http1Request): void {
    if (this.#request === request) this.#request = null;
    request.detached = true;
    for (; request.pauses > 0; request.pauses--) this.connection.readDisable(false);
  }
}
