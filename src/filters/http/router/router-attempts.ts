/**
 * The tries of one request: starts them, judges how they end, makes further ones after a back-off or beside a slow one (hedging), bounds
 * them all by the overall timeout, and answers in the upstream's place when none of them did. Behaviour: spec/resilience.md §2.1-2.3.
 */
import type { Cluster, ConnectionTimes, HttpPool } from '../../../cluster/api.ts';
import type { RequestEncoder } from '../../../http/codec.ts';
import type { HeaderMap, ResponseHeaders } from '../../../http/header-map.ts';
import { ResetReason } from '../../../http/reset-reason.ts';
import { Flag } from '../../../http/response-flags.ts';
import { type Host, HostResult } from '../../../lb/host.ts';
import { type RetryState, RetryStatus } from '../../../resilience/retry-state.ts';
import { Timer, type TimerTarget } from '../../../runtime/clock.ts';
import { chargeAbort, chargeResponse, chargeTimeout, recordBudget } from './accounting.ts';
import { logRetry } from './debug-lines.ts';
import { RequestBody } from './request-body.ts';
import type { RouterFilterFactory } from './router-filter-factory.ts';
import { RouterRequest } from './router-request.ts';
import { setTimeoutHeaders } from './timeouts.ts';
import { type AttemptParent, UpstreamAttempt } from './upstream-attempt.ts';

const GLOBAL_TIMEOUT = 0;
const BACK_OFF = 1;

