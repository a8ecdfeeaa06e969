/**
 * `npm run chaos [-- --seconds 300 --rps 2000 --upstreams 20 --seed 1 --only outrider]`: a fleet of upstreams of which some are killed,
 * stalled, reset, slow or failing at any time, behind retries, outlier detection and health checks. How many requests succeed, as
 * clients see it, through Outrider and then through Envoy with the same configuration and the same misfortunes.
 * Exit code 1 if Outrider's success rate is below Envoy's, 2 if the machine was too busy for the run to say so.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findOutrider } from '../test/support/outrider.ts';
import { findTool } from '../test/support/tool.ts';
import { Load, type LoadReport } from './chaos/load.ts';
import { type Misfortune, schedule, TROUBLES } from './chaos/schedule.ts';
import type { Order } from './chaos/upstreams.ts';
import { PROXY_CORE, Process } from './process.ts';
import { freePort, waitForPort } from './proxies.ts';
import { print, table } from './table.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '300' },
    rps: { type: 'string', default: '2000' },
    upstreams: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const rps = Number(values.rps);
const count = Number(values.upstreams);
/** Requests that leave later than this are the machine's failure, not a proxy's. */
const LATE_MS = 500;

interface Run {
  readonly name: string;
  readonly report: LoadReport;
  readonly stats: ReadonlyMap<string, number>;
}

function bootstrap(listener: number, admin: number, ports: readonly number[]): string {
  const endpoints = ports.map((port) => `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }`);
  return `admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${admin} } } }
static_resources:
  listeners:
  - name: edge
    address: { socket_address: { address: 127.0.0.1, port_value: ${listener} } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: { prefix: / }
                route:
                  cluster: fleet
                  timeout: 3s
                  retry_policy:
                    retry_on: 5xx,reset,connect-failure,refused-stream
                    num_retries: 4
                    per_try_timeout: 0.4s
                    retry_back_off: { base_interval: 0.01s, max_interval: 0.05s }
                    host_selection_retry_max_attempts: 5
                    retry_host_predicate:
                    - name: envoy.retry_host_predicates.previous_hosts
                      typed_config: { "@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate }
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
  - name: fleet
    type: STATIC
    lb_policy: LEAST_REQUEST
    connect_timeout: 0.25s
    common_lb_config: { healthy_panic_threshold: { value: 20 } }
    circuit_breakers: { thresholds: [{ max_connections: 10000, max_pending_requests: 10000, max_requests: 10000, max_retries: 2000 }] }
    outlier_detection:
      consecutive_5xx: 3
      interval: 1s
      base_ejection_time: 2s
      max_ejection_time: 10s
      max_ejection_percent: 50
      success_rate_request_volume: 20
    health_checks:
    - { timeout: 0.3s, interval: 1s, no_traffic_interval: 1s, unhealthy_threshold: 2, healthy_threshold: 2, http_health_check: { path: /health } }
    load_assignment: { cluster_name: fleet, endpoints: [{ lb_endpoints: [${endpoints.join(', ')}] }] }
`;
}

async function startUpstreams(ports: readonly number[]): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'chaos', 'upstreams.ts'), ports.map(String));
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', () => reject(new Error('the upstreams did not start')));
  });
  return child;
}

/** Gives each order at its time. @returns a function that ends it */
function unleash(list: readonly Misfortune[], upstreams: ChildProcess): () => void {
  const tell = (order: Order): void => void (upstreams.connected && upstreams.send(order));
  const timers = list.flatMap(({ fromMs, toMs, upstream, trouble }) => [
    setTimeout(() => tell({ upstream, trouble }), fromMs),
    setTimeout(() => tell({ upstream, trouble: null }), toMs),
  ]);
  return () => {
    for (const timer of timers) clearTimeout(timer);
  };
}

