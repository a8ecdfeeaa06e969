/** Local rate limit settings, of the filter and of routes. Source: envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit. */
import type { CompileContext } from '../../../config/context.ts';
import { VhRateLimitsOptions, XRateLimitHeadersRFCVersion } from '../../../config/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js';
import type { LocalRateLimit } from '../../../config/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js';
import { compileRuntimeFraction } from '../../../http/config.ts';
import { wireText } from '../../../http/wire-text.ts';
import { compileTokenBucket } from '../../../resilience/token-bucket-config.ts';
import { compileHeaderAdds } from '../../../route/headers/config.ts';
import { compileRateLimits } from '../../../route/rate-limit/config.ts';
import type { LocalDescriptorSettings, LocalRateLimitSettings } from './settings.ts';

const TOO_MANY_REQUESTS = 429;

export function compileLocalRateLimitOfRoute(message: LocalRateLimit, at: CompileContext): LocalRateLimitSettings {
  if (message.tokenBucket === undefined) at.error('local rate limit token bucket must be set for per filter configs');
  return compileLocalRateLimit(message, at);
}

export function compileLocalRateLimit(message: LocalRateLimit, at: CompileContext): LocalRateLimitSettings {
  const bucket = message.tokenBucket === undefined ? null : compileTokenBucket(message.tokenBucket, 'local rate limit', at);
  if (message.localClusterRateLimit !== undefined && message.localRateLimitPerDownstreamConnection)
    at.error('local_cluster_rate_limit is set and local_rate_limit_per_downstream_connection is set to true');
  const status = message.status?.code ?? TOO_MANY_REQUESTS;
  return {
    statPrefix: message.statPrefix,
    status: status < 400 ? TOO_MANY_REQUESTS : status,
    bucket,
    enabled: message.filterEnabled === undefined ? null : compileRuntimeFraction(message.filterEnabled),
    enforced: message.filterEnforced === undefined ? null : compileRuntimeFraction(message.filterEnforced),
    requestHeaders: {
      add: compileHeaderAdds(message.requestHeadersToAddWhenNotEnforced, at, 'request_headers_to_add_when_not_enforced'),
      remove: [],
    },
    responseHeaders: { add: compileHeaderAdds(message.responseHeadersToAdd, at, 'response_headers_to_add'), remove: [] },
    descriptors: compileDescriptors(message, at),
    stage: message.stage,
    perConnection: message.localRateLimitPerDownstreamConnection,
    sharedByLocalCluster: message.localClusterRateLimit !== undefined,
    xRateLimitHeaders: message.enableXRatelimitHeaders === XRateLimitHeadersRFCVersion.DRAFT_VERSION_03,
    retryAfter: message.enableRetryAfterHeader,
    virtualHostRateLimits:
      message.vhRateLimits === VhRateLimitsOptions.INCLUDE
        ? 'INCLUDE'
        : message.vhRateLimits === VhRateLimitsOptions.IGNORE
          ? 'IGNORE'
          : 'OVERRIDE',
    alwaysConsumeDefault: message.alwaysConsumeDefaultTokenBucket ?? true,
    resourceExhausted: message.rateLimitedAsResourceExhausted,
    rateLimits: compileOwnRateLimits(message, at),
    maxDynamicDescriptors: message.maxDynamicDescriptors ?? 20,
    place: at.place,
  };
}

function compileDescriptors(message: LocalRateLimit, at: CompileContext): LocalDescriptorSettings[] {
  const seen = new Set<string>();
  return message.descriptors.map((descriptor, i) => {
    const here = at.field('descriptors', i);
    const entries = descriptor.entries.map(({ key, value }) => ({ key: wireText(key), value: wireText(value) }));
    const bucket = compileTokenBucket(descriptor.tokenBucket, 'local rate limit descriptor', here);
    const text = descriptor.entries.map(({ key, value }) => `${key}=${value}`).join(', ');
    if (seen.has(text)) here.error(`duplicate descriptor in the local rate descriptor: ${text}`);
    seen.add(text);
    return { entries, bucket, shadow: descriptor.shadowMode };
  });
}

function compileOwnRateLimits(message: LocalRateLimit, at: CompileContext): LocalRateLimitSettings['rateLimits'] {
  message.rateLimits.forEach((limit, i) => {
    const here = at.field('rate_limits', i);
    if (limit.stage !== undefined || limit.disableKey !== '') here.error("'stage' field and 'disable_key' field are not supported");
    if (limit.limit !== undefined) here.field('limit').error("'limit' field is not supported");
  });
  return compileRateLimits(message.rateLimits, at);
}
