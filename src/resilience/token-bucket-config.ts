/** Source: envoy.type.v3.TokenBucket. */
import type { TokenBucket } from '../config/gen/envoy/type/v3/token_bucket_pb.js';
import { durationMs } from '../http/config.ts';
import type { TokenBucketSettings } from './token-bucket.ts';

export function compileTokenBucket(message: TokenBucket): TokenBucketSettings {
  // The interval is required by the message's own rules.
  return {
    maxTokens: message.maxTokens,
    tokensPerFill: message.tokensPerFill ?? 1,
    fillIntervalMs: durationMs(message.fillInterval) ?? 1000,
  };
}
