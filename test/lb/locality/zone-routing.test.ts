import { describe, expect, test } from 'vitest';
import type { Host } from '../../../src/lb/host.ts';
import { type HostSet, makeHostSet } from '../../../src/lb/host-set.ts';
import type { BalancerDeps } from '../../../src/lb/load-balancer.ts';
import { DEFAULT_LOCALITY_POLICY, type LocalityPolicy } from '../../../src/lb/locality/policy.ts';
import { RandomBalancer } from '../../../src/lb/random.ts';
import { ANY, balancerDeps, type HostKind, host } from '../../support/lb-rig.ts';

/** Hosts by zone, the own zone "a" among them or not: {a: 2, b: {healthy: 1, unhealthy: 1}}. */
type Zones = Record<string, number | Partial<Record<HostKind, number>>>;

const OWN = { region: '', zone: 'a', subZone: '' };

function zoneSet(zones: Zones, weight = 1): HostSet {
  const hosts: Host[] = [];
  for (const [zone, counts] of Object.entries(zones)) {
    for (const [kind, n] of Object.entries(typeof counts === 'number' ? { healthy: counts } : counts)) {
      for (let i = 0; i < n; i++) {
        const made = host(weight, kind as HostKind);
        made.locality = { region: '', zone, subZone: '' };
        hosts.push(made);
      }
    }
  }
  return makeHostSet(0, hosts, 140, { weightedPriorityHealth: false, byLocality: true, local: OWN });
}

function share(
  local: Zones,
  upstream: Zones,
  picks: number,
  policy: Partial<LocalityPolicy> = {},
  runtime: Record<string, string> = {},
  more: Partial<BalancerDeps> = {},
) {
  const set = zoneSet(upstream);
  const deps = balancerDeps(
    { locality: { ...DEFAULT_LOCALITY_POLICY, ...policy }, localCluster: { hostSet: zoneSet(local) }, ...more },
    runtime,
  );
  const balancer = new RandomBalancer(deps);
  balancer.update([set]);
  const counts: Record<string, number> = {};
  for (let i = 0; i < picks; i++) {
    const zone = balancer.chooseHost(ANY)?.locality.zone ?? 'none';
    counts[zone] = (counts[zone] ?? 0) + 1;
  }
  return { counts, stat: (name: string) => deps.stats.value(name) };
}

