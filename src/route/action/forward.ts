/** RouteAction: where a request goes, and within which limits. */
import { firstValue } from '../../http/header-lookup.ts';
import type { RequestHeaders } from '../../http/header-map.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import type { RetryPolicySettings } from '../../resilience/retry-policy.ts';
import type { RateLimitSettings } from '../rate-limit/settings.ts';
import type { HashResult, InternalRedirectSettings, MirrorSettings, RouteAction } from '../route.ts';
import type { ForwardSettings, Metadata } from '../settings.ts';
import type { ClusterMatcher } from './cluster/cluster-matcher.ts';
import type { HashPolicies } from './hash-policy/hash-policy.ts';

/** Name of a cluster, or of the header that names it. */
export interface ClusterSource {
  /** null: one of the others tells. */
  readonly matcher?: ClusterMatcher | null;
  readonly name: string;
  readonly header: string;
}

export class ForwardAction implements RouteAction {
  readonly clusterNotFoundStatus: number;
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number | null;
  readonly maxStreamDurationMs: number | null;
  readonly grpcTimeoutHeaderMaxMs: number | null;
  readonly grpcTimeoutHeaderOffsetMs: number;
  readonly maxGrpcTimeoutMs: number | null;
  readonly grpcTimeoutOffsetMs: number;
  readonly retryPolicy: RetryPolicySettings | null;
  readonly hedgeOnPerTryTimeout: boolean;
  readonly priority: 0 | 1;
  readonly autoHostRewrite: boolean;
  readonly appendXForwardedHost: boolean;
  readonly upgrades: ReadonlyMap<string, boolean> | null;
  readonly connectTerminates: boolean;
  readonly connectTerminatesPost: boolean;
  readonly connectProxyProtocol: 0 | 1 | 2;
  readonly internalRedirect: InternalRedirectSettings | null;
  readonly requestBufferLimit: number | null;
  readonly mirrors: readonly MirrorSettings[];
  readonly metadataMatch: Metadata | null;
  readonly rateLimits: readonly RateLimitSettings[];
  readonly includeVirtualHostRateLimits: boolean;
  readonly #cluster: ClusterSource;
  readonly #matcher: ClusterMatcher | null;
  readonly #hashPolicies: HashPolicies | null;

  constructor(
    settings: ForwardSettings,
    cluster: ClusterSource,
    metadataMatch: Metadata | null,
    hashPolicies: HashPolicies | null,
    mirrors: readonly MirrorSettings[],
  ) {
    this.clusterNotFoundStatus = settings.clusterNotFoundStatus;
    this.timeoutMs = settings.timeoutMs;
    this.idleTimeoutMs = settings.idleTimeoutMs;
    this.maxStreamDurationMs = settings.maxStreamDurationMs;
    this.grpcTimeoutHeaderMaxMs = settings.grpcTimeoutHeaderMaxMs;
    this.grpcTimeoutHeaderOffsetMs = settings.grpcTimeoutHeaderOffsetMs;
    this.maxGrpcTimeoutMs = settings.maxGrpcTimeoutMs;
    this.grpcTimeoutOffsetMs = settings.grpcTimeoutOffsetMs;
    this.retryPolicy = settings.retryPolicy;
    this.hedgeOnPerTryTimeout = settings.hedgeOnPerTryTimeout;
    this.priority = settings.priority;
    this.autoHostRewrite = settings.rewrite.autoHost;
    this.appendXForwardedHost = settings.rewrite.appendXForwardedHost;
    this.upgrades = settings.upgrades === null ? null : new Map(Object.entries(settings.upgrades));
    this.connectTerminates = settings.connectTerminates;
    this.connectTerminatesPost = settings.connectTerminatesPost;
    this.connectProxyProtocol = settings.connectProxyProtocol;
    this.internalRedirect = settings.internalRedirect;
    this.requestBufferLimit = settings.requestBufferLimit;
    this.mirrors = mirrors;
    this.metadataMatch = metadataMatch;
    this.rateLimits = settings.rateLimits;
    this.includeVirtualHostRateLimits = settings.includeVirtualHostRateLimits;
    this.#cluster = cluster;
    this.#matcher = cluster.matcher ?? null;
    this.#hashPolicies = hashPolicies;
  }

  clusterName(headers: RequestHeaders, info: StreamInfo): string {
    if (this.#matcher !== null) return this.#matcher.clusterName(headers, info);
    return this.#cluster.header === '' ? this.#cluster.name : (firstValue(headers, this.#cluster.header) ?? '');
  }

  hash(headers: RequestHeaders, info: StreamInfo): HashResult | null {
    return this.#hashPolicies === null ? null : this.#hashPolicies.hash(headers, info);
  }
}
