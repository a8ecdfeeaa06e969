/** weighted_clusters end to end: one in ten thousand is one in ten thousand. */
import { createConnection } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HeldUpstream } from '../support/held-upstream.ts';
import { Client } from '../support/listener-rig.ts';
import { ADMIN, httpListener, ProxyProcess, staticCluster } from '../support/proxy.ts';

const TOTAL = 10_000;
const CLIENTS = 50;

let stable: HeldUpstream;
let canary: HeldUpstream;
let proxy: ProxyProcess;

beforeAll(async () => {
  [stable, canary] = await Promise.all([HeldUpstream.start('stable'), HeldUpstream.start('canary')]);
  const split = `{header_name: x-draw, clusters: [{name: stable, weight: ${TOTAL - 1}}, {name: canary, weight: 1}]}`;
  const routes = `[{match: {prefix: /}, route: {weighted_clusters: ${split}}}]`;
  const clusters = `[${staticCluster('stable', stable.port)}, ${staticCluster('canary', canary.port)}]`;
  proxy = await ProxyProcess.start(`${ADMIN}static_resources: {listeners: [${httpListener('front', routes)}], clusters: ${clusters}}\n`, {
    args: ['-l', 'error'],
  });
});
afterAll(async () => {
  stable.stop();
  canary.stop();
  await proxy.stop();
});

test('of all draws exactly one goes to the entry with weight 1', async () => {
  const port = await proxy.port('front');
  const each = TOTAL / CLIENTS;
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      const connection = new Client(createConnection({ host: '127.0.0.1', port, noDelay: true }));
      for (let i = 0; i < each; i++) {
        connection.received = '';
        connection.send(`GET / HTTP/1.1\r\nhost: h\r\nx-draw: ${client * each + i}\r\n\r\n`);
        await connection.until((c) => c.closed || /(stable|canary)$/.test(c.received));
        expect(connection.received.split(' ', 2)[1]).toBe('200');
      }
      connection.socket.destroy();
    }),
  );
  expect([stable.requests, canary.requests]).toEqual([TOTAL - 1, 1]);
  await expect.poll(() => proxy.stat('cluster.canary.upstream_rq_total')).toBe(1);
}, 240_000);
