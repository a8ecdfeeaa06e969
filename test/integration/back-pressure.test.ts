/** 1 GiB to and from a peer that stops reading on the way: the rest waits at its source, and the proxy's memory stays flat. */
import { readFileSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/listener-rig.ts';
import { ADMIN, ProxyProcess } from '../support/proxy.ts';

const TOTAL = 1 << 30;
const HALT_AT = 64 << 20;
const BLOCK = Buffer.alloc(1 << 18, 0x61);
/** Two watermarks of 1 MiB, kernel buffers that count as none, read buffers of 4 MiB at most, and what a garbage collector leaves lying. */
const MAY_GROW = 80 << 20;
const EXTENSIONS = 'type.googleapis.com/envoy.extensions.filters';

let upstream: Server;
let proxy: ProxyProcess;
let ports: Map<string, number>;
/** What the upstream of the last connection has sent and received. */
let sent = 0;
let received = 0;

function pump(socket: Socket, counted: (bytes: number) => void, ended: () => void): void {
  let left = TOTAL;
  const more = (): void => {
    while (left > 0) {
      left -= BLOCK.length;
      counted(BLOCK.length);
      if (!socket.write(BLOCK)) return;
    }
    socket.off('drain', more);
    ended();
  };
  socket.on('drain', more);
  more();
}

/** Answers "GET" with 1 GiB; reads everything else, halting on the way. */
function serve(socket: Socket): void {
  let asked = false;
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    if (!asked && chunk.latin1Slice(0, 3) === 'GET') {
      asked = true;
      if (chunk.includes('HTTP')) socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${TOTAL}\r\n\r\n`);
      pump(
        socket,
        (bytes) => {
          sent += bytes;
        },
        () => socket.end(),
      );
      return;
    }
    asked = true;
    const before = received;
    received += chunk.length;
    if (before < HALT_AT && received >= HALT_AT) socket.pause();
    if (received >= TOTAL) socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n');
  });
}

const upstreamSockets: Socket[] = [];

beforeAll(async () => {
  upstream = createServer((socket) => {
    upstreamSockets.push(socket);
    serve(socket);
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  proxy = await ProxyProcess.start(
    `${ADMIN}
static_resources:
  listeners:
  - name: tcp
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains: [{filters: [{name: t, typed_config: {"@type": ${EXTENSIONS}.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: c}}]}]
  - name: http
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: h
        typed_config:
          "@type": ${EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: h
          route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: c, timeout: 0s}}]}]}
          http_filters: [{name: r, typed_config: {"@type": ${EXTENSIONS}.http.router.v3.Router}}]
  clusters:
  - name: c
    connect_timeout: 5s
    load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}
`,
    { args: ['-l', 'error', '--concurrency', '1'] },
  );
  ports = await proxy.ports();
});

afterAll(async () => {
  await proxy.stop();
  for (const socket of upstreamSockets) socket.destroy();
  upstream.close();
});

/** Resident bytes of the process and those it started. */
function resident(pid: number): number {
  const own = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean);
  return children.reduce((sum, child) => sum + resident(Number(child)), own);
}

/** Until `count` has not moved while the proxy answered some questions. */
async function stalled(count: () => number): Promise<void> {
  for (let same = 0, last = -1; same < 20; ) {
    await proxy.admin('/ready');
    same = count() === last ? same + 1 : 0;
    last = count();
  }
}

const linux = process.platform === 'linux';

test.skipIf(!linux).each([
  ['tcp', 'GET\n'],
  ['http', 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'],
])('%s: a reader that stops', async (name, request) => {
  sent = 0;
  const before = resident(proxy.pid);
  const client = createConnection({ host: '127.0.0.1', port: ports.get(name)! });
  let got = 0;
  let head = request.includes('HTTP') ? -1 : 0;
  client.write(request);
  const halted = new Promise<void>((resolve) => {
    client.on('data', (chunk: Buffer) => {
      if (head < 0) head = chunk.indexOf('\r\n\r\n') + 4;
      const had = got;
      got += chunk.length;
      if (had < HALT_AT && got >= HALT_AT) {
        client.pause();
        resolve();
      }
    });
  });
  const ended = new Promise((resolve) => client.on('end', resolve));
  await halted;
  await stalled(() => sent);
  expect(sent).toBeLessThan(TOTAL / 2);
  expect(resident(proxy.pid) - before).toBeLessThan(MAY_GROW);
  client.resume();
  await ended;
  expect(got - head).toBe(TOTAL);
  expect(resident(proxy.pid) - before).toBeLessThan(MAY_GROW);
});

test.skipIf(!linux).each([
  ['tcp', ''],
  ['http', `POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${TOTAL}\r\n\r\n`],
])('%s: an upstream that stops reading', async (name, head) => {
  received = 0;
  upstreamSockets.length = 0;
  const before = resident(proxy.pid);
  const client = createConnection({ host: '127.0.0.1', port: ports.get(name)! });
  let pushed = 0;
  let answer = '';
  client.on('data', (chunk: Buffer) => {
    answer += chunk.latin1Slice();
  });
  const ended = new Promise((resolve) => client.on('end', resolve));
  if (head !== '') client.write(head);
  pump(
    client,
    (bytes) => {
      pushed += bytes;
    },
    () => undefined,
  );
  await eventually(() => received >= HALT_AT);
  await stalled(() => pushed + received);
  expect(pushed).toBeLessThan(TOTAL / 2);
  expect(resident(proxy.pid) - before).toBeLessThan(MAY_GROW);
  for (const socket of upstreamSockets) socket.resume();
  await ended;
  expect(answer).toContain(' 204 No Content');
  expect(resident(proxy.pid) - before).toBeLessThan(MAY_GROW);
});
