/** Who gets how much over a million picks. Bounds: five standard deviations where chance decides (one false alarm in 1.7 million), a count of one where it does not. */
import { describe, expect, test } from 'vitest';
import { buildTableNow, hashHost } from '../../src/lb/hash/build.ts';
import { HashBalancer } from '../../src/lb/hash/hash-balancer.ts';
import type { ConsistentHashSettings } from '../../src/lb/hash/table.ts';
import type { Host } from '../../src/lb/host.ts';
import { makeHostSet } from '../../src/lb/host-set.ts';
import { LeastRequestBalancer } from '../../src/lb/least-request.ts';
import type { LoadBalancer } from '../../src/lb/load-balancer.ts';
import { RandomBalancer } from '../../src/lb/random.ts';
import { RoundRobinBalancer } from '../../src/lb/round-robin.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { ANY, balancerDeps, host } from '../support/lb-rig.ts';

const PICKS = 1_000_000;
const P2C = { choiceCount: 2, activeRequestBias: 1, activeRequestBiasKey: '', fullScan: false };
const WEIGHTS = [1, 2, 3, 4, 10];

function count(balancer: LoadBalancer, hosts: readonly Host[], picks = PICKS): number[] {
  const index = new Map(hosts.map((one, i) => [one, i]));
  const counts = hosts.map(() => 0);
  for (let i = 0; i < picks; i++) counts[index.get(balancer.chooseHost(ANY)!)!]!++;
  return counts;
}

function expectDrawn(counts: readonly number[], shares: readonly number[]): void {
  for (const [i, p] of shares.entries()) {
    const deviation = Math.sqrt(PICKS * p * (1 - p));
    expect(Math.abs(counts[i]! - PICKS * p), `host ${i}: ${counts[i]} of ${PICKS * p}`).toBeLessThanOrEqual(5 * deviation);
  }
}

function expectDealt(counts: readonly number[], weights: readonly number[], tolerance = 1): void {
  const sum = weights.reduce((a, b) => a + b, 0);
  for (const [i, weight] of weights.entries()) expect(Math.abs(counts[i]! - (PICKS * weight) / sum)).toBeLessThanOrEqual(tolerance);
}

const even = (n: number) => Array.from({ length: n }, () => host());
const weighted = () => WEIGHTS.map((weight) => host(weight));

function over<B extends LoadBalancer>(balancer: B, hosts: readonly Host[]): B {
  balancer.update([makeHostSet(0, hosts, 140)]);
  return balancer;
}

