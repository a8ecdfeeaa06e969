import { describe, expect, test } from 'vitest';
import { WorkerClusterManager } from '../../src/cluster/cluster-manager.ts';
import { type HostRecord, hostRecord } from '../../src/cluster/host-update.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import { DEFAULT_ASSIGNMENT, DEFAULT_LOCALITY } from '../../src/cluster/settings.ts';
import { HealthFlag, HOST_CELLS, HOST_HEALTH_CELL } from '../../src/lb/host.ts';
import { DEFAULT_LOCALITY_POLICY } from '../../src/lb/locality/policy.ts';
import { ClusterRig, clusterSettings, endpoint } from '../support/cluster-rig.ts';

const zoneOf = (zone: string, ...ips: string[]) => ({ ...DEFAULT_LOCALITY, zone, endpoints: ips.map((ip) => endpoint(ip)) });
const zone = (name: string) => ({ region: '', zone: name, subZone: '' });

/** A proxy in zone x. Its upstream has one host in each of x, y and z. */
function rig() {
  const base = new ClusterRig();
  const balancer = { ...clusterSettings().balancer, locality: { ...DEFAULT_LOCALITY_POLICY, minClusterSize: 1 } };
  const upstream = clusterSettings({
    name: 'up',
    balancer,
    localities: [zoneOf('x', '10.0.0.1'), zoneOf('y', '10.0.0.2'), zoneOf('z', '10.0.0.3')],
  });
  const registry = ClusterRegistry.of([clusterSettings({ name: 'local', type: 'EDS' }, []), upstream]);
  const manager = new WorkerClusterManager(base.deps, registry.block, { localClusterName: 'local', locality: zone('x') });
  const slots: number[] = [];
  const proxies = (...zones: string[]) =>
    manager.applyHostUpdate({
      cluster: 'local',
      id: registry.catalog.id('local'),
      priorities: [
        {
          hosts: zones.map((name, i): HostRecord => {
            slots[i] ??= base.slab.allocate(HOST_CELLS);
            return hostRecord(endpoint(`10.1.0.${i}`), `10.1.0.${i}`, zone(name), 0, slots[i]!);
          }),
        },
      ],
      ...DEFAULT_ASSIGNMENT,
      version: 0,
    });
  const asked = (n = 300) => {
    const counts: Record<string, number> = {};
    for (let i = 0; i < n; i++) {
      const name = manager.get('up')!.chooseHost(base.context)!.locality.zone;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };
  return { base, manager, slots, proxies, asked };
}

describe('the cluster of the proxy and its siblings', () => {
  test('no siblings known: all hosts alike, and it is counted', () => {
    const { base, asked } = rig();
    expect(asked()).toEqual({ x: 100, y: 100, z: 100 });
    expect(base.stats.value('cluster.up.lb_local_cluster_not_ok')).toBe(0);
  });

  test('when siblings come the own zone is preferred, at once and in clusters that are in use', () => {
    const { base, proxies, asked } = rig();
    asked();
    proxies('x', 'y', 'z');
    expect(asked()).toEqual({ x: 300 });
    expect(base.stats.value('cluster.up.lb_zone_routing_all_directly')).toBe(300);
    // Two of three proxies are here, but one of three hosts: half stays, z has all the room.
    proxies('x', 'x', 'y');
    const counts = asked(10_000);
    expect(counts['y']).toBeUndefined();
    expect(Math.abs(counts['x']! / 10_000 - 0.5)).toBeLessThan(0.02);
  });

  test('siblings known before the upstream is first used', () => {
    const { proxies, asked } = rig();
    proxies('x', 'y', 'z');
    expect(asked()).toEqual({ x: 300 });
  });

  test('siblings that fail: zones do not matter any more', () => {
    const { base, manager, slots, proxies, asked } = rig();
    proxies('x', 'y', 'z');
    expect(asked()).toEqual({ x: 300 });
    for (const slot of slots) Atomics.store(base.slab.cells, slot + HOST_HEALTH_CELL, HealthFlag.FailedOutlierCheck);
    manager.refreshHealth('local');
    const counts = asked();
    expect(Object.keys(counts).sort()).toEqual(['x', 'y', 'z']);
    expect(base.stats.value('cluster.up.lb_local_cluster_not_ok')).toBeGreaterThan(0);
  });

  test('the local cluster itself does not look at zones', () => {
    const { base, manager, proxies } = rig();
    proxies('x', 'y');
    const zones = new Set(Array.from({ length: 10 }, () => manager.get('local')!.chooseHost(base.context)!.locality.zone));
    expect(zones).toEqual(new Set(['x', 'y']));
  });

  test('answers are counted by zone where both are known', () => {
    const { base, manager } = rig();
    const stats = manager.get('up')!.stats;
    expect(stats.ownZone).toBe('x');
    stats.zone('y').codes.record(200);
    stats.zone('y').recordTime(5);
    const value = (name: string) => base.stats.value('cluster.up.zone.x.y.' + name);
    expect([value('upstream_rq_200'), value('upstream_rq_2xx'), value('upstream_rq_completed')]).toEqual([1, 1, 1]);
    expect(base.stats.recorded.get('cluster.up.zone.x.y.upstream_rq_time')).toEqual([5]);
  });
});
