/** Retry policies of routes and virtual hosts. Source: envoy.config.route.v3.RetryPolicy. */
import type { Any } from '@bufbuild/protobuf/wkt';
import { anyTypeName, type CompileContext } from '../config/context.ts';
import { RetryPolicy_ResetHeaderFormat as ResetFormat, type RetryPolicy } from '../config/gen/envoy/config/route/v3/route_components_pb.js';
import type { OmitHostMetadataConfig } from '../config/gen/envoy/extensions/retry/host/omit_host_metadata/v3/omit_host_metadata_config_pb.js';
import type { PreviousPrioritiesConfig } from '../config/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.js';
import { compileHeaderMatchers, durationMs } from '../http/config.ts';
import type { RetryHostSettings } from './retry-hosts.ts';
import { parseRetryOn, type RetryPolicySettings } from './retry-policy.ts';

const PREVIOUS_HOSTS = 'envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate';
const OMIT_CANARY_HOSTS = 'envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate';
const OMIT_HOST_METADATA = 'envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig';
const PREVIOUS_PRIORITIES = 'envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig';
const DEFAULT_BASE_INTERVAL_MS = 25;
const DEFAULT_RATE_LIMITED_MAX_MS = 300_000;

export function compileRetryPolicy(policy: RetryPolicy, at: CompileContext): RetryPolicySettings {
  for (const token of policy.retryOn.split(',')) {
    if (token.trim() !== '' && parseRetryOn(token) === 0)
      at.field('retry_on').warn(`'${token.trim()}' is no condition that Envoy knows: it is ignored`);
  }
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
    hosts: compileHosts(policy, at),
    refreshCluster: policy.refreshClusterOnRetry,
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

function compileHosts(policy: RetryPolicy, at: CompileContext): RetryHostSettings | null {
  const priority = policy.retryPriority?.configType.value;
  if (policy.retryHostPredicate.length === 0 && priority === undefined) return null;
  let previousHosts = false;
  let canaries = false;
  let metadata: RetryHostSettings['metadata'] = null;
  policy.retryHostPredicate.forEach((predicate, i) => {
    const here = at.field('retry_host_predicate', i);
    const any = predicate.configType.value;
    const type = anyTypeName(any);
    if (type === PREVIOUS_HOSTS) previousHosts = true;
    else if (type === OMIT_CANARY_HOSTS) canaries = true;
    else if (type === OMIT_HOST_METADATA) {
      const config = here.field('typed_config').unpackAs<OmitHostMetadataConfig>(any, OMIT_HOST_METADATA);
      metadata = config?.metadataMatch?.filterMetadata['envoy.lb'] ?? {};
    } else here.unsupported('typed_config');
  });
  return { previousHosts, canaries, metadata, priorityUpdateFrequency: compilePriority(priority, at.field('retry_priority')) };
}

function compilePriority(any: Any | undefined, at: CompileContext): number {
  if (any === undefined) return 0;
  if (anyTypeName(any) !== PREVIOUS_PRIORITIES) {
    at.unsupported('typed_config');
    return 0;
  }
  const here = at.field('typed_config');
  const frequency = here.unpackAs<PreviousPrioritiesConfig>(any, PREVIOUS_PRIORITIES)?.updateFrequency ?? 1;
  if (frequency <= 0) here.field('update_frequency').error('update_frequency must be greater than 0');
  return frequency;
}