describe('a million picks', () => {
  test('random', () => {
    const hosts = even(10);
    expectDrawn(
      count(over(new RandomBalancer(balancerDeps()), hosts), hosts),
      hosts.map(() => 0.1),
    );
  });

  test('round robin', () => {
    const hosts = even(7);
    expectDealt(
      count(over(new RoundRobinBalancer(balancerDeps()), hosts), hosts),
      hosts.map(() => 1),
    );
  });

  test('round robin by weight', () => {
    const hosts = weighted();
    expectDealt(count(over(new RoundRobinBalancer(balancerDeps()), hosts), hosts), WEIGHTS);
  });

  test('least request, all idle', () => {
    const hosts = even(10);
    expectDrawn(
      count(over(new LeastRequestBalancer(balancerDeps(), P2C), hosts), hosts),
      hosts.map(() => 0.1),
    );
  });

  test('least request with a busy host: it is left only when it is drawn twice', () => {
    const hosts = even(10);
    hosts[0]!.requestStarted();
    const rest = (1 - 1 / 100) / 9;
    expectDrawn(count(over(new LeastRequestBalancer(balancerDeps(), P2C), hosts), hosts), [1 / 100, ...hosts.slice(1).map(() => rest)]);
  });

  test('least request by weight', () => {
    const hosts = weighted();
    expectDealt(count(over(new LeastRequestBalancer(balancerDeps(), P2C), hosts), hosts), WEIGHTS);
  });

  const settings = (table: ConsistentHashSettings['table']): ConsistentHashSettings => ({
    table,
    useHostname: false,
    balanceFactor: 0,
    byLocality: false,
  });

  test('ring hash: as long as the arcs that end at its places', () => {
    const hosts = weighted();
    const ring = settings({ kind: 'ring', murmur: false, minSize: 1024, maxSize: 1 << 23 });
    const table = buildTableNow(
      hosts.map((one) => hashHost(one, false, ring)),
      ring,
    )!;
    const place = (i: number) => table.high[i]! / 2 ** 32 + table.low[i]! / 2 ** 64;
    const shares = hosts.map(() => 0);
    for (let i = 0; i < table.owners.length; i++) {
      const before = i === 0 ? place(table.owners.length - 1) - 1 : place(i - 1);
      shares[table.owners[i]!]! += place(i) - before;
    }
    expectDrawn(count(over(new HashBalancer(balancerDeps(), ring, () => 0), hosts), hosts), shares);
  });

  test('maglev: as many slots, and slots by weight to a thousandth', () => {
    const hosts = weighted();
    const maglev = settings({ kind: 'maglev', tableSize: 65537 });
    const table = buildTableNow(
      hosts.map((one) => hashHost(one, false, maglev)),
      maglev,
    )!;
    const shares = hosts.map((_, h) => table.owners.reduce((n, owner) => n + (owner === h ? 1 : 0), 0) / 65537);
    for (const [h, weight] of WEIGHTS.entries()) expect(Math.abs(shares[h]! - weight / 20)).toBeLessThan(0.001);
    expectDrawn(count(over(new HashBalancer(balancerDeps(), maglev, () => 0), hosts), hosts), shares);
  });
});

describe('slow start', () => {
  const SLOW = { windowMs: 10_000, aggression: 1, aggressionKey: '', minWeightPercent: 10 };

  // The weight of a host that is `t` of the window old: t^(1/aggression), and ten percent at least.
  test.each([
    [0, 1, 0.1],
    [500, 1, 0.1],
    [2500, 1, 0.25],
    [5000, 1, 0.5],
    [5000, 2, Math.SQRT1_2],
    [2500, 0.5, 0.1],
    [10_000, 1, 1],
  ])('after %i ms with aggression %d a new host has %d of its weight', (elapsed, aggression, factor) => {
    const clock = new SimulatedClock();
    const old = even(3);
    const make = (): LoadBalancer[] => [
      new RoundRobinBalancer(balancerDeps({ clock }), { ...SLOW, aggression }),
      new LeastRequestBalancer(balancerDeps({ clock }), P2C, { ...SLOW, aggression }),
    ];
    const balancers = make();
    for (const balancer of balancers) over(balancer, old);
    clock.advance(20_000);
    const hosts = [...old, host()];
    for (const balancer of balancers) over(balancer, hosts);
    clock.advance(elapsed);
    for (const balancer of balancers) {
      // What was dealt with the first weight is over after some rounds.
      count(balancer, hosts, 200);
      const counts = count(balancer, hosts, 200_000);
      expect(counts[3]! / 200_000).toBeCloseTo(factor / (3 + factor), 3);
    }
  });

  test('when the window is over and hosts change, plain round robin goes on', () => {
    const clock = new SimulatedClock();
    const rr = new RoundRobinBalancer(balancerDeps({ clock }), SLOW);
    const hosts = even(4);
    over(rr, hosts);
    clock.advance(10_001);
    over(rr, hosts);
    expect(count(rr, hosts, 4000)).toEqual([1000, 1000, 1000, 1000]);
  });

  test('the aggression comes from runtime', () => {
    const clock = new SimulatedClock();
    const rr = new RoundRobinBalancer(balancerDeps({ clock }, { aggr: '2' }), { ...SLOW, aggressionKey: 'aggr' });
    const old = even(1);
    over(rr, old);
    clock.advance(20_000);
    const hosts = [...old, host()];
    over(rr, hosts);
    clock.advance(2500);
    count(rr, hosts, 100);
    expect(count(rr, hosts, 90_000)[1]! / 90_000).toBeCloseTo(1 / 3, 2);
  });
});
