import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { httpListener, newFolder, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';

const folder = newFolder();
const config = join(folder, 'bootstrap.yaml');
writeFileSync(
  config,
  `static_resources: {listeners: [${httpListener('edge', routeTo('up', ', timeout: 4s'))}], clusters: [${staticCluster('up', 7001)}]}\n`,
);
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]) {
  return ProxyProcess.run(['explain', '-c', config, ...args], { folder });
}

test('prints the way of a request', async () => {
  const { code, stdout, stderr } = await run('--request', 'GET http://shop.test/cart', '-H', 'x-user: 7');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain("→ forwarded to cluster 'up', host 127.0.0.1:7001\n");
  expect(stdout).toContain('timeouts       timeout 4000 ms (route)\n');
});

test('as JSON', async () => {
  const { code, stdout } = await run('--request', 'GET http://shop.test/', '-H', 'x-user: 7', '--format', 'json');
  expect(code).toBe(0);
  const { outcome, cluster } = JSON.parse(stdout);
  expect(outcome).toEqual({ kind: 'forward', cluster: 'up', host: '127.0.0.1:7001' });
  expect(cluster.upstream_request.headers).toContainEqual(['x-user', '7']);
});

test('exit codes: 2 for a request that is none, 1 for a bad configuration', async () => {
  expect(await run('--request', 'GET ftp://shop.test/')).toMatchObject({ code: 2, stdout: '' });
  expect(await run('--request', 'GET http://a/', '--destination', 'nowhere')).toMatchObject({ code: 2 });
  const bad = join(folder, 'bad.yaml');
  writeFileSync(bad, 'static_resources: {clusters: [{nam: x}]}\n');
  const result = await ProxyProcess.run(['explain', '-c', bad, '--request', 'GET http://a/'], { folder });
  expect([result.code, result.stdout]).toEqual([1, '']);
  expect(result.stderr).toContain('did you mean "name"?');
});
