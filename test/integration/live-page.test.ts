/** What the live page is told, on real traffic through a real proxy. */
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterPart, LoggedRequest, PageHistory, PageSnapshot, PageTick } from '../../src/page/snapshot.ts';
import { EventStream } from '../support/event-stream.ts';
import { call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/ports.ts';
import { ADMIN, httpListener, ProxyProcess, staticCluster } from '../support/proxy.ts';

const tcpProxy = (name: string, cluster: string) =>
  `{name: ${name}, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: ${name}, cluster: ${cluster}}}]}]}`;

let upstream: http.Server;
let upPort = 0;
let hung: net.Server;
let proxy: ProxyProcess;
let port = 0;
let streams: EventStream[] = [];

function listen(server: net.Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

function events(query = ''): EventStream {
  const stream = new EventStream(proxy.adminAddress, `/api/v1/page/events${query}`);
  streams.push(stream);
  return stream;
}

async function snapshot(): Promise<PageSnapshot> {
  return JSON.parse((await proxy.admin('/api/v1/page')).body) as PageSnapshot;
}

/** The newest request in the log for which that holds. */
function logged(what: string, which: (request: LoggedRequest) => boolean): Promise<LoggedRequest> {
  return until(what, async () => (await snapshot()).requests.find(which));
}

const tickOf = (event: { event: string; data: unknown }): PageTick | null =>
  event.event === 'tick' ? (event.data as PageTick) : event.event === 'snapshot' ? (event.data as PageSnapshot).tick : null;

beforeAll(async () => {
  upstream = http.createServer((request, response) => {
    if (request.url?.startsWith('/fail')) response.writeHead(503).end();
    else if (request.url?.startsWith('/grpc')) response.writeHead(200, { 'content-type': 'application/grpc', 'grpc-status': '13' }).end();
    else response.end('ok');
  });
  hung = net.createServer((socket) => socket.on('error', () => undefined));
  upPort = await listen(upstream);
  const hungPort = await listen(hung);
  const deadPort = await freePort();
  const routes = `[
    {match: {prefix: /up}, name: to-up, route: {cluster: up, request_mirror_policies: [{cluster: mirror}]}},
    {match: {prefix: /fail}, route: {cluster: ejecting}},
    {match: {prefix: /dead}, route: {cluster: dead, retry_policy: {retry_on: connect-failure, num_retries: 1}}},
    {match: {prefix: /hang}, route: {cluster: hung, timeout: 0.15s}},
    {match: {prefix: /tight}, route: {cluster: tight, timeout: 0.4s}},
    {match: {prefix: /held}, route: {cluster: tight, timeout: 0s}},
    {match: {prefix: /grpc}, route: {cluster: calls}},
    {match: {prefix: /orig}, route: {cluster: original}},
    {match: {prefix: /lost}, route: {cluster_header: x-cluster}}]`.replaceAll('\n', ' ');
  const breakers = 'circuit_breakers: {thresholds: [{max_requests: 1, max_connections: 1, max_pending_requests: 1}]}';
  const outlier =
    'outlier_detection: {consecutive_5xx: 2, base_ejection_time: 60s, max_ejection_percent: 100}, common_lb_config: {healthy_panic_threshold: {value: 0}}';
  const clusters = [
    staticCluster('up', upPort),
    staticCluster('mirror', upPort),
    staticCluster('calls', upPort),
    '{name: original, type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, connect_timeout: 10s, original_dst_lb_config: {use_http_header: true}}',
    staticCluster('dead', deadPort),
    staticCluster('hung', hungPort),
    staticCluster('tight', hungPort).replace(/\}$/, `, ${breakers}}`),
    staticCluster('ejecting', upPort).replace(/\}$/, `, ${outlier}}`),
  ];
  proxy = await ProxyProcess.start(
    `${ADMIN}static_resources:\n  listeners: [${httpListener('front', routes, 'traffic_direction: OUTBOUND, ')}, ${tcpProxy('raw', 'up')}, ${tcpProxy('raw-dead', 'dead')}]\n  clusters: [${clusters.join(', ')}]\n`,
    { args: ['--concurrency', '2'] },
  );
  port = await proxy.port('front');
});

afterEach(() => {
  for (const stream of streams) stream.close();
  streams = [];
});

afterAll(async () => {
  await proxy.stop();
  upstream.close();
  upstream.closeAllConnections();
  hung.close();
});

