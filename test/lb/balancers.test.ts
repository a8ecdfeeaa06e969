import { describe, expect, test } from 'vitest';
import { makeHostSet } from '../../src/lb/host-set.ts';
import { LeastRequestBalancer } from '../../src/lb/least-request.ts';
import { RandomBalancer } from '../../src/lb/random.ts';
import { RoundRobinBalancer } from '../../src/lb/round-robin.ts';
import { ANY, balancerDeps, host, hostSet, picks } from '../support/lb-rig.ts';

const P2C = { choiceCount: 2, activeRequestBias: 1, activeRequestBiasKey: '', fullScan: false };

describe('round robin', () => {
  test('equal weights: strictly in turn', () => {
    const hosts = [host(), host(), host()];
    const rr = new RoundRobinBalancer(balancerDeps());
    rr.update([makeHostSet(0, hosts, 140)]);
    const first = Array.from({ length: 3 }, () => rr.chooseHost(ANY));
    expect(new Set(first).size).toBe(3);
    expect(Array.from({ length: 3 }, () => rr.chooseHost(ANY))).toEqual(first);
  });

  test('weights 3:1 are exact in every round of four', () => {
    const hosts = [host(3), host(1)];
    const rr = new RoundRobinBalancer(balancerDeps());
    rr.update([makeHostSet(0, hosts, 140)]);
    for (let round = 0; round < 10; round++) expect(picks(rr, hosts, 4)).toEqual([3, 1]);
  });

  test('weights 5:2:1 interleave', () => {
    const hosts = [host(5), host(2), host(1)];
    const rr = new RoundRobinBalancer(balancerDeps());
    rr.update([makeHostSet(0, hosts, 140)]);
    expect(picks(rr, hosts, 80)).toEqual([50, 20, 10]);
    const line = Array.from({ length: 16 }, () => hosts.indexOf(rr.chooseHost(ANY)!)).join('');
    expect(line).not.toMatch(/0000|11|22/);
  });
});

describe('random', () => {
  test('ignores weights', () => {
    const hosts = [host(100), host(1)];
    const random = new RandomBalancer(balancerDeps());
    random.update([makeHostSet(0, hosts, 140)]);
    const [a] = picks(random, hosts, 10_000);
    expect(a! / 10_000).toBeCloseTo(0.5, 1);
  });
});

describe('least request', () => {
  test('of two drawn hosts the less loaded one; the loaded host is left only when drawn twice', () => {
    const hosts = [host(), host()];
    for (let i = 0; i < 10; i++) hosts[0]!.requestStarted();
    const lr = new LeastRequestBalancer(balancerDeps(), P2C);
    lr.update([makeHostSet(0, hosts, 140)]);
    const [loaded] = picks(lr, hosts, 20_000);
    expect(loaded! / 20_000).toBeCloseTo(0.25, 1);
  });

  test('more choices find the idle host more often', () => {
    const hosts = [host(), host(), host(), host()];
    for (const busy of hosts.slice(1)) busy.requestStarted();
    const share = (choiceCount: number) => {
      const lr = new LeastRequestBalancer(balancerDeps(), { ...P2C, choiceCount });
      lr.update([makeHostSet(0, hosts, 140)]);
      return picks(lr, hosts, 20_000)[0]! / 20_000;
    };
    // 1 - (3/4)^k
    expect(share(2)).toBeCloseTo(0.4375, 1);
    expect(share(5)).toBeCloseTo(0.7627, 1);
  });

  test('full scan finds the least loaded, and shares ties evenly', () => {
    const hosts = [host(), host(), host(), host()];
    hosts[1]!.requestStarted();
    const lr = new LeastRequestBalancer(balancerDeps(), { ...P2C, fullScan: true });
    lr.update([makeHostSet(0, hosts, 140)]);
    const counts = picks(lr, hosts, 9000);
    expect(counts[1]).toBe(0);
    for (const i of [0, 2, 3]) expect(counts[i]! / 9000).toBeCloseTo(1 / 3, 1);
  });

  test('unequal weights without load: by weight', () => {
    const hosts = [host(1), host(2)];
    const lr = new LeastRequestBalancer(balancerDeps(), P2C);
    lr.update([makeHostSet(0, hosts, 140)]);
    expect(picks(lr, hosts, 300)).toEqual([100, 200]);
  });

  // Weight 2 with three requests in flight against weight 1 with none: 2 / 4^bias to 1.
  test.each([
    [1, 2 / 3],
    [2, 8 / 9],
    [0, 1 / 3],
    [-1, 2 / 3],
    [Number.NaN, 2 / 3],
  ])('unequal weights under load, bias %d', (activeRequestBias, share) => {
    const hosts = [host(1), host(2)];
    for (let i = 0; i < 3; i++) hosts[1]!.requestStarted();
    const lr = new LeastRequestBalancer(balancerDeps(), { ...P2C, activeRequestBias });
    lr.update([makeHostSet(0, hosts, 140)]);
    expect(picks(lr, hosts, 9000)[0]! / 9000).toBeCloseTo(share, 2);
  });

  test('the bias comes from runtime', () => {
    const hosts = [host(1), host(2)];
    for (let i = 0; i < 3; i++) hosts[1]!.requestStarted();
    const lr = new LeastRequestBalancer(balancerDeps({}, { bias: '0' }), { ...P2C, activeRequestBiasKey: 'bias' });
    lr.update([makeHostSet(0, hosts, 140)]);
    expect(picks(lr, hosts, 300)).toEqual([100, 200]);
  });
});

