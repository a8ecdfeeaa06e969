import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { StatsAggregate } from '../../src/stats/aggregate.ts';
import type { StatsAnnouncement } from '../../src/stats/announcement.ts';
import { StatsStore, sanitizeStatsName } from '../../src/stats/store.ts';

function worker(aggregate: StatsAggregate) {
  const thread = aggregate.addThread();
  // What postMessage does to a batch: a copy of everything but the shared memory.
  const store = new StatsStore((batch) => thread.accept(structuredClone(batch)));
  return { thread, store };
}

test('the same name gives the same cell, however its scope was reached', () => {
  const { store } = worker(new StatsAggregate());
  const a = store.root.scope('http').scope('ingress').counter('rq.total');
  expect(store.root.scope('http.ingress.rq').counter('total')).toBe(a);
  expect(store.root.counter('http.ingress.rq.total')).toBe(a);
  const tagged = store.root.tagged('cluster', 'envoy.cluster_name', 'a.b');
  expect(store.root.tagged('cluster', 'envoy.cluster_name', 'a.b').gauge('x')).toBe(tagged.gauge('x'));
});

test('threads are summed, and what a dead one counted stays', () => {
  const aggregate = new StatsAggregate();
  const one = worker(aggregate);
  const two = worker(aggregate);
  for (const { store } of [one, two]) {
    store.root.counter('a.total').add(5);
    store.root.gauge('a.active').set(2);
    store.root.histogram('a.ms').record(7);
    store.flush();
  }
  aggregate.local.root.counter('a.total').inc();
  expect(aggregate.value('a.total')).toBe(11);
  expect(aggregate.value('a.active')).toBe(4);

  one.thread.retire();
  expect(aggregate.value('a.total')).toBe(11);
  expect(aggregate.value('a.active')).toBe(2);
  expect(aggregate.find('a.ms')!.collect().cumulative.total).toBe(2);

  const replacement = worker(aggregate);
  replacement.store.root.counter('a.total').add(4);
  replacement.store.root.histogram('a.ms').record(7);
  replacement.store.flush();
  expect(aggregate.value('a.total')).toBe(15);
  expect(aggregate.find('a.ms')!.collect().cumulative.total).toBe(3);
});

test('a batch goes out once a turn and later values need no announcement', async () => {
  const batches: StatsAnnouncement[] = [];
  const store = new StatsStore((batch) => batches.push(batch));
  store.root.counter('a');
  store.root.scope('s').gauge('b');
  expect(batches).toHaveLength(0);
  await Promise.resolve();
  expect(batches).toHaveLength(1);
  expect(batches[0]!.stats.map((s) => s.name)).toEqual(['a', 'b']);
  store.root.counter('a').inc();
  await Promise.resolve();
  expect(batches).toHaveLength(1);
});

test('a histogram takes memory only when a decade gets its first value', () => {
  const batches: StatsAnnouncement[] = [];
  const store = new StatsStore((batch) => batches.push(batch));
  const histogram = store.root.histogram('h');
  store.flush();
  expect(batches[0]!.chunks).toHaveLength(0);
  histogram.record(3);
  histogram.record(4);
  histogram.record(400);
  store.flush();
  expect(batches[1]!.blocks).toHaveLength(2);
});

test('many statistics spill over into new chunks', () => {
  const aggregate = new StatsAggregate();
  const { store } = worker(aggregate);
  const counters = Array.from({ length: 5000 }, (_, i) => store.root.counter(`c.n${i}`));
  for (const [i, c] of counters.entries()) c.add(i);
  store.flush();
  expect(aggregate.value('c.n0')).toBe(0);
  expect(aggregate.value('c.n4999')).toBe(4999);
});

test('reset takes counters to 0, leaves gauges, and forgets nothing that comes after', () => {
  const aggregate = new StatsAggregate();
  const { store } = worker(aggregate);
  const counter = store.root.counter('c');
  counter.add(3);
  store.root.gauge('g').set(4);
  store.flush();
  aggregate.resetCounters();
  expect(aggregate.value('c')).toBe(0);
  expect(aggregate.value('g')).toBe(4);
  counter.inc();
  expect(aggregate.value('c')).toBe(1);
});

test('used: written at all, even if 0 again', () => {
  const aggregate = new StatsAggregate();
  const { root } = aggregate.local;
  root.counter('fresh');
  const gauge = root.gauge('back_to_zero');
  gauge.inc();
  gauge.dec();
  root.gauge('set_to_zero').set(0);
  root.counter('reset').inc();
  aggregate.resetCounters();
  aggregate.resetCounters();
  expect(['fresh', 'back_to_zero', 'set_to_zero', 'reset'].map((n) => aggregate.find(n)!.used())).toEqual([false, true, true, true]);
});

test('text travels with the batches', () => {
  const aggregate = new StatsAggregate();
  const { store } = worker(aggregate);
  store.root.scope('cds').textReadout('version_text').set('v1');
  store.flush();
  store.root.scope('cds').textReadout('version_text').set('v2');
  store.flush();
  expect(aggregate.find('cds.version_text')!.text).toBe('v2');
});

test('colons never reach a name', () => {
  expect(['web:80', 'http://x:1', 'plain'].map(sanitizeStatsName)).toEqual(['web_80', 'http_x_1', 'plain']);
});

test('real threads lose nothing, and their counts outlive them', async () => {
  const aggregate = new StatsAggregate();
  const count = async () => {
    const thread = aggregate.addThread();
    const worker = new Worker(new URL('./counting-worker.ts', import.meta.url));
    await new Promise<void>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('message', (message: StatsAnnouncement | 'done') => (message === 'done' ? resolve() : thread.accept(message)));
    });
    await worker.terminate();
    thread.retire();
  };
  await Promise.all([count(), count()]);
  await count();
  expect(aggregate.value('cluster.web.upstream_rq_total')).toBe(300_000);
  const { cumulative } = aggregate.find('cluster.web.upstream_rq_time')!.collect();
  expect(cumulative.total).toBe(30_000);
  // The middle one of 0, 10 … 990: somewhere in the bin from 490 to 500.
  expect(Math.floor(cumulative.quantiles([0.5])[0]! / 10)).toBe(49);
});
