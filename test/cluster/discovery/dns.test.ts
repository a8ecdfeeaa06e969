import { describe, expect, test } from 'vitest';
import { ClusterControl } from '../../../src/cluster/cluster-control.ts';
import type { DnsResolver, ResolvedAddress } from '../../../src/cluster/discovery/resolver.ts';
import type { HostUpdate } from '../../../src/cluster/host-update.ts';
import { ClusterRegistry } from '../../../src/cluster/registry.ts';
import { type ClusterSettings, DEFAULT_DNS, DEFAULT_LOCALITY, type DnsSettings } from '../../../src/cluster/settings.ts';
import { SharedSlab } from '../../../src/lb/shared-slab.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { StaticRuntime } from '../../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { clusterSettings, endpoint, settle } from '../../support/cluster-rig.ts';
import { PlainStats } from '../../support/plain-stats.ts';

/** Answers what the test says; undefined = the question fails. */
class FakeResolver implements DnsResolver {
  readonly asked: string[] = [];
  answers: Record<string, readonly (string | ResolvedAddress)[] | undefined> = {};
  async resolve(name: string, family: 4 | 6): Promise<readonly ResolvedAddress[]> {
    this.asked.push(`${name}/${family}`);
    const answer = this.answers[`${name}/${family}`] ?? (family === 6 ? [] : this.answers[name]);
    if (answer === undefined) throw new Error('SERVFAIL');
    return answer.map((a) => (typeof a === 'string' ? { ip: a, ttlS: 60 } : a));
  }
}

class Rig {
  readonly clock = new SimulatedClock();
  readonly stats = new PlainStats();
  readonly resolver = new FakeResolver();
  readonly slab = SharedSlab.create(1 << 14, 64);
  readonly updates: HostUpdate[] = [];
  readonly control: ClusterControl;
  ready = false;

  constructor(settings: Partial<ClusterSettings>, endpoints = [endpoint('a.test', 80)]) {
    const registry = ClusterRegistry.of([clusterSettings({ type: 'STRICT_DNS', ...settings }, endpoints)]);
    this.control = new ClusterControl(registry, {
      clock: this.clock,
      random: seededRandom(3),
      runtime: new StaticRuntime(),
      slab: this.slab,
      rootScope: this.stats,
      newResolver: () => this.resolver,
      publish: (update) => void this.updates.push(update),
      publishHealth: () => undefined,
    });
  }

  async start(): Promise<this> {
    this.control.start().then(() => {
      this.ready = true;
    });
    await this.settled();
    return this;
  }

  /** Lets answers come in. */
  async settled(): Promise<void> {
    for (let i = 0; i < 5; i++) await settle();
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settled();
  }

  /** Addresses of the last update by priority, and how many updates there were. */
  get hosts(): string[][] {
    return this.updates.at(-1)?.priorities.map(({ hosts }) => hosts.map((h) => h.ip)) ?? [];
  }

  slots(): Record<string, number> {
    return Object.fromEntries(this.updates.at(-1)!.priorities.flatMap(({ hosts }) => hosts.map((h) => [h.ip, h.slot])));
  }

  stat(name: string): number {
    return this.stats.value('cluster.c.' + name);
  }
}

const dns = (more: Partial<DnsSettings>): Partial<ClusterSettings> => ({ dns: { ...DEFAULT_DNS, ...more } });

