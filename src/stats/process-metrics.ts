/**
 * Metrics of the process and its threads, which Envoy does not have. Loaded at the first scrape: a proxy that nobody scrapes pays nothing.
 * prom-client knows those that every process has; those of threads are `outrider_thread_*`.
 */
export interface ProcessMetrics {
  /** In the Prometheus text format. */
  text(accepts: (metricName: string) => boolean): Promise<string>;
}

/** Since the thread started. */
export interface ThreadUsage {
  /** 'control', 'worker_0' … */
  readonly name: string;
  readonly cpuSeconds: number;
  /** In which its event loop worked, and waited. */
  readonly activeSeconds: number;
  readonly idleSeconds: number;
  readonly heapBytes: number;
}

/** Its event-loop monitor wakes up this often, whether it is shown or not. */
const LAG_SAMPLE_MS = 1000;
/** prom-client looks at the control thread's event loop only, and calls gauges "_total". */
const LEFT_OUT = /^nodejs_(eventloop_lag|active_)/;

interface ThreadMetric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly value: (usage: ThreadUsage) => number;
}

const THREAD_METRICS: readonly ThreadMetric[] = [
  { name: 'outrider_thread_cpu_seconds_total', help: 'CPU time of the thread.', type: 'counter', value: (u) => u.cpuSeconds },
  {
    name: 'outrider_thread_event_loop_active_seconds_total',
    help: "Time in which the thread's event loop worked.",
    type: 'counter',
    value: (u) => u.activeSeconds,
  },
  {
    name: 'outrider_thread_event_loop_idle_seconds_total',
    help: "Time in which the thread's event loop waited.",
    type: 'counter',
    value: (u) => u.idleSeconds,
  },
  { name: 'outrider_thread_heap_used_bytes', help: "The thread's JavaScript heap in use.", type: 'gauge', value: (u) => u.heapBytes },
];

export async function startProcessMetrics(threads: () => Promise<readonly ThreadUsage[]>): Promise<ProcessMetrics> {
  const { Registry, collectDefaultMetrics } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_SAMPLE_MS });
  for (const { name } of registry.getMetricsAsArray()) if (LEFT_OUT.test(name)) registry.removeSingleMetric(name);
  return {
    async text(accepts) {
      let out = '';
      for (const { name } of registry.getMetricsAsArray()) if (accepts(name)) out += (await registry.getSingleMetricAsString(name)) + '\n';
      const wanted = THREAD_METRICS.filter(({ name }) => accepts(name));
      const usages = wanted.length === 0 ? [] : await threads();
      for (const { name, help, type, value } of usages.length === 0 ? [] : wanted) {
        out += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
        for (const usage of usages) out += `${name}{thread="${usage.name}"} ${value(usage)}\n`;
      }
      return out;
    },
  };
}
