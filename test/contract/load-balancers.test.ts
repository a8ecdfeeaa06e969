/** What every balancing policy promises, whatever its way to choose. */
import { describe, expect, test } from 'vitest';
import type { Host } from '../../src/lb/host.ts';
import { type HostSet, makeHostSet } from '../../src/lb/host-set.ts';
import { LeastRequestBalancer } from '../../src/lb/least-request.ts';
import type { BalancerDeps, LoadBalancer } from '../../src/lb/load-balancer.ts';
import { RandomBalancer } from '../../src/lb/random.ts';
import { RoundRobinBalancer } from '../../src/lb/round-robin.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';
import { ANY, balancerDeps, type HostKind, host } from '../support/lb-rig.ts';

const LEAST = { choiceCount: 2, activeRequestBias: 1, activeRequestBiasKey: '', fullScan: false };

const policies: Record<string, (deps: BalancerDeps) => LoadBalancer> = {
  ROUND_ROBIN: (deps) => new RoundRobinBalancer(deps),
  RANDOM: (deps) => new RandomBalancer(deps),
  'LEAST_REQUEST of two': (deps) => new LeastRequestBalancer(deps, LEAST),
  'LEAST_REQUEST of all': (deps) => new LeastRequestBalancer(deps, { ...LEAST, fullScan: true }),
};

const KINDS: readonly HostKind[] = ['healthy', 'degraded', 'unhealthy'];

function randomSet(random: Random, priority: number, weighted: boolean): HostSet {
  const hosts = Array.from({ length: random.below(6) }, () => host(weighted ? 1 + random.below(5) : 1, KINDS[random.below(3)]!));
  return makeHostSet(priority, hosts, 140);
}

for (const [name, make] of Object.entries(policies)) {
  describe(name, () => {
    test('without hosts there is no choice', () => {
      const balancer = make(balancerDeps());
      expect(balancer.chooseHost(ANY)).toBe(null);
      balancer.update([]);
      expect(balancer.chooseHost(ANY)).toBe(null);
      balancer.update([makeHostSet(0, [], 140), makeHostSet(1, [], 140)]);
      expect(balancer.chooseHost(ANY)).toBe(null);
    });

    test('an unhealthy host is never chosen where panic is off', () => {
      const random = seededRandom(1);
      for (let round = 0; round < 200; round++) {
        const balancer = make(balancerDeps({ panicThreshold: 0, random: seededRandom(round) }));
        const sets = Array.from({ length: 1 + random.below(3) }, (_, p) => randomSet(random, p, round % 2 === 0));
        const usable = new Set(sets.flatMap((set) => [...set.healthy, ...set.degraded]));
        balancer.update(sets);
        for (let i = 0; i < 30; i++) {
          const chosen = balancer.chooseHost(ANY);
          if (usable.size === 0) expect(chosen).toBe(null);
          else if (chosen !== null) expect(usable.has(chosen)).toBe(true);
        }
        // Of a healthy first priority there is always someone.
        if (sets[0]!.healthy.length > 0 && sets.length === 1) expect(balancer.chooseHost(ANY)).not.toBe(null);
      }
    });

    test('in panic every host of the priority gets its share, or none if so configured', () => {
      const hosts = [host(1), ...Array.from({ length: 9 }, () => host(1, 'unhealthy'))];
      const deps = balancerDeps();
      const balancer = make(deps);
      balancer.update([makeHostSet(0, hosts, 140)]);
      const chosen = new Set<Host>();
      for (let i = 0; i < 500; i++) chosen.add(balancer.chooseHost(ANY)!);
      expect(chosen.size).toBe(10);
      expect(deps.stats.value('lb_healthy_panic')).toBe(500);
      const failing = make(balancerDeps({ failTrafficOnPanic: true }));
      failing.update([makeHostSet(0, hosts, 140)]);
      expect(failing.chooseHost(ANY)).toBe(null);
    });

    test('an update replaces the hosts at once, and forgets the old ones', () => {
      const random = seededRandom(2);
      const balancer = make(balancerDeps());
      for (let round = 0; round < 50; round++) {
        const hosts = Array.from({ length: 1 + random.below(5) }, () => host(1 + random.below(3)));
        balancer.update([makeHostSet(0, hosts, 140)]);
        for (let i = 0; i < 20; i++) expect(hosts).toContain(balancer.chooseHost(ANY));
      }
    });

    test('every healthy host gets requests, equal weights or not', () => {
      for (const weight of [1, 4]) {
        const hosts = [host(1), host(weight), host(1)];
        const balancer = make(balancerDeps());
        balancer.update([makeHostSet(0, hosts, 140)]);
        const chosen = new Set<Host | null>();
        for (let i = 0; i < 300; i++) chosen.add(balancer.chooseHost(ANY));
        expect(chosen.size).toBe(3);
      }
    });

    test('a host that the request has tried is avoided, within the attempts', () => {
      const hosts = [host(), host(), host(), host()];
      const balancer = make(balancerDeps());
      balancer.update([makeHostSet(0, hosts, 140)]);
      let asked = 0;
      const avoid = (tried: readonly Host[], attempts: number) => ({
        hash: null,
        hostSelectionRetries: attempts,
        shouldSelectAnotherHost: (h: Host) => {
          asked++;
          return tried.includes(h);
        },
      });
      for (let i = 0; i < 100; i++) expect(balancer.chooseHost(avoid([hosts[0]!], 50))).not.toBe(hosts[0]);
      // All refused: the attempts are bounded, and a host is better than none.
      asked = 0;
      expect(balancer.chooseHost(avoid(hosts, 7))).not.toBe(null);
      expect(asked).toBe(7);
      asked = 0;
      balancer.chooseHost(avoid(hosts, 0));
      expect(asked).toBe(0);
    });
  });
}
