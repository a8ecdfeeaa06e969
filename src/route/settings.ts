/** A route configuration as a worker gets it: plain data, compiled by config.ts. Times in milliseconds, text in bytes (latin1). */
import type { HeaderMatcherSettings } from '../http/header-matcher.ts';
import type { MatchTreeSettings } from '../http/matching/match-tree.ts';
import type { MetadataMatcherSettings } from '../http/metadata-matcher.ts';
import type { RegexRewriteSettings } from '../http/regex.ts';
import type { StringMatcherSettings } from '../http/string-matcher.ts';
import type { RetryPolicySettings } from '../resilience/retry-policy.ts';
import type { FractionSettings } from '../runtime/runtime.ts';
import type { RouteTracingSettings } from '../tracing/settings.ts';
import type { ClusterMatcherSettings } from './action/cluster/cluster-matcher.ts';
import type { HeaderStepSettings } from './headers/header-steps.ts';
import type { RateLimitSettings } from './rate-limit/settings.ts';
import type { InternalRedirectSettings } from './route.ts';

export interface RouteTableSettings extends LevelSettings {
  readonly name: string;
  readonly virtualHosts: readonly VirtualHostSettings[];
  readonly internalOnlyHeaders: readonly string[];
  readonly mostSpecificHeaderMutationsWins: boolean;
  readonly ignorePortInHostMatching: boolean;
  readonly ignorePathParametersInPathMatching: boolean;
  readonly metadata: Metadata | null;
}

export type Metadata = Readonly<Record<string, unknown>>;

/** What route configuration, virtual host, route and weighted entry all have. */
export interface LevelSettings {
  readonly requestHeaders: HeaderMutationSettings | null;
  readonly responseHeaders: HeaderMutationSettings | null;
  /** By filter name; null if nothing is said. */
  readonly perFilter: Readonly<Record<string, PerFilterSettings>> | null;
}

export interface PerFilterSettings {
  readonly disabled: boolean;
  /** As the filter's own compiler made it; undefined if there is none. */
  readonly settings: unknown;
}

export interface VirtualHostSettings extends LevelSettings {
  readonly name: string;
  /** Lower case. */
  readonly domains: readonly string[];
  readonly requireTls: 'NONE' | 'EXTERNAL_ONLY' | 'ALL';
  readonly routes: readonly RouteSettings[];
  /** Decides which of `routes` are looked at: by action, their indices. null = all of them, in their order. */
  readonly matcher: { readonly tree: MatchTreeSettings; readonly actions: readonly (readonly number[])[] } | null;
  readonly virtualClusters: readonly VirtualClusterSettings[];
  readonly includeRequestAttemptCount: boolean;
  readonly includeAttemptCountInResponse: boolean;
  readonly includeIsTimeoutRetryHeader: boolean;
  readonly metadata: Metadata | null;
  readonly rateLimits: readonly RateLimitSettings[];
}

export interface VirtualClusterSettings {
  readonly name: string;
  readonly headers: readonly HeaderMatcherSettings[];
}

export interface RouteSettings extends LevelSettings {
  readonly name: string;
  readonly statPrefix: string;
  readonly match: RouteMatchSettings;
  readonly metadata: Metadata | null;
  /** Absent or null = none. */
  readonly tracing?: RouteTracingSettings | null;
  readonly action: ActionSettings;
}

export interface RouteMatchSettings {
  readonly path: PathMatchSettings;
  readonly headers: readonly HeaderMatcherSettings[];
  readonly queryParameters: readonly QueryParameterSettings[];
  readonly runtimeFraction: FractionSettings | null;
  readonly grpc: boolean;
  readonly tls: { readonly presented: boolean | null; readonly validated: boolean | null } | null;
  readonly dynamicMetadata: readonly MetadataMatcherSettings[];
  readonly filterState: readonly { readonly key: string; readonly value: StringMatcherSettings }[];
  readonly cookies: readonly { readonly name: string; readonly value: StringMatcherSettings; readonly invert: boolean }[];
}

export interface PathMatchSettings {
  readonly kind: 'prefix' | 'path' | 'regex' | 'path_separated_prefix' | 'connect' | 'uri_template';
  /** '' for connect. */
  readonly value: string;
  readonly caseSensitive: boolean;
}

export interface QueryParameterSettings {
  readonly name: string;
  /** null: presence alone decides. */
  readonly value: StringMatcherSettings | null;
  readonly present: boolean;
}

export type ActionSettings = ForwardSettings | RedirectSettings | DirectResponseSettings | NoActionSettings;

/** non_forwarding_action, or a route whose optional plugin is missing: it matches and leads nowhere. */
export interface NoActionSettings {
  readonly kind: 'none';
}

