import { describe, expect, test } from 'vitest';
import { ClusterControl } from '../../src/cluster/cluster-control.ts';
import { WorkerClusterManager } from '../../src/cluster/cluster-manager.ts';
import { applyDelta, type HostMessage, HostTeller, hostDelta } from '../../src/cluster/host-delta.ts';
import type { HostUpdate } from '../../src/cluster/host-update.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import { DEFAULT_LOCALITY } from '../../src/cluster/settings.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { nextTurn } from '../../src/runtime/turn.ts';
import { ClusterRig, clusterSettings, endpoint } from '../support/cluster-rig.ts';
import { PlainStats } from '../support/plain-stats.ts';

/** A control thread whose updates go to two workers: one uses the cluster from the start, one only at the end. */
function rig() {
  const base = new ClusterRig();
  const registry = ClusterRegistry.of([clusterSettings({ name: 'e', type: 'EDS', updateMergeMs: 0 }, [])]);
  const busy = new WorkerClusterManager(base.deps, registry.block);
  const idle = new WorkerClusterManager({ ...base.deps, rootScope: new PlainStats() }, registry.block);
  busy.get('e');
  const teller = new HostTeller();
  const updates: HostUpdate[] = [];
  const messages: HostMessage[] = [];
  const control = new ClusterControl(registry, {
    ...base.deps,
    rootScope: new PlainStats(),
    newResolver: () => ({ resolve: async () => [] }),
    publish: (update) => {
      updates.push(update);
      for (const message of structuredClone(teller.messages(update))) {
        messages.push(message);
        void busy.applyHostUpdate(message);
        void idle.applyHostUpdate(message);
      }
    },
    publishHealth: () => undefined,
  });
  const hosts = (worker: WorkerClusterManager) =>
    worker.get('e')!.hostSets.map((set) => set.hosts.map((host) => `${host.address.text} ${host.weight} ${host.base} ${host.priority}`));
  return { control, busy, idle, updates, messages, hosts };
}

const name = (i: number) => `10.0.${i >> 8}.${i & 255}`;

