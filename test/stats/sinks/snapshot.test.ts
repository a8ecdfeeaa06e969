import { expect, test } from 'vitest';
import { StatsAggregate } from '../../../src/stats/aggregate.ts';
import { SnapshotTaker, type StatsSnapshot } from '../../../src/stats/sinks/snapshot.ts';
import { StatsdLines } from '../../../src/stats/sinks/statsd-lines.ts';

function take(taker: SnapshotTaker, wallMs = 0): StatsSnapshot {
  const work = taker.take(wallMs);
  for (;;) {
    const { done, value } = work.next();
    if (done) return value as StatsSnapshot;
  }
}

const counters = (snapshot: StatsSnapshot) => snapshot.counters.map((c) => `${c.stat.series.fullName} ${c.value} +${c.delta}`);

test('a counter says what it grew by since the last snapshot, and never shrinks', () => {
  const stats = new StatsAggregate();
  const counter = stats.local.root.counter('rq');
  stats.local.root.counter('never');
  const taker = new SnapshotTaker(stats, 1000);
  counter.add(3);
  const first = take(taker, 6000);
  expect([counters(first), first.lastWallMs, first.wallMs]).toEqual([['rq 3 +3'], 1000, 6000]);
  expect(counters(take(taker))).toEqual(['rq 3 +0']);
  counter.add(2);
  expect(counters(take(taker))).toEqual(['rq 5 +2']);
  stats.resetCounters();
  expect(counters(take(taker))).toEqual(['rq 0 +0']);
  counter.inc();
  expect(counters(take(taker))).toEqual(['rq 1 +1']);
});

test('lines of statsd, with tags as each kind writes them', () => {
  const stats = new StatsAggregate();
  const scope = stats.local.root.tagged('cluster', 'envoy.cluster_name', 'web');
  scope.counter('upstream_rq_503').inc();
  scope.gauge('upstream_cx_active').set(2);
  const taker = new SnapshotTaker(stats, 0);
  const snapshot = take(taker);
  const lines = (tags: 'none' | 'dog' | 'graphite') => [...new StatsdLines('p', tags).flush(snapshot)];
  expect(lines('none')).toEqual(['p.cluster.web.upstream_rq_503:1|c', 'p.cluster.web.upstream_cx_active:2|g']);
  expect(lines('dog')).toEqual([
    'p.cluster.upstream_rq:1|c|#envoy.response_code:503,envoy.cluster_name:web',
    'p.cluster.upstream_cx_active:2|g|#envoy.cluster_name:web',
  ]);
  expect(lines('graphite')[0]).toBe('p.cluster.upstream_rq;envoy.response_code=503;envoy.cluster_name=web:1|c');
  scope.histogram('time').record(1);
  scope.histogram('share', 'percent').record(0.123456789);
  const stat = (name: string) => taker.stat(stats.find(`cluster.web.${name}`)!);
  expect(new StatsdLines('p', 'none').value(stat('time'), 7)).toBe('p.cluster.web.time:7|ms');
  expect(new StatsdLines('p', 'none').value(stat('share'), 0.123456789)).toBe('p.cluster.web.share:0.123457|h');
});
