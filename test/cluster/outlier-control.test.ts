/** Outlier detection between the control thread and workers: who is watched from when, and what becomes of it when hosts change. */
import { describe, expect, test } from 'vitest';
import { ClusterControl } from '../../src/cluster/cluster-control.ts';
import { WorkerClusterManager } from '../../src/cluster/cluster-manager.ts';
import type { HostUpdate } from '../../src/cluster/host-update.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import { type ClusterSettings, DEFAULT_LOCALITY } from '../../src/cluster/settings.ts';
import type { Host } from '../../src/lb/host.ts';
import { DEFAULT_OUTLIER, type OutlierSettings } from '../../src/resilience/outlier/settings.ts';
import { ClusterRig, clusterSettings, endpoint } from '../support/cluster-rig.ts';
import { PlainStats } from '../support/plain-stats.ts';

const OUTLIER: OutlierSettings = { ...DEFAULT_OUTLIER, maxEjectionPercent: 100, consecutive5xx: 2 };

/** A control thread with workers whose messages arrive at once. */
class Threads {
  readonly rig = new ClusterRig();
  readonly stats = new PlainStats();
  readonly watched: string[] = [];
  readonly control: ClusterControl;
  readonly workers: WorkerClusterManager[];

  constructor(workers: number, ...clusters: ClusterSettings[]) {
    const registry = ClusterRegistry.of(clusters);
    const all = (tell: (worker: WorkerClusterManager) => void) => this.workers.forEach(tell);
    this.control = new ClusterControl(registry, {
      ...this.rig.deps,
      rootScope: this.stats,
      newResolver: () => ({ resolve: async () => [] }),
      publish: (update: HostUpdate) => all((worker) => worker.applyHostUpdate(update)),
      publishHealth: (cluster: string) => all((worker) => worker.refreshHealth(cluster)),
    });
    const outliers = {
      watch: (cluster: string, id: number) => {
        this.watched.push(cluster);
        this.control.watchOutliers(cluster, id);
      },
      report: (cluster: string, id: number, slot: number, detection: number) =>
        this.control.outliers.onDetection(cluster, id, slot, detection as 0),
    };
    this.workers = Array.from({ length: workers }, () => new WorkerClusterManager({ ...this.rig.deps, outliers }, registry.block));
  }

  hosts(worker: number, cluster: string): readonly Host[] {
    return this.workers[worker]!.get(cluster)!.hostSets[0]!.hosts;
  }

  healthy(worker: number, cluster: string): string[] {
    return this.workers[worker]!.get(cluster)!.hostSets[0]!.healthy.map((host) => host.address.text);
  }

  active(cluster: string): number {
    return this.stats.value(`cluster.${cluster}.outlier_detection.ejections_active`);
  }

  eds(cluster: string, ...ips: string[]): void {
    this.control.setEndpoints(cluster, [{ ...DEFAULT_LOCALITY, endpoints: ips.map((ip) => endpoint(ip)) }]);
  }
}

const two = [endpoint('10.0.0.1'), endpoint('10.0.0.2')];

test('a cluster is watched when a worker first uses it, and costs nothing before', () => {
  const threads = new Threads(
    2,
    clusterSettings({ name: 'a', outlier: OUTLIER }, two),
    clusterSettings({ name: 'b', outlier: OUTLIER }, two),
    clusterSettings({ name: 'c' }, two),
  );
  expect([threads.watched, threads.rig.clock.armed]).toEqual([[], 0]);
  threads.workers[0]!.get('a');
  threads.workers[1]!.get('a');
  threads.workers[0]!.get('c');
  expect([threads.watched, threads.rig.clock.armed]).toEqual([['a', 'a'], 1]);
  expect(threads.hosts(0, 'c').map((host) => host.monitor)).toEqual([null, null]);
});