describe('STRICT_DNS', () => {
  test('every address is a host; it is asked again after the refresh rate', async () => {
    const rig = new Rig({});
    rig.resolver.answers = { 'a.test': ['1.1.1.1', '1.1.1.2'] };
    await rig.start();
    expect(rig.hosts).toEqual([['1.1.1.1', '1.1.1.2']]);
    expect(rig.updates[0]!.priorities[0]!.hosts[0]).toMatchObject({ port: 80, hostname: 'a.test' });
    await rig.advance(4980);
    expect(rig.stat('update_attempt')).toBe(1);
    await rig.advance(30);
    expect([rig.stat('update_attempt'), rig.stat('update_success'), rig.stat('update_no_rebuild'), rig.updates.length]).toEqual([
      2, 2, 1, 1,
    ]);
  });

  test('a host that stays keeps its numbers; one that comes gets fresh ones', async () => {
    const rig = new Rig({});
    rig.resolver.answers = { 'a.test': ['1.1.1.1', '1.1.1.2'] };
    await rig.start();
    const before = rig.slots();
    rig.resolver.answers = { 'a.test': ['1.1.1.3', '1.1.1.2'] };
    await rig.advance(5010);
    const after = rig.slots();
    expect(after['1.1.1.2']).toBe(before['1.1.1.2']);
    expect(after['1.1.1.1']).toBeUndefined();
    expect(rig.stat('membership_change')).toBe(2);
  });

  test('the numbers of a host that left are used again only when nothing is in flight there', async () => {
    const rig = new Rig({});
    rig.resolver.answers = { 'a.test': ['1.1.1.1'] };
    await rig.start();
    const old = rig.slots()['1.1.1.1']!;
    Atomics.add(rig.slab.cells, old, 1);
    Atomics.add(rig.slab.cells, old + 6, 9);
    rig.resolver.answers = { 'a.test': ['1.1.1.2'] };
    await rig.advance(5010);
    rig.resolver.answers = { 'a.test': ['1.1.1.2', '1.1.1.3'] };
    await rig.advance(5010);
    expect(rig.slots()['1.1.1.3']).not.toBe(old);
    Atomics.sub(rig.slab.cells, old, 1);
    rig.resolver.answers = { 'a.test': ['1.1.1.2', '1.1.1.3', '1.1.1.4'] };
    await rig.advance(5010);
    expect(rig.slots()['1.1.1.4']).toBe(old);
    expect(rig.slab.cells[old + 6]).toBe(0);
  });

  test('a failure keeps the hosts, an empty answer removes them', async () => {
    const rig = new Rig({});
    rig.resolver.answers = { 'a.test': ['1.1.1.1'] };
    await rig.start();
    rig.resolver.answers = {};
    await rig.advance(5010);
    expect([rig.stat('update_failure'), rig.updates.length]).toEqual([1, 1]);
    rig.resolver.answers = { 'a.test': [] };
    await rig.advance(5010);
    expect(rig.hosts).toEqual([[]]);
    expect([rig.stat('update_success'), rig.stat('membership_change')]).toEqual([2, 2]);
  });

  test('the same addresses in another order are nothing new; new ones follow the known', async () => {
    const rig = new Rig({});
    rig.resolver.answers = { 'a.test': ['1.1.1.3', '1.1.1.1', '1.1.1.2'] };
    await rig.start();
    rig.resolver.answers = { 'a.test': ['1.1.1.1', '1.1.1.2', '1.1.1.3'] };
    await rig.advance(5010);
    expect([rig.updates.length, rig.stat('update_no_rebuild')]).toEqual([1, 1]);
    rig.resolver.answers = { 'a.test': ['1.1.1.0', '1.1.1.1', '1.1.1.3'] };
    await rig.advance(5010);
    expect(rig.hosts).toEqual([['1.1.1.3', '1.1.1.1', '1.1.1.0']]);
  });

  test('a first answer without addresses is nothing new', async () => {
    const rig = new Rig({});
    rig.resolver.answers = { 'a.test': [] };
    await rig.start();
    expect([rig.stat('update_success'), rig.stat('update_no_rebuild'), rig.updates.length, rig.ready]).toEqual([1, 1, 0, true]);
  });

  test('names are independent, and keep their priorities', async () => {
    const localities = [
      { ...DEFAULT_LOCALITY, endpoints: [endpoint('a.test'), endpoint('b.test')] },
      { ...DEFAULT_LOCALITY, priority: 1, endpoints: [endpoint('c.test'), endpoint('', 0, { path: '/run/x.sock' })] },
    ];
    const rig = new Rig({ localities });
    rig.resolver.answers = { 'a.test': ['1.1.1.1', '1.1.1.1'], 'b.test': ['1.1.1.1'], 'c.test': ['3.3.3.3'] };
    await rig.start();
    expect(rig.hosts).toEqual([
      ['1.1.1.1', '1.1.1.1'],
      ['', '3.3.3.3'],
    ]);
    delete rig.resolver.answers['a.test'];
    rig.resolver.answers['b.test'] = ['2.2.2.2'];
    await rig.advance(5010);
    expect(rig.hosts[0]).toEqual(['1.1.1.1', '2.2.2.2']);
  });

  test('is ready when each name was answered or has failed once', async () => {
    const rig = new Rig({}, [endpoint('a.test'), endpoint('b.test')]);
    rig.resolver.answers = { 'a.test': ['1.1.1.1'] };
    await rig.start();
    expect(rig.ready).toBe(true);
    const slow = new Rig({});
    slow.resolver.resolve = () => new Promise(() => undefined);
    await slow.start();
    expect(slow.ready).toBe(false);
  });

  test('after removal nothing is asked and nothing is told', async () => {
    const rig = new Rig({});
    rig.resolver.answers = { 'a.test': ['1.1.1.1'] };
    await rig.start();
    rig.control.remove('c');
    await rig.advance(60_000);
    expect([rig.stat('update_attempt'), rig.updates.length, rig.control.hostUpdates().length]).toEqual([1, 1, 0]);
  });
});

