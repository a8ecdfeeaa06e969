/**
 * One try at one upstream host: waits for a pool connection, writes the request, hands the response to the router filter. It keeps what
 * comes before the connection is there, holds the downstream back while upstream cannot take more, and owns the timers of the try.
 */
import type { ConnectionTimes, HttpPool, PoolClient } from '../../../cluster/api.ts';
import type { ActiveTrace, AttemptTrace } from '../../../http/active-trace.ts';
import type { RequestEncoder } from '../../../http/codec.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { RESET_REASON_TEXT, ResetReason } from '../../../http/reset-reason.ts';
import { Flag } from '../../../http/response-flags.ts';
import type { Host, HostResult } from '../../../lb/host.ts';
import { keepChunk } from '../../../net/connection.ts';
import { Timer, type TimerTarget } from '../../../runtime/clock.ts';
import type { TerminalHttpStream } from '../../api.ts';
import type { AttemptMeter } from './attempt-meter.ts';
import { reportResponse } from './passive-health.ts';
import { resetFlag } from './reset-replies.ts';
import type { UpstreamLog } from './upstream-log.ts';
import { recordPoolFailure } from './upstream-timing.ts';

/** What an attempt asks and tells the router filter. */
export interface AttemptParent {
  readonly perTryTimeoutMs: number;
  readonly perTryIdleTimeoutMs: number;
  /** The downstream request has come in completely. */
  readonly requestComplete: boolean;
  /** Something of the response (a 1xx counts) went downstream: a try that takes too long is not given up any more. */
  readonly responseStarted: boolean;
  readonly isWebSocket: boolean;
  readonly grpc: boolean;
  /** Status of the answer to a request that takes too long. */
  readonly timeoutStatus: number;
  /** 0 = none. */
  maxStreamDurationMs(): number;
  /** null: this try is not logged. */
  openLog(picked: Host): UpstreamLog | null;
  /** null: its cluster does not track it. */
  openMeter(): AttemptMeter | null;
  /** null: it has no span of its own. */
  openTrace(): AttemptTrace | null;
  onAttemptReady(attempt: UpstreamAttempt, encoder: RequestEncoder, opened: ConnectionTimes | null): void;
  /** A WebSocket handshake got neither 101 nor an error. */
  onAttemptRefusesUpgrade(attempt: UpstreamAttempt, headers: ResponseHeaders): void;
  onAttempt1xx(attempt: UpstreamAttempt, headers: ResponseHeaders): void;
  onAttemptHeaders(attempt: UpstreamAttempt, headers: ResponseHeaders, end: boolean): void;
  onAttemptData(attempt: UpstreamAttempt, chunk: Buffer, end: boolean): void;
  onAttemptTrailers(attempt: UpstreamAttempt, trailers: HeaderMap): void;
  onAttemptReset(attempt: UpstreamAttempt, reason: ResetReason, transportFailure: string): void;
  onAttemptTimeout(attempt: UpstreamAttempt, idle: boolean): void;
  onAttemptMaxDuration(attempt: UpstreamAttempt): void;
  onUpstreamBackedUp(): void;
  onUpstreamDrained(): void;
}

const PER_TRY = 0;
const PER_TRY_IDLE = 1;
const MAX_DURATION = 2;

/** Whether a response with `status` turns the stream into a tunnel. */
export function acceptsTunnel(request: RequestHeaders, status: number): boolean {
  return request.method === 'CONNECT' ? status >= 200 && status < 300 : status === 101;
}

