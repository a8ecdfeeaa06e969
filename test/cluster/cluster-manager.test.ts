import { describe, expect, test } from 'vitest';
import { packSettings } from '../../src/cluster/catalog.ts';
import { WorkerClusterManager } from '../../src/cluster/cluster-manager.ts';
import { type HostRecord, type HostUpdate, hostRecord } from '../../src/cluster/host-update.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import type { ClusterSettings } from '../../src/cluster/settings.ts';
import { HealthFlag, HOST_CELLS, HOST_HEALTH_CELL, NO_LOCALITY } from '../../src/lb/host.ts';
import { discardStats } from '../../src/stats/discard.ts';
import { ClusterRig, clusterSettings, endpoint, lbContext, OK, RecordingClient, settle } from '../support/cluster-rig.ts';

function manage(...clusters: ClusterSettings[]) {
  const rig = new ClusterRig();
  const registry = ClusterRegistry.of(clusters);
  const deps = { ...rig.deps };
  const manager = new WorkerClusterManager(deps, registry.block);
  const request = (name: string) => {
    const cluster = manager.get(name)!;
    const client = new RecordingClient();
    cluster.httpPool(cluster.chooseHost(rig.context)!, 0, rig.context)!.acquire(client);
    return client;
  };
  return { rig, registry, deps, manager, request };
}

function record(rig: ClusterRig, ip: string, more: Partial<HostRecord> = {}): HostRecord {
  return { ...hostRecord(endpoint(ip), ip, NO_LOCALITY, 0, rig.slab.allocate(HOST_CELLS)), ...more };
}

const update = (id: number, ...priorities: HostRecord[][]): HostUpdate => ({
  cluster: 'd',
  id,
  priorities: priorities.map((hosts) => ({ hosts })),
  overprovisioningFactor: 140,
  weightedPriorityHealth: false,
  dropOverload: 0,
  version: 0,
});

const texts = (manager: WorkerClusterManager) => manager.get('d')!.hostSets.map((set) => set.hosts.map((h) => h.address.text));

describe('clusters', () => {
  test('are made when first asked for, with their statistics', () => {
    const { rig, manager } = manage(clusterSettings({ name: 'a:b', altStatName: '' }), clusterSettings({ name: 'x', altStatName: 'y:z' }));
    expect([...manager.active]).toEqual([]);
    expect(manager.get('nobody')).toBeNull();
    const cluster = manager.get('a:b')!;
    expect(manager.get('a:b')).toBe(cluster);
    cluster.stats.upstreamRqTotal.inc();
    manager.get('x')!.stats.upstreamRqTotal.inc();
    expect(rig.stats.nonZero()).toMatchObject({ 'cluster.a_b.upstream_rq_total': 1, 'cluster.y_z.upstream_rq_total': 1 });
  });

  test('two workers share the numbers of a cluster and its hosts', () => {
    const { deps, registry, manager } = manage(clusterSettings({ name: 'a' }), clusterSettings({ name: 'b' }));
    const other = new WorkerClusterManager(deps, registry.block);
    other.get('b')!.hostSets[0]!.hosts[0]!.requestStarted();
    other.get('b')!.circuitBreaker(1).requests.inc();
    manager.get('a');
    const [mine] = manager.get('b')!.hostSets[0]!.hosts;
    expect([
      mine!.rqActive,
      manager.get('b')!.circuitBreaker(1).requests.count,
      manager.get('b')!.circuitBreaker(0).requests.count,
    ]).toEqual([1, 1, 0]);
    expect(manager.get('a')!.hostSets[0]!.hosts[0]!.rqActive).toBe(0);
  });

  test('an unchanged cluster is left alone, a changed one lets its requests end', async () => {
    const { rig, registry, manager, request } = manage(clusterSettings({ name: 'a' }));
    const client = request('a');
    rig.upstreams[0]!.connected();
    const before = manager.get('a');
    manager.addOrUpdate({ name: 'a', id: 99, json: packSettings(clusterSettings({ name: 'a' })) });
    expect(manager.get('a')).toBe(before);
    manager.addOrUpdate(registry.set(clusterSettings({ name: 'a', connectTimeoutMs: 1 }))!);
    expect(manager.get('a')).not.toBe(before);
    rig.upstreams[0]!.sends(OK);
    expect(client.events).toEqual(['ready', '200', 'ok', 'end']);
    await settle();
    expect(rig.upstreams[0]!.socket.destroyed).toBe(true);
  });

  test('a removed cluster is gone for new requests', async () => {
    const { rig, manager, request } = manage(clusterSettings({ name: 'a' }));
    request('a');
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(OK);
    manager.remove('a');
    expect(manager.get('a')).toBeNull();
    await settle();
    expect(rig.upstreams[0]!.socket.destroyed).toBe(true);
  });
});

