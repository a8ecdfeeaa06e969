/** Counts responses and their times under every name that Envoy counts them: cluster, virtual cluster, route. */
import type { ResponseHeaders } from '../../../http/header-map.ts';
import { type Host, HostResult } from '../../../lb/host.ts';
import type { RouterRequest } from './router-request.ts';

/** @param headers of the upstream's response; null for an answer given in its place */
export function chargeResponse(router: RouterRequest, status: number, headers: ResponseHeaders | null, host: Host | null): void {
  if (!router.factory.settings.dynamicStats || router.stream.info.isHealthCheck) return;
  if (!router.excludesFromCodeStats(status)) {
    const canary = (headers !== null && headers.get('x-envoy-upstream-canary') === 'true') || host?.canary === true;
    router.cluster.stats.recordResponse(status, router.internal, canary);
    if (router.routeStats !== null) router.routeStats.codes.record(status);
    if (router.virtualClusterStats !== null) router.virtualClusterStats.codes.record(status);
  }
  if (host !== null && status >= 500) host.onResult(HostResult.Error);
}

/** @param ms from the end of the request to the end of the response */
export function recordTime(router: RouterRequest, ms: number, canary: boolean): void {
  if (!router.factory.settings.dynamicStats || router.stream.info.isHealthCheck) return;
  router.cluster.stats.recordResponseTime(ms, router.internal, canary);
  if (router.routeStats !== null) router.routeStats.upstreamRqTime.record(ms);
  if (router.virtualClusterStats !== null) router.virtualClusterStats.upstreamRqTime.record(ms);
}
