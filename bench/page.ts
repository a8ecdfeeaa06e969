/**
 * `node bench/page.ts [--clusters 2000] [--hosts 2] [--rate 5000] [--seconds 20]`
 *
 * What the live page costs: a proxy with that many clusters, all of which get traffic (one answer of a hundred is a 503), without a viewer,
 * with one, and with four. Prints the control thread's share of one core, what a worker spends on a request, bytes a second to a viewer,
 * and resident memory.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findOutrider } from '../test/support/outrider.ts';
import { Process } from './process.ts';
import { freePort, waitForPort } from './proxies.ts';
import { type Bar, print, printBars, table } from './table.ts';

const { values } = parseArgs({
  options: {
    clusters: { type: 'string', default: '2000' },
    hosts: { type: 'string', default: '2' },
    rate: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '20' },
    role: { type: 'string', default: '' },
    port: { type: 'string', default: '0' },
  },
});
const clusters = Number(values.clusters);
const rate = Number(values.rate);
const seconds = Number(values.seconds);

/** Of a core, with one viewer. */
const CONTROL_SHARE = 0.15;
const COUNTS = [0, 1, 4];
const CONNECTIONS = 100;
const BATCH_MS = 10;
/** /proc counts in hundredths of a second. */
const TICK_MS = 10;

function serve(): void {
  let answers = 0;
  const good = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
  const bad = Buffer.from('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nno');
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => socket.write(++answers % 100 === 0 ? bad : good));
  });
  server.listen(0, '0.0.0.0', 8192, () => process.send!({ port: (server.address() as net.AddressInfo).port }));
}

/** That many requests a second, evenly, to all clusters in turn. */
function load(): void {
  let next = 0;
  let sent = 0;
  let answered = 0;
  let due = 0;
  let last = performance.now();
  const sockets = Array.from({ length: CONNECTIONS }, () => {
    const socket = net.connect(Number(values.port), '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('error', () => process.exit());
    socket.setEncoding('latin1').on('data', (text) => {
      answered += (text as unknown as string).split('HTTP/1.1 ').length - 1;
    });
    return socket;
  });
  process.on('message', () => process.send!({ sent, answered }));
  setInterval(() => {
    const now = performance.now();
    due += ((now - last) * rate) / 1000;
    last = now;
    // What is not answered is not added to: the rate is an aim.
    while (due >= 1) {
      due--;
      if (sent - answered > 4 * CONNECTIONS) continue;
      sockets[sent++ % CONNECTIONS]!.write(`GET /c${next++ % clusters}/ HTTP/1.1\r\nhost: a\r\n\r\n`);
    }
  }, BATCH_MS);
}

function child(role: string, ...args: string[]): ChildProcess {
  return fork(import.meta.filename, ['--role', role, '--clusters', values.clusters, '--rate', values.rate, ...args]);
}

function told<T>(from: ChildProcess, question?: string): Promise<T> {
  return new Promise((resolve) => {
    from.once('message', (message) => resolve(message as T));
    if (question !== undefined) from.send(question);
  });
}

function bootstrap(port: number, adminPort: number, upstreamPort: number): string {
  const address = (host: string, number: number) => ({ socket_address: { address: host, port_value: number } });
  const names = Array.from({ length: clusters }, (_, i) => `c${i}`);
  const hcm = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'front',
    route_config: {
      name: 'all',
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: names.map((name) => ({ match: { prefix: `/${name}/` }, route: { cluster: name } })) },
      ],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' } }],
  };
  return JSON.stringify({
    admin: { address: address('127.0.0.1', adminPort) },
    static_resources: {
      listeners: [
        { name: 'front', address: address('127.0.0.1', port), filter_chains: [{ filters: [{ name: 'hcm', typed_config: hcm }] }] },
      ],
      clusters: names.map((name, i) => ({
        name,
        type: 'STATIC',
        connect_timeout: '5s',
        load_assignment: {
          cluster_name: name,
          endpoints: [
            {
              lb_endpoints: Array.from({ length: Number(values.hosts) }, (_, h) => ({
                endpoint: { address: address(`127.${1 + h}.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`, upstreamPort) },
              })),
            },
          ],
        },
      })),
    },
  });
}

/** CPU of one thread in milliseconds. */
function threadMs(pid: number, thread: number): number {
  const text = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

class Viewer {
  bytes = 0;
  ticks = 0;
  readonly #request: http.ClientRequest;
  constructor(adminPort: number) {
    this.#request = http.get({ host: '127.0.0.1', port: adminPort, path: '/api/v1/page/events?cluster=c1', agent: false }, (response) => {
      response.on('data', (piece: Buffer) => {
        this.bytes += piece.length;
        if (piece.includes('event: tick')) this.ticks++;
      });
      response.on('error', () => undefined);
    });
    this.#request.on('error', () => undefined);
  }
  close(): void {
    this.#request.destroy();
  }
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'outrider-page-'));
  const servers = child('servers');
  const { port: upstreamPort } = await told<{ port: number }>(servers);
  const port = await freePort();
  const adminPort = await freePort();
  const file = join(folder, 'bootstrap.json');
  writeFileSync(file, bootstrap(port, adminPort, upstreamPort));
  const proxy = new Process(findOutrider(), ['-c', file], null);
  let generator: ChildProcess | null = null;
  const rows: string[][] = [];
  let withOne = Number.NaN;
  try {
    await waitForPort(port, proxy);
    generator = child('load', '--port', String(port));
    // Every cluster is in use, and its connections are open.
    await wait(Math.max(5000, (4 * clusters * 1000) / rate));
    for (const count of COUNTS) {
      const viewers = Array.from({ length: count }, () => new Viewer(adminPort));
      await wait(3000);
      const pid = proxy.child.pid!;
      const bytesBefore = viewers.map(({ bytes }) => bytes);
      const before = {
        control: threadMs(pid, pid),
        all: proxy.cpu(),
        load: await told<{ answered: number }>(generator, 'how many'),
        at: performance.now(),
      };
      await wait(seconds * 1000);
      const wallMs = performance.now() - before.at;
      const control = threadMs(pid, pid) - before.control;
      const after = proxy.cpu();
      const answered = (await told<{ answered: number }>(generator, 'how many')).answered - before.load.answered;
      const allMs = (after.userUs + after.systemUs - before.all.userUs - before.all.systemUs) / 1000;
      const share = control / wallMs;
      if (count === 1) withOne = share;
      const kibPerS = viewers.length === 0 ? 0 : (viewers[0]!.bytes - bytesBefore[0]!) / 1024 / (wallMs / 1000);
      rows.push([
        String(count),
        ((answered / wallMs) * 1000).toFixed(0),
        `${(share * 100).toFixed(1)} %`,
        (((allMs - control) * 1000) / answered).toFixed(1),
        kibPerS.toFixed(0),
        (proxy.residentKib() / 1024).toFixed(0),
      ]);
      for (const viewer of viewers) viewer.close();
    }
  } finally {
    await proxy.stop();
    servers.kill();
    generator?.kill();
    rmSync(folder, { recursive: true, force: true });
  }
  print(table(['viewers', 'requests/s', 'control thread', 'other threads, µs/request', 'KiB/s to a viewer', 'MiB'], rows));
  const bar: Bar = {
    what: `control thread with one viewer of ${clusters} clusters at ${rate} requests/s`,
    value: withOne,
    atMost: CONTROL_SHARE,
    unit: 'cores',
  };
  printBars([bar]);
}

if (values.role !== '') process.on('message', () => undefined);
if (values.role === 'servers') serve();
else if (values.role === 'load') load();
else await measure();
