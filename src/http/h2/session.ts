/**
 * An HTTP/2 connection, the part that both roles share: SETTINGS, windows, PING, GOAWAY, header blocks and their order, and what a peer
 * may do before it is thrown out. Source: RFC 9113; limits as in Envoy's http2/protocol_constraints.cc.
 */
import type { Connection } from '../../net/connection.ts';
import type { CodecError } from '../codec.ts';
import type { HeaderMap } from '../header-map.ts';
import { ResetReason } from '../reset-reason.ts';
import { type CodecFault, fault } from './faults.ts';
import { FloodGuard } from './flood-guard.ts';
import { type FrameHandler, FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';
import { HeaderIntake } from './header-block.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import type { KeepaliveOwner } from './keepalive.ts';
import { facts } from './message.ts';
import { PeerSettings } from './peer-settings.ts';
import { DEFAULT_WINDOW, ErrorCode, FrameFlag, FrameType, KEEPALIVE, MAX_WINDOW, MIN_FRAME_SIZE } from './protocol.ts';
import { RecentResets } from './recent-resets.ts';
import { Resumption } from './resumption.ts';
import { SendQueue } from './send-queue.ts';
import type { Http2Settings } from './settings.ts';
import type { Http2Stats } from './stats.ts';
import type { Http2Stream } from './stream.ts';

export abstract class Http2Session implements FrameHandler, KeepaliveOwner {
  readonly connection: Connection;
  readonly settings: Http2Settings;
  readonly stats: Http2Stats;
  readonly writer: FrameWriter;
  readonly encoder: HpackEncoder;
  readonly decoder: HpackDecoder;
  readonly streams: Map<number, Http2Stream>;
  readonly guard: FloodGuard;
  /** Bytes that one stream may keep waiting before its producer is stopped. */
  readonly streamBufferLimit: number;
  /** What the peer lets us send on all streams together. */
  sendWindow: number;
  readonly peer: PeerSettings;
  /** Nothing more is read or answered. */
  failed: boolean;
  protected readonly reader: FrameReader;
  protected readonly resets = new RecentResets();
  #receiveWindow: number;
  #unannounced: number;
  readonly #waiting: SendQueue;
  readonly #intake: HeaderIntake;
  #resumption: Resumption | null;

  constructor(connection: Connection, settings: Http2Settings, stats: Http2Stats) {
    this.connection = connection;
    this.settings = settings;
    this.stats = stats;
    this.writer = new FrameWriter(connection);
    this.encoder = new HpackEncoder();
    this.decoder = new HpackDecoder(settings.hpackTableSize);
    this.streams = new Map();
    this.guard = new FloodGuard(settings, stats, connection, this.writer);
    this.streamBufferLimit = Math.min(connection.bufferLimit, settings.initialStreamWindow);
    this.sendWindow = DEFAULT_WINDOW;
    this.peer = new PeerSettings();
    this.failed = false;
    this.reader = new FrameReader(this);
    this.#receiveWindow = Math.max(settings.initialConnectionWindow, DEFAULT_WINDOW);
    this.#unannounced = 0;
    this.#waiting = new SendQueue();
    this.#intake = new HeaderIntake(this, settings.maxHeadersKb);
    this.#resumption = null;
  }

  get activeStreams(): number {
    return this.streams.size;
  }

  // ── for the roles ──

  /** Fields of a message have come: of a new one, or trailers. */
  protected abstract onHeaders(streamId: number, end: boolean): void;
  /** HEADERS begin. False: they belong to a stream that is over; they are decoded and dropped. Faults are reported by `fail`. */
  abstract onHeadersBegin(streamId: number): boolean;
  /** The stream numbers are the peer's: whether this one was never opened. */
  protected abstract isIdle(streamId: number): boolean;
  protected abstract onGoAwayFrame(lastStreamId: number, code: number): void;
  protected abstract onSettingsChanged(): void;
  protected abstract onPingAck(): void;
  /** The stream is off the list. */
  protected abstract onStreamClosed(stream: Http2Stream): void;
  /** The connection cannot go on: the user is told. GOAWAY has been written. */
  protected abstract onFault(error: CodecError, stream: Http2Stream | null): void;
  /** A stream waits for its peer's window with all its output known: it is given up when nothing moves. */
  abstract watchFlush(stream: Http2Stream): void;
  /** Number of the last stream of the peer's that was let in. */
  protected abstract readonly lastPeerStreamId: number;

  /** Our SETTINGS, and the connection's window. @param pairs identifier, value … */
  protected writeSettings(pairs: readonly number[]): void {
    const custom = this.settings.customSettings;
    this.writer.settings(custom.length === 0 ? pairs : [...pairs, ...custom]);
    const extra = this.settings.initialConnectionWindow - DEFAULT_WINDOW;
    if (extra > 0) this.writer.word(FrameType.WindowUpdate, 0, extra);
  }

  protected addStream(stream: Http2Stream, id: number): void {
    stream.id = id;
    stream.sendWindow = this.peer.initialWindow;
    this.streams.set(id, stream);
    this.stats.streamsActive.inc();
    this.guard.streamsOpened++;
  }

  /** The stream ends before its messages do. */
  protected dropStream(stream: Http2Stream, reason: ResetReason, details: string): void {
    this.streams.delete(stream.id);
    this.stats.streamsActive.dec();
    stream.release();
    stream.resetReason = reason;
    stream.deliverReset(reason, details);
    this.onStreamClosed(stream);
  }

  protected closeStream(stream: Http2Stream): void {
    if (stream.detached) return;
    this.streams.delete(stream.id);
    this.stats.streamsActive.dec();
    stream.release();
    this.onStreamClosed(stream);
  }

  protected releaseAll(reason: ResetReason, details: string): void {
    this.reader.stop();
    this.failed = true;
    this.#waiting.clear();
    this.guard.meter?.forget(this.guard);
    for (const stream of [...this.streams.values()]) if (!stream.overOnWire) this.dropStream(stream, reason, details);
  }

  /** GOAWAY may be sent: our preface has been. */
  protected abstract readonly mayExplain: boolean;

  /** Ends the connection for a fault of the peer's. @param stream the one it happened on, if it is one */
  fail(fault: CodecFault, stream: Http2Stream | null = null): void {
    if (this.failed) return;
    this.failed = true;
    this.reader.stop();
    if (this.mayExplain) this.writer.goAway(this.lastPeerStreamId, fault.code);
    this.onFault(fault, stream);
  }

  // ── for streams ──

  writeData(streamId: number, chunk: Buffer, end: boolean): void {
    if (this.failed) return;
    this.writer.data(streamId, chunk, end);
    this.guard.onDataSent();
    if (this.guard.outboundFlood()) this.fail(fault.outboundFlood);
  }

  /** @returns bytes of the frames */
  writeTrailers(streamId: number, trailers: HeaderMap): number {
    this.encoder.begin();
    this.encodeFields(trailers);
    return this.writeBlock(streamId, true);
  }

  protected encodeFields(headers: HeaderMap): void {
    const { names, values } = headers;
    const encoder = this.encoder;
    for (let i = 0; i < names.length; i++) encoder.field(names[i]!, values[i]!);
  }

  protected writeBlock(streamId: number, end: boolean): number {
    if (this.failed) return 0;
    const written = this.writer.headers(streamId, this.encoder.block, this.encoder.length, end);
    if (this.guard.outboundFlood()) this.fail(fault.outboundFlood);
    return written;
  }

  onLocalEnd(stream: Http2Stream): void {
    stream.flushDeadlineMs = 0;
    if (stream.remoteEnded && stream.delivered) this.closeStream(stream);
    else this.onHalfClosed(stream);
  }

  /** Our side has ended first. */
  protected abstract onHalfClosed(stream: Http2Stream): void;

  /** All that came has been handed to the stream's user. */
  onDelivered(stream: Http2Stream): void {
    if (stream.remoteEnded && stream.localEnded) this.closeStream(stream);
  }

  /** RST_STREAM from our side. */
  resetStream(stream: Http2Stream, code: ErrorCode): void {
    if (stream.detached) return;
    if (!this.failed && stream.id !== 0) {
      this.stats.txReset.inc();
      stream.wireBytesSent += 13;
      this.#control(FrameType.RstStream, stream.id, code);
      this.resets.note(stream.id);
    }
    stream.resetReason = ResetReason.LocalReset;
    this.closeStream(stream);
  }

  waitForWindow(stream: Http2Stream): void {
    this.#waiting.add(stream);
  }

  consumed(bytes: number): void {
    this.#unannounced += bytes;
    if (this.failed || this.#unannounced < this.settings.initialConnectionWindow / 2) return;
    this.announceWindow(0, this.#unannounced);
    this.#receiveWindow += this.#unannounced;
    this.#unannounced = 0;
  }

  announceWindow(streamId: number, bytes: number): void {
    if (!this.failed) this.writer.word(FrameType.WindowUpdate, streamId, bytes);
  }

  /** The reader of a stream goes on: what was held for it follows when the present call has returned. */
  resumeLater(stream: Http2Stream): void {
    this.#resumption ??= new Resumption(this.connection);
    this.#resumption.add(stream);
  }

  /** PING, counted with the frames that a peer can provoke. */
  protected writePing(payload: Buffer, start: number, ack: boolean): void {
    this.writer.ping(payload, start, ack);
    this.countControl();
  }

  #control(type: FrameType, streamId: number, value: number): void {
    this.writer.word(type, streamId, value);
    this.countControl();
  }

  protected countControl(): void {
    this.guard.controlFrames++;
    if (this.guard.outboundControlFlood()) this.fail(fault.outboundControlFlood);
    else if (this.guard.outboundFlood()) this.fail(fault.outboundFlood);
  }

  sendKeepalive(): void {
    this.writePing(KEEPALIVE, 0, false);
  }

  onKeepaliveTimeout(): void {
    this.stats.keepaliveTimeout.inc();
    this.connection.close('no-flush');
  }

  // ── connection ──

  onAboveWriteBufferHighWatermark(): void {
    for (const stream of this.streams.values()) stream.onConnectionAboveHigh();
  }

  onBelowWriteBufferLowWatermark(): void {
    for (const stream of this.streams.values()) stream.onConnectionBelowLow();
  }

  // ── frames ──

  onFrameHeader(type: number, flags: number, streamId: number, length: number): boolean {
    if (this.connection.closing) return false;
    if (length > MIN_FRAME_SIZE) return this.#refuse(fault.frameSize);
    if (!this.peer.seen && (type !== FrameType.Settings || (flags & FrameFlag.Ack) !== 0)) return this.#refuse(fault.noSettings);
    // RFC 9113 §6.10: nothing may come between HEADERS and their CONTINUATIONs.
    if (this.#intake.openStream !== (type !== FrameType.Continuation ? 0 : streamId === 0 ? -1 : streamId))
      return this.#refuse(fault.continuation);
    const verdict = this.guard.onInboundFrame(type, flags, length);
    if (verdict !== null) {
      this.fail(verdict, this.streams.get(streamId) ?? null);
      return false;
    }
    if (type === FrameType.Data) return this.#onDataHeader(streamId, length);
    return true;
  }

  #onDataHeader(streamId: number, length: number): boolean {
    if (streamId === 0) return this.#refuse(fault.streamZero);
    const stream = this.streams.get(streamId);
    if (stream === undefined && !this.resets.mayBeLate(streamId))
      return this.#refuse(this.isIdle(streamId) ? fault.idleStream : fault.closedStream);
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) return this.#refuse(fault.flowControl);
    if (stream === undefined) return true;
    if (stream.remoteEnded) return this.#refuse(fault.closedStream);
    stream.wireBytesReceived += 9 + length;
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return this.#refuse(fault.flowControl);
    return true;
  }

  onDataPiece(streamId: number, piece: Buffer, last: boolean, endStream: boolean): void {
    const stream = this.streams.get(streamId);
    const length = piece.length;
    if (stream === undefined) {
      if (length > 0) this.consumed(length);
      return;
    }
    const end = last && endStream;
    if (stream.expectedBytes >= 0) {
      stream.expectedBytes -= length;
      if (stream.expectedBytes < 0 || (end && stream.expectedBytes > 0)) {
        if (length > 0) this.consumed(length);
        // Of a body nghttp2 says so to its stream alone, in these words.
        this.abortStream(stream, ErrorCode.ProtocolError, ResetReason.ProtocolError, 'http2.remote_reset');
        return;
      }
    }
    if (length === 0 && !end) return;
    stream.receiveData(piece, end);
    if (end && stream.localEnded && stream.delivered) this.closeStream(stream);
  }

  onBadPadding(): void {
    this.fail(fault.padding);
  }

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FrameType.Headers:
        this.#intake.onHeaders(flags, streamId, bytes, start, end);
        return;
      case FrameType.Continuation:
        this.#intake.onContinuation(flags, bytes, start, end);
        return;
      case FrameType.Priority:
        if (end - start !== 5) this.fail(fault.frameSize);
        else if (streamId === 0) this.fail(fault.streamZero);
        else if ((bytes.readUInt32BE(start) & 0x7fff_ffff) === streamId) this.fail(fault.selfDependency);
        return;
      case FrameType.RstStream:
        if (end - start !== 4) this.fail(fault.frameSize);
        else this.#onRstStream(streamId, bytes.readUInt32BE(start));
        return;
      case FrameType.Settings:
        this.#onSettings(flags, streamId, bytes, start, end);
        return;
      case FrameType.PushPromise:
        // Neither may a client push, nor have we let a server do so.
        this.fail(fault.push);
        return;
      case FrameType.Ping:
        if (end - start !== 8) this.fail(fault.frameSize);
        else if (streamId !== 0) this.fail(fault.streamZero);
        else if ((flags & FrameFlag.Ack) !== 0) this.onPingAck();
        else this.writePing(bytes, start, true);
        return;
      case FrameType.GoAway:
        if (end - start < 8) this.fail(fault.frameSize);
        else if (streamId !== 0) this.fail(fault.streamZero);
        else this.onGoAwayFrame(bytes.readUInt32BE(start) & 0x7fff_ffff, bytes.readUInt32BE(start + 4));
        return;
      case FrameType.WindowUpdate:
        if (end - start !== 4) this.fail(fault.frameSize);
        else this.#onWindowUpdate(streamId, bytes.readUInt32BE(start) & 0x7fff_ffff);
        return;
      default:
      // RFC 9113 §4.1: unknown frames are ignored.
    }
  }

  #refuse(error: CodecFault): boolean {
    this.fail(error);
    return false;
  }

  /** A whole header block has come. */
  onHeaderBlock(streamId: number, end: boolean, wanted: boolean, bytes: Buffer, from: number, to: number, wireBytes: number): void {
    const { settings, decoder } = this;
    if (!decoder.decode(bytes, from, to, settings.maxHeadersKb * 1024, settings.maxHeadersCount)) {
      this.fail(fault.compression, this.streams.get(streamId) ?? null);
      return;
    }
    const stream = wanted ? this.streams.get(streamId) : undefined;
    if (stream === undefined) return;
    stream.wireBytesReceived += wireBytes;
    stream.headerBytesReceived += wireBytes;
    if (decoder.overflow) {
      const large = decoder.size > settings.maxHeadersKb * 1024;
      (large ? this.stats.headerListSizeTooLarge : this.stats.headerOverflow).inc();
      const details = large ? 'http2.header_list_size_too_large' : 'http2.too_many_headers';
      this.abortStream(stream, ErrorCode.InternalError, this.streamFault, details);
      return;
    }
    if (decoder.malformed) this.#invalid(stream, fault.invalidHeader);
    else this.onHeaders(streamId, end);
  }

  /** RST_STREAM for a fault of the peer's. */
  protected abortStream(stream: Http2Stream, code: ErrorCode, reason: ResetReason, details: string): void {
    if (stream.detached) return;
    this.stats.txReset.inc();
    stream.wireBytesSent += 13;
    this.#control(FrameType.RstStream, stream.id, code);
    this.resets.note(stream.id);
    this.dropStream(stream, reason, details);
  }

  /** How a stream's user is told of an abort. */
  protected abstract readonly streamFault: ResetReason;

  /** A message could not be read: `facts` tells what is wrong with it. */
  protected invalidMessage(stream: Http2Stream): void {
    this.#invalid(stream, facts.badField ? fault.invalidHeader : fault.messaging);
  }

  /** The message breaks a rule. */
  protected messagingError(stream: Http2Stream): void {
    this.#invalid(stream, fault.messaging);
  }

  #invalid(stream: Http2Stream, error: CodecFault): void {
    this.stats.rxMessagingError.inc();
    if (this.settings.streamErrorOnInvalid) this.abortStream(stream, ErrorCode.ProtocolError, ResetReason.ProtocolError, error.details);
    else this.fail(error, stream);
  }

  #onRstStream(streamId: number, code: number): void {
    if (streamId === 0) {
      this.fail(fault.streamZero);
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (this.isIdle(streamId)) this.fail(fault.idleStream);
      return;
    }
    this.stats.rxReset.inc();
    stream.wireBytesReceived += 13;
    if (stream.overOnWire) return;
    if (code === ErrorCode.RefusedStream) this.dropStream(stream, ResetReason.RemoteRefusedStreamReset, 'http2.remote_refuse');
    else
      this.dropStream(stream, code === ErrorCode.ConnectError ? ResetReason.ConnectError : ResetReason.RemoteReset, 'http2.remote_reset');
  }

  #onWindowUpdate(streamId: number, increment: number): void {
    if (streamId === 0) {
      if (increment === 0) this.fail(fault.windowIncrement);
      else if (this.sendWindow + increment > MAX_WINDOW) this.fail(fault.flowControl);
      else {
        this.sendWindow += increment;
        this.#waiting.run();
      }
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (this.isIdle(streamId)) this.fail(fault.idleStream);
      return;
    }
    if (increment === 0 || stream.sendWindow + increment > MAX_WINDOW) {
      this.fail(increment === 0 ? fault.windowIncrement : fault.flowControl, stream);
      return;
    }
    stream.sendWindow += increment;
    if (stream.pendingBytes > 0) this.#waiting.run();
  }

  #onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) {
      this.fail(fault.streamZero);
      return;
    }
    const length = end - start;
    if ((flags & FrameFlag.Ack) !== 0) {
      if (length !== 0) this.fail(fault.frameSize);
      return;
    }
    if (length % 6 !== 0) {
      this.fail(fault.frameSize);
      return;
    }
    const before = this.peer.initialWindow;
    const error = this.peer.apply(bytes, start, end) ?? this.#changeWindows(this.peer.initialWindow - before);
    if (error !== null) {
      this.fail(error);
      return;
    }
    this.encoder.setCapacity(this.peer.headerTableSize, this.settings.hpackTableSize);
    this.writer.settingsAck();
    this.countControl();
    this.#waiting.run();
    this.onSettingsChanged();
  }

  #changeWindows(change: number): CodecFault | null {
    if (change === 0) return null;
    for (const stream of this.streams.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > MAX_WINDOW) return fault.flowControl;
    }
    return null;
  }
}
