/** Source: envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency. */
import type { CompileContext } from '../../../config/context.ts';
import type { AdaptiveConcurrency } from '../../../config/gen/envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency_pb.js';
import { durationMs } from '../../../http/config.ts';
import type { AdaptiveConcurrencySettings } from './settings.ts';

const SERVICE_UNAVAILABLE = 503;

export function compileAdaptiveConcurrency(message: AdaptiveConcurrency, at: CompileContext): AdaptiveConcurrencySettings {
  const config = message.concurrencyControllerConfig.value;
  const limits = config?.concurrencyLimitParams;
  const rtt = config?.minRttCalcParams;
  const fixedMs = durationMs(rtt?.fixedValue);
  const intervalMs = durationMs(rtt?.interval);
  if (config !== undefined && fixedMs === null && intervalMs === null)
    at.field('gradient_controller_config')
      .field('min_rtt_calc_params')
      .error('adaptive_concurrency: neither `interval` nor `fixed_value` set');
  const status = message.concurrencyLimitExceededStatus?.code ?? 0;
  return {
    place: at.path,
    enabled: { value: message.enabled?.defaultValue ?? true, runtimeKey: message.enabled?.runtimeKey ?? '' },
    exceededStatus: status < 400 ? SERVICE_UNAVAILABLE : status,
    controller: {
      quantile: (config?.sampleAggregatePercentile?.value ?? 50) / 100,
      maxLimit: limits?.maxConcurrencyLimit ?? 1000,
      minLimit: (fixedMs === null ? rtt?.minConcurrency : limits?.minConcurrencyLimit) ?? 3,
      updateIntervalMs: durationMs(limits?.concurrencyUpdateInterval) ?? 0,
      fixedMinRttUs: fixedMs === null ? null : fixedMs * 1000,
      minRttIntervalMs: intervalMs ?? 0,
      minRttRequests: rtt?.requestCount ?? 50,
      jitter: (rtt?.jitter?.value ?? 15) / 100,
      buffer: (rtt?.buffer?.value ?? 25) / 100,
    },
  };
}
