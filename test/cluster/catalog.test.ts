import { describe, expect, test } from 'vitest';
import { CatalogBuilder, ClusterCatalog, packSettings, unpackSettings } from '../../src/cluster/catalog.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import { DEFAULT_CLUSTER, DEFAULT_DNS, DEFAULT_LOCALITY, DEFAULT_UPSTREAM_HTTP } from '../../src/cluster/settings.ts';
import { DEFAULT_THRESHOLDS } from '../../src/resilience/circuit-breaker.ts';
import { clusterSettings, endpoint } from '../support/cluster-rig.ts';

const RICH = clusterSettings(
  {
    name: 'reich/ü',
    type: 'STRICT_DNS',
    altStatName: 'rich',
    breakers: [{ ...DEFAULT_THRESHOLDS, maxRequests: 1 }, DEFAULT_THRESHOLDS],
    http: { ...DEFAULT_UPSTREAM_HTTP, idleTimeoutMs: 0 },
    dns: { ...DEFAULT_DNS, resolvers: ['1.1.1.1:53'] },
    metadata: { 'envoy.lb': { stage: 'prod' } },
    localities: [
      {
        ...DEFAULT_LOCALITY,
        zone: 'z',
        priority: 1,
        endpoints: [endpoint('a.test', 1), endpoint('::1', 2), endpoint('b', 3, { weight: 7, metadata: { x: { y: 1 } } })],
      },
      { ...DEFAULT_LOCALITY, endpoints: [endpoint('', 0, { path: '/run/a b.sock' })] },
    ],
  },
  [],
);

describe('packed settings', () => {
  test.each([
    ['defaults', { ...DEFAULT_CLUSTER, name: 'x' }],
    ['everything', RICH],
    ['fixed', clusterSettings()],
  ])('%s come back as they were', (_name, settings) => {
    expect(unpackSettings(packSettings(settings))).toEqual(settings);
  });

  test('defaults take no room', () => {
    expect(packSettings(clusterSettings({}, [endpoint('10.0.0.1', 80)]))).toBe('{"name":"c","localities":[{"endpoints":["10.0.0.1 80"]}]}');
  });
});

describe('catalog', () => {
  test('finds clusters in the shared block by name', () => {
    const builder = new CatalogBuilder();
    for (let i = 0; i < 3000; i++) builder.add(clusterSettings({ name: 'cluster-' + i, connectTimeoutMs: i }));
    builder.add(RICH);
    const catalog = new ClusterCatalog(builder.finish());
    expect(catalog.size).toBe(3001);
    expect(catalog.get('cluster-2999')).toMatchObject({ id: 2999 });
    expect(catalog.settings('cluster-17')!.connectTimeoutMs).toBe(17);
    expect(catalog.settings('reich/ü')).toEqual(RICH);
    expect(catalog.get('nobody')).toBeNull();
  });

  test('an empty block', () => {
    expect(new ClusterCatalog(new CatalogBuilder().finish()).size).toBe(0);
  });
});

describe('registry', () => {
  test('a change gets a new id, no change is nothing', () => {
    const registry = ClusterRegistry.of([clusterSettings({ name: 'a' }), clusterSettings({ name: 'b' })]);
    expect(registry.set(clusterSettings({ name: 'a' }))).toBeNull();
    const changed = registry.set(clusterSettings({ name: 'a', connectTimeoutMs: 1 }))!;
    expect(changed.id).toBe(2);
    expect(unpackSettings(changed.json).connectTimeoutMs).toBe(1);
    expect(registry.set(clusterSettings({ name: 'new' }))!.id).toBe(3);
    expect([registry.remove('b'), registry.remove('b')]).toEqual([true, false]);
    expect([...registry.catalog.names()]).toEqual(['a', 'new']);
  });
});
