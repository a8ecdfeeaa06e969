/** Retry policies of routes and virtual hosts. Source: envoy.config.route.v3.RetryPolicy. */
import { anyTypeName, type CompileContext } from '../config/context.ts';
import { RetryPolicy_ResetHeaderFormat as ResetFormat, type RetryPolicy } from '../config/gen/envoy/config/route/v3/route_components_pb.js';
import { compileHeaderMatchers, durationMs } from '../http/config.ts';
import { parseRetryOn, type RetryPolicySettings } from './retry-policy.ts';

const PREVIOUS_HOSTS = 'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate';
const DEFAULT_BASE_INTERVAL_MS = 25;
const DEFAULT_RATE_LIMITED_MAX_MS = 300_000;

export function compileRetryPolicy(policy: RetryPolicy, at: CompileContext): RetryPolicySettings {
  for (const token of policy.retryOn.split(',')) {
    if (token.trim() !== '' && parseRetryOn(token) === 0)
      at.field('retry_on').warn(`'${token.trim()}' is no condition that Envoy knows: it is ignored`);
  }
  policy.retryHostPredicate.forEach((predicate, i) => {
    if (anyTypeName(predicate.configType.value) !== PREVIOUS_HOSTS) at.field('retry_host_predicate', i).unsupported('typed_config');
  });
  // Envoy rounds a shorter base interval up to a millisecond.
  const baseIntervalMs = Math.max(1, durationMs(policy.retryBackOff?.baseInterval) ?? DEFAULT_BASE_INTERVAL_MS);
  const maxIntervalMs = durationMs(policy.retryBackOff?.maxInterval) ?? baseIntervalMs * 10;
  if (maxIntervalMs < baseIntervalMs) {
    at.field('retry_back_off').field('max_interval').error('retry_policy.max_interval must greater than or equal to the base_interval');
  }
  const rateLimited = policy.rateLimitedRetryBackOff;
  return {
    retryOn: parseRetryOn(policy.retryOn),
    numRetries: policy.numRetries ?? 1,
    perTryTimeoutMs: durationMs(policy.perTryTimeout) ?? 0,
    perTryIdleTimeoutMs: durationMs(policy.perTryIdleTimeout) ?? 0,
    baseIntervalMs,
    maxIntervalMs,
    retriableStatusCodes: [...policy.retriableStatusCodes],
    retriableHeaders: compileHeaderMatchers(policy.retriableHeaders, at, 'retriable_headers'),
    retriableRequestHeaders: compileHeaderMatchers(policy.retriableRequestHeaders, at, 'retriable_request_headers'),
    hostSelectionRetryMaxAttempts: Number(policy.hostSelectionRetryMaxAttempts) || 1,
    avoidPreviousHosts: policy.retryHostPredicate.some((predicate) => anyTypeName(predicate.configType.value) === PREVIOUS_HOSTS),
    rateLimitedBackOff:
      rateLimited === undefined
        ? null
        : {
            maxIntervalMs: durationMs(rateLimited.maxInterval) ?? DEFAULT_RATE_LIMITED_MAX_MS,
            resetHeaders: rateLimited.resetHeaders.map((header) => ({
              name: header.name.toLowerCase(),
              format: header.format === ResetFormat.UNIX_TIMESTAMP ? ('UNIX_TIMESTAMP' as const) : ('SECONDS' as const),
            })),
          },
  };
}
