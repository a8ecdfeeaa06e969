/** Counts responses and their times under every name that Envoy counts them: cluster, virtual cluster, route. */
import { percentOfTimeout, type TimeoutBudgetStats } from '../../../cluster/tracked-stats.ts';
import type { ResponseHeaders } from '../../../http/header-map.ts';
import { type Host, HostResult } from '../../../lb/host.ts';
import { grpcToHttpStatus } from './grpc.ts';
import type { RouterRequest } from './router-request.ts';
import type { UpstreamAttempt } from './upstream-attempt.ts';

/** @param headers of the upstream's response; null for an answer given in its place */
export function chargeResponse(router: RouterRequest, status: number, headers: ResponseHeaders | null, host: Host | null): void {
  if (!router.factory.settings.dynamicStats || router.stream.info.isHealthCheck) return;
  if (!router.excludesFromCodeStats(status)) {
    const canary = (headers !== null && headers.get('x-envoy-upstream-canary') === 'true') || host?.canary === true;
    router.cluster.stats.recordResponse(status, router.internal, canary);
    if (host !== null && crossesZones(router, host)) router.cluster.stats.zone(host.locality.zone).codes.record(status);
    if (router.routeStats !== null) router.routeStats.codes.record(status);
    if (router.virtualClusterStats !== null) router.virtualClusterStats.codes.record(status);
    if (router.altStats !== null) router.altStats.record(status, router.internal);
  }
  if (host !== null && status >= 500) host.onResult(HostResult.Error);
}

/** Both zones are known. */
function crossesZones(router: RouterRequest, host: Host): boolean {
  return router.cluster.stats.ownZone !== '' && host.locality.zone !== '';
}

/** @param ms from the end of the request to the end of the response */
export function recordTime(router: RouterRequest, ms: number, canary: boolean, host: Host): void {
  if (!router.factory.settings.dynamicStats || router.stream.info.isHealthCheck) return;
  router.cluster.stats.recordResponseTime(ms, router.internal, canary);
  if (crossesZones(router, host)) router.cluster.stats.zone(host.locality.zone).recordTime(ms);
  if (router.routeStats !== null) router.routeStats.upstreamRqTime.record(ms);
  if (router.virtualClusterStats !== null) router.virtualClusterStats.upstreamRqTime.record(ms);
  if (router.altStats !== null) router.altStats.upstreamRqTime.record(ms);
}

/** How much of its timeout the request has used. */
export function recordBudget(stats: TimeoutBudgetStats, requestCompleteMs: number, now: number, timeoutMs: number): void {
  if (requestCompleteMs >= 0) stats.used.record(percentOfTimeout(now - requestCompleteMs, timeoutMs));
}

/** Judges the host by a response below 500. gRPC says in its trailers how it went. @param grpcStatus of the headers; -1 = none */
export function chargeHost(router: RouterRequest, attempt: UpstreamAttempt, grpcStatus: number, end: boolean): void {
  if (router.grpc && !end) {
    attempt.grpcResultPending = true;
    return;
  }
  const failed = router.grpc && (grpcStatus < 0 || grpcToHttpStatus(grpcStatus) >= 500);
  attempt.countResult(failed ? HostResult.Error : HostResult.Success);
}

/** An attempt ended without (the rest of) its response, and the client gets `status` if it has got nothing yet. */
export function chargeAbort(router: RouterRequest, status: number, attempt: UpstreamAttempt, responseStarted: boolean): void {
  if (!responseStarted) {
    chargeResponse(router, status, null, attempt.host);
    // 204 of the alternative timeout answer: for the host it is an error all the same.
    if (status < 500) attempt.countResult(HostResult.Error);
  } else if (attempt.grpcResultPending) {
    attempt.countResult(HostResult.Error);
    router.factory.stats.rqResetAfterDownstreamResponseStarted.inc();
  }
}

/** The whole request took too long while `attempt` was under way. */
export function chargeTimeout(router: RouterRequest, attempt: UpstreamAttempt): void {
  if (attempt.awaitingHeaders) attempt.reportTimeout();
  router.cluster.stats.upstreamRqTimeout.inc();
  if (router.routeStats !== null) router.routeStats.upstreamRqTimeout.inc();
  if (router.virtualClusterStats !== null) router.virtualClusterStats.upstreamRqTimeout.inc();
  attempt.countResult(HostResult.Timeout);
}
