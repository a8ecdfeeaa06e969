import { describe, expect, test } from 'vitest';
import { compileRoutes, routesOnly } from '../support/route-rig.ts';

function errors(yaml: string, deps: Parameters<typeof compileRoutes>[1] = {}): string[] {
  return compileRoutes(yaml, deps)
    .problems.filter((p) => p.startsWith('E'))
    .map((p) => p.slice(2));
}
const route = (fields: string) => routesOnly(`- {match: {prefix: /}, ${fields}}`);
const R = 'virtual_hosts[0].routes[0]';

describe('what Envoy refuses', () => {
  test.each([
    [
      'domains: [a, A]',
      '',
      `virtual_hosts[0].domains[1]: Only unique values for domains are permitted. Duplicate entry of domain a in route r`,
    ],
    ['domains: ["*"]', '{name: w, domains: ["*"]}', 'virtual_hosts[1].domains[0]: Only a single wildcard domain is permitted in route r'],
    [
      'domains: ["*.a"]',
      '{name: w, domains: ["*.a"]}',
      'virtual_hosts[1].domains[0]: Only unique values for domains are permitted. Duplicate entry of domain *.a in route r',
    ],
  ])('%s and %s', (domains, other, error) => {
    expect(errors(`name: r\nvirtual_hosts: [{name: v, ${domains}}${other === '' ? '' : ', ' + other}]`)).toEqual([error]);
  });

  const body = `"${'x'.repeat(20)}"`;
  test.each([
    [
      'route: {cluster: c, prefix_rewrite: /a, regex_rewrite: {pattern: {regex: a}, substitution: b}}',
      `${R}.route: Specify only one of prefix_rewrite, regex_rewrite or path_rewrite_policy`,
    ],
    [
      'route: {weighted_clusters: {clusters: [{name: c, weight: 0}]}}',
      `${R}.route.weighted_clusters: Sum of weights in the weighted_cluster must be greater than 0.`,
    ],
    [
      'route: {weighted_clusters: {clusters: [{name: c, cluster_header: x, weight: 1}]}}',
      `${R}.route.weighted_clusters.clusters[0]: Only one of name or cluster_header can be specified`,
    ],
    [
      'route: {weighted_clusters: {clusters: [{weight: 1}]}}',
      `${R}.route.weighted_clusters.clusters[0]: At least one of name or cluster_header need to be specified`,
    ],
    [
      'direct_response: {status: 200}, request_headers_to_add: [{header: {key: ":path", value: x}}]',
      `${R}.request_headers_to_add[0].header.key: :-prefixed or host headers may not be modified`,
    ],
    [
      'direct_response: {status: 200}, response_headers_to_add: [{header: {key: Host, value: x}}]',
      `${R}.response_headers_to_add[0].header.key: :-prefixed or host headers may not be modified`,
    ],
    [
      'direct_response: {status: 200}, request_headers_to_remove: [":path"]',
      `${R}.request_headers_to_remove[0]: :-prefixed or host headers may not be removed`,
    ],
    [
      'direct_response: {status: 200}, request_headers_to_add: [{append: true, append_action: ADD_IF_ABSENT, header: {key: x, value: x}}]',
      `${R}.request_headers_to_add[0].append_action: Both append and append_action are set and it's not allowed`,
    ],
    [
      'direct_response: {status: 200}, request_headers_to_add: [{header: {key: x, value: "%NOPE%"}}]',
      `${R}.request_headers_to_add[0].header.value: Not supported field in StreamInfo: NOPE`,
    ],
    [
      'route: {cluster: c, upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: WebSocket}]}',
      `${R}.route.upgrade_configs[1].upgrade_type: Duplicate upgrade WebSocket`,
    ],
    [
      'route: {cluster: c, upgrade_configs: [{upgrade_type: websocket, connect_config: {}}]}',
      `${R}.route.upgrade_configs[0].connect_config: Non-CONNECT upgrade type websocket has ConnectConfig`,
    ],
    [
      'route: {cluster: c, retry_policy: {retry_back_off: {base_interval: 2s, max_interval: 1s}}}',
      `${R}.route.retry_policy.retry_back_off.max_interval: retry_policy.max_interval must greater than or equal to the base_interval`,
    ],
    [
      'route: {cluster: c, request_mirror_policies: [{cluster: m, cluster_header: x}]}',
      `${R}.route.request_mirror_policies[0]: Only one of cluster 'm' or cluster_header 'x' in request mirror policy can be specified`,
    ],
    [
      'route: {cluster: c, request_mirror_policies: [{}]}',
      `${R}.route.request_mirror_policies[0]: Exactly one of cluster or cluster_header in request mirror policy need to be specified`,
    ],
    [
      'route: {cluster: c, internal_redirect_policy: {response_headers_to_copy: [":status"]}}',
      `${R}.route.internal_redirect_policy.response_headers_to_copy[0]: :-prefixed headers or Hosts may not be specified here.`,
    ],
    [
      'route: {cluster_specifier_plugin: x}',
      `${R}.route.cluster_specifier_plugin: Unknown cluster specifier plugin name: x is used in the route`,
    ],
    [
      'direct_response: {status: 200}, typed_per_filter_config: {fault: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig}}',
      `${R}.typed_per_filter_config["fault"]: Empty route/virtual host per filter configuration for fault filter`,
    ],
    [
      'direct_response: {status: 200, body: {filename: /does/not/exist}}',
      `${R}.direct_response.body.filename: unable to read file '/does/not/exist': ENOENT: no such file or directory, open '/does/not/exist'`,
    ],
  ])('%s', (fields, error) => {
    expect(errors(route(fields))).toEqual([error]);
  });

  test('a direct response body over the limit', () => {
    const yaml = route(`direct_response: {status: 200, body: {inline_string: ${body}}}`);
    expect(errors(`${yaml}max_direct_response_body_size_bytes: 19\n`)).toEqual([
      `${R}.direct_response.body: response body size is 20 bytes; maximum is 19`,
    ]);
    expect(errors(`${yaml}max_direct_response_body_size_bytes: 20\n`)).toEqual([]);
  });

  test.each(['a(', '(?=a)', '[[', 'a**', '\\\\1', 'a{1001}'])('regular expression %s', (regex) => {
    const found = errors(routesOnly(`- {match: {safe_regex: {regex: "${regex}"}}, direct_response: {status: 200}}`));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${R}.match.safe_regex.regex: invalid regex`);
  });
});

describe('unknown clusters', () => {
  const known = { clusterExists: (name: string) => name === 'web', clusterNames: ['web', 'api'] };
  const yaml = (more = '') =>
    routesOnly(
      '- {match: {path: /a}, route: {cluster: wep}}\n- {match: {path: /b}, route: {weighted_clusters: {clusters: [{name: w, weight: 1}]}}}\n- {match: {path: /c}, route: {cluster: web, request_mirror_policies: [{cluster: m}]}}\n- {match: {path: /d}, route: {cluster_header: x}}',
      more,
    );
  test('all are reported', () => {
    expect(errors(yaml(), known)).toEqual([
      'virtual_hosts[0].routes[0].route.cluster: route: unknown cluster \'wep\'; did you mean "web"?',
      "virtual_hosts[0].routes[1].route.weighted_clusters.clusters[0].name: route: unknown weighted cluster 'w'",
      "virtual_hosts[0].routes[2].route.request_mirror_policies[0].cluster: route: unknown shadow cluster 'm'",
    ]);
  });
  test('unless told not to look', () => {
    expect(errors(yaml('validate_clusters: false\n'), known)).toEqual([]);
    expect(errors(yaml(), { ...known, validateClustersByDefault: false })).toEqual([]);
    expect(errors(yaml(), { ...known, clusterExists: () => null })).toEqual([]);
  });
});

describe('what can never work as meant is a warning', () => {
  function warnings(routes: string): string[] {
    return compileRoutes(routesOnly(routes)).problems.map((p) => p.slice(p.indexOf('routes[')));
  }
  test.each([
    [
      '- {match: {prefix: /}, route: {cluster: c}}\n- {match: {prefix: /a}, route: {cluster: c}}',
      'routes[1].match: never reached: routes[0], prefix "/", takes all of its requests',
    ],
    [
      '- {name: one, match: {prefix: /a}, route: {cluster: c}}\n- {match: {path: /ab}, route: {cluster: c}}',
      'routes[1].match: never reached: routes[0] (\'one\'), prefix "/a", takes all of its requests',
    ],
    [
      '- {match: {path: /a}, route: {cluster: c}}\n- {match: {path: /a, headers: [{name: x}]}, route: {cluster: c}}',
      'routes[1].match: never reached: routes[0], path "/a", takes all of its requests',
    ],
    [
      '- {match: {prefix: /, runtime_fraction: {default_value: {numerator: 0}}}, route: {cluster: c}}',
      'routes[0].match.runtime_fraction: a share of 0: this route never matches',
    ],
    [
      '- {match: {prefix: /}, route: {cluster: c, upgrade_configs: [{upgrade_type: websocket}]}}',
      'routes[0].route: the default timeout of 15s holds for upgrades on this route too; set timeout (0s for none)',
    ],
    [
      '- {match: {prefix: /, grpc: {}}, route: {cluster: c}}',
      'routes[0].route: the default timeout of 15s holds for gRPC streams on this route too; set timeout (0s for none)',
    ],
    [
      '- {match: {prefix: /}, route: {cluster: c, timeout: 1s, retry_policy: {retry_on: connect-failure, per_try_timeout: 1s}}}',
      "routes[0].route.retry_policy: per_try_timeout (1s) is not shorter than the route's timeout (1s): a try that times out is never repeated",
    ],
    [
      '- {match: {prefix: /}, route: {cluster: c, timeout: 2s, retry_policy: {retry_on: connect-failure, num_retries: 3, per_try_timeout: 1s}}}',
      "routes[0].route.retry_policy: 3 retries of 1s do not fit into the route's timeout (2s)",
    ],
    [
      '- {match: {prefix: /}, route: {cluster: c, retry_policy: {retry_on: "5xx"}}}',
      'routes[0].route.retry_policy: requests that may have been executed are retried whatever their method; restrict it with retriable_request_headers on ":method"',
    ],
    [
      '- {match: {prefix: /}, route: {cluster: c, retry_policy: {retry_on: "conect-failure"}}}',
      "routes[0].route.retry_policy.retry_on: 'conect-failure' is no condition that Envoy knows: it is ignored",
    ],
    [
      '- {match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: 0}]}}}',
      "routes[0].route.weighted_clusters: 'b' has weight 0 and gets no request",
    ],
    [
      '- {match: {prefix: /}, route: {cluster: c, regex_rewrite: {pattern: {regex: a}, substitution: "\\\\1"}}}',
      'routes[0].route.regex_rewrite.substitution: "\\1" refers to group 1, and the pattern has 0: nothing will be rewritten',
    ],
    [
      '- {match: {prefix: /}, route: {cluster: c}, typed_per_filter_config: {falt: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true}}}',
      'routes[0].typed_per_filter_config["falt"]: no HTTP filter of this connection manager is named \'falt\': this has no effect; did you mean "fault"?',
    ],
  ])('%s', (routes, warning) => {
    expect(warnings(routes)).toEqual([warning]);
  });

  test.each([
    '- {match: {path: /a}, route: {cluster: c}}\n- {match: {prefix: /a}, route: {cluster: c}}',
    '- {match: {prefix: /a, headers: [{name: x}]}, route: {cluster: c}}\n- {match: {prefix: /a/b}, route: {cluster: c}}',
    '- {match: {path_separated_prefix: /a}, route: {cluster: c}}\n- {match: {prefix: /ab}, route: {cluster: c}}',
    '- {match: {connect_matcher: {}}, route: {cluster: c}}\n- {match: {prefix: /}, route: {cluster: c}}',
    '- {match: {prefix: /}, route: {cluster: c, retry_policy: {retry_on: "5xx", retriable_request_headers: [{name: ":method", string_match: {exact: GET}}]}}}',
    '- {match: {prefix: /}, route: {cluster: c, timeout: 0s, retry_policy: {retry_on: connect-failure, per_try_timeout: 1s}}}',
  ])('and nothing else is: %s', (routes) => {
    expect(warnings(routes)).toEqual([]);
  });
});
