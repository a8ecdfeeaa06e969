import { describe, expect, test } from 'vitest';
import { buildTableNow } from '../../src/lb/hash/build.ts';
import { HashBalancer } from '../../src/lb/hash/hash-balancer.ts';
import { type ConsistentHashSettings, findPosition } from '../../src/lb/hash/table.ts';
import type { HashHost } from '../../src/lb/hash/weights.ts';
import type { Host } from '../../src/lb/host.ts';
import { makeHostSet } from '../../src/lb/host-set.ts';
import type { BalanceContext } from '../../src/lb/load-balancer.ts';
import { xxHash64 } from '../../src/runtime/xxhash64.ts';
import { ANY, balancerDeps, host, hostSet, picks } from '../support/lb-rig.ts';

const ring = (more: Partial<ConsistentHashSettings> = {}): ConsistentHashSettings => ({
  table: { kind: 'ring', murmur: false, minSize: 1024, maxSize: 1 << 23 },
  useHostname: false,
  balanceFactor: 0,
  byLocality: false,
  ...more,
});
const maglev = (more: Partial<ConsistentHashSettings> = {}) => ring({ table: { kind: 'maglev', tableSize: 65537 }, ...more });
const keyed = (key: string, more: Partial<BalanceContext> = {}): BalanceContext => ({ ...ANY, hash: xxHash64(key), ...more });
const KEYS = Array.from({ length: 1000 }, (_, i) => 'key-' + i);

function balancer(settings: ConsistentHashSettings, hosts: readonly Host[], active: () => number = () => 0): HashBalancer {
  const made = new HashBalancer(balancerDeps(), settings, active);
  made.update([makeHostSet(0, hosts, 140)]);
  return made;
}

describe.each([
  ['ring', ring()],
  ['maglev', maglev()],
])('%s', (kind, settings) => {
  test('a key keeps its host, and most keys do when another host goes', () => {
    const hosts = Array.from({ length: 10 }, () => host());
    const all = balancer(settings, hosts);
    const before = KEYS.map((key) => all.chooseHost(keyed(key)));
    expect(KEYS.map((key) => all.chooseHost(keyed(key)))).toEqual(before);
    const fewer = balancer(settings, hosts.slice(1));
    const moved = KEYS.filter((key, i) => before[i] !== hosts[0] && fewer.chooseHost(keyed(key)) !== before[i]);
    // A ring of nine hosts has more places for each than one of ten; maglev moves a few more.
    expect(moved.length).toBeLessThan(0.12 * KEYS.length);
  });

  test('places by weight', () => {
    const hosts: HashHost[] = [1, 2, 5].map((weight, i) => ({ key: 'host' + i, usable: true, weight, locality: '', localityWeight: 0 }));
    const table = buildTableNow(hosts, settings)!;
    const places = [0, 0, 0];
    for (const owner of table.owners) places[owner]!++;
    for (const [i, share] of [1 / 8, 2 / 8, 5 / 8].entries()) expect(places[i]! / table.owners.length).toBeCloseTo(share, 2);
    expect([table.minPlaces, table.maxPlaces]).toEqual([Math.min(...places), Math.max(...places)]);
  });

  test('a retry goes to another place', () => {
    const hosts = Array.from({ length: 10 }, () => host());
    const lb = balancer(settings, hosts);
    let elsewhere = 0;
    for (const key of KEYS) {
      const first = lb.chooseHost(keyed(key));
      const second = lb.chooseHost(keyed(key, { hostSelectionRetries: 20, shouldSelectAnotherHost: (one) => one === first }));
      if (second !== first) elsewhere++;
    }
    expect(elsewhere).toBe(KEYS.length);
  });

  test('a request without a hash goes anywhere', () => {
    const hosts = Array.from({ length: 4 }, () => host());
    for (const count of picks(balancer(settings, hosts), hosts, 8000)) expect(count / 8000).toBeCloseTo(0.25, 1);
  });

  test('neither unhealthy nor degraded hosts have places; in panic all do', () => {
    const deps = balancerDeps();
    const lb = new HashBalancer(deps, settings, () => 0);
    const mixed = hostSet(0, { healthy: 6, degraded: 2, unhealthy: 2 });
    lb.update([mixed]);
    const used = new Set(KEYS.map((key) => lb.chooseHost(keyed(key))));
    expect(used).toEqual(new Set(mixed.healthy));
    const sick = hostSet(0, { healthy: 1, unhealthy: 5 });
    lb.update([sick]);
    expect(new Set(KEYS.map((key) => lb.chooseHost(keyed(key))))).toEqual(new Set(sick.hosts));
    expect(deps.stats.value('lb_healthy_panic')).toBe(KEYS.length);
  });

  test('the hash decides the priority', () => {
    const lb = new HashBalancer(balancerDeps(), settings, () => 0);
    const sets = [hostSet(0, { healthy: 5, unhealthy: 5 }), hostSet(1, { healthy: 10 })];
    lb.update(sets);
    for (const key of KEYS) {
      const hash = xxHash64(key);
      expect(lb.chooseHost(keyed(key))!, key).toSatisfy((one: Host) => sets[hash % 100n < 70n ? 0 : 1]!.hosts.includes(one));
    }
  });

  test('no hosts, no host', () => {
    const lb = new HashBalancer(balancerDeps(), settings, () => 0);
    expect(lb.chooseHost(ANY)).toBeNull();
    lb.update([makeHostSet(0, [], 140)]);
    expect(lb.chooseHost(ANY)).toBeNull();
    expect(kind).toBeOneOf(['ring', 'maglev']);
  });

  test('no host has more than its share of the load, nor is one passed over that has less', () => {
    const hosts = Array.from({ length: 5 }, () => host());
    let active = 0;
    const lb = balancer({ ...settings, balanceFactor: 120 }, hosts, () => active);
    for (let i = 0; i < 100; i++) {
      // All for the same host; the bound spreads them.
      const chosen = lb.chooseHost(keyed('hot'))!;
      const bound = Math.ceil(Math.floor(((active + 1) * 120 + 99) / 100) / 5);
      expect(chosen.rqActive).toBeLessThanOrEqual(Math.max(1, bound));
      chosen.requestStarted();
      active++;
    }
    expect(hosts.reduce((n, one) => n + one.rqActive, 0)).toBe(100);
    expect(Math.max(...hosts.map((one) => one.rqActive))).toBeLessThanOrEqual(26);
  });
});

test('on a ring the next position, wrapping around', () => {
  const hosts: HashHost[] = ['a', 'b'].map((key) => ({ key, usable: true, weight: 1, locality: '', localityWeight: 0 }));
  const table = buildTableNow(hosts, ring({ table: { kind: 'ring', murmur: false, minSize: 8, maxSize: 8 } }))!;
  const last = table.owners.length - 1;
  for (let i = 0; i <= last; i++) expect(findPosition(table, table.low[i]!, table.high[i]!, 0)).toBe(i);
  expect(findPosition(table, 0xffffffff, 0xffffffff, 0)).toBe(0);
  expect(findPosition(table, 0, 0, 0)).toBe(0);
  expect(findPosition(table, table.low[last]!, table.high[last]!, 3)).toBe(2);
});
