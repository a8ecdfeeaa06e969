/** Which entry of weighted clusters a retry goes to where it may go to another cluster. The orders are Envoy's for the same values. */
import { describe, expect, test } from 'vitest';
import { WeightedChoice, WeightedEntries } from '../../src/route/action/weighted/weighted-clusters.ts';
import type { Route } from '../../src/route/route.ts';
import type { WeightedEntrySettings } from '../../src/route/settings.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';

function orders(weights: readonly number[], random: number, times: number, runtime: Readonly<Record<string, string>> = {}): string {
  const entries = weights.map((weight, i) => ({ name: 'abcd'[i], weight }) as WeightedEntrySettings);
  const settings = { kind: 'weighted' as const, entries, headerName: '', useHashPolicy: false, runtimeKeyPrefix: 'w' };
  const choice = new WeightedChoice(settings, null, new StaticRuntime(new Map(Object.entries(runtime))));
  const routes = entries.map(({ name }) => ({ name }) as Route);
  const all = new WeightedEntries(choice, routes);
  const tried = new Set<number>();
  let route = routes[choice.choose(null as never, null as never, random)]!;
  let order = route.name;
  for (let n = 1; n < times; n++) {
    route = all.another(route, tried, null as never, null as never, random);
    order += route.name;
  }
  return order;
}

describe('a retry that may go to another entry', () => {
  test.each([
    [0, 'abcabc'],
    [1, 'bcabca'],
    [4, 'bacbac'],
    [2, 'cabcab'],
    [5, 'cbacba'],
  ])('takes those that have not been tried, by the same value, and begins anew after all (%i)', (random, order) => {
    expect(orders([1, 1, 1], random, 6)).toBe(order);
  });

  test('stays where it is when those that are left have no share', () => {
    expect(orders([70, 20, 10, 0], 15, 5)).toBe('abccc');
    expect(orders([70, 20, 10, 0], 95, 5)).toBe('cabbb');
    expect(orders([1], 0, 3)).toBe('aaa');
  });

  test('goes by shares of the runtime', () => {
    expect(orders([1, 1, 1], 0, 4, { 'w.b': '0' })).toBe('accc');
  });
});
