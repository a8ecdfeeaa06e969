import { describe, expect, test } from 'vitest';
import { HOST_CELLS, Host } from '../../src/lb/host.ts';
import { type HostSet, makeHostSet } from '../../src/lb/host-set.ts';
import { computePriorityLoads } from '../../src/lb/priority-load.ts';
import { ipAddress } from '../../src/net/address.ts';
import { type RetryHostSettings, TriedHosts } from '../../src/resilience/retry-hosts.ts';

const NONE: RetryHostSettings = { previousHosts: false, canaries: false, metadata: null, priorityUpdateFrequency: 0 };

function host(n: number, metadata: Record<string, unknown> | null = null, priority = 0): Host {
  const made = new Host(ipAddress('10.0.0.' + n, 80), '', new Int32Array(HOST_CELLS), 0);
  made.metadata = metadata === null ? null : { 'envoy.lb': metadata };
  made.priority = priority;
  return made;
}

describe('hosts', () => {
  test('previous_hosts: those that were tried', () => {
    const tried = new TriedHosts({ ...NONE, previousHosts: true });
    const [one, two] = [host(1), host(2)];
    tried.note(one);
    expect([tried.avoids(one), tried.avoids(two)]).toEqual([true, false]);
  });

  test('omit_canary_hosts', () => {
    const tried = new TriedHosts({ ...NONE, canaries: true });
    expect([host(1, { canary: true }), host(2, { canary: false }), host(3)].map((h) => tried.avoids(h))).toEqual([true, false, false]);
  });

  test('omit_host_metadata: all entries have to be there, a list by any of its items', () => {
    const tried = new TriedHosts({ ...NONE, metadata: { stage: 'old', zone: 1 } });
    const hosts = [host(1, { stage: 'old', zone: 1 }), host(2, { stage: 'old' }), host(3), host(4, { stage: ['new', 'old'], zone: 1 })];
    expect(hosts.map((h) => tried.avoids(h))).toEqual([true, false, false, true]);
  });
});

describe('previous_priorities', () => {
  const hosts = [host(1), host(2, null, 1), host(3, null, 2)];
  const sets: readonly HostSet[] = hosts.map((h, priority) => makeHostSet(priority, [h], 140));
  const loads = computePriorityLoads(sets, 50);

  test('after each so many tries, their priorities are left out', () => {
    const tried = new TriedHosts({ ...NONE, priorityUpdateFrequency: 2 });
    expect(tried.avoidsPriorities).toBe(true);
    tried.note(hosts[0]!);
    expect(tried.priorityLoads(sets, loads)).toBe(loads);
    tried.note(hosts[0]!);
    expect(tried.priorityLoads(sets, loads).healthy).toEqual([0, 100, 0]);
    tried.note(hosts[1]!);
    expect(tried.priorityLoads(sets, loads).healthy).toEqual([0, 100, 0]);
    tried.note(hosts[1]!);
    expect(tried.priorityLoads(sets, loads).healthy).toEqual([0, 0, 100]);
  });

  test('once all were tried, they start over', () => {
    const tried = new TriedHosts({ ...NONE, priorityUpdateFrequency: 1 });
    for (const h of hosts) {
      tried.note(h);
      tried.priorityLoads(sets, loads);
    }
    expect(tried.priorityLoads(sets, loads).healthy).toEqual([100, 0, 0]);
  });

  test('nobody anywhere: the loads stay', () => {
    const tried = new TriedHosts({ ...NONE, priorityUpdateFrequency: 1 });
    const empty = [makeHostSet(0, [], 140)];
    tried.note(hosts[0]!);
    const none = computePriorityLoads(empty, 50);
    expect(tried.priorityLoads(empty, none)).toBe(none);
  });
});
