import { expect, test } from 'vitest';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { StatsAggregate } from '../../src/stats/aggregate.ts';
import { StatsFlusher } from '../../src/stats/flusher.ts';

test('an interval ends every time, for every histogram, until stopped', () => {
  const stats = new StatsAggregate();
  const clock = new SimulatedClock();
  const histograms = Array.from({ length: 200 }, (_, i) => stats.local.root.histogram(`h${i}`));
  const flusher = new StatsFlusher(stats, clock, 5000);
  flusher.start();
  const intervals = () => new Set(histograms.map((_, i) => stats.find(`h${i}`)!.collect().interval.total));

  for (const h of histograms) h.record(1);
  clock.advance(4990);
  expect(intervals()).toEqual(new Set([0]));
  clock.advance(10);
  expect(intervals()).toEqual(new Set([1]));
  clock.advance(5000);
  expect(intervals()).toEqual(new Set([0]));

  flusher.stop();
  for (const h of histograms) h.record(1);
  clock.advance(20_000);
  expect(intervals()).toEqual(new Set([0]));
});
