import { expect, test } from 'vitest';
import { percentOfTimeout } from '../../src/cluster/tracked-stats.ts';

test.each([
  [0, 1000, 0],
  [9.99, 1000, 0],
  [10, 1000, 1],
  [999, 1000, 99],
  [1000, 1000, 100],
  [2500, 1000, 250],
  // Of an infinite timeout nothing is used.
  [5000, 0, 0],
])('%d ms of %d are %d percent', (ms, limit, percent) => {
  expect(percentOfTimeout(ms, limit)).toBe(percent);
});
