/** What the page knows after snapshots, ticks and changes. */
import { beforeEach, expect, test } from 'vitest';
import { Store } from '../../../src/page/browser/store.ts';
import type { HostHealth, PageChanges } from '../../../src/page/snapshot.ts';
import { PageFixture } from '../../support/page-fixture.ts';

const NO_CHANGES: PageChanges = { listeners: [], routes: [], clusters: [], edges: [], removed: [], certificates: null };
let fixture: PageFixture;
let store: Store;
beforeEach(() => {
  fixture = new PageFixture({ clusters: 5, busy: 3 });
  store = new Store();
  store.applySnapshot(fixture.snapshot());
});

test('a snapshot is everything', () => {
  expect(store.clusters.size).toBe(5);
  expect(store.clusterNamed('ratings')?.name).toBe('ratings');
  expect(store.clusterNamed('nothing')).toBeNull();
  expect(store.clusterFigures.size).toBe(3);
  expect(store.totals?.rps).toBeGreaterThan(0);
  const other = new PageFixture({ clusters: 1, instance: 'two' });
  store.applySnapshot(other.snapshot());
  expect([store.instance, store.clusters.size, store.routes.size, store.edges.size]).toEqual(['two', 1, 1, 2]);
});

test('what a tick does not list stands still', () => {
  const { id } = fixture.cluster('reviews');
  store.applyTick({ ...fixture.tick(), clusters: [] });
  expect(store.clusterFigures.get(id)).toBeUndefined();
});

test('requests are newest first, 500 at most', () => {
  for (let i = 0; i < 200; i++)
    store.applyTick({ ...fixture.tick(), requests: [fixture.request(1), fixture.request(2), fixture.request(3)] });
  expect(store.requests).toHaveLength(500);
  const ids = store.requests.map((r) => r.id);
  expect(ids).toEqual(ids.toSorted((a, b) => b - a));
});

test('figures of a host hold for one second, its health until another is told', () => {
  const host = fixture.cluster('reviews').hosts[0]!;
  const ill: HostHealth = { state: 'unhealthy', flags: ['failed_active_hc'], ejection: null, successRate: null };
  const tick = fixture.tick();
  store.applyTick({ ...tick, hosts: tick.hosts.map((h) => (h.id === host.id ? { ...h, health: ill } : h)) });
  expect(store.hostFigures(host.id)?.rps).toBeGreaterThan(0);
  store.applyTick({ ...fixture.tick(), hosts: [] });
  expect(store.hostFigures(host.id)).toBeNull();
  expect(store.hostHealth(host)).toBe(ill);
});

test('changes add, replace and remove', () => {
  const shape = store.shape;
  const [gone, changed] = [fixture.cluster('reviews'), fixture.cluster('ratings')];
  const added = { ...gone, id: 900, name: 'new', hosts: [] };
  const changes = {
    ...NO_CHANGES,
    removed: [gone.id, fixture.edges[0]!.id],
    clusters: [{ ...changed, lbPolicy: 'RANDOM', hosts: [] }, added],
  };
  store.applyTick({ ...fixture.tick(), changes });
  expect(store.shape).toBeGreaterThan(shape);
  expect(store.clusterNamed('reviews')).toBeNull();
  expect(store.clusterNamed('ratings')?.lbPolicy).toBe('RANDOM');
  expect(store.clusterNamed('new')?.id).toBe(900);
  expect(store.edges.has(fixture.edges[0]!.id)).toBe(false);
  expect(store.hostFigures(changed.hosts[0]!.id)?.id).toBe(changed.hosts[0]!.id);
});

test('a cluster that comes back under its name takes the place of the one removed', () => {
  const gone = fixture.cluster('reviews');
  store.applyTick({ ...fixture.tick(), changes: { ...NO_CHANGES, removed: [gone.id], clusters: [{ ...gone, id: 901 }] } });
  expect(store.clusterNamed('reviews')?.id).toBe(901);
});
