/** What is in force of resources from files, and what has been refused. */
import { describe, expect, test } from 'vitest';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import { DEFAULT_CLUSTER } from '../../src/cluster/settings.ts';
import type { CompiledResource } from '../../src/server/load-resources.ts';
import { ResourceBook } from '../../src/server/resource-book.ts';

const registry = ClusterRegistry.of([{ ...DEFAULT_CLUSTER, name: 'c', connectTimeoutMs: 7 }]);

function resource(name: string, content: string, settings: unknown = { content }): CompiledResource {
  return { name, settings, encoded: Buffer.from(content), problems: [] };
}

function book(): ResourceBook {
  return new ResourceBook(registry.catalog);
}

describe('what is in force', () => {
  test('keeps the version that it came with until it changes', () => {
    const resources = book();
    resources.accept('listeners', resource('l', 'one'), 'v1', 10);
    resources.accept('listeners', resource('l', 'one'), 'v2', 20);
    expect(resources.dump().inForce).toEqual([{ kind: 'listeners', name: 'l', version: 'v1', updatedMs: 10, encoded: Buffer.from('one') }]);
    resources.accept('listeners', resource('l', 'two'), 'v3', 30);
    expect(resources.dump().inForce).toEqual([{ kind: 'listeners', name: 'l', version: 'v3', updatedMs: 30, encoded: Buffer.from('two') }]);
    expect(resources.get('listeners', 'l')!.settings).toEqual({ content: 'two' });
  });

  test('stands beside what was refused, until the next good one', () => {
    const resources = book();
    resources.accept('routes', resource('r', 'one'), 'v1', 10);
    resources.refuse('routes', 'r', Buffer.from('bad'), 'why', 20);
    expect(resources.get('routes', 'r')!.settings).toEqual({ content: 'one' });
    expect(resources.dump().refused).toEqual([
      { kind: 'routes', name: 'r', encoded: Buffer.from('bad'), details: 'why', lastUpdateAttemptMs: 20 },
    ]);
    resources.accept('routes', resource('r', 'three'), 'v3', 30);
    expect(resources.dump().refused).toEqual([]);
  });

  test('is what the file names, of listeners and clusters', () => {
    const resources = book();
    for (const kind of ['listeners', 'routes'] as const) resources.accept(kind, resource('a', 'x'), 'v1', 10);
    resources.refuse('listeners', 'b', null, 'why', 10);
    resources.begin('listeners', 'v2', ['b']);
    expect(resources.get('listeners', 'a')).toBeNull();
    expect(resources.dump().refused.map(({ name }) => name)).toEqual(['b']);
    resources.begin('listeners', 'v3', []);
    expect(resources.dump().refused).toEqual([]);
    resources.begin('routes', 'v2', ['b']);
    expect(resources.get('routes', 'a')).not.toBeNull();
    expect(resources.dump().versions).toEqual({ listeners: 'v3', routes: 'v2' });
  });

  test('of clusters is what the catalog has: their settings are not kept twice', () => {
    const resources = book();
    expect(resources.get('clusters', 'c')).toBeNull();
    resources.accept('clusters', resource('c', 'x', { ...DEFAULT_CLUSTER, name: 'c' }), 'v1', 10);
    expect(resources.get('clusters', 'c')!.settings).toMatchObject({ name: 'c', connectTimeoutMs: 7 });
    resources.forget('clusters', 'c');
    expect(resources.get('clusters', 'c')).toBeNull();
  });
});
