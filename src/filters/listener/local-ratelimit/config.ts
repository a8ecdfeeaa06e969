/** Source: envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit. */
import type { CompileContext } from '../../../config/context.ts';
import type { LocalRateLimit } from '../../../config/gen/envoy/extensions/filters/listener/local_ratelimit/v3/local_ratelimit_pb.js';
import type { TokenBucketSettings } from '../../../resilience/token-bucket.ts';
import { compileTokenBucket } from '../../../resilience/token-bucket-config.ts';

export interface AcceptRateLimitSettings {
  readonly statPrefix: string;
  readonly bucket: TokenBucketSettings;
  readonly runtimeKey: string;
  readonly enabled: boolean;
  /** CompileContext.place: the bucket is shared by the workers under it. */
  readonly place: string;
}

export function compileAcceptRateLimit(message: LocalRateLimit, at: CompileContext): AcceptRateLimitSettings {
  return {
    statPrefix: message.statPrefix,
    bucket: compileTokenBucket(message.tokenBucket, 'local rate limit', at),
    runtimeKey: message.runtimeEnabled?.runtimeKey ?? '',
    enabled: message.runtimeEnabled?.defaultValue ?? true,
    place: at.place,
  };
}
