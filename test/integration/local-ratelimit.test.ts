/** Limits of several workers: a bucket gives exactly what it holds, whichever worker is asked. */
import { createConnection } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Client } from '../support/listener-rig.ts';
import { ADMIN, ProxyProcess } from '../support/proxy.ts';

let proxy: ProxyProcess;
let clients: Client[] = [];

afterEach(async () => {
  for (const client of clients) client.socket.destroy();
  clients = [];
  await proxy.stop();
});

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';
const ON = 'filter_enabled: {default_value: {numerator: 100}}, filter_enforced: {default_value: {numerator: 100}}';
const limit = (fields: string) => `{"@type": ${TYPE}, ${ON}, ${fields}}`;

async function start(filter: string, route: string): Promise<void> {
  const hcm = `{"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: front, route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [${route}]}]}, http_filters: [{name: envoy.filters.http.local_ratelimit, typed_config: ${filter}}, {name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]}`;
  const listener = `{name: front, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{filters: [{name: hcm, typed_config: ${hcm}}]}]}`;
  proxy = await ProxyProcess.start(`${ADMIN}static_resources:\n  listeners: [${listener}]\n`, {
    args: ['--concurrency', '4', '-l', 'error'],
  });
}

/** Sends `rounds` requests on each of `connections`, and counts the answers. */
async function load(connections: number, rounds: number, request: (i: number) => string): Promise<{ passed: number; refused: number }> {
  const port = await proxy.port('front');
  const all = Array.from({ length: connections }, () => new Client(createConnection({ host: '127.0.0.1', port })));
  clients.push(...all);
  const answers = (client: Client, status: number) => client.received.split(`HTTP/1.1 ${status} `).length - 1;
  for (let round = 1; round <= rounds; round++) {
    all.forEach((client, i) => void client.send(request(i)));
    await Promise.all(all.map((client) => client.until((c) => answers(c, 200) + answers(c, 429) === round || c.closed)));
  }
  const sum = (status: number) => all.reduce((n, client) => n + answers(client, status), 0);
  return { passed: sum(200), refused: sum(429) };
}

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

describe('four workers', () => {
  test('share one bucket', async () => {
    await start(
      limit('stat_prefix: rl, token_bucket: {max_tokens: 333, fill_interval: 3600s}'),
      '{match: {prefix: /}, direct_response: {status: 200}}',
    );
    expect(await load(64, 10, () => GET)).toEqual({ passed: 333, refused: 307 });
    await expect.poll(() => proxy.stat('rl.http_local_rate_limit.ok')).toBe(333);
    await expect.poll(() => proxy.stat('rl.http_local_rate_limit.enforced')).toBe(307);
    const shares = [...(await proxy.stats('^listener\\..*worker_\\d+\\.downstream_cx_total$'))].filter(
      ([name]) => !name.startsWith('listener.admin'),
    );
    expect(shares.filter(([, value]) => value > 0).length).toBeGreaterThan(1);
  });

  test('share the buckets of values that a wildcard meets', async () => {
    const own = '[{actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]}]';
    await start(
      limit(
        `stat_prefix: rl, token_bucket: {max_tokens: 100000, fill_interval: 3600s}, rate_limits: ${own}, descriptors: [{entries: [{key: user}], token_bucket: {max_tokens: 20, fill_interval: 3600s}}]`,
      ),
      '{match: {prefix: /}, direct_response: {status: 200}}',
    );
    const result = await load(48, 10, (i) => `GET / HTTP/1.1\r\nHost: h\r\nx-user: u${i % 8}\r\n\r\n`);
    expect(result).toEqual({ passed: 160, refused: 320 });
  });
});
