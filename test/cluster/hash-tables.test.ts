import { describe, expect, test } from 'vitest';
import { ClusterControl } from '../../src/cluster/cluster-control.ts';
import { WorkerClusterManager } from '../../src/cluster/cluster-manager.ts';
import type { HashTables } from '../../src/cluster/hash-tables.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import { type ClusterSettings, DEFAULT_BALANCER, DEFAULT_LOCALITY } from '../../src/cluster/settings.ts';
import { HealthFlag, setHostHealth } from '../../src/lb/host.ts';
import type { SubsetSettings } from '../../src/lb/subset/settings.ts';
import { xxHash64 } from '../../src/runtime/xxhash64.ts';
import { ClusterRig, clusterSettings, endpoint, lbContext } from '../support/cluster-rig.ts';
import { PlainStats } from '../support/plain-stats.ts';

const RING = {
  ...DEFAULT_BALANCER,
  policy: 'RING_HASH' as const,
  consistentHash: {
    table: { kind: 'ring', murmur: false, minSize: 1024, maxSize: 1 << 23 } as const,
    useHostname: false,
    balanceFactor: 0,
    byLocality: false,
  },
};
const SUBSETS: SubsetSettings = {
  ...{ fallback: 'NO_FALLBACK', defaultSubset: {}, selectors: [], localityWeightAware: false, scaleLocalityWeight: false },
  ...{ panicModeAny: false, listAsAny: false, fallbackList: false, allowRedundantKeys: false },
};
const IPS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
const KEYS = Array.from({ length: 200 }, (_, i) => xxHash64('key' + i));

/** Control thread and one worker, which is told only when the test says so. */
function rig(...clusters: ClusterSettings[]) {
  const base = new ClusterRig();
  const registry = ClusterRegistry.of(clusters);
  const stats = new PlainStats();
  const worker = new WorkerClusterManager(
    { ...base.deps, askForHashTables: (cluster, id, subset) => control.wantHashTables(cluster, id, subset) },
    registry.block,
  );
  const outbox: (() => void)[] = [];
  const told: string[] = [];
  const made: HashTables[] = [];
  const control = new ClusterControl(registry, {
    ...base.deps,
    rootScope: stats,
    newResolver: () => ({ resolve: async () => [] }),
    publish: (update) => {
      told.push('hosts ' + update.version);
      outbox.push(() => worker.applyHostUpdate(update));
    },
    publishHealth: (name) => {
      told.push('health');
      outbox.push(() => worker.refreshHealth(name));
      control.healthChanged(name);
    },
    publishTables: (tables) => {
      made.push(tables);
      told.push('tables ' + tables.version);
      outbox.push(() => worker.applyHashTables(tables));
    },
  });
  const deliver = () => {
    for (const message of outbox.splice(0)) message();
  };
  const hosts = (name: string) => KEYS.map((hash) => worker.get(name)!.chooseHost(lbContext({ hash }))!.address.ip);
  return { base, worker, control, stats, told, made, deliver, hosts };
}

const eds = () => clusterSettings({ name: 'e', type: 'EDS', balancer: RING }, []);
const locality = (ips: readonly string[]) => [{ ...DEFAULT_LOCALITY, endpoints: ips.map((ip) => endpoint(ip)) }];

