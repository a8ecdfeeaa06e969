/** Which part of the mesh is drawn, and where. */
import { beforeEach, describe, expect, test } from 'vitest';
import { layOut } from '../../../src/page/browser/graph-layout.ts';
import { type Graph, GraphModel } from '../../../src/page/browser/graph-model.ts';
import { Store } from '../../../src/page/browser/store.ts';
import { PageFixture } from '../../support/page-fixture.ts';

let fixture: PageFixture;
let store: Store;
let model: GraphModel;
beforeEach(() => {
  fixture = new PageFixture({ clusters: 200, busy: 60 });
  store = new Store();
  store.applySnapshot(fixture.snapshot());
  model = new GraphModel();
});

const clustersOf = (graph: Graph) => graph.nodes.filter((n) => n.column === 3).map((n) => n.title);

describe('what is drawn', () => {
  test('the busiest clusters with all that leads to them', () => {
    const graph = model.build(store, 12, '');
    expect(clustersOf(graph).sort()).toEqual(
      fixture.clusters
        .slice(0, 12)
        .map((c) => c.name)
        .sort(),
    );
    expect([graph.clustersShown, graph.clustersMatching]).toEqual([12, 200]);
    const keys = new Set(graph.nodes.map((n) => n.key));
    for (const edge of graph.edges) expect([keys.has(edge.from), keys.has(edge.to)]).toEqual([true, true]);
    expect(new Set(graph.nodes.map((n) => n.column))).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(new Set(graph.edges.map((e) => e.key)).size).toBe(graph.edges.length);
  });

  test('a failing cluster is drawn at once, however little it carries', () => {
    const name = fixture.clusters[55]!.name;
    expect(clustersOf(model.build(store, 12, ''))).not.toContain(name);
    fixture.failing.add(name);
    store.applyTick(fixture.tick());
    const graph = model.build(store, 12, '');
    expect(clustersOf(graph)).toContain(name);
    expect(graph.nodes.find((n) => n.title === name)?.tone).toBe('error');
  });

  test('nothing comes and goes because of small differences', () => {
    const first = clustersOf(model.build(store, 12, '')).join();
    for (let i = 0; i < 60; i++) {
      store.applyTick(fixture.tick());
      expect(clustersOf(model.build(store, 12, '')).join()).toBe(first);
    }
  });

  test('a name finds clusters, and what leads to them; listeners and routes find what they lead to', () => {
    expect(clustersOf(model.build(store, 12, 'service-77'))).toEqual([fixture.clusters[77]!.name]);
    expect(clustersOf(model.build(store, 50, 'ratings-route'))).toEqual(['ratings']);
    const behind = model.build(store, 200, 'edge').clustersMatching;
    expect(behind).toBeGreaterThan(60);
    expect(behind).toBeLessThan(75);
    expect(model.build(store, 12, 'nothing').clustersMatching).toBe(0);
  });

  test('of many hosts the ill ones are shown, the rest as a number', () => {
    const cluster = fixture.clusters[5]!;
    const last = cluster.hosts[5]!;
    const tick = fixture.tick();
    const health = { state: 'unhealthy' as const, flags: ['failed_active_hc'], ejection: null, successRate: null };
    store.applyTick({ ...tick, hosts: tick.hosts.map((h) => (h.id === last.id ? { ...h, health } : h)) });
    const graph = model.build(store, 12, '');
    const hosts = graph.edges.filter((e) => e.from === `n${cluster.id}`).map((e) => graph.nodes.find((n) => n.key === e.to)!);
    expect(hosts.map((h) => h.title)).toEqual([...cluster.hosts.slice(0, 2).map((h) => h.address), last.address, '3 more']);
    expect(hosts[2]).toMatchObject({ tone: 'error', note: 'unhealthy' });
  });

  test('an empty mesh is a graph too', () => {
    store.applySnapshot({ ...new PageFixture({ clusters: 0 }).snapshot() });
    const graph = model.build(store, 12, '');
    expect(graph.nodes.map((n) => n.title)).toEqual(['Clients', 'edge', 'outbound']);
  });
});

describe('where it is drawn', () => {
  test.each([12, 50])('nothing overlaps with %i clusters, and everything is inside', (limit) => {
    const graph = model.build(store, limit, '');
    const { boxes, width, height } = layOut(graph.nodes, graph.edges, 1300);
    expect(boxes.size).toBe(graph.nodes.length);
    const all = [...boxes.values()];
    for (const box of all) {
      expect(box.x).toBeGreaterThanOrEqual(0);
      expect(box.y).toBeGreaterThanOrEqual(20);
      expect(box.x + box.width).toBeLessThanOrEqual(width);
      expect(box.y + box.height).toBeLessThanOrEqual(height);
    }
    const overlaps = all.filter((a, i) =>
      all.some((b, j) => j > i && a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height),
    );
    expect(overlaps).toEqual([]);
  });

  test('the same graph has the same places', () => {
    const graph = model.build(store, 12, '');
    expect(layOut(graph.nodes, graph.edges, 1300)).toEqual(layOut(graph.nodes, graph.edges, 1300));
  });

  test('a narrow window scrolls instead of squeezing', () => {
    const graph = model.build(store, 3, '');
    expect(layOut(graph.nodes, graph.edges, 300).width).toBeGreaterThan(1000);
  });
});
