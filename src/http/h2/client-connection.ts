/** HTTP/2 on an upstream connection. */
import type { Connection } from '../../net/connection.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { ClientConnection, CodecError, ResponseDecoder } from '../codec.ts';
import type { RequestHeaders } from '../header-map.ts';
import { ResetReason } from '../reset-reason.ts';
import { Http2ClientStream } from './client-stream.ts';
import { fault } from './faults.ts';
import { Keepalive } from './keepalive.ts';
import { facts, readResponse, readTrailers } from './message.ts';
import { ErrorCode, MAX_STREAM_ID, PREFACE, SettingId } from './protocol.ts';
import { Http2Session } from './session.ts';
import type { Http2Settings } from './settings.ts';
import type { Http2Stats } from './stats.ts';
import type { Http2Stream } from './stream.ts';
import { answerUpgrade, connectProtocol } from './upgrade.ts';

/** What the pool hears of its connection. */
export interface Http2ClientCallbacks {
  /** A stream is off the connection. @param reset what cut it short; -1 = both messages went through to their end */
  onStreamClosed(reset: ResetReason | -1): void;
  /** No further streams: the peer has said so, or stream numbers have run out. */
  onGoAway(): void;
  /** The peer allows another number of streams than before. */
  onMaxStreamsChanged(): void;
  /** The peer broke the protocol: counted as upstream_cx_protocol_error; the connection is being closed. */
  onProtocolError(): void;
}

export class Http2ClientConnection extends Http2Session implements ClientConnection {
  readonly #callbacks: Http2ClientCallbacks;
  readonly #keepalive: Keepalive | null;
  #nextId: number;
  /** Streams handed out that have not been started. */
  #reserved: number;
  #goAwaySeen: boolean;

  constructor(
    connection: Connection,
    settings: Http2Settings,
    callbacks: Http2ClientCallbacks,
    stats: Http2Stats,
    clock: Clock,
    random: Random,
  ) {
    super(connection, settings, stats);
    this.guard.meter = stats.outboundMeter(clock);
    this.#callbacks = callbacks;
    this.#keepalive = settings.keepalive === null ? null : new Keepalive(this, settings.keepalive, clock, random);
    this.#nextId = 1;
    this.#reserved = 0;
    this.#goAwaySeen = false;
    this.writer.preface(PREFACE);
    this.writeSettings([
      ...[SettingId.HeaderTableSize, settings.hpackTableSize, SettingId.EnablePush, 0],
      ...[SettingId.MaxConcurrentStreams, settings.maxConcurrentStreams, SettingId.InitialWindowSize, settings.initialStreamWindow],
    ]);
    this.#keepalive?.start();
  }

  override get activeStreams(): number {
    return this.streams.size + this.#reserved;
  }

  /** Streams that may be open at once. */
  get maxStreams(): number {
    return Math.min(this.settings.maxConcurrentStreams, this.peer.maxStreams);
  }

  newStream(decoder: ResponseDecoder): Http2ClientStream {
    this.#reserved++;
    this.#keepalive?.onStream();
    const stream = new Http2ClientStream(this, decoder);
    if (this.connection.aboveHighWatermark) decoder.onAboveWriteBufferHighWatermark();
    return stream;
  }

