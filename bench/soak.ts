/**
 * `node bench/soak.ts [--minutes 10]`: full load while the configuration is reloaded every 5 s and upstreams are killed and started again.
 * Counts every failed request, tells apart what was in flight on a killed upstream, and watches memory. Exit code 1 if a bar is missed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { print } from './table.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, connections: { type: 'string', default: '32' } } });
const ROOT = join(import.meta.dirname, '..');
const DURATION_MS = Number(values.minutes) * 60_000;
const CONNECTIONS = Number(values.connections);
const RELOAD_MS = 5_000;
const KILL_MS = 3_000;
const UPSTREAMS = 3;
/** Growth of resident memory between the first and the last tenth of the run. */
const GROWTH_BAR = 1.1;

/** Answers with its own number; reads requests by their empty line. */
const UPSTREAM_SOURCE = `
const [port, name] = process.argv.slice(1);
const answer = 'HTTP/1.1 200 OK\\r\\ncontent-length: ' + name.length + '\\r\\n\\r\\n' + name;
require('node:net').createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', (chunk) => { for (let i = chunk.indexOf('\\r\\n\\r\\n'); i >= 0; i = chunk.indexOf('\\r\\n\\r\\n', i + 4)) socket.write(answer); });
}).listen(Number(port), '127.0.0.1');`;

const directory = mkdtempSync(join(tmpdir(), 'outrider-soak-'));
const children = new Set<ChildProcess>();

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function writeSwapped(name: string, text: string): void {
  writeFileSync(join(directory, name + '.new'), text);
  renameSync(join(directory, name + '.new'), join(directory, name));
}

const ports: number[] = [];
for (let i = 0; i < UPSTREAMS + 2; i++) ports.push(await freePort());
const [edge, admin, ...upstreams] = ports as [number, number, ...number[]];

function routes(version: number): string {
  return `version_info: "${version}"
resources:
- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: routes
  virtual_hosts:
  - name: all
    domains: ["*"]
    response_headers_to_add: [{ header: { key: x-version, value: "${version}" } }]
    routes:
    - match: { prefix: /retried }
      route: { cluster: retried, timeout: 5s, retry_policy: { retry_on: "connect-failure,reset,refused-stream", num_retries: 5, host_selection_retry_max_attempts: 5, retry_host_predicate: [{ name: envoy.retry_host_predicates.previous_hosts, typed_config: { "@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate } }], retry_back_off: { base_interval: 0.005s } } }
    - match: { prefix: /plain }
      route: { cluster: plain, timeout: 5s }
`;
}

/** Without retries a request that finds its upstream away fails: the hosts are watched, so that only those fail that were on their way to it. */
const WATCHED = `
    outlier_detection: { consecutive_gateway_failure: 1, enforcing_consecutive_gateway_failure: 100, interval: 0.1s, max_ejection_percent: 50 }
    health_checks: [{ timeout: 0.5s, interval: 0.1s, no_traffic_interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {} }]`;

function cluster(name: string, more = ''): string {
  const endpoints = upstreams.map((port) => `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }`);
  return `  - name: ${name}
    type: STATIC
    lb_policy: LEAST_REQUEST
    connect_timeout: 1s
    circuit_breakers: { thresholds: [{ max_retries: 1000 }] }${more}
    load_assignment: { cluster_name: ${name}, endpoints: [{ lb_endpoints: [${endpoints.join(', ')}] }] }
`;
}

writeSwapped('routes.yaml', routes(0));
writeFileSync(
  join(directory, 'bootstrap.yaml'),
  `admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${admin} } } }
static_resources:
  listeners:
  - name: edge
    address: { socket_address: { address: 127.0.0.1, port_value: ${edge} } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          rds: { route_config_name: routes, config_source: { path_config_source: { path: "${join(directory, 'routes.yaml')}" } } }
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
${cluster('retried')}${cluster('plain', WATCHED)}`,
);

const running: (ChildProcess | null)[] = upstreams.map((port, i) =>
  start(process.execPath, ['-e', UPSTREAM_SOURCE, String(port), `u${i}`]),
);
const proxy = start(join(ROOT, 'bin/outrider'), ['-c', join(directory, 'bootstrap.yaml'), '-l', 'error']);

