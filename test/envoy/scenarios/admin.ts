import { type Area, after, reply, says } from '../harness/scenario.ts';

/** The admin interface: what scripts and dashboards read. */
export const admin: Area = {
  name: 'admin',
  configurations: [
    {
      name: 'endpoints',
      routes: `- {match: {prefix: /d}, ${says('d')}}\n- {match: {prefix: /}, route: {cluster: a}}`,
      cases: [
        { name: 'ready', admin: 'GET /ready' },
        { name: 'listeners', admin: 'GET /listeners' },
        { name: 'listeners, JSON', admin: 'GET /listeners?format=json' },
        { name: 'clusters before any request', admin: 'GET /clusters' },
        { name: 'clusters after some', send: ['GET /', 'GET /', 'GET /d'], admin: 'GET /clusters' },
        { name: 'clusters, JSON', admin: 'GET /clusters?format=json' },
        { name: 'statistics by filter', admin: 'GET /stats?type=Counters&filter=^http\\.ingress\\.downstream_rq_' },
        { name: 'statistics as JSON', admin: 'GET /stats?format=json&filter=^http\\.ingress\\.downstream_rq_[0-9]' },
        { name: 'counters only', admin: 'GET /stats?type=Counters&filter=^cluster\\.a\\.upstream_rq_' },
        { name: 'gauges only', admin: 'GET /stats?type=Gauges&filter=^cluster\\.a\\.membership' },
        { name: 'used only', admin: 'GET /stats?usedonly&filter=^http\\.ingress\\.rq' },
        { name: 'a wrong method', admin: 'GET /reset_counters' },
        { name: 'a bad filter', admin: 'GET /stats?filter=(' },
        { name: 'an unknown path', admin: 'GET /nothing', adminLines: /^invalid path/ },
        { name: 'reset counters', admin: 'POST /reset_counters' },
        { name: 'after the reset', admin: 'GET /stats?filter=^http\\.ingress\\.downstream_rq_(total|2xx|active):?$' },
        { name: 'memory needs GET', admin: 'GET /hot_restart_version' },
        { name: 'certificates', admin: 'GET /certs' },
        { name: 'runtime', admin: 'GET /runtime' },
        { name: 'init dump', admin: 'GET /init_dump' },
        { name: 'runtime_modify without a layer', admin: 'POST /runtime_modify?a=b' },
        { name: 'health off', admin: 'POST /healthcheck/fail' },
        { name: 'not ready', admin: 'GET /ready' },
        { name: 'responses close while draining', send: 'GET /d' },
        { name: 'health on', admin: 'POST /healthcheck/ok' },
        { name: 'ready again', admin: 'GET /ready' },
        { name: 'responses keep the connection again', send: 'GET /d' },
      ],
    },
    {
      name: 'names of all statistics',
      cases: [
        { name: 'after a request', send: 'GET /', upstream: { a: [reply({ body: 'x' })] } },
        { name: 'http', admin: 'GET /stats', adminLines: /^http\.ingress\.(?!.*(_bytes_|_ms|_time))/ },
        { name: 'listener', admin: 'GET /stats', adminLines: /^listener\.127\.0\.0\.1_\d+\.(?!.*(_bytes_|_ms|ssl))/ },
        { name: 'cluster', admin: 'GET /stats', adminLines: /^cluster\.a\.(?!.*(_bytes_|_ms|_time|lb_|http2|assignment))/ },
        { name: 'cluster manager', admin: 'GET /stats', adminLines: /^cluster_manager\./ },
        { name: 'listener manager', admin: 'GET /stats', adminLines: /^listener_manager\./ },
        { name: 'unused cluster', admin: 'GET /stats', adminLines: /^cluster\.b\./ },
        { name: 'runtime', admin: 'GET /stats', adminLines: /^runtime\.(?!load_success|override_dir)/ },
        { name: 'router of calls that the proxy makes', admin: 'GET /stats', adminLines: /^http\.async-client\./ },
        {
          name: 'threads and overload',
          admin: 'GET /stats',
          adminLines: /^(main_thread|workers|overload|envoy|server\.(main_thread|worker))/,
        },
        {
          name: 'server',
          admin: 'GET /stats',
          adminLines: /^server\.(?!memory|uptime|init|version|stats_recent|total_connections|dynamic_unknown)/,
        },
        { name: 'clusters', admin: 'GET /clusters', adminLines: /^a::/ },
      ],
    },
    {
      name: 'prometheus',
      routes: '- {match: {prefix: /slow}, route: {cluster: b}}\n- {match: {prefix: /}, route: {cluster: a}}',
      bootstrap: '{stats_flush_interval: 0.050s}',
      cases: [
        { name: 'after a request', send: ['GET /', 'GET /'] },
        {
          name: 'http',
          admin: 'GET /stats/prometheus',
          adminLines: /^envoy_http_downstream_(rq|cx)_(total|xx|active|completed|destroy)\{.*"ingress"/,
        },
        {
          name: 'types',
          admin: 'GET /stats/prometheus?usedonly',
          adminLines: /^# TYPE envoy_(http_downstream_rq|cluster_upstream_rq|listener_downstream_cx)_(total|xx|completed)/,
        },
        {
          name: 'cluster',
          admin: 'GET /stats/prometheus?usedonly',
          adminLines: /^envoy_cluster_(upstream_rq|upstream_cx|membership|external)(_total|_xx|_healthy|_active|_upstream_rq)?\{/,
        },
        { name: 'listener', admin: 'GET /stats/prometheus?usedonly', adminLines: /^envoy_listener_(http_)?downstream(?!.*_ms)/ },
        // Histograms are merged when statistics are flushed; the slow request gives that the time.
        { name: 'a slow request', send: 'GET /slow', upstream: { b: [after(300, reply())] } },
        {
          name: 'histograms',
          admin: 'GET /stats/prometheus?filter=cluster\\.a\\.upstream_rq_time',
          adminLines: /TYPE|_bucket\{.*le="(\+Inf|3600000|1800000)"|_count\{/,
        },
        { name: 'by filter', admin: 'GET /stats/prometheus?filter=cluster\\.a\\.upstream_rq_total' },
      ],
    },
    {
      name: 'virtual clusters and route statistics',
      virtualHosts: `
        - name: shop
          domains: ["*"]
          virtual_clusters:
          - {name: orders, headers: [{name: ":path", string_match: {prefix: /orders}}, {name: ":method", string_match: {exact: POST}}]}
          routes:
          - {match: {prefix: /}, route: {cluster: a}, stat_prefix: main_route}
      `,
      cases: [
        { name: 'requests', send: [{ method: 'POST', path: '/orders/1', body: 'x' }, 'GET /orders/1', 'GET /other'] },
        { name: 'counted', admin: 'GET /stats?usedonly', adminLines: /^vhost\.(?!.*time)/ },
        { name: 'in prometheus', admin: 'GET /stats/prometheus?usedonly', adminLines: /^envoy_vhost_(?!.*time)/ },
      ],
    },
    {
      name: 'names with dots and colons',
      routes: '- {match: {prefix: /}, route: {cluster: "outbound|80||a.b.svc"}}',
      clusters: `
        - {name: "outbound|80||a.b.svc", load_assignment: {cluster_name: x, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: {{a}}}}}}]}]}}
        - {name: "with:colon", alt_stat_name: "alt:name", type: STATIC}
      `,
      cases: [
        { name: 'a request', send: 'GET /' },
        { name: 'in the statistics', admin: 'GET /stats', adminLines: /^cluster\.(outbound|with|alt).*membership_(total|healthy)/ },
        {
          name: 'in prometheus',
          admin: 'GET /stats/prometheus',
          adminLines: /^envoy_.*membership_healthy/,
          differs: {
            reason:
              "Envoy takes labels out of the name with patterns that stop at the first dot; here a cluster's name is a label of its own",
            changes: [
              '- envoy_cluster_b_svc_membership_healthy{envoy_cluster_name="outbound|80||a"} 1',
              '+ envoy_cluster_membership_healthy{envoy_cluster_name="outbound|80||a.b.svc"} 1',
            ],
          },
        },
        { name: 'in /clusters', admin: 'GET /clusters', adminLines: /^(outbound|with|alt).*(observability_name|rq_total)/ },
      ],
    },
  ],
};
