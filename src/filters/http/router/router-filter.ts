/**
 * The last HTTP filter: finds cluster and host for a request, forwards it, and answers with the response, or with what Envoy answers
 * when there is none. Behaviour: spec/resilience.md §2.1-2.3, routing.md §1.0. One object a request; one UpstreamAttempt a try.
 */
import type { ConnectionTimes } from '../../../cluster/api.ts';
import type { RequestEncoder } from '../../../http/codec.ts';
import { isGrpcRequest } from '../../../http/grpc-status.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { ResetReason } from '../../../http/reset-reason.ts';
import { Flag } from '../../../http/response-flags.ts';
import { HostResult } from '../../../lb/host.ts';
import { keepChunk } from '../../../net/connection.ts';
import { createRetryState } from '../../../resilience/retry-state.ts';
import { updateAuthority } from '../../../route/action/rewrite/rewrite.ts';
import { type HttpStream, Status, type TerminalHttpStream, type WatermarkListener } from '../../api.ts';
import { chargeAbort, chargeHost, chargeResponse, recordBudget, recordTime } from './accounting.ts';
import { answerDirectly, answerRefusedUpgrade, hasEnvoyHeaders, isWebSocketUpgrade } from './answers.ts';
import { logReset } from './debug-lines.ts';
import { grpcToHttpStatus, readGrpcStatus } from './grpc.ts';
import { followRedirect } from './internal-redirect.ts';
import { RequestBody } from './request-body.ts';
import { resetBody, resetDetails, resetFlag, resetStatus, staleWords } from './reset-replies.ts';
import { RouterAttempts, Verdict } from './router-attempts.ts';
import type { RouterFilterFactory } from './router-filter-factory.ts';
import { prepareShadows, type Shadows } from './shadow.ts';
import { readTimeouts, setTimeoutHeaders } from './timeouts.ts';
import { acceptsTunnel, UpstreamAttempt } from './upstream-attempt.ts';
import { recordReady } from './upstream-timing.ts';

const CLOSED_PREMATURELY = 'upstream is closed prematurely during decoding data from downstream';

export class RouterFilter extends RouterAttempts implements WatermarkListener {
  #bodyOverflowed: boolean;
  /** Copies that still want the rest of the request. */
  #shadows: Shadows | null;

  constructor(factory: RouterFilterFactory) {
    super(factory);
    this.#bodyOverflowed = false;
    this.#shadows = null;
  }

