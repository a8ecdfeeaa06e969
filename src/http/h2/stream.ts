/**
 * What both roles' streams have in common: flow control in both directions, output that waits for the peer's window, input that waits for
 * its reader, and the two half-closes. Source: RFC 9113 §5.1 and §5.2.
 */
import { type Connection, keepChunk } from '../../net/connection.ts';
import type { ByteMeter } from '../byte-meter.ts';
import type { StreamControl } from '../codec.ts';
import type { HeaderMap } from '../header-map.ts';
import { ResetReason } from '../reset-reason.ts';
import { ErrorCode, FRAME_HEADER } from './protocol.ts';
import type { Http2Session } from './session.ts';

const NO_BYTES = Buffer.alloc(0);

export abstract class Http2Stream implements StreamControl, ByteMeter {
  readonly protocol = 'HTTP/2';
  readonly connection: Connection;
  readonly session: Http2Session;
  /** 0 until the stream is on the wire. */
  id: number;
  /** What the peer lets us send. */
  sendWindow: number;
  /** What we let the peer send. */
  receiveWindow: number;
  /** END_STREAM has been sent. */
  localEnded: boolean;
  /** END_STREAM has been received. */
  remoteEnded: boolean;
  /** Off the session's list: calls do nothing. */
  detached: boolean;
  /** How it ended before its time; -1 = it did not. */
  resetReason: ResetReason | -1;
  /** Bytes that wait for a window. */
  pendingBytes: number;
  /** When what waits after the end of the message is given up; 0 = not watched. */
  flushDeadlineMs: number;
  /** Content-Length of the message that comes in, less what has come; -1 = not told. */
  expectedBytes: number;
  /** Listed among those that wait for the connection's window. */
  listed: boolean;
  wireBytesReceived: number;
  wireBytesSent: number;
  headerBytesReceived: number;
  headerBytesSent: number;
  #pending: Buffer[] | null;
  /** First chunk of `#pending` that has not left. */
  #head: number;
  #pendingEnd: boolean;
  #pendingTrailers: HeaderMap | null;
  #aboveHigh: boolean;
  /** Consumed, but not given back to the peer. */
  #unannounced: number;
  #pauses: number;
  #held: Buffer[] | null;
  #heldEnd: boolean;
  /** Counted as waiting for its reader alone. */
  #deferred: boolean;
  #heldTrailers: HeaderMap | null;

  constructor(session: Http2Session) {
    this.connection = session.connection;
    this.session = session;
    this.id = 0;
    this.sendWindow = 0;
    this.receiveWindow = session.settings.initialStreamWindow;
    this.localEnded = false;
    this.remoteEnded = false;
    this.detached = false;
    this.resetReason = -1;
    this.pendingBytes = 0;
    this.flushDeadlineMs = 0;
    this.expectedBytes = -1;
    this.listed = false;
    this.wireBytesReceived = 0;
    this.wireBytesSent = 0;
    this.headerBytesReceived = 0;
    this.headerBytesSent = 0;
    this.#pending = null;
    this.#head = 0;
    this.#pendingEnd = false;
    this.#pendingTrailers = null;
    this.#aboveHigh = false;
    this.#unannounced = 0;
    this.#pauses = 0;
    this.#held = null;
    this.#heldEnd = false;
    this.#deferred = false;
    this.#heldTrailers = null;
  }

  /** To whoever uses the stream. */
  protected abstract deliverData(chunk: Buffer, end: boolean): void;
  protected abstract deliverTrailers(trailers: HeaderMap): void;
  abstract deliverReset(reason: ResetReason, details: string): void;
  protected abstract deliverAboveHigh(): void;
  protected abstract deliverBelowLow(): void;

  /** The message that is sent has been ended by its user, whether or not all of it has left. */
  get sendEnded(): boolean {
    return this.localEnded || this.#pendingEnd;
  }

  // ── out ──

