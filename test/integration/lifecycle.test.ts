/** How the process ends: what is in flight is finished, what comes in is refused, and the application's own calls work to the last. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HeldUpstream } from '../support/held-upstream.ts';
import { accepts, call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { ADMIN, hcm, newFolder, type ProxyOptions, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';

let upstream: HeldUpstream;
let proxy: ProxyProcess;
let agents: http.Agent[];

beforeEach(async () => {
  upstream = await HeldUpstream.start();
  agents = [];
});

afterEach(async () => {
  for (const agent of agents) agent.destroy();
  upstream.stop();
  await proxy.stop();
});

function keepAlive(): http.Agent {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  agents.push(agent);
  return agent;
}

async function start(options: ProxyOptions = {}): Promise<{ inbound: number; edge: number; outbound: number }> {
  const folder = newFolder();
  const log = `access_log: [{name: envoy.access_loggers.file, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: "${join(folder, 'access.log')}", log_format: {text_format_source: {inline_string: "%RESPONSE_CODE% %REQ(:PATH)%\\n"}}}}]`;
  const listener = (name: string, direction: string) =>
    `{name: ${name}, ${direction}address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [${hcm(
      `stat_prefix: ${name}, drain_timeout: 0.2s, ${log}, route_config: {name: ${name}, virtual_hosts: [{name: all, domains: ["*"], routes: ${routeTo('app', ', timeout: 0s')}}]}`,
    )}]}]}`;
  proxy = await ProxyProcess.start(
    `${ADMIN}static_resources: {listeners: [${listener('inbound', 'traffic_direction: INBOUND, ')}, ${listener('edge', '')}, ${listener(
      'outbound',
      'traffic_direction: OUTBOUND, ',
    )}], clusters: [${staticCluster('app', upstream.port)}]}`,
    { folder, ...options },
  );
  const ports = await proxy.ports();
  return { inbound: ports.get('inbound')!, edge: ports.get('edge')!, outbound: ports.get('outbound')! };
}

function accessLog(): string[] {
  return readFileSync(join(proxy.folder, 'access.log'), 'utf8').trimEnd().split('\n');
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('100 requests in flight are finished, inbound closes, outbound works until the application is gone', async () => {
    const { inbound, edge, outbound } = await start({ args: ['--concurrency', '2'] });
    const application = keepAlive();
    expect((await call(outbound, '/before', application)).status).toBe(200);
    const answers = Promise.all(Array.from({ length: 100 }, (_, i) => call(i % 2 === 0 ? inbound : edge, `/hold/${i}`, keepAlive())));
    await until('all are in flight', () => upstream.held === 100);

    proxy.kill(signal);
    await until('not ready', async () => (await proxy.admin('/ready')).status === 503);
    expect((await proxy.admin('/ready')).body).toBe('DRAINING\n');
    await until('inbound is closed', async () => !(await accepts(inbound)));
    await until('edge is closed', async () => !(await accepts(edge)));

    // Outbound: the connection that is there, and new ones.
    const kept = await call(outbound, '/during', application);
    expect([kept.status, kept.headers.connection]).toEqual([200, undefined]);
    expect((await call(outbound, '/during', false)).status).toBe(200);

    upstream.letGo();
    const all = await answers;
    expect(all.map((answer) => answer.status)).toEqual(all.map(() => 200));
    expect(all.filter((answer) => answer.headers.connection !== 'close')).toEqual([]);

    // The application still has its connection: the proxy waits for it.
    expect((await call(outbound, '/last', application)).status).toBe(200);
    expect(proxy.running).toBe(true);
    application.destroy();
    expect(await proxy.exited).toBe(0);
    expect(accessLog().filter((line) => line.startsWith('200 /hold'))).toHaveLength(100);
    expect(accessLog().filter((line) => !line.startsWith('200 /hold'))).toEqual(['200 /before', '200 /during', '200 /during', '200 /last']);
  });

  test('with nothing in flight it ends at once', async () => {
    await start({ args: ['--termination-grace-s', '600'] });
    proxy.kill(signal);
    expect(await proxy.exited).toBe(0);
  });
});

test('connections that idle are closed when they stay idle, and served when they do not', async () => {
  const { edge } = await start({ args: ['--termination-grace-s', '600'] });
  const idle = keepAlive();
  const busy = keepAlive();
  await call(edge, '/', idle);
  const last = call(edge, '/hold', busy);
  await until('it is in flight', () => upstream.held === 1);
  proxy.kill('SIGTERM');
  await until('edge is closed', async () => !(await accepts(edge)));
  upstream.letGo();
  expect((await last).headers.connection).toBe('close');
  expect(await proxy.exited).toBe(0);
});

test('after the grace it ends with what is in flight, and logs it', async () => {
  const { edge, outbound } = await start({ args: ['--termination-grace-s', '1'] });
  const cut = Promise.allSettled([call(edge, '/hold/edge'), call(outbound, '/hold/outbound')]);
  await until('both are in flight', () => upstream.held === 2);
  proxy.kill('SIGTERM');
  expect(await proxy.exited).toBe(0);
  expect((await cut).map((one) => one.status)).toEqual(['rejected', 'rejected']);
  expect(accessLog().sort()).toEqual(['0 /hold/edge', '0 /hold/outbound']);
  expect(proxy.stderr).toContain('termination grace is over');
});

test('a second signal ends it at once', async () => {
  const { edge } = await start({ args: ['--termination-grace-s', '600'] });
  const cut = call(edge, '/hold').catch((error: Error) => error);
  await until('it is in flight', () => upstream.held === 1);
  proxy.kill('SIGTERM');
  await until('edge is closed', async () => !(await accepts(edge)));
  proxy.kill('SIGTERM');
  expect(await proxy.exited).toBe(0);
  expect(await cut).toBeInstanceOf(Error);
});

test('/quitquitquit ends it at once, with all log lines written', async () => {
  const { edge } = await start();
  for (let i = 0; i < 20; i++) await call(edge, `/${i}`);
  expect((await proxy.admin('/quitquitquit')).status).toBe(405);
  expect((await proxy.admin('/quitquitquit', 'POST')).body).toBe('OK\n');
  expect(await proxy.exited).toBe(0);
  expect(accessLog()).toHaveLength(20);
});

test('/healthcheck/fail takes it out of service and lets connections go, /healthcheck/ok brings it back', async () => {
  const { edge } = await start();
  const agent = keepAlive();
  expect((await call(edge, '/', agent)).headers.connection).toBeUndefined();
  await proxy.admin('/healthcheck/fail', 'POST');
  expect(await proxy.admin('/ready')).toMatchObject({ status: 503, body: 'DRAINING\n' });
  await until('responses say close', async () => (await call(edge, '/', agent)).headers.connection === 'close');
  expect(await accepts(edge)).toBe(true);
  await proxy.admin('/healthcheck/ok', 'POST');
  expect(await proxy.admin('/ready')).toMatchObject({ status: 200, body: 'LIVE\n' });
  await until('responses keep alive', async () => (await call(edge, '/', agent)).headers.connection === undefined);
});

describe('/drain_listeners', () => {
  test('closes every listener; connections live on', async () => {
    const { inbound, edge, outbound } = await start();
    const agent = keepAlive();
    await call(edge, '/', agent);
    expect((await proxy.admin('/drain_listeners', 'POST')).body).toBe('OK\n');
    for (const port of [inbound, edge, outbound]) await until('it is closed', async () => !(await accepts(port)));
    expect((await call(edge, '/', agent)).status).toBe(200);
    expect((await proxy.admin('/ready')).status).toBe(200);
  });

  test('inboundonly closes those of traffic direction INBOUND', async () => {
    const { inbound, edge, outbound } = await start();
    await proxy.admin('/drain_listeners?inboundonly', 'POST');
    await until('inbound is closed', async () => !(await accepts(inbound)));
    expect([await accepts(edge), await accepts(outbound)]).toEqual([true, true]);
  });

  test('graceful with skip_exit lets connections go and keeps accepting', async () => {
    const { edge } = await start({ args: ['--drain-strategy', 'immediate', '--drain-time-s', '1'] });
    const agent = keepAlive();
    await call(edge, '/', agent);
    await proxy.admin('/drain_listeners?graceful&skip_exit', 'POST');
    await until('responses say close', async () => (await call(edge, '/', agent)).headers.connection === 'close');
    await until('the drain time is over', async () => (await proxy.stat('listener_manager.total_listeners_active')) === 3);
    expect(await accepts(edge)).toBe(true);
  });

  test('graceful closes the listeners when the drain time is over', async () => {
    const { edge } = await start({ args: ['--drain-strategy', 'immediate', '--drain-time-s', '3'] });
    await proxy.admin('/drain_listeners?graceful', 'POST');
    expect(await accepts(edge)).toBe(true);
    await until('edge is closed', async () => !(await accepts(edge)));
  });
});
