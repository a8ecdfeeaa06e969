import { expect, test } from 'vitest';
import { RuntimeLayers } from '../../src/server/runtime-layers.ts';
import { RuntimeStats } from '../../src/server/runtime-stats.ts';
import { nameUnmoved } from '../../src/server/unmoved-stats.ts';
import { PlainStats } from '../support/plain-stats.ts';

test('runtime: layers, keys, overrides and how often they were put together', () => {
  const root = new PlainStats();
  const stats = new RuntimeStats(root);
  const layers = new RuntimeLayers(
    [
      { name: 'base', kind: 'static', values: { a: '1', b: '2' } },
      { name: 'admin', kind: 'admin' },
    ],
    '',
  );
  const numbers = () => ['num_layers', 'num_keys', 'admin_overrides_active', 'load_success'].map((name) => root.value('runtime.' + name));
  stats.refresh(layers);
  expect(numbers()).toEqual([2, 2, 0, 1]);
  layers.override([['c', '3']]);
  stats.refresh(layers);
  stats.refresh(layers);
  expect(numbers()).toEqual([2, 3, 1, 2]);
  layers.replace([{ name: 'admin', kind: 'admin' }]);
  layers.override([['c', '']]);
  stats.refresh(layers);
  expect(numbers()).toEqual([1, 0, 0, 4]);
});

test('every worker has the names of its watchdog, and what nothing moves is 0', () => {
  const root = new PlainStats();
  nameUnmoved(root, 2);
  expect(root.names).toEqual(
    expect.arrayContaining(['server.worker_0.watchdog_miss', 'server.worker_1.watchdog_mega_miss', 'http.async-client.rq_total']),
  );
  expect(root.names).not.toContain('server.worker_2.watchdog_miss');
  expect(root.nonZero()).toEqual({ 'server.days_until_first_cert_expiring': 4294967295 });
});
