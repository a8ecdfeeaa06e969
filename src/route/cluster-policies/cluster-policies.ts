/** Routes as they are for requests to a cluster that has policies of its own. */
import { FormatContext, type FormatEnvironment } from '../../http/format/operator.ts';
import type { RequestHeaders } from '../../http/header-map.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import type { RetryPolicySettings } from '../../resilience/retry-policy.ts';
import { HashPolicies } from '../action/hash-policy/hash-policy.ts';
import { MirrorPolicy } from '../action/mirror/mirror-policy.ts';
import type { RateLimitSettings } from '../rate-limit/settings.ts';
import type { HashResult, InternalRedirectSettings, MirrorSettings, RouteAction } from '../route.ts';
import type { ClusterPolicySettings } from './settings.ts';

export class ClusterPolicies {
  readonly #retryPolicy: RetryPolicySettings | null;
  readonly #hashPolicies: HashPolicies | null;
  readonly #mirrors: readonly MirrorSettings[] | null;
  readonly #actions = new WeakMap<RouteAction, RouteAction>();

  constructor({ retryPolicy, hashPolicies, mirrors }: ClusterPolicySettings, format: FormatEnvironment) {
    const context = new FormatContext(null as unknown as StreamInfo);
    this.#retryPolicy = retryPolicy;
    this.#hashPolicies = hashPolicies.length === 0 ? null : new HashPolicies(hashPolicies);
    this.#mirrors = mirrors.length === 0 ? null : mirrors.map((mirror) => new MirrorPolicy(mirror, format, context));
  }

  /** The route's action with what the cluster says instead; the same object for the same action. */
  over(action: RouteAction): RouteAction {
    let own = this.#actions.get(action);
    if (own === undefined) {
      own = new ActionOfCluster(action, this.#retryPolicy ?? action.retryPolicy, this.#mirrors ?? action.mirrors, this.#hashPolicies);
      this.#actions.set(action, own);
    }
    return own;
  }
}

class ActionOfCluster implements RouteAction {
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
  readonly metadataMatch: Readonly<Record<string, unknown>> | null;
  readonly rateLimits: readonly RateLimitSettings[];
  readonly includeVirtualHostRateLimits: boolean;
  readonly #action: RouteAction;
  readonly #hashPolicies: HashPolicies | null;

  constructor(
    action: RouteAction,
    retryPolicy: RetryPolicySettings | null,
    mirrors: readonly MirrorSettings[],
    hashPolicies: HashPolicies | null,
  ) {
    this.clusterNotFoundStatus = action.clusterNotFoundStatus;
    this.timeoutMs = action.timeoutMs;
    this.idleTimeoutMs = action.idleTimeoutMs;
    this.maxStreamDurationMs = action.maxStreamDurationMs;
    this.grpcTimeoutHeaderMaxMs = action.grpcTimeoutHeaderMaxMs;
    this.grpcTimeoutHeaderOffsetMs = action.grpcTimeoutHeaderOffsetMs;
    this.maxGrpcTimeoutMs = action.maxGrpcTimeoutMs;
    this.grpcTimeoutOffsetMs = action.grpcTimeoutOffsetMs;
    this.retryPolicy = retryPolicy;
    this.hedgeOnPerTryTimeout = action.hedgeOnPerTryTimeout;
    this.priority = action.priority;
    this.autoHostRewrite = action.autoHostRewrite;
    this.appendXForwardedHost = action.appendXForwardedHost;
    this.upgrades = action.upgrades;
    this.connectTerminates = action.connectTerminates;
    this.connectTerminatesPost = action.connectTerminatesPost;
    this.connectProxyProtocol = action.connectProxyProtocol;
    this.internalRedirect = action.internalRedirect;
    this.requestBufferLimit = action.requestBufferLimit;
    this.mirrors = mirrors;
    this.metadataMatch = action.metadataMatch;
    this.rateLimits = action.rateLimits ?? [];
    this.includeVirtualHostRateLimits = action.includeVirtualHostRateLimits ?? false;
    this.#action = action;
    this.#hashPolicies = hashPolicies;
  }

  clusterName(headers: RequestHeaders, info: StreamInfo): string {
    return this.#action.clusterName(headers, info);
  }

  hash(headers: RequestHeaders, info: StreamInfo): HashResult | null {
    return this.#hashPolicies === null ? this.#action.hash(headers, info) : this.#hashPolicies.hash(headers, info);
  }
}
