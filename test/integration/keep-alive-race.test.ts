/**
 * Upstreams that close idle connections at the very moment at which requests come: the rare 503s of every mesh. Nobody may see an error,
 * and what must not be done twice must not be done twice.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Client } from '../support/listener-rig.ts';
import { until } from '../support/poll.ts';
import { ADMIN, httpListener, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';

const CLIENTS = 500;

let proxy: ProxyProcess;
let server: Server;
/** The upstream's side of its connections that are idle. */
let idle: Set<Socket>;
/** How often each path was executed. */
let executed: Map<string, number>;
let behaviour: 'answer' | 'drop';

afterEach(async () => {
  server.close();
  await proxy.stop();
});

/** @returns port of the proxy */
async function start(): Promise<number> {
  idle = new Set();
  executed = new Map();
  behaviour = 'answer';
  server = createServer((socket: Socket) => {
    let received = '';
    socket.on('error', () => undefined);
    socket.on('close', () => idle.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      idle.delete(socket);
      received += chunk.latin1Slice();
      const end = received.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/.exec(received)?.[1] ?? '0');
      if (end < 0 || received.length < end + 4 + length) return;
      const path = received.split(' ', 2)[1]!;
      executed.set(path, (executed.get(path) ?? 0) + 1);
      received = '';
      if (behaviour === 'drop') socket.end();
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', () => idle.add(socket));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const unlimited = 'circuit_breakers: {thresholds: [{max_connections: 100000, max_pending_requests: 100000, max_requests: 100000}]}';
  const clusters = `[${staticCluster('up', port).replace(/\}$/, `, ${unlimited}}`)}]`;
  const listeners = `[${httpListener('front', routeTo('up'))}]`;
  proxy = await ProxyProcess.start(`${ADMIN}static_resources: {listeners: ${listeners}, clusters: ${clusters}}\n`, {
    args: ['-l', 'error'],
  });
  return proxy.port('front');
}

function connect(port: number, length: number): Client[] {
  return Array.from({ length }, () => new Client(createConnection({ host: '127.0.0.1', port, noDelay: true })));
}

function send(clients: readonly Client[], request: (client: number) => string): void {
  clients.forEach((client, i) => {
    client.received = '';
    client.send(request(i));
  });
}

async function answers(clients: readonly Client[]): Promise<number[]> {
  await Promise.all(clients.map((client) => client.until((c) => c.closed || /\r\n\r\n.+$/s.test(c.received))));
  return clients.map((client) => Number(client.received.split(' ', 2)[1]));
}

/** Does `work` while the proxy stands still: to it, all of that happens at once. */
async function whileProxyStands(work: () => void): Promise<void> {
  proxy.kill('SIGSTOP');
  await until('the proxy stands still', () => / T /.test(readFileSync(`/proc/${proxy.pid}/stat`, 'latin1')));
  work();
  proxy.kill('SIGCONT');
}

test.each([
  [10_000, 'closed'],
  [2500, 'reset'],
] as const)('%d requests into connections that are being %s: no error, and none is executed twice', async (requests, how) => {
  const clients = connect(await start(), CLIENTS);
  for (let n = 0; n < requests / CLIENTS; n++) {
    const request = (client: number) => {
      const method = n % 2 === 0 ? 'POST' : 'GET';
      return `${method} /${n}/${client} HTTP/1.1\r\nhost: h\r\n${method === 'POST' ? 'content-length: 0\r\n' : ''}\r\n`;
    };
    // The requests come first, and then the ends of the connections, which are closed by the time the requests go out.
    await whileProxyStands(() => {
      send(clients, request);
      for (const socket of idle) {
        if (how === 'closed') socket.destroy();
        else socket.resetAndDestroy();
      }
    });
    expect((await answers(clients)).filter((status) => status !== 200)).toEqual([]);
  }
  expect(executed.size).toBe(requests);
  expect([...executed].filter(([, times]) => times !== 1)).toEqual([]);
  // Many were in fact sent into closed connections.
  await expect.poll(() => proxy.stat('cluster.up.upstream_cx_stale_reuse_replayed')).toBeGreaterThan(CLIENTS);
  await expect.poll(() => proxy.stat('cluster.up.upstream_rq_503')).toBe(0);
  for (const client of clients) client.socket.destroy();
});

test('an upstream that reads a POST and then closes: executed once, and the client is told', async () => {
  const clients = connect(await start(), 50);
  send(clients, () => 'GET /warm HTTP/1.1\r\nhost: h\r\n\r\n');
  await answers(clients);
  behaviour = 'drop';
  send(clients, (client) => `POST /${client} HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nonce`);
  expect((await answers(clients)).filter((status) => status !== 503)).toEqual([]);
  executed.delete('/warm');
  expect([...executed.values()]).toEqual(clients.map(() => 1));
  for (const client of clients) client.socket.destroy();
});