test('failures seen by two workers eject for both', () => {
  const threads = new Threads(2, clusterSettings({ name: 'a', outlier: OUTLIER }, two));
  threads.hosts(0, 'a')[0]!.monitor!.onStatus(500);
  threads.hosts(1, 'a')[0]!.monitor!.onStatus(500);
  expect([threads.healthy(0, 'a'), threads.healthy(1, 'a')]).toEqual([['10.0.0.2:80'], ['10.0.0.2:80']]);
  threads.control.refreshGauges();
  expect([threads.active('a'), threads.stats.value('cluster.a.membership_healthy')]).toEqual([1, 1]);
  const view = [...threads.control.views([])].find(({ name }) => name === 'a')!;
  expect([...view.hosts].map(({ healthFlags }) => healthFlags)).toEqual([2, 0]);
  expect(view.outlier).toMatchObject({ successRateAverage: -1, localOriginSuccessRateEjectionThreshold: -1 });
  threads.rig.clock.advance(30_000);
  expect([threads.healthy(0, 'a').length, threads.healthy(1, 'a').length, threads.active('a')]).toEqual([2, 2, 0]);
});

describe('hosts from discovery', () => {
  async function start(): Promise<Threads> {
    const threads = new Threads(1, clusterSettings({ name: 'a', type: 'EDS', outlier: OUTLIER, localities: [], updateMergeMs: 0 }));
    await threads.control.start();
    threads.workers[0]!.get('a');
    threads.eds('a', '10.0.0.1', '10.0.0.2');
    return threads;
  }
  const fail = (threads: Threads, index: number, times = 2) => {
    for (let i = 0; i < times; i++) threads.hosts(0, 'a')[index]!.monitor!.onStatus(503);
  };

  test('are watched as they come', async () => {
    const threads = await start();
    fail(threads, 1);
    expect(threads.healthy(0, 'a')).toEqual(['10.0.0.1:80']);
    threads.eds('a', '10.0.0.1', '10.0.0.2', '10.0.0.3');
    expect(threads.healthy(0, 'a')).toEqual(['10.0.0.1:80', '10.0.0.3:80']);
    fail(threads, 2);
    expect([threads.healthy(0, 'a'), threads.active('a')]).toEqual([['10.0.0.1:80'], 2]);
  });

  test('are forgotten as they go, and whoever gets their place starts afresh', async () => {
    const threads = await start();
    fail(threads, 1);
    const slot = threads.hosts(0, 'a')[1]!.base;
    threads.eds('a', '10.0.0.1');
    expect(threads.active('a')).toBe(0);
    threads.eds('a', '10.0.0.1', '10.0.0.9');
    const host = threads.hosts(0, 'a')[1]!;
    expect([host.base, host.unhealthy]).toEqual([slot, false]);
    fail(threads, 1, 1);
    expect(threads.active('a')).toBe(0);
    fail(threads, 1, 1);
    expect(threads.active('a')).toBe(1);
  });
});

describe('other settings', () => {
  test('begin anew; what is said of the old ones is dropped', () => {
    const settings = clusterSettings({ name: 'a', outlier: OUTLIER }, two);
    const threads = new Threads(1, settings);
    const old = threads.hosts(0, 'a')[0]!;
    old.monitor!.onStatus(500);
    old.monitor!.onStatus(500);
    expect(threads.active('a')).toBe(1);
    const { packed } = threads.control.set({ ...settings, connectTimeoutMs: 77 }, true)!;
    threads.workers[0]!.addOrUpdate(packed);
    expect([threads.active('a'), threads.rig.clock.armed]).toEqual([0, 0]);
    expect(threads.healthy(0, 'a')).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
    old.monitor!.onStatus(500);
    old.monitor!.onStatus(500);
    expect([threads.active('a'), threads.healthy(0, 'a').length]).toEqual([0, 2]);
  });

  test('a cluster that goes takes its detection along', () => {
    const threads = new Threads(1, clusterSettings({ name: 'a', outlier: OUTLIER }, two));
    threads.workers[0]!.get('a');
    expect(threads.rig.clock.armed).toBe(1);
    threads.control.remove('a');
    expect(threads.rig.clock.armed).toBe(0);
  });
});

test('a cluster that is asked for an explanation is not watched', () => {
  const threads = new Threads(1, clusterSettings({ name: 'a', outlier: OUTLIER }, two));
  const { clock, random } = threads.rig.deps;
  threads.workers[0]!.copy('a', { clock, random, rootScope: new PlainStats() });
  expect(threads.watched).toEqual([]);
});