describe('hosts from the control thread', () => {
  const dns = clusterSettings({ name: 'd', type: 'STRICT_DNS' });

  test('wait for a cluster that is not made yet', () => {
    const { rig, manager } = manage(dns);
    manager.applyHostUpdate(update(0, [record(rig, '1.1.1.1')]));
    expect([...manager.active]).toEqual([]);
    expect(texts(manager)).toEqual([['1.1.1.1:80']]);
  });

  test('no hosts yet: no host is chosen, and it is counted', () => {
    const { rig, manager } = manage(dns);
    expect(manager.get('d')!.chooseHost(rig.context)).toBeNull();
    expect(rig.stats.value('cluster.d.upstream_cx_none_healthy')).toBe(1);
  });

  test('a host that stays keeps its connections, one that goes is drained', async () => {
    const { rig, manager, request } = manage(dns);
    const [a, b] = [record(rig, '1.1.1.1'), record(rig, '1.1.1.2')];
    manager.applyHostUpdate(update(0, [a, b]));
    const [hostA, hostB] = manager.get('d')!.hostSets[0]!.hosts;
    request('d');
    request('d');
    rig.upstreams.forEach((u) => void u.connected());
    rig.upstreams.forEach((u) => void u.sends(OK));
    manager.applyHostUpdate(update(0, [{ ...b, weight: 3 }]));
    expect(manager.get('d')!.hostSets[0]!.hosts).toEqual([hostB]);
    expect([hostA!.member, hostB!.member, hostB!.weight]).toEqual([false, true, 3]);
    await settle();
    const open = rig.upstreams.filter((u) => !u.socket.destroyed).map((u) => u.target.text);
    expect(open).toEqual(['1.1.1.2:80']);
  });

  test('a logical host changes its address; the open connection stays', async () => {
    const { rig, manager, request } = manage({ ...dns, type: 'LOGICAL_DNS' });
    const host = record(rig, '1.1.1.1');
    manager.applyHostUpdate(update(0, [host]));
    request('d');
    rig.upstreams[0]!.connected();
    manager.applyHostUpdate(update(0, [{ ...host, ip: '1.1.1.9' }]));
    request('d');
    await settle();
    expect(rig.upstreams.map((u) => u.target.text)).toEqual(['1.1.1.1:80', '1.1.1.9:80']);
    expect(rig.upstreams[0]!.socket.destroyed).toBe(false);
  });

  test('an update for settings that were replaced is dropped', () => {
    const { rig, registry, manager } = manage(dns);
    const stale = update(0, [record(rig, '1.1.1.1')]);
    manager.addOrUpdate(registry.set({ ...dns, connectTimeoutMs: 1 })!);
    manager.applyHostUpdate(stale);
    expect(texts(manager)).toEqual([]);
  });

  test('close_connections_on_host_set_change drains the others too', async () => {
    const { rig, manager, request } = manage({ ...dns, closeConnectionsOnHostSetChange: true });
    const a = record(rig, '1.1.1.1');
    manager.applyHostUpdate(update(0, [a]));
    request('d');
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(OK);
    manager.applyHostUpdate(update(0, [{ ...a, weight: 2 }]));
    await settle();
    expect(rig.upstreams[0]!.socket.destroyed).toBe(false);
    manager.applyHostUpdate(update(0, [a, record(rig, '1.1.1.2')]));
    await settle();
    expect(rig.upstreams[0]!.socket.destroyed).toBe(true);
  });

  test('health that the control thread wrote into the slab counts after refreshHealth', () => {
    const { rig, manager } = manage(dns);
    const [a, b] = [record(rig, '1.1.1.1'), record(rig, '1.1.1.2')];
    manager.applyHostUpdate(update(0, [a, b]));
    Atomics.or(rig.slab.cells, a.slot + HOST_HEALTH_CELL, HealthFlag.FailedOutlierCheck);
    manager.refreshHealth('d');
    const cluster = manager.get('d')!;
    expect(new Set(Array.from({ length: 10 }, () => cluster.chooseHost(rig.context)!.address.text))).toEqual(new Set(['1.1.1.2:80']));
  });
});

