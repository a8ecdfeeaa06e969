/** HTTP/2 on a downstream connection. */
import type { Connection } from '../../net/connection.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { CodecError, ServerCallbacks, ServerConnection } from '../codec.ts';
import type { HeaderMap, RequestHeaders } from '../header-map.ts';
import { ResetReason } from '../reset-reason.ts';
import { fault } from './faults.ts';
import { FlushWatch } from './flush-watch.ts';
import { Keepalive } from './keepalive.ts';
import { facts, readRequest, readTrailers } from './message.ts';
import { ErrorCode, FrameType, MAX_STREAM_ID, PREFACE, SettingId } from './protocol.ts';
import { Http2ServerStream } from './server-stream.ts';
import { Http2Session } from './session.ts';
import type { Http2Settings } from './settings.ts';
import type { Http2Stats } from './stats.ts';
import { codeOf, type Http2Stream } from './stream.ts';
import { upgradeFromConnect } from './upgrade.ts';

/** What a downstream connection is given beside its settings. */
export interface ServerParts {
  readonly clock: Clock;
  readonly random: Random;
  /** What a finished response may wait for the client's window without moving (stream_idle_timeout); 0 = for ever. */
  readonly flushTimeoutMs: number;
}

export class Http2ServerConnection extends Http2Session implements ServerConnection {
  readonly #callbacks: ServerCallbacks;
  readonly #flushWatch: FlushWatch;
  readonly #keepalive: Keepalive | null;
  #lastStreamId: number;
  /** Of all streams that have begun, those included that came after the final GOAWAY. */
  #highestSeen: number;
  #prefaceSeen: number;
  readonly #settings: Http2Settings;
  #greeted: boolean;
  /** Streams above it are not served: the final GOAWAY has been sent. */
  #lastServed: number;
  #noticeSent: boolean;
  #done: boolean;

  constructor(connection: Connection, settings: Http2Settings, callbacks: ServerCallbacks, stats: Http2Stats, parts: ServerParts) {
    super(connection, settings, stats);
    this.guard.meter = stats.outboundMeter(parts.clock);
    this.#callbacks = callbacks;
    this.#flushWatch = new FlushWatch(this, parts.clock, parts.flushTimeoutMs);
    this.#keepalive = settings.keepalive === null ? null : new Keepalive(this, settings.keepalive, parts.clock, parts.random);
    this.#lastStreamId = 0;
    this.#highestSeen = 0;
    this.#prefaceSeen = 0;
    this.#lastServed = MAX_STREAM_ID;
    this.#noticeSent = false;
    this.#done = false;
    this.#settings = settings;
    this.#greeted = false;
    this.#keepalive?.start();
  }

  /** Our preface (RFC 9113 §3.4). As in Envoy it waits for the client's: whoever does not speak HTTP/2 is told nothing in it. */
  #greet(): void {
    if (this.#greeted) return;
    this.#greeted = true;
    const settings = this.#settings;
    this.writeSettings([
      ...[SettingId.HeaderTableSize, settings.hpackTableSize, SettingId.EnableConnectProtocol, settings.allowConnect ? 1 : 0],
      ...[SettingId.MaxConcurrentStreams, settings.maxConcurrentStreams, SettingId.InitialWindowSize, settings.initialStreamWindow],
    ]);
  }

  protected override get lastPeerStreamId(): number {
    return this.#lastStreamId;
  }

  protected override get mayExplain(): boolean {
    return this.#greeted;
  }

  protected override get streamFault(): ResetReason {
    return ResetReason.RemoteReset;
  }

