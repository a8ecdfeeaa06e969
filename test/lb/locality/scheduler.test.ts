import { describe, expect, test } from 'vitest';
import type { Host } from '../../../src/lb/host.ts';
import { makeHostSet } from '../../../src/lb/host-set.ts';
import { DEFAULT_LOCALITY_POLICY } from '../../../src/lb/locality/policy.ts';
import { RandomBalancer } from '../../../src/lb/random.ts';
import { RoundRobinBalancer } from '../../../src/lb/round-robin.ts';
import { ANY, balancerDeps, type HostKind, host } from '../../support/lb-rig.ts';

const WEIGHTED = { locality: { ...DEFAULT_LOCALITY_POLICY, weighted: true } };

function zone(name: string, weight: number, counts: Partial<Record<HostKind, number>>, hostWeight = 1): Host[] {
  return Object.entries(counts).flatMap(([kind, n]) =>
    Array.from({ length: n }, () => {
      const made = host(hostWeight, kind as HostKind);
      made.locality = { region: '', zone: name, subZone: '' };
      made.localityWeight = weight;
      return made;
    }),
  );
}

function shares(hosts: Host[], n: number, overprovisioningFactor = 140): Record<string, number> {
  const balancer = new RoundRobinBalancer(balancerDeps(WEIGHTED));
  balancer.update([makeHostSet(0, hosts, overprovisioningFactor, { weightedPriorityHealth: false, byLocality: true, local: null })]);
  const counts: Record<string, number> = {};
  for (let i = 0; i < n; i++) {
    const name = balancer.chooseHost(ANY)!.locality.zone;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describe('locality-weighted balancing', () => {
  // Envoy's table: locality X with weight 1 at different health, Y with weight 2 all healthy.
  test.each([
    [100, 33, 67],
    [70, 33, 67],
    [69, 32, 68],
    [50, 26, 74],
    [25, 15, 85],
    [0, 0, 100],
  ])('X with %d of 100 healthy: %d to %d', (healthy, x, y) => {
    const n = 1_000_000;
    const counts = shares([...zone('x', 1, { healthy, unhealthy: 100 - healthy }), ...zone('y', 2, { healthy: 100 })], n);
    const effective = Math.min(1, (1.4 * healthy) / 100);
    expect(Math.abs((counts['x'] ?? 0) / n - effective / (effective + 2))).toBeLessThan(1e-5);
    // The table says whole percents, cut off or rounded.
    expect(Math.abs(((counts['x'] ?? 0) / n) * 100 - x)).toBeLessThan(1);
    expect(Math.abs((counts['y']! / n) * 100 - y)).toBeLessThan(1);
  });

  test('no weight, no traffic', () => {
    expect(shares([...zone('x', 0, { healthy: 2 }), ...zone('y', 1, { healthy: 1 })], 100)).toEqual({ y: 100 });
  });

  test('without any weight localities do not matter', () => {
    expect(shares([...zone('x', 0, { healthy: 3 }), ...zone('y', 0, { healthy: 1 })], 400)).toEqual({ x: 300, y: 100 });
  });

  test('the turns are exact', () => {
    const counts = shares([...zone('x', 1, { healthy: 5 }), ...zone('y', 3, { healthy: 1 })], 4000);
    expect(counts).toEqual({ x: 1000, y: 3000 });
  });

  test('degraded hosts have turns of their own', () => {
    const hosts = [...zone('x', 1, { degraded: 2 }), ...zone('y', 3, { degraded: 2 })];
    expect(shares(hosts, 400)).toEqual({ x: 100, y: 300 });
  });

  test('in panic localities do not matter', () => {
    const deps = balancerDeps(WEIGHTED);
    const balancer = new RandomBalancer(deps);
    const hosts = [...zone('x', 1, { unhealthy: 5 }), ...zone('y', 100, { unhealthy: 5 })];
    balancer.update([makeHostSet(0, hosts, 140, { weightedPriorityHealth: false, byLocality: true, local: null })]);
    let x = 0;
    for (let i = 0; i < 1000; i++) if (balancer.chooseHost(ANY)!.locality.zone === 'x') x++;
    expect(x / 1000).toBeCloseTo(0.5, 1);
    expect(deps.stats.value('lb_healthy_panic')).toBe(1000);
  });

  test('weights of hosts count inside their locality', () => {
    const hosts = [...zone('x', 1, { healthy: 1 }, 3), ...zone('x', 1, { healthy: 1 }, 1), ...zone('y', 1, { healthy: 1 })];
    const balancer = new RoundRobinBalancer(balancerDeps(WEIGHTED));
    balancer.update([makeHostSet(0, hosts, 140, { weightedPriorityHealth: false, byLocality: true, local: null })]);
    const counts = hosts.map(() => 0);
    for (let i = 0; i < 800; i++) counts[hosts.indexOf(balancer.chooseHost(ANY)!)]!++;
    expect(counts).toEqual([300, 100, 400]);
  });
});
