/** What is kept of the past is bounded, whatever happens. */
import { describe, expect, test } from 'vitest';
import { ClusterHistory, MAX_CLUSTERS } from '../../../src/page/model/cluster-history.ts';
import { Ring } from '../../../src/page/model/ring.ts';
import { MAX_SLOW_MS, SlowLimit } from '../../../src/page/model/slow-limit.ts';
import { TOTAL_FIELDS, Totals } from '../../../src/page/model/totals.ts';
import type { ClusterFigures } from '../../../src/page/snapshot.ts';
import { Latencies, latencyBin } from '../../../src/page/worker/latency-bins.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { StatsAggregate } from '../../../src/stats/aggregate.ts';

describe('a ring', () => {
  test('has its last steps, oldest first', () => {
    const ring = new Ring(2, 3);
    for (let step = 10; step < 15; step++) ring.put(step, [step, -step]);
    expect(ring.series(0)).toEqual([12, 13, 14]);
    expect(ring.series(1)).toEqual([-12, -13, -14]);
  });

  test('shows steps that were missed as not known, and none before the first', () => {
    const ring = new Ring(1, 5);
    ring.put(7, [1]);
    ring.put(10, [2]);
    expect(ring.series(0)).toEqual([1, null, null, 2]);
    ring.put(100, [3]);
    expect(ring.series(0)).toEqual([3]);
    ring.put(99, [4]);
    expect(ring.series(0)).toEqual([3]);
    expect(ring.last).toBe(100);
  });
});

describe('totals', () => {
  test('a quarter of an hour of them on a simulated clock', () => {
    const clock = new SimulatedClock();
    const stats = new StatsAggregate();
    const scope = stats.local.root.tagged('http', 'envoy.http_conn_manager_prefix', 'front');
    const [total, completed, e5] = ['downstream_rq_total', 'downstream_rq_completed', 'downstream_rq_5xx'].map((name) =>
      scope.counter(name),
    );
    const time = scope.histogram('downstream_rq_time');
    const admin = stats.local.root.tagged('http', 'envoy.http_conn_manager_prefix', 'admin').counter('downstream_rq_total');
    const totals = new Totals(stats);
    stats.local.flush();
    totals.sample(clock.nowMs(), null);
    for (let second = 1; second <= 2000; second++) {
      for (let i = 0; i < 10; i++) {
        total!.inc();
        completed!.inc();
        time.record(second > 1990 ? 200 : 20);
      }
      if (second > 1990) e5!.add(5);
      admin.inc();
      stats.local.flush();
      clock.advance(1000);
      totals.keep(clock.nowMs(), totals.sample(clock.nowMs(), null), false);
    }
    const series = (name: (typeof TOTAL_FIELDS)[number]) => totals.ring.series(TOTAL_FIELDS.indexOf(name));
    expect(series('rps')).toHaveLength(900);
    expect(new Set(series('rps'))).toEqual(new Set([10]));
    expect(series('errors').slice(-11)).toEqual([0, ...Array.from({ length: 10 }, () => 0.5)]);
    expect(series('p50')[0]).toBeCloseTo(20, -1);
    expect(series('p99').at(-1)).toBeGreaterThan(190);
    // Nobody looked at the clusters.
    expect(series('retriesPerS')).toEqual([]);
  });
});

describe('clusters', () => {
  const figures = (rps: number): ClusterFigures =>
    ({
      rps,
      errors: 0.5,
      retriesPerS: 1,
      timeoutsPerS: 0,
      overflowsPerS: 0,
      breakers: [{ requests: 4 }, { requests: 0 }],
    }) as unknown as ClusterFigures;
  const latencies = new Latencies();
  latencies.add(latencyBin(8), 10);

  test('a step is the mean of its five seconds', () => {
    const clock = new SimulatedClock();
    const history = new ClusterHistory();
    for (let second = 0; second <= 10; second++) {
      history.turn(clock.nowMs());
      history.add('web', figures(second < 5 ? 10 : 20), latencies, clock.nowMs());
      clock.advance(1000);
    }
    expect(history.ring('web')!.series(0)).toEqual([10, 20]);
    expect(history.ring('web')!.series(1)).toEqual([0.5, 0.5]);
    expect(history.ring('web')!.series(7)).toEqual([4, 4]);
  });

  test('only so many, and the idle make room for the busy', () => {
    const clock = new SimulatedClock();
    clock.advance(60_000);
    const history = new ClusterHistory();
    for (let i = 0; i < 2000; i++) {
      history.turn(clock.nowMs());
      history.add(`c${i}`, figures(1), latencies, clock.nowMs());
    }
    expect(history.size).toBe(MAX_CLUSTERS);
    expect(history.ring('c1999')).toBeNull();
    clock.advance(10_000);
    history.add('c1999', figures(1), latencies, clock.nowMs());
    history.add('quiet', figures(0), latencies, clock.nowMs());
    expect(history.size).toBe(MAX_CLUSTERS);
    expect(history.ring('c1999')).not.toBeNull();
    expect(history.ring('quiet')).toBeNull();
  });
});

describe('what counts as slow', () => {
  const second = (limit: SlowLimit, ms: number, count: number) => {
    const latencies = new Latencies();
    latencies.add(latencyBin(ms), count);
    limit.add(latencies);
  };

  test('follows the hundredth slowest, between 10 ms and a second', () => {
    const told: number[] = [];
    const limit = new SlowLimit((ms) => told.push(ms));
    second(limit, 50, 10);
    expect(limit.slowMs).toBe(MAX_SLOW_MS);
    for (let i = 0; i < 5; i++) second(limit, 50, 1000);
    expect(limit.slowMs).toBeGreaterThanOrEqual(50);
    expect(limit.slowMs).toBeLessThan(75);
    for (let i = 0; i < 300; i++) second(limit, 0.3, 1000);
    expect(limit.slowMs).toBe(10);
    for (let i = 0; i < 300; i++) second(limit, 5000, 1000);
    expect(limit.slowMs).toBe(MAX_SLOW_MS);
    // Told when it matters, not every second.
    expect(told.length).toBeLessThan(40);
  });
});
