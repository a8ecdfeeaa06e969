/** Under pressure the proxy sheds load and stays alive: real memory, real sockets. */
import http from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { ADMIN, hcm, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';

const MB = 1024 * 1024;
const HEAP = 'envoy.resource_monitors.fixed_heap';
const ACTION = 'envoy.overload_actions.';

let proxy: ProxyProcess;
let upstream: http.Server | null = null;
let sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  upstream?.closeAllConnections();
  upstream?.close();
  upstream = null;
  await proxy.stop();
});

/** @param overload fields of the overload manager @param bootstrap further fields */
async function start(overload: string, args: readonly string[] = [], bootstrap = '', listener = ''): Promise<number> {
  upstream = http.createServer((request, response) => {
    if (request.url === '/small') {
      response.end('ok');
      return;
    }
    // As much as anybody reads.
    const block = Buffer.alloc(256 * 1024, 'x');
    const more = () => {
      while (!response.destroyed && response.write(block));
    };
    response.on('drain', more);
    more();
  });
  await new Promise<void>((resolve) => upstream!.listen(0, '127.0.0.1', resolve));
  const { port } = upstream.address() as AddressInfo;
  const routes = `stat_prefix: front, append_local_overload: true, route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: ${routeTo('up', ', timeout: 0s')}}]}`;
  proxy = await ProxyProcess.start(
    `${ADMIN}${bootstrap}overload_manager: {refresh_interval: 0.05s, ${overload}}
static_resources:
  listeners: [{name: front, ${listener} address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [${hcm(routes)}]}]}]
  clusters: [${staticCluster('up', port).replace(/\}$/, ', circuit_breakers: {thresholds: [{max_connections: 5000, max_requests: 5000, max_pending_requests: 5000}]}}')}]
`,
    { args: ['-l', 'error', ...args] },
  );
  return proxy.port('front');
}

/** A client that asks for a great deal and reads nothing of it. */
function greedy(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.pause();
  socket.on('error', () => undefined);
  socket.write('GET /endless HTTP/1.1\r\nHost: h\r\n\r\n');
  sockets.push(socket);
  return socket;
}

const fixedHeap = `{name: ${HEAP}, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes_runtime: {default_value: 1000000000000, runtime_key: heap.max}}}`;
const when = (threshold: number) => `triggers: [{name: ${HEAP}, threshold: {value: ${threshold}}}]`;
const RUNTIME = 'layered_runtime: {layers: [{name: admin, admin_layer: {}}]}\n';

async function residentMb(): Promise<number> {
  return Number((JSON.parse((await proxy.admin('/memory')).body) as { total_physical_bytes: string }).total_physical_bytes) / MB;
}

describe('memory', () => {
  test('clients that read nothing: requests are refused, the largest streams end, and all is well when they are gone', async () => {
    const port = await start(
      `buffer_factory_config: {minimum_account_to_track_power_of_two: 16},
       resource_monitors: [${fixedHeap}],
       actions: [
         {name: ${ACTION}stop_accepting_requests, ${when(0.85)}},
         {name: ${ACTION}shrink_heap, ${when(0.85)}, typed_config: {"@type": type.googleapis.com/envoy.config.overload.v3.ShrinkHeapConfig, timer_interval: 0.2s}},
         {name: ${ACTION}reset_high_memory_stream, ${when(0.95)}}]`,
      ['--concurrency', '1'],
      RUNTIME,
    );
    expect((await call(port, '/small')).status).toBe(200);
    const limitMb = (await residentMb()) + 150;
    await proxy.admin(`/runtime_modify?heap.max=${Math.round(limitMb * MB)}`, 'POST');

    let highest = 0;
    const refused = await until(
      'requests are refused',
      async () => {
        for (let i = 0; i < 10; i++) greedy(port);
        highest = Math.max(highest, await residentMb());
        const answer = await call(port, '/small');
        return answer.status === 503 ? answer : undefined;
      },
      60_000,
    );
    expect([refused.body, refused.headers['x-envoy-local-overloaded']]).toEqual(['envoy overloaded', 'true']);
    await expect.poll(() => proxy.stat('http.front.downstream_rq_overload_close')).toBeGreaterThan(0);

    // They go on asking: none of it makes the proxy grow beyond its limit by much.
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 20; i++) greedy(port);
      highest = Math.max(highest, await residentMb());
    }
    expect(highest).toBeLessThan(limitMb * 1.25);

    for (const socket of sockets) socket.destroy();
    await until('requests are served again', async () => ((await call(port, '/small')).status === 200 ? true : undefined), 60_000);
    expect(proxy.running).toBe(true);
    await expect.poll(() => proxy.stat('server.envoy_bug_failures')).toBe(0);
  }, 240_000);

  test('the largest streams end', async () => {
    const port = await start(
      `buffer_factory_config: {minimum_account_to_track_power_of_two: 16},
       resource_monitors: [${fixedHeap}],
       actions: [{name: ${ACTION}reset_high_memory_stream, ${when(0.5)}}]`,
      ['--concurrency', '1'],
      RUNTIME,
    );
    let ended = 0;
    for (let i = 0; i < 3; i++) greedy(port).on('close', () => ended++);
    const reading = connect(port, '127.0.0.1');
    sockets.push(reading);
    await until(
      'they hold what they do not read',
      async () => (await proxy.stat('cluster.up.upstream_flow_control_paused_reading_total')) >= 3 || undefined,
    );
    await proxy.admin('/runtime_modify?heap.max=1000000', 'POST');
    await until(
      'they are ended',
      async () => (await proxy.stat('envoy.overload_actions.reset_high_memory_stream.count')) >= 3 || undefined,
    );
    await until('their requests are over', async () => (await proxy.stat('http.front.downstream_rq_active')) === 0 || undefined);
    await expect.poll(() => proxy.stat('http.front.downstream_cx_active')).toBe(1);
    for (const socket of sockets) socket.resume();
    await until('their connections are closed', () => Promise.resolve(ended === 3 || undefined));
  });
});