  encodeData(chunk: Buffer, end: boolean): void {
    if (this.detached || this.id === 0 || this.sendEnded) return;
    const session = this.session;
    const length = chunk.length;
    if (this.#pending === null && (length === 0 || this.#fits(length))) {
      if (length > 0 || end) this.#writeData(chunk, end);
      return;
    }
    let sent = 0;
    if (this.#pending === null) sent = this.#writeUpTo(chunk, end);
    if (sent === length && length > 0) return;
    this.#pending ??= [];
    this.#pending.push(keepChunk(sent === 0 ? chunk : chunk.subarray(sent)));
    this.pendingBytes += length - sent;
    session.stats.pendingSendBytes.add(length - sent);
    this.#pendingEnd = end;
    if (end) session.watchFlush(this);
    if (!this.listed) session.waitForWindow(this);
    if (!this.#aboveHigh && this.pendingBytes > session.streamBufferLimit) {
      this.#aboveHigh = true;
      if (!session.connection.aboveHighWatermark) this.deliverAboveHigh();
    }
  }

  encodeText(text: string, end: boolean): void {
    this.encodeData(text === '' ? NO_BYTES : Buffer.from(text, 'latin1'), end);
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (this.detached || this.id === 0 || this.sendEnded) return;
    if (trailers.size === 0) {
      // A filter has taken them all: no field section is sent for nothing.
      this.encodeData(NO_BYTES, true);
      return;
    }
    if (this.#pending === null) {
      this.#writeTrailers(trailers);
      return;
    }
    this.#pendingTrailers = trailers;
    this.#pendingEnd = true;
    this.session.watchFlush(this);
  }

  /** Sends what windows allow. @returns whether something is left */
  sendPending(): boolean {
    const pending = this.#pending;
    if (pending === null || this.detached) return false;
    const session = this.session;
    let moved = false;
    while (this.#head < pending.length) {
      const chunk = pending[this.#head]!;
      const length = chunk.length;
      const size = length === 0 ? 0 : Math.min(length, this.sendWindow, session.sendWindow, session.peer.maxFrame);
      if (size <= 0 && length > 0) break;
      const whole = size === length;
      // Settled before anything is written: the last piece may be the end of the stream.
      this.pendingBytes -= size;
      session.stats.pendingSendBytes.sub(size);
      if (whole) pending[this.#head++] = NO_BYTES;
      else pending[this.#head] = chunk.subarray(size);
      const end = whole && this.#head === pending.length && this.#pendingEnd && this.#pendingTrailers === null;
      if (end) this.#pending = null;
      moved = true;
      if (length > 0 || end) this.#writeData(whole ? chunk : chunk.subarray(0, size), end);
      if (this.detached) return false;
    }
    if (moved && this.flushDeadlineMs > 0) session.watchFlush(this);
    if (this.#head === pending.length) {
      this.#pending = null;
      this.#head = 0;
      const trailers = this.#pendingTrailers;
      if (trailers !== null) {
        this.#pendingTrailers = null;
        this.#writeTrailers(trailers);
      }
    }
    if (this.#aboveHigh && !this.detached && this.pendingBytes <= session.streamBufferLimit / 2) {
      this.#aboveHigh = false;
      if (!session.connection.aboveHighWatermark) this.deliverBelowLow();
    }
    return this.#pending !== null;
  }

  onConnectionAboveHigh(): void {
    if (!this.#aboveHigh && !this.detached) this.deliverAboveHigh();
  }

  onConnectionBelowLow(): void {
    if (!this.#aboveHigh && !this.detached) this.deliverBelowLow();
  }

  #fits(length: number): boolean {
    const session = this.session;
    return length <= this.sendWindow && length <= session.sendWindow && length <= session.peer.maxFrame;
  }

  #writeUpTo(chunk: Buffer, end: boolean): number {
    const session = this.session;
    let sent = 0;
    while (sent < chunk.length) {
      const size = Math.min(chunk.length - sent, this.sendWindow, session.sendWindow, session.peer.maxFrame);
      if (size <= 0) break;
      const next = sent + size;
      this.#writeData(sent === 0 && size === chunk.length ? chunk : chunk.subarray(sent, next), end && next === chunk.length);
      sent = next;
    }
    return sent;
  }

  #writeData(chunk: Buffer, end: boolean): void {
    const length = chunk.length;
    this.sendWindow -= length;
    this.session.sendWindow -= length;
    this.wireBytesSent += FRAME_HEADER + length;
    if (end) this.localEnded = true;
    this.session.writeData(this.id, chunk, end);
    if (end) this.session.onLocalEnd(this);
  }

  #writeTrailers(trailers: HeaderMap): void {
    this.localEnded = true;
    this.countHeaders(this.session.writeTrailers(this.id, trailers));
    this.session.onLocalEnd(this);
  }

  protected countHeaders(bytes: number): void {
    this.headerBytesSent += bytes;
    this.wireBytesSent += bytes;
  }

  // ── in ──

  /** @param chunk borrowed */
  receiveData(chunk: Buffer, end: boolean): void {
    if (end) this.remoteEnded = true;
    if (this.#pauses > 0 || this.#held !== null) {
      this.#held ??= [];
      this.#held.push(keepChunk(chunk));
      this.#heldEnd = end;
      if (end) this.noteDeferred();
      return;
    }
    const length = chunk.length;
    this.deliverData(chunk, end);
    if (length > 0) this.consumed(length);
  }

  receiveTrailers(trailers: HeaderMap): void {
    this.remoteEnded = true;
    if (this.#held !== null) {
      this.#heldTrailers = trailers;
      this.noteDeferred();
    } else this.deliverTrailers(trailers);
  }

  /** To be called when either message has ended. */
  noteDeferred(): void {
    if (this.#deferred || !this.overOnWire) return;
    this.#deferred = true;
    this.session.stats.deferredStreamClose.inc();
  }

  /** The peer may send as much again. */
  consumed(bytes: number): void {
    const session = this.session;
    session.consumed(bytes);
    if (this.remoteEnded || this.detached) return;
    this.#unannounced += bytes;
    if (this.#unannounced < session.settings.initialStreamWindow / 2) return;
    session.announceWindow(this.id, this.#unannounced);
    this.receiveWindow += this.#unannounced;
    this.#unannounced = 0;
  }

  readDisable(disable: boolean): void {
    if (this.detached) return;
    if (disable) this.#pauses++;
    else if (--this.#pauses === 0 && this.#held !== null) this.session.resumeLater(this);
  }

  /** Hands on what came while the reader was paused. */
  deliverHeld(): void {
    while (this.#held !== null && this.#pauses === 0 && !this.detached) {
      const chunk = this.#held.shift()!;
      const last = this.#held.length === 0;
      if (last) this.#held = null;
      this.deliverData(chunk, last && this.#heldEnd);
      if (chunk.length > 0) this.consumed(chunk.length);
      const trailers = this.#heldTrailers;
      if (last && trailers !== null && !this.detached) {
        this.#heldTrailers = null;
        this.deliverTrailers(trailers);
      }
    }
    if (this.#held === null && !this.detached) this.session.onDelivered(this);
  }

  /** Everything that came has been handed on. */
  get delivered(): boolean {
    return this.#held === null;
  }

  /** Both messages have passed; some of the peer's waits for its reader, which nothing that happens to the connection can take away. */
  get overOnWire(): boolean {
    return this.localEnded && this.remoteEnded && this.#held !== null;
  }

  reset(reason: ResetReason): void {
    if (this.detached) return;
    this.session.resetStream(this, codeOf(reason));
  }

  /** The session lets go of the stream. */
  release(): void {
    this.detached = true;
    if (this.#deferred) this.session.stats.deferredStreamClose.dec();
    this.#deferred = false;
    if (this.pendingBytes > 0) this.session.stats.pendingSendBytes.sub(this.pendingBytes);
    this.pendingBytes = 0;
    this.#pending = null;
    this.#pendingTrailers = null;
    if (this.#held !== null) {
      let left = 0;
      for (let i = 0; i < this.#held.length; i++) left += this.#held[i]!.length;
      this.#held = null;
      if (left > 0) this.session.consumed(left);
    }
  }
}

/** Source: Envoy's http2/codec_impl.cc, reasonToReset. */
export function codeOf(reason: ResetReason): ErrorCode {
  switch (reason) {
    case ResetReason.LocalRefusedStreamReset:
      return ErrorCode.RefusedStream;
    case ResetReason.ConnectError:
      return ErrorCode.ConnectError;
    case ResetReason.ProtocolError:
      return ErrorCode.ProtocolError;
    default:
      return ErrorCode.InternalError;
  }
}
