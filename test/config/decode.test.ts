import { describe, expect, test } from 'vitest';
import { cluster, load, withCluster } from './support.ts';

const ANY = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const HTTP1 = 'explicit_http_config: {http_protocol_options: {}}';

describe('lenient where Envoy is', () => {
  test.each([
    [', max_requests_per_connection: "5"', { maxRequestsPerConnection: 5 }],
    [', max_requests_per_connection: 5.0', { maxRequestsPerConnection: 5 }],
    [', max_requests_per_connection: 1e3', { maxRequestsPerConnection: 1000 }],
    [', max_requests_per_connection: "0x5"', { maxRequestsPerConnection: 5 }],
    [', per_connection_buffer_limit_bytes: {value: 5}', { perConnectionBufferLimitBytes: 5 }],
    [', ignore_health_on_host_removal: "true"', { ignoreHealthOnHostRemoval: true }],
    [', ignore_health_on_host_removal: "True"', { ignoreHealthOnHostRemoval: true }],
    [', ignore_health_on_host_removal: "1"', { ignoreHealthOnHostRemoval: true }],
    [', ignore_health_on_host_removal: yes', { ignoreHealthOnHostRemoval: true }],
    [', lb_policy: random', { lbPolicy: 3 }],
    [', lb_policy: 3', { lbPolicy: 3 }],
    [', lb_policy: "3"', { lbPolicy: 3 }],
    [', lbPolicy: RANDOM', { lbPolicy: 3 }],
    [', lb_policy: null', { lbPolicy: 0 }],
    [', dns_refresh_rate: 0.25s', { dnsRefreshRate: { seconds: 0n, nanos: 250_000_000 } }],
    [', dns_refresh_rate: {seconds: 5}', { dnsRefreshRate: { seconds: 5n, nanos: 0 } }],
    [', circuit_breakers: {thresholds: {max_requests: 5}}', { circuitBreakers: { thresholds: [{ maxRequests: 5 }] } }],
    [', circuit_breakers: {thresholds: [[{max_requests: 5}]]}', { circuitBreakers: { thresholds: [{ maxRequests: 5 }] } }],
    [', common_lb_config: {healthy_panic_threshold: {value: "50.5"}}', { commonLbConfig: { healthyPanicThreshold: { value: 50.5 } } }],
    [', lb_policy: FOO, lb_policy: RANDOM', { lbPolicy: 3 }],
    [', metadata: {filter_metadata: {a: {n: 5, l: [1, null, x]}}}', { metadata: { filterMetadata: { a: { n: 5, l: [1, null, 'x'] } } } }],
    [', type: STRICT_DNS', { clusterDiscoveryType: { case: 'type', value: 1 } }],
  ])('%s', (fields, expected) => {
    expect(cluster(fields)).toMatchObject(expected);
  });
});

