/** Series of the charts: kept ones and new ones put together. */
import { expect, test } from 'vitest';
import { HistoryGroup } from '../../../src/page/browser/history.ts';

const T = 1_700_000_000_000;
const kept = (name: string, values: readonly (number | null)[], untilWallMs = T, stepMs = 1000) => ({ name, stepMs, untilWallMs, values });

test('what was kept comes before what has come since', () => {
  const group = new HistoryGroup(['a', 'b']);
  for (const s of [-1, 0, 1, 2]) group.add(T + s * 1000, [10 + s, 20 + s]);
  group.fill({ series: [kept('b', [5, 6, 7]), kept('a', [1, 2, 3])] });
  expect(group.times).toEqual([-2, -1, 0, 1, 2].map((s) => T / 1000 + s));
  expect(group.values).toEqual([
    [1, 2, 3, 11, 12],
    [5, 6, 7, 21, 22],
  ]);
});

test('steps of five seconds go together with those of one', () => {
  const group = new HistoryGroup(['a']);
  group.fill({ series: [kept('a', [1, null, 3], T, 5000)] });
  group.add(T + 1000, [4]);
  expect(group.times.map((t) => t - T / 1000)).toEqual([-10, -5, 0, 1]);
  expect(group.values).toEqual([[1, null, 3, 4]]);
});

test('unknown series change nothing', () => {
  const group = new HistoryGroup(['a']);
  group.add(T, [1]);
  group.fill({ series: [kept('a', []), kept('z', [1])] });
  expect(group.values).toEqual([[1]]);
});

test('a tick that came before is not drawn twice; a gap is a gap', () => {
  const group = new HistoryGroup(['a']);
  group.add(T, [1]);
  group.add(T, [2]);
  expect(group.lacks(T + 2000)).toBe(false);
  expect(group.lacks(T + 4000)).toBe(true);
  group.add(T + 30_000, [3]);
  expect(group.times.map((t) => t - T / 1000)).toEqual([0, 1, 30]);
  expect(group.values).toEqual([[1, null, 3]]);
});

test('it is 15 minutes, however long the page is open', () => {
  const group = new HistoryGroup(['a']);
  for (let s = 0; s < 3000; s++) group.add(T + s * 1000, [s]);
  expect(group.times).toHaveLength(901);
  expect(group.values[0]).toHaveLength(901);
  expect(group.values[0]![0]).toBe(2099);
});
