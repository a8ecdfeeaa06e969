/** The statistics that dashboards live on: one scripted traffic through Envoy and Outrider, then every name, label and counter of both. */
import { beforeAll, describe, expect, test } from 'vitest';
import { findOutrider } from '../support/outrider.ts';
import { until } from '../support/poll.ts';
import { requireTool } from '../support/tool.ts';
import { BusyProxy } from './harness/busy-proxy.ts';
import { DASHBOARD_STATISTICS } from './harness/dashboard-statistics.ts';

/** One metric: its type, and values by labels. */
interface Metric {
  readonly type: string;
  readonly values: Map<string, string>;
}

async function measure(binary: string): Promise<Map<string, Metric>> {
  const busy = await BusyProxy.start(binary);
  try {
    const read = async () => parse((await busy.proxy.admin('/stats/prometheus')).body);
    await until('a first health check', async () => value(await read(), 'envoy_cluster_health_check_success', 'app') === 1);
    await busy.traffic();
    return await until('everything counted', async () => {
      const before = await read();
      await new Promise((resolve) => setTimeout(resolve, 250));
      const after = await read();
      const still = ['envoy_http_downstream_rq_total', 'envoy_http_downstream_cx_destroy', 'envoy_filesystem_write_completed'];
      return still.every((name) => String([...before.get(name)!.values]) === String([...after.get(name)!.values])) && after;
    });
  } finally {
    await busy.stop();
  }
}

function parse(text: string): Map<string, Metric> {
  const metrics = new Map<string, Metric>();
  for (const line of text.split('\n')) {
    // What asking itself moves.
    if (line.includes('prefix="admin"')) continue;
    const declared = /^# TYPE (\S+) (\S+)$/.exec(line);
    if (declared !== null) metrics.set(declared[1]!, { type: declared[2]!, values: new Map() });
    const sample = /^([a-zA-Z0-9_]+)\{(.*)\} (\S+)$/.exec(line);
    if (sample === null || line.startsWith('#')) continue;
    const [, name, labels, number] = sample as unknown as [string, string, string, string];
    const metric = metrics.get(name) ?? metrics.get(name.replace(/_(bucket|sum|count)$/, ''));
    if (metric !== undefined) metric.values.set(name + '{' + labels + '}', number);
  }
  return metrics;
}

function value(metrics: Map<string, Metric>, name: string, cluster: string): number {
  return Number(metrics.get(name)?.values.get(`${name}{envoy_cluster_name="${cluster}"}`));
}

/** Depends on time, on the number of bytes that a codec makes of something, or on the process itself. */
const VARYING =
  // Who closes first is a race here; other areas compare it. Envoy counts look-ups of names, and a request that it could not parse as not traceable.
  /destroy_(local|remote)$|stats_recent_lookups|not_traceable|_bytes_|_ms$|_time$|_duration$|uptime|memory_|version|initialization|_buffered|write_(completed|buffered)|flushed_by_timer|listener_admin|parent_connections|worker_downstream_cx_active|update_attempt|days_until/;

/** Counters and gauges. */
const values = (metrics: Map<string, Metric>): string[] =>
  DASHBOARD_STATISTICS.filter((name) => metrics.get(name)?.type !== 'histogram' && !VARYING.test(name)).flatMap((name) =>
    [...(metrics.get(name)?.values ?? [])].map(([labels, number]) => `${labels} ${number}`),
  );

/** How much histograms have counted. */
const counts = (metrics: Map<string, Metric>): string[] =>
  DASHBOARD_STATISTICS.flatMap((name) =>
    [...(metrics.get(name)?.values ?? [])]
      .filter(([labels]) => labels.startsWith(`${name}_count{`) && !/admin|update_duration/.test(labels))
      .map(([labels, number]) => `${labels} ${number}`),
  );

const envoy = requireTool('envoy');

describe('the names that dashboards ask for', () => {
  let ours: Map<string, Metric>;
  let theirs: Map<string, Metric> | null = null;
  beforeAll(async () => {
    // Again where they differ: a request may have been given up for being late on one side. What really differs does so again.
    for (let i = 0; i < 3; i++) {
      ours = await measure(findOutrider());
      if (envoy === null) return;
      theirs = await measure(envoy);
      if (String(values(ours)) === String(values(theirs)) && String(counts(ours)) === String(counts(theirs))) return;
    }
  }, 600_000);

  test('there are more than 200 of them, each once', () => {
    expect(DASHBOARD_STATISTICS.length).toBeGreaterThan(200);
    expect(new Set(DASHBOARD_STATISTICS).size).toBe(DASHBOARD_STATISTICS.length);
  });

  test('Outrider has them all', () => {
    expect(DASHBOARD_STATISTICS.filter((name) => !ours.has(name))).toEqual([]);
  });

  test('types are those of Prometheus that their names promise', () => {
    expect(ours.get('envoy_cluster_upstream_rq_time')?.type).toBe('histogram');
    expect(ours.get('envoy_cluster_upstream_rq_total')?.type).toBe('counter');
    expect(ours.get('envoy_cluster_membership_healthy')?.type).toBe('gauge');
  });

  test.skipIf(envoy === null)('the list names nothing that Envoy has not', () => {
    expect(DASHBOARD_STATISTICS.filter((name) => !theirs!.has(name))).toEqual([]);
  });

  test.skipIf(envoy === null)('labels and types are equal', () => {
    const shape = (metrics: Map<string, Metric>) =>
      DASHBOARD_STATISTICS.map((name) => `${name} ${metrics.get(name)?.type}\n${[...(metrics.get(name)?.values.keys() ?? [])].join('\n')}`);
    expect(shape(ours)).toEqual(shape(theirs!));
  });

  test.skipIf(envoy === null)('counters and gauges are equal', () => {
    expect(values(ours)).toEqual(values(theirs!));
  });

  test.skipIf(envoy === null)('histograms have counted as much', () => {
    expect(counts(ours)).toEqual(counts(theirs!));
  });
});