describe('health and priorities', () => {
  test('unhealthy hosts are not picked', () => {
    const set = hostSet(0, { healthy: 3, unhealthy: 1 });
    const rr = new RoundRobinBalancer(balancerDeps());
    rr.update([set]);
    expect(picks(rr, set.hosts, 300)).toEqual([100, 100, 100, 0]);
  });

  test('one priority, all down: panic, everyone is picked, and it is counted', () => {
    const set = hostSet(0, { unhealthy: 3 });
    const deps = balancerDeps();
    const rr = new RoundRobinBalancer(deps);
    rr.update([set]);
    expect(picks(rr, set.hosts, 30)).toEqual([10, 10, 10]);
    expect(deps.stats.value('lb_healthy_panic')).toBe(30);
  });

  test.each([
    ['threshold 0', { panicThreshold: 0 }, {}],
    ['threshold 0 from runtime', {}, { 'upstream.healthy_panic_threshold': '0' }],
    ['fail_traffic_on_panic', { failTrafficOnPanic: true }, {}],
  ])('all down with %s: no host', (_name, settings, runtime) => {
    const rr = new RoundRobinBalancer(balancerDeps(settings, runtime));
    rr.update([hostSet(0, { unhealthy: 3 })]);
    expect(rr.chooseHost(ANY)).toBeNull();
  });

  test('half of the first priority down: 70 to 30', () => {
    const sets = [hostSet(0, { healthy: 5, unhealthy: 5 }), hostSet(1, { healthy: 10 })];
    const rr = new RoundRobinBalancer(balancerDeps());
    rr.update(sets);
    const first = picks(rr, [...sets[0]!.hosts, ...sets[1]!.hosts], 20_000).slice(0, 10);
    expect(first.reduce((a, b) => a + b, 0) / 20_000).toBeCloseTo(0.7, 1);
    expect(first.slice(5)).toEqual([0, 0, 0, 0, 0]);
  });

  test('no hosts, no sets', () => {
    const deps = balancerDeps();
    const rr = new RoundRobinBalancer(deps);
    expect(rr.chooseHost(ANY)).toBeNull();
    rr.update([]);
    expect(rr.chooseHost(ANY)).toBeNull();
    rr.update([hostSet(0, {})]);
    expect(rr.chooseHost(ANY)).toBeNull();
    // Without hosts the first priority panics, and is asked.
    expect(deps.stats.value('lb_healthy_panic')).toBe(1);
  });

  test('a rejected host is picked again at most as often as allowed', () => {
    const hosts = [host(), host()];
    const rr = new RoundRobinBalancer(balancerDeps());
    rr.update([makeHostSet(0, hosts, 140)]);
    const avoid = { ...ANY, hostSelectionRetries: 1, shouldSelectAnotherHost: (h: unknown) => h === hosts[0] };
    expect(picks(rr, hosts, 10, avoid)).toEqual([0, 10]);
    let asked = 0;
    const never = { ...ANY, hostSelectionRetries: 3, shouldSelectAnotherHost: () => ++asked > 0 };
    expect(rr.chooseHost(never)).not.toBeNull();
    expect(asked).toBe(3);
  });
});
