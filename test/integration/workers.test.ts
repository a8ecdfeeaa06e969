/** Several workers are one proxy: they share the port, the statistics and every limit. */
import { createConnection } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { HeldUpstream } from '../support/held-upstream.ts';
import { Client } from '../support/listener-rig.ts';
import { until } from '../support/poll.ts';
import { ADMIN, httpListener, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';

let proxy: ProxyProcess;
let upstream: HeldUpstream;
let port: number;
let clients: Client[] = [];

interface Options {
  readonly concurrency: number;
  /** Thresholds of the cluster's circuit breaker, YAML flow fields. */
  readonly thresholds?: string;
  readonly runtime?: string;
}

async function start(options: Options): Promise<void> {
  upstream = await HeldUpstream.start();
  const breaker = options.thresholds === undefined ? '' : `, circuit_breakers: {thresholds: [{${options.thresholds}}]}`;
  const cluster = staticCluster('up', upstream.port).replace(/\}$/, `${breaker}}`);
  const runtime = options.runtime === undefined ? '' : `layered_runtime: {layers: [{name: static, static_layer: {${options.runtime}}}]}\n`;
  proxy = await ProxyProcess.start(
    `${ADMIN}${runtime}static_resources:\n  listeners: [${httpListener('front', routeTo('up', ', timeout: 0s'))}]\n  clusters: [${cluster}]\n`,
    { args: ['--concurrency', String(options.concurrency), '-l', 'error'] },
  );
  port = await proxy.port('front');
}

afterEach(async () => {
  for (const client of clients) client.socket.destroy();
  clients = [];
  upstream.stop();
  await proxy.stop();
});

