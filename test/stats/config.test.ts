import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { messageType } from '../../src/config/api-registry.ts';
import { CompileContext, namedSource, ProblemList } from '../../src/config/context.ts';
import type { StatsConfig } from '../../src/config/gen/envoy/config/metrics/v3/stats_pb.js';
import { StatsAggregate } from '../../src/stats/aggregate.ts';
import { compileStatsConfig } from '../../src/stats/config.ts';
import { writePrometheus } from '../../src/stats/prometheus-writer.ts';
import { parseStatsQuery, type StatsQuery } from '../../src/stats/query.ts';
import type { StatsScope } from '../../src/stats/scope.ts';
import type { StatsSettings } from '../../src/stats/settings.ts';
import { joined } from '../support/pieces.ts';

function compile(config: JsonValue): { settings: StatsSettings; problems: string[] } {
  const list = new ProblemList(namedSource('test'));
  const settings = compileStatsConfig(
    fromJson(messageType('envoy.config.metrics.v3.StatsConfig'), config) as StatsConfig,
    new CompileContext(list, { allowUnsupported: false }),
  );
  return { settings, problems: list.problems.map((p) => `${p.path}: ${p.message}`) };
}

function shown(config: JsonValue, make: (root: StatsScope) => void): string[] {
  const { settings, problems } = compile(config);
  expect(problems).toEqual([]);
  const stats = new StatsAggregate();
  stats.configure(structuredClone(settings));
  make(stats.local.root);
  const query = parseStatsQuery(new URLSearchParams(), true) as StatsQuery;
  return joined(writePrometheus(stats, query))
    .split('\n')
    .filter((l) => l !== '' && !l.startsWith('#'));
}

describe('stats_tags', () => {
  test('a pattern of its own takes the place of a default one that it may override', () => {
    const statsTags = [{ tagName: 'envoy.cluster_name', regex: '^cluster\\.((.+?)_v\\d+\\.)' }];
    const make = (root: StatsScope) => {
      root.tagged('cluster', 'envoy.cluster_name', 'web_v2').counter('total');
      root.tagged('cluster', 'envoy.cluster_name', 'plain').counter('total');
    };
    expect(shown({ statsTags, allowDefaultTagOverrides: true }, make)).toEqual([
      'envoy_cluster_plain_total{} 0',
      'envoy_cluster_total{envoy_cluster_name="web"} 0',
    ]);
  });

  test('names of our own do not look like those of Envoy', () => {
    expect(shown({}, (root) => root.scope('outrider').tagged('thread', 'thread', 'control').counter('looks'))).toEqual([
      'outrider_thread_looks{thread="control"} 0',
    ]);
  });

  test('a pattern takes its first group out of the name', () => {
    const tags = [{ tagName: 'phase', regex: '\\.phase((?:_)([a-z]+))' }];
    expect(shown({ statsTags: tags }, (root) => root.counter('cluster.web.phase_warm.total'))).toEqual([
      'envoy_cluster_phase_total{phase="warm",envoy_cluster_name="web"} 0',
    ]);
  });

  test("a pattern may take a value with dots, as Istio's does", () => {
    const tags = [{ tagName: 'cluster_name', regex: '^cluster\\.((.+?(\\..+?\\.svc\\.cluster\\.local)?)\\.)' }];
    const config = { useAllDefaultTags: false, statsTags: [...tags, { tagName: 'envoy.response_code' }] };
    expect(shown(config, (root) => root.counter('cluster.outbound|80||a.b.svc.cluster.local.upstream_rq_200'))).toEqual([
      'envoy_cluster_upstream_rq{envoy_response_code="200",cluster_name="outbound|80||a.b.svc.cluster.local"} 0',
    ]);
  });

  test('a default tag keeps its own pattern, which is said', () => {
    const { settings, problems } = compile({ statsTags: [{ tagName: 'envoy.cluster_name', regex: '^cluster\\.((.*)\\.)' }] });
    expect(settings.tags).toEqual([]);
    expect(problems).toEqual([expect.stringMatching(/^stats_tags\[0\]: "envoy.cluster_name" is a default tag/)]);
  });

  test('fixed values are on every statistic', () => {
    expect(shown({ statsTags: [{ tagName: 'zone', fixedValue: 'eu' }] }, (root) => root.counter('cluster.web.total'))).toEqual([
      'envoy_cluster_total{zone="eu",envoy_cluster_name="web"} 0',
    ]);
  });

  test('without defaults only those that are named', () => {
    const config = { useAllDefaultTags: false, statsTags: [{ tagName: 'envoy.cluster_name' }] };
    expect(shown(config, (root) => root.counter('cluster.web.rq_200'))).toEqual(['envoy_cluster_rq_200{envoy_cluster_name="web"} 0']);
  });
});

