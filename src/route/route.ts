/** What the route table answers for a request. Everything here was decided when configuration was applied; a Route is shared by all requests that match it. */
import type { RequestHeaders, ResponseHeaders } from '../http/header-map.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { RetryPolicySettings } from '../resilience/retry-policy.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { RouteTracingSettings } from '../tracing/settings.ts';
import type { WeightedEntries } from './action/weighted/weighted-clusters.ts';
import type { RateLimitSettings } from './rate-limit/settings.ts';

export interface RouteTable {
  readonly name: string;
  /** Pure: depends on the request and `random` (stable for the stream) alone. null = no route. */
  match(headers: RequestHeaders, info: StreamInfo, random: number): Route | null;
  readonly internalOnlyHeaders: readonly string[];
}

export interface VirtualHost {
  readonly name: string;
  readonly includeRequestAttemptCount: boolean;
  readonly includeAttemptCountInResponse: boolean;
  readonly includeIsTimeoutRetryHeader: boolean;
  /** Filters that limit rates build them; none by default. */
  readonly rateLimits?: readonly RateLimitSettings[];
  /** Name of the first matching virtual cluster, "other" if some are defined and none matches, '' if none is defined. */
  virtualCluster(headers: RequestHeaders): string;
}

export interface Route {
  readonly name: string;
  readonly virtualHost: VirtualHost;
  /** Stat prefix of the route; '' for none. */
  readonly statPrefix: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Its own sampling, tags and operation; absent or null = none. */
  readonly tracing?: RouteTracingSettings | null;
  /** Exactly one of `direct` and `action` is set. Redirects are direct, too. */
  readonly direct: DirectAction | null;
  readonly action: RouteAction | null;
  /** All entries of the weighted clusters that this is one of; absent or null = it is of none. */
  readonly entries?: WeightedEntries | null;
  /** Compiled per-filter configuration by filter name, the most specific level; 'disabled' = the filter is off for this route. */
  filterSettings(filterName: string): unknown;
  filterDisabled(filterName: string): boolean | undefined;
  /** All levels, least specific first: for filters that merge. */
  allFilterSettings(filterName: string): readonly unknown[];
  /** Header mutations, then host, then path rewrite (Envoy's order), and x-envoy-original-* unless suppressed. */
  finalizeRequestHeaders(headers: RequestHeaders, info: StreamInfo, suppressEnvoyHeaders: boolean): void;
  finalizeResponseHeaders(headers: ResponseHeaders, info: StreamInfo): void;
}

export interface DirectAction {
  readonly kind: 'direct_response' | 'redirect';
  readonly status: number;
  readonly body: string;
  /** Absolute URI for `location`; null when the answer carries none. */
  location(headers: RequestHeaders): string | null;
  /** What prefix_rewrite or regex_rewrite of a redirect do to the request's own path, as the access log shows it. Call it after `location`. */
  rewritePath(headers: RequestHeaders, suppressEnvoyHeaders: boolean): void;
}

export interface RouteAction {
  /** Cluster for this request; '' when cluster_header or a matcher names none. Weighted entries are Routes of their own. */
  clusterName(headers: RequestHeaders, info: StreamInfo): string;
  readonly clusterNotFoundStatus: number;
  /** 0 = none. */
  readonly timeoutMs: number;
  /** null: the connection manager's stream_idle_timeout holds. 0 = none. */
  readonly idleTimeoutMs: number | null;
  readonly maxStreamDurationMs: number | null;
  /** `max_stream_duration` is set: gRPC deadlines by grpc_timeout_header_max, the route timeout is off. */
  readonly grpcTimeoutHeaderMaxMs: number | null;
  readonly grpcTimeoutHeaderOffsetMs: number;
  /** Deprecated max_grpc_timeout; null = unset. */
  readonly maxGrpcTimeoutMs: number | null;
  readonly grpcTimeoutOffsetMs: number;
  readonly retryPolicy: RetryPolicySettings | null;
  /** hedge_policy.hedge_on_per_try_timeout. */
  readonly hedgeOnPerTryTimeout: boolean;
  /** 0 default, 1 high. */
  readonly priority: 0 | 1;
  readonly autoHostRewrite: boolean;
  readonly appendXForwardedHost: boolean;
  /** Upper-case upgrade type → enabled; overrides the connection manager's. null = nothing said. */
  readonly upgrades: ReadonlyMap<string, boolean> | null;
  /** CONNECT is terminated here and its payload forwarded as TCP. */
  readonly connectTerminates: boolean;
  /** … and so is a POST. */
  readonly connectTerminatesPost: boolean;
  /** Version of the PROXY header before it; 0 = none. */
  readonly connectProxyProtocol: 0 | 1 | 2;
  readonly internalRedirect: InternalRedirectSettings | null;
  /** request_body_buffer_limit or per_request_buffer_limit_bytes; null = the listener's limit. */
  readonly requestBufferLimit: number | null;
  readonly mirrors: readonly MirrorSettings[];
  /** Filters that limit rates build them; none by default. */
  readonly rateLimits?: readonly RateLimitSettings[];
  readonly includeVirtualHostRateLimits?: boolean;
  /** Hash for consistent balancing, or null when no policy yields one. `setCookies` of the result are to be set on the response. */
  hash(headers: RequestHeaders, info: StreamInfo): HashResult | null;
  readonly metadataMatch: Readonly<Record<string, unknown>> | null;
}

export interface HashResult {
  readonly hash: bigint;
  /** Cookies that were made up for the client. */
  readonly setCookies: readonly string[];
}

/** Who has a say about where an internal redirect leads: by the name of the target's route, or by its scheme. */
export type RedirectPredicate =
  | { readonly kind: 'previous_routes' | 'safe_cross_scheme' }
  | { readonly kind: 'allow_listed_routes'; readonly names: readonly string[] };

export interface InternalRedirectSettings {
  readonly maxInternalRedirects: number;
  readonly responseCodes: readonly number[];
  readonly allowCrossSchemeRedirect: boolean;
  readonly responseHeadersToCopy: readonly string[];
  readonly predicates: readonly RedirectPredicate[];
}

export interface MirrorSettings {
  readonly cluster: string;
  /** Header that names the cluster; '' = `cluster` does. */
  readonly clusterHeader: string;
  /** Who gets a copy of this request; '' for nobody. @param random stable for the stream */
  clusterFor(headers: RequestHeaders, runtime: RuntimeSnapshot, random: number): string;
  /** Whether the copy's span is sampled; absent or null = as the request's is. */
  readonly traceSampled?: boolean | null;
  /** Makes the copy's headers of the request's. */
  editHeaders(headers: RequestHeaders, info: StreamInfo): void;
}
