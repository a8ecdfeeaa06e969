import { describe, expect, test } from 'vitest';
import { packSettings, unpackSettings } from '../../../src/cluster/catalog.ts';
import { compileCluster } from '../../../src/cluster/config.ts';
import type { Cluster } from '../../../src/config/gen/envoy/config/cluster/v3/cluster_pb.js';
import { loadMessage } from '../../../src/config/load-message.ts';
import { DEFAULT_OUTLIER } from '../../../src/resilience/outlier/settings.ts';

function compile(outlier: string, hosts = 10, more = '', type = 'STATIC') {
  const endpoints = Array.from(
    { length: hosts },
    (_, i) => `{endpoint: {address: {socket_address: {address: 10.0.0.${i}, port_value: 80}}}}`,
  );
  const yaml = `name: c\ntype: ${type}\n${more}\noutlier_detection: ${outlier}\nload_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [${endpoints.join(', ')}]}]}`;
  const loaded = loadMessage<Cluster>('envoy.config.cluster.v3.Cluster', { yamlOverlay: yaml });
  const settings = compileCluster(loaded.partial!, loaded.context);
  return { settings, problems: loaded.context.list.problems.map((p) => `${p.severity} ${p.path}: ${p.message}`) };
}

test('defaults are those of Envoy', () => {
  const { settings, problems } = compile('{}');
  expect([settings.outlier, problems]).toEqual([DEFAULT_OUTLIER, []]);
});

test('every field arrives, and survives being packed', () => {
  const { settings } = compile(
    `{consecutive_5xx: 1, consecutive_gateway_failure: 2, consecutive_local_origin_failure: 3, interval: 4s, base_ejection_time: 5s,
      max_ejection_time: 6s, max_ejection_time_jitter: 7s, max_ejection_percent: 8, always_eject_one_host: true,
      enforcing_consecutive_5xx: 9, enforcing_consecutive_gateway_failure: 10, enforcing_consecutive_local_origin_failure: 11,
      enforcing_success_rate: 12, enforcing_local_origin_success_rate: 13, enforcing_failure_percentage: 14,
      enforcing_failure_percentage_local_origin: 15, success_rate_minimum_hosts: 16, success_rate_request_volume: 17,
      success_rate_stdev_factor: 18, failure_percentage_threshold: 19, failure_percentage_minimum_hosts: 20,
      failure_percentage_request_volume: 21, split_external_local_origin_errors: true,
      successful_active_health_check_uneject_host: false, detect_degraded_hosts: true}`,
  );
  expect(settings.outlier).toEqual({
    consecutive5xx: 1,
    consecutiveGatewayFailure: 2,
    consecutiveLocalOriginFailure: 3,
    intervalMs: 4000,
    baseEjectionTimeMs: 5000,
    maxEjectionTimeMs: 6000,
    maxEjectionTimeJitterMs: 7000,
    maxEjectionPercent: 8,
    alwaysEjectOneHost: true,
    enforcingConsecutive5xx: 9,
    enforcingConsecutiveGatewayFailure: 10,
    enforcingConsecutiveLocalOriginFailure: 11,
    enforcingSuccessRate: 12,
    enforcingLocalOriginSuccessRate: 13,
    enforcingFailurePercentage: 14,
    enforcingFailurePercentageLocalOrigin: 15,
    successRateMinimumHosts: 16,
    successRateRequestVolume: 17,
    successRateStdevFactor: 18,
    failurePercentageThreshold: 19,
    failurePercentageMinimumHosts: 20,
    failurePercentageRequestVolume: 21,
    splitExternalLocalOriginErrors: true,
    successfulActiveHealthCheckUnejectHost: false,
    detectDegradedHosts: true,
  });
  expect(unpackSettings(packSettings(settings))).toEqual(settings);
});

test('the longest ejection is not below the base time unless it is said to be', () => {
  expect(compile('{base_ejection_time: 400s}').settings.outlier!.maxEjectionTimeMs).toBe(400_000);
  expect(compile('{base_ejection_time: 2s}').settings.outlier!.maxEjectionTimeMs).toBe(300_000);
});

test('packed, defaults take no room', () => {
  const { settings } = compile('{interval: 5s}');
  expect(packSettings(settings)).toContain('"outlier":{"intervalMs":5000}');
  expect(unpackSettings(packSettings(settings))).toEqual(settings);
  expect(unpackSettings(packSettings({ ...settings, outlier: null })).outlier).toBeNull();
});

describe('what cannot work as meant is a warning', () => {
  const path = 'warning outlier_detection.max_ejection_percent';
  test.each([
    [
      '{}',
      3,
      '',
      `${path}: 10 % of 3 hosts is less than one: no host will ever be ejected. Set it to 34 or more, or always_eject_one_host to true`,
    ],
    [
      '{}',
      9,
      '',
      `${path}: 10 % of 9 hosts is less than one: no host will ever be ejected. Set it to 12 or more, or always_eject_one_host to true`,
    ],
    [
      '{max_ejection_percent: 60}',
      4,
      '',
      `${path}: with 60 % of the hosts ejected, the healthy ones are fewer than the panic threshold of 50 %: ejected hosts then get traffic again. Lower one of them (common_lb_config.healthy_panic_threshold)`,
    ],
  ])('%s of %i hosts', (outlier, hosts, more, problem) => {
    expect(compile(outlier, hosts, more).problems).toEqual([problem]);
  });

  test.each([
    ['{}', 10, ''],
    ['{max_ejection_percent: 34}', 3, ''],
    ['{always_eject_one_host: true}', 3, ''],
    ['{max_ejection_percent: 0}', 3, ''],
    ['{max_ejection_percent: 50}', 4, ''],
    ['{max_ejection_percent: 100}', 4, 'common_lb_config: {healthy_panic_threshold: {value: 0}}'],
  ])('nothing is wrong with %s of %i hosts %s', (outlier, hosts, more) => {
    expect(compile(outlier, hosts, more).problems).toEqual([]);
  });

  test('of hosts that discovery will find nothing is said', () => {
    expect(compile('{}', 1, '', 'STRICT_DNS').problems).toEqual([]);
  });
});

describe('the matcher of errors', () => {
  const options = (matcher: string) =>
    `typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http_protocol_options: {}}, outlier_detection: {error_matcher: ${matcher}}}}`;

  test('arrives as it is written, and survives being packed', () => {
    const header = '{http_response_headers_match: {headers: [{name: X-Error, present_match: true}]}}';
    const { settings, problems } = compile('{}', 10, options(`{or_match: {rules: [${header}, {not_match: {any_match: true}}]}}`));
    expect(problems).toEqual([]);
    expect(settings.outlierErrors).toMatchObject({
      kind: 'or',
      rules: [
        { kind: 'headers', headers: [{ name: 'x-error', present: true }] },
        { kind: 'not', rule: { kind: 'constant', value: true } },
      ],
    });
    expect(unpackSettings(packSettings(settings))).toEqual(settings);
  });

  test('a part of the exchange that is not looked at is a warning', () => {
    const { settings, problems } = compile('{}', 10, options('{http_request_headers_match: {headers: [{name: a, present_match: true}]}}'));
    expect(settings.outlierErrors).toEqual({ kind: 'constant', value: false });
    expect(problems).toEqual([expect.stringContaining('only http_response_headers_match is looked at: this never matches')]);
  });
});