export interface DirectResponseSettings {
  readonly kind: 'direct_response';
  readonly status: number;
  readonly body: string;
}

export interface RedirectSettings {
  readonly kind: 'redirect';
  readonly status: number;
  /** '' keeps the request's scheme. */
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly prefixRewrite: string;
  readonly regexRewrite: RegexRewriteSettings | null;
  readonly stripQuery: boolean;
}

export interface ForwardSettings {
  readonly kind: 'forward';
  readonly cluster: ClusterChoiceSettings;
  readonly clusterNotFoundStatus: number;
  readonly rewrite: RewriteSettings;
  readonly timeoutMs: number;
  readonly timeoutIsDefault: boolean;
  readonly idleTimeoutMs: number | null;
  readonly maxStreamDurationMs: number | null;
  readonly grpcTimeoutHeaderMaxMs: number | null;
  readonly grpcTimeoutHeaderOffsetMs: number;
  readonly maxGrpcTimeoutMs: number | null;
  readonly grpcTimeoutOffsetMs: number;
  readonly retryPolicy: RetryPolicySettings | null;
  readonly hedgeOnPerTryTimeout: boolean;
  readonly priority: 0 | 1;
  readonly upgrades: Readonly<Record<string, boolean>> | null;
  readonly connectTerminates: boolean;
  /** … and that of a POST (allow_post). */
  readonly connectTerminatesPost: boolean;
  /** Version of the PROXY header before it; 0 = none. */
  readonly connectProxyProtocol: 0 | 1 | 2;
  readonly internalRedirect: InternalRedirectSettings | null;
  readonly requestBufferLimit: number | null;
  readonly mirrors: readonly MirrorPolicySettings[];
  readonly hashPolicies: readonly HashPolicySettings[];
  readonly metadataMatch: Metadata | null;
  readonly rateLimits: readonly RateLimitSettings[];
  readonly includeVirtualHostRateLimits: boolean;
}

export type ClusterChoiceSettings =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'header'; readonly header: string }
  | ClusterMatcherSettings
  | WeightedSettings;

export interface WeightedSettings {
  readonly kind: 'weighted';
  readonly entries: readonly WeightedEntrySettings[];
  readonly headerName: string;
  readonly useHashPolicy: boolean;
  readonly runtimeKeyPrefix: string;
}

export interface WeightedEntrySettings extends LevelSettings {
  /** Exactly one of the two is not ''. */
  readonly name: string;
  readonly header: string;
  readonly weight: number;
  readonly hostRewrite: string;
  /** Already merged over the route's. */
  readonly metadataMatch: Metadata | null;
}

export interface RewriteSettings {
  readonly prefix: string;
  readonly regex: RegexRewriteSettings | null;
  readonly template: string;
  readonly host: string;
  readonly hostHeader: string;
  readonly hostPathRegex: RegexRewriteSettings | null;
  readonly autoHost: boolean;
  readonly appendXForwardedHost: boolean;
}

export interface MirrorPolicySettings {
  readonly cluster: string;
  readonly clusterHeader: string;
  readonly fraction: FractionSettings | null;
  readonly disableShadowHostSuffixAppend: boolean;
  /** Absent or null = as the request is. */
  readonly traceSampled?: boolean | null;
  readonly hostRewrite: string;
  /** In their order: lines removed and added, or all headers removed whose names match. */
  readonly headerChanges: readonly HeaderStepSettings[];
}

export type HashPolicySettings =
  | { readonly kind: 'header'; readonly name: string; readonly rewrite: RegexRewriteSettings | null; readonly terminal: boolean }
  | {
      readonly kind: 'cookie';
      readonly name: string;
      /** null: none is generated. */
      readonly ttlSeconds: number | null;
      readonly path: string;
      readonly attributes: readonly { readonly name: string; readonly value: string }[];
      readonly terminal: boolean;
    }
  | { readonly kind: 'source_ip'; readonly terminal: boolean }
  | { readonly kind: 'query_parameter'; readonly name: string; readonly terminal: boolean }
  | { readonly kind: 'filter_state'; readonly key: string; readonly terminal: boolean };

export interface HeaderMutationSettings {
  /** Lower case. */
  readonly remove: readonly string[];
  readonly add: readonly HeaderAddSettings[];
}

export interface HeaderAddSettings {
  /** Lower case. */
  readonly name: string;
  /** Format with %OPERATORS%. */
  readonly value: string;
  readonly action: 'APPEND_IF_EXISTS_OR_ADD' | 'ADD_IF_ABSENT' | 'OVERWRITE_IF_EXISTS_OR_ADD' | 'OVERWRITE_IF_EXISTS';
  readonly keepEmpty: boolean;
}