describe('the graph', () => {
  test('is that of the configuration, without any traffic', async () => {
    const { listeners, routes, clusters, edges } = await snapshot();
    expect(listeners).toMatchObject([
      { name: 'front', direction: 'outbound', addresses: [`127.0.0.1:${port}`], tls: false },
      { name: 'raw', direction: 'unspecified' },
      { name: 'raw-dead' },
    ]);
    const named = (id: number): string =>
      listeners.find((l) => l.id === id)?.name ?? routes.find((r) => r.id === id)?.match ?? clusters.find((c) => c.id === id)?.name ?? '';
    const text = edges.map(({ from, to, shadow }) => `${named(from)} > ${named(to)}${shadow ? ' (shadow)' : ''}`);
    expect(text).toContain('front > prefix /up');
    expect(text).toContain('prefix /up > up');
    expect(text).toContain('prefix /up > mirror (shadow)');
    expect(text).toContain('raw > ');
    const tight = clusters.find(({ name }) => name === 'tight') as ClusterPart;
    expect(tight.limits[0]).toEqual({ connections: 1, pending: 1, requests: 1, retries: 3 });
    expect(tight.hosts).toMatchObject([{ weight: 1, priority: 0, health: { state: 'healthy', flags: [], ejection: null } }]);
    const ids = [...listeners, ...routes, ...clusters, ...edges, ...clusters.flatMap(({ hosts }) => hosts)].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('has rates and latencies on every edge within two seconds of traffic', async () => {
    const stream = events('?cluster=up');
    const first = await stream.find('a snapshot', ({ event, data }) => event === 'snapshot' && (data as PageSnapshot));
    const up = first.clusters.find(({ name }) => name === 'up')!;
    const mirror = first.clusters.find(({ name }) => name === 'mirror')!;
    const front = first.listeners.find(({ name }) => name === 'front')!;
    const toCluster = first.edges.find(
      ({ to, shadow }) => to === up.id && !shadow && first.routes.some((r) => r.name === 'to-up' && r.id),
    )!;
    for (let i = 0; i < 20; i++) await call(port, '/up/x');
    // Counters and what workers tell of a request may come in two ticks.
    const told = <T>(what: string, find: (tick: PageTick) => T | undefined) => stream.find(what, (event) => find(tickOf(event)!));
    const cluster = await told('the cluster', ({ clusters }) =>
      clusters.find(({ id, rps, p50 }) => id === up.id && rps > 0 && p50 !== null),
    );
    expect(cluster).toMatchObject({ errors: 0, overflowsPerS: 0, hosts: { total: 1, healthy: 1 } });
    expect(cluster.p99).toBeGreaterThanOrEqual(cluster.p50!);
    await told('copies', ({ clusters }) => clusters.find(({ id, shadowsPerS }) => id === mirror.id && shadowsPerS > 0));
    await told('the listener', ({ listeners }) => listeners.find(({ id, rps, p50 }) => id === front.id && rps > 0 && p50 !== null));
    await told('its bytes', ({ listeners }) => listeners.find(({ id, rxBytesPerS }) => id === front.id && rxBytesPerS > 0));
    await told('the edge', ({ edges }) => edges.find(({ id, rps, p50 }) => id === toCluster.id && rps > 0 && p50 !== null));
    await told('the host', ({ hosts }) => hosts.find((host) => host.cluster === up.id && host.rps > 0 && host.p50 !== null));
    const tick = await told('the whole', (found) => (found.totals.rps > 0 ? found : undefined));
    expect(tick.server).toMatchObject({ state: 'LIVE', concurrency: 2, viewers: 1, logLevel: 'info' });
    await stream.find('rest', (event) => tickOf(event)!.seq > tick.seq && tickOf(event)!.totals.rps === 0);
  });

  test('counts a gRPC status other than 0 as a failure', async () => {
    const stream = events();
    const first = await stream.find('a snapshot', ({ event, data }) => event === 'snapshot' && (data as PageSnapshot));
    const { id } = first.clusters.find(({ name }) => name === 'calls')!;
    await call(port, '/grpc/Shop/Buy', false, { 'content-type': 'application/grpc' });
    const figures = await stream.find('the call', (event) =>
      tickOf(event)?.clusters.find((cluster) => cluster.id === id && cluster.errors > 0),
    );
    expect(figures.errors).toBe(1);
    const entry = await logged('the call', ({ grpcStatus }) => grpcStatus === 13);
    expect(entry).toMatchObject({ code: 200, why: 'failed', flags: [], cluster: 'calls' });
    expect(entry.explanation[0]!.text).toMatch(/^The answer 200 with gRPC status 13 \(INTERNAL\) came from host /);
  });

  test('has hosts that traffic has made', async () => {
    const stream = events('?cluster=original');
    const first = await stream.find('a snapshot', ({ event, data }) => event === 'snapshot' && (data as PageSnapshot));
    const { id, hosts } = first.clusters.find(({ name }) => name === 'original')!;
    expect(hosts).toEqual([]);
    const address = `127.0.0.1:${upPort}`;
    const host = await until('the host', async () => {
      await call(port, '/orig', false, { 'x-envoy-original-dst-host': address });
      const part = (await snapshot()).clusters.find((cluster) => cluster.id === id);
      return part?.hosts.find((one) => one.address === address);
    });
    await until('its figures', async () => {
      await call(port, '/orig', false, { 'x-envoy-original-dst-host': address });
      return stream.events.some((event) => tickOf(event)?.hosts.some((one) => one.id === host.id && one.rps > 0));
    });
  });

  test('shows TCP in connections and bytes', async () => {
    const stream = events();
    const first = await stream.find('a snapshot', ({ event, data }) => event === 'snapshot' && (data as PageSnapshot));
    const raw = first.listeners.find(({ name }) => name === 'raw')!;
    const toTcp = first.edges.find(({ from }) => from === raw.id)!;
    const socket = net.connect(await proxy.port('raw'), '127.0.0.1');
    socket.write('GET /up HTTP/1.1\r\nhost: a\r\n\r\n');
    const told = (what: string, which: (edge: PageTick['edges'][number]) => boolean) =>
      stream.find(what, (event) => tickOf(event)?.edges.find((edge) => edge.id === toTcp.id && which(edge)));
    await told('bytes to the client', ({ txBytesPerS }) => txBytesPerS > 0);
    await told('bytes of the client', ({ rxBytesPerS }) => rxBytesPerS > 0);
    expect((await told('it is open', ({ connections }) => connections === 1)).rps).toBe(0);
    socket.destroy();
  });
});

describe('the request log explains', () => {
  test('no route', async () => {
    await call(port, '/nothing?token=secret');
    const entry = await logged('NR', ({ flags }) => flags.includes('NR'));
    expect(entry).toMatchObject({ code: 404, path: '/nothing', listener: 'front', details: 'route_not_found', attempts: 0 });
    expect(entry.explanation[0]!.text).toMatch(/^Virtual host all has 9 routes, and none matches GET \/nothing\./);
  });

  test('no cluster', async () => {
    await call(port, '/lost', false, { 'x-cluster': 'nowhere' });
    const entry = await logged('NC', ({ flags }) => flags.includes('NC'));
    expect(entry.explanation[0]!.text).toBe('The route leads to cluster nowhere, and there is no cluster of that name.');
  });

  test('a connection that is refused, and tries', async () => {
    await call(port, '/dead', false, { 'x-request-id': '7' });
    const entry = await logged('UF', ({ flags }) => flags.includes('UF'));
    expect(entry).toMatchObject({ code: 503, flags: ['URX', 'UF'], attempts: 2, cluster: 'dead', route: 'prefix /dead', why: 'failed' });
    expect(entry.requestId).not.toBe('');
    expect(entry.explanation.map(({ flag, text }) => [flag, text])).toEqual([
      ['URX', 'The retry limit was reached: 2 tries of cluster dead, the route allows 1 retry.'],
      ['UF', expect.stringMatching(/^The connection to host 127\.0\.0\.1:\d+ of cluster dead failed: .*Nothing listens there\.$/)],
    ]);
  });

  test('a timeout', async () => {
    await call(port, '/hang');
    const entry = await logged('UT', ({ flags }) => flags.includes('UT'));
    expect(entry.explanation[0]!.text).toMatch(
      /^The route's timeout of 150 ms passed: no answer of host 127\.0\.0\.1:\d+ of cluster hung had begun; 1 try\.$/,
    );
    expect(entry.durationMs).toBeGreaterThanOrEqual(150);
    expect(entry.phases.connectMs).not.toBeNull();
  });

  test('a circuit breaker, with its count and limit; and the gauges stand at it', async () => {
    const stream = events();
    const first = await stream.find('a snapshot', ({ event, data }) => event === 'snapshot' && (data as PageSnapshot));
    const { id } = first.clusters.find(({ name }) => name === 'tight')!;
    const held = http.get({ host: '127.0.0.1', port, path: '/held', agent: false }).on('error', () => undefined);
    const told = (what: string, which: (cluster: PageTick['clusters'][number]) => boolean) =>
      stream.find(what, (event) => tickOf(event)?.clusters.find((cluster) => cluster.id === id && which(cluster)));
    const use = (await told('the gauge', ({ breakers }) => breakers[0].connections >= 1)).breakers[0];
    expect(use.retriesLimit).toBe(3);
    await Promise.all([1, 2, 3, 4].map(() => call(port, '/tight')));
    const entry = await logged('UO', ({ flags }) => flags.includes('UO'));
    expect(entry.explanation[0]!.text).toMatch(/^1 request (pending|in flight) in cluster tight, its limit max_(pending_)?requests is 1/);
    await told('what was refused', ({ overflowsPerS }) => overflowsPerS > 0);
    held.destroy();
  });

  test('ejected hosts: the reason, until when; and the page shows it within 3 s', async () => {
    const stream = events();
    const first = await stream.find('a snapshot', ({ event, data }) => event === 'snapshot' && (data as PageSnapshot));
    const cluster = first.clusters.find(({ name }) => name === 'ejecting')!;
    await call(port, '/fail');
    await call(port, '/fail');
    await until('no host is left', async () => (await call(port, '/fail')).body === 'no healthy upstream');
    const entry = await logged('UH', ({ flags }) => flags.includes('UH'));
    expect(entry.explanation[0]!.text).toBe('0 of 1 host of cluster ejecting healthy: 1 ejected by outlier detection (consecutive 5xx).');
    const host = await stream.find('the ejection', (event) =>
      tickOf(event)?.hosts.find((h) => h.cluster === cluster.id && h.health.ejection !== null),
    );
    expect(host.health).toMatchObject({
      state: 'unhealthy',
      flags: ['failed_outlier_check'],
      ejection: { reason: 'consecutive 5xx', count: 1 },
    });
    const { sinceWallMs, untilWallMs } = host.health.ejection!;
    expect(untilWallMs - sinceWallMs).toBe(60_000);
    const figures = await stream.find('its share', (event) =>
      tickOf(event)?.clusters.find(({ id, hosts }) => id === cluster.id && hosts.ejected === 1),
    );
    expect(figures.hosts).toEqual({ total: 1, healthy: 0, degraded: 0, unhealthy: 1, ejected: 1 });
    expect((await snapshot()).clusters.find(({ id }) => id === cluster.id)!.hosts[0]!.health.state).toBe('unhealthy');
  });
});

test('connections that find nobody are in the log with requests', async () => {
  const rawPort = await proxy.port('raw-dead');
  const socket = net.connect(rawPort, '127.0.0.1');
  socket.on('error', () => undefined);
  const entry = await logged('a connection', ({ protocol, flags }) => protocol === 'TCP' && flags.includes('UF'));
  expect(entry).toMatchObject({
    why: 'failed',
    listener: 'raw-dead',
    authority: `127.0.0.1:${rawPort}`,
    cluster: 'dead',
    code: 0,
    attempts: 1,
  });
  expect(entry.explanation.map(({ flag, text }) => [flag, text])).toEqual([
    ['UF', expect.stringMatching(/^The connection to host 127\.0\.0\.1:\d+ of cluster dead failed: .*Nothing listens there\.$/)],
    ['URX', 'No host of cluster dead could be connected in 1 try, which is all that max_connect_attempts allows.'],
  ]);
  socket.destroy();
});

describe('viewers', () => {
  test('who come again begin with a snapshot, and ticks follow one another', async () => {
    const once = events();
    await once.find('a tick', ({ event }) => event === 'tick');
    once.close();
    const again = events();
    await until('three ticks', () => again.events.length >= 4);
    expect(again.events[0]!.event).toBe('snapshot');
    const seqs = again.events.map((event) => tickOf(event)!.seq);
    expect(seqs).toEqual(seqs.map((_, i) => seqs[0]! + i));
    expect(again.events.map(({ id }) => Number(id))).toEqual(seqs);
  });

  test('are so many at most', async () => {
    for (let i = 0; i < 16; i++) events();
    await until('all are served', () => streams.every(({ events: told }) => told.length > 0));
    const late = events();
    await until('it is told', () => late.ended);
    expect(late.events).toEqual([{ event: 'full', id: '', data: {} }]);
    streams[0]!.close();
    await until('a place', async () => {
      const next = events();
      await until('an answer', () => next.events.length > 0);
      return next.events[0]!.event === 'snapshot';
    });
  });

  test('have a history of the whole, and of clusters', async () => {
    const stream = events();
    const history = await until('both', async () => {
      await call(port, '/up');
      const { body } = await proxy.admin('/api/v1/page/history?series=total.rps&series=cluster.up.rps&series=no.such');
      const found = JSON.parse(body) as PageHistory;
      return found.series[1]!.values.length > 0 && found;
    });
    expect(history.series.map(({ name, stepMs }) => [name, stepMs])).toEqual([
      ['total.rps', 1000],
      ['cluster.up.rps', 5000],
      ['no.such', 1000],
    ]);
    expect(history.series[0]!.values.some((value) => value !== null && value > 0)).toBe(true);
    expect(history.series[2]!.values).toEqual([]);
    stream.close();
  });

  test('do not keep the process from ending', async () => {
    const stream = await until('a place', async () => {
      const next = events();
      await until('an answer', () => next.events.length > 0);
      return next.events[0]!.event === 'snapshot' && next;
    });
    await proxy.admin('/quitquitquit', 'POST');
    expect(await proxy.exited).toBe(0);
    await until('the stream has ended', () => stream.ended);
  });
});
