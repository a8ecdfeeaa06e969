/** What workers may rely on, wherever the hosts of a cluster come from. */
import { describe, expect, test } from 'vitest';
import { ClusterControl } from '../../src/cluster/cluster-control.ts';
import type { DnsResolver } from '../../src/cluster/discovery/resolver.ts';
import type { HostUpdate } from '../../src/cluster/host-update.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import { type ClusterSettings, DEFAULT_LOCALITY } from '../../src/cluster/settings.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { clusterSettings, endpoint, settle } from '../support/cluster-rig.ts';
import { PlainStats } from '../support/plain-stats.ts';

interface Source {
  readonly type: ClusterSettings['type'];
  /** It keeps one host, whose address is the first that was told. */
  readonly oneHost: boolean;
  /** Makes `ips` known, by its own way, and lets it arrive. */
  announce(rig: Rig, ips: readonly string[]): Promise<void>;
}

async function askAgain(rig: Rig, ips: readonly string[]): Promise<void> {
  rig.answer = ips;
  if (rig.started) rig.clock.advance(5_010);
  await rig.settled();
}

const sources: readonly Source[] = [
  { type: 'STRICT_DNS', oneHost: false, announce: askAgain },
  { type: 'LOGICAL_DNS', oneHost: true, announce: askAgain },
  {
    type: 'EDS',
    oneHost: false,
    announce: async (rig, ips) => {
      if (!rig.started) return;
      rig.control.setEndpoints('c', [{ ...DEFAULT_LOCALITY, endpoints: ips.map((ip) => endpoint(ip, 80)) }]);
      await rig.settled();
    },
  },
];

class Rig {
  readonly clock = new SimulatedClock();
  readonly stats = new PlainStats();
  readonly updates: HostUpdate[] = [];
  readonly control: ClusterControl;
  answer: readonly string[] = [];
  started = false;

  constructor(type: ClusterSettings['type']) {
    const resolver: DnsResolver = {
      resolve: async (_name, family) => (family === 6 ? [] : this.answer.map((ip) => ({ ip, ttlS: 60 }))),
    };
    this.control = new ClusterControl(ClusterRegistry.of([clusterSettings({ type }, type === 'EDS' ? [] : [endpoint('a.test', 80)])]), {
      clock: this.clock,
      random: seededRandom(3),
      runtime: new StaticRuntime(),
      slab: SharedSlab.create(1 << 14, 64),
      rootScope: this.stats,
      newResolver: () => resolver,
      publish: (update) => void this.updates.push(update),
      publishHealth: () => undefined,
    });
  }

  static async start(source: Source, ips: readonly string[]): Promise<Rig> {
    const rig = new Rig(source.type);
    await source.announce(rig, ips);
    void rig.control.start();
    rig.started = true;
    await rig.settled();
    if (source.type === 'EDS') await source.announce(rig, ips);
    return rig;
  }

  async settled(): Promise<void> {
    for (let i = 0; i < 5; i++) await settle();
  }

  get last(): HostUpdate {
    return this.updates.at(-1)!;
  }

  /** Addresses with the offsets of their cells. */
  get hosts(): [string, number][] {
    return this.last.priorities.flatMap(({ hosts }) => hosts.map((host): [string, number] => [host.ip, host.slot]));
  }
}

describe.each(sources)('$type', (source) => {
  const expected = (ips: readonly string[]) => (source.oneHost ? ips.slice(0, 1) : [...ips]).sort();

  test('the first answer is published once, and a worker that starts later gets the same', async () => {
    const rig = await Rig.start(source, ['1.1.1.1', '1.1.1.2']);
    expect(rig.updates.length).toBe(1);
    expect(rig.last.cluster).toBe('c');
    expect(rig.hosts.map(([ip]) => ip).sort()).toEqual(expected(['1.1.1.1', '1.1.1.2']));
    expect(rig.control.hostUpdates()).toEqual([rig.last]);
    rig.control.refreshGauges();
    expect(rig.stats.value('cluster.c.membership_total')).toBe(rig.hosts.length);
  });

  test('the same answer again is no news', async () => {
    const rig = await Rig.start(source, ['1.1.1.1', '1.1.1.2']);
    for (let i = 0; i < 3; i++) await source.announce(rig, ['1.1.1.1', '1.1.1.2']);
    expect(rig.updates.length).toBe(1);
  });

  test('in 200 random changes: always what was told last, hosts that stay keep their cells, no two share any', async () => {
    const random = seededRandom(9);
    const rig = await Rig.start(source, ['1.1.1.1']);
    for (let round = 0; round < 200; round++) {
      const before = new Map(rig.hosts);
      const told = new Set(Array.from({ length: 1 + random.below(5) }, () => '1.1.1.' + (1 + random.below(8))));
      await source.announce(rig, [...told]);
      expect(rig.hosts.map(([ip]) => ip).sort()).toEqual(expected([...told]));
      const slots = rig.hosts.map(([, slot]) => slot);
      expect(new Set(slots).size).toBe(slots.length);
      expect(Math.min(...slots)).toBeGreaterThanOrEqual(0);
      for (const [ip, slot] of rig.hosts) if (before.has(ip)) expect(slot).toBe(before.get(ip));
      expect(rig.control.hostUpdates()).toEqual([rig.last]);
    }
  });

  test('every update names the settings it belongs to', async () => {
    const rig = await Rig.start(source, ['1.1.1.1']);
    const first = rig.last.id;
    await source.announce(rig, ['1.1.1.2']);
    expect(rig.last.id).toBe(first);
    const changed = clusterSettings({ type: source.type, connectTimeoutMs: 77 }, source.type === 'EDS' ? [] : [endpoint('a.test', 80)]);
    expect(rig.control.set(changed, false)).not.toBe(null);
    await rig.settled();
    await source.announce(rig, ['1.1.1.3']);
    expect(rig.last.id).not.toBe(first);
    expect(rig.hosts.map(([ip]) => ip)).toEqual(['1.1.1.3']);
  });

  test('a removed cluster, and a stopped control thread, say nothing more and leave no timer', async () => {
    for (const end of ['remove', 'stop'] as const) {
      const rig = await Rig.start(source, ['1.1.1.1']);
      if (end === 'remove') expect(rig.control.remove('c')).toBe(true);
      else rig.control.stop();
      expect(rig.clock.armed).toBe(0);
      const said = rig.updates.length;
      if (end === 'remove' || source.type !== 'EDS') await source.announce(rig, ['1.1.1.9']);
      rig.clock.advance(1_000_000);
      await rig.settled();
      expect(rig.updates.length).toBe(said);
      if (end === 'remove') expect(rig.control.hostUpdates()).toEqual([]);
    }
  });
});
