import { describe, expect, test } from 'vitest';
import { JitteredExponentialBackOff, jitteredLowerBound } from '../../src/resilience/back-off.ts';
import { type Random, seededRandom } from '../../src/runtime/random.ts';

/** Always the largest value that may be drawn. */
const largest: Random = { ...seededRandom(1), below: (bound) => bound - 1, nextU32: () => 0xffffffff, uuid: () => '' };

describe('exponential back-off', () => {
  test.each([
    [25, 250, [25, 50, 100, 200, 250, 250]],
    [1, 3, [1, 2, 3, 3]],
    [100, 100, [100, 100]],
    [100, 60, [60, 60]],
  ])('base %d, max %d: every delay lies below its bound', (base, max, bounds) => {
    const backOff = new JitteredExponentialBackOff(base, max, largest);
    expect(bounds.map(() => backOff.nextMs())).toEqual(bounds.map((bound) => bound - 1));
  });

  test('delays fill their range from 0 on', () => {
    const random = seededRandom(7);
    const seen = new Set<number>();
    for (let i = 0; i < 2000; i++) seen.add(new JitteredExponentialBackOff(25, 250, random).nextMs());
    expect(seen.size).toBe(25);
    expect(Math.min(...seen)).toBe(0);
    expect(Math.max(...seen)).toBe(24);
  });
});

test('a rate-limited wait is never shorter than asked for, and less than half as much again', () => {
  const random = seededRandom(7);
  const waits = Array.from({ length: 1000 }, () => jitteredLowerBound(1000, random));
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(1000);
  expect(Math.max(...waits)).toBeLessThan(1500);
  expect(jitteredLowerBound(1, largest)).toBe(1);
});
