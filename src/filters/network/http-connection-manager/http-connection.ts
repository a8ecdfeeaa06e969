/** One downstream connection of a connection manager: picks the codec, keeps the connection's timers, and closes it when it is due. */
import type { CodecError, RequestDecoder, ResponseEncoder, ServerCallbacks, ServerConnection } from '../../../http/codec.ts';
import { Http1ServerConnection } from '../../../http/h1/server-connection.ts';
import type { ResponseHeaders } from '../../../http/header-map.ts';
import { ResetReason } from '../../../http/reset-reason.ts';
import { Flag } from '../../../http/response-flags.ts';
import type { ConnectionInfo } from '../../../http/stream-info.ts';
import { keepChunk } from '../../../net/connection.ts';
import { Timer, type TimerTarget } from '../../../runtime/clock.ts';
import { Overload, ScaledTimer } from '../../../runtime/overload.ts';
import { type NetworkFilter, type NetworkFilterCallbacks, Status } from '../../api.ts';
import { isHttp2Start, newHttp2Codec, Start } from './downstream-codec.ts';
import type { HttpConnectionManager } from './http-connection-manager.ts';
import { HttpStream } from './http-stream.ts';
import { PrematureResets } from './premature-resets.ts';
import { onStreamIdle } from './stream-expiry.ts';

const TIMER_IDLE = 0;
const TIMER_MAX_DURATION = 1;
const TIMER_DRAIN = 2;
const TIMER_STREAM_IDLE = 3;
const TIMER_DELAYED_CLOSE = 4;

export class HttpConnection implements NetworkFilter, ServerCallbacks, TimerTarget {
  readonly manager: HttpConnectionManager;
  readonly info: ConnectionInfo;
  /** Bytes kept of one message, and the watermark of the socket. */
  readonly bufferLimit: number;
  /** The stream has switched protocols: the connection is its byte tunnel now. */
  tunnel: boolean;
  /** The codec speaks HTTP/2. */
  http2: boolean;
  readonly #callbacks: NetworkFilterCallbacks;
  readonly #startMs: number;
  #codec: ServerConnection | null;
  /** HTTP/1 has one at most. */
  readonly #streams: HttpStream[];
  #resets: PrematureResets | null;
  /** A fault of the client's has ended streams. */
  #cutStreams: boolean;
  /** First bytes that do not tell yet what they begin. */
  #peeked: Buffer | null;
  #requests: number;
  #draining: boolean;
  #closing: boolean;
  #closed: boolean;
  /** The client has said that this request is its last. */
  clientCloses: boolean;
  /** The last request had come whole when it ended. */
  #requestWhole: boolean;
  #remoteEnded: boolean;
  #idleSinceMs: number;
  #counted: { received: number; sent: number };
  readonly #idleTimer: Timer;
  readonly #streamIdleTimer: Timer;
  #durationTimer: Timer | null;
  #drainTimer: Timer | null;
  #delayedCloseTimer: Timer | null;
  /** What was still unsent when the delayed close was last looked at, and since when it is that much. */
  #unsent: number;
  #unsentSinceMs: number;

  constructor(manager: HttpConnectionManager, callbacks: NetworkFilterCallbacks) {
    const clock = manager.deps.clock;
    this.manager = manager;
    this.info = callbacks.info;
    this.bufferLimit = callbacks.bufferLimit;
    this.tunnel = false;
    this.http2 = false;
    this.#callbacks = callbacks;
    this.#startMs = clock.nowMs();
    this.#codec = null;
    this.#streams = [];
    this.#resets = null;
    this.#cutStreams = false;
    this.#peeked = null;
    this.#requests = 0;
    this.#draining = false;
    this.#closing = false;
    this.#closed = false;
    this.clientCloses = false;
    this.#requestWhole = false;
    this.#remoteEnded = false;
    this.#idleSinceMs = this.#startMs;
    this.#counted = { received: 0, sent: 0 };
    this.#idleTimer = new Timer(this, TIMER_IDLE);
    this.#streamIdleTimer = new Timer(this, TIMER_STREAM_IDLE);
    this.#durationTimer = null;
    this.#drainTimer = null;
    this.#delayedCloseTimer = null;
    this.#unsent = 0;
    this.#unsentSinceMs = 0;
    // Counted here, as in Envoy: a connection that an earlier filter refuses has come to this one all the same.
    manager.stats.cxTotal.inc();
    manager.stats.cxActive.inc();
    if (this.info.tls === null) return;
    manager.stats.cxSslTotal.inc();
    manager.stats.cxSslActive.inc();
  }

