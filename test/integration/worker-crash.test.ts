/** A worker thread that dies takes its connections with it, and nothing else: its successor has all that it had, counters go on. */
import { renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PageTick } from '../../src/page/snapshot.ts';
import { EventStream } from '../support/event-stream.ts';
import { HeldUpstream } from '../support/held-upstream.ts';
import { call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { ADMIN, endpoints, hcm, httpListener, newFolder, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';
import { INSPECTED, WorkerInspector } from '../support/worker-inspector.ts';

const API = '"@type": type.googleapis.com/envoy.config';

let folder: string;
let upstream: HeldUpstream;
let proxy: ProxyProcess;
let inspector: WorkerInspector;

beforeEach(async () => {
  folder = newFolder();
  upstream = await HeldUpstream.start();
});

afterEach(async () => {
  inspector.close();
  await proxy.stop();
  upstream.stop();
});

async function start(bootstrap: string, concurrency: number): Promise<void> {
  const args = ['--concurrency', String(concurrency), '-l', 'error'];
  proxy = await ProxyProcess.start(ADMIN + bootstrap, { folder, env: INSPECTED, args });
  inspector = await WorkerInspector.attach(proxy);
  await until('all workers are attached', () => inspector.workers.length === concurrency);
}

function put(file: string, resources: string): void {
  writeFileSync(join(folder, `.${file}`), `resources: [${resources}]`);
  renameSync(join(folder, `.${file}`), join(folder, file));
}

function source(file: string): string {
  return `{path_config_source: {path: "${join(folder, file)}"}}`;
}

/** Deaths that were reported. */
function deaths(): number {
  return proxy.stderr.split('a worker died').length - 1;
}

/** A request on a connection of its own that is answered by whoever is there, now or in a moment. */
function answered(port: number, path = '/'): Promise<true> {
  return until(`${path} is answered`, async () => (await call(port, path)).status === 200);
}

test('its connections close, and a successor serves the same on the same port', async () => {
  await start(
    `static_resources: {listeners: [${httpListener('l', routeTo('app', ', timeout: 0s'))}], clusters: [${staticCluster('app', upstream.port)}]}`,
    1,
  );
  const port = await proxy.port('l');
  for (let i = 0; i < 10; i++) await call(port);
  const cut = call(port, '/hold').catch((error: NodeJS.ErrnoException) => error);
  const idle = connect(port, '127.0.0.1');
  const idleClosed = new Promise((resolve) => idle.on('error', () => undefined).on('close', resolve));
  await until('it is in flight', () => upstream.held === 1);
  // What the dying thread has counted by now is what must not be lost.
  await expect.poll(() => proxy.stat('http.l.downstream_rq_total')).toBe(11);

  inspector.crash(inspector.workers[0]!);
  expect(await cut).toBeInstanceOf(Error);
  await idleClosed;
  await until('it is reported', () => deaths() === 1);
  await expect.poll(() => proxy.stderr).toContain('Error: injected');
  await answered(port);
  expect((await proxy.admin('/ready')).status).toBe(200);
  await expect.poll(() => proxy.stat('http.l.downstream_rq_total')).toBe(12);
  await expect.poll(() => proxy.stat('cluster.app.upstream_rq_total')).toBe(12);
  // What was open when it died is open no more.
  await expect.poll(() => proxy.stat('http.l.downstream_cx_active')).toBeLessThanOrEqual(1);
  await expect.poll(() => proxy.stat('cluster.app.upstream_rq_active')).toBe(0);
});

test('limits count the connections of the living', async () => {
  await start(
    `layered_runtime: {layers: [{name: s, static_layer: {envoy: {resource_limits: {listener: {l: {connection_limit: 2}}}}}}]}\nstatic_resources: {listeners: [${httpListener(
      'l',
      routeTo('app', ', timeout: 0s'),
    )}], clusters: [${staticCluster('app', upstream.port).replace('{name: app,', '{name: app, circuit_breakers: {thresholds: [{max_requests: 2}]},')}]}`,
    1,
  );
  const port = await proxy.port('l');
  const cut = [0, 1].map(() => call(port, '/hold').catch((error: Error) => error));
  await until('the limit is reached', () => upstream.held === 2);
  await expect(call(port)).rejects.toThrow();
  inspector.crash(inspector.workers[0]!);
  await Promise.all(cut);
  await answered(port);
  await until('its connection is closed', async () => (await proxy.stat('http.l.downstream_cx_active')) === 0);
  const again = [0, 1].map(() => call(port, '/hold'));
  await until('as many as before are in flight', () => upstream.held === 4);
  upstream.letGo();
  expect((await Promise.all(again)).map(({ status }) => status)).toEqual([200, 200]);
});

test('what came from files, and drains, are there again; the other worker serves meanwhile', async () => {
  const routes = (body: string) =>
    `{${API}.route.v3.RouteConfiguration, name: r, virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {path: /version}, direct_response: {status: 200, body: {inline_string: ${body}}}}, {match: {prefix: /}, route: {cluster: app}}]}]}`;
  const listener = `{${API}.listener.v3.Listener, name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [${hcm(
    `stat_prefix: l, rds: {route_config_name: r, config_source: ${source('rds.yaml')}}`,
  )}]}]}`;
  const inbound = httpListener('in', routeTo('app'), 'traffic_direction: INBOUND, ').replace('{', `{${API}.listener.v3.Listener, `);
  put('eds.yaml', `{${API}.endpoint.v3.ClusterLoadAssignment, ${endpoints('app', 1).slice(1)}`);
  put('cds.yaml', `{${API}.cluster.v3.Cluster, name: app, type: EDS, eds_cluster_config: {eds_config: ${source('eds.yaml')}}}`);
  put('rds.yaml', routes('first'));
  put('lds.yaml', `${listener}, ${inbound}`);
  await start(
    `node: {id: test, cluster: test}\ndynamic_resources: {lds_config: ${source('lds.yaml')}, cds_config: ${source('cds.yaml')}}`,
    2,
  );
  const port = await proxy.port('l');
  const drained = await proxy.port('in');
  // Nothing of this was there when the workers started.
  put('eds.yaml', `{${API}.endpoint.v3.ClusterLoadAssignment, ${endpoints('app', upstream.port).slice(1)}`);
  put('rds.yaml', routes('second'));
  await until('the new routes', async () => (await call(port, '/version')).body === 'second');
  await answered(port);
  await proxy.admin('/drain_listeners?inboundonly', 'POST');
  await until('inbound is closed', async () =>
    call(drained).then(
      () => false,
      () => true,
    ),
  );

  for (let death = 1; death <= 2; death++) {
    const victim = inspector.workers[0]!;
    inspector.crash(victim);
    await until('it is reported', () => deaths() === death);
    await until('a successor has started', () => inspector.workers.length === 2 && !inspector.workers.includes(victim));
  }
  const before = await proxy.stat('http.l.downstream_rq_total');
  for (let i = 0; i < 20; i++) {
    await until('it answers', async () => (await call(port, '/version')).body === 'second');
    await answered(port);
  }
  await expect.poll(() => proxy.stat('http.l.downstream_rq_total')).toBeGreaterThanOrEqual(before + 40);
  await expect(call(drained)).rejects.toThrow();

  // Both take part in what comes.
  put('rds.yaml', routes('third'));
  const agents = Array.from({ length: 8 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
  await until('everywhere', async () =>
    (await Promise.all(agents.map((agent) => call(port, '/version', agent)))).every(({ body }) => body === 'third'),
  );
  for (const agent of agents) agent.destroy();
});

test('configuration that changes while there is no worker reaches its successor', async () => {
  const cluster = (target: number) => `${staticCluster('app', target).replace('{', `{${API}.cluster.v3.Cluster, `)}`;
  put('cds.yaml', cluster(1));
  await start(
    `dynamic_resources: {cds_config: ${source('cds.yaml')}}\nstatic_resources: {listeners: [${httpListener('l', routeTo('app'))}]}`,
    1,
  );
  const port = await proxy.port('l');
  expect((await call(port)).status).toBe(503);
  inspector.crash(inspector.workers[0]!);
  await until('it is reported', () => deaths() === 1);
  put('cds.yaml', cluster(upstream.port));
  await answered(port);
  await expect.poll(() => proxy.stat('cluster_manager.cds.update_success')).toBe(2);
});

test('whoever looks at the live page goes on seeing requests', async () => {
  await start(
    `static_resources: {listeners: [${httpListener('l', routeTo('app'))}], clusters: [${staticCluster('app', upstream.port)}]}`,
    1,
  );
  const port = await proxy.port('l');
  const stream = new EventStream(proxy.adminAddress, '/api/v1/page/events');
  try {
    const edges = () =>
      stream.events.flatMap(({ event, data }) => (event === 'tick' ? (data as PageTick).edges.filter(({ rps }) => rps > 0) : []));
    await until('requests are seen', async () => (await call(port)) && edges().length > 0);
    inspector.crash(inspector.workers[0]!);
    await until('it is reported', () => deaths() === 1);
    await answered(port);
    const before = stream.events.length;
    await until('a second goes by', () => stream.events.length > before + 1);
    const seen = edges().length;
    await until('requests of the successor are seen', async () => (await call(port)) && edges().length > seen);
  } finally {
    stream.close();
  }
});