async function runThrough(name: string, binary: string, list: readonly Misfortune[], directory: string): Promise<Run> {
  const ports: number[] = [];
  for (let i = 0; i < count + 2; i++) ports.push(await freePort());
  const [listener, admin, ...upstreamPorts] = ports as [number, number, ...number[]];
  const upstreams = await startUpstreams(upstreamPorts);
  const config = join(directory, `${name}.yaml`);
  writeFileSync(config, bootstrap(listener, admin, upstreamPorts));
  const proxy = new Process(binary, ['-c', config, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'], PROXY_CORE);
  try {
    await waitForPort(admin, proxy);
    await ready(admin);
    const end = unleash(list, upstreams);
    const report = await new Load(listener, rps).run(seconds);
    end();
    if (!proxy.running) throw new Error(`${name} has ended:\n${proxy.output}`);
    return { name, report, stats: await readStats(admin) };
  } finally {
    await proxy.stop();
    upstreams.disconnect();
  }
}

function fetchText(url: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        body += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    }).on('error', reject);
  });
}

async function ready(admin: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const { status } = await fetchText(`http://127.0.0.1:${admin}/ready`).catch(() => ({ status: 0 }));
    if (status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the proxy does not get ready');
}

async function readStats(admin: number): Promise<ReadonlyMap<string, number>> {
  const { body } = await fetchText(`http://127.0.0.1:${admin}/stats?filter=^cluster\\.fleet\\.`);
  return new Map(
    body
      .split('\n')
      .map((line) => line.split(': ') as [string, string])
      .map(([name, value]) => [name.replace('cluster.fleet.', ''), Number(value)]),
  );
}

const failed = ({ report }: Run): number => report.sent - report.succeeded;
const rate = (run: Run): number => (100 * run.report.succeeded) / run.report.sent;

function describe(run: Run): string[] {
  const { name, report, stats } = run;
  const time = (share: number): string =>
    (report.times[Math.min(report.times.length - 1, Math.floor(report.times.length * share))] ?? 0).toFixed(1);
  const stat = (key: string): string => String(stats.get(key) ?? 0);
  return [
    name,
    String(report.sent),
    String(failed(run)),
    `${rate(run).toFixed(4)} %`,
    time(0.5),
    time(0.99),
    time(0.999),
    stat('upstream_rq_retry'),
    stat('outlier_detection.ejections_enforced_total'),
    stat('health_check.failure'),
  ];
}

const list = schedule(Number(values.seed), count, seconds * 1000);
const contenders = [
  ['outrider', findOutrider()],
  ['envoy', findTool('envoy')],
] as const;
const directory = mkdtempSync(join(tmpdir(), 'outrider-chaos-'));
const runs: Run[] = [];
print(`${count} upstreams, ${rps} requests a second for ${seconds} s, seed ${values.seed}; misfortunes:`);
print(TROUBLES.map((trouble) => `${trouble} ${list.filter((one) => one.trouble === trouble).length}`).join(', '));
try {
  for (const [name, binary] of contenders) {
    if (values.only !== undefined && values.only !== name) continue;
    if (binary === null) print(`${name}: not installed`);
    else runs.push(await runThrough(name, binary, list, directory));
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
print('');
print(
  table(
    ['proxy', 'requests', 'failed', 'succeeded', 'p50 ms', 'p99 ms', 'p99.9 ms', 'retries', 'ejections', 'failed checks'],
    runs.map(describe),
  ),
);
for (const run of runs) {
  const kinds = [...run.report.failures].map(([what, times]) => `${what}: ${times}`);
  print(`${run.name}, failures as clients saw them: ${kinds.length === 0 ? 'none' : kinds.join(', ')}`);
}
const [outrider, envoy] = runs;
if (runs.some(({ report }) => report.lateMs > LATE_MS)) {
  print(
    `\nThe load came up to ${Math.round(Math.max(...runs.map(({ report }) => report.lateMs)))} ms late: this machine is too busy for --rps ${rps}, and the run says little.`,
  );
  process.exitCode = 2;
} else if (outrider !== undefined && envoy !== undefined) {
  const held = rate(outrider) >= rate(envoy);
  print(`\nsuccess rate not below Envoy's: ${held ? 'met' : 'MISSED'}`);
  process.exitCode = held ? 0 : 1;
}