describe('tables of consistent hashing', () => {
  test('those of fixed hosts are there before the start is over, with their gauges', async () => {
    const { control, made, stats, deliver, hosts } = rig(
      clusterSettings(
        { name: 's', balancer: RING },
        IPS.map((ip) => endpoint(ip)),
      ),
    );
    await control.start();
    expect(made.map(({ cluster, priorities }) => [cluster, priorities[0]!.size])).toEqual([['s', 1024]]);
    expect(['size', 'min_hashes_per_host', 'max_hashes_per_host'].map((name) => stats.value('cluster.s.ring_hash_lb.' + name))).toEqual([
      1024, 256, 256,
    ]);
    const alone = hosts('s');
    deliver();
    // What the worker would have made itself is the same.
    expect(hosts('s')).toEqual(alone);
    expect(new Set(alone)).toEqual(new Set(IPS));
  });

  test('new hosts come after their tables, and only then', async () => {
    const { control, told, deliver, hosts } = rig(eds());
    await control.start();
    control.setEndpoints('e', locality(IPS));
    await control.balancingReady('e');
    deliver();
    const before = hosts('e');
    control.setEndpoints('e', locality([...IPS, '10.0.0.5']));
    expect(told).toEqual(['tables 1', 'hosts 1']);
    await control.balancingReady('e');
    expect(told).toEqual(['tables 1', 'hosts 1', 'tables 2', 'hosts 2']);
    expect(hosts('e')).toEqual(before);
    deliver();
    const after = hosts('e');
    // Some move between the others as well: five hosts have fewer places each than four.
    expect(after.filter((ip, i) => ip !== before[i]).length).toBeLessThan(KEYS.length / 2);
    expect(after).toContain('10.0.0.5');
  });

  test('while a table is being made without a host that has failed, the others get its keys', async () => {
    const { base, control, worker, told, deliver, hosts } = rig(eds());
    await control.start();
    control.setEndpoints('e', locality(IPS));
    await control.balancingReady('e');
    deliver();
    const before = hosts('e');
    const sick = worker.get('e')!.hostSets[0]!.hosts[1]!;
    setHostHealth(base.slab.cells, sick.base, HealthFlag.FailedActiveHc, true);
    worker.refreshHealth('e');
    const meanwhile = hosts('e');
    expect(meanwhile).not.toContain(sick.address.ip);
    expect(meanwhile.filter((ip, i) => before[i] !== sick.address.ip && ip !== before[i])).toEqual([]);
    control.healthChanged('e');
    await control.balancingReady('e');
    expect(told.at(-1)).toBe('tables 1');
    deliver();
    expect(hosts('e')).not.toContain(sick.address.ip);
  });

  test('hosts that change while a table is made: the last ones win', async () => {
    const { control, told, deliver, hosts } = rig(eds());
    await control.start();
    for (let n = 1; n <= IPS.length; n++) control.setEndpoints('e', locality(IPS.slice(0, n)));
    await control.balancingReady('e');
    expect(told.at(-1)).toBe('hosts 4');
    deliver();
    expect(new Set(hosts('e'))).toEqual(new Set(IPS));
  });

  test('beyond a hundred clusters none are made in advance, and workers make their own', async () => {
    const many = Array.from({ length: 103 }, (_, i) => clusterSettings({ name: 'c' + i, balancer: RING }, [endpoint('10.0.0.1')]));
    const { control, made, hosts } = rig(...many);
    await control.start();
    expect(made).toHaveLength(100);
    expect(new Set(hosts('c102'))).toEqual(new Set(['10.0.0.1']));
  });

  test('of a cluster with subsets those of the subsets that a worker uses are made, and the same as it makes itself', async () => {
    const selectors = [{ keys: ['v'], fallback: 'NOT_DEFINED', fallbackKeys: [], singleHost: false } as const];
    const balancer = { ...RING, subset: { ...SUBSETS, fallback: 'ANY_ENDPOINT' as const, selectors } };
    const { control, worker, made, deliver } = rig(clusterSettings({ name: 'e', type: 'EDS', balancer }, []));
    const versioned = (count: number) => [
      {
        ...DEFAULT_LOCALITY,
        endpoints: Array.from({ length: count }, (_, i) => endpoint('10.0.1.' + i, 80, { metadata: { 'envoy.lb': { v: 'v' + (i % 3) } } })),
      },
    ];
    const pick = (metadataMatch: Record<string, unknown> | null) =>
      KEYS.map((hash) => worker.get('e')!.chooseHost({ ...lbContext({ hash }), metadataMatch })!.address.ip);
    await control.start();
    control.setEndpoints('e', versioned(12));
    await control.balancingReady('e');
    deliver();
    expect([made.at(-1)!.priorities, made.at(-1)!.subsets!.size]).toEqual([[], 0]);
    const alone = [pick({ v: 'v0' }), pick(null)];
    await control.balancingReady('e');
    deliver();
    expect([...made.at(-1)!.subsets!.values()].map(([table]) => table!.members.length)).toEqual([4, 12]);
    expect([pick({ v: 'v0' }), pick(null)]).toEqual(alone);

    control.setEndpoints('e', versioned(15));
    await control.balancingReady('e');
    deliver();
    expect([...made.at(-1)!.subsets!.values()].map(([table]) => table!.members.length)).toEqual([5, 15]);
    expect(new Set(pick({ v: 'v0' }))).toEqual(new Set(['10.0.1.0', '10.0.1.3', '10.0.1.6', '10.0.1.9', '10.0.1.12']));
    // A subset that nobody has used yet is made by the worker first.
    expect(new Set(pick({ v: 'v1' })).size).toBe(5);
    await control.balancingReady('e');
    expect(made.at(-1)!.subsets!.size).toBe(3);
    const rounds = made.length;
    control.wantHashTables('e', worker.get('e')!.id, [...made.at(-1)!.subsets!.keys()][0]!);
    expect(made.slice(rounds).map(({ subsets }) => subsets!.size)).toEqual([3]);
  });
});