function fetchStatus(url: string, agent: Agent): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString('latin1');
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    }).on('error', reject);
  });
}

const control = new Agent();
for (let i = 0; ; i++) {
  const ready = await fetchStatus(`http://127.0.0.1:${admin}/ready`, control).catch(() => null);
  if (ready?.status === 200) break;
  if (i > 200) throw new Error('the proxy does not get ready');
  await sleep(50);
}

function residentKib(): number {
  // bin/outrider replaces itself by node: the child is the proxy.
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${proxy.pid}/status`, 'utf8'))![1]);
}

const counts = { retried: { ok: 0, failed: 0 }, plain: { ok: 0, failed: 0 } };
const reasons = new Map<string, number>();
let kills = 0;
let reloads = 0;
const end = performance.now() + DURATION_MS;
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

async function client(path: 'retried' | 'plain'): Promise<void> {
  while (performance.now() < end) {
    try {
      const { status, body } = await fetchStatus(`http://127.0.0.1:${edge}/${path}`, agent);
      if (status === 200 && /^u\d$/.test(body)) counts[path].ok++;
      else {
        counts[path].failed++;
        reasons.set(`${path} ${status} ${body.slice(0, 90)}`, (reasons.get(`${path} ${status} ${body.slice(0, 90)}`) ?? 0) + 1);
      }
    } catch (error) {
      counts[path].failed++;
      reasons.set(`${path} ${(error as Error).message}`, (reasons.get(`${path} ${(error as Error).message}`) ?? 0) + 1);
    }
  }
}

async function reloader(): Promise<void> {
  while (performance.now() < end) {
    await sleep(RELOAD_MS);
    writeSwapped('routes.yaml', routes(++reloads));
  }
}

/** One upstream at a time is away: a retry always finds another. */
async function killer(): Promise<void> {
  for (let i = 0; performance.now() < end; i = (i + 1) % UPSTREAMS) {
    await sleep(KILL_MS);
    running[i]?.kill('SIGKILL');
    kills++;
    await sleep(KILL_MS / 3);
    running[i] = start(process.execPath, ['-e', UPSTREAM_SOURCE, String(upstreams[i]), `u${i}`]);
  }
}

const memory: number[] = [];
async function watcher(): Promise<void> {
  while (performance.now() < end) {
    memory.push(residentKib());
    await sleep(DURATION_MS / 100);
  }
}

await Promise.all([
  ...Array.from({ length: CONNECTIONS / 2 }, () => client('retried')),
  ...Array.from({ length: CONNECTIONS / 2 }, () => client('plain')),
  reloader(),
  killer(),
  watcher(),
]);
const applied = await fetchStatus(`http://127.0.0.1:${admin}/stats?filter=rds.routes.update_success`, control);
for (const child of children) child.kill('SIGKILL');
rmSync(directory, { recursive: true, force: true });

const tenth = Math.max(1, Math.floor(memory.length / 10));
const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
// The first tenth is warm-up: compare the second with the last.
const growth = mean(memory.slice(-tenth)) / mean(memory.slice(tenth, 2 * tenth));
print(
  `${values.minutes} min, ${CONNECTIONS} connections, ${kills} kills of an upstream, ${reloads} route updates written; ${applied.body.trim()}`,
);
print(`with retries:    ${counts.retried.ok} ok, ${counts.retried.failed} failed (bar: 0)`);
print(
  `without retries: ${counts.plain.ok} ok, ${counts.plain.failed} failed, ${(counts.plain.failed / kills).toFixed(1)} a kill (bar: the ${CONNECTIONS / 2} that can be in flight)`,
);
for (const [reason, n] of reasons) print(`  ${n} × ${reason}`);
print(
  `resident memory: ${Math.round(mean(memory.slice(tenth, 2 * tenth)) / 1024)} MiB early, ${Math.round(mean(memory.slice(-tenth)) / 1024)} MiB at the end, × ${growth.toFixed(2)} (bar ${GROWTH_BAR})`,
);
process.exit(counts.retried.failed === 0 && counts.plain.failed <= (kills * CONNECTIONS) / 2 && growth <= GROWTH_BAR ? 0 : 1);
