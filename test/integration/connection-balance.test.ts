/** exact_balance: every worker has as many connections as the others, whatever the kernel does. */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { HeldUpstream } from '../support/held-upstream.ts';
import { until } from '../support/poll.ts';
import { ADMIN, hcm, ProxyProcess, routeTo, staticCluster } from '../support/proxy.ts';

let proxy: ProxyProcess;
let upstream: HeldUpstream;
let port = 0;
let sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  upstream.stop();
  await proxy.stop();
});

async function start(concurrency: number, listener: string): Promise<void> {
  upstream = await HeldUpstream.start();
  const manager = hcm(`stat_prefix: front, route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: ${routeTo('up')}}]}`);
  proxy = await ProxyProcess.start(
    `${ADMIN}static_resources:
  listeners: [{name: front, ${listener}, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [${manager}]}]}]
  clusters: [${staticCluster('up', upstream.port)}]\n`,
    { args: ['--concurrency', String(concurrency), '-l', 'error'] },
  );
  port = await proxy.port('front');
}

/** One request; resolves with what came when the answer is there. */
function exchange(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed')));
    socket.once('data', (data: Buffer) =>
      data.toString('latin1').startsWith('HTTP/1.1 200') ? resolve(socket) : reject(new Error(data.toString())),
    );
  });
}

async function active(): Promise<number[]> {
  const stats = await proxy.stats('^listener\\.127.*worker_\\d+\\.downstream_cx_active$');
  return [...stats.values()];
}

describe.each([
  ['each worker has a socket of its own', ''],
  ['one worker accepts for all', ', enable_reuse_port: false'],
])('%s', (_what, more) => {
  test('connections are spread evenly, again and again', async () => {
    await start(3, `connection_balance_config: {exact_balance: {}}${more}`);
    for (let i = 0; i < 30; i++) await exchange();
    expect(await active()).toEqual([10, 10, 10]);
    // Those of the first twelve leave: who has fewer now gets more.
    for (const socket of sockets.splice(0, 12)) socket.destroy();
    await until('they are gone', async () => (await active()).reduce((a, b) => a + b, 0) === 18 || undefined);
    for (let i = 0; i < 12; i++) await exchange();
    expect(await active()).toEqual([10, 10, 10]);
    await expect.poll(() => proxy.stat('server.envoy_bug_failures')).toBe(0);
  });
});

test('a connection that was handed over works as any other', async () => {
  await start(2, 'connection_balance_config: {exact_balance: {}}, enable_reuse_port: false');
  await exchange();
  const socket = await exchange();
  for (let i = 0; i < 3; i++) {
    const answer = new Promise<string>((resolve) => socket.once('data', (data: Buffer) => resolve(data.toString('latin1'))));
    socket.write('GET /again HTTP/1.1\r\nHost: h\r\n\r\n');
    expect(await answer).toMatch(/^HTTP\/1.1 200/);
  }
  socket.destroy();
  await until('its end is seen', async () => (await proxy.stat('http.front.downstream_cx_active')) === 1 || undefined);
  expect((await active()).sort()).toEqual([0, 1]);
});