describe('ORIGINAL_DST', () => {
  const settings = clusterSettings({ name: 'o', type: 'ORIGINAL_DST', localities: [] });
  const to = (text: string) => {
    const context = lbContext();
    const [ip, port] = text.split(':');
    return {
      ...context,
      downstream: {
        ...context.downstream,
        localAddressRestored: true,
        localAddress: { kind: 'ip' as const, ip: ip!, port: Number(port), version: 4 as const, path: '', text },
      },
    };
  };

  test('the host is where the client wanted to go; the same one for the same place', () => {
    const { manager } = manage(settings);
    const cluster = manager.get('o')!;
    const host = cluster.chooseHost(to('10.1.1.1:3000'))!;
    expect(host.address.text).toBe('10.1.1.1:3000');
    expect(cluster.chooseHost(to('10.1.1.1:3000'))).toBe(host);
    expect(cluster.chooseHost(to('10.1.1.2:3000'))).not.toBe(host);
  });

  test('an address that was not restored is the proxy itself: no host', () => {
    const { rig, manager } = manage(settings);
    expect(manager.get('o')!.chooseHost(rig.context)).toBeNull();
  });

  test('unused hosts disappear, used ones stay', () => {
    const { rig, manager } = manage(settings);
    const cluster = manager.get('o')!;
    cluster.chooseHost(to('10.1.1.1:3000'));
    const kept = cluster.chooseHost(to('10.1.1.2:3000'))!;
    kept.requestStarted();
    rig.clock.advance(5010);
    expect(manager.snapshot()['o']!.map((h) => h.address)).toEqual(['10.1.1.1:3000', '10.1.1.2:3000']);
    rig.clock.advance(5010);
    expect(manager.snapshot()['o']!.map((h) => [h.address, h.counts.rqActive])).toEqual([['10.1.1.2:3000', 1]]);
    kept.requestEnded();
    rig.clock.advance(10_020);
    expect(manager.snapshot()).toEqual({});
  });

  test.each([
    ['header', '10.9.9.9:99', '10.9.9.9:99', 0],
    ['IPv6 header', '[::1]:99', '[::1]:99', 0],
    ['a name is no address', 'web.test:99', null, 1],
    ['no port', '10.9.9.9', null, 1],
  ])('use_http_header: %s', (_name, value, text, invalid) => {
    const { rig, manager } = manage({ ...settings, originalDst: { ...settings.originalDst, useHttpHeader: true } });
    const context = to('10.1.1.1:3000');
    const requestHeaders = { lookup: (name: string) => (name === 'x-envoy-original-dst-host' ? value : undefined) };
    const host = manager.get('o')!.chooseHost({ ...context, requestHeaders: requestHeaders as never });
    expect(host?.address.text ?? null).toBe(text);
    expect(rig.stats.value('cluster.o.original_dst_host_invalid')).toBe(invalid);
  });

  test('filter state goes before the header, metadata before filter state', () => {
    const { manager } = manage({
      ...settings,
      originalDst: { ...settings.originalDst, useHttpHeader: true, metadataPath: ['ns', 'dst', 'to'] },
    });
    const context = to('10.1.1.1:3000');
    const all = { ...context, requestHeaders: { lookup: () => '10.3.3.3:3' } as never };
    const cluster = manager.get('o')!;
    all.streamInfo.filterState = new Map([['envoy.network.transport_socket.original_dst_address', '10.4.4.4:4']]);
    expect(cluster.chooseHost(all)!.address.text).toBe('10.4.4.4:4');
    all.streamInfo.dynamicMetadata = new Map([['ns', { dst: { to: '10.5.5.5:5' } }]]);
    expect(cluster.chooseHost(all)!.address.text).toBe('10.5.5.5:5');
  });

  test('upstream_port_override', () => {
    const { manager } = manage({ ...settings, originalDst: { ...settings.originalDst, portOverride: 8443 } });
    expect(manager.get('o')!.chooseHost(to('10.1.1.1:3000'))!.address.text).toBe('10.1.1.1:8443');
  });
});

