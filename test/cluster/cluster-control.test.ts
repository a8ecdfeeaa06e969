import { describe, expect, test } from 'vitest';
import { ClusterControl } from '../../src/cluster/cluster-control.ts';
import { WorkerClusterManager } from '../../src/cluster/cluster-manager.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import { type ClusterSettings, DEFAULT_LOCALITY } from '../../src/cluster/settings.ts';
import { HealthFlag, HOST_HEALTH_CELL } from '../../src/lb/host.ts';
import { DEFAULT_THRESHOLDS } from '../../src/resilience/circuit-breaker.ts';
import { ClusterRig, clusterSettings, endpoint, RecordingClient } from '../support/cluster-rig.ts';
import { PlainStats } from '../support/plain-stats.ts';

function control(...clusters: ClusterSettings[]) {
  const rig = new ClusterRig();
  const registry = ClusterRegistry.of(clusters);
  const stats = new PlainStats();
  const deps = {
    ...rig.deps,
    rootScope: stats,
    newResolver: () => ({ resolve: async () => [] }),
    publish: () => undefined,
    publishHealth: () => undefined,
  };
  return { rig, registry, stats, clusters: new ClusterControl(registry, deps), worker: new WorkerClusterManager(rig.deps, registry.block) };
}

describe('gauges that hold for all workers', () => {
  test('membership, from the endpoint list and the health that threads share', () => {
    const endpoints = [
      endpoint('10.0.0.1'),
      endpoint('10.0.0.2', 80, { health: HealthFlag.DegradedEdsHealth }),
      endpoint('10.0.0.3', 80, { health: HealthFlag.FailedEdsHealth }),
    ];
    const { stats, clusters, worker, rig } = control(clusterSettings({ name: 'a' }, endpoints));
    clusters.refreshGauges();
    const membership = () =>
      ['total', 'healthy', 'degraded', 'excluded', 'change'].map((name) => stats.value('cluster.a.membership_' + name));
    expect(membership()).toEqual([3, 1, 1, 0, 1]);
    const host = worker.get('a')!.hostSets[0]!.hosts[0]!;
    Atomics.or(rig.slab.cells, host.base + HOST_HEALTH_CELL, HealthFlag.FailedOutlierCheck);
    clusters.refreshGauges();
    expect(membership()).toEqual([3, 0, 1, 0, 1]);
  });

  test('draining endpoints are left out, and each priority that has hosts counts as a change', () => {
    const drained = clusterSettings({ name: 'a' }, [
      endpoint('10.0.0.1'),
      endpoint('10.0.0.2', 80, { health: HealthFlag.FailedEdsHealth | HealthFlag.EdsStatusDraining }),
    ]);
    const [first] = drained.localities;
    const localities = [first!, { ...first!, priority: 1, endpoints: [endpoint('10.0.1.1')] }, { ...first!, priority: 2, endpoints: [] }];
    const { stats, clusters } = control({ ...drained, localities });
    clusters.refreshGauges();
    expect(['total', 'healthy', 'excluded', 'change'].map((name) => stats.value('cluster.a.membership_' + name))).toEqual([3, 2, 1, 2]);
  });

  test('breakers are open while a worker holds all there is', () => {
    const breakers = [{ ...DEFAULT_THRESHOLDS, maxPendingRequests: 1, trackRemaining: true }, DEFAULT_THRESHOLDS] as const;
    const { stats, clusters, worker, rig } = control(clusterSettings({ name: 'a', breakers }));
    const gauge = (name: string) => stats.value('cluster.a.circuit_breakers.' + name);
    clusters.refreshGauges();
    expect([gauge('default.rq_pending_open'), gauge('default.remaining_pending'), gauge('default.remaining_cx')]).toEqual([0, 1, 1024]);
    const cluster = worker.get('a')!;
    const host = cluster.chooseHost(rig.context)!;
    cluster.httpPool(host, 0, rig.context)!.acquire(new RecordingClient());
    clusters.refreshGauges();
    expect([
      gauge('default.rq_pending_open'),
      gauge('default.remaining_pending'),
      gauge('default.remaining_cx'),
      gauge('high.rq_pending_open'),
    ]).toEqual([1, 0, 1023, 0]);
    rig.upstreams[0]!.connected();
    clusters.refreshGauges();
    expect([gauge('default.rq_pending_open'), gauge('default.remaining_rq')]).toEqual([0, 1023]);
  });

  test('of very many clusters only the used ones have gauges', () => {
    const many = Array.from({ length: 1001 }, (_, i) => clusterSettings({ name: 'c' + i }));
    const { stats, clusters, worker } = control(...many);
    worker.get('c7');
    clusters.refreshGauges();
    expect([stats.value('cluster.c7.membership_total'), stats.value('cluster.c8.membership_total')]).toEqual([1, 0]);
  });
});