describe('changes of hosts', () => {
  test('a hundred random ones leave every worker with the same list', async () => {
    const { control, busy, idle, updates, messages, hosts } = rig();
    await control.start();
    const random = seededRandom(3);
    let list = Array.from({ length: 60 }, (_, i) => endpoint(name(i)));
    let next = 60;
    for (let round = 0; round < 150; round++) {
      const kind = random.below(5);
      const at = random.below(list.length);
      if (kind === 0) list.splice(at, 1);
      else if (kind === 1) list.push(endpoint(name(next++)));
      else if (kind === 2) list[at] = { ...list[at]!, weight: 1 + random.below(9) };
      else if (kind === 3) list = [...list.slice(at), ...list.slice(0, at)];
      else list = list.map((one) => (random.below(3) === 0 ? { ...one, weight: 1 + random.below(9) } : one));
      control.setEndpoints('e', [
        { ...DEFAULT_LOCALITY, endpoints: list.filter((_, i) => i % 3 !== 0) },
        { ...DEFAULT_LOCALITY, priority: 1, endpoints: list.filter((_, i) => i % 3 === 0) },
      ]);
      const told = updates
        .at(-1)!
        .priorities.map((priority, p) =>
          priority.hosts.map((record) => `${record.ip}:${record.port} ${record.weight} ${record.slot} ${p}`),
        );
      expect(hosts(busy)).toEqual(told);
    }
    expect(hosts(idle)).toEqual(hosts(busy));
    const kinds = messages.map((message) => ('from' in message && message.from >= 0 ? 'delta' : 'whole'));
    expect(kinds.filter((kind) => kind === 'delta').length).toBeGreaterThan(20);
    expect(kinds.filter((kind) => kind === 'whole').length).toBeGreaterThan(20);
  });

  test('one of many is told alone, and hosts that stay keep their objects', async () => {
    const { control, busy, messages } = rig();
    await control.start();
    const list = Array.from({ length: 100 }, (_, i) => endpoint(name(i)));
    control.setEndpoints('e', [{ ...DEFAULT_LOCALITY, endpoints: list }]);
    const before = busy.get('e')!.hostSets[0]!.hosts;
    control.setEndpoints('e', [{ ...DEFAULT_LOCALITY, endpoints: [...list.slice(1), endpoint(name(200))] }]);
    const message = messages.at(-1)!;
    expect(
      'priorities' in message && 'from' in message && message.priorities.map(({ removed, set }) => [removed.length, set.length]),
    ).toEqual([[1, 1]]);
    const after = busy.get('e')!.hostSets[0]!.hosts;
    expect(after.slice(0, 99)).toEqual(before.slice(1));
    expect(before[0]!.member).toBe(false);
    expect(after[99]!.address.text).toBe('10.0.0.200:80');
  });

  test('nothing changed, nothing is told', async () => {
    const { control, messages } = rig();
    await control.start();
    const list = [endpoint(name(1)), endpoint(name(2))];
    control.setEndpoints('e', [{ ...DEFAULT_LOCALITY, endpoints: list }]);
    control.setEndpoints('e', [{ ...DEFAULT_LOCALITY, endpoints: [...list].reverse() }]);
    expect(messages).toHaveLength(1);
  });

  test('what was told before is not applied again, and a gap is not passed over', async () => {
    const { control, busy, updates } = rig();
    await control.start();
    const list = Array.from({ length: 20 }, (_, i) => endpoint(name(i)));
    for (const n of [18, 19, 20]) control.setEndpoints('e', [{ ...DEFAULT_LOCALITY, endpoints: list.slice(0, n) }]);
    const [, second, third] = updates;
    const delta = hostDelta(second!, third!)!;
    expect(applyDelta(second!, delta)).toEqual(third);
    expect(busy.get('e')!.applyDelta(delta)).toBe(false);
    expect(() => busy.get('e')!.applyDelta({ ...delta, from: 7, version: 8 })).toThrow('hosts of e: 7 are to change, 3 are here');
  });

  test('thousands come a few in each turn, the hosts of before serve until all are there, and what comes meanwhile waits', async () => {
    const { control, busy, idle, updates, messages, hosts } = rig();
    await control.start();
    const list = (from: number, to: number) => [
      {
        ...DEFAULT_LOCALITY,
        endpoints: Array.from({ length: to - from }, (_, i) => endpoint(`10.${(from + i) >> 8}.0.${(from + i) & 255}`)),
      },
    ];
    control.setEndpoints('e', list(0, 2000));
    expect(hosts(busy)).toEqual([]);
    await turns(30);
    const old = busy.get('e')!.hostSets[0]!.hosts;
    expect(old).toHaveLength(2000);

    // Every tenth goes, then a single one comes, then all are others.
    control.setEndpoints('e', list(200, 2200));
    control.setEndpoints('e', list(200, 2201));
    expect('packed' in messages.at(-2)! && 'priorities' in messages.at(-1)!).toBe(true);
    expect(busy.get('e')!.hostSets[0]!.hosts).toBe(old);
    await turns(30);
    const middle = busy.get('e')!.hostSets[0]!.hosts;
    expect(middle.slice(0, 1800)).toEqual(old.slice(200));
    expect(middle[0]).toBe(old[200]);
    expect(old.slice(0, 200).every((host) => !host.member)).toBe(true);
    expect(middle).toHaveLength(2001);
    control.setEndpoints('e', list(10_000, 12_000));
    await turns(30);
    expect(hosts(busy)).toEqual([updates.at(-1)!.priorities[0]!.hosts.map(({ ip, slot }) => `${ip}:80 1 ${slot} 0`)]);
    expect(middle.every((host) => !host.member)).toBe(true);
    expect(hosts(idle)).toEqual(hosts(busy));
  });

  test('a cluster that goes while its hosts come is left alone', async () => {
    const { control, busy } = rig();
    await control.start();
    const cluster = busy.get('e')!;
    control.setEndpoints('e', [{ ...DEFAULT_LOCALITY, endpoints: Array.from({ length: 1000 }, (_, i) => endpoint(name(i))) }]);
    busy.remove('e');
    await turns(30);
    expect(cluster.hostSets).toEqual([]);
  });
});

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn();
}
