/** Limits that V8 is asked to keep: in a process of their own, since they hold for all of it. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const SCRIPT = `
import { limitHeapGrowth } from ${JSON.stringify(new URL('../../src/runtime/memory.ts', import.meta.url).href)};
limitHeapGrowth();
const kept = Array.from({ length: 200_000 }, (_v, i) => [i, i, i, i]);
const ring = [];
// What the limit is a part of.
gc();
let most = 0;
// Each lives long enough to leave the young generation.
for (let i = 0; i < 1_000_000; i++) {
  ring[i % 50_000] = [i, i, i, i, i, i, i, i];
  if (i % 2000 !== 0) continue;
  most = Math.max(most, process.memoryUsage().heapUsed);
  await new Promise(setImmediate);
}
gc();
console.log(most / process.memoryUsage().heapUsed, kept.map(String).length);
`;

test('a heap is collected long before it has grown fourfold', () => {
  const args = ['--expose-gc', '--max-semi-space-size=1', '--input-type=module', '-e', SCRIPT];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  // A V8 that does not know the flag says so.
  expect(stderr).toBe('');
  expect(Number(stdout.split(' ')[0])).toBeLessThan(3);
});