  // ── network filter ──

  onConnection(): Status {
    const { settings, deps } = this.manager;
    const overload = this.manager.overload;
    if (settings.idleTimeoutMs > 0) deps.clock.arm(this.#idleTimer, overload.lookMs(ScaledTimer.ConnectionIdle, settings.idleTimeoutMs));
    if (settings.maxConnectionDurationMs > 0) {
      this.#durationTimer = new Timer(this, TIMER_MAX_DURATION);
      deps.clock.arm(this.#durationTimer, overload.lookMs(ScaledTimer.ConnectionMax, settings.maxConnectionDurationMs));
    }
    this.#callbacks.onDrain(() => this.drain());
    return Status.Continue;
  }

  onData(chunk: Buffer, end: boolean): Status {
    if (this.#closing && !this.tunnel && this.#streams.length === 0) return Status.Stop;
    if (this.#codec === null && chunk.length === 0) {
      if (end) {
        this.#remoteEnded = true;
        this.#callbacks.close('flush', '');
      }
      return Status.Stop;
    }
    if (this.#codec === null && this.manager.overload.any && this.manager.overload.shed(Overload.CreateCodec)) {
      this.manager.stats.rqOverloadClose.inc();
      this.onConnectionDone();
      return Status.Stop;
    }
    const codec = this.#codec ?? this.#openCodec(chunk, end);
    if (codec === null) return Status.Stop;
    if (this.manager.overload.any && this.#shedsLoad(codec)) return Status.Stop;
    const first = this.#peeked;
    this.#peeked = null;
    if (first !== null) codec.onData(first);
    if (chunk.length > 0) codec.onData(chunk);
    if (end && !this.#closed) {
      // A client that has closed its side is gone: there is no half-close for HTTP.
      if (!this.#closing) this.#remoteEnded = true;
      codec.onEnd();
    }
    this.#countBytes();
    return Status.Stop;
  }

  /** True if the connection has been given up. Its load-shed points are named after HTTP/2, but Envoy 1.40 asks them for HTTP/1 too. */
  #shedsLoad(codec: ServerConnection): boolean {
    const { overload } = this.manager;
    if (this.#closing) return false;
    if (overload.shed(Overload.Http2GoAwayAndClose)) {
      this.#cutStreams = this.#streams.length > 0;
      for (const stream of [...this.#streams]) stream.onRequestReset(ResetReason.ConnectionTermination, 'forced_goaway');
      if (this.http2) {
        codec.shutdownNotice();
        codec.goAway();
      }
      this.onConnectionDone();
      return true;
    }
    if (overload.shed(Overload.Http2GoAway)) this.drain();
    return false;
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#codec?.onAboveWriteBufferHighWatermark();
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#codec?.onBelowWriteBufferLowWatermark();
  }

  onClose(closedByPeer: boolean): void {
    if (this.#closed) return;
    const remote = closedByPeer || this.#remoteEnded;
    this.#closed = true;
    const { stats, deps } = this.manager;
    const clock = deps.clock;
    clock.disarm(this.#idleTimer);
    clock.disarm(this.#streamIdleTimer);
    if (this.#durationTimer !== null) clock.disarm(this.#durationTimer);
    if (this.#drainTimer !== null) clock.disarm(this.#drainTimer);
    if (this.#delayedCloseTimer !== null) clock.disarm(this.#delayedCloseTimer);
    this.#countBytes();
    const active = this.#cutStreams || this.#streams.length > 0;
    stats.cxDestroy.inc();
    (remote ? stats.cxDestroyRemote : stats.cxDestroyLocal).inc();
    if (active) {
      stats.cxDestroyActiveRq.inc();
      (remote ? stats.cxDestroyRemoteActiveRq : stats.cxDestroyLocalActiveRq).inc();
    }
    stats.cxActive.dec();
    if (this.info.tls !== null) stats.cxSslActive.dec();
    if (this.#codec !== null) (this.http2 ? stats.cxHttp2Active : stats.cxHttp1Active).dec();
    stats.cxLengthMs.record(clock.nowMs() - this.#startMs);
    this.#codec?.onConnectionClosed();
  }

  bufferedBytes(): number {
    const streams = this.#streams;
    if (streams.length === 0) return 0;
    let bytes = this.#callbacks.connection.bytesBuffered;
    for (let i = 0; i < streams.length; i++) bytes += streams[i]!.keptBytes;
    return bytes;
  }

  resetForMemory(): void {
    if (this.#streams.length === 0) return;
    this.dispatch(() => {
      for (const stream of [...this.#streams]) {
        stream.info.flags |= Flag.OM;
        stream.info.responseCodeDetails = 'overload';
        stream.reset(ResetReason.LocalReset);
      }
      if (!this.http2) this.#callbacks.connection.close('no-flush');
    });
  }

  // ── codec ──

  newStream(encoder: ResponseEncoder): RequestDecoder {
    this.#requests++;
    const stream = new HttpStream(this, encoder);
    stream.info.downstreamBytes = encoder;
    this.#streams.push(stream);
    this.watchStreamIdle();
    return stream;
  }

  onCodecError(encoder: ResponseEncoder | null, decoder: RequestDecoder | null, error: CodecError): void {
    if (error.protocolError) this.manager.stats.cxProtocolError.inc();
    this.#closing = true;
    const stream = decoder as HttpStream | null;
    if (this.http2) {
      this.#failStreams(stream, error);
      this.onConnectionDone();
      return;
    }
    if (encoder === null || stream === null || error.status === 0) {
      if (stream !== null) {
        stream.info.flags |= error.protocolError ? Flag.DPE : 0;
        stream.onRequestReset(0, error.details);
      }
      this.#callbacks.close('flush', error.details);
      return;
    }
    stream.closeAfter = true;
    if (stream.responseStarted) {
      stream.info.flags |= error.protocolError ? Flag.DPE : 0;
      stream.onRequestReset(0, error.details);
      this.#callbacks.close('no-flush', error.details);
    } else stream.localReply(error.status, error.body, error.protocolError ? Flag.DPE : 0, error.details);
  }

  /** Each stream goes, the one that the fault is of with words of its own. */
  #failStreams(offender: HttpStream | null, error: CodecError): void {
    this.#cutStreams = this.#streams.length > 0;
    for (const stream of [...this.#streams]) {
      stream.info.flags |= Flag.DPE;
      stream.onRequestReset(
        ResetReason.ProtocolError,
        stream === offender ? error.details : 'codec_error:' + error.body.replaceAll(' ', '_'),
      );
    }
  }

  /**
   * The last response is out: the peer gets time to read it and to close, so that no RST overtakes it (delayed_close_timeout). Not a client
   * that has sent all that it wanted to send: nothing of it can come that would be answered by one.
   */
  onConnectionDone(): void {
    if (this.#delayedCloseTimer !== null) return;
    const delayMs = this.manager.settings.delayedCloseTimeoutMs;
    this.#closing = true;
    if (delayMs === 0) {
      this.#callbacks.close('flush', '');
      return;
    }
    this.#callbacks.close(this.clientCloses && this.#requestWhole ? 'flush' : 'flush-delay', '');
    this.#unsent = this.#callbacks.connection.bytesBuffered;
    this.#unsentSinceMs = this.manager.deps.clock.nowMs();
    this.#delayedCloseTimer = new Timer(this, TIMER_DELAYED_CLOSE);
    this.manager.deps.clock.arm(this.#delayedCloseTimer, delayMs);
  }

  // ── streams ──

  /** The request has been admitted: limits that are counted in requests apply. */
  onRequestAdmitted(stream: HttpStream): void {
    const limit = this.manager.settings.maxRequestsPerConnection;
    if (limit > 0 && this.#requests >= limit) {
      this.manager.stats.cxMaxRequestsReached.inc();
      if (this.http2) this.drain();
      else stream.closeAfter = true;
    }
  }

  /** Asked for every response: the listener's drain picks its connections by and by. */
  isDraining(): boolean {
    if (!this.#draining && this.#callbacks.draining) {
      this.manager.stats.cxDrainClose.inc();
      this.drain();
    }
    if (!this.#draining && this.manager.overload.any && this.manager.overload.active(Overload.DisableKeepalive)) {
      this.manager.stats.cxOverloadDisableKeepalive.inc();
      this.manager.stats.cxDrainClose.inc();
      this.drain();
    }
    return this.#draining;
  }

  /** The client is told, in the way of its protocol, that its next request needs another connection. */
  announceClose(headers: ResponseHeaders): void {
    if (this.http2) this.drain();
    else headers.set('connection', 'close');
  }

  onStreamEnd(stream: HttpStream): void {
    const streams = this.#streams;
    if (streams.length === 1) streams.pop();
    else streams.splice(streams.indexOf(stream), 1);
    this.#idleSinceMs = this.manager.deps.clock.nowMs();
    if (!this.http2) {
      this.#requestWhole = stream.requestEnded;
      if (stream.closeAfter) this.#closing = true;
      return;
    }
    if (this.#closed || this.#closing) return;
    this.#resets ??= new PrematureResets();
    if (this.#resets.onStreamEnd(stream, this.#idleSinceMs) && !this.#draining) {
      this.manager.stats.rqTooManyPrematureResets.inc();
      this.#closing = true;
      this.#callbacks.connection.close('no-flush');
    }
  }

  /** Makes sure the shared idle timer runs while a stream relies on it. */
  watchStreamIdle(): void {
    const idleMs = this.manager.settings.streamIdleTimeoutMs;
    if (idleMs > 0 && !this.#streamIdleTimer.armed)
      this.manager.deps.clock.arm(this.#streamIdleTimer, this.manager.overload.lookMs(ScaledTimer.StreamIdle, idleMs));
  }

  dispatch(fn: () => void): void {
    this.#callbacks.connection.dispatch(fn);
  }

  /** No further requests are wanted: `connection: close` on every response, and the end when the drain time is over. */
  drain(): void {
    if (this.#draining || this.#closed) return;
    this.#draining = true;
    if (this.http2) this.dispatch(() => this.#codec!.shutdownNotice());
    this.#drainTimer = new Timer(this, TIMER_DRAIN);
    this.manager.deps.clock.arm(this.#drainTimer, this.manager.settings.drainTimeoutMs);
  }

  // ── timers ──

  onTimer(timer: Timer): void {
    const { settings, stats, deps, overload } = this.manager;
    const now = deps.clock.nowMs();
    switch (timer.kind) {
      case TIMER_IDLE: {
        // Armed once, looked at when it expires: a request costs it nothing.
        const quietMs = this.#streams.length === 0 ? now - this.#idleSinceMs : 0;
        const limitMs = overload.timeoutMs(ScaledTimer.ConnectionIdle, settings.idleTimeoutMs);
        if (quietMs < limitMs) {
          deps.clock.arm(timer, overload.lookMs(ScaledTimer.ConnectionIdle, limitMs - quietMs));
          return;
        }
        stats.cxIdleTimeout.inc();
        this.drain();
        return;
      }
      case TIMER_MAX_DURATION: {
        const leftMs = overload.timeoutMs(ScaledTimer.ConnectionMax, settings.maxConnectionDurationMs) - (now - this.#startMs);
        if (leftMs > 0) {
          deps.clock.arm(timer, overload.lookMs(ScaledTimer.ConnectionMax, leftMs));
          return;
        }
        stats.cxMaxDurationReached.inc();
        this.drain();
        return;
      }
      case TIMER_DRAIN:
        this.dispatch(() => {
          if (this.#codec === null) this.#callbacks.close('flush', '');
          else this.#codec.goAway();
        });
        return;
      case TIMER_DELAYED_CLOSE:
        if (this.#stillSends(now)) {
          deps.clock.arm(timer, settings.delayedCloseTimeoutMs);
          return;
        }
        stats.cxDelayedCloseTimeout.inc();
        this.#callbacks.connection.close('no-flush');
        return;
      case TIMER_STREAM_IDLE: {
        const limitMs = overload.timeoutMs(ScaledTimer.StreamIdle, settings.streamIdleTimeoutMs);
        let leftMs = -1;
        for (const stream of this.http2 ? [...this.#streams] : this.#streams) {
          if (stream.ownIdleTimeout) continue;
          const quietMs = now - stream.lastActivityMs;
          if (quietMs >= limitMs) onStreamIdle(stream);
          else if (leftMs < 0 || limitMs - quietMs < leftMs) leftMs = limitMs - quietMs;
        }
        if (leftMs >= 0) deps.clock.arm(timer, overload.lookMs(ScaledTimer.StreamIdle, leftMs));
      }
    }
  }

  /** What a connection speaks is known, and counted, when its first bytes come. null: these do not tell yet, and are kept. */
  #openCodec(chunk: Buffer, end: boolean): ServerConnection | null {
    const manager = this.manager;
    const { settings, stats } = manager;
    const connection = this.#callbacks.connection;
    const start = isHttp2Start(settings.codecType, this.info.applicationProtocols, this.#peeked, chunk);
    if (start === Start.Unknown && !end) {
      this.#peeked = this.#peeked === null ? keepChunk(chunk) : Buffer.concat([this.#peeked, chunk]);
      return null;
    }
    let codec: ServerConnection;
    if (start === Start.Http2) {
      this.http2 = true;
      this.#callbacks.noteProtocol?.('HTTP/2');
      stats.cxHttp2Total.inc();
      stats.cxHttp2Active.inc();
      codec = newHttp2Codec(connection, manager, this);
    } else {
      this.#callbacks.noteProtocol?.('HTTP/1.1');
      stats.cxHttp1Total.inc();
      stats.cxHttp1Active.inc();
      codec = new Http1ServerConnection(connection, settings.http1, this, manager.http1Stats);
    }
    this.#codec = codec;
    if (this.http2 && this.#draining) codec.shutdownNotice();
    return codec;
  }

  /**
   * A slow client gets its whole answer: the delay begins when the last byte is out. One that takes nothing is given the time of an idle
   * stream; Envoy cuts it off after a delay in which the socket took nothing, which a full socket buffer makes of a mere slow one.
   */
  #stillSends(now: number): boolean {
    const left = this.#callbacks.connection.bytesBuffered;
    if (left !== this.#unsent) {
      this.#unsent = left;
      this.#unsentSinceMs = now;
      return true;
    }
    return left > 0 && now - this.#unsentSinceMs < this.manager.settings.streamIdleTimeoutMs;
  }

  #countBytes(): void {
    const connection = this.#callbacks.connection;
    const counted = this.#counted;
    const received = connection.bytesReceived - counted.received;
    const sent = connection.bytesSent - counted.sent;
    if (received > 0) this.manager.stats.cxRxBytes.add(received);
    if (sent > 0) this.manager.stats.cxTxBytes.add(sent);
    counted.received = connection.bytesReceived;
    counted.sent = connection.bytesSent;
  }
}
