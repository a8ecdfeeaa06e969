/** What the local rate limit filter is told by its configuration, or by that of a route. */
import type { TokenBucketSettings } from '../../../resilience/token-bucket.ts';
import type { RateLimitSettings } from '../../../route/rate-limit/settings.ts';
import type { HeaderMutationSettings } from '../../../route/settings.ts';
import type { FractionSettings } from '../../../runtime/runtime.ts';

export interface LocalRateLimitSettings {
  readonly statPrefix: string;
  readonly status: number;
  /** null: only descriptors are limited. */
  readonly bucket: TokenBucketSettings | null;
  /** null = none. */
  readonly enabled: FractionSettings | null;
  readonly enforced: FractionSettings | null;
  /** Of requests that are over the limit and pass. */
  readonly requestHeaders: HeaderMutationSettings;
  /** Of answers to requests that are refused. */
  readonly responseHeaders: HeaderMutationSettings;
  readonly descriptors: readonly LocalDescriptorSettings[];
  /** Of the routes' rate_limits. */
  readonly stage: number;
  readonly perConnection: boolean;
  /** The limit is that of the whole local cluster: this proxy has one share of it. */
  readonly sharedByLocalCluster: boolean;
  readonly xRateLimitHeaders: boolean;
  readonly retryAfter: boolean;
  readonly virtualHostRateLimits: 'OVERRIDE' | 'INCLUDE' | 'IGNORE';
  readonly alwaysConsumeDefault: boolean;
  readonly resourceExhausted: boolean;
  /** In place of those of routes and virtual hosts, if there are any. */
  readonly rateLimits: readonly RateLimitSettings[];
  readonly maxDynamicDescriptors: number;
  /** CompileContext.place: the buckets are shared by the workers under it. */
  readonly place: string;
}

export interface LocalDescriptorSettings {
  /** An empty value stands for any, each with a bucket of its own. */
  readonly entries: readonly { readonly key: string; readonly value: string }[];
  readonly bucket: TokenBucketSettings;
  /** Requests over it pass. */
  readonly shadow: boolean;
}
