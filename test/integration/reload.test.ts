/** The bootstrap file is read again, on SIGHUP and with --watch: what differs changes, what is wrong changes nothing. */
import { renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HeldUpstream } from '../support/held-upstream.ts';
import { accepts, call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { ADMIN, httpListener, newFolder, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';

let one: HeldUpstream;
let two: HeldUpstream;
let proxy: ProxyProcess;

beforeEach(async () => {
  one = await HeldUpstream.start('one');
  two = await HeldUpstream.start('two');
});

afterEach(async () => {
  await proxy.stop();
  one.stop();
  two.stop();
});

function bootstrap(listeners: readonly string[], clusters: readonly string[], more = ''): string {
  return `${ADMIN}${more}\nstatic_resources: {listeners: [${listeners.join(', ')}], clusters: [${clusters.join(', ')}]}\n`;
}

function rewrite(text: string): void {
  const next = join(proxy.folder, 'next.yaml');
  writeFileSync(next, text);
  renameSync(next, join(proxy.folder, 'bootstrap.yaml'));
}

/** Log lines with that message. */
function logged(message: string): number {
  return proxy.stderr.split(message).length - 1;
}

async function reload(text: string): Promise<void> {
  const before = logged('"configuration reloaded"');
  rewrite(text);
  proxy.kill('SIGHUP');
  await until('it is reloaded', () => logged('"configuration reloaded"') > before);
}

describe('SIGHUP', () => {
  test('what differs changes, what does not is not touched', async () => {
    const kept = httpListener('kept', '[{match: {prefix: /}, route: {cluster_header: x-cluster}}]');
    const app = staticCluster('app', one.port);
    const before = [kept, httpListener('gone', routeTo('app'))];
    proxy = await ProxyProcess.start(bootstrap(before, [app, staticCluster('old', one.port)]));
    const port = await proxy.port('kept');
    const gone = await proxy.port('gone');
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const to = (cluster: string) => call(port, '/', agent, { 'x-cluster': cluster });
    expect((await to('app')).body).toBe('one');
    expect((await to('old')).body).toBe('one');
    expect((await to('new')).status).toBe(503);

    await reload(bootstrap([kept, httpListener('added', routeTo('new'))], [app, staticCluster('new', two.port)]));
    expect((await call(await proxy.port('added'))).body).toBe('two');
    expect(await accepts(gone)).toBe(false);
    expect((await to('new')).body).toBe('two');
    await until('the old cluster is gone', async () => (await to('old')).status === 503);
    expect((await to('app')).body).toBe('one');
    // One connection from the client all the time, one to the cluster that did not change.
    await expect.poll(() => proxy.stat('http.kept.downstream_cx_total')).toBe(1);
    await expect.poll(() => proxy.stat('cluster.app.upstream_cx_total')).toBe(1);
    await expect.poll(() => proxy.stat('listener_manager.listener_removed')).toBe(1);
    await expect.poll(() => proxy.stat('cluster_manager.cluster_removed')).toBe(1);
    expect((await proxy.admin('/ready')).status).toBe(200);
    agent.destroy();
  });

  test('no request fails while routes move from one cluster to another', async () => {
    const version = (n: number) =>
      bootstrap([httpListener('l', routeTo(`v${n}`))], [staticCluster(`v${n}`, (n % 2 === 0 ? two : one).port)]);
    proxy = await ProxyProcess.start(version(0));
    const port = await proxy.port('l');
    const answers: number[] = [];
    let running = true;
    const load = Promise.all(
      [0, 1, 2, 3].map(async () => {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        while (running) answers.push((await call(port, '/', agent).catch(() => ({ status: -1 }))).status);
        agent.destroy();
      }),
    );
    for (let n = 1; n <= 5; n++) await reload(version(n));
    running = false;
    await load;
    expect(answers.length).toBeGreaterThan(20);
    expect(answers.filter((status) => status !== 200)).toEqual([]);
    expect((await call(port)).body).toBe('one');
    await until('the old clusters are gone', async () => (await proxy.stat('cluster_manager.active_clusters')) === 1);
  });

  test('what discovery files had brought goes when the bootstrap does not name them any more', async () => {
    const folder = newFolder();
    const file = (name: string, resources: readonly string[]) => {
      const path = join(folder, name);
      writeFileSync(path, `resources: [${resources.join(', ')}]\n`);
      return `{path_config_source: {path: "${path}"}}`;
    };
    const typed = (type: string, resource: string) => `{"@type": type.googleapis.com/envoy.config.${type}, ${resource.slice(1)}`;
    const lds = file('lds.yaml', [typed('listener.v3.Listener', httpListener('found', routeTo('found')))]);
    const cds = file('cds.yaml', [typed('cluster.v3.Cluster', staticCluster('found', one.port))]);
    const kept = httpListener('kept', routeTo('app'));
    const app = staticCluster('app', two.port);
    proxy = await ProxyProcess.start(bootstrap([kept], [app], `dynamic_resources: {lds_config: ${lds}, cds_config: ${cds}}\n`), { folder });
    const found = await proxy.port('found');
    expect((await call(found)).body).toBe('one');

    await reload(bootstrap([kept], [app]));
    expect(await accepts(found)).toBe(false);
    await expect.poll(() => proxy.stat('cluster_manager.active_clusters')).toBe(1);
    expect((await call(await proxy.port('kept'))).body).toBe('two');
  });

  test('a bootstrap with errors is refused and logged; the old one serves on', async () => {
    const text = bootstrap([httpListener('l', routeTo('app'))], [staticCluster('app', one.port)]);
    proxy = await ProxyProcess.start(text);
    const port = await proxy.port('l');
    rewrite(text.replace('name: app, type', 'name: app, lb_polcy: RANDOM, typ'));
    proxy.kill('SIGHUP');
    await until('it is refused', () => logged('reload refused') > 0);
    await expect.poll(() => proxy.stderr).toContain('clusters[0].lb_polcy: unknown field; did you mean \\"lb_policy\\"?');
    await expect.poll(() => proxy.stderr).toContain('clusters[0].typ: unknown field');
    expect((await call(port)).body).toBe('one');
    expect((await proxy.admin('/ready')).status).toBe(200);
    await reload(text.replaceAll(String(one.port), String(two.port)));
    expect((await call(port)).body).toBe('two');
  });

  test('runtime layers change with it; what is read only at the start is said', async () => {
    const text = bootstrap([httpListener('l', routeTo('app'))], [staticCluster('app', one.port)]);
    const layers = (value: number) => `layered_runtime: {layers: [{name: s, static_layer: {some: {key: ${value}}}}]}\n`;
    proxy = await ProxyProcess.start(layers(1) + text);
    await reload(`${layers(2)}node: {id: other}\n${text}`);
    expect(JSON.parse((await proxy.admin('/runtime')).body)).toMatchObject({ entries: { 'some.key': { final_value: '2' } } });
    await expect.poll(() => logged('node has changed: that takes effect with the next start')).toBe(1);
    expect(JSON.parse((await proxy.admin('/server_info')).body)).toMatchObject({ node: { id: '' } });
  });
});

test('--watch reloads when the file is swapped', async () => {
  const version = (port: number) => bootstrap([httpListener('l', routeTo('app'))], [staticCluster('app', port)]);
  proxy = await ProxyProcess.start(version(one.port), { args: ['--watch'] });
  const port = await proxy.port('l');
  expect((await call(port)).body).toBe('one');
  rewrite(version(two.port));
  await until('the new version', async () => (await call(port)).body === 'two');
});
