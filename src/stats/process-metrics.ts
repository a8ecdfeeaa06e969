/**
 * Metrics of the Node process (CPU, memory, garbage collection, event-loop lag) from prom-client, which knows them all. Loaded at the first scrape:
 * a proxy that nobody scrapes pays nothing.
 */
export interface ProcessMetrics {
  /** In the Prometheus text format. */
  text(accepts: (metricName: string) => boolean): Promise<string>;
}

/** The event-loop monitor wakes up this often; prom-client's own 10 ms would be a tenth of a percent of a core for nothing. */
const LAG_SAMPLE_MS = 1000;

export async function startProcessMetrics(): Promise<ProcessMetrics> {
  const { Registry, collectDefaultMetrics } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_SAMPLE_MS });
  return {
    async text(accepts) {
      let out = '';
      for (const { name } of registry.getMetricsAsArray()) if (accepts(name)) out += (await registry.getSingleMetricAsString(name)) + '\n';
      return out;
    },
  };
}
