import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/runtime/random.ts';
import { StatsAggregate } from '../../src/stats/aggregate.ts';
import { BinCounts, binLower, binWidth, DEFAULT_BUCKETS, SUPPORTED_QUANTILES } from '../../src/stats/histogram-bins.ts';

function recorded(values: readonly number[], unit: 'ms' | 'percent' = 'ms'): BinCounts {
  const aggregate = new StatsAggregate();
  const histogram = aggregate.local.root.histogram('h', unit);
  for (const v of values) histogram.record(v);
  return aggregate.find('h')!.collect().cumulative;
}

describe('bins', () => {
  test.each([
    [[0, 0.9, -3, Number.NaN], [[0, 0, 4]]],
    [
      [1, 9, 9.99],
      [
        [1, 0.1, 1],
        [9, 0.1, 2],
      ],
    ],
    [
      [10, 10.9, 99],
      [
        [10, 1, 2],
        [99, 1, 1],
      ],
    ],
    [
      [100, 109, 110, 1999],
      [
        [100, 10, 2],
        [110, 10, 1],
        [1900, 100, 1],
      ],
    ],
    [
      [1e15, 123456789],
      [
        [120000000, 10000000, 1],
        [1e15, 1e14, 1],
      ],
    ],
  ])('%j', (values, expected) => {
    const counts = recorded(values);
    expect(counts.bins.map((b, i) => [binLower(b), binWidth(b), counts.counts[i]])).toEqual(expected);
  });

  test('every whole number lies in its bin, which is at most a tenth wide', () => {
    const random = seededRandom(7);
    for (let i = 0; i < 2_000; i++) {
      const value = random.below(10 ** (1 + (i % 9)));
      const bin = recorded([value]).bins[0]!;
      expect(binLower(bin)).toBeLessThanOrEqual(value);
      if (value > 0) expect(value).toBeLessThan(binLower(bin) + binWidth(bin) + 1e-9);
    }
  });

  test('percentages are fractions', () => {
    const counts = recorded([0.29, 0.5, 1], 'percent');
    expect(counts.bins.map(binLower)).toEqual([0.29, 0.5, 1]);
  });
});

// Values that Envoy 1.40 showed for the same bins.
describe('what is shown', () => {
  test('quantiles of 0 0 0 1 1 1 1 2', () => {
    const counts = recorded([0, 0, 0, 1, 1, 1, 1, 2]);
    expect(counts.quantiles(SUPPORTED_QUANTILES).map((v) => Number(v.toFixed(6)))).toEqual([
      0, 0, 1.02, 1.06, 2.05, 2.05, 2.05, 2.05, 2.05, 2.05,
    ]);
    expect(counts.sum()).toBeCloseTo(6.2392566782810688, 12);
    expect(counts.cumulative(DEFAULT_BUCKETS).slice(0, 4)).toEqual([3, 7, 8, 8]);
  });

  test('one value of 16', () => {
    const counts = recorded([16]);
    expect(counts.quantiles([0, 0.5, 1])).toEqual([16.5, 16.5, 16.5]);
    expect(counts.sum()).toBeCloseTo(16.484848484848484, 12);
  });

  test('nothing recorded', () => {
    expect(new BinCounts().quantiles([0, 1])).toEqual([Number.NaN, Number.NaN]);
  });
});

test('an interval is what came between the last two flushes', () => {
  const aggregate = new StatsAggregate();
  const histogram = aggregate.local.root.histogram('h');
  const flush = () => aggregate.flush();
  histogram.record(5);
  flush();
  const counts = aggregate.find('h')!.collect();
  expect(counts.interval.total).toBe(1);
  histogram.record(6);
  histogram.record(6);
  aggregate.find('h')!.collect();
  expect([counts.interval.total, counts.cumulative.total]).toEqual([1, 3]);
  flush();
  expect([counts.interval.total, counts.cumulative.total]).toEqual([2, 3]);
  flush();
  expect([counts.interval.total, counts.cumulative.total]).toEqual([0, 3]);
});

test('thousands of histograms are flushed over several turns, each once', async () => {
  const aggregate = new StatsAggregate();
  const histograms = Array.from({ length: 2000 }, (_, i) => aggregate.local.root.histogram(`h${i}`));
  for (const h of histograms) h.record(1);
  aggregate.flush();
  // A second call while the first is under way would end an interval that has not begun.
  aggregate.flush();
  const interval = (i: number) => aggregate.find(`h${i}`)!.collect().interval.total;
  expect([interval(0), interval(1999)]).toEqual([1, 0]);
  while (interval(1999) === 0) await new Promise((resolve) => setImmediate(resolve));
  expect([interval(0), interval(1000), interval(1999)]).toEqual([1, 1, 1]);
});