  startStream(stream: Http2ClientStream, headers: RequestHeaders, end: boolean): void {
    this.#reserved--;
    const id = this.#nextId;
    this.#nextId += 2;
    this.addStream(stream, id);
    const encoder = this.encoder;
    encoder.begin();
    const protocol = connectProtocol(headers);
    stream.upgrade = protocol;
    // What follows is a tunnel, whatever the handshake says of its length.
    if (protocol !== '' && headers.get('content-length') === '0') headers.remove('content-length');
    stream.isHead = headers.method === 'HEAD';
    encoder.field(':method', protocol !== '' ? 'CONNECT' : headers.method);
    if (headers.method !== 'CONNECT' || protocol !== '') {
      encoder.field(':scheme', headers.scheme === '' ? 'http' : headers.scheme);
      encoder.field(':path', headers.path);
    }
    if (protocol !== '') encoder.field(':protocol', protocol);
    if (headers.authority !== '') encoder.field(':authority', headers.authority);
    this.encodeFields(headers);
    stream.countSent(this.writeBlock(id, end));
    if (this.#nextId > MAX_STREAM_ID) this.#onNoMoreStreams();
  }

  onData(chunk: Buffer): void {
    this.#keepalive?.onActivity();
    if (!this.failed) this.reader.read(chunk, 0);
  }

  onEnd(): void {
    this.connection.close('flush');
  }

  onConnectionClosed(): void {
    this.#keepalive?.stop();
    this.releaseAll(ResetReason.ConnectionTermination, '');
  }

  /** No more streams from the peer are expected, but it learns that we are leaving. */
  goAway(): void {
    if (this.failed) return;
    this.stats.goAwaySent.inc();
    this.writer.goAway(0, ErrorCode.NoError);
  }

  override resetStream(stream: Http2Stream, code: ErrorCode): void {
    if (stream.id === 0) {
      stream.detached = true;
      this.#reserved--;
      this.#callbacks.onStreamClosed(ResetReason.LocalReset);
      return;
    }
    super.resetStream(stream, code);
  }

  /** Upstreams are waited for as the router's timeouts say. */
  override watchFlush(): void {}

  protected override get lastPeerStreamId(): number {
    return 0;
  }

  protected override readonly mayExplain = true;

  protected override get streamFault(): ResetReason {
    return ResetReason.ProtocolError;
  }

  protected override isIdle(streamId: number): boolean {
    return streamId >= this.#nextId || (streamId & 1) === 0;
  }

  override onHeadersBegin(streamId: number): boolean {
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (this.isIdle(streamId)) this.fail(fault.idleStream);
      return false;
    }
    if (stream.remoteEnded) this.fail(fault.closedStream, stream);
    return true;
  }

  protected override onHeaders(streamId: number, end: boolean): void {
    const stream = this.streams.get(streamId) as Http2ClientStream;
    if (stream.headersReceived) {
      this.#onTrailers(stream, end);
      return;
    }
    const headers = readResponse(this.decoder);
    if (headers === null) {
      this.invalidMessage(stream);
      return;
    }
    if (headers.status < 200) {
      if (end) this.messagingError(stream);
      else stream.decoder.on1xxHeaders(headers);
      return;
    }
    const bodyless = stream.isHead || headers.status === 204 || headers.status === 304;
    if (end && facts.contentLength > 0 && !bodyless) {
      this.messagingError(stream);
      return;
    }
    stream.headersReceived = true;
    if (!end && !bodyless) stream.expectedBytes = facts.contentLength;
    if (stream.upgrade !== '') answerUpgrade(headers, stream.upgrade);
    if (end) stream.remoteEnded = true;
    stream.decoder.onResponseHeaders(headers, end);
    if (end && stream.localEnded && !stream.detached) this.closeStream(stream);
  }

  #onTrailers(stream: Http2ClientStream, end: boolean): void {
    const trailers = end ? readTrailers(this.decoder, 'allow') : null;
    if (trailers === null || stream.expectedBytes > 0) {
      this.messagingError(stream);
      return;
    }
    stream.receiveTrailers(trailers);
    if (stream.localEnded && stream.delivered && !stream.detached) this.closeStream(stream);
  }

  protected override onHalfClosed(stream: Http2Stream): void {
    stream.noteDeferred();
  }

  protected override onStreamClosed(stream: Http2Stream): void {
    this.#callbacks.onStreamClosed(stream.resetReason);
  }

  /** RFC 9113 §6.8: streams above the last one were not, and will not be, processed. */
  protected override onGoAwayFrame(lastStreamId: number): void {
    for (const stream of [...this.streams.values()]) {
      if (stream.id <= lastStreamId) continue;
      this.dropStream(stream, ResetReason.RemoteRefusedStreamReset, '');
    }
    this.#onNoMoreStreams();
  }

  #onNoMoreStreams(): void {
    if (this.#goAwaySeen) return;
    this.#goAwaySeen = true;
    this.#callbacks.onGoAway();
  }

  protected override onSettingsChanged(): void {
    this.#callbacks.onMaxStreamsChanged();
  }

  protected override onPingAck(): void {
    this.#keepalive?.onAck();
  }

  protected override onFault(_error: CodecError, stream: Http2Stream | null): void {
    this.#keepalive?.stop();
    this.#callbacks.onProtocolError();
    if (stream !== null && !stream.detached) {
      this.dropStream(stream, ResetReason.ProtocolError, '');
    }
    this.connection.close('no-flush');
  }
}
