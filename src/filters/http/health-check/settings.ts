/** What the health check filter is told. Source: envoy.extensions.filters.http.health_check.v3.HealthCheck. */
import type { HeaderMatcherSettings } from '../../../http/header-matcher.ts';

export interface HealthCheckFilterSettings {
  /** Checks go on to the service behind; otherwise the filter answers by itself. */
  readonly passThrough: boolean;
  /** For so long an answer of the service stands for further checks; 0 = not at all. */
  readonly cacheMs: number;
  /** Cluster and the whole percentage of its hosts that must be healthy or degraded. */
  readonly minHealthy: readonly (readonly [cluster: string, percent: number])[];
  /** What makes a request a check: all of them match. */
  readonly headers: readonly HeaderMatcherSettings[];
  /** Where it is configured: its memory that all workers share goes by this name. */
  readonly place: string;
}