  // ── the request, from the filters before ──

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, end: boolean): Status {
    this.stream = stream as TerminalHttpStream;
    this.headers = headers;
    this.factory.stats.rqTotal.inc();
    const route = stream.route;
    if (route === null) {
      this.factory.stats.noRoute.inc();
      stream.localReply(404, '', Flag.NR, 'route_not_found');
      return Status.Stop;
    }
    this.route = route;
    if (route.direct !== null) {
      this.factory.stats.rqDirectResponse.inc();
      answerDirectly(stream, route, route.direct, this.factory.settings.suppressEnvoyHeaders);
      return Status.Stop;
    }
    const cluster = stream.clusters.get(stream.clusterName);
    if (cluster === null) {
      this.factory.stats.noCluster.inc();
      stream.localReply(route.action!.clusterNotFoundStatus, '', Flag.NC, 'cluster_not_found', this.replyEditor(false, 0));
      return Status.Stop;
    }
    this.action = route.action!;
    this.useCluster(cluster);
    if (this.admit(headers)) this.#forward(headers, end);
    return Status.Stop;
  }

  override onRequestData(stream: HttpStream, chunk: Buffer, end: boolean): Status {
    const body = this.body;
    if (body !== null) {
      if (body.fits(chunk)) body.add(chunk);
      else if (!this.#abandonBody()) return Status.Stop;
    } else this.bodyLost = true;
    if (this.#shadows !== null) {
      chunk = keepChunk(chunk);
      this.#shadows.data(chunk, end);
    }
    if (this.attempt !== null) {
      if (stream.isTunnel && !this.responseStarted && this.#rejectsEarlyData(chunk)) return Status.Stop;
      this.attempt.sendData(chunk, end);
    } else if (!this.waitsForRetry) {
      this.abort(503, CLOSED_PREMATURELY, 0, 'upstream_reset_before_response_started', false);
      return Status.Stop;
    }
    if (end) this.#onRequestComplete();
    return Status.Stop;
  }

  override onRequestTrailers(_stream: HttpStream, trailers: HeaderMap): Status {
    this.trailers = trailers;
    this.#shadows?.trailers(trailers);
    this.attempt?.sendTrailers(trailers);
    this.#onRequestComplete();
    return Status.Stop;
  }

  override onStreamEnd(_stream: HttpStream): void {
    this.cleanUp();
    this.resetAll();
    this.#shadows?.cancel();
  }

  // ── the attempt reports ──

  onAttemptReady(attempt: UpstreamAttempt, encoder: RequestEncoder, opened: ConnectionTimes | null): void {
    const host = attempt.host!;
    const now = this.stream.clock.nowMs();
    recordReady(this.stream.info, host, encoder, opened, now);
    if (attempt.idleSinceMs >= 0) this.onReused(attempt.idleSinceMs, now);
    if (this.routeStats !== null) this.routeStats.upstreamRqTotal.inc();
    if (this.virtualClusterStats !== null) this.virtualClusterStats.upstreamRqTotal.inc();
    if (this.action.autoHostRewrite && host.hostname !== '') {
      updateAuthority(this.headers, host.hostname, this.action.appendXForwardedHost, this.factory.settings.suppressEnvoyHeaders);
    }
  }

  onAttemptRefusesUpgrade(attempt: UpstreamAttempt, headers: ResponseHeaders): void {
    this.cleanUp();
    attempt.reset();
    this.resetAll();
    answerRefusedUpgrade(this.stream, headers);
  }

  onAttempt1xx(attempt: UpstreamAttempt, headers: ResponseHeaders): void {
    chargeResponse(this, headers.status, headers, attempt.host);
    // The client has seen something of this attempt: there can be no other one.
    this.responseStarted = true;
    this.dropRetry();
    this.stream.respond1xx(headers);
  }

  onAttemptHeaders(attempt: UpstreamAttempt, headers: ResponseHeaders, end: boolean): void {
    const stream = this.stream;
    const info = stream.info;
    const now = stream.clock.nowMs();
    info.firstUpstreamRxMs = now;
    this.cluster.loadReports?.onResponse(attempt.host!, headers);
    const verdict = this.retry === null ? Verdict.Pass : this.judgeResponse(attempt, headers);
    if (verdict === Verdict.Retried) return;
    if (this.action.internalRedirect !== null && this.#redirects(headers)) return;
    if (verdict === Verdict.Unwanted && this.othersMayAnswer) {
      attempt.countResult(HostResult.Error);
      this.forget(attempt);
      attempt.reset();
      return;
    }
    this.settleOn(attempt);
    this.dropRetry();
    this.body = null;

    const status = headers.status;
    const grpcStatus = this.grpc ? readGrpcStatus(headers) : -1;
    if (this.requestCompleteMs >= 0 && !this.factory.settings.suppressEnvoyHeaders) {
      headers.set('x-envoy-upstream-service-time', String(Math.floor(now - this.requestCompleteMs)));
    }
    attempt.canary = headers.get('x-envoy-upstream-canary') === 'true' || attempt.host!.canary;
    chargeResponse(this, status, headers, attempt.host);
    if (status < 500) chargeHost(this, attempt, grpcStatus, end);
    for (const cookie of this.setCookies) headers.add('set-cookie', cookie);
    info.responseCode = status;
    info.responseCodeDetails = 'via_upstream';
    this.route.finalizeResponseHeaders(headers, info);
    if (this.route.virtualHost.includeAttemptCountInResponse) headers.set('x-envoy-attempt-count', String(this.attempts));
    this.responseStarted = true;
    if (stream.isTunnel && acceptsTunnel(this.headers, status)) {
      // Nor does the client's half-close start it again.
      this.globalTimeoutMs = 0;
      this.disarmGlobal();
    }
    if (end) this.#complete(attempt, now);
    else stream.setWatermarkListener(this);
    stream.respondHeaders(headers, end);
  }

  onAttemptData(attempt: UpstreamAttempt, chunk: Buffer, end: boolean): void {
    const info = this.stream.info;
    if (end || info.firstUpstreamBodyRxMs < 0) {
      const now = this.stream.clock.nowMs();
      if (info.firstUpstreamBodyRxMs < 0) info.firstUpstreamBodyRxMs = now;
      // A gRPC response that ends without trailers has failed.
      if (end && attempt.grpcResultPending) attempt.countResult(HostResult.Error);
      if (end) this.#complete(attempt, now);
    }
    this.stream.respondData(chunk, end);
  }

  onAttemptTrailers(attempt: UpstreamAttempt, trailers: HeaderMap): void {
    this.cluster.loadReports?.onResponse(attempt.host!, trailers);
    if (attempt.grpcResultPending) {
      const status = readGrpcStatus(trailers);
      attempt.countResult(status >= 0 && grpcToHttpStatus(status) < 500 ? HostResult.Success : HostResult.Error);
    }
    this.#complete(attempt, this.stream.clock.nowMs());
    this.stream.respondTrailers(trailers);
  }

  onAttemptReset(attempt: UpstreamAttempt, reason: ResetReason, transportFailure: string): void {
    const info = this.stream.info;
    info.upstreamHost = attempt.host;
    if (transportFailure !== '') info.upstreamTransportFailureReason = transportFailure;
    if (this.factory.log.debugEnabled) logReset(this.factory.log, this, reason, transportFailure);
    this.forget(attempt);
    if (this.replays(attempt, reason) || this.retriesReset(attempt, reason, false)) return;
    const dropped = reason === ResetReason.Overflow;
    const status = resetStatus(reason);
    chargeAbort(this, status, attempt, this.responseStarted);
    if (!this.responseStarted && this.othersMayAnswer) return;
    const words = !this.responseStarted && this.isStale(attempt, reason) ? staleWords(reason) : transportFailure;
    const details = resetDetails(reason, words, this.responseStarted);
    this.abort(status, resetBody(reason, this.attempts > 1), resetFlag(reason), details, dropped);
  }

  onDownstreamAboveHighWatermark(): void {
    if (this.attempt === null) return;
    this.cluster.stats.upstreamFlowControlPausedReading.inc();
    this.attempt.readDisable(true);
  }
  onDownstreamBelowLowWatermark(): void {
    if (this.attempt === null) return;
    this.cluster.stats.upstreamFlowControlResumedReading.inc();
    this.attempt.readDisable(false);
  }

  // ── inside ──

  #forward(headers: RequestHeaders, end: boolean): void {
    const { factory, stream, route, action, cluster } = this;
    const settings = factory.settings;
    const info = stream.info;
    const steered = hasEnvoyHeaders(headers.names);
    this.grpc = isGrpcRequest(headers);
    if (steered) {
      this.internal = headers.get('x-envoy-internal') === 'true';
      const altStatName = headers.get('x-envoy-upstream-alt-stat-name');
      if (altStatName !== undefined) {
        headers.remove('x-envoy-upstream-alt-stat-name');
        this.altStats = factory.routeStats.alternative(cluster, altStatName);
      }
    }
    // Of a cluster's own retry policy Envoy takes all but the timeouts.
    readTimeouts(this, route.action!, headers, this.grpc, steered, settings.respectExpectedRqTimeout);
    setTimeoutHeaders(this, action, headers, this.grpc, 0, settings.suppressEnvoyHeaders);
    if (route.virtualHost.includeRequestAttemptCount) headers.set('x-envoy-attempt-count', '1');
    info.attemptCount = 1;
    this.forwarding = true;
    route.finalizeRequestHeaders(headers, info, settings.suppressEnvoyHeaders);
    if (headers.scheme === '') headers.scheme = headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http';
    // Balancing sees the headers as they go upstream.
    const host = cluster.chooseHost(this);
    const pool = host === null ? null : this.poolOf(cluster, host);
    if (host === null || pool === null) {
      this.answerNoHost();
      return;
    }
    this.retry = createRetryState(
      action.retryPolicy,
      headers,
      cluster.circuitBreaker(action.priority).retries,
      cluster.stats,
      factory.deps,
    );
    if (!end && (action.internalRedirect !== null || this.retry?.enabled === true)) {
      this.body = new RequestBody(action.requestBufferLimit ?? (stream.bufferLimit || Number.POSITIVE_INFINITY));
    }
    if (stream.isTunnel && isWebSocketUpgrade(headers)) {
      this.isWebSocket = true;
      this.armGlobal();
    }
    const shadows = action.mirrors.length === 0 ? null : prepareShadows(this);
    this.start(new UpstreamAttempt(this, stream, headers, pool, host), end);
    if (shadows !== null && (end || !stream.ended)) {
      this.#shadows = shadows;
      shadows.start(end);
    }
    if (end && !stream.ended) this.#onRequestComplete();
  }

  #onRequestComplete(): void {
    this.requestComplete = true;
    this.requestCompleteMs = this.stream.clock.nowMs();
    // Nothing to bound any more if the answer has been given already.
    if (this.attempt === null && !this.waitsForRetry) return;
    this.armGlobal();
    this.attempt?.onRequestComplete();
  }

  /** The body has become too large to keep: no retry and no redirect any more. False if the request cannot go on without them. */
  #abandonBody(): boolean {
    this.bodyLost = true;
    if (this.bodyIsSpare) {
      this.body = null;
      return true;
    }
    this.cluster.stats.retryOrShadowAbandoned.inc();
    this.body = null;
    this.#bodyOverflowed = true;
    this.dropRetry();
    if (this.attempt !== null) return true;
    this.abort(507, 'exceeded request buffer limit while retrying upstream', 0, 'request_payload_exceeded_retry_buffer_limit', false);
    return false;
  }

  #rejectsEarlyData(chunk: Buffer): boolean {
    if (!this.factory.settings.rejectConnectRequestEarlyData || this.headers.method !== 'CONNECT' || chunk.length === 0) return false;
    this.resetAll();
    this.abort(400, '', 0, 'early_connect_data', false);
    return true;
  }

  #redirects(headers: ResponseHeaders): boolean {
    const settings = this.action.internalRedirect!;
    if (!settings.responseCodes.includes(headers.status)) return false;
    const stats = this.cluster.stats;
    if (!this.requestComplete || this.#bodyOverflowed || !followRedirect(this.stream, headers, settings, this.factory.stats)) {
      stats.upstreamInternalRedirectFailed.inc();
      return false;
    }
    const body = headers.status === 303 || this.body === null ? null : this.body.chunks;
    this.resetAll();
    stats.upstreamInternalRedirectSucceeded.inc();
    this.stream.info.responseCode = headers.status;
    this.stream.info.responseCodeDetails = 'internal_redirect';
    this.stream.recreate(this.headers, body, this.trailers);
    return true;
  }

  #complete(attempt: UpstreamAttempt, now: number): void {
    this.attempt = null;
    this.stream.info.lastUpstreamRxMs = now;
    // Takes the stream back only if a part of the request is still to be sent.
    attempt.reset();
    if (this.cluster.stats.budgets !== null) recordBudget(this.cluster.stats.budgets, this.requestCompleteMs, now, this.globalTimeoutMs);
    if (this.requestCompleteMs >= 0) recordTime(this, Math.floor(now - this.requestCompleteMs), attempt.canary, attempt.host!);
    this.cleanUp();
  }
}
