/** Requests through the whole proxy, over real sockets, to upstreams that misbehave in every way that the router has to stand. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestOptions, request, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningProxy, startProxy } from '../support/running-proxy.ts';

let proxy: RunningProxy;
let upstream: Server;
/** How often each path was asked for. */
const asked = new Map<string, number>();
const bodies = new Map<string, string[]>();

const MIB = 1 << 20;
const DOWNLOAD = 24 * MIB;

function answer(req: IncomingMessage, res: ServerResponse): void {
  const path = req.url!;
  const times = (asked.get(path) ?? 0) + 1;
  asked.set(path, times);
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('error', () => undefined);
  if (path === '/once') {
    res.end('once');
    return;
  }
  if (path === '/early') {
    res.writeHead(200, { 'content-length': '5' }).end('early');
    return;
  }
  req.on('end', () => {
    bodies.set(path, [...(bodies.get(path) ?? []), Buffer.concat(chunks).toString('latin1')]);
    if (path === '/flaky' && times < 3) res.writeHead(503).end('not yet');
    else if (path === '/cut' && times < 2) req.socket.resetAndDestroy();
    else if (path === '/slow') return;
    else if (path === '/half')
      res.writeHead(200, { 'content-length': '10' }).write('half', () => setTimeout(() => req.socket.destroy(), 20));
    else if (path === '/moved') res.writeHead(302, { location: 'http://other.test/target?x=1' }).end();
    else if (path === '/download') res.writeHead(200, { 'content-length': String(DOWNLOAD) }).end(Buffer.alloc(DOWNLOAD, 'x'));
    else res.writeHead(200, { 'x-host': req.headers.host }).end(path + ' ' + (req.headers['x-envoy-original-url'] ?? ''));
  });
}

beforeAll(async () => {
  upstream = createServer(answer);
  upstream.on('upgrade', (_req, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    socket.on('data', (chunk) => socket.write('echo ' + chunk));
    socket.on('error', () => undefined);
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const port = (upstream.address() as { port: number }).port;
  const endpoints = (name: string, at: number) =>
    `{cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${at}}}}}]}]}`;
  const retry = 'retry_policy: {retry_on: "5xx", num_retries: 3, retry_back_off: {base_interval: 0.001s, max_interval: 0.002s}}';
  proxy = await startProxy(`
  listeners:
  - name: edge
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: edge
          upgrade_configs: [{upgrade_type: websocket}]
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - {match: {path: /slow}, route: {cluster: up, timeout: 0.1s}}
              - {match: {path: /moved}, route: {cluster: up, internal_redirect_policy: {}}}
              - {match: {path: /dead}, route: {cluster: dead}}
              - {match: {path: /ws}, route: {cluster: up, timeout: 1s}}
              - {match: {path: /half}, route: {cluster: up}}
              - {match: {prefix: /}, route: {cluster: up, ${retry}}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - {name: up, load_assignment: ${endpoints('up', port)}}
  - {name: dead, load_assignment: ${endpoints('dead', 1)}}
`);
});

afterAll(async () => {
  await proxy.stop();
  upstream.closeAllConnections();
  upstream.close();
});

interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly aborted: boolean;
}

function send(path: string, body: string | null = null, options: RequestOptions = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const req = request(
      { port: proxy.port('edge'), host: '127.0.0.1', path, method: body === null ? 'GET' : 'POST', ...options },
      (res) => {
        let text = '';
        res.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
        const done = (aborted: boolean) => resolve({ status: res.statusCode!, headers: res.headers, body: text, aborted });
        res.on('end', () => done(false)).on('error', () => done(true));
      },
    );
    req.on('error', reject).end(body);
  });
}

describe('through the proxy', () => {
  test('a request and its response', async () => {
    const reply = await send('/hello', 'some body');
    expect(reply).toMatchObject({ status: 200, body: '/hello ' });
    expect(reply.headers['server']).toBe('envoy');
    expect(reply.headers['x-envoy-upstream-service-time']).toMatch(/^\d+$/);
    expect(bodies.get('/hello')).toEqual(['some body']);
  });

  test('failures are tried again with the whole body', async () => {
    const body = 'x'.repeat(200_000);
    expect(await send('/flaky', body)).toMatchObject({ status: 200, body: '/flaky ' });
    expect(bodies.get('/flaky')).toEqual([body, body, body]);
    expect(await send('/cut')).toMatchObject({ status: 200 });
    expect(asked.get('/cut')).toBe(2);
    await expect.poll(() => proxy.stat('cluster.up.upstream_rq_retry')).toBe(3);
    await expect.poll(() => proxy.stat('cluster.up.retry.upstream_rq_503')).toBe(2);
  });

  test('a timeout, a dead upstream', async () => {
    expect(await send('/slow')).toMatchObject({ status: 504, body: 'upstream request timeout' });
    expect(await send('/dead')).toMatchObject({
      status: 503,
      body: 'upstream connect error or disconnect/reset before headers. reset reason: remote connection failure',
    });
  });

  test('a response that is cut off reaches the client as such', async () => {
    expect(await send('/half')).toMatchObject({ status: 200, body: 'half', aborted: true });
  });

  test('an internal redirect carries the body to its target', async () => {
    expect(await send('/moved', 'luggage', { headers: { host: 'shop.test' } })).toMatchObject({
      status: 200,
      body: '/target?x=1 http://shop.test/moved',
      headers: { 'x-host': 'other.test' },
    });
    expect(bodies.get('/target?x=1')).toEqual(['luggage']);
  });

  test('an early response does not wait for the request', async () => {
    const socket = connect(proxy.port('edge'), '127.0.0.1');
    socket.write('POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\npart');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    await once(socket, 'close');
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(text).toMatch(/connection: close\r\n/);
    expect(text).toMatch(/early$/);
  });

  test("a WebSocket outlives the route's timeout", async () => {
    const socket = connect(proxy.port('edge'), '127.0.0.1');
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.write('GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    await until(() => text.includes('\r\n\r\n'));
    expect(text).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/);
    // Requests that are timed out one after the other, 0.1 s each, show that the route's timeout has passed.
    for (let i = 0; i < 11; i++) await send('/slow');
    socket.write('still there');
    await until(() => text.endsWith('echo still there'));
    socket.destroy();
  });

  test('a client that does not read holds the upstream back', async () => {
    const socket = connect(proxy.port('edge'), '127.0.0.1');
    socket.pause();
    socket.write('GET /download HTTP/1.1\r\nhost: a\r\n\r\n');
    await untilAsync(async () => (await proxy.stat('cluster.up.upstream_flow_control_paused_reading_total')) > 0);
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    socket.resume();
    await until(() => received > DOWNLOAD);
    await expect.poll(() => proxy.stat('cluster.up.upstream_flow_control_resumed_reading_total')).toBeGreaterThan(0);
    socket.destroy();
    expect(await send('/after')).toMatchObject({ status: 200 });
  });

  test('nothing is left in flight', async () => {
    await untilAsync(async () => (await proxy.stat('cluster.up.upstream_rq_active')) === 0);
    await expect.poll(() => proxy.stat('cluster.up.upstream_rq_pending_active')).toBe(0);
    await expect.poll(() => proxy.stat('cluster.up.circuit_breakers.default.rq_retry_open')).toBe(0);
  });
});

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

async function untilAsync(done: () => Promise<boolean>): Promise<void> {
  while (!(await done()));
}
