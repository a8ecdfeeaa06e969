import { describe, expect, test } from 'vitest';
import { StatsAggregate } from '../../src/stats/aggregate.ts';
import { writePrometheus } from '../../src/stats/prometheus-writer.ts';
import { parseStatsQuery, type StatsQuery } from '../../src/stats/query.ts';
import type { StatsScope } from '../../src/stats/scope.ts';
import { joined } from '../support/pieces.ts';

function shown(make: (root: StatsScope) => void): string[] {
  const aggregate = new StatsAggregate();
  make(aggregate.local.root);
  const query = parseStatsQuery(new URLSearchParams(), true) as StatsQuery;
  return joined(writePrometheus(aggregate, query))
    .split('\n')
    .filter((l) => l !== '' && !l.startsWith('#'));
}

describe('tags found in plain names', () => {
  test.each([
    ['cluster.web.upstream_rq_total', 'envoy_cluster_upstream_rq_total{envoy_cluster_name="web"} 0'],
    ['cluster.web.upstream_rq_200', 'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="web"} 0'],
    [
      'cluster.web.external.upstream_rq_5xx',
      'envoy_cluster_external_upstream_rq_xx{envoy_response_code_class="5",envoy_cluster_name="web"} 0',
    ],
    ['http.ingress.downstream_rq_xx', 'envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="ingress"} 0'],
    [
      'http.ingress.rds.local.update_success',
      'envoy_http_rds_update_success{envoy_http_conn_manager_prefix="ingress",envoy_rds_route_config="local"} 0',
    ],
    ['listener.0.0.0.0_80.downstream_cx_total', 'envoy_listener_downstream_cx_total{envoy_listener_address="0.0.0.0_80"} 0'],
    ['listener.[__1]_80.downstream_cx_total', 'envoy_listener_downstream_cx_total{envoy_listener_address="[__1]_80"} 0'],
    ['listener.admin.downstream_cx_total', 'envoy_listener_admin_downstream_cx_total{} 0'],
    [
      'listener.0.0.0.0_80.worker_3.downstream_cx_total',
      'envoy_listener_worker_downstream_cx_total{envoy_worker_id="3",envoy_listener_address="0.0.0.0_80"} 0',
    ],
    [
      'listener.0.0.0.0_80.http.ingress.downstream_rq_2xx',
      'envoy_listener_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="ingress",envoy_listener_address="0.0.0.0_80"} 0',
    ],
    ['server.worker_0.watchdog_miss', 'envoy_server_worker_watchdog_miss{envoy_worker_id="0"} 0'],
    ['vhost.v.vcluster.c.upstream_rq_total', 'envoy_vhost_vcluster_upstream_rq_total{envoy_virtual_cluster="c",envoy_virtual_host="v"} 0'],
    ['vhost.v.route.r.upstream_rq_total', 'envoy_vhost_route_upstream_rq_total{envoy_virtual_host="v",envoy_route="r"} 0'],
    ['tcp.t.downstream_cx_total', 'envoy_tcp_downstream_cx_total{envoy_tcp_prefix="t"} 0'],
    ['p.http_local_rate_limit.ok', 'envoy_http_local_rate_limit_ok{envoy_local_http_ratelimit_prefix="p"} 0'],
    ['listener.upl.ssl.ciphers.AES', 'envoy_listener_ssl_ciphers{envoy_ssl_cipher="AES",envoy_listener_address="upl"} 0'],
    ['server.live', 'envoy_server_live{} 0'],
  ])('%s', (name, line) => {
    expect(shown((root) => root.counter(name))).toEqual([line]);
  });
});

test('a tagged value may hold dots and needs no rule', () => {
  expect(shown((root) => root.tagged('cluster', 'envoy.cluster_name', 'outbound|80||a.b.svc').counter('upstream_rq_200'))).toEqual([
    'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="outbound|80||a.b.svc"} 0',
  ]);
  expect(shown((root) => root.tagged('x', 'my.tag', 'a"b\\').counter('n'))).toEqual(['envoy_x_n{my_tag="a\\"b\\\\"} 0']);
});

test('one TYPE line a metric, series of all clusters under it', () => {
  const aggregate = new StatsAggregate();
  for (const name of ['b', 'a-b', 'a']) aggregate.local.root.tagged('cluster', 'envoy.cluster_name', name).counter('x').inc();
  aggregate.local.root.gauge('cluster.a.y').set(2);
  const query = parseStatsQuery(new URLSearchParams(), true) as StatsQuery;
  expect(joined(writePrometheus(aggregate, query))).toBe(
    [
      '# TYPE envoy_cluster_x counter',
      'envoy_cluster_x{envoy_cluster_name="a-b"} 1',
      'envoy_cluster_x{envoy_cluster_name="a"} 1',
      'envoy_cluster_x{envoy_cluster_name="b"} 1',
      '# TYPE envoy_cluster_y gauge',
      'envoy_cluster_y{envoy_cluster_name="a"} 2',
      '',
    ].join('\n'),
  );
});
