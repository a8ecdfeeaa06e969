/**
 * The real Envoy runs scripted traffic; its own numbers go into our store under their plain names, and what we then write must be what it writes: the
 * same lines in the same order. promtool, where installed, must find no other kinds of fault in ours than in Envoy's.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { StatsAggregate } from '../../src/stats/aggregate.ts';
import { startProcessMetrics } from '../../src/stats/process-metrics.ts';
import { writePrometheus } from '../../src/stats/prometheus-writer.ts';
import { parseStatsQuery, type StatsQuery } from '../../src/stats/query.ts';
import { writeText } from '../../src/stats/text-writer.ts';
import { ProxyUnderTest } from '../envoy/harness/proxy-under-test.ts';
import { joined } from '../support/pieces.ts';
import { freePort } from '../support/ports.ts';
import { requireTool } from '../support/tool.ts';

const envoy = requireTool('envoy');
const promtool = requireTool('promtool');

const hcm = (statPrefix: string, virtualHosts: string) => `
      filter_chains: [{filters: [{name: hcm, typed_config: {
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,
        stat_prefix: ${statPrefix}, route_config: {name: local, virtual_hosts: [${virtualHosts}]},
        http_filters: [
          {name: fault, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault}},
          {name: rbac, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC, rules_stat_prefix: rules}},
          {name: limit, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: lim}},
          {name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}}]}]`;

const bootstrap = (admin: number, front: number, back: number, tcp: number) => `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: ${admin}}}}
stats_flush_interval: 0.1s
static_resources:
  listeners:
    - address: {socket_address: {address: 127.0.0.1, port_value: ${front}}}
      listener_filters: [{name: pp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol, allow_requests_without_proxy_protocol: true}}]${hcm(
        'ingress',
        `{name: vh, domains: ["*"], virtual_clusters: [{name: vc, headers: [{name: ":path", string_match: {prefix: /}}]}],
         routes: [{match: {prefix: /dead}, stat_prefix: rr, route: {cluster: dead}}, {match: {prefix: /}, route: {cluster: "web:1"}}]}`,
      )}
    - stat_prefix: backend
      address: {socket_address: {address: 127.0.0.1, port_value: ${back}}}${hcm(
        'back.end',
        `{name: vh, domains: ["*"], routes: [{match: {prefix: /503}, direct_response: {status: 503}}, {match: {prefix: /}, direct_response: {status: 200}}]}`,
      )}
    - address: {socket_address: {address: 127.0.0.1, port_value: ${tcp}}}
      filter_chains: [{filters: [
        {name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit, stat_prefix: cl, max_connections: 5}},
        {name: t, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: raw, cluster: "web:1"}}]}]
  clusters:
    - name: "web:1"
      outlier_detection: {}
      load_assignment: {cluster_name: web, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${back}}}}}]}]}
    - name: dead
      alt_stat_name: dead.one
      load_assignment: {cluster_name: dead, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}}]}]}
`;

const query = (text: string, prometheus = false) => parseStatsQuery(new URLSearchParams(text), prometheus) as StatsQuery;

function get(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    http
      .get({ port, path, host: '127.0.0.1', agent: false }, (response) => {
        response.resume();
        response.on('end', () => resolve());
      })
      .on('error', reject);
  });
}

/** Promtool's complaints without the metrics' names. */
function complaints(exposition: string): string[] {
  const { stdout, stderr } = spawnSync(promtool!, ['check', 'metrics'], { input: exposition, encoding: 'utf8' });
  return [
    ...new Set(
      `${stdout}${stderr}`
        .trim()
        .split('\n')
        .map((line) => line.replace(/^\S+ /, '')),
    ),
  ].sort();
}

describe.skipIf(envoy === null)('beside the real Envoy', () => {
  const ours = new StatsAggregate();
  let text: string;
  let prometheus: string;
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stats-'));
    const [admin, front, back, tcp] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const file = join(directory, 'bootstrap.yaml');
    await writeFile(file, bootstrap(admin, front, back, tcp));
    const proxy = await ProxyUnderTest.start(envoy!, file, admin);
    try {
      for (const path of ['/', '/a', '/503', '/dead']) await get(front, path);
      await get(tcp, '/');
      // Histograms appear with the next flush.
      let waits = 0;
      do text = (await proxy.admin('/stats')).body;
      while (!/ingress\.downstream_rq_time: P0/.test(text) && ++waits < 10_000);
      prometheus = (await proxy.admin('/stats/prometheus')).body;
      const gauges = new Set((await proxy.admin('/stats?type=Gauges')).body.split('\n').map((l) => l.split(': ')[0]!));
      text = (await proxy.admin('/stats')).body;
      for (const line of text
        .split('\n')
        .filter((l) => l !== '')
        .reverse()) {
        const [name, value] = line.split(': ') as [string, string];
        if (/^(P0|No recorded)/.test(value)) ours.local.root.histogram(name);
        else if (gauges.has(name)) ours.local.root.gauge(name).set(Number(value));
        else ours.local.root.counter(name).add(Number(value));
      }
    } finally {
      await proxy.stop();
    }
  }, 300_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));

  test('/stats: the same names in the same order', () => {
    const names = (lines: string) => lines.split('\n').map((l) => l.split(': ')[0]);
    expect(names(text).length).toBeGreaterThan(500);
    expect(names(joined(writeText(ours, query(''))))).toEqual(names(text));
  });

  test('/stats/prometheus: the same metrics, labels and order', () => {
    const series = (lines: string) => lines.split('\n').map((l) => (l.startsWith('#') ? l : l.slice(0, l.lastIndexOf(' '))));
    expect(series(joined(writePrometheus(ours, query('', true))))).toEqual(series(prometheus));
  });

  test.skipIf(promtool === null)('promtool finds nothing that it does not find in Envoy', () => {
    const own = complaints(joined(writePrometheus(ours, query('', true))));
    expect(complaints(prometheus)).toEqual(expect.arrayContaining(own));
  });
});

test.skipIf(promtool === null)('promtool accepts what the process adds', async () => {
  const metrics = await (
    await startProcessMetrics(async () => [{ name: 'control', cpuSeconds: 1, activeSeconds: 2, idleSeconds: 3, heapBytes: 4 }])
  ).text(() => true);
  expect(metrics).toContain('process_cpu_seconds_total');
  expect(complaints(metrics).filter((line) => line !== '')).toEqual([]);
});
