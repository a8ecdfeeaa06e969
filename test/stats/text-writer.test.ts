import { describe, expect, test } from 'vitest';
import { StatsAggregate } from '../../src/stats/aggregate.ts';
import { writePrometheus } from '../../src/stats/prometheus-writer.ts';
import { parseStatsQuery, type StatsQuery } from '../../src/stats/query.ts';
import { writeJson, writeText } from '../../src/stats/text-writer.ts';
import { joined } from '../support/pieces.ts';

function sample(): StatsAggregate {
  const stats = new StatsAggregate();
  const { root } = stats.local;
  root.counter('b.total').add(3);
  root.gauge('a.active').set(2);
  root.counter('a.unused');
  root.textReadout('z.version').set('v "1"');
  root.histogram('a.empty_ms');
  const times = root.histogram('a.ms');
  for (const v of [0, 0, 0, 1, 1, 1, 1, 2]) times.record(v);
  return stats;
}

const text = (query: string) => joined(writeText(sample(), parse(query)));
const json = (query: string) => JSON.parse(joined(writeJson(sample(), parse(query))));
const parse = (query: string, prometheus = false) => parseStatsQuery(new URLSearchParams(query), prometheus) as StatsQuery;

describe('text', () => {
  test('texts, then counters and gauges, then histograms, each in order', () => {
    expect(text('')).toBe(
      'z.version: "v "1""\n' +
        'a.active: 2\na.unused: 0\nb.total: 3\n' +
        'a.empty_ms: No recorded values\n' +
        'a.ms: P0(nan,0) P25(nan,0) P50(nan,1.02) P75(nan,1.06) P90(nan,2.05) P95(nan,2.05) P99(nan,2.05) P99.5(nan,2.05) P99.9(nan,2.05) P100(nan,2.05)\n',
    );
  });

  test.each([
    ['filter=%5Ea%5C.', ['a.active', 'a.unused', 'a.empty_ms', 'a.ms']],
    ['filter=total', ['b.total']],
    ['filter=total&invert_filter', ['z.version', 'a.active', 'a.unused', 'a.empty_ms', 'a.ms']],
    ['usedonly', ['z.version', 'a.active', 'b.total', 'a.ms']],
    ['type=Counters', ['a.unused', 'b.total']],
    ['type=Gauges', ['a.active']],
    ['type=Histograms', ['a.empty_ms', 'a.ms']],
    ['type=TextReadouts', ['z.version']],
  ])('%s', (query, names) => {
    expect(
      text(query)
        .trim()
        .split('\n')
        .map((l) => l.split(': ')[0]),
    ).toEqual(names);
  });

  test.each([
    [
      'cumulative',
      'B0.5(0,3) B1(0,7) B5(0,8) B10(0,8) B25(0,8) B50(0,8) B100(0,8) B250(0,8) B500(0,8) B1000(0,8) B2500(0,8) B5000(0,8) B10000(0,8) B30000(0,8) B60000(0,8) B300000(0,8) B600000(0,8) B1.8e+06(0,8) B3.6e+06(0,8)',
    ],
    [
      'disjoint',
      'B0.5(0,3) B1(0,4) B5(0,1) B10(0,0) B25(0,0) B50(0,0) B100(0,0) B250(0,0) B500(0,0) B1000(0,0) B2500(0,0) B5000(0,0) B10000(0,0) B30000(0,0) B60000(0,0) B300000(0,0) B600000(0,0) B1.8e+06(0,0) B3.6e+06(0,0)',
    ],
  ])('histogram_buckets=%s', (mode, buckets) => {
    expect(text(`histogram_buckets=${mode}&filter=a.ms`)).toBe(`a.ms: ${buckets}\n`);
  });

  test('histogram_buckets=detailed', () => {
    expect(text('histogram_buckets=detailed&filter=a.ms')).toMatch(
      /^a\.ms:\n {2}totals=0,0:3, 1,0\.1:4, 2,0\.1:1\n {2}intervals=\n {2}summary=P0\(nan,0\) /,
    );
  });
});

describe('json', () => {
  test('values and quantiles', () => {
    const { stats } = json('');
    expect(stats.slice(0, 4)).toEqual([
      { name: 'z.version', value: 'v "1"' },
      { name: 'a.active', value: 2 },
      { name: 'a.unused', value: 0 },
      { name: 'b.total', value: 3 },
    ]);
    expect(stats[4].histograms.supported_quantiles).toEqual([0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100]);
    expect(stats[4].histograms.computed_quantiles[0].values[0]).toEqual({ cumulative: null, interval: null });
    expect(stats[4].histograms.computed_quantiles[1].values[2]).toEqual({ cumulative: 1.02, interval: null });
  });

  test('buckets and details', () => {
    expect(json('histogram_buckets=cumulative&filter=a.ms').stats[0].histograms[0].buckets[1]).toEqual({
      upper_bound: 1,
      interval: 0,
      cumulative: 7,
    });
    expect(json('histogram_buckets=detailed&filter=a.ms').stats[0].histograms.details[0].totals[1]).toEqual({
      lower_bound: 1,
      width: 0.1,
      count: 4,
    });
  });
});

