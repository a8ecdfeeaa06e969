import { expect, test } from 'vitest';
import { StatsAggregate } from '../../src/stats/aggregate.ts';
import type { StatsAnnouncement } from '../../src/stats/announcement.ts';
import { DEFAULT_STATS_SETTINGS } from '../../src/stats/settings.ts';
import { StatsStore } from '../../src/stats/store.ts';
import { ValueRing } from '../../src/stats/value-ring.ts';

test('what is written comes out on the other side, in order and once', () => {
  const ring = new ValueRing();
  const reader = new ValueRing(ring.buffer);
  const seen: number[][] = [];
  const drain = () => reader.drain((stat, value) => seen.push([stat, value]));
  expect(drain()).toBe(0);
  ring.push(1, 5);
  ring.push(2, 0.25);
  expect(drain()).toBe(0);
  ring.push(1, 6);
  drain();
  expect(seen).toEqual([
    [1, 5],
    [2, 0.25],
    [1, 6],
  ]);
});

test('what was overtaken is lost, oldest first, and counted', () => {
  const ring = new ValueRing();
  const reader = new ValueRing(ring.buffer);
  for (let i = 0; i < 20_000; i++) ring.push(0, i);
  const seen: number[] = [];
  expect(reader.drain((_, value) => seen.push(value))).toBe(20_000 - 16_384);
  expect([seen[0], seen.at(-1), seen.length]).toEqual([20_000 - 16_384, 19_999, 16_384]);
});

test('histograms give every value away, if the settings want it so, and are counted all the same', () => {
  const stats = new StatsAggregate();
  stats.configure({ ...DEFAULT_STATS_SETTINGS, recordValues: true });
  const { root } = stats.local;
  root.histogram('time').record(12.7);
  root.histogram('share', 'percent').record(0.5);
  const seen: string[] = [];
  stats.drainValues((series, value) => seen.push(`${series.fullName} ${value}`));
  expect(seen).toEqual(['time 12', 'share 0.5']);
  expect(stats.find('time')!.collect().cumulative.total).toBe(1);
  stats.drainValues((series) => seen.push(series.fullName));
  expect(seen).toHaveLength(2);
});

test('a value that is quicker than the word of its histogram waits for it', () => {
  const stats = new StatsAggregate();
  const thread = stats.addThread();
  const onTheWay: StatsAnnouncement[] = [];
  const worker = new StatsStore((batch) => onTheWay.push(batch));
  worker.configure({ ...DEFAULT_STATS_SETTINGS, recordValues: true });
  worker.flush();
  thread.accept(onTheWay.shift()!);
  worker.root.histogram('time').record(7);
  worker.flush();
  const seen: string[] = [];
  const drain = () => stats.drainValues((series, value) => seen.push(`${series.fullName} ${value}`));
  expect(drain()).toBe(0);
  expect(seen).toEqual([]);
  thread.accept(onTheWay.shift()!);
  drain();
  drain();
  expect(seen).toEqual(['time 7']);
});
