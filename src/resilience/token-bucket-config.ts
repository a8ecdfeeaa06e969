/** Source: envoy.type.v3.TokenBucket. */
import type { CompileContext } from '../config/context.ts';
import type { TokenBucket } from '../config/gen/envoy/type/v3/token_bucket_pb.js';
import { durationMs } from '../http/config.ts';
import type { TokenBucketSettings } from './token-bucket.ts';

/** Envoy's; its own timer could not fill a bucket more often. */
const MIN_FILL_INTERVAL_MS = 50;

/** @param what names the bucket in the error, as Envoy does: "local rate limit" */
export function compileTokenBucket(message: TokenBucket | undefined, what: string, at: CompileContext): TokenBucketSettings {
  // Message and interval are required by their own rules.
  const fillIntervalMs = durationMs(message?.fillInterval) ?? 1000;
  if (fillIntervalMs < MIN_FILL_INTERVAL_MS)
    at.field('token_bucket').field('fill_interval').error(`${what} token bucket fill timer must be >= 50ms`);
  return { maxTokens: message?.maxTokens ?? 1, tokensPerFill: message?.tokensPerFill ?? 1, fillIntervalMs };
}
