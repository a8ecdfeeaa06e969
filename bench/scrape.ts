/**
 * `node bench/scrape.ts [--only outrider,envoy] [--clusters 2000] [--used 2000] [--scrapes 8] [--seconds 8] [--rate 500]`
 *
 * `/stats/prometheus` of a proxy with many clusters: how long one takes, what it costs, and whether requests that pass meanwhile are held up.
 * Latencies are of paced requests, without and with scrapes one after the other; what the proxy itself says of its threads stands beside them.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findOutrider } from '../test/support/outrider.ts';
import { findTool } from '../test/support/tool.ts';
import { Process } from './process.ts';
import { freePort, waitForPort } from './proxies.ts';
import { type Bar, median, print, printBars, table } from './table.ts';
import { startUpstream } from './upstream.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'outrider,envoy' },
    clusters: { type: 'string', default: '2000' },
    used: { type: 'string', default: '2000' },
    scrapes: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '8' },
    rate: { type: 'string', default: '500' },
    query: { type: 'string', default: '' },
    role: { type: 'string', default: '' },
    port: { type: 'string', default: '0' },
  },
});
const T = 'type.googleapis.com/envoy.extensions.filters';
const MAX_SCRAPE_MS = 300;
const MAX_DELAY_MS = 5;

interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

if (values.role === 'client') await client(Number(values.port));
else await compare();

/** A process of its own: nothing but the proxy may hold its requests up. Told 'go', it answers with the latencies of the next seconds. */
async function client(port: number): Promise<void> {
  const intervalMs = 1000 / Number(values.rate);
  const sockets = await Promise.all(Array.from({ length: 16 }, () => connected(port)));
  process.on('message', () => void round());
  process.send!('ready');

  async function round(): Promise<void> {
    const latencies: number[] = [];
    const idle = [...sockets];
    const start = performance.now();
    const end = start + Number(values.seconds) * 1000;
    for (let due = start; due < end; due += intervalMs) {
      while (performance.now() < due) await new Promise((resolve) => setImmediate(resolve));
      const socket = idle.pop();
      if (socket === undefined) continue;
      const sent = performance.now();
      socket.once('data', () => {
        latencies.push(performance.now() - sent);
        idle.push(socket);
      });
      socket.write('GET / HTTP/1.1\r\nhost: x\r\nx-cluster: c0\r\n\r\n');
    }
    latencies.sort((a, b) => a - b);
    const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? Number.NaN;
    process.send!({ p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) } satisfies Latencies);
  }
}

function connected(port: number): Promise<net.Socket> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(socket));
  });
}

async function compare(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'outrider-scrape-'));
  const upstream = await startUpstream(directory);
  const rows: string[][] = [];
  const bars: Bar[] = [];
  try {
    for (const name of ['outrider', 'envoy']) {
      if (!values.only.split(',').includes(name)) continue;
      const binary = name === 'envoy' ? findTool('envoy') : findOutrider();
      if (binary === null) print('skipped envoy: not installed');
      else await measure(name, binary, upstream.port, directory, rows, bars);
    }
  } finally {
    await upstream.process.stop();
    rmSync(directory, { recursive: true, force: true });
  }
  print(`${values.clusters} clusters, ${values.used} of them used, ${values.rate} requests a second while it is scraped`);
  print(table(['proxy', 'scrape ms', 'MB', 'CPU ms', 'p50', 'p99', 'p99.9', 'max', 'scraped: p50', 'p99', 'p99.9', 'max'], rows));
  printBars(bars);
}

async function measure(name: string, binary: string, upstream: number, directory: string, rows: string[][], bars: Bar[]): Promise<void> {
  const [port, admin] = [await freePort(), await freePort()];
  const file = join(directory, `${name}.json`);
  writeFileSync(file, bootstrap(port, admin, upstream));
  const proxy = new Process(binary, ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'], null);
  try {
    await waitForPort(port, proxy);
    await useClusters(port, Number(values.used));
    const path = `/stats/prometheus${values.query === '' ? '' : `?${values.query}`}`;
    await get(admin, path);
    const before = proxy.cpu();
    const scrapes: { ms: number; bytes: number }[] = [];
    for (let i = 0; i < Number(values.scrapes); i++) scrapes.push(await get(admin, path));
    const after = proxy.cpu();
    const cpuMs = (after.userUs + after.systemUs - before.userUs - before.systemUs) / 1000 / scrapes.length;
    const asker = fork(process.argv[1]!, [...process.argv.slice(2), '--role', 'client', '--port', String(port)]);
    const said = () => new Promise<unknown>((resolve) => asker.once('message', resolve));
    await said();
    asker.send('go');
    const quiet = (await said()) as Latencies;
    asker.send('go');
    let scraping = true;
    const answer = said().finally(() => {
      scraping = false;
    });
    while (scraping) await get(admin, path);
    const scraped = (await answer) as Latencies;
    asker.kill();
    const ms = median(scrapes.map((scrape) => scrape.ms));
    const shown = [quiet, scraped].flatMap(({ p50, p99, p999, max }) => [p50, p99, p999, max].map((value) => value.toFixed(2)));
    rows.push([name, ms.toFixed(0), (scrapes[0]!.bytes / 1e6).toFixed(1), cpuMs.toFixed(0), ...shown]);
    if (name !== 'outrider') return;
    bars.push({ what: 'a scrape', value: ms, atMost: MAX_SCRAPE_MS, unit: 'ms' });
    bars.push({
      what: 'p99.9 of requests beside scrapes, more than without',
      value: scraped.p999 - quiet.p999,
      atMost: MAX_DELAY_MS,
      unit: 'ms',
    });
  } finally {
    await proxy.stop();
  }
}

/** One request to each: a cluster has all its statistics from then on. */
async function useClusters(port: number, count: number): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  for (let i = 0; i < count; i += 50)
    await Promise.all(
      Array.from({ length: Math.min(50, count - i) }, (_v, k) => get(port, '/', { agent, headers: { 'x-cluster': `c${i + k}` } })),
    );
  agent.destroy();
}

/** @returns milliseconds until the last byte, and bytes */
function get(port: number, path: string, options: http.RequestOptions = {}): Promise<{ ms: number; bytes: number }> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.get({ host: '127.0.0.1', port, path, agent: false, ...options }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('end', () => resolve({ ms: performance.now() - started, bytes }));
    });
    request.on('error', reject);
  });
}

function bootstrap(port: number, admin: number, upstream: number): string {
  const address = (number: number) => ({ socket_address: { address: '127.0.0.1', port_value: number } });
  const clusters = Array.from({ length: Number(values.clusters) }, (_v, i) => ({
    name: `c${i}`,
    type: 'STATIC',
    load_assignment: { cluster_name: `c${i}`, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }] },
  }));
  const routes = [{ match: { prefix: '/' }, route: { cluster_header: 'x-cluster' } }];
  const hcm = {
    '@type': `${T}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'bench',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [{ name: 'router', typed_config: { '@type': `${T}.http.router.v3.Router` } }],
  };
  const listener = { name: 'bench', address: address(port), filter_chains: [{ filters: [{ name: 'hcm', typed_config: hcm }] }] };
  return JSON.stringify({ admin: { address: address(admin) }, static_resources: { listeners: [listener], clusters } });
}
