/** Health checks as part of a cluster's life: the first round, hosts that come and go, and what workers are told. */
import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ClusterControl } from '../../../src/cluster/cluster-control.ts';
import { WorkerClusterManager } from '../../../src/cluster/cluster-manager.ts';
import type { HealthCheckSettings } from '../../../src/cluster/health-check/settings.ts';
import type { HostUpdate } from '../../../src/cluster/host-update.ts';
import { ClusterRegistry } from '../../../src/cluster/registry.ts';
import { type ClusterSettings, DEFAULT_ENDPOINT, DEFAULT_LOCALITY, type EndpointSettings } from '../../../src/cluster/settings.ts';
import { healthFlagsText } from '../../../src/lb/host.ts';
import { nextTurn } from '../../../src/runtime/turn.ts';
import { ClusterRig, clusterSettings } from '../../support/cluster-rig.ts';
import { CHECK } from '../../support/health-rig.ts';
import { PlainStats } from '../../support/plain-stats.ts';

const HTTP_CHECK: HealthCheckSettings = {
  ...CHECK,
  unhealthyThreshold: 1,
  noTrafficIntervalMs: 1000,
  noTrafficHealthyIntervalMs: 1000,
  check: {
    ...{ kind: 'HTTP', http2: false, method: 'GET', host: '', path: '/hc', addHeaders: [], removeHeaders: [], send: '', receive: [] },
    ...{ responseBufferSize: 1024, expected: [{ start: 200, end: 201 }], retriable: [], serviceName: null },
  },
};

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A server whose health a test sets. */
class Service {
  status = 200;
  port = 0;
  checks = 0;

  static async start(): Promise<Service> {
    const service = new Service();
    const server = http.createServer((_, response) => {
      service.checks++;
      if (service.status !== 0) response.writeHead(service.status).end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    service.port = (server.address() as net.AddressInfo).port;
    closers.push(() => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    });
    return service;
  }

  endpoint(more: Partial<EndpointSettings> = {}): EndpointSettings {
    return { ...DEFAULT_ENDPOINT, host: '127.0.0.1', port: this.port, ...more };
  }
}

class Rig {
  readonly rig = new ClusterRig();
  readonly stats = new PlainStats();
  readonly told: string[] = [];
  readonly control: ClusterControl;
  readonly worker: WorkerClusterManager;

  constructor(...clusters: ClusterSettings[]) {
    const registry = ClusterRegistry.of(clusters);
    this.worker = new WorkerClusterManager(this.rig.deps, registry.block);
    this.control = new ClusterControl(registry, {
      ...this.rig.deps,
      rootScope: this.stats,
      newResolver: () => ({ resolve: async () => [] }),
      format: { clock: this.rig.clock, random: this.rig.deps.random, hostname: 'h', variable: () => undefined },
      openEventLog: () => ({ write: () => undefined }),
      publish: (update: HostUpdate) => this.worker.applyHostUpdate(update),
      publishHealth: (name) => {
        this.told.push(name);
        this.worker.refreshHealth(name);
      },
    });
    closers.push(() => this.control.stop());
  }

  /** Lets time pass until the next answer of each service has come, and workers have been told of it. */
  async round(...services: Service[]): Promise<void> {
    const results = (): number => this.stats.value('cluster.a.health_check.success') + this.stats.value('cluster.a.health_check.failure');
    const before = results();
    this.rig.clock.advance(1010);
    while (results() < before + services.length) await nextTurn();
    await nextTurn();
    await nextTurn();
  }

  flags(name = 'a'): string[] {
    return this.worker.get(name)!.hostSets.flatMap(({ hosts }) => hosts.map((host) => healthFlagsText(host.healthFlags)));
  }

