/** RING_HASH and MAGLEV send 2,000 keys to the same hosts as the real Envoy, whatever the weights, the hash function and what is hashed for a host. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { xxHash64 } from '../../src/runtime/xxhash64.ts';
import { findOutrider } from '../support/outrider.ts';
import { freePort } from '../support/ports.ts';
import { requireTool } from '../support/tool.ts';
import { ProxyUnderTest } from './harness/proxy-under-test.ts';

/** The first six setups are the promise; the others are about single settings. */
const KEYS = 2000;
const FEWER_KEYS = 400;
const FULL = new Set(['ring', 'ring-weighted', 'ring-murmur', 'ring-murmur-weighted', 'maglev', 'maglev-weighted']);
const envoy = requireTool('envoy');

interface Setup {
  readonly lb: object;
  /** Of each host; 1. */
  readonly weights?: readonly number[];
  /** Of each locality; hosts are dealt out to them in turn. */
  readonly localityWeights?: readonly number[];
  readonly sick?: readonly number[];
  readonly hashKeys?: boolean;
  readonly hosts?: number;
}

const typed = (name: string, message: string, config: object) => ({
  load_balancing_policy: {
    policies: [
      {
        typed_extension_config: {
          name: `envoy.load_balancing_policies.${name}`,
          typed_config: { '@type': `type.googleapis.com/envoy.extensions.load_balancing_policies.${name}.v3.${message}`, ...config },
        },
      },
    ],
  },
});
const MIXED = [1, 5, 2, 7, 3, 1, 1, 4, 9, 2];

const SETUPS: Readonly<Record<string, Setup>> = {
  ring: { lb: { lb_policy: 'RING_HASH' } },
  'ring-weighted': { lb: { lb_policy: 'RING_HASH' }, weights: MIXED },
  'ring-murmur': { lb: { lb_policy: 'RING_HASH', ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2' } } },
  'ring-murmur-weighted': { lb: { lb_policy: 'RING_HASH', ring_hash_lb_config: { hash_function: 'MURMUR_HASH_2' } }, weights: MIXED },
  'ring-small': { lb: { lb_policy: 'RING_HASH', ring_hash_lb_config: { minimum_ring_size: 7, maximum_ring_size: 9 } }, weights: MIXED },
  'ring-large': { lb: typed('ring_hash', 'RingHash', { minimum_ring_size: 100000 }) },
  'ring-hostname': {
    lb: typed('ring_hash', 'RingHash', {
      hash_function: 'MURMUR_HASH_2',
      consistent_hashing_lb_config: { use_hostname_for_hashing: true },
    }),
  },
  'ring-metadata': { lb: { lb_policy: 'RING_HASH' }, hashKeys: true },
  'ring-localities': {
    lb: { lb_policy: 'RING_HASH', common_lb_config: { locality_weighted_lb_config: {} } },
    localityWeights: [3, 5, 0],
    weights: MIXED,
  },
  'ring-sick': { lb: { lb_policy: 'RING_HASH' }, sick: [2, 5] },
  'ring-panic': { lb: { lb_policy: 'RING_HASH' }, sick: [0, 1, 2, 3, 4, 5] },
  'ring-many': { lb: { lb_policy: 'RING_HASH' }, hosts: 200 },
  maglev: { lb: { lb_policy: 'MAGLEV' } },
  'maglev-weighted': { lb: { lb_policy: 'MAGLEV' }, weights: MIXED },
  'maglev-small': { lb: { lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 101 } }, weights: MIXED },
  'maglev-hostname': {
    lb: { lb_policy: 'MAGLEV', common_lb_config: { consistent_hashing_lb_config: { use_hostname_for_hashing: true } } },
    weights: MIXED,
  },
  'maglev-metadata': { lb: typed('maglev', 'Maglev', { table_size: 5003 }), hashKeys: true },
  'maglev-localities': { lb: typed('maglev', 'Maglev', { locality_weighted_lb_config: {} }), localityWeights: [3, 5, 0], weights: MIXED },
  'maglev-sick': { lb: { lb_policy: 'MAGLEV' }, sick: [2, 5], weights: MIXED },
  'maglev-many': { lb: { lb_policy: 'MAGLEV' }, hosts: 200 },
};

describe.skipIf(envoy === null)('consistent hashing, compared with Envoy', () => {
  const directory = mkdtempSync(join(tmpdir(), 'hash-'));
  const upstream = http.createServer((request, response) => {
    response.setHeader('x-host', request.socket.localAddress ?? '');
    response.end();
  });
  const proxies: ProxyUnderTest[] = [];
  const ports: number[] = [];

  beforeAll(async () => {
    await new Promise<void>((resolve) => void upstream.listen(0, '0.0.0.0', resolve));
    const port = (upstream.address() as AddressInfo).port;
    for (const binary of [envoy as string, findOutrider()]) {
      const listener = await freePort();
      const admin = await freePort();
      const file = join(directory, `${ports.length}.json`);
      writeFileSync(file, JSON.stringify(bootstrap(listener, admin, port)));
      proxies.push(await ProxyUnderTest.start(binary, file, admin));
      ports.push(listener);
    }
  }, 300_000);

  afterAll(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    upstream.close();
    rmSync(directory, { recursive: true });
  });

  test.each(Object.keys(SETUPS))('%s: every key to the same host', async (name) => {
    const [theirs, ours] = await Promise.all(ports.map((port) => hostsOf(port, name, FULL.has(name) ? KEYS : FEWER_KEYS)));
    expect(new Set(theirs).size).toBeGreaterThan(2);
    expect(theirs).toHaveLength(FULL.has(name) ? KEYS : FEWER_KEYS);
    expect(ours).toEqual(theirs);
  });

  test.each([
    ['session', '; HttpOnly'],
    ['hour', '; Max-Age=3600; Path=/hour; HttpOnly'],
    ['attributes', '; Max-Age=5; Path=/; SameSite=Strict; Secure; HttpOnly'],
    ['two', '; Max-Age=1; HttpOnly', '; Max-Age=2; HttpOnly'],
    ['unhashed'],
    ['dead'],
  ])('a cookie is made of both addresses: %s', async (path, ...suffixes) => {
    for (const port of ports) {
      const { cookies, value } = await cookiesOf(port, `/cookie/${path}`);
      expect(cookies).toEqual(suffixes.map((suffix, i) => `${suffixes.length > 1 ? ['one', 'two'][i] : 'sid'}="${value}"${suffix}`));
    }
  });

  test('the gauges of all tables', async () => {
    const lines = async (proxy: ProxyUnderTest): Promise<string[]> =>
      (await proxy.admin('/stats?filter=ring_hash_lb|maglev_lb')).body
        .split('\n')
        .filter((line) => line !== '')
        .sort();
    const [theirs, ours] = await Promise.all(proxies.map(lines));
    expect(theirs).toContain('cluster.ring.ring_hash_lb.size: 1030');
    expect(ours).toEqual(theirs);
  });
});

