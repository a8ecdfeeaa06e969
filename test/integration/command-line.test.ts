/** Starting: what the command line accepts and refuses, exit codes, and what a client meets while the proxy is not ready yet. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accepts, call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { ADMIN, hcm, httpListener, newFolder, ProxyProcess } from '../support/proxy.ts';

const HELLO = '[{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hello}}}]';
const LISTENER = httpListener('l', HELLO);
const ROUTES_TYPE = '"@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration';

let folder: string;

beforeAll(() => {
  folder = newFolder();
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('exit codes', () => {
  test('2 for a flag that is unknown, a value that is none, no configuration at all', async () => {
    expect(await ProxyProcess.run(['--nonsense'])).toMatchObject({ code: 2, stderr: "error: unknown option '--nonsense'\n" });
    expect(await ProxyProcess.run(['--concurrency', 'many', '-c', 'x.yaml'])).toMatchObject({ code: 2 });
    expect(await ProxyProcess.run([])).toMatchObject({ code: 2 });
  });

  test('1 for a configuration with errors: every one is printed, nothing is started', async () => {
    const access = join(folder, 'never.log');
    const path = file(
      'bad.yaml',
      [
        ADMIN.trim(),
        'static_resources:',
        '  clusters:',
        '  - {name: a, type: STATIC, lb_polcy: RANDOM}',
        '  - {name: a, typ: STATIC}',
        '  listeners:',
        `  - ${httpListener('l', '[{match: {prefix: /}, route: {cluster: nowhere}}]')}`,
      ].join('\n'),
    );
    const { code, stdout, stderr } = await ProxyProcess.run(['-c', path, '--admin-address-path', access]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(`${path}:4:29: static_resources.clusters[0].lb_polcy: unknown field; did you mean "lb_policy"?`);
    expect(stderr).toContain(`${path}:5:15: static_resources.clusters[1].typ: unknown field; did you mean "type"?`);
    expect(() => readFileSync(access)).toThrow('ENOENT');
  });

  test('1 for a file that is not there', async () => {
    const { code, stderr } = await ProxyProcess.run(['-c', join(folder, 'nowhere.yaml')]);
    expect(code).toBe(1);
    expect(stderr).toContain('nowhere.yaml');
  });

  test('1 for a port that is in use, with its address and name; nothing is left running', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    const { port } = await until('a port is taken', () => holder.address() as AddressInfo | null);
    const taken = LISTENER.replace('port_value: 0', `port_value: ${port}`);
    const path = file('taken.yaml', `${ADMIN}static_resources: {listeners: [${LISTENER.replace('name: l', 'name: free')}, ${taken}]}`);
    const { code, stderr } = await ProxyProcess.run(['-c', path, '-l', 'error']);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`outrider: listener 'l': cannot bind '127.0.0.1:${port}': .*in use`));
    const admin = file('admin.yaml', `admin: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}`);
    const second = await ProxyProcess.run(['-c', admin, '-l', 'error']);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(String(port));
    holder.close();
  });
});

test('Envoy’s flags without meaning here are accepted, and said once at debug level', async () => {
  const path = file('plain.yaml', ADMIN);
  const flags =
    '--base-id 5 --restart-epoch 0 --disable-hot-restart --parent-shutdown-time-s 3 --bootstrap-version 3 --cpuset-threads --log-format-escaped --stats-tag a:b --enable-core-dump --socket-path @envoy --use-dynamic-base-id --skip-hot-restart-on-no-parent --enable-fine-grain-logging --disable-extensions x';
  const meant =
    '--log-format %v --service-node n --service-cluster c --service-zone z --drain-time-s 4 --drain-strategy immediate --local-address-ip-version v6 --file-flush-interval-msec 10 --reject-unknown-dynamic-fields --component-log-level upstream:debug --strict-http1';
  const { code, stderr } = await ProxyProcess.run([
    '-c',
    path,
    '--mode',
    'init_only',
    '-l',
    'debug',
    ...flags.split(' '),
    ...meant.split(' '),
  ]);
  expect(code).toBe(0);
  const lines = stderr.split('\n');
  for (const flag of flags.split(' ').filter((word) => word.startsWith('--'))) {
    expect(lines.filter((line) => line.startsWith(`${flag} is accepted`))).toHaveLength(1);
  }
});

test('--mode validate checks and does not open anything', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  const { port } = await until('a port is taken', () => holder.address() as AddressInfo | null);
  const path = file('valid.yaml', `static_resources: {listeners: [${LISTENER.replace('port_value: 0', `port_value: ${port}`)}]}`);
  expect(await ProxyProcess.run(['-c', path, '--mode', 'validate'])).toMatchObject({ code: 0, stdout: `configuration '${path}' OK\n` });
  expect(await ProxyProcess.run(['-c', path, '--mode', 'init_only', '-l', 'off'])).toMatchObject({ code: 1 });
  holder.close();
  expect(await ProxyProcess.run(['-c', path, '--mode', 'init_only', '-l', 'error'])).toMatchObject({ code: 0 });
});

test('--config-yaml is merged over the file; --admin-address-path tells where to look', async () => {
  const proxy = await ProxyProcess.start(`${ADMIN}node: {id: file, cluster: file}\nstatic_resources: {listeners: [${LISTENER}]}`, {
    args: ['--config-yaml', `{node: {id: text}, static_resources: {clusters: [{name: more, type: STATIC}]}}`],
  });
  try {
    expect(proxy.adminAddress).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(JSON.parse((await proxy.admin('/server_info')).body)).toMatchObject({ node: { id: 'text', cluster: 'file' } });
    expect((await proxy.admin('/clusters')).body).toContain('more::');
    expect((await call(await proxy.port('l'))).body).toBe('hello');
  } finally {
    await proxy.stop();
  }
});

describe('while it is not ready', () => {
  test('connections wait for routes that are still to come, and so does `outrider wait`', async () => {
    const rds = join(folder, 'late.yaml');
    const dynamic = `{name: l, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [${hcm(
      `stat_prefix: l, rds: {route_config_name: late, config_source: {path_config_source: {path: "${rds}"}}}`,
    )}]}]}`;
    const proxy = await ProxyProcess.start(`${ADMIN}static_resources: {listeners: [${dynamic}]}`, { notReady: true });
    try {
      await until('it waits for its routes', async () => (await proxy.admin('/init_dump')).body.includes('dynamic resources'));
      expect(await proxy.admin('/ready')).toMatchObject({ status: 503, body: 'INITIALIZING\n' });
      const early = call(await proxy.port('l'));
      expect(await ProxyProcess.run(['wait', '--timeout', '100ms', '--admin', proxy.adminAddress])).toMatchObject({ code: 1 });
      const waiting = ProxyProcess.run(['wait', '--timeout', '60s', '--admin', proxy.adminAddress]);
      writeFileSync(rds, `resources: [{${ROUTES_TYPE}, name: late, virtual_hosts: [{name: all, domains: ["*"], routes: ${HELLO}}]}]`);
      expect(await early).toMatchObject({ status: 200, body: 'hello' });
      expect(await waiting).toMatchObject({ code: 0 });
      expect(await proxy.admin('/ready')).toMatchObject({ status: 200, body: 'LIVE\n' });
    } finally {
      await proxy.stop();
    }
  });

  test('after initial_fetch_timeout it serves without them', async () => {
    const source = `{initial_fetch_timeout: 0.2s, path_config_source: {path: "${join(folder, 'never.yaml')}"}}`;
    const proxy = await ProxyProcess.start(
      `${ADMIN}dynamic_resources: {lds_config: ${source}}\nstatic_resources: {listeners: [${LISTENER}]}`,
    );
    try {
      expect((await call(await proxy.port('l'))).body).toBe('hello');
      await expect.poll(() => proxy.stat('listener_manager.lds.init_fetch_timeout')).toBe(1);
    } finally {
      await proxy.stop();
    }
  });

  test('SIGTERM ends it at once, with 0', async () => {
    const source = `{path_config_source: {path: "${join(folder, 'never.yaml')}"}}`;
    const proxy = await ProxyProcess.start(
      `${ADMIN}dynamic_resources: {lds_config: ${source}}\nstatic_resources: {listeners: [${LISTENER}]}`,
      {
        notReady: true,
      },
    );
    try {
      const port = await proxy.port('l');
      proxy.kill('SIGTERM');
      expect(await proxy.exited).toBe(0);
      expect(await accepts(port)).toBe(false);
    } finally {
      await proxy.stop();
    }
  });

  test('`outrider wait` gives up where there is nothing', async () => {
    const { code, stderr } = await ProxyProcess.run(['wait', '--timeout', '200ms', '--admin', '127.0.0.1:1']);
    expect(code).toBe(1);
    expect(stderr).toContain('127.0.0.1:1 is not ready after 0.2 s');
  });
});
