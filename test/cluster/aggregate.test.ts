import { describe, expect, test } from 'vitest';
import { AggregateBalancer, type ChildCluster } from '../../src/cluster/aggregate.ts';
import type { LbContext } from '../../src/cluster/api.ts';
import type { Host } from '../../src/lb/host.ts';
import { type HostSet, makeHostSet } from '../../src/lb/host-set.ts';
import { RoundRobinBalancer } from '../../src/lb/round-robin.ts';
import { ANY, balancerDeps, type HostKind, host } from '../support/lb-rig.ts';

class Child implements ChildCluster {
  hostSets: readonly HostSet[] = [];
  setsVersion = 0;
  readonly balancer = new RoundRobinBalancer(balancerDeps());

  constructor(...priorities: Partial<Record<HostKind, number>>[]) {
    this.set(...priorities);
  }

  set(...priorities: Partial<Record<HostKind, number>>[]): void {
    this.hostSets = priorities.map((counts, p) =>
      makeHostSet(
        p,
        Object.entries(counts).flatMap(([kind, n]) => Array.from({ length: n }, () => host(1, kind as HostKind))),
        140,
      ),
    );
    this.setsVersion++;
    this.balancer.update(this.hostSets);
  }

  has(chosen: Host | null): boolean {
    return this.hostSets.some((set) => set.hosts.includes(chosen!));
  }
}

const CONTEXT = ANY as LbContext;

function rig(children: Record<string, Child>, more: Parameters<typeof balancerDeps>[0] = {}) {
  const map = new Map(Object.entries(children));
  const deps = balancerDeps(more);
  const aggregate = new AggregateBalancer(Object.keys(children), (name) => map.get(name) ?? null, deps);
  const shares = (n: number) => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < n; i++) {
      const chosen = aggregate.chooseHost(CONTEXT);
      const name = chosen === null ? 'none' : [...map].find(([, child]) => child.has(chosen))![0];
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };
  return { map, aggregate, shares };
}

describe('an aggregate cluster', () => {
  // Envoy's documentation: a cluster at 25 % and a second at 65 % health share as two priorities would.
  test.each([
    [100, 100, 1, 0],
    [72, 100, 1, 0],
    [71, 1, 0.99, 0.01],
    [50, 60, 0.7, 0.3],
    [25, 100, 0.35, 0.65],
    [25, 25, 0.5, 0.5],
    // Both in panic: by number of hosts.
    [25, 20, 0.5, 0.5],
    [0, 100, 0, 1],
  ])('shares at %d and %d of 100 healthy: %d to %d', (first, second, one, two) => {
    const { shares } = rig({
      first: new Child({ healthy: first, unhealthy: 100 - first }),
      second: new Child({ healthy: second, unhealthy: 100 - second }),
    });
    const n = 125_000;
    const counts = shares(n);
    expect(Math.abs((counts['first'] ?? 0) / n - one)).toBeLessThan(0.006);
    expect(Math.abs((counts['second'] ?? 0) / n - two)).toBeLessThan(0.006);
  });

  test('children that change, go, come and are replaced are noticed at the next pick', () => {
    const first = new Child({ healthy: 2 });
    const { map, shares } = rig({ first, second: new Child({ healthy: 2 }) });
    expect(shares(10)).toEqual({ first: 10 });
    first.set({ unhealthy: 2 });
    expect(shares(10)).toEqual({ second: 10 });
    first.set({ unhealthy: 1 }, { healthy: 1 });
    expect(shares(10)).toEqual({ first: 10 });
    map.delete('first');
    expect(shares(10)).toEqual({ second: 10 });
    map.set('first', new Child({ healthy: 1 }));
    expect(shares(10)).toEqual({ first: 10 });
    map.clear();
    expect(shares(2)).toEqual({ none: 2 });
  });

  test('the panic of the priority that was chosen is the childs', () => {
    const first = new Child({ unhealthy: 4 });
    const { shares } = rig({ first, second: new Child({ unhealthy: 4 }) });
    const counts = shares(1000);
    expect(counts['first']! + counts['second']!).toBe(1000);
    expect(counts['first']).toBeGreaterThan(400);
    expect(rig({ first }, { panicThreshold: 0 }).shares(2)).toEqual({ first: 2 });
  });

  test('hosts that a retry rejects are rejected in the child', () => {
    const first = new Child({ healthy: 2 });
    const { aggregate } = rig({ first });
    const [one, two] = first.hostSets[0]!.hosts;
    const avoid = { ...ANY, hostSelectionRetries: 5, shouldSelectAnotherHost: (h: Host) => h === one } as LbContext;
    for (let i = 0; i < 10; i++) expect(aggregate.chooseHost(avoid)).toBe(two);
  });
});