  healthy(name = 'a'): number {
    return this.worker.get(name)!.hostSets.reduce((n, set) => n + set.healthy.length, 0);
  }
}

const settings = (endpoints: EndpointSettings[], more: Partial<ClusterSettings> = {}) =>
  clusterSettings({ name: 'a', healthCheck: HTTP_CHECK, ...more }, endpoints);

describe('the first round', () => {
  test('start waits for it, and workers find hosts as it left them', async () => {
    const [good, bad] = [await Service.start(), await Service.start()];
    bad.status = 500;
    const rig = new Rig(settings([good.endpoint(), bad.endpoint()]));
    await rig.control.start();
    expect(rig.flags()).toEqual(['healthy', '/failed_active_hc']);
    expect(rig.healthy()).toBe(1);
    rig.control.refreshGauges();
    const gauge = (name: string) => rig.stats.value('cluster.a.' + name);
    expect([gauge('membership_healthy'), gauge('membership_total'), gauge('health_check.healthy')]).toEqual([1, 2, 1]);
    expect([gauge('health_check.attempt'), gauge('health_check.success'), gauge('health_check.failure')]).toEqual([2, 1, 1]);
  });

  test('hosts are not healthy before', async () => {
    const service = await Service.start();
    service.status = 0;
    const rig = new Rig(settings([service.endpoint()], { ignoreNewHostsUntilFirstCheck: true }));
    let started = false;
    void rig.control.start().then(() => {
      started = true;
    });
    while (service.checks === 0) await nextTurn();
    expect(rig.flags()).toEqual(['/failed_active_hc/pending_active_hc']);
    expect(rig.worker.get('a')!.hostSets[0]!.excluded).toBe(1);
    expect(started).toBe(false);
    // A host that does not answer holds up nobody for longer than the timeout.
    rig.rig.clock.advance(110);
    for (let i = 0; i < 5; i++) await nextTurn();
    expect(started).toBe(true);
    expect(rig.flags()).toEqual(['/failed_active_hc/active_hc_timeout']);
  });

  test('endpoints that are not to be checked are healthy; without others there is nothing to wait for', async () => {
    const service = await Service.start();
    const check = { disabled: true, port: 0, ip: '', path: '', hostname: '' };
    const rig = new Rig(settings([service.endpoint({ check })]));
    await rig.control.start();
    expect([rig.flags(), service.checks]).toEqual([['healthy'], 0]);
  });

  test('unused clusters without checks cost nothing: the code is not even asked', async () => {
    const rig = new Rig(clusterSettings({ name: 'a' }));
    await rig.control.start();
    expect(rig.stats.value('cluster.a.health_check.attempt')).toBe(0);
    expect(rig.rig.clock.armed).toBe(0);
  });
});

describe('changes', () => {
  test('workers are told once for all hosts that changed together', async () => {
    const services = [await Service.start(), await Service.start(), await Service.start()];
    const rig = new Rig(settings(services.map((service) => service.endpoint())));
    await rig.control.start();
    expect(rig.healthy()).toBe(3);
    rig.told.length = 0;
    for (const service of services) service.status = 503;
    await rig.round(...services);
    expect(rig.healthy()).toBe(0);
    expect(rig.told.length).toBeLessThanOrEqual(3);
    for (const service of services) service.status = 200;
    await rig.round(...services);
    expect(rig.healthy()).toBe(0);
    await rig.round(...services);
    expect(rig.healthy()).toBe(3);
  });

  test('a response that fails its host', async () => {
    const service = await Service.start();
    const rig = new Rig(settings([service.endpoint()]));
    await rig.control.start();
    const cluster = rig.worker.get('a')!;
    const slot = cluster.hostSets[0]!.hosts[0]!.base;
    rig.control.failHost('a', cluster.id + 1, slot);
    expect(rig.flags()).toEqual(['healthy']);
    rig.control.failHost('a', cluster.id, slot);
    await nextTurn();
    expect(rig.flags()).toEqual(['/failed_active_hc/excluded_via_immediate_hc_fail']);
    expect(rig.healthy()).toBe(0);
  });
});

describe('discovery', () => {
  const eds = async (more: Partial<ClusterSettings> = {}) => {
    const rig = new Rig(clusterSettings({ name: 'a', type: 'EDS', healthCheck: HTTP_CHECK, ...more }, []));
    await rig.control.start();
    return rig;
  };
  const tell = async (rig: Rig, ...endpoints: EndpointSettings[]) => {
    rig.control.setEndpoints('a', [{ ...DEFAULT_LOCALITY, endpoints }]);
    await rig.control.firstHealthRound('a');
  };

  test('a host that is gone from the list stays while it passes, and leaves with its first failure', async () => {
    const [first, second] = [await Service.start(), await Service.start()];
    const rig = await eds();
    await tell(rig, first.endpoint(), second.endpoint());
    await tell(rig, first.endpoint());
    expect(rig.flags()).toEqual(['healthy', '/pending_dynamic_removal']);
    expect(rig.healthy()).toBe(2);
    await rig.round(first, second);
    expect(rig.flags()).toEqual(['healthy', '/pending_dynamic_removal']);
    second.status = 503;
    await rig.round(first, second);
    expect(rig.flags()).toEqual(['healthy']);
    const asked = second.checks;
    await rig.round(first);
    expect(second.checks).toBe(asked);
  });

  test('one that returns is as it was', async () => {
    const service = await Service.start();
    const rig = await eds({ updateMergeMs: 0 });
    await tell(rig, service.endpoint());
    await tell(rig);
    expect(rig.flags()).toEqual(['/pending_dynamic_removal']);
    await tell(rig, service.endpoint());
    expect([rig.flags(), service.checks]).toEqual([['healthy'], 1]);
  });

  test('one that fails, or that the list calls unhealthy, goes at once; so does any with ignore_health_on_host_removal', async () => {
    const service = await Service.start();
    service.status = 503;
    const failing = await eds();
    await tell(failing, service.endpoint());
    await tell(failing);
    expect(failing.flags()).toEqual([]);
    service.status = 200;
    const ignoring = await eds({ ignoreHealthOnHostRemoval: true });
    await tell(ignoring, service.endpoint());
    await tell(ignoring);
    expect(ignoring.flags()).toEqual([]);
  });

  test('a new host is checked before it is used, and its place in memory is clean', async () => {
    const [first, second] = [await Service.start(), await Service.start()];
    second.status = 503;
    const rig = await eds({ ignoreHealthOnHostRemoval: true });
    await tell(rig, first.endpoint());
    await tell(rig, second.endpoint());
    expect(rig.flags()).toEqual(['/failed_active_hc']);
    await tell(rig, first.endpoint(), second.endpoint());
    expect(rig.flags().sort()).toEqual(['/failed_active_hc', 'healthy']);
  });

  test('a cluster that changes or goes is not checked any more', async () => {
    const service = await Service.start();
    const rig = await eds();
    await tell(rig, service.endpoint());
    rig.control.remove('a');
    rig.rig.clock.advance(60_000);
    await nextTurn();
    expect([service.checks, rig.rig.clock.armed]).toEqual([1, 0]);
  });
});