describe('strict where Envoy is', () => {
  test.each([
    [', lb_polcy: RANDOM', 'lb_polcy', 'unknown field; did you mean "lb_policy"?'],
    [', lb_polcy: null', 'lb_polcy', 'unknown field; did you mean "lb_policy"?'],
    [', LbPolicy: RANDOM', 'LbPolicy', 'unknown field; did you mean "lb_policy"?'],
    [', hosts: []', 'hosts', 'unknown field'],
    [', <<: {lb_policy: RANDOM}', '<<', 'unknown field; Envoy reads YAML without merge keys'],
    [
      ', lb_policy: Round-Robin',
      'lb_policy',
      'unknown value "Round-Robin" of envoy.config.cluster.v3.Cluster.LbPolicy; did you mean "ROUND_ROBIN"?',
    ],
    [', alt_stat_name: 5', 'alt_stat_name', 'expected a string, got 5; put it in quotes'],
    [', alt_stat_name: yes', 'alt_stat_name', 'expected a string, got true; put it in quotes'],
    [', max_requests_per_connection: 5.5', 'max_requests_per_connection', 'expected an integer, got "5.5"'],
    [', max_requests_per_connection: -1', 'max_requests_per_connection', '-1 is out of range (0 to 4294967295)'],
    [', max_requests_per_connection: 4294967296', 'max_requests_per_connection', '4294967296 is out of range (0 to 4294967295)'],
    [', max_requests_per_connection: true', 'max_requests_per_connection', 'expected an integer, got true'],
    [', max_requests_per_connection: " 5"', 'max_requests_per_connection', 'expected an integer, got " 5"'],
    [', max_requests_per_connection: ""', 'max_requests_per_connection', 'expected an integer, got ""'],
    [', ignore_health_on_host_removal: 1', 'ignore_health_on_host_removal', 'expected true or false, got 1'],
    [', dns_refresh_rate: 5', 'dns_refresh_rate', 'expected a duration such as "1.5s", got 5'],
    [', dns_refresh_rate: "5"', 'dns_refresh_rate', 'not a duration in seconds such as "1.5s": "5"; write "5s"'],
    [', dns_refresh_rate: 500ms', 'dns_refresh_rate', 'not a duration in seconds such as "1.5s": "500ms"; write "0.5s"'],
    [', dns_refresh_rate: .5s', 'dns_refresh_rate', 'not a duration in seconds such as "1.5s": ".5s"'],
    [', dns_refresh_rate: 5.s', 'dns_refresh_rate', 'not a duration in seconds such as "1.5s": "5.s"'],
    [', dns_refresh_rate: 1.0000000001s', 'dns_refresh_rate', 'not a duration in seconds such as "1.5s": "1.0000000001s"'],
    [', circuit_breakers: [{}]', 'circuit_breakers', 'expected a map (envoy.config.cluster.v3.CircuitBreakers), got a list'],
    [', circuit_breakers: 5', 'circuit_breakers', 'expected a map (envoy.config.cluster.v3.CircuitBreakers), got 5'],
    [', type: STATIC, cluster_type: {name: x}', 'cluster_type', 'cannot be set together with "type"'],
    [', metadata: {filter_metadata: [1]}', 'metadata.filter_metadata', 'expected a map, got a list'],
    [', metadata: {filter_metadata: {a: 5}}', 'metadata.filter_metadata["a"]', 'expected a map, got 5'],
    [
      ', common_lb_config: {healthy_panic_threshold: {value: true}}',
      'common_lb_config.healthy_panic_threshold.value',
      'expected a number, got true',
    ],
  ])('%s', (fields, field, message) => {
    expect(load(withCluster(fields), { allowUnsupported: true }).problems.filter((p) => p.startsWith('E'))).toEqual([
      `E static_resources.clusters[0].${field}: ${message}`,
    ]);
  });

  test('null leaves a field unset', () => {
    expect((cluster(', circuit_breakers: null') as { circuitBreakers?: unknown }).circuitBreakers).toBeUndefined();
  });

  test('bytes that are not base64', () => {
    const send =
      ', health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {send: {binary: "%%%"}}}]';
    const path = 'static_resources.clusters[0].health_checks[0].tcp_health_check.send.binary';
    expect(load(withCluster(send), { allowUnsupported: true }).problems).toContain(`E ${path}: not valid base64`);
  });

  test('everything wrong is reported at once', () => {
    const { bootstrap, problems } = load('admn: {}\nstatic_resources: {clusters: [{name: 5}, {nme: x}], listener: []}\n');
    expect(bootstrap).toBeNull();
    expect(problems).toEqual([
      'E admn: unknown field; did you mean "admin"?',
      'E static_resources.clusters[0].name: expected a string, got 5; put it in quotes',
      'E static_resources.clusters[1].nme: unknown field; did you mean "name"?',
      'E static_resources.listener: unknown field; did you mean "listeners"?',
    ]);
  });

  test('unknown fields are warnings on request', () => {
    const { bootstrap, problems } = load(withCluster(', lb_polcy: x'), { allowUnknown: true });
    expect(bootstrap).not.toBeNull();
    expect(problems).toEqual(['W static_resources.clusters[0].lb_polcy: unknown field; did you mean "lb_policy"?']);
  });
});

describe('typed configuration', () => {
  const options = (any: string): string =>
    withCluster(`, typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: ${any}}`);
  const path = 'static_resources.clusters[0].typed_extension_protocol_options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"]';

  test.each([
    [`{"@type": ${ANY}, ${HTTP1}}`],
    [`{"@type": foo.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, ${HTTP1}}`],
    [`{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: ${ANY}, value: {${HTTP1}}}`],
    [`{"@type": type.googleapis.com/udpa.type.v1.TypedStruct, typeUrl: ${ANY}, value: {${HTTP1}}}`],
  ])('%s', (any) => {
    expect(load(options(any)).problems).toEqual([]);
  });

  test.each([
    [`{${HTTP1}}`, '', 'missing "@type", the type of this configuration, as in "type.googleapis.com/…"'],
    ['{"@type": envoy.foo}', '', '"@type" must be an URL such as "type.googleapis.com/envoy.foo"'],
    [
      '{"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOption}',
      '.@type',
      'unknown type "envoy.extensions.upstreams.http.v3.HttpProtocolOption"; did you mean "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"?',
    ],
    [`{"@type": ${ANY}, ${HTTP1}, http_filter: []}`, '.http_filter', 'unknown field; did you mean "http_filters"?'],
    [
      '{"@type": type.googleapis.com/xds.type.v3.TypedStruct, value: {}}',
      '.type_url',
      'missing: a TypedStruct names the type of its value',
    ],
    [`{"@type": type.googleapis.com/xds.type.v3.TypedStruct, type_url: ${ANY}, value: {x: 1}}`, '.value.x', 'unknown field'],
  ])('%s', (any, at, message) => {
    expect(load(options(any)).problems).toContain(`E ${path}${at}: ${message}`);
  });

  test('an old type is named with its successor', () => {
    const filter = `{"@type": type.googleapis.com/envoy.config.filter.network.tcp_proxy.v2.TcpProxy}`;
    const { problems } = load(withCluster(`, filters: [{name: x, typed_config: ${filter}}]`), { allowUnsupported: true });
    expect(problems.join('\n')).toContain('did you mean "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"?');
  });
});