describe("names of Envoy's statistics", () => {
  const namesOf = (stats: PlainStats, cluster: string) => stats.names.filter((name) => name.startsWith(`cluster.${cluster}.`));

  test('few clusters show all of them, used or not', () => {
    const { stats, clusters } = control(clusterSettings({ name: 'a' }), clusterSettings({ name: 'b' }));
    clusters.refreshGauges();
    expect(namesOf(stats, 'b')).toEqual(
      expect.arrayContaining([
        'cluster.b.lb_subsets_active',
        'cluster.b.upstream_rq_total',
        'cluster.b.update_attempt',
        'cluster.b.version',
      ]),
    );
    expect(stats.value('cluster.b.default.total_match_count')).toBe(1);
    expect(new Set(namesOf(stats, 'b')).size).toBeGreaterThan(100);
  });

  test('of many clusters only the used ones show what stays 0', () => {
    const { stats, clusters, worker } = control(...Array.from({ length: 101 }, (_, i) => clusterSettings({ name: 'c' + i })));
    clusters.refreshGauges();
    expect(stats.names).not.toContain('cluster.c7.lb_subsets_active');
    worker.get('c7');
    clusters.refreshGauges();
    expect(stats.names).toContain('cluster.c7.lb_subsets_active');
    expect(stats.names).not.toContain('cluster.c8.lb_subsets_active');
  });
});

describe('what /clusters shows', () => {
  test('hosts of fixed clusters, used or not, with numbers of all workers', () => {
    const localities = [
      {
        ...DEFAULT_LOCALITY,
        zone: 'z1',
        endpoints: [endpoint('10.0.0.1', 80, { hostname: 'one', weight: 3, metadata: { 'envoy.lb': { canary: true } } })],
      },
      { ...DEFAULT_LOCALITY, priority: 1, endpoints: [endpoint('10.0.0.2', 80, { health: HealthFlag.FailedEdsHealth })] },
    ];
    const { clusters, worker, rig } = control(
      clusterSettings({ name: 'a', altStatName: 'alt', localities }),
      clusterSettings({ name: 'unused' }),
    );
    const cluster = worker.get('a')!;
    cluster.httpPool(cluster.hostSets[0]!.hosts[0]!, 0, rig.context)!.acquire(new RecordingClient());
    const [a, unused] = [...clusters.views([])];
    expect(a).toMatchObject({ name: 'a', observabilityName: 'alt', addedViaApi: false, defaultPriority: { maxRetries: 3 } });
    expect(
      [...a!.hosts].map((h) => [
        h.address.text,
        h.hostname,
        h.weight,
        h.locality.zone,
        h.canary,
        h.priority,
        h.counts.cxActive,
        h.rqPendingActive,
        h.healthFlags,
      ]),
    ).toEqual([
      ['10.0.0.1:80', 'one', 3, 'z1', true, 0, 1, 1, 0],
      ['10.0.0.2:80', '', 1, '', false, 1, 0, 0, HealthFlag.FailedEdsHealth],
    ]);
    expect([...unused!.hosts].map((h) => h.counts.cxTotal)).toEqual([0]);
  });

  test('hosts that only workers know of', async () => {
    const { clusters, worker, rig, stats } = control(clusterSettings({ name: 'o', type: 'ORIGINAL_DST', localities: [] }));
    const downstream = { ...rig.context.downstream, localAddressRestored: true };
    worker
      .get('o')!
      .chooseHost({ ...rig.context, downstream })!
      .requestStarted();
    const own = [worker.snapshot(), worker.snapshot(), {}];
    const [view] = [...clusters.views(own)];
    expect([...view!.hosts].map((h) => [h.address.text, h.hostname, h.counts.rqActive])).toEqual([
      ['127.0.0.1:15001', 'o127.0.0.1:15001', 2],
    ]);
    await clusters.start();
    expect(clusters.hasOwnHosts).toBe(true);
    clusters.refreshGauges(own);
    expect([stats.value('cluster.o.membership_total'), stats.value('cluster.o.membership_change')]).toEqual([1, 1]);
  });

  test('clusters that came over the API say so', () => {
    const { clusters } = control();
    const settings = clusterSettings({ name: 'new' });
    expect(clusters.set(settings, true)!.packed.name).toBe('new');
    expect(clusters.set(settings, true)).toBeNull();
    expect([...clusters.views([])].map((v) => [v.name, v.addedViaApi])).toEqual([['new', true]]);
    expect([clusters.remove('new'), [...clusters.views([])]]).toEqual([true, []]);
  });
});