describe('zone-aware routing', () => {
  test('with enough upstream hosts in the own zone everything stays there', () => {
    const { counts, stat } = share({ a: 2, b: 2 }, { a: 3, b: 3 }, 1000);
    expect(counts).toEqual({ a: 1000 });
    expect([stat('lb_zone_routing_all_directly'), stat('lb_recalculate_zone_structures')]).toEqual([1000, 1]);
  });

  // Half of the proxies, a quarter of the upstream: half of what comes stays (Envoy's documentation).
  test('a million picks: the share that stays and the shares of the residual are as computed', () => {
    const n = 1_000_000;
    // Proxies 50/25/25 %, upstream 25/50/25 %: of a's traffic 5,000 in 10,000 stay, the rest goes to b, which alone has capacity to spare.
    const one = share({ a: 2, b: 1, c: 1 }, { a: 2, b: 4, c: 2 }, n);
    expect(Math.abs(one.counts['a']! / n - 0.5)).toBeLessThan(0.002);
    expect(one.counts['a']! + one.counts['b']!).toBe(n);
    expect(one.stat('lb_zone_routing_sampled')).toBe(one.counts['a']);
    expect(one.stat('lb_zone_routing_cross_zone')).toBe(one.counts['b']);
    // Envoy's example: 40/40/20 against 25/50/25; residual 0, 1000, 500 of 10,000.
    const two = share({ a: 4, b: 4, c: 2 }, { a: 25, b: 50, c: 25 }, n);
    expect(Math.abs(two.counts['a']! / n - 0.625)).toBeLessThan(0.002);
    expect(Math.abs(two.counts['b']! / n - (0.375 * 2) / 3)).toBeLessThan(0.002);
    expect(Math.abs(two.counts['c']! / n - 0.375 / 3)).toBeLessThan(0.002);
  });

  test('every upstream host gets the same load when all proxies do so', () => {
    const n = 300_000;
    const upstream = { a: 2, b: 5, c: 3 };
    const proxies = { a: 5, b: 3, c: 2 };
    const total: Record<string, number> = {};
    for (const own of ['a', 'b', 'c']) {
      // The own zone is always called "a" here.
      const swap = (zones: Record<string, number>) =>
        Object.fromEntries(Object.entries(zones).map(([z, hosts]) => [z === own ? 'a' : z === 'a' ? own : z, hosts]));
      const { counts } = share(swap(proxies), swap(upstream), n * proxies[own as 'a']);
      for (const [zone, count] of Object.entries(swap(counts))) total[zone] = (total[zone] ?? 0) + count;
    }
    const all = 10 * n;
    for (const zone of ['a', 'b', 'c'] as const) expect(Math.abs(total[zone]! / all - upstream[zone] / 10)).toBeLessThan(0.002);
  });

  test('no upstream host in the own zone: everything goes elsewhere, by spare capacity', () => {
    const { counts, stat } = share({ a: 1, b: 1 }, { b: 4, c: 4 }, 10_000);
    // b: 5000 - 5000, c: 5000 - 0.
    expect(counts).toEqual({ c: 10_000 });
    expect(stat('lb_zone_routing_cross_zone')).toBe(10_000);
  });

  test.each([
    ['too few healthy hosts', { a: 1, b: 1 }, { a: 2, b: 3 }, {}, {}, 'lb_zone_cluster_too_small', 1],
    ['no proxy in the own zone', { b: 1, c: 1 }, { a: 3, b: 3 }, {}, {}, 'lb_local_cluster_not_ok', 1],
    ['proxies in one zone only', { a: 2 }, { a: 3, b: 3 }, {}, {}, 'lb_zone_routing_all_directly', 0],
    ['one upstream zone', { a: 1, b: 1 }, { a: 6 }, {}, {}, 'lb_zone_routing_all_directly', 0],
    ['min_cluster_size', { a: 1, b: 1 }, { a: 3, b: 3 }, { minClusterSize: 7 }, {}, 'lb_zone_cluster_too_small', 1],
    [
      'min_cluster_size in the runtime',
      { a: 1, b: 1 },
      { a: 3, b: 3 },
      {},
      { 'upstream.zone_routing.min_cluster_size': '7' },
      'lb_zone_cluster_too_small',
      1,
    ],
    ['routing_enabled 0', { a: 1, b: 1 }, { a: 3, b: 3 }, { routingEnabled: 0 }, {}, 'lb_zone_routing_all_directly', 0],
    ['off in the runtime', { a: 1, b: 1 }, { a: 3, b: 3 }, {}, { 'upstream.zone_routing.enabled': '0' }, 'lb_zone_routing_all_directly', 0],
    [
      'too many proxies unhealthy',
      { a: { unhealthy: 2 }, b: { healthy: 1, unhealthy: 1 } },
      { a: 3, b: 3 },
      {},
      {},
      'lb_local_cluster_not_ok',
      600,
    ],
  ] as const)('%s: all hosts alike', (_name, local, upstream, policy, runtime, statistic, value) => {
    const { counts, stat } = share(local, upstream, 600, policy, runtime);
    const zones = Object.keys(upstream);
    for (const zone of zones) expect(counts[zone]!).toBeGreaterThan(100);
    expect(stat(statistic)).toBe(value);
  });

  test('fail_traffic_on_panic holds for the local cluster, too', () => {
    const { counts } = share({ a: { unhealthy: 2 }, b: 1 }, { a: 3, b: 3 }, 10, { failTrafficOnPanic: true });
    expect(counts).toEqual({ none: 10 });
  });

  test('routing_enabled is a share of the picks', () => {
    const { stat } = share({ a: 1, b: 1 }, { a: 3, b: 3 }, 10_000, { routingEnabled: 30 });
    expect(stat('lb_zone_routing_all_directly') / 10_000).toBeCloseTo(0.3, 1);
  });

  test('force_local_zone keeps traffic in a zone that could take less, from its minimum on', () => {
    expect(share({ a: 9, b: 1 }, { a: 2, b: 6 }, 100, { forceLocalZoneMinSize: 2 }).counts).toEqual({ a: 100 });
    // Proxies of one zone suffice then.
    expect(share({ a: 9 }, { a: 2, b: 6 }, 100, { forceLocalZoneMinSize: 2 }).counts).toEqual({ a: 100 });
    expect(share({ a: 9, b: 1 }, { a: 2, b: 6 }, 1000, { forceLocalZoneMinSize: 3 }).counts['b']).toBeGreaterThan(500);
  });

  test('no capacity left by rounding: any zone', () => {
    // Shares of 3333 in 10,000 on both sides, and none of the own zone upstream.
    const { stat, counts } = share(
      { a: { healthy: 1 }, b: 1, c: 1, d: 1 },
      { b: 3, c: 3, d: { unhealthy: 1 } },
      3000,
      {},
      {
        'upstream.zone_routing.min_cluster_size': '1',
      },
    );
    expect(counts['b']! + counts['c']!).toBe(3000);
    expect(stat('lb_zone_no_capacity_left')).toBe(0);
  });
});

describe('lists by locality', () => {
  test('the own one first, then by name, and those without any health are kept', () => {
    const set = zoneSet({ c: 1, b: { unhealthy: 1 }, a: 1 });
    expect(set.localities!.map(({ locality, healthy }) => [locality.zone, healthy.length])).toEqual([
      ['a', 1],
      ['b', 0],
      ['c', 1],
    ]);
    expect(set.hasLocalLocality).toBe(true);
    expect(zoneSet({ b: 1 }).hasLocalLocality).toBe(false);
  });
});