describe('connections', () => {
  test('stop_accepting_connections: they wait, and are served when the pressure is gone', async () => {
    const port = await start(
      `resource_monitors: [${fixedHeap}], actions: [{name: ${ACTION}stop_accepting_connections, ${when(0.5)}}]`,
      ['--concurrency', '2'],
      RUNTIME,
    );
    await proxy.admin('/runtime_modify?heap.max=1000000', 'POST');
    await until('it is active', async () => (await proxy.stat(`overload.${ACTION}stop_accepting_connections.active`)) === 1 || undefined);
    const before = await proxy.stat('http.front.downstream_cx_total');
    let answers = 0;
    const calls = Array.from({ length: 6 }, () => call(port, '/small').then((answer) => (answers += answer.status === 200 ? 1 : 0)));
    await proxy.admin('/stats');
    await expect.poll(async () => [answers, await proxy.stat('http.front.downstream_cx_total')]).toEqual([0, before]);
    await proxy.admin('/runtime_modify?heap.max=', 'POST');
    await Promise.all(calls);
    expect(answers).toBe(6);
  });

  test.each([
    ['the overload manager', '', 'overload'],
    [
      'a runtime key',
      'layered_runtime: {layers: [{name: s, static_layer: {overload: {global_downstream_max_connections: 5}}}]}\n',
      'runtime',
    ],
  ])('a limit on all of them by %s holds over all workers', async (_what, bootstrap, kind) => {
    const monitor =
      kind === 'overload'
        ? '{name: envoy.resource_monitors.global_downstream_max_connections, typed_config: {"@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig, max_active_downstream_connections: 5}}'
        : fixedHeap;
    const port = await start(`resource_monitors: [${monitor}]`, ['--concurrency', '3'], bootstrap);
    let closed = 0;
    for (let i = 0; i < 30; i++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.on('close', () => closed++);
      socket.resume();
      sockets.push(socket);
    }
    await until('all but five are closed', () => Promise.resolve(closed === 25 || undefined));
    await expect.poll(() => proxy.stat('http.front.downstream_cx_active')).toBe(5);
    const overflows = await proxy.stats('^listener\\..*downstream_global_cx_overflow$');
    expect([...overflows.values()].reduce((a, b) => a + b, 0)).toBe(25);
  });

  test('connection_limit holds over all workers', async () => {
    const limit =
      '{name: limit, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit, stat_prefix: l, max_connections: 4}}';
    const echo = '{name: echo, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}';
    proxy = await ProxyProcess.start(
      `${ADMIN}static_resources:\n  listeners: [{name: front, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [${limit}, ${echo}]}]}]\n`,
      { args: ['-l', 'error', '--concurrency', '3'] },
    );
    const port = await proxy.port('front');
    let closed = 0;
    for (let i = 0; i < 24; i++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.on('close', () => closed++);
      socket.resume();
      sockets.push(socket);
    }
    await until('all but four are closed', () => Promise.resolve(closed === 20 || undefined));
    await expect.poll(() => proxy.stat('connection_limit.l.limited_connections')).toBe(20);
    await expect.poll(() => proxy.stat('connection_limit.l.active_connections')).toBe(4);
  });
});
