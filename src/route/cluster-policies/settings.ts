/** What a cluster says of the requests that are routed to it: it overrides the route. Source: HttpProtocolOptions.retry_policy, hash_policy, request_mirror_policies. */
import type { RetryPolicySettings } from '../../resilience/retry-policy.ts';
import type { HashPolicySettings, MirrorPolicySettings } from '../settings.ts';

export interface ClusterPolicySettings {
  /** null = the route's. */
  readonly retryPolicy: RetryPolicySettings | null;
  /** Empty = the route's. */
  readonly hashPolicies: readonly HashPolicySettings[];
  /** Empty = the route's. */
  readonly mirrors: readonly MirrorPolicySettings[];
}