describe('prometheus', () => {
  const prom = (query: string) => joined(writePrometheus(sample(), parse(query, true)));

  test('a histogram', () => {
    const out = prom('filter=a.ms');
    expect(out).toContain('# TYPE envoy_a_ms histogram\nenvoy_a_ms_bucket{le="0.5"} 3\nenvoy_a_ms_bucket{le="1"} 7\n');
    expect(out).toMatch(/envoy_a_ms_bucket\{le="\+Inf"\} 8\nenvoy_a_ms_sum\{\} 6\.2392566\d+\nenvoy_a_ms_count\{\} 8\n$/);
  });

  test('a summary shows the last interval', () => {
    expect(prom('filter=a.ms&histogram_buckets=summary')).toContain('# TYPE envoy_a_ms summary\nenvoy_a_ms{quantile="0"} nan\n');
  });

  test('text readouts on request', () => {
    expect(prom('')).not.toContain('version');
    expect(prom('text_readouts&filter=version')).toBe('# TYPE envoy_z_version gauge\nenvoy_z_version{text_value="v \\"1\\""} 0\n');
  });
});

describe('a query that is wrong', () => {
  test.each([
    ['format=x', 'usage: /stats?format=(html|active-html|json|prometheus|text)\n\n'],
    ['histogram_buckets=x', 'usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n'],
    ['type=x', 'invalid &type= param'],
    ['filter=(', 'Invalid re2 regex: missing ): ('],
    ['format=prometheus&histogram_buckets=disjoint', 'unsupported prometheus histogram bucket mode'],
  ])('%s', (query, message) => {
    expect(parseStatsQuery(new URLSearchParams(query), false)).toBe(message);
  });
});

describe('long answers', () => {
  const MANY = 3000;

  function large(): { readonly stats: StatsAggregate; readonly names: string[] } {
    const stats = new StatsAggregate();
    const names = Array.from({ length: MANY }, (_v, i) => `cluster_${String(i).padStart(4, '0')}`);
    for (const name of names) {
      const scope = stats.local.root.tagged('cluster', 'envoy.cluster_name', name);
      scope.counter('total').add(Number(name.slice(8)));
      scope.gauge('active').set(2 ** 40);
      scope.histogram('ms').record(3);
    }
    return { stats, names };
  }

  test('lines are whole over the ends of pieces, and a metric has one head', () => {
    const { stats, names } = large();
    const lines = joined(writePrometheus(stats, parse('', true))).split('\n');
    expect(lines.slice(0, MANY + 1)).toEqual([
      '# TYPE envoy_cluster_total counter',
      ...names.map((name, i) => `envoy_cluster_total{envoy_cluster_name="${name}"} ${i}`),
    ]);
    expect(lines.slice(MANY + 1, 2 * MANY + 2)).toEqual([
      '# TYPE envoy_cluster_active gauge',
      ...names.map((name) => `envoy_cluster_active{envoy_cluster_name="${name}"} 1099511627776`),
    ]);
    expect(lines.filter((line) => line.includes('_bucket{')).length).toBe(20 * MANY);
    expect(lines.filter((line) => line.startsWith('#')).length).toBe(3);
    expect(joined(writeText(stats, parse('type=Counters')))).toBe(names.map((name, i) => `cluster.${name}.total: ${i}\n`).join(''));
    expect(JSON.parse(joined(writeJson(stats, parse('format=json&type=Gauges')))).stats).toEqual(
      names.map((name) => ({ name: `cluster.${name}.active`, value: 2 ** 40 })),
    );
  });

  test('a metric without a selected series has no head', () => {
    const { stats } = large();
    expect(joined(writePrometheus(stats, parse('filter=_0007.total', true)))).toBe(
      '# TYPE envoy_cluster_total counter\nenvoy_cluster_total{envoy_cluster_name="cluster_0007"} 7\n',
    );
  });

  test('what is new after a scrape is in the next one, in its place', () => {
    const stats = new StatsAggregate();
    const scope = (name: string) => stats.local.root.tagged('cluster', 'envoy.cluster_name', name);
    scope('b').counter('total').inc();
    const first = '# TYPE envoy_cluster_total counter\nenvoy_cluster_total{envoy_cluster_name="b"} 1\n';
    expect(joined(writePrometheus(stats, parse('', true)))).toBe(first);
    scope('a').counter('total');
    scope('a').counter('early');
    expect(joined(writePrometheus(stats, parse('', true)))).toBe(
      '# TYPE envoy_cluster_early counter\nenvoy_cluster_early{envoy_cluster_name="a"} 0\n' +
        first.replace('\n', '\nenvoy_cluster_total{envoy_cluster_name="a"} 0\n'),
    );
  });

  test('one name of a counter and a gauge, labels longer than a piece, characters of several bytes', () => {
    const stats = new StatsAggregate();
    const long = 'é'.repeat(100_000);
    for (const name of ['a', long]) {
      const scope = stats.local.root.tagged('cluster', 'envoy.cluster_name', name);
      scope.counter('x').inc();
      scope.gauge('x').set(5);
    }
    const lines = (type: string, value: number) =>
      `# TYPE envoy_cluster_x ${type}\n${['a', long].map((name) => `envoy_cluster_x{envoy_cluster_name="${name}"} ${value}\n`).join('')}`;
    expect(joined(writePrometheus(stats, parse('', true)))).toBe(lines('counter', 1) + lines('gauge', 5));
    expect(joined(writeText(stats, parse('type=Gauges')))).toBe(`cluster.a.x: 5\ncluster.${long}.x: 5\n`);
  });
});
