/** What a worker does with hosts that become unhealthy, and with responses that say so. */
import { describe, expect, test } from 'vitest';
import { WorkerCluster } from '../../src/cluster/cluster.ts';
import type { ClusterSettings } from '../../src/cluster/settings.ts';
import { HealthFlag, type Host, setHostHealth } from '../../src/lb/host.ts';
import { ClusterRig, clusterSettings, endpoint, OK, RecordingClient, settle } from '../support/cluster-rig.ts';
import { CHECK } from '../support/health-rig.ts';

function fail(host: Host): void {
  setHostHealth(host.cells, host.base, HealthFlag.FailedActiveHc, true);
}

describe('a host becomes unhealthy', () => {
  test('idle connections close, busy ones finish, new ones may come', async () => {
    const rig = new ClusterRig();
    const [host] = rig.cluster.hostSets[0]!.hosts;
    rig.request();
    const busy = rig.request();
    for (const upstream of rig.upstreams) upstream.connected();
    rig.upstreams[0]!.sends(OK);
    expect(rig.stat('upstream_cx_active')).toBe(2);
    fail(host!);
    rig.cluster.refreshHealth();
    await settle();
    expect([rig.stat('upstream_cx_active'), rig.stat('upstream_cx_destroy_local')]).toEqual([1, 1]);
    rig.upstreams[1]!.sends(OK);
    await settle();
    expect(busy.events).toContain('200');
    expect(rig.stat('upstream_cx_active')).toBe(0);
    // In panic it is asked all the same, over a new connection, which then is left alone.
    rig.request(new RecordingClient(), host);
    rig.upstreams[2]!.connected();
    rig.upstreams[2]!.sends(OK);
    rig.cluster.refreshHealth();
    await settle();
    expect(rig.stat('upstream_cx_active')).toBe(1);
  });

  test('what an endpoint list says closes nothing', async () => {
    const rig = new ClusterRig();
    rig.request();
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(OK);
    rig.cluster.hostSets[0]!.hosts[0]!.endpointHealth = HealthFlag.FailedEdsHealth;
    rig.cluster.refreshHealth();
    await settle();
    expect(rig.stat('upstream_cx_active')).toBe(1);
  });

  test.each([
    [true, ['connected', 'close']],
    [false, ['connected']],
  ])('TCP connections end with it if asked to: %s', async (closeConnectionsOnHostHealthFailure, events) => {
    const rig = new ClusterRig({ closeConnectionsOnHostHealthFailure });
    const seen: string[] = [];
    const client = {
      onTcpConnected: () => {
        seen.push('connected');
        return {
          onData: () => undefined,
          onEnd: () => undefined,
          onClose: () => void seen.push('close'),
          onAboveWriteBufferHighWatermark: () => undefined,
          onBelowWriteBufferLowWatermark: () => undefined,
        };
      },
      onTcpFailure: () => void seen.push('failed'),
    };
    const [host] = rig.cluster.hostSets[0]!.hosts;
    rig.cluster.connectTcp(host!, 0, client, rig.context);
    rig.upstreams[0]!.connected();
    rig.cluster.connectTcp(host!, 0, client, rig.context);
    fail(host!);
    rig.cluster.refreshHealth();
    await settle();
    expect(seen).toEqual(closeConnectionsOnHostHealthFailure ? ['connected', 'failed', 'close'] : events);
    expect(rig.stat('upstream_cx_active')).toBe(closeConnectionsOnHostHealthFailure ? 0 : 2);
  });
});

describe('a response says that its host is failing', () => {
  const reporting = (settings: Partial<ClusterSettings>): { cluster: WorkerCluster; reports: unknown[][] } => {
    const rig = new ClusterRig();
    const reports: unknown[][] = [];
    const cluster = new WorkerCluster(clusterSettings(settings, [endpoint('10.0.0.1')]), 5, {
      ...rig.deps,
      reportFailing: (...report) => void reports.push(report),
    });
    return { cluster, reports };
  };

  test('the control thread is told which', () => {
    const { cluster, reports } = reporting({ healthCheck: CHECK });
    const host = cluster.hostSets[0]!.hosts[0]!;
    host.failureReporter!.reportFailing(host);
    expect(reports).toEqual([['c', 5, host.base]]);
  });

  test('without health checks nobody looks for it', () => {
    expect(reporting({}).cluster.hostSets[0]!.hosts[0]!.failureReporter).toBeNull();
  });
});
