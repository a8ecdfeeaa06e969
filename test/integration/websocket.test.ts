/** WebSockets as the `ws` package speaks them: through one proxy, and through two with HTTP/2 (extended CONNECT) between them. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { until } from '../support/poll.ts';
import { ADMIN, ProxyProcess } from '../support/proxy.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const BLOCK = Buffer.alloc(1 << 16, 0x62);
/** More than every buffer on the way. */
const FLOOD_BLOCKS = (160 << 20) / BLOCK.length;
/** HTTP/2's windows between two proxies, socket buffers, and what a garbage collector leaves lying. */
const MAY_GROW = 96 << 20;

const listener = (name: string, cluster: string) => `  - name: ${name}
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: h
        typed_config:
          "@type": ${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ${name}
          http2_protocol_options: {allow_connect: true}
          upgrade_configs: [{upgrade_type: websocket}]
          route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${cluster}, timeout: 20s}}]}]}
          http_filters: [{name: r, typed_config: {"@type": ${EXTENSIONS}.filters.http.router.v3.Router}}]
`;
const cluster = (name: string, port: number, more = '') =>
  `  - {name: ${name}, ${more}load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}}\n`;
const start = (listeners: string, clusters: string) =>
  ProxyProcess.start(`${ADMIN}static_resources:\n  listeners:\n${listeners}  clusters:\n${clusters}`, {
    args: ['-l', 'error', '--concurrency', '1'],
  });

let server: WebSocketServer;
let inner: ProxyProcess;
let outer: ProxyProcess;
const ports: number[] = [];
let flooded = 0;
let drained = 0;
let onPaused: () => void = () => undefined;
let letGo: () => void = () => undefined;

beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 64 << 20, perMessageDeflate: true });
  await once(server, 'listening');
  server.on('connection', (socket, request) => {
    socket.on('error', () => undefined);
    if (request.url === '/flood') {
      flooded = 0;
      const more = (): void => {
        if (flooded++ < FLOOD_BLOCKS) socket.send(BLOCK, more);
        else socket.close(1000, 'all');
      };
      more();
    } else if (request.url === '/sink') {
      drained = 0;
      socket.on('message', (data: Buffer) => {
        drained += data.length;
        if (drained !== BLOCK.length) return;
        socket.pause();
        letGo = () => socket.resume();
        onPaused();
      });
    } else socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  const { port } = server.address() as AddressInfo;
  inner = await start(listener('one', 'servers'), cluster('servers', port));
  const one = (await inner.ports()).get('one')!;
  outer = await start(listener('two', 'next'), cluster('next', one, 'http2_protocol_options: {}, '));
  ports.push(one, (await outer.ports()).get('two')!);
});

afterAll(async () => {
  await outer?.stop();
  await inner?.stop();
  for (const socket of server.clients) socket.terminate();
  server.close();
});

async function open(port: number, path = '/', compress = false): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { perMessageDeflate: compress, maxPayload: 64 << 20 });
  await once(socket, 'open');
  return socket;
}

