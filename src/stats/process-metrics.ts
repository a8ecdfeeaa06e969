/**
 * Metrics of the process and its threads, which Envoy does not have. Loaded at the first scrape: a proxy that nobody scrapes pays nothing.
 * prom-client knows those that every process has; those of threads are `outrider_thread_*`.
 */
import type { MetricFamily } from './prometheus-protobuf.ts';

export interface ProcessMetrics {
  /** In the Prometheus text format. */
  text(accepts: (metricName: string) => boolean): Promise<string>;
  /** For the protobuf format. */
  families(accepts: (metricName: string) => boolean): Promise<readonly MetricFamily[]>;
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
  const threadFamilies = async (accepts: (metricName: string) => boolean): Promise<MetricFamily[]> => {
    const wanted = THREAD_METRICS.filter(({ name }) => accepts(name));
    const usages = wanted.length === 0 ? [] : await threads();
    if (usages.length === 0) return [];
    return wanted.map(({ name, help, type, value }) => ({
      ...{ name, help, type },
      samples: usages.map((usage) => ({ name, labels: { thread: usage.name }, value: value(usage) })),
    }));
  };
  return {
    async text(accepts) {
      let out = '';
      for (const { name } of registry.getMetricsAsArray()) if (accepts(name)) out += (await registry.getSingleMetricAsString(name)) + '\n';
      for (const { name, help, type, samples } of await threadFamilies(accepts)) {
        out += `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
        for (const { labels, value } of samples) out += `${name}{thread="${labels['thread']}"} ${value}\n`;
      }
      return out;
    },
    async families(accepts) {
      const families: MetricFamily[] = [];
      for (const metric of await registry.getMetricsAsJSON()) {
        const { name, help } = metric;
        if (!accepts(name)) continue;
        // Of all that a process has only these three kinds.
        const type = String(metric.type) as MetricFamily['type'];
        const values = metric.values as { value: number; labels: Record<string, string | number>; metricName?: string }[];
        families.push({ name, help, type, samples: values.map((v) => ({ name: v.metricName ?? name, labels: v.labels, value: v.value })) });
      }
      return [...families, ...(await threadFamilies(accepts))];
    },
  };
}