/** From this on a connection counts as one that its peer may be about to close. */
const LONG_IDLE_MS = 500;
/** Of a body that is kept only for the case that such a connection fails. */
const REPLAYED_BODY_LIMIT = 64 * 1024;
/** Nobody minds if these are executed twice: RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** What becomes of a response when retries are possible. */
export const Verdict = {
  /** The client gets it. */
  Pass: 0,
  /** The client gets it unless another try may still do better. */
  Unwanted: 1,
  /** Another try is made in its place. */
  Retried: 2,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

export abstract class RouterAttempts extends RouterRequest implements AttemptParent, TimerTarget {
  requestComplete: boolean;
  responseStarted: boolean;
  isWebSocket: boolean;
  /** Clock time; -1 = the request has not ended. */
  protected requestCompleteMs: number;
  /** The try that was started last, or the one whose response the client gets. */
  protected attempt: UpstreamAttempt | null;
  /** Earlier tries that may answer yet (hedging); null if there was never one. */
  #earlier: UpstreamAttempt[] | null;
  protected attempts: number;
  /** The request is on its way upstream: from here on answers carry the attempt count. */
  protected forwarding: boolean;
  protected retry: RetryState | null;
  protected body: RequestBody | null;
  protected trailers: HeaderMap | null;
  /** `body` is kept for a replay alone. */
  protected bodyIsSpare: boolean;
  /** Some of the body has passed and was not kept. */
  protected bodyLost: boolean;
  #replayed: boolean;
  #timeoutRetry: boolean;
  /** Of weighted clusters; null before a retry may go to another one. */
  #triedEntries: Set<number> | null;
  #globalTimer: Timer | null;
  #backOffTimer: Timer | null;

  constructor(factory: RouterFilterFactory) {
    super(factory);
    this.requestComplete = false;
    this.responseStarted = false;
    this.isWebSocket = false;
    this.requestCompleteMs = -1;
    this.attempt = null;
    this.#earlier = null;
    this.attempts = 1;
    this.forwarding = false;
    this.retry = null;
    this.body = null;
    this.trailers = null;
    this.bodyIsSpare = false;
    this.bodyLost = false;
    this.#replayed = false;
    this.#timeoutRetry = false;
    this.#triedEntries = null;
    this.#globalTimer = null;
    this.#backOffTimer = null;
  }

  abstract onAttemptReady(attempt: UpstreamAttempt, encoder: RequestEncoder, opened: ConnectionTimes | null): void;
  abstract onAttemptRefusesUpgrade(attempt: UpstreamAttempt, headers: ResponseHeaders): void;
  abstract onAttempt1xx(attempt: UpstreamAttempt, headers: ResponseHeaders): void;
  abstract onAttemptHeaders(attempt: UpstreamAttempt, headers: ResponseHeaders, end: boolean): void;
  abstract onAttemptData(attempt: UpstreamAttempt, chunk: Buffer, end: boolean): void;
  abstract onAttemptTrailers(attempt: UpstreamAttempt, trailers: HeaderMap): void;
  abstract onAttemptReset(attempt: UpstreamAttempt, reason: ResetReason, transportFailure: string): void;

  maxStreamDurationMs(): number {
    return this.upstreamStreamDurationMs >= 0 ? this.upstreamStreamDurationMs : this.cluster.settings.http.maxStreamDurationMs;
  }

  onAttemptTimeout(attempt: UpstreamAttempt, idle: boolean): void {
    if (this.hedges) {
      this.#hedge(attempt);
      return;
    }
    const stats = this.cluster.stats;
    if (idle) stats.upstreamRqPerTryIdleTimeout.inc();
    else stats.upstreamRqPerTryTimeout.inc();
    attempt.countResult(HostResult.Timeout);
    this.forget(attempt);
    attempt.reset();
    if (this.retriesReset(attempt, ResetReason.LocalReset, true)) return;
    chargeAbort(this, this.timeoutStatus, attempt, this.responseStarted);
    this.#abortTimeout(idle ? 'upstream_per_try_idle_timeout' : 'upstream_per_try_timeout');
  }

  onAttemptMaxDuration(attempt: UpstreamAttempt): void {
    this.cluster.stats.upstreamRqMaxDurationReached.inc();
    this.forget(attempt);
    attempt.reset();
    if (this.retriesReset(attempt, ResetReason.LocalReset, false)) return;
    const status = this.requestComplete ? 504 : 408;
    this.abort(status, 'upstream max stream duration reached', Flag.UMSDR, 'upstream_max_stream_duration_reached', false);
  }

  onUpstreamBackedUp(): void {
    this.cluster.stats.upstreamFlowControlBackedUp.inc();
  }
  onUpstreamDrained(): void {
    this.cluster.stats.upstreamFlowControlDrained.inc();
  }

  onTimer(timer: Timer): void {
    if (timer.kind === BACK_OFF) this.#tryAgain();
    else this.#onGlobalTimeout();
  }

  protected start(attempt: UpstreamAttempt, end: boolean): void {
    this.attempt = attempt;
    this.stream.info.upstreamHost = attempt.picked;
    attempt.start(end);
  }

  /** A retry waits for its time. */
  protected get waitsForRetry(): boolean {
    return this.#backOffTimer?.armed === true;
  }

  /** `attempt` has come to its end, or was given up. */
  protected forget(attempt: UpstreamAttempt): void {
    if (this.attempt === attempt) this.attempt = null;
    else if (this.#earlier !== null) {
      const i = this.#earlier.indexOf(attempt);
      if (i >= 0) this.#earlier.splice(i, 1);
    }
  }

  /** Some other try may still answer, or is about to be made. */
  protected get othersMayAnswer(): boolean {
    if (this.waitsForRetry || this.attempt?.awaitingHeaders === true) return true;
    return this.#earlier?.some((attempt) => attempt.awaitingHeaders) === true;
  }

  /** The client gets the response of `winner`: all others are given up. */
  protected settleOn(winner: UpstreamAttempt): void {
    const last = this.attempt;
    if (last === winner && this.#earlier === null) return;
    this.attempt = winner;
    // What was noted of the try that was started last is said of this one.
    this.stream.info.upstreamHost = winner.host;
    this.stream.info.upstreamConnectionId = winner.connectionId;
    if (last !== null && last !== winner) last.reset();
    this.#resetEarlier(winner);
  }

  /** Gives all tries up. */
  protected resetAll(): void {
    const attempt = this.attempt;
    this.attempt = null;
    attempt?.reset();
    this.#resetEarlier(null);
  }

  #resetEarlier(but: UpstreamAttempt | null): void {
    const earlier = this.#earlier;
    this.#earlier = null;
    if (earlier !== null) for (const attempt of earlier) if (attempt !== but) attempt.reset();
  }

  /** What to do with a response: see `Verdict`. */
  protected judgeResponse(attempt: UpstreamAttempt, headers: ResponseHeaders): Verdict {
    const retry = this.retry!;
    // A try that another one was started beside is not made a third time.
    if (attempt.hedged) return retry.wouldRetryResponse(headers) ? Verdict.Unwanted : Verdict.Pass;
    const status = this.#judge(retry.retrying, retry.onResponseHeaders(headers));
    if (status !== RetryStatus.Yes) return status === RetryStatus.No ? Verdict.Pass : Verdict.Unwanted;
    attempt.countResult(HostResult.Error);
    this.cluster.stats.recordRetriedResponse(headers.status);
    this.forget(attempt);
    attempt.reset();
    this.#waitForRetry(false);
    return Verdict.Retried;
  }

  protected retriesReset(attempt: UpstreamAttempt, reason: ResetReason, timeout: boolean): boolean {
    if (this.responseStarted || this.retry === null || attempt.hedged) return false;
    const status = this.#judge(this.retry.retrying, this.retry.onReset(reason, attempt.requestStarted));
    if (status !== RetryStatus.Yes) return false;
    attempt.countResult(HostResult.Error);
    this.#waitForRetry(timeout);
    return true;
  }

  /** The request goes over a connection that was idle since `idleSinceMs`: what comes of its body is kept, in case that was too long. */
  protected onReused(idleSinceMs: number, nowMs: number): void {
    if (this.requestComplete || this.body !== null || this.bodyLost || this.#replayed || nowMs - idleSinceMs < LONG_IDLE_MS) return;
    this.body = new RequestBody(REPLAYED_BODY_LIMIT);
    this.bodyIsSpare = true;
  }

  /**
   * A connection that the peer closed while it was idle took the request with it. It is sent again, once, over a new connection, whatever
   * the retry policy says, if it is known that nobody has read it, or if nobody would mind.
   */
  protected replays(attempt: UpstreamAttempt, reason: ResetReason): boolean {
    if (this.#replayed || this.responseStarted || this.bodyLost || this.#earlier !== null || !this.isStale(attempt, reason)) return false;
    if (reason !== ResetReason.ConnectionTerminationUnread && !IDEMPOTENT.has(this.headers.method)) return false;
    const host = attempt.host;
    if (host === null || this.stream.isTunnel) return false;
    this.#replayed = true;
    this.cluster.stats.recordStaleReplay();
    this.stream.info.retried();
    attempt.pool.closeIdle?.(attempt.idleSinceMs);
    this.#sendAgain(attempt.pool, host);
    return true;
  }

  /** The connection ended, before any answer, after it had been idle for long, or before anybody had read the request. */
  protected isStale(attempt: UpstreamAttempt, reason: ResetReason): boolean {
    if (attempt.idleSinceMs < 0 || !attempt.requestStarted) return false;
    if (reason === ResetReason.ConnectionTerminationUnread) return true;
    return reason === ResetReason.ConnectionTermination && this.stream.info.firstUpstreamTxMs - attempt.idleSinceMs >= LONG_IDLE_MS;
  }

  /** hedge_on_per_try_timeout: `attempt` goes on, and another one is made beside it. */
  #hedge(attempt: UpstreamAttempt): void {
    if (this.responseStarted || this.retry === null) return;
    if (this.#judge(this.retry.retrying, this.retry.onHedge()) !== RetryStatus.Yes) return;
    attempt.hedged = true;
    this.#waitForRetry(true);
  }

  /** @param retrying this was a retry already */
  #judge(retrying: boolean, status: RetryStatus): RetryStatus {
    const info = this.stream.info;
    if (status === RetryStatus.NoOverflow) info.flags |= Flag.UO;
    else if (status === RetryStatus.NoRetryLimitExceeded) info.flags |= Flag.URX;
    if (this.routeStats !== null) this.routeStats.countRetry(status, retrying);
    if (this.virtualClusterStats !== null) this.virtualClusterStats.countRetry(status, retrying);
    return status;
  }

  #waitForRetry(timeout: boolean): void {
    this.#timeoutRetry = timeout;
    this.#backOffTimer ??= new Timer(this, BACK_OFF);
    this.stream.clock.arm(this.#backOffTimer, this.retry!.delayMs);
  }

  #tryAgain(): void {
    const { stream, headers } = this;
    const { name } = this.cluster;
    const refreshes = this.action.retryPolicy?.refreshCluster === true;
    this.attempts++;
    stream.info.attemptCount = this.attempts;
    // The cluster may have been removed or replaced meanwhile.
    const cluster = refreshes ? this.#refreshedCluster() : stream.clusters.get(name);
    if (refreshes && cluster === null) {
      this.answerNoHost();
      return;
    }
    this.retry!.onRetryStart();
    if (this.routeStats !== null) this.routeStats.upstreamRqRetry.inc();
    if (this.virtualClusterStats !== null) this.virtualClusterStats.upstreamRqRetry.inc();
    stream.info.retried();
    if (this.factory.log.debugEnabled) logRetry(this.factory.log, this, this.attempts);
    if (cluster !== null) this.cluster = cluster;
    const host = cluster === null ? null : cluster.chooseHost(this);
    const pool = host === null ? null : this.poolOf(this.cluster, host);
    if (host === null || pool === null) {
      this.answerNoHost();
      return;
    }
    const virtualHost = this.route.virtualHost;
    if (virtualHost.includeRequestAttemptCount) headers.set('x-envoy-attempt-count', String(this.attempts));
    if (virtualHost.includeIsTimeoutRetryHeader) headers.set('x-envoy-is-timeout-retry', this.#timeoutRetry ? 'true' : 'false');
    const elapsedMs = this.requestCompleteMs < 0 ? 0 : Math.floor(stream.clock.nowMs() - this.requestCompleteMs);
    setTimeoutHeaders(this, this.action, headers, this.grpc, elapsedMs, this.factory.settings.suppressEnvoyHeaders);
    if (this.attempt !== null) {
      this.#earlier ??= [];
      this.#earlier.push(this.attempt);
    }
    this.#sendAgain(pool, host);
  }

  /** The cluster that the route names now: of weighted clusters one that has not been tried. null = none that is known. */
  #refreshedCluster(): Cluster | null {
    const { stream, headers } = this;
    const { info } = stream;
    const entries = this.route.entries ?? null;
    if (entries !== null) {
      this.#triedEntries ??= new Set();
      this.route = entries.another(this.route, this.#triedEntries, headers, info, info.randomValue);
    }
    const action = this.route.action!;
    const name = action.clusterName(headers, info);
    const cluster = name === '' ? null : stream.clusters.get(name);
    if (cluster === null) {
      info.upstreamCluster = '';
      info.upstreamClusterObservabilityName = '';
      return null;
    }
    this.action = action;
    this.useCluster(cluster);
    this.retry!.retarget(cluster.circuitBreaker(action.priority).retries, cluster.stats);
    return cluster;
  }

  #sendAgain(pool: HttpPool, host: Host): void {
    const body = this.body;
    const attempt = new UpstreamAttempt(this, this.stream, this.headers, pool, host);
    this.start(attempt, this.requestComplete && this.trailers === null && (body === null || body.empty));
    if (body !== null) body.replay(attempt, this.requestComplete, this.trailers);
    if (this.trailers !== null) attempt.sendTrailers(this.trailers);
  }

  #onGlobalTimeout(): void {
    const attempt = this.attempt;
    this.attempt = null;
    if (this.#earlier !== null) for (const earlier of this.#earlier.splice(0)) this.#timeOut(earlier);
    if (attempt !== null) this.#timeOut(attempt);
    this.#abortTimeout('response_timeout');
  }

  #timeOut(attempt: UpstreamAttempt): void {
    chargeTimeout(this, attempt);
    if (attempt.awaitingHeaders) {
      chargeAbort(this, this.timeoutStatus, attempt, this.responseStarted);
      attempt.meter?.ignoreBudget();
    }
    attempt.reset();
  }

  #abortTimeout(details: string): void {
    if (this.cluster.stats.budgets !== null)
      recordBudget(this.cluster.stats.budgets, this.requestCompleteMs, this.stream.clock.nowMs(), this.globalTimeoutMs);
    this.abort(this.timeoutStatus, this.timeoutStatus === 504 ? 'upstream request timeout' : '', Flag.UT, details, false);
  }

  /** Answers in the upstream's place; a response that has started is cut off. */
  protected abort(status: number, body: string, flag: number, details: string, dropped: boolean): void {
    this.cleanUp();
    const attempts = this.forwarding ? this.attempts : 0;
    this.stream.localReply(status, body, flag, details, this.replyEditor(dropped, attempts));
  }

  protected answerNoHost(): void {
    chargeResponse(this, 503, null, null);
    this.abort(503, 'no healthy upstream', Flag.UH, 'no_healthy_upstream', false);
  }

  protected armGlobal(): void {
    if (this.globalTimeoutMs === 0) return;
    this.#globalTimer ??= new Timer(this, GLOBAL_TIMEOUT);
    this.stream.clock.arm(this.#globalTimer, this.globalTimeoutMs);
  }

  protected disarmGlobal(): void {
    if (this.#globalTimer !== null) this.stream.clock.disarm(this.#globalTimer);
  }

  protected dropRetry(): void {
    if (this.retry === null) return;
    this.retry.dispose();
    this.retry = null;
    if (this.#backOffTimer !== null) this.stream.clock.disarm(this.#backOffTimer);
  }

  protected cleanUp(): void {
    this.dropRetry();
    this.disarmGlobal();
    this.body = null;
  }
}
