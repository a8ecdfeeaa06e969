/**
 * Which timeouts hold for a request: the route's, unless request headers say otherwise, and gRPC deadlines. Behaviour:
 * spec/resilience.md §2.1, in the order of Envoy's FilterUtility::finalTimeout.
 */
import { formatGrpcTimeout, grpcTimeoutMs } from '../../../http/grpc-timeout.ts';
import type { RequestHeaders } from '../../../http/header-map.ts';
import { parseDecimal } from '../../../resilience/decimal.ts';
import type { RouteAction } from '../../../route/route.ts';

/** Fields of the router filter that this module fills. Milliseconds; 0 = none. */
export interface Timeouts {
  globalTimeoutMs: number;
  perTryTimeoutMs: number;
  perTryIdleTimeoutMs: number;
  /** From `x-envoy-upstream-stream-duration-ms`; -1 = header absent, the cluster's value holds. */
  upstreamStreamDurationMs: number;
  /** A try that takes too long goes on, and another one is made beside it. */
  hedges: boolean;
  /** 504, or 204 when the client asked for the alternative answer. */
  timeoutStatus: number;
}

/** @param hasEnvoyHeaders some header begins with "x-envoy-"; else there is nothing to override */
export function readTimeouts(
  to: Timeouts,
  action: RouteAction,
  headers: RequestHeaders,
  grpc: boolean,
  hasEnvoyHeaders: boolean,
  respectExpectedTimeout: boolean,
): void {
  to.globalTimeoutMs = routeTimeoutMs(action, headers, grpc);
  to.hedges = action.hedgeOnPerTryTimeout;
  const policy = action.retryPolicy;
  if (policy !== null) {
    to.perTryTimeoutMs = policy.perTryTimeoutMs;
    to.perTryIdleTimeoutMs = policy.perTryIdleTimeoutMs;
  }
  if (hasEnvoyHeaders) {
    const expected = respectExpectedTimeout ? headers.get('x-envoy-expected-rq-timeout-ms') : undefined;
    if (expected !== undefined) to.globalTimeoutMs = parseOr(expected, to.globalTimeoutMs);
    else to.globalTimeoutMs = take(headers, 'x-envoy-upstream-rq-timeout-ms', to.globalTimeoutMs);
    to.perTryTimeoutMs = take(headers, 'x-envoy-upstream-rq-per-try-timeout-ms', to.perTryTimeoutMs);
    to.upstreamStreamDurationMs = take(headers, 'x-envoy-upstream-stream-duration-ms', -1);
    const hedge = headers.get('x-envoy-hedge-on-per-try-timeout');
    if (hedge === 'true' || hedge === 'false') to.hedges = hedge === 'true';
    if (headers.remove('x-envoy-upstream-rq-timeout-alt-response')) to.timeoutStatus = 204;
  }
  // A try that may last as long as the whole request needs no timer of its own.
  if (to.perTryTimeoutMs >= to.globalTimeoutMs && to.globalTimeoutMs !== 0) to.perTryTimeoutMs = 0;
}

/** Tells the upstream how long it has. `elapsedMs` counts from the end of the request; it is 0 for the first attempt. */
export function setTimeoutHeaders(
  timeouts: Timeouts,
  action: RouteAction,
  headers: RequestHeaders,
  grpc: boolean,
  elapsedMs: number,
  suppressEnvoyHeaders: boolean,
): void {
  const global = timeouts.globalTimeoutMs;
  let expected = timeouts.perTryTimeoutMs === 0 || timeouts.hedges ? global : timeouts.perTryTimeoutMs;
  if (expected === 0) return;
  // 0 would mean "no limit": a request that is out of time says 1 ms, and its timer is about to fire.
  if (global > 0) expected = elapsedMs >= global ? 1 : Math.min(expected, global - elapsedMs);
  if (!suppressEnvoyHeaders) headers.set('x-envoy-expected-rq-timeout-ms', String(expected));
  if (grpc && action.maxGrpcTimeoutMs !== null && !usesStreamDuration(action)) headers.set('grpc-timeout', formatGrpcTimeout(expected));
}

function routeTimeoutMs(action: RouteAction, headers: RequestHeaders, grpc: boolean): number {
  // With max_stream_duration on the route, deadlines are the connection manager's.
  if (usesStreamDuration(action)) return 0;
  const cap = action.maxGrpcTimeoutMs;
  if (!grpc || cap === null) return action.timeoutMs;
  let timeout = Math.max(0, grpcTimeoutMs(headers));
  // An offset that would leave nothing is not applied: 0 would mean "no limit".
  if (action.grpcTimeoutOffsetMs < timeout) timeout -= action.grpcTimeoutOffsetMs;
  return cap !== 0 && (timeout === 0 || timeout > cap) ? cap : timeout;
}

function usesStreamDuration(action: RouteAction): boolean {
  return action.maxStreamDurationMs !== null || action.grpcTimeoutHeaderMaxMs !== null;
}

function parseOr(text: string, fallback: number): number {
  const value = parseDecimal(text);
  return value < 0 ? fallback : value;
}

/** Reads and removes the header; `fallback` when it is absent or no number. */
function take(headers: RequestHeaders, name: string, fallback: number): number {
  const text = headers.get(name);
  if (text === undefined) return fallback;
  headers.remove(name);
  return parseOr(text, fallback);
}