describe('when to ask again', () => {
  test('respect_dns_ttl: after the smallest TTL; 0 is the refresh rate', async () => {
    const rig = new Rig(dns({ respectTtl: true }));
    rig.resolver.answers = {
      'a.test': [
        { ip: '1.1.1.1', ttlS: 30 },
        { ip: '1.1.1.2', ttlS: 20 },
      ],
    };
    await rig.start();
    await rig.advance(19_900);
    expect(rig.stat('update_attempt')).toBe(1);
    rig.resolver.answers = { 'a.test': [{ ip: '1.1.1.1', ttlS: 0 }] };
    await rig.advance(200);
    expect(rig.stat('update_attempt')).toBe(2);
    await rig.advance(5010);
    expect(rig.stat('update_attempt')).toBe(3);
  });

  test('failures back off exponentially with jitter, up to the maximum, and start over after a success', async () => {
    const rig = new Rig(dns({ failureRefreshMs: 100, failureRefreshMaxMs: 1000 }));
    await rig.start();
    const times: number[] = [];
    for (let last = rig.stat('update_failure'); times.length < 40; ) {
      await rig.advance(10);
      if (rig.stat('update_failure') !== last) {
        times.push(rig.clock.nowMs());
        last = rig.stat('update_failure');
      }
    }
    const gaps = times.map((t, i) => t - (times[i - 1] ?? 0));
    // The wheel rounds up to its tick.
    expect(gaps[0]!).toBeLessThanOrEqual(120);
    expect(gaps[1]!).toBeLessThanOrEqual(220);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(1020);
    expect(Math.max(...gaps)).toBeGreaterThan(500);
  });

  test('without dns_failure_refresh_rate failures are asked again at the refresh rate', async () => {
    const rig = new Rig({});
    await rig.start();
    await rig.advance(4900);
    expect(rig.stat('update_attempt')).toBe(1);
    await rig.advance(200);
    expect(rig.stat('update_attempt')).toBe(2);
  });

  test('dns_jitter only ever delays', async () => {
    const rig = new Rig(dns({ jitterMs: 1000 }));
    rig.resolver.answers = { 'a.test': ['1.1.1.1'] };
    await rig.start();
    for (let i = 1; i <= 10; i++) {
      const before = rig.stat('update_attempt');
      await rig.advance(4980);
      expect(rig.stat('update_attempt')).toBe(before);
      await rig.advance(1040);
      expect(rig.stat('update_attempt')).toBe(before + 1);
      // Back to the moment of the attempt is not known: start over from a fresh answer.
      rig.control.set(
        clusterSettings({ type: 'STRICT_DNS', ...dns({ jitterMs: 1000 }), connectTimeoutMs: i }, [endpoint('a.test', 80)]),
        false,
      );
      await rig.settled();
    }
  });
});

