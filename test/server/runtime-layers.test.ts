import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RealClock } from '../../src/runtime/real-clock.ts';
import type { RuntimeLayerSettings } from '../../src/server/compiled.ts';
import { RuntimeLayers } from '../../src/server/runtime-layers.ts';
import { RuntimeWatch } from '../../src/server/runtime-watch.ts';
import { until } from '../support/poll.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-runtime-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (path: string, text: string) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const point = (target: string) => {
  symlinkSync(join(folder, target), join(folder, 'new'));
  renameSync(join(folder, 'new'), join(folder, 'current'));
};
const disk = (name: string, subdirectory: string, appendServiceCluster = false): RuntimeLayerSettings => ({
  ...{ kind: 'disk', name, subdirectory, appendServiceCluster },
  symlinkRoot: join(folder, 'current'),
});

describe('layers', () => {
  test('later ones win, and a directory that is not there is no layer', () => {
    write('v1/base/a/b', '1');
    write('v1/base/c', '# why\n2\n');
    write('v1/more/svc/c', '3');
    point('v1');
    const layers = new RuntimeLayers(
      [{ kind: 'static', name: 's', values: { c: '0', d: '9' } }, disk('base', 'base'), disk('more', 'more', true), disk('none', 'none')],
      'svc',
    );
    expect(layers.names).toEqual(['s', 'base', 'more']);
    expect(layers.values()).toEqual({ 'a.b': '1', c: '3', d: '9' });
    expect(layers.entries()['c']).toEqual({ layerValues: ['0', '2', '3'], finalValue: '3' });
    expect(layers.loads).toEqual({ success: 1, error: 0, overrideDirectory: 1, noOverrideDirectory: 0 });
  });

  test('a directory that is too deep is left out, and counted', () => {
    write(`v1/${'x/'.repeat(20)}k`, '1');
    point('v1');
    const layers = new RuntimeLayers([disk('base', ''), { kind: 'static', name: 's', values: { a: '1' } }], '');
    expect(layers.values()).toEqual({ a: '1' });
    expect(layers.loads.error).toBe(1);
  });

  test('what is read is read once: files changed in place are not seen', () => {
    write('v1/k', '1');
    point('v1');
    const layers = new RuntimeLayers([disk('base', '')], '');
    write('v1/k', '2');
    expect(layers.values()).toEqual({ k: '1' });
    layers.load();
    expect(layers.values()).toEqual({ k: '2' });
  });
});

test('a swap of the root is noticed, a change beside it is not', async () => {
  write('v1/k', '1');
  write('v2/k', '2');
  point('v1');
  let swaps = 0;
  const watch = new RuntimeWatch(new RealClock(), () => swaps++);
  watch.watch([disk('base', '')]);
  try {
    write('other', 'x');
    renameSync(join(folder, 'other'), join(folder, 'another'));
    point('v2');
    await until('the swap is noticed', () => Promise.resolve(swaps > 0));
    expect(swaps).toBe(1);
  } finally {
    watch.close();
  }
});