export class UpstreamAttempt implements PoolClient, TimerTarget {
  readonly #parent: AttemptParent;
  readonly #stream: TerminalHttpStream;
  readonly #headers: RequestHeaders;
  readonly #pool: HttpPool;
  /** Whom balancing picked. */
  readonly picked: Host;
  /** Who was asked: known once the pool has answered, and null when a breaker kept the request away from every host. */
  host: Host | null;
  /** Some of the request was written: nobody knows whether the upstream acted on it. */
  requestStarted: boolean;
  awaitingHeaders: boolean;
  /** gRPC: whether the host did well is known when its trailers come. */
  grpcResultPending: boolean;
  canary: boolean;
  /** Since when its connection had been idle; -1 = a new one, or not known. */
  idleSinceMs: number;
  /** It was slow, and another try was made beside it. */
  hedged: boolean;
  readonly #log: UpstreamLog | null;
  readonly #trace: AttemptTrace | null;
  readonly meter: AttemptMeter | null;
  #encoder: RequestEncoder | null;
  #inPool: boolean;
  #over: boolean;
  /** The router has given the whole request. */
  #requestEnd: boolean;
  /** … and all of it was encoded. */
  #encoded: boolean;
  #responseEnd: boolean;
  /** An upgrade or CONNECT: payload waits until the upstream has accepted it. */
  #awaitsAccept: boolean;
  #seen1xx: boolean;
  #timeoutReported: boolean;
  #held: Buffer[] | null;
  #heldBytes: number;
  #heldTrailers: HeaderMap | null;
  /** How often this attempt holds the downstream back. */
  #pauses: number;
  #heldOverLimit: boolean;
  #readDisables: number;
  #timersAtRequestEnd: boolean;
  #perTryTimer: Timer | null;
  #perTryIdleTimer: Timer | null;
  #maxDurationTimer: Timer | null;

  constructor(parent: AttemptParent, stream: TerminalHttpStream, headers: RequestHeaders, pool: HttpPool, host: Host) {
    this.#parent = parent;
    this.#stream = stream;
    this.#headers = headers;
    this.#pool = pool;
    this.picked = host;
    this.host = null;
    this.requestStarted = false;
    this.awaitingHeaders = true;
    this.grpcResultPending = false;
    this.canary = false;
    this.idleSinceMs = -1;
    this.hedged = false;
    this.#log = parent.openLog(host);
    this.#trace = stream.info.trace === null ? null : parent.openTrace();
    this.meter = parent.openMeter();
    this.#encoder = null;
    this.#inPool = false;
    this.#over = false;
    this.#requestEnd = false;
    this.#encoded = false;
    this.#responseEnd = false;
    this.#awaitsAccept = false;
    this.#seen1xx = false;
    this.#timeoutReported = false;
    this.#held = null;
    this.#heldBytes = 0;
    this.#heldTrailers = null;
    this.#pauses = 0;
    this.#heldOverLimit = false;
    this.#readDisables = 0;
    this.#timersAtRequestEnd = false;
    this.#perTryTimer = null;
    this.#perTryIdleTimer = null;
    this.#maxDurationTimer = null;
  }

  /** The request and the response have both passed completely. */
  get complete(): boolean {
    return this.#encoded && this.#responseEnd;
  }