  onData(chunk: Buffer): void {
    this.#keepalive?.onActivity();
    let start = 0;
    while (this.#prefaceSeen < PREFACE.length && start < chunk.length && !this.failed) {
      if (chunk[start++] !== PREFACE.charCodeAt(this.#prefaceSeen++)) this.fail(fault.preface);
      else if (this.#prefaceSeen === PREFACE.length) this.#greet();
    }
    if (start < chunk.length && !this.failed) this.reader.read(chunk, start);
  }

  onEnd(): void {
    this.connection.close('flush');
  }

  onConnectionClosed(): void {
    this.#done = true;
    this.#flushWatch.stop();
    this.#keepalive?.stop();
    this.releaseAll(ResetReason.ConnectionTermination, '');
  }

  shutdownNotice(): void {
    if (this.#noticeSent || this.failed) return;
    this.#noticeSent = true;
    this.#greet();
    this.writer.goAway(MAX_STREAM_ID, ErrorCode.NoError);
  }

  goAway(): void {
    if (this.#lastServed !== MAX_STREAM_ID || this.failed) return;
    this.#lastServed = this.#lastStreamId;
    this.stats.goAwaySent.inc();
    this.#greet();
    this.writer.goAway(this.#lastStreamId, ErrorCode.NoError);
    this.#finishIfIdle();
  }

  /** @returns bytes of the frames */
  writeResponse(streamId: number, status: number, headers: HeaderMap, end: boolean): number {
    const encoder = this.encoder;
    encoder.begin();
    encoder.field(':status', STATUS[status] ?? String(status));
    this.encodeFields(headers);
    return this.writeBlock(streamId, end);
  }

  override watchFlush(stream: Http2Stream): void {
    this.#flushWatch.watch(stream);
  }

  protected override isIdle(streamId: number): boolean {
    return streamId > this.#highestSeen || (streamId & 1) === 0;
  }

  override onHeadersBegin(streamId: number): boolean {
    const known = this.streams.get(streamId);
    if (known !== undefined) {
      if (known.remoteEnded) this.fail(fault.closedStream, known);
      return true;
    }
    if ((streamId & 1) === 0) {
      this.fail(fault.streamId);
      return false;
    }
    if (streamId <= this.#highestSeen) {
      // Trailers of a stream that has been reset may still be on their way.
      if (!this.resets.mayBeLate(streamId)) this.fail(fault.closedStream);
      return false;
    }
    this.#highestSeen = streamId;
    if (streamId > this.#lastServed) {
      this.resets.note(streamId);
      return false;
    }
    this.#lastStreamId = streamId;
    if (this.streams.size >= this.settings.maxConcurrentStreams) {
      this.#refuseStream(streamId);
      return false;
    }
    this.#keepalive?.onStream();
    const stream = new Http2ServerStream(this);
    this.addStream(stream, streamId);
    stream.decoder = this.#callbacks.newStream(stream);
    if (this.connection.aboveHighWatermark) stream.decoder.onAboveWriteBufferHighWatermark();
    return true;
  }

  protected override onHeaders(streamId: number, end: boolean): void {
    const stream = this.streams.get(streamId) as Http2ServerStream;
    const { settings, stats, decoder } = this;
    if (stream.headersReceived) {
      this.#onTrailers(stream, end);
      return;
    }
    const headers = readRequest(decoder, settings.headersWithUnderscores);
    if (facts.dropped > 0) stats.droppedHeadersWithUnderscores.add(facts.dropped);
    if (headers === null) {
      if (facts.underscore) {
        stats.requestsRejectedWithUnderscores.inc();
        this.abortStream(stream, ErrorCode.InternalError, this.streamFault, 'http2.unexpected_underscore');
      } else this.invalidMessage(stream);
      return;
    }
    if (end ? facts.contentLength > 0 : headers.protocol !== '' && !settings.allowConnect) {
      this.messagingError(stream);
      return;
    }
    stream.headersReceived = true;
    if (end) stream.remoteEnded = true;
    else if (headers.method !== 'CONNECT') stream.expectedBytes = facts.contentLength;
    if (headers.protocol !== '') {
      stream.upgrade = true;
      upgradeFromConnect(headers);
    }
    this.#start(stream, headers, end);
  }

  #start(stream: Http2ServerStream, headers: RequestHeaders, end: boolean): void {
    stream.decoder!.onRequestHeaders(headers, end);
    if (end && stream.localEnded && !stream.detached) this.closeStream(stream);
  }

  #onTrailers(stream: Http2ServerStream, end: boolean): void {
    this.stats.trailers.inc();
    const trailers = end ? readTrailers(this.decoder, this.settings.headersWithUnderscores) : null;
    if (trailers === null || stream.remoteEnded || stream.expectedBytes > 0) {
      this.messagingError(stream);
      return;
    }
    stream.receiveTrailers(trailers);
    if (stream.localEnded && stream.delivered && !stream.detached) this.closeStream(stream);
  }

  /** The response is complete, the request is not: the rest of it is not wanted (RFC 9113 §8.1). */
  protected override onHalfClosed(stream: Http2Stream): void {
    if (stream.remoteEnded) this.closeStream(stream);
    else this.resetStream(stream, earlyCode((stream as Http2ServerStream).decoder?.unwantedReason?.() ?? ResetReason.LocalReset));
  }

  protected override onStreamClosed(stream: Http2Stream): void {
    (stream as Http2ServerStream).decoder?.onCodecStreamDone?.();
    this.#finishIfIdle();
  }

  protected override onGoAwayFrame(): void {}
  protected override onSettingsChanged(): void {}
  protected override onPingAck(): void {
    this.#keepalive?.onAck();
  }

  protected override onFault(error: CodecError, stream: Http2Stream | null): void {
    this.#keepalive?.stop();
    this.#callbacks.onCodecError(null, stream === null ? null : (stream as Http2ServerStream).decoder, error);
    if (!this.connection.closing) this.connection.close('flush');
  }

  #finishIfIdle(): void {
    if (this.#lastServed === MAX_STREAM_ID || this.#done || this.streams.size > 0) return;
    this.#done = true;
    if (this.#callbacks.onConnectionDone !== undefined) this.#callbacks.onConnectionDone();
    else this.connection.close('flush');
  }

  #refuseStream(streamId: number): void {
    this.writer.word(FrameType.RstStream, streamId, ErrorCode.RefusedStream);
    this.resets.note(streamId);
    this.stats.txReset.inc();
    this.stats.streamRefusedErrors.inc();
    this.countControl();
  }
}

function earlyCode(reason: ResetReason): ErrorCode {
  return reason === ResetReason.LocalReset ? ErrorCode.NoError : codeOf(reason);
}

/** Status codes as text. */
const STATUS: readonly string[] = Array.from({ length: 600 }, (_, status) => String(status).padStart(3, '0'));