/** The host that answered each of the keys, all sent over one connection. */
async function hostsOf(port: number, cluster: string, keys: number): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  let requests = '';
  for (let key = 0; key < keys; key++) requests += `GET /${cluster} HTTP/1.1\r\nhost: h\r\nx-key: user-${key}\r\n\r\n`;
  socket.write(requests);
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.split('x-host: ').length > keys && text.endsWith('\r\n\r\n')) break;
  }
  return [...text.matchAll(/x-host: (\S+)/g)].map((match) => match[1]!);
}

/** What set-cookie says, and the value that it should have. */
async function cookiesOf(port: number, path: string): Promise<{ cookies: string[]; value: string }> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET ${path} HTTP/1.1\r\nhost: h\r\n\r\n`);
  const text = await new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(String(chunk))));
  const value = xxHash64(`127.0.0.1:${socket.localPort}127.0.0.1:${port}`).toString(16).padStart(16, '0');
  socket.destroy();
  return { cookies: [...text.matchAll(/set-cookie: (.*)\r/g)].map((match) => match[1]!), value };
}

/** Routes whose clients get cookies. */
const COOKIE_ROUTES = [
  ['session', 'ring', { name: 'sid', ttl: '0s' }],
  ['hour', 'ring', { name: 'sid', ttl: '3600s', path: '/hour' }],
  ['attributes', 'ring', { name: 'sid', ttl: '5.9s', path: '/', attributes: [{ name: 'SameSite', value: 'Strict' }, { name: 'Secure' }] }],
  ['two', 'ring', { name: 'one', ttl: '1s' }, { name: 'two', ttl: '2s' }],
  ['unhashed', 'unhashed', { name: 'sid', ttl: '1s' }],
  ['dead', 'dead', { name: 'sid', ttl: '1s' }],
] as const;

function bootstrap(listener: number, admin: number, upstream: number): object {
  const names = Object.keys(SETUPS);
  const hash = [{ header: { header_name: 'x-key' } }];
  return {
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: admin } } },
    static_resources: {
      listeners: [
        {
          name: 'main',
          address: { socket_address: { address: '127.0.0.1', port_value: listener } },
          filter_chains: [
            {
              filters: [
                {
                  name: 'envoy.filters.network.http_connection_manager',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                    stat_prefix: 'ingress',
                    route_config: {
                      virtual_hosts: [
                        {
                          name: 'all',
                          domains: ['*'],
                          routes: [
                            ...names.map((name) => ({ match: { path: `/${name}` }, route: { cluster: name, hash_policy: hash } })),
                            ...COOKIE_ROUTES.map(([path, cluster, ...cookies]) => ({
                              match: { path: `/cookie/${path}` },
                              route: { cluster, hash_policy: cookies.map((cookie) => ({ cookie })) },
                            })),
                          ],
                        },
                      ],
                    },
                    http_filters: [
                      {
                        name: 'envoy.filters.http.router',
                        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
                      },
                    ],
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        ...names.map((name) => cluster(name, SETUPS[name]!, upstream)),
        cluster('unhashed', { lb: {} }, upstream),
        cluster('dead', { lb: { lb_policy: 'RING_HASH' } }, 1),
      ],
    },
  };
}

function cluster(name: string, setup: Setup, port: number): object {
  const weights = setup.localityWeights ?? [0];
  const localities = weights.map((weight, l) => ({
    locality: { region: `r${weights.length - l}` },
    ...(weight > 0 ? { load_balancing_weight: weight } : {}),
    lb_endpoints: Array.from({ length: setup.hosts ?? 10 }, (_, h) => h)
      .filter((h) => h % weights.length === l)
      .map((h) => ({
        health_status: setup.sick?.includes(h) ? 'UNHEALTHY' : 'HEALTHY',
        load_balancing_weight: setup.weights?.[h] ?? 1,
        metadata: setup.hashKeys ? { filter_metadata: { 'envoy.lb': { hash_key: `key-${(h * 7) % 10}` } } } : {},
        endpoint: { hostname: `host-${h}.test`, address: { socket_address: { address: `127.1.0.${250 - h}`, port_value: port } } },
      })),
  }));
  // Only there Envoy hashes host names.
  return {
    name,
    type: name.includes('hostname') ? 'STRICT_DNS' : 'STATIC',
    ...setup.lb,
    load_assignment: { cluster_name: name, endpoints: localities },
  };
}
