/** Listeners, clusters, routes and endpoints from files: what changed takes effect, what did not is not touched, what is bad is refused alone. */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type WebSocket, WebSocket as WebSocketClient, WebSocketServer } from 'ws';
import { HeldUpstream } from '../support/held-upstream.ts';
import { accepts, call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { ADMIN, endpoints, hcm, httpListener, newFolder, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';

const TYPE = {
  listener: 'envoy.config.listener.v3.Listener',
  cluster: 'envoy.config.cluster.v3.Cluster',
  route: 'envoy.config.route.v3.RouteConfiguration',
  endpoint: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
} as const;

let folder: string;
let proxy: ProxyProcess;
let upstreams: HeldUpstream[];

beforeEach(() => {
  folder = newFolder();
  upstreams = [];
});

afterEach(async () => {
  await proxy.stop();
  for (const upstream of upstreams) upstream.stop();
});

async function upstream(body: string): Promise<HeldUpstream> {
  const started = await HeldUpstream.start(body);
  upstreams.push(started);
  return started;
}

let writes = 0;

/** As a careful writer does: a new file, renamed over the old one. @param resources YAML flow mappings */
function put(file: string, type: keyof typeof TYPE, resources: readonly string[], version = `v${++writes}`): void {
  const typed = resources.map((resource) => `- ${resource.replace('{', `{"@type": type.googleapis.com/${TYPE[type]}, `)}\n`).join('');
  const temporary = join(folder, `.${file}.${++writes}`);
  writeFileSync(temporary, `version_info: "${version}"\nresources:\n${typed}`);
  renameSync(temporary, join(folder, file));
}

function source(file: string): string {
  return `{path_config_source: {path: "${join(folder, file)}"}}`;
}

function edsCluster(name: string, file: string): string {
  return `{name: ${name}, type: EDS, connect_timeout: 10s, eds_cluster_config: {eds_config: ${source(file)}}}`;
}

function rdsListener(name: string, routes: string, file: string): string {
  return `{name: ${name}, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [${hcm(
    `stat_prefix: ${name}, upgrade_configs: [{upgrade_type: websocket}], rds: {route_config_name: ${routes}, config_source: ${source(file)}}`,
  )}]}]}`;
}

function routes(name: string, list: string): string {
  return `{name: ${name}, virtual_hosts: [{name: all, domains: ["*"], routes: ${list}}]}`;
}

async function start(args: readonly string[] = []): Promise<void> {
  const dynamic = `${ADMIN}node: {id: test, cluster: test}\ndynamic_resources: {lds_config: ${source('lds.yaml')}, cds_config: ${source('cds.yaml')}}\n`;
  proxy = await ProxyProcess.start(dynamic, { folder, args: ['-l', 'warning', ...args] });
}

/** Waits until that many updates of the subscription have been taken in or refused. */
function updates(subscription: string, count: number): Promise<true> {
  return until(`${count} updates of ${subscription}`, async () => {
    const stats = await proxy.stats(`^${subscription.replaceAll('.', '\\.')}\\.update_(success|rejected)$`);
    return (stats.get(`${subscription}.update_success`) ?? 0) + (stats.get(`${subscription}.update_rejected`) ?? 0) >= count;
  });
}

test('listeners, clusters, routes and endpoints come from files, and follow them', async () => {
  const one = await upstream('one');
  const two = await upstream('two');
  put('eds.yaml', 'endpoint', [endpoints('app', one.port)]);
  put('cds.yaml', 'cluster', [edsCluster('app', 'eds.yaml')]);
  put('rds.yaml', 'route', [routes('r', routeTo('app'))]);
  put('lds.yaml', 'listener', [rdsListener('l', 'r', 'rds.yaml')]);
  await start();
  const port = await proxy.port('l');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  expect((await call(port, '/', agent)).body).toBe('one');

  // Endpoints.
  put('eds.yaml', 'endpoint', [endpoints('app', two.port)]);
  await until('the new endpoint', async () => (await call(port, '/', agent)).body === 'two');
  await expect.poll(() => proxy.stat('cluster.app.update_success')).toBe(2);

  // Routes, on the connection that is open.
  put('rds.yaml', 'route', [routes('r', '[{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: routed}}}]')]);
  await until('the new routes', async () => (await call(port, '/', agent)).body === 'routed');
  await expect.poll(() => proxy.stat('http.l.rds.r.update_success')).toBe(2);

  // A cluster more, and a listener for it; the first listener keeps its port and its connections.
  put('cds.yaml', 'cluster', [edsCluster('app', 'eds.yaml'), staticCluster('more', one.port)]);
  await updates('cluster_manager.cds', 2);
  put('lds.yaml', 'listener', [rdsListener('l', 'r', 'rds.yaml'), httpListener('m', routeTo('more'))]);
  expect((await call(await proxy.port('m'))).body).toBe('one');
  expect((await call(port, '/', agent)).body).toBe('routed');
  await expect.poll(() => proxy.stat('http.l.downstream_cx_total')).toBe(1);
  agent.destroy();
});

test('a ConfigMap’s swap of ..data is one update', async () => {
  const mount = join(folder, 'mount');
  const version = (name: string, text: string): void => {
    mkdirSync(join(mount, name), { recursive: true });
    writeFileSync(
      join(mount, name, 'lds.yaml'),
      `resources: [${httpListener('l', `[{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: ${text}}}}]`).replace('{', `{"@type": type.googleapis.com/${TYPE.listener}, `)}]`,
    );
    symlinkSync(name, join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
  };
  version('..2026_1', 'first');
  symlinkSync('..data/lds.yaml', join(mount, 'lds.yaml'));
  proxy = await ProxyProcess.start(
    `${ADMIN}dynamic_resources: {lds_config: {path_config_source: {path: "${join(mount, 'lds.yaml')}", watched_directory: {path: "${mount}"}}}}`,
    { folder },
  );
  const port = await proxy.port('l');
  expect((await call(port)).body).toBe('first');
  version('..2026_2', 'second');
  await until('the second version', async () => (await call(port)).body === 'second');
  await expect.poll(() => proxy.stat('listener_manager.lds.update_success')).toBe(2);
});

test('one bad cluster of 100: 99 are applied, and it is named', async () => {
  const app = await upstream('app');
  const good = (i: number) => staticCluster(`c${i}`, app.port);
  const batch = Array.from({ length: 100 }, (_, i) => (i === 57 ? '{name: c57, type: STATIC, lb_policy: MAGLEV_TYPO}' : good(i)));
  put('cds.yaml', 'cluster', [good(57)], 'the good one');
  put('lds.yaml', 'listener', [httpListener('l', '[{match: {prefix: /}, route: {cluster_header: x-cluster}}]')]);
  await start();
  put('cds.yaml', 'cluster', batch, 'with a bad one');
  await until('it is refused', async () => (await proxy.stat('cluster_manager.cds.update_rejected')) === 1);
  const port = await proxy.port('l');
  for (const i of [0, 56, 58, 99]) expect((await call(port, '/', false, { 'x-cluster': `c${i}` })).status).toBe(200);
  // What ran under the name of the bad one runs on.
  expect((await call(port, '/', false, { 'x-cluster': 'c57' })).status).toBe(200);
  await expect.poll(() => proxy.stat('cluster_manager.active_clusters')).toBe(100);
  expect((await proxy.admin('/ready')).status).toBe(200);
  const dump = JSON.parse((await proxy.admin('/config_dump')).body) as {
    configs: {
      dynamic_active_clusters?: {
        version_info: string;
        cluster: { name: string; type: string; load_assignment?: object };
        error_state?: { details: string; failed_configuration?: object };
      }[];
    }[];
  };
  const clusters = dump.configs.flatMap((section) => section.dynamic_active_clusters ?? []);
  const failed = clusters.filter((entry) => entry.error_state !== undefined);
  expect(failed).toHaveLength(1);
  expect(JSON.stringify(failed[0])).toContain('c57');
  expect(failed[0]!.error_state!.details).toContain('MAGLEV_TYPO');
  await expect.poll(() => proxy.stderr).toContain('c57');
  // What is in force stands beside what was refused, with the version that it came with.
  expect(failed[0]!.version_info).toBe('the good one');
  expect(failed[0]!.cluster).toMatchObject({ name: 'c57', load_assignment: { cluster_name: 'c57' } });
  expect(clusters.find(({ cluster }) => cluster.name === 'c56')!.version_info).toBe('with a bad one');

  put(
    'cds.yaml',
    'cluster',
    Array.from({ length: 100 }, (_, i) => good(i)),
  );
  await until('all are good', async () => (await proxy.stat('cluster_manager.cds.update_success')) === 2);
  expect((await proxy.admin('/config_dump')).body).not.toContain('error_state');
});

test('a file that cannot be read as one changes nothing', async () => {
  const app = await upstream('app');
  put('cds.yaml', 'cluster', [staticCluster('app', app.port)]);
  put('lds.yaml', 'listener', [httpListener('l', routeTo('app'))]);
  await start();
  const port = await proxy.port('l');
  writeFileSync(join(folder, '.broken'), 'resources: [{');
  renameSync(join(folder, '.broken'), join(folder, 'lds.yaml'));
  await until('it has failed', async () => (await proxy.stat('listener_manager.lds.update_failure')) > 0);
  expect((await call(port)).body).toBe('app');
  expect((await proxy.admin('/ready')).status).toBe(200);
});

test('a listener whose port is taken is refused; the others are opened', async () => {
  const app = await upstream('app');
  put('cds.yaml', 'cluster', [staticCluster('app', app.port)]);
  put('lds.yaml', 'listener', [
    httpListener('taken', routeTo('app')).replace('port_value: 0', `port_value: ${app.port}`),
    httpListener('l', routeTo('app')),
  ]);
  await start();
  expect((await call(await proxy.port('l'))).body).toBe('app');
  await expect.poll(() => proxy.stat('listener_manager.lds.update_rejected')).toBe(1);
  expect((await proxy.admin('/ready')).status).toBe(200);
});

describe('what did not change is not touched', () => {
  test('a change of one cluster leaves the connections of another alone', async () => {
    const one = await upstream('one');
    const two = await upstream('two');
    put('cds.yaml', 'cluster', [staticCluster('one', one.port), staticCluster('two', two.port)]);
    put('lds.yaml', 'listener', [httpListener('l', '[{match: {prefix: /}, route: {cluster_header: x-cluster}}]')]);
    await start();
    const port = await proxy.port('l');
    const to = (cluster: string) => call(port, '/', false, { 'x-cluster': cluster });
    await to('one');
    await to('two');
    put('cds.yaml', 'cluster', [staticCluster('one', one.port), staticCluster('two', two.port).replace('10s', '20s')]);
    await updates('cluster_manager.cds', 2);
    await to('one');
    await to('two');
    expect([one.connections, two.connections]).toEqual([1, 2]);
    await expect.poll(() => proxy.stat('cluster_manager.cluster_modified')).toBe(1);
  });

  test('a listener that is removed stops accepting and lets its connections go; the other’s live on', async () => {
    const app = await upstream('app');
    const listeners = ['gone', 'kept'].map((name) => httpListener(name, routeTo('app', ', timeout: 0s')));
    put('cds.yaml', 'cluster', [staticCluster('app', app.port)]);
    put('lds.yaml', 'listener', listeners);
    await start(['--drain-strategy', 'immediate']);
    const gone = await proxy.port('gone');
    const kept = await proxy.port('kept');
    const agents = [0, 1].map(() => new http.Agent({ keepAlive: true, maxSockets: 1 }));
    const inFlight = call(gone, '/hold', agents[0]!);
    await call(kept, '/', agents[1]!);
    await until('it is in flight', () => app.held === 1);
    put('lds.yaml', 'listener', [listeners[1]!]);
    await until('it is closed', async () => !(await accepts(gone)));
    app.letGo();
    expect(await inFlight).toMatchObject({ status: 200, headers: { connection: 'close' } });
    expect((await call(kept, '/', agents[1]!)).headers.connection).toBeUndefined();
    await expect.poll(() => proxy.stat('http.kept.downstream_cx_total')).toBe(1);
    await expect.poll(() => proxy.stat('listener_manager.listener_removed')).toBe(1);
    for (const agent of agents) agent.destroy();
  });

  test('50 pushes a second under load: no WebSocket is cut, no request fails', async () => {
    const apps = await Promise.all([upstream('a'), upstream('b')]);
    const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    sockets.on('connection', (socket: WebSocket) => socket.on('message', (message) => socket.send(String(message))));
    const webSocketPort = await until('it listens', () => (sockets.address() as { port: number } | null)?.port);
    const push = (n: number): void => {
      put('eds.yaml', 'endpoint', [endpoints('app', ...(n % 2 === 0 ? [apps[0]!.port] : [apps[0]!.port, apps[1]!.port]))]);
      put('cds.yaml', 'cluster', [
        edsCluster('app', 'eds.yaml'),
        staticCluster('ws', webSocketPort),
        staticCluster('changing', apps[n % 2]!.port),
        staticCluster(`new${n % 3}`, apps[0]!.port),
      ]);
      put('rds.yaml', 'route', [
        routes(
          'r',
          `[{match: {path: /push}, direct_response: {status: 200, body: {inline_string: "${n}"}}}, {match: {prefix: /ws}, route: {cluster: ws}}, {match: {prefix: /changing}, route: {cluster: changing}}, {match: {prefix: /}, route: {cluster: app}}]`,
        ),
      ]);
      put('lds.yaml', 'listener', [rdsListener('l', 'r', 'rds.yaml'), httpListener(`other${n % 3}`, routeTo('app'))]);
    };
    push(0);
    await start();
    const port = await proxy.port('l');
    const clients = Array.from({ length: 20 }, () => new WebSocketClient(`ws://127.0.0.1:${port}/ws`));
    let closed = 0;
    for (const client of clients) client.on('close', () => closed++).on('error', () => undefined);
    await until('all are open', () => clients.every((client) => client.readyState === WebSocketClient.OPEN));

    const answers: number[] = [];
    let pushing = true;
    const load = ['/', '/changing'].flatMap((path) =>
      [0, 1].map(async () => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        while (pushing) answers.push((await call(port, path, agent).catch((error: Error) => ({ status: -1, error }))).status);
        agent.destroy();
      }),
    );
    const PUSHES = 150;
    await new Promise<void>((resolve) => {
      let n = 0;
      const timer = setInterval(() => {
        push(++n);
        if (n < PUSHES) return;
        clearInterval(timer);
        resolve();
      }, 20);
    });
    await until('the last push is in force', async () => (await call(port, '/push')).body === String(PUSHES));
    pushing = false;
    await Promise.all(load);
    expect(answers.length).toBeGreaterThan(50);
    expect(answers.filter((status) => status !== 200)).toEqual([]);
    // They still work.
    const echoes = clients.map((client) => new Promise((resolve) => client.once('message', (message) => resolve(String(message)))));
    for (const client of clients) client.send('still there');
    expect(await Promise.all(echoes)).toEqual(clients.map(() => 'still there'));
    expect(closed).toBe(0);
    await expect.poll(() => proxy.stat('listener_manager.lds.update_rejected')).toBe(0);
    await expect.poll(() => proxy.stat('cluster_manager.cds.update_rejected')).toBe(0);
    for (const client of clients) client.terminate();
    sockets.close();
  });
});
