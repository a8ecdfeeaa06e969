import { describe, expect, test } from 'vitest';
import { cluster, load, withCluster } from './support.ts';

function wrong(fields: string): string[] {
  return load(withCluster(fields), { allowUnsupported: true }).problems.filter((p) => p.startsWith('E'));
}

describe('rules on the fields of a cluster', () => {
  const at = 'E static_resources.clusters[0]';
  test.each([
    ['gt on a duration', ', dns_refresh_rate: 0s', `${at}.dns_refresh_rate: must be greater than 0.001s`],
    ['defined_only', ', lb_policy: 77', `${at}.lb_policy: 77 is not a value of envoy.config.cluster.v3.Cluster.LbPolicy`],
    ['not_in', ', lb_policy: 4', `${at}.lb_policy: 4 is not a value of envoy.config.cluster.v3.Cluster.LbPolicy`],
    ['lte on a wrapper', ', least_request_lb_config: {choice_count: 1}', `${at}.least_request_lb_config.choice_count: must be at least 2`],
    [
      'range of a double',
      ', common_lb_config: {healthy_panic_threshold: {value: 150}}',
      `${at}.common_lb_config.healthy_panic_threshold.value: must be at least 0 and at most 100`,
    ],
    ['required', ', dns_failure_refresh_rate: {}', `${at}.dns_failure_refresh_rate.base_interval: must be set`],
    [
      'oneof required',
      ', upstream_bind_config: {source_address: {address: 1.2.3.4}}',
      `${at}.upstream_bind_config.source_address: one of port_value, named_port must be set`,
    ],
    ['pattern or prefix of a string', ', transport_socket: {}', `${at}.transport_socket.name: must not be empty`],
  ])('%s', (_what, fields, problem) => {
    expect(wrong(fields)).toEqual([problem]);
  });

  test('what is missing everywhere is reported everywhere', () => {
    const { problems } = load('static_resources: {clusters: [{}, {name: x}, {}], listeners: [{address: {}}]}');
    expect(problems).toEqual([
      'E static_resources.clusters[0].name: must not be empty',
      'E static_resources.clusters[2].name: must not be empty',
      'E static_resources.listeners[0].address: one of socket_address, pipe, envoy_internal_address must be set',
    ]);
  });

  test('a misspelt or undecodable field is not also missing', () => {
    expect(wrong(', dns_failure_refresh_rate: {base_intervall: 1s}')).toEqual([
      `${at}.dns_failure_refresh_rate.base_intervall: unknown field; did you mean "base_interval"?`,
    ]);
    expect(wrong(', dns_failure_refresh_rate: {base_interval: 1}')).toEqual([
      `${at}.dns_failure_refresh_rate.base_interval: expected a duration such as "1.5s", got 1`,
    ]);
  });

  test('a valid cluster has no problems', () => {
    expect(cluster(', dns_refresh_rate: 5s')).toMatchObject({ name: 'c' });
  });
});

describe('rules inside typed configuration', () => {
  const hcm = (fields: string): string => `
static_resources:
  listeners:
  - address: {socket_address: {address: 0.0.0.0, port_value: 80}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: x
          ${fields}
`;
  const at = 'E static_resources.listeners[0].filter_chains[0].filters[0].typed_config';
  const route = (fields: string): string =>
    `route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, ${fields}}]}]}`;
  const inRoute = `${at}.route_config.virtual_hosts[0].routes[0]`;

  test.each([
    ['codec_type: HTTP1', `${at}: one of rds, route_config, scoped_routes must be set`],
    [
      route('route: {}'),
      `${inRoute}.route: one of cluster, cluster_header, weighted_clusters, cluster_specifier_plugin, inline_cluster_specifier_plugin must be set`,
    ],
    [route('route: {cluster: ""}'), `${inRoute}.route.cluster: must not be empty`],
    [route('name: r'), `${inRoute}: one of route, redirect, direct_response, filter_action, non_forwarding_action must be set`],
    [route('direct_response: {status: 700}'), `${inRoute}.direct_response.status: must be at least 200 and less than 600`],
    [
      route('route: {cluster: a}, request_headers_to_add: [{header: {key: "a\\nb", value: x}}]'),
      `${inRoute}.request_headers_to_add[0].header.key: is not a valid HTTP header name`,
    ],
    [
      route('route: {cluster: a}, request_headers_to_add: [{header: {key: ab, value: "x\\ny"}}]'),
      `${inRoute}.request_headers_to_add[0].header.value: is not a valid HTTP header value`,
    ],
    [route('route: {cluster: a}, request_headers_to_remove: [""]'), `${inRoute}.request_headers_to_remove[0]: must not be empty`],
    ['route_config: {virtual_hosts: [{name: v, domains: []}]}', `${at}.route_config.virtual_hosts[0].domains: must have at least 1 item`],
    ['max_request_headers_kb: 9000\n          route_config: {}', `${at}.max_request_headers_kb: must be greater than 0 and at most 8192`],
  ])('%s', (fields, problem) => {
    expect(load(hcm(fields)).problems).toEqual([problem]);
  });

  test('a route that is right', () => {
    expect(load(hcm(route('route: {cluster: a}'))).problems).toEqual([]);
  });
});