describe('dns_lookup_family', () => {
  const both = { 'a.test/4': ['1.1.1.1'], 'a.test/6': ['::1'] };
  test.each([
    ['AUTO', both, ['::1'], ['a.test/6']],
    ['AUTO', { 'a.test/4': ['1.1.1.1'], 'a.test/6': [] }, ['1.1.1.1'], ['a.test/6', 'a.test/4']],
    ['V4_ONLY', both, ['1.1.1.1'], ['a.test/4']],
    ['V6_ONLY', both, ['::1'], ['a.test/6']],
    ['V4_PREFERRED', both, ['1.1.1.1'], ['a.test/4']],
    ['V4_PREFERRED', { 'a.test/4': [], 'a.test/6': ['::1'] }, ['::1'], ['a.test/4', 'a.test/6']],
    ['ALL', both, ['::1', '1.1.1.1'], ['a.test/6', 'a.test/4']],
  ] as const)('%s %j', async (lookupFamily, answers, hosts, asked) => {
    const rig = new Rig(dns({ lookupFamily }));
    rig.resolver.answers = answers as unknown as FakeResolver['answers'];
    await rig.start();
    expect([rig.hosts[0], rig.resolver.asked]).toEqual([hosts, asked]);
  });
});

describe('LOGICAL_DNS', () => {
  test('one host, which keeps its numbers when its address changes', async () => {
    const rig = new Rig({ type: 'LOGICAL_DNS' });
    rig.resolver.answers = { 'a.test': ['1.1.1.1', '1.1.1.2'] };
    await rig.start();
    expect(rig.hosts).toEqual([['1.1.1.1']]);
    const slot = rig.slots()['1.1.1.1'];
    rig.resolver.answers = { 'a.test': ['1.1.1.2'] };
    await rig.advance(5010);
    expect(rig.slots()).toEqual({ '1.1.1.2': slot });
    expect(rig.stat('membership_change')).toBe(1);
  });

  test('an empty answer changes nothing', async () => {
    const rig = new Rig({ type: 'LOGICAL_DNS' });
    rig.resolver.answers = { 'a.test': ['1.1.1.1'] };
    await rig.start();
    rig.resolver.answers = { 'a.test': [] };
    await rig.advance(5010);
    expect(rig.hosts).toEqual([['1.1.1.1']]);
  });
});

describe('EDS', () => {
  test('endpoints are set from outside; an address that comes twice is one host', async () => {
    const rig = new Rig({ type: 'EDS', localities: [] });
    await rig.start();
    const locality = { ...DEFAULT_LOCALITY, endpoints: [endpoint('1.1.1.1'), endpoint('1.1.1.1'), endpoint('1.1.1.2')] };
    expect(rig.control.setEndpoints('c', [locality])).toBe(true);
    expect(rig.hosts).toEqual([['1.1.1.1', '1.1.1.2']]);
    const slots = rig.slots();
    rig.control.setEndpoints('c', [{ ...locality, endpoints: [endpoint('1.1.1.2', 80, { weight: 5 })] }]);
    expect(rig.slots()).toEqual({ '1.1.1.2': slots['1.1.1.2'] });
    expect(rig.updates.at(-1)!.priorities[0]!.hosts[0]!.weight).toBe(5);
    expect(rig.control.setEndpoints('nobody', [locality])).toBe(false);
  });
});
