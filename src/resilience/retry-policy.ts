/** Retry settings of a route or virtual host, as compiled. Source: envoy.config.route.v3.RetryPolicy. */
import type { HeaderMatcherSettings } from '../http/header-matcher.ts';
import type { RetryHostSettings } from './retry-hosts.ts';

export interface RetryPolicySettings {
  /** Bits of RetryOn. */
  readonly retryOn: number;
  readonly numRetries: number;
  /** 0 = none. */
  readonly perTryTimeoutMs: number;
  readonly perTryIdleTimeoutMs: number;
  readonly baseIntervalMs: number;
  readonly maxIntervalMs: number;
  readonly retriableStatusCodes: readonly number[];
  readonly retriableHeaders: readonly HeaderMatcherSettings[];
  readonly retriableRequestHeaders: readonly HeaderMatcherSettings[];
  /** How often another host is picked in place of one that is to be avoided. */
  readonly hostSelectionRetryMaxAttempts: number;
  /** Hosts and priorities that a retry avoids; null = none. */
  readonly hosts: RetryHostSettings | null;
  readonly rateLimitedBackOff: RateLimitedBackOffSettings | null;
  /** A retry goes to the cluster that the route names then. Source: refresh_cluster_on_retry. */
  readonly refreshCluster: boolean;
}

export interface RateLimitedBackOffSettings {
  readonly maxIntervalMs: number;
  readonly resetHeaders: readonly { readonly name: string; readonly format: 'SECONDS' | 'UNIX_TIMESTAMP' }[];
}

/** Conditions of `retry_on`, one bit each. */
export const RetryOn = {
  FiveXX: 1 << 0,
  GatewayError: 1 << 1,
  Reset: 1 << 2,
  ResetBeforeRequest: 1 << 3,
  ConnectFailure: 1 << 4,
  RefusedStream: 1 << 5,
  Retriable4xx: 1 << 6,
  RetriableStatusCodes: 1 << 7,
  RetriableHeaders: 1 << 8,
  EnvoyRateLimited: 1 << 9,
  Http3PostConnectFailure: 1 << 10,
  GrpcCancelled: 1 << 11,
  GrpcDeadlineExceeded: 1 << 12,
  GrpcResourceExhausted: 1 << 13,
  GrpcInternal: 1 << 14,
  GrpcUnavailable: 1 << 15,
} as const;

const TOKENS: ReadonlyMap<string, number> = new Map([
  ['5xx', RetryOn.FiveXX],
  ['gateway-error', RetryOn.GatewayError],
  ['reset', RetryOn.Reset],
  ['reset-before-request', RetryOn.ResetBeforeRequest],
  ['connect-failure', RetryOn.ConnectFailure],
  ['refused-stream', RetryOn.RefusedStream],
  ['retriable-4xx', RetryOn.Retriable4xx],
  ['retriable-status-codes', RetryOn.RetriableStatusCodes],
  ['retriable-headers', RetryOn.RetriableHeaders],
  ['envoy-ratelimited', RetryOn.EnvoyRateLimited],
  ['http3-post-connect-failure', RetryOn.Http3PostConnectFailure],
  ['cancelled', RetryOn.GrpcCancelled],
  ['deadline-exceeded', RetryOn.GrpcDeadlineExceeded],
  ['resource-exhausted', RetryOn.GrpcResourceExhausted],
  ['internal', RetryOn.GrpcInternal],
  ['unavailable', RetryOn.GrpcUnavailable],
]);

/** The conditions of `bits`, by their names in `retry_on`. */
export function retryOnNames(bits: number): string[] {
  return Array.from(TOKENS)
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([name]) => name);
}

/** Bits for a comma-separated list; tokens that are not known are ignored, as in Envoy. */
export function parseRetryOn(text: string): number {
  let bits = 0;
  for (const token of text.split(',')) bits |= TOKENS.get(token.trim()) ?? 0;
  return bits;
}