  get pool(): HttpPool {
    return this.#pool;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Of the upstream connection that carries it; 0 = none. */
  get connectionId(): number {
    return this.#encoder === null ? 0 : this.#encoder.connection.id;
  }

  countResult(result: HostResult): void {
    if (this.host !== null) this.host.onResult(result);
  }

  /** Too late for the host's passive health: once, also where hedging goes on waiting. Nobody is blamed while no connection could be had. */
  reportTimeout(): void {
    const monitor = this.host === null ? null : this.host.monitor;
    if (monitor === null || this.#timeoutReported) return;
    this.#timeoutReported = true;
    monitor.onTimeout(this.#parent.timeoutStatus);
  }

  /** Asks for a connection; whatever comes of it may come from inside this call. */
  start(end: boolean): void {
    this.#requestEnd = end;
    this.#inPool = true;
    if (this.#stream.isTunnel) {
      this.#awaitsAccept = true;
      // The request does not end before it is accepted. Envoy bounds the wait for WebSockets, not for other upgrades.
      if (this.#parent.isWebSocket) this.#armPerTry();
    }
    this.#pool.acquire(this);
    // Without a wait no clock is read: what took no time began when it ended.
    if (this.#inPool) this.#stream.info.poolRequestMs = this.#stream.clock.nowMs();
  }

  sendData(chunk: Buffer, end: boolean): void {
    if (this.#over) return;
    this.#requestEnd = end;
    if (this.#encoder === null || this.#awaitsAccept) {
      this.#hold(keepChunk(chunk));
      return;
    }
    this.#encodeData(this.#encoder, chunk, end);
  }

  sendTrailers(trailers: HeaderMap): void {
    if (this.#over) return;
    this.#requestEnd = true;
    if (this.#encoder === null || this.#awaitsAccept) {
      this.#heldTrailers = trailers;
      return;
    }
    this.#encodeTrailers(this.#encoder, trailers);
  }

  onRequestComplete(): void {
    if (this.#timersAtRequestEnd && !this.#over) this.#armPerTry();
  }

  /** Counted: the downstream peer reads too slowly. */
  readDisable(disable: boolean): void {
    // A peer that was slow before the response began may catch up after: that is no pause of ours.
    if (this.#encoder === null || (!disable && this.#readDisables === 0)) return;
    this.#readDisables += disable ? 1 : -1;
    this.#encoder.readDisable(disable);
  }

  /** Gives the try up. Nothing is called from it afterwards. */
  reset(): void {
    if (this.#over) return;
    const encoder = this.#encoder;
    const inPool = this.#inPool;
    const complete = this.complete;
    if (this.#trace !== null && !complete) this.#trace.onCanceled();
    this.finish();
    if (inPool) this.#pool.cancel(this);
    else if (encoder !== null && !complete) encoder.reset(ResetReason.LocalReset);
  }

  /** Lets go of timers and held data. */
  finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#inPool = false;
    if (this.#log !== null) this.#log.onEnd();
    if (this.#trace !== null) this.#trace.finish();
    if (this.meter !== null) this.meter.onEnd(this.#headers);
    const encoder = this.#encoder;
    this.#encoder = null;
    this.#held = null;
    this.#disarm();
    // A connection that goes back to its pool must not stay paused.
    for (; encoder !== null && this.#readDisables > 0; this.#readDisables--) encoder.readDisable(false);
    for (; this.#pauses > 0; this.#pauses--) {
      this.#parent.onUpstreamDrained();
      this.#stream.pauseRequest(false);
    }
  }

  onPoolReady(encoder: RequestEncoder, host: Host, opened: ConnectionTimes | null = null, idleSinceMs = -1): void {
    if (this.#over) return;
    this.#inPool = false;
    this.idleSinceMs = idleSinceMs;
    this.#encoder = encoder;
    this.host = host;
    if (host.monitor !== null) host.monitor.onConnected();
    this.#parent.onAttemptReady(this, encoder, opened);
    if (this.#log !== null) this.#log.onReady(encoder, host, opened);
    if (this.#stream.info.trace !== null) this.#propagate(this.#stream.info.trace, encoder, host);
    if (this.#perTryTimer === null && this.#perTryIdleTimer === null) {
      if (this.#parent.requestComplete) this.#armPerTry();
      else this.#timersAtRequestEnd = true;
    }
    const maxDuration = this.#parent.maxStreamDurationMs();
    if (maxDuration > 0) {
      this.#maxDurationTimer = new Timer(this, MAX_DURATION);
      this.#stream.clock.arm(this.#maxDurationTimer, maxDuration);
    }
    const end = this.#requestEnd && this.#held === null && this.#heldTrailers === null;
    this.requestStarted = true;
    this.#encoded = end;
    encoder.encodeHeaders(this.#headers, end);
    if (!end && !this.#awaitsAccept) this.#releaseHeld();
  }

  onPoolFailure(reason: ResetReason, transportFailure: string, host: Host | null): void {
    if (this.#over) return;
    this.#inPool = false;
    this.host = host;
    recordPoolFailure(this.#stream);
    if (this.#trace !== null && host !== null) this.#trace.onReady(host.address, '');
    if (this.#log !== null) this.#log.info.upstreamTransportFailureReason = transportFailure;
    this.#end(reason, transportFailure);
  }

  on1xxHeaders(headers: ResponseHeaders): void {
    // Like Envoy's filter manager, whoever comes after handles one of them.
    if (this.#over || this.#seen1xx) return;
    this.#seen1xx = true;
    this.#parent.onAttempt1xx(this, headers);
  }

  onResponseHeaders(headers: ResponseHeaders, end: boolean): void {
    if (this.#over) return;
    const status = headers.status;
    this.#touchIdle();
    if (status < 200 && status !== 101) return;
    const monitor = this.host!.monitor;
    if (monitor !== null) reportResponse(monitor, headers, this.#parent.grpc);
    this.awaitingHeaders = false;
    this.#responseEnd = end;
    if (this.#log !== null) this.#log.onHeaders(headers);
    if (this.meter !== null) this.meter.onHeaders(headers);
    if (this.#trace !== null) this.#trace.onHeaders(headers, end);
    const host = this.host;
    if (host !== null && host.failureReporter !== null && headers.has('x-envoy-immediate-health-check-fail'))
      host.failureReporter.reportFailing(host);
    if (this.#awaitsAccept && acceptsTunnel(this.#headers, status)) {
      this.#awaitsAccept = false;
      // What flows now is no request any more: only idle timeouts bound it.
      this.#timersAtRequestEnd = false;
      this.#disarmPerTry();
      this.#parent.onAttemptHeaders(this, headers, end);
      this.#releaseHeld();
    } else if (this.#awaitsAccept && this.#parent.isWebSocket && status < 400 && this.#encoder?.protocol !== 'HTTP/2')
      this.#parent.onAttemptRefusesUpgrade(this, headers);
    else this.#parent.onAttemptHeaders(this, headers, end);
  }

  onResponseData(chunk: Buffer, end: boolean): void {
    if (this.#over) return;
    this.#touchIdle();
    this.#responseEnd = end;
    if (this.#log !== null) this.#log.info.bytesReceived += chunk.length;
    if (this.meter !== null) this.meter.responseBody += chunk.length;
    this.#parent.onAttemptData(this, chunk, end);
  }

  onResponseTrailers(trailers: HeaderMap): void {
    if (this.#over) return;
    this.#responseEnd = true;
    if (this.#log !== null) this.#log.onTrailers(trailers);
    if (this.#trace !== null) this.#trace.onTrailers(trailers);
    this.#parent.onAttemptTrailers(this, trailers);
  }

  onResponseReset(reason: ResetReason, transportFailure: string): void {
    if (this.#over) return;
    this.#end(reason, transportFailure);
  }

  onAboveWriteBufferHighWatermark(): void {
    if (this.#over) return;
    this.#pause();
  }

  onBelowWriteBufferLowWatermark(): void {
    if (this.#over || this.#pauses === 0) return;
    this.#unpause();
  }

  onTimer(timer: Timer): void {
    if (timer.kind === MAX_DURATION) {
      this.#flag(Flag.UMSDR);
      this.#parent.onAttemptMaxDuration(this);
      return;
    }
    if (timer.kind !== PER_TRY || !this.#parent.responseStarted) this.reportTimeout();
    if (timer.kind === PER_TRY) {
      // Data must not arm the idle timer again: one of the two gives the try up, once.
      if (this.#perTryIdleTimer !== null) this.#stream.clock.disarm(this.#perTryIdleTimer);
      this.#perTryIdleTimer = null;
      if (this.#parent.responseStarted) return;
      this.#flag(Flag.UT);
      this.#parent.onAttemptTimeout(this, false);
      return;
    }
    if (this.#perTryTimer !== null) this.#stream.clock.disarm(this.#perTryTimer);
    this.#flag(Flag.SI);
    this.#parent.onAttemptTimeout(this, true);
  }

  /** What goes upstream names the span that it belongs to. */
  #propagate(trace: ActiveTrace, encoder: RequestEncoder, host: Host): void {
    if (this.#trace === null) {
      trace.inject(this.#headers);
      return;
    }
    this.#trace.onReady(host.address, encoder.protocol);
    this.#trace.inject(this.#headers);
  }

  #flag(flag: number): void {
    if (this.#log !== null) this.#log.info.flags |= flag;
    if (this.#trace !== null) this.#trace.onFlag(flag);
  }

  #end(reason: ResetReason, transportFailure: string): void {
    this.awaitingHeaders = false;
    // The stream is gone already: nothing is left to be reset or resumed.
    this.#encoder = null;
    this.#flag(resetFlag(reason));
    if (this.#trace !== null) this.#trace.onReset(RESET_REASON_TEXT[reason]!);
    this.finish();
    // A full circuit breaker is the cluster's doing, not the host's; and hosts may close connections that are idle.
    const innocent = reason === ResetReason.Overflow || reason === ResetReason.ConnectionTerminationUnread;
    const monitor = this.host === null || innocent ? null : this.host.monitor;
    if (monitor !== null) monitor.onConnectFailed();
    this.#parent.onAttemptReset(this, reason, transportFailure);
  }

  #hold(chunk: Buffer): void {
    this.#held ??= [];
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > this.#stream.bufferLimit && !this.#heldOverLimit) {
      this.#heldOverLimit = true;
      this.#pause();
    }
  }

  #releaseHeld(): void {
    const held = this.#held;
    this.#held = null;
    this.#heldBytes = 0;
    if (held !== null) {
      const last = held.length - 1;
      for (let i = 0; i <= last && this.#encoder !== null; i++) {
        this.#encodeData(this.#encoder, held[i]!, i === last && this.#requestEnd && this.#heldTrailers === null);
      }
    }
    const trailers = this.#heldTrailers;
    this.#heldTrailers = null;
    if (trailers !== null && this.#encoder !== null) this.#encodeTrailers(this.#encoder, trailers);
    if (this.#heldOverLimit && !this.#over) {
      this.#heldOverLimit = false;
      this.#unpause();
    }
  }

  #encodeData(encoder: RequestEncoder, chunk: Buffer, end: boolean): void {
    if (end) this.#markEncoded();
    if (this.#log !== null) this.#log.info.bytesSent += chunk.length;
    if (this.meter !== null) this.meter.requestBody += chunk.length;
    encoder.encodeData(chunk, end);
  }

  #encodeTrailers(encoder: RequestEncoder, trailers: HeaderMap): void {
    this.#markEncoded();
    encoder.encodeTrailers(trailers);
  }

  #markEncoded(): void {
    this.#encoded = true;
    this.#stream.info.lastUpstreamTxMs = this.#stream.clock.nowMs();
  }

  #pause(): void {
    this.#pauses++;
    this.#parent.onUpstreamBackedUp();
    this.#stream.pauseRequest(true);
  }

  #unpause(): void {
    this.#pauses--;
    this.#parent.onUpstreamDrained();
    this.#stream.pauseRequest(false);
  }

  #armPerTry(): void {
    const clock = this.#stream.clock;
    if (this.#parent.perTryTimeoutMs > 0) {
      this.#perTryTimer = new Timer(this, PER_TRY);
      clock.arm(this.#perTryTimer, this.#parent.perTryTimeoutMs);
    }
    if (this.#parent.perTryIdleTimeoutMs > 0) {
      this.#perTryIdleTimer = new Timer(this, PER_TRY_IDLE);
      clock.arm(this.#perTryIdleTimer, this.#parent.perTryIdleTimeoutMs);
    }
  }

  #touchIdle(): void {
    if (this.#perTryIdleTimer !== null) this.#stream.clock.arm(this.#perTryIdleTimer, this.#parent.perTryIdleTimeoutMs);
  }

  #disarmPerTry(): void {
    if (this.#perTryTimer !== null) this.#stream.clock.disarm(this.#perTryTimer);
    if (this.#perTryIdleTimer !== null) this.#stream.clock.disarm(this.#perTryIdleTimer);
    this.#perTryTimer = null;
    this.#perTryIdleTimer = null;
  }

  #disarm(): void {
    this.#disarmPerTry();
    if (this.#maxDurationTimer !== null) this.#stream.clock.disarm(this.#maxDurationTimer);
    this.#maxDurationTimer = null;
  }
}
