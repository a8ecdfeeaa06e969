/** Source: envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit. */
import type { CompileContext } from '../../../config/context.ts';
import type { LocalRateLimit } from '../../../config/gen/envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit_pb.js';
import type { TokenBucketSettings } from '../../../resilience/token-bucket.ts';
import { compileTokenBucket } from '../../../resilience/token-bucket-config.ts';

export interface ConnectionRateLimitSettings {
  readonly statPrefix: string;
  readonly bucket: TokenBucketSettings;
  readonly runtimeKey: string;
  readonly enabled: boolean;
  /** Names the bucket over all workers; filters of one name have one bucket. */
  readonly sharedAs: string;
}

export function compileConnectionRateLimit(message: LocalRateLimit, at: CompileContext): ConnectionRateLimitSettings {
  return {
    statPrefix: message.statPrefix,
    bucket: compileTokenBucket(message.tokenBucket, 'local rate limit', at),
    runtimeKey: message.runtimeEnabled?.runtimeKey ?? '',
    enabled: message.runtimeEnabled?.defaultValue ?? true,
    sharedAs: message.shareKey === '' ? at.place : `network local_ratelimit share_key ${message.shareKey}`,
  };
}