function connect(n: number): Client[] {
  const made = Array.from({ length: n }, () => new Client(createConnection({ host: '127.0.0.1', port })));
  clients.push(...made);
  return made;
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;
const answers = (client: Client, status: number) => client.received.split(`HTTP/1.1 ${status} `).length - 1;
const answered = (of: readonly Client[], status: number) => of.reduce((sum, client) => sum + answers(client, status), 0);

/** Connections that each worker took, by worker. */
async function perWorker(): Promise<number[]> {
  const stats = await proxy.stats('^listener\\..*worker_\\d+\\.downstream_cx_total$');
  return [...stats].filter(([name]) => !name.startsWith('listener.admin')).map(([, value]) => value);
}

describe.each([2, 4])('%i workers', (concurrency) => {
  test('all of them serve, and the statistics are their sums', async () => {
    await start({ concurrency });
    const all = connect(20 * concurrency);
    const rounds = 4;
    for (let round = 1; round <= rounds; round++) {
      for (const client of all) client.send(get('/'));
      await Promise.all(all.map((client) => client.until((c) => answers(c, 200) === round || c.closed)));
    }
    const requests = all.length * rounds;
    expect(answered(all, 200)).toBe(requests);
    expect(upstream.requests).toBe(requests);

    const shares = await perWorker();
    expect(shares.length).toBe(concurrency);
    expect(Math.min(...shares)).toBeGreaterThan(0);
    expect(shares.reduce((a, b) => a + b)).toBe(all.length);
    await expect.poll(() => proxy.stat('http.front.downstream_cx_active')).toBe(all.length);
    await expect.poll(() => proxy.stat('http.front.downstream_rq_total')).toBe(requests);
    await expect.poll(() => proxy.stat('http.front.downstream_rq_2xx')).toBe(requests);
    await expect.poll(() => proxy.stat('cluster.up.upstream_rq_total')).toBe(requests);
    await expect.poll(() => proxy.stat('cluster.up.upstream_cx_total')).toBe(upstream.connections);

    for (const client of all) client.socket.end();
    await until('every connection is gone', async () => (await proxy.stat('http.front.downstream_cx_active')) === 0);
    await expect.poll(() => proxy.stat('http.front.downstream_cx_destroy')).toBe(all.length);
    await expect.poll(() => proxy.stat('http.front.downstream_rq_active')).toBe(0);
  });

  test('max_requests holds over all of them, exactly, time after time', async () => {
    const limit = 7;
    await start({ concurrency, thresholds: `max_requests: ${limit}` });
    const all = connect(15 * concurrency);
    for (let round = 1; round <= 5; round++) {
      const refused = (all.length - limit) * round;
      for (const client of all) client.send(get('/hold'));
      await until('all but the allowed ones are refused', () => answered(all, 503) >= refused);
      await until('the allowed ones are under way', () => upstream.held === limit);
      expect(answered(all, 503)).toBe(refused);
      await expect.poll(() => proxy.stat('cluster.up.upstream_rq_active')).toBe(limit);
      await expect.poll(() => proxy.stat('cluster.up.circuit_breakers.default.rq_open')).toBe(1);
      upstream.letGo();
      await until('these are answered', () => answered(all, 200) === limit * round);
      await until('none is counted any more', async () => (await proxy.stat('cluster.up.upstream_rq_active')) === 0);
      await expect.poll(() => proxy.stat('cluster.up.circuit_breakers.default.rq_open')).toBe(0);
    }
    await expect.poll(() => proxy.stat('cluster.up.upstream_rq_active_overflow')).toBe((all.length - limit) * 5);
    expect(upstream.requests).toBe(limit * 5);
  });

  test('max_connections holds over all of them, but every worker may have one', async () => {
    const limit = 6;
    await start({ concurrency, thresholds: `max_connections: ${limit}, max_pending_requests: 1000, max_requests: 1000` });
    const all = connect(12 * concurrency);
    for (const client of all) client.send(get('/hold'));
    await until('every allowed connection is taken', () => upstream.held >= limit);
    await until('the others wait', async () => (await proxy.stat('cluster.up.upstream_rq_pending_active')) === all.length - upstream.held);
    // A worker that would be left without any gets one above the limit.
    expect(upstream.held).toBeLessThan(limit + concurrency);
    await expect.poll(() => proxy.stat('cluster.up.upstream_cx_active')).toBe(upstream.held);
    await expect.poll(() => proxy.stat('cluster.up.circuit_breakers.default.cx_open')).toBe(1);
    await expect.poll(() => proxy.stat('cluster.up.upstream_cx_overflow')).toBeGreaterThan(0);
    const open = upstream.connections;
    await until('all are answered over these', () => {
      upstream.letGo();
      return answered(all, 200) === all.length;
    });
    expect(upstream.connections).toBe(open);
  });

  test('the connection limit of a listener is exact', async () => {
    const limit = 9;
    await start({ concurrency, runtime: `envoy.resource_limits.listener.front.connection_limit: ${limit}` });
    const all = connect(12 * concurrency);
    const turnedAway = () => all.filter((client) => client.closed).length;
    await until('the surplus is turned away', () => turnedAway() === all.length - limit);
    const kept = all.filter((client) => !client.closed);
    for (const client of kept) client.send(get('/'));
    await Promise.all(kept.map((client) => client.until((c) => answers(c, 200) === 1 || c.closed)));
    expect(answered(kept, 200)).toBe(limit);
    await expect.poll(() => proxy.stat('http.front.downstream_cx_active')).toBe(limit);
    const overflow = async () => [...(await proxy.stats('^listener\\.127.*downstream_cx_overflow$')).values()].reduce((a, b) => a + b, 0);
    await expect.poll(() => overflow()).toBe(all.length - limit);

    // Places that become free are given again, as many as there are.
    for (const client of kept.slice(0, 4)) client.socket.end();
    await until('four are gone', async () => (await proxy.stat('http.front.downstream_cx_active')) === limit - 4);
    const next = connect(10);
    await until('the surplus is turned away again', () => next.filter((client) => client.closed).length === 6);
    const accepted = next.filter((client) => !client.closed);
    for (const client of accepted) client.send(get('/'));
    await Promise.all(accepted.map((client) => client.until((c) => answers(c, 200) === 1 || c.closed)));
    expect(answered(accepted, 200)).toBe(4);
    await expect.poll(() => overflow()).toBe(all.length - limit + 6);
  });
});
