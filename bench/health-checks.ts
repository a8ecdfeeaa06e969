/**
 * `node bench/health-checks.ts [--hosts 2000] [--interval 1000] [--seconds 15] [--client own,undici]`
 *
 * CPU of active HTTP health checks: one process asks that many hosts (addresses 127.0.x.y of one port), each once an interval, over kept
 * connections; the servers are in another process. Prints the share of one core, the cost of a check, and resident memory.
 */
import { type ChildProcess, fork } from 'node:child_process';
import net from 'node:net';
import { parseArgs } from 'node:util';
import { Client } from 'undici';
import { ClusterControl } from '../src/cluster/cluster-control.ts';
import { ClusterRegistry } from '../src/cluster/registry.ts';
import { DEFAULT_CLUSTER, DEFAULT_ENDPOINT, DEFAULT_LOCALITY } from '../src/cluster/settings.ts';
import { SharedSlab } from '../src/lb/shared-slab.ts';
import { systemRandom } from '../src/runtime/random.ts';
import { RealClock } from '../src/runtime/real-clock.ts';
import { StaticRuntime } from '../src/runtime/runtime.ts';
import { StatsStore } from '../src/stats/store.ts';
import { print, table } from './table.ts';

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '2000' },
    interval: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '15' },
    client: { type: 'string', default: 'own,undici' },
    role: { type: 'string', default: '' },
    port: { type: 'string', default: '0' },
  },
});
const hosts = Number(values.hosts);
const intervalMs = Number(values.interval);
const addressOf = (i: number): string => `127.0.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`;

interface Figures {
  readonly checks: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly rssMb: number;
}

// The proxy's timers keep no process alive; what comes from the parent does.
if (values.role !== '') process.on('message', () => undefined);
if (values.role === 'servers') serve();
else if (values.role === 'own') await own();
else if (values.role === 'undici') await withUndici();
else await compare();

function serve(): void {
  const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(answer));
  });
  server.listen(0, '0.0.0.0', () => process.send!({ port: (server.address() as net.AddressInfo).port }));
}

/** Measures after a round that has opened the connections. @param checks made so far */
async function figures(checks: () => number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2 * intervalMs + 500));
  const before = { checks: checks(), cpu: process.cpuUsage(), at: performance.now() };
  await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1000));
  const cpu = process.cpuUsage(before.cpu);
  const result: Figures = {
    checks: checks() - before.checks,
    cpuMs: (cpu.user + cpu.system) / 1000,
    wallMs: performance.now() - before.at,
    rssMb: process.memoryUsage().rss / 2 ** 20,
  };
  process.send!(result);
  process.exit(0);
}

async function own(): Promise<void> {
  const clock = new RealClock();
  const random = systemRandom();
  const store = new StatsStore(() => undefined);
  const check = { kind: 'HTTP', http2: false, method: 'GET', host: '', path: '/health', addHeaders: [], removeHeaders: [] } as const;
  const answer = {
    send: '',
    receive: [],
    responseBufferSize: 1024,
    expected: [{ start: 200, end: 201 }],
    retriable: [],
    serviceName: null,
  };
  const registry = ClusterRegistry.of([
    {
      ...DEFAULT_CLUSTER,
      name: 'c',
      localities: [
        {
          ...DEFAULT_LOCALITY,
          endpoints: Array.from({ length: hosts }, (_, i) => ({ ...DEFAULT_ENDPOINT, host: addressOf(i), port: Number(values.port) })),
        },
      ],
      healthCheck: {
        ...{ alpn: [], transportSocketCriteria: null },
        ...{ timeoutMs: 1000, intervalMs, initialJitterMs: intervalMs, intervalJitterMs: 0, intervalJitterPercent: 0 },
        ...{ noTrafficIntervalMs: intervalMs, noTrafficHealthyIntervalMs: intervalMs, unhealthyIntervalMs: intervalMs },
        ...{ unhealthyEdgeIntervalMs: intervalMs, healthyEdgeIntervalMs: intervalMs, unhealthyThreshold: 3, healthyThreshold: 2 },
        ...{ reuseConnection: true, logFailures: false, logSuccesses: false, eventLogs: [] },
        check: { ...check, ...answer },
      },
    },
  ]);
  const control = new ClusterControl(registry, {
    clock,
    random,
    runtime: new StaticRuntime(),
    slab: SharedSlab.create(),
    rootScope: store.root,
    newResolver: () => ({ resolve: async () => [] }),
    publish: () => undefined,
    publishHealth: () => undefined,
    format: { clock, random, hostname: 'h', variable: () => undefined },
  });
  await control.start();
  const success = store.root.tagged('cluster', 'envoy.cluster_name', 'c').scope('health_check').counter('success');
  await figures(() => success.value);
}

async function withUndici(): Promise<void> {
  let checks = 0;
  for (let i = 0; i < hosts; i++) {
    const client = new Client(`http://${addressOf(i)}:${values.port}`, { keepAliveTimeout: 60_000, connectTimeout: 1000 });
    const ask = (): void => {
      client
        .request({ method: 'GET', path: '/health', headersTimeout: 1000, headers: { 'user-agent': 'Envoy/HC' } })
        .then(({ statusCode, body }) => {
          if (statusCode === 200) checks++;
          return body.dump();
        })
        .catch(() => undefined)
        .finally(() => setTimeout(ask, intervalMs));
    };
    setTimeout(ask, Math.random() * intervalMs);
  }
  await figures(() => checks);
}

async function compare(): Promise<void> {
  const start = (role: string, port = 0): ChildProcess =>
    fork(new URL(import.meta.url), [
      '--role',
      role,
      '--port',
      String(port),
      '--hosts',
      String(hosts),
      '--interval',
      String(intervalMs),
      '--seconds',
      values.seconds,
    ]);
  const reply = <T>(child: ChildProcess): Promise<T> => new Promise((resolve) => child.once('message', (message) => resolve(message as T)));
  const servers = start('servers');
  const { port } = await reply<{ port: number }>(servers);
  const rows: string[][] = [];
  for (const role of values.client.split(',')) {
    const f = await reply<Figures>(start(role, port));
    const share = ((f.cpuMs / f.wallMs) * 100).toFixed(1);
    rows.push([
      role,
      String(Math.round((f.checks * 1000) / f.wallMs)),
      `${share} %`,
      `${((f.cpuMs * 1000) / f.checks).toFixed(0)} µs`,
      `${f.rssMb.toFixed(0)} MB`,
    ]);
  }
  print(table(['client', 'checks/s', 'of one core', 'a check', 'resident'], rows));
  servers.kill();
}
