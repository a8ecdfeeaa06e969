/**
 * Whole proxy, misbehaving peers on both sides: clients that pipeline, cut requests off, stop reading and send garbage; upstreams that reset,
 * cut off, stall, answer garbage and answer early. Whatever happens, no exception escapes, nobody gets an answer that is not theirs, and when all
 * are gone nothing is left: no active connection, request, retry or pending request.
 */
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import { until } from '../support/poll.ts';
import { type RunningProxy, startProxy } from '../support/running-proxy.ts';

const CLIENTS = Number(process.env['OUTRIDER_CHAOS_CLIENTS'] ?? 400);
const AT_ONCE = 40;
const GIVE_UP_MS = 1500;

let proxy: RunningProxy;
let upstream: net.Server;
const upstreamRandom = seededRandom(11);

/** Reads requests with their bodies, and does one of many things; a good answer names the request's path. */
function misbehave(socket: net.Socket, random: Random): void {
  let buffered = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    buffered += chunk.toString('latin1');
    for (;;) {
      const end = buffered.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = buffered.slice(0, end);
      let next = end + 4 + Number(/content-length: (\d+)/.exec(head)?.[1] ?? 0);
      if (head.includes('transfer-encoding: chunked')) {
        const last = buffered.indexOf('0\r\n\r\n', end + 4);
        if (last < 0) return;
        next = last + 5;
      }
      if (buffered.length < next) return;
      const path = head.split(' ')[1]!;
      buffered = buffered.slice(next);
      answer(socket, path, random);
    }
  });
}

function answer(socket: net.Socket, path: string, random: Random): void {
  const body = `<${path}>`;
  switch (random.below(14)) {
    case 0:
      socket.resetAndDestroy();
      return;
    case 1:
      socket.destroy();
      return;
    case 2:
      socket.end('HTTP/1.1 200 OK\r\ncontent-le');
      return;
    case 3:
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n${body}`);
      return;
    case 4:
      socket.write('garbage\r\n\r\n');
      return;
    case 5:
      socket.write(`HTTP/1.1 503 no\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      return;
    case 6:
      // Never answers: the route's timeout does.
      return;
    case 7:
      socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
      return;
    case 8:
      socket.end(`HTTP/1.1 200 OK\r\n\r\n${body}`);
      return;
    case 9:
      // More than was announced: the rest must not reach anybody.
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong`);
      return;
    default:
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  }
}

beforeAll(async () => {
  upstream = net.createServer((socket) => misbehave(socket, upstreamRandom));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as net.AddressInfo;
  proxy = await startProxy(`
  listeners:
  - name: edge
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          delayed_close_timeout: 0.05s
          request_headers_timeout: 0.5s
          http_filters: [{ name: router, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }]
          route_config:
            name: r
            virtual_hosts:
            - name: v
              domains: ["*"]
              routes:
              - match: { prefix: /retry }
                route: { cluster: up, timeout: 0.4s, retry_policy: { retry_on: "5xx,reset,connect-failure", num_retries: 2, per_try_timeout: 0.1s, retry_back_off: { base_interval: 0.002s } } }
              - match: { prefix: / }
                route: { cluster: up, timeout: 0.3s }
  clusters:
  - name: up
    type: STATIC
    connect_timeout: 0.2s
    circuit_breakers: { thresholds: [{ max_connections: 20, max_pending_requests: 20, track_remaining: true }] }
    load_assignment: { cluster_name: up, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } }] }] }
`);
});

afterAll(async () => {
  await proxy?.stop();
  upstream?.close();
});

/** One client's life; resolves with the paths that it asked for and everything it received. */
function client(id: number, random: Random): Promise<{ paths: string[]; received: string }> {
  return new Promise((resolve) => {
    const socket = net.connect(proxy.port('edge'), '127.0.0.1');
    const paths: string[] = [];
    let received = '';
    let timer: NodeJS.Timeout | null = null;
    const end = (): void => {
      if (timer !== null) clearTimeout(timer);
      socket.destroy();
      resolve({ paths, received });
    };
    timer = setTimeout(end, 100 + random.below(GIVE_UP_MS));
    socket.on('error', () => undefined);
    socket.on('close', end);
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (random.below(40) === 0) socket.pause();
    });
    const requests = 1 + random.below(4);
    for (let i = 0; i < requests; i++) {
      const path = `/${random.below(2) === 0 ? 'retry' : 'plain'}/${id}/${i}`;
      paths.push(path);
      socket.write(requestText(path, random));
    }
    const ending = random.below(6);
    if (ending === 0) socket.end();
    else if (ending === 1) setTimeout(() => socket.resetAndDestroy(), random.below(50));
  });
}

function requestText(path: string, random: Random): string {
  switch (random.below(9)) {
    case 0:
      return `POST ${path} HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n0123456789`;
    case 1:
      return `POST ${path} HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n0123`;
    case 2:
      return `POST ${path} HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n`;
    case 3:
      return `GET ${path} HTTP/1.1\r\nhost: h\r\nx-long: ${'y'.repeat(random.below(3000))}\r\n\r\n`;
    case 4:
      return `GET ${path} HTTP/1.1\r\nho`;
    case 5:
      return '\x00\x01garbage\r\n\r\n';
    default:
      return `GET ${path} HTTP/1.1\r\nhost: h\r\n\r\n`;
  }
}

test('nothing escapes, nothing is mixed up, nothing is left', async () => {
  const random = seededRandom(23);
  let answered = 0;
  for (let id = 0; id < CLIENTS; id += AT_ONCE) {
    const lives = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => client(id + i, seededRandom(random.nextU32()))));
    for (const { paths, received } of lives) {
      expect(received).not.toContain('wrong');
      // Bodies come back in the order of the requests, and only to the one who asked.
      const bodies = [...received.matchAll(/<([^>]*)>/g)].map((match) => match[1]!);
      let at = -1;
      for (const path of bodies) {
        at = paths.indexOf(path, at + 1);
        expect(at).toBeGreaterThanOrEqual(0);
      }
      answered += bodies.length;
    }
  }
  // Clients leave after a while, answered or not: how many were served depends on the machine.
  expect(answered).toBeGreaterThan(CLIENTS / 20);
  for (const gauge of [
    'http.edge.downstream_rq_active',
    'http.edge.downstream_cx_active',
    'cluster.up.upstream_rq_active',
    'cluster.up.upstream_rq_pending_active',
    'cluster.up.circuit_breakers.default.rq_retry_open',
  ]) {
    await until(`${gauge} is 0`, async () => (await proxy.stat(gauge)) === 0);
  }
  await expect.poll(() => proxy.stat('cluster.up.circuit_breakers.default.remaining_retries')).toBe(3);
  await expect.poll(() => proxy.stat('cluster.up.circuit_breakers.default.remaining_pending')).toBe(20);
  await expect.poll(() => proxy.stat('server.envoy_bug_failures')).toBe(0);
}, 240_000);