describe('stats_matcher', () => {
  const make = (root: StatsScope) => {
    root.scope('a').counter('one').inc();
    root.counter('a.two').inc();
    root.gauge('b.one').set(3);
    root.histogram('b.ms').record(3);
    root.textReadout('b.text').set('x');
  };
  const names = (config: JsonValue) =>
    shown(config, make)
      .filter((l) => !l.includes('_bucket') && !l.includes('_sum'))
      .map((l) => l.split('{')[0]);

  test.each([
    ['nothing', {}, ['envoy_a_one', 'envoy_a_two', 'envoy_b_one', 'envoy_b_ms_count']],
    ['reject_all', { rejectAll: true }, []],
    ['inclusion_list', { inclusionList: { patterns: [{ suffix: '.one' }] } }, ['envoy_a_one', 'envoy_b_one']],
    [
      'exclusion_list',
      { exclusionList: { patterns: [{ safeRegex: { regex: 'b\\..*' } }, { exact: 'A.TWO', ignoreCase: true }] } },
      ['envoy_a_one'],
    ],
  ])('%s', (name, matcher, expected) => {
    expect(names(name === 'nothing' ? {} : { statsMatcher: matcher })).toEqual(expected);
  });
});

test('histogram_bucket_settings: the first match wins', () => {
  const config = {
    histogramBucketSettings: [
      { match: { prefix: 'a.' }, buckets: [10, 5] },
      { match: { contains: '.' }, buckets: [1] },
    ],
  };
  const lines = shown(config, (root) => {
    root.histogram('a.ms').record(7);
    root.histogram('b.ms').record(1);
  });
  expect(lines.filter((l) => l.includes('_bucket'))).toEqual([
    'envoy_a_ms_bucket{le="5"} 0',
    'envoy_a_ms_bucket{le="10"} 1',
    'envoy_a_ms_bucket{le="+Inf"} 1',
    'envoy_b_ms_bucket{le="1"} 1',
    'envoy_b_ms_bucket{le="+Inf"} 1',
  ]);
});

test('problems have a path', () => {
  expect(
    compile({
      statsTags: [{ tagName: 'envoy.cluster_name', regex: '(' }, { tagName: 'unheard_of' }],
      histogramBucketSettings: [{ match: { safeRegex: { regex: '[' } }, buckets: [] }],
    }).problems.map((p) => p.split(': ').slice(0, 2).join(': ')),
  ).toEqual([
    "stats_tags[0].regex: invalid regex '('",
    'stats_tags[1]: no regex specified for tag specifier and no default regex for name',
    'histogram_bucket_settings[0].buckets: at least one bucket is required',
    "histogram_bucket_settings[0].match.safe_regex.regex: invalid regex '['",
  ]);
});

test('the value of a tag at the end of a name may hold a dot', () => {
  const make = (root: StatsScope) => root.tagged('listener', 'envoy.listener_address', 'front').scope('ssl').counter('versions.TLSv1.3');
  expect(shown({}, make)).toEqual(['envoy_listener_ssl_versions{envoy_ssl_version="TLSv1.3",envoy_listener_address="front"} 0']);
});