const resident = (proxy: ProxyProcess): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${proxy.pid}/status`, 'latin1'))?.[1] ?? 0) * 1024;

/** Until `count` has not moved while the proxies answered some questions. */
async function stalled(count: () => number): Promise<void> {
  for (let same = 0, last = -1; same < 20; ) {
    await inner.admin('/ready');
    await outer.admin('/ready');
    same = count() === last ? same + 1 : 0;
    last = count();
  }
}

describe.each([
  ['HTTP/1', 0],
  ['HTTP/1, HTTP/2 and HTTP/1 again', 1],
] as const)('%s', (_name, at) => {
  test('10,000 messages of all sizes come back in order', async () => {
    const socket = await open(ports[at]!);
    const messages = Array.from({ length: 10_000 }, (_, i) => (i % 3 === 0 ? `message ${i}` : Buffer.alloc((i * 7) % 300, i)));
    let next = 0;
    let wrong = 0;
    const done = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer, binary: boolean) => {
        const sent = messages[next++]!;
        if (binary !== (typeof sent !== 'string') || !data.equals(Buffer.from(sent as string))) wrong++;
        if (next === messages.length) resolve();
      });
    });
    for (const message of messages) socket.send(message);
    await done;
    expect(wrong).toBe(0);
    socket.close(1000, 'bye');
    expect((await once(socket, 'close')).map(String)).toEqual(['1000', 'bye']);
  });

  test('one after the other: nothing on the way waits for more', async () => {
    const socket = await open(ports[at]!);
    for (let i = 0; i < 200; i++) {
      socket.send(`m${i}`);
      expect(String((await once(socket, 'message'))[0])).toBe(`m${i}`);
    }
    socket.terminate();
  });

  test('fragments, control frames between them, and compression', async () => {
    const socket = await open(ports[at]!, '/', true);
    const pongs: string[] = [];
    socket.on('pong', (data: Buffer) => pongs.push(String(data)));
    for (let i = 0; i < 5; i++) {
      socket.send(`part ${i} `, { fin: i === 4, compress: true });
      socket.ping(`ping ${i}`);
    }
    expect(String((await once(socket, 'message'))[0])).toBe('part 0 part 1 part 2 part 3 part 4 ');
    await until('all pongs have come', () => pongs.length === 5);
    expect(pongs).toEqual(['ping 0', 'ping 1', 'ping 2', 'ping 3', 'ping 4']);
    socket.terminate();
  });

  test('a message of 32 MiB', async () => {
    const socket = await open(ports[at]!);
    const message = randomBytes(32 << 20);
    socket.send(message);
    expect(((await once(socket, 'message'))[0] as Buffer).equals(message)).toBe(true);
    socket.terminate();
  });

  test('100 at once; a client that goes takes its upstream connection along', async () => {
    const proxy = at === 0 ? inner : outer;
    const active = `http.${at === 0 ? 'one' : 'two'}.downstream_cx_upgrades_active`;
    await until('earlier ones are over', async () => (await proxy.stat(active)) === 0 && server.clients.size === 0);
    const sockets = await Promise.all(Array.from({ length: 100 }, () => open(ports[at]!)));
    await expect.poll(() => proxy.stat(active)).toBe(100);
    expect(server.clients.size).toBe(100);
    const answers = await Promise.all(
      sockets.map(async (socket, i) => {
        socket.send(`s${i}`);
        return String((await once(socket, 'message'))[0]);
      }),
    );
    expect(answers).toEqual(sockets.map((_, i) => `s${i}`));
    for (const socket of sockets) socket.terminate();
    await until('all are over', async () => (await proxy.stat(active)) === 0 && server.clients.size === 0);
  });

  test('a client that stops reading', async () => {
    const before = [resident(inner), resident(outer)] as const;
    const socket = await open(ports[at]!, '/flood');
    await once(socket, 'message');
    socket.pause();
    await stalled(() => flooded);
    expect(flooded).toBeLessThan(FLOOD_BLOCKS);
    expect(resident(inner) - before[0]).toBeLessThan(MAY_GROW);
    expect(resident(outer) - before[1]).toBeLessThan(MAY_GROW);
    let got = 1;
    socket.on('message', () => got++);
    socket.resume();
    expect((await once(socket, 'close')).map(String)).toEqual(['1000', 'all']);
    expect(got).toBe(FLOOD_BLOCKS);
  });

  test('a server that stops reading', async () => {
    const paused = new Promise<void>((resolve) => {
      onPaused = resolve;
    });
    const before = [resident(inner), resident(outer)] as const;
    const socket = await open(ports[at]!, '/sink');
    let sent = 0;
    let queued = 0;
    const more = (): void => {
      // One block at a time: what the client's own process holds is not what is measured.
      if (queued++ < FLOOD_BLOCKS)
        socket.send(BLOCK, () => {
          sent++;
          more();
        });
    };
    more();
    await paused;
    await stalled(() => sent);
    expect(sent).toBeLessThan(FLOOD_BLOCKS);
    expect(resident(inner) - before[0]).toBeLessThan(MAY_GROW);
    expect(resident(outer) - before[1]).toBeLessThan(MAY_GROW);
    letGo();
    await until('all of it has come', () => drained === FLOOD_BLOCKS * BLOCK.length);
    socket.terminate();
  });
});
