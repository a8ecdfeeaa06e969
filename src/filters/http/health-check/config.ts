/** Health check filter settings. Source: envoy.extensions.filters.http.health_check.v3.HealthCheck. */
import type { CompileContext } from '../../../config/context.ts';
import type { HealthCheck } from '../../../config/gen/envoy/extensions/filters/http/health_check/v3/health_check_pb.js';
import { compileHeaderMatchers, durationMs } from '../../../http/config.ts';
import type { HealthCheckFilterSettings } from './settings.ts';

/** @param message has passed its validation rules: `pass_through_mode` is there */
export function compileHealthCheckFilter(message: HealthCheck, at: CompileContext): HealthCheckFilterSettings {
  const passThrough = message.passThroughMode ?? false;
  const cacheMs = durationMs(message.cacheTime) ?? 0;
  if (!passThrough && cacheMs > 0) at.field('cache_time').error('cache_time_ms must not be set when path_through_mode is disabled');
  return {
    passThrough,
    cacheMs,
    minHealthy: Object.entries(message.clusterMinHealthyPercentages).map(
      ([cluster, percent]) => [cluster, Math.trunc(percent.value)] as const,
    ),
    headers: compileHeaderMatchers(message.headers, at, 'headers'),
    place: at.place,
  };
}