describe('a copy, for asking', () => {
  const quiet = (rig: ClusterRig) => ({ clock: rig.deps.clock, random: rig.deps.random, rootScope: discardStats });

  test('leaves an unused cluster unmade, and its cells untaken', () => {
    const { rig, manager } = manage(clusterSettings({ name: 'a' }), clusterSettings({ name: 'o', type: 'ORIGINAL_DST' }));
    const before = rig.slab.allocate(1);
    expect(manager.copy('a', quiet(rig))!.hostSets[0]!.hosts).toHaveLength(1);
    expect(manager.copy('o', quiet(rig))!.settings.type).toBe('ORIGINAL_DST');
    expect(manager.copy('nobody', quiet(rig))).toBeNull();
    expect([...manager.active]).toEqual([]);
    // The next cells are the very next ones.
    expect(rig.slab.allocate(1) - before).toBe(16);
    expect(rig.stats.nonZero()).toEqual({});
  });

  test('sees what is in flight and who is ill', () => {
    const { rig, manager } = manage(clusterSettings({ name: 'a' }, [endpoint('10.0.0.1'), endpoint('10.0.0.2')]));
    const live = manager.get('a')!;
    const [first, second] = live.hostSets[0]!.hosts;
    first!.requestStarted();
    live.circuitBreaker(0).requests.inc();
    Atomics.or(rig.slab.cells, second!.base + HOST_HEALTH_CELL, HealthFlag.FailedActiveHc);
    const copy = manager.copy('a', quiet(rig))!;
    expect(copy).not.toBe(live);
    expect(copy.hostSets[0]!.hosts.map((host) => [host.rqActive, host.unhealthy])).toEqual([
      [1, false],
      [0, true],
    ]);
    expect(copy.circuitBreaker(0).requests.count).toBe(1);
  });

  test('has the hosts that were discovered, whether or not the cluster is in use', () => {
    const { rig, manager } = manage(clusterSettings({ name: 'd', type: 'EDS', localities: [] }));
    manager.applyHostUpdate(
      update(0, [record(rig, '10.0.0.1')], [record(rig, '10.0.0.2', { weight: 3, health: HealthFlag.FailedEdsHealth })]),
    );
    const hosts = () => manager.copy('d', quiet(rig))!.hostSets.map((set) => set.hosts.map((h) => [h.address.ip, h.weight, h.unhealthy]));
    const expected = [[['10.0.0.1', 1, false]], [['10.0.0.2', 3, true]]];
    expect(hosts()).toEqual(expected);
    manager.get('d')!.hostSets[0]!.hosts[0]!.requestStarted();
    expect(hosts()).toEqual(expected);
    expect(manager.copy('d', quiet(rig))!.hostSets[0]!.hosts[0]!.rqActive).toBe(1);
  });
});
