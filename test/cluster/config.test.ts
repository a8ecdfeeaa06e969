import { describe, expect, test } from 'vitest';
import { compileCluster } from '../../src/cluster/config.ts';
import { DEFAULT_CLUSTER, DEFAULT_ENDPOINT, DEFAULT_LOCALITY, DEFAULT_UPSTREAM_HTTP } from '../../src/cluster/settings.ts';
import type { Cluster } from '../../src/config/gen/envoy/config/cluster/v3/cluster_pb.js';
import { loadMessage } from '../../src/config/load-message.ts';
import { HealthFlag } from '../../src/lb/host.ts';
import { DEFAULT_THRESHOLDS } from '../../src/resilience/circuit-breaker.ts';
import { BAD, GOOD, ONE } from './config-cases.ts';

function compile(yaml: string) {
  const loaded = loadMessage<Cluster>('envoy.config.cluster.v3.Cluster', { yamlOverlay: yaml });
  const settings = loaded.partial === null ? null : compileCluster(loaded.partial, loaded.context);
  return { settings: settings!, problems: loaded.context.list.problems.map((p) => `${p.path}: ${p.message}`) };
}

const settingsOf = (yaml: string) => {
  const { settings, problems } = compile(yaml);
  expect(problems).toEqual([]);
  return settings;
};

describe('defaults', () => {
  test('a cluster of which little is said', () => {
    expect(settingsOf(`name: c\n${ONE}`)).toEqual({
      ...DEFAULT_CLUSTER,
      name: 'c',
      localities: [{ ...DEFAULT_LOCALITY, endpoints: [{ ...DEFAULT_ENDPOINT, host: '127.0.0.1', port: 80 }] }],
    });
  });

  test('are what Envoy documents', () => {
    const s = settingsOf('name: c');
    expect([s.connectTimeoutMs, s.perConnectionBufferLimit, s.balancer.policy, s.panicThreshold, s.overprovisioningFactor]).toEqual([
      5000,
      1048576,
      'ROUND_ROBIN',
      50,
      140,
    ]);
    expect([s.http.idleTimeoutMs, s.dns.refreshMs, s.dns.lookupFamily, s.originalDst.cleanupIntervalMs, s.tcpIdleTimeoutMs]).toEqual([
      3_600_000,
      5000,
      'AUTO',
      5000,
      600_000,
    ]);
  });
});

describe('fields', () => {
  test('endpoints with everything', () => {
    const s = settingsOf(`
name: c
type: STRICT_DNS
load_assignment:
  cluster_name: c
  policy: {overprovisioning_factor: 200}
  endpoints:
  - locality: {region: r, zone: z, sub_zone: s}
    load_balancing_weight: 3
    priority: 1
    lb_endpoints:
    - endpoint:
        hostname: h
        address: {socket_address: {address: web.test, port_value: 81}}
        health_check_config: {port_value: 82, hostname: k, disable_active_health_check: true}
      health_status: DRAINING
      load_balancing_weight: 7
      metadata: {filter_metadata: {envoy.lb: {canary: true}}}
    - endpoint: {address: {pipe: {path: /run/x}}}
      health_status: DEGRADED
`);
    expect(s.overprovisioningFactor).toBe(200);
    expect(s.localities).toEqual([
      {
        region: 'r',
        zone: 'z',
        subZone: 's',
        priority: 1,
        weight: 3,
        endpoints: [
          {
            host: 'web.test',
            port: 81,
            path: '',
            hostname: 'h',
            weight: 7,
            health: HealthFlag.FailedEdsHealth | HealthFlag.EdsStatusDraining,
            metadata: { 'envoy.lb': { canary: true } },
            additional: [],
            check: { disabled: true, port: 82, ip: '', path: '', hostname: 'k' },
          },
          { ...DEFAULT_ENDPOINT, path: '/run/x', health: HealthFlag.DegradedEdsHealth },
        ],
      },
    ]);
  });

  test('circuit breakers: the first entry of a priority counts', () => {
    const s = settingsOf(`
name: c
circuit_breakers:
  thresholds:
  - {max_connections: 3, max_pending_requests: 2, max_requests: 3, max_retries: 2, max_connection_pools: 5, track_remaining: true}
  - {max_connections: 100}
  - {priority: HIGH, retry_budget: {budget_percent: {value: 12.5}}}
  per_host_thresholds: [{max_connections: 9}]
`);
    expect(s.breakers[0]).toEqual({
      maxConnections: 3,
      maxPendingRequests: 2,
      maxRequests: 3,
      maxRetries: 2,
      maxConnectionPools: 5,
      retryBudget: null,
      trackRemaining: true,
    });
    expect(s.breakers[1]).toEqual({ ...DEFAULT_THRESHOLDS, retryBudget: { budgetPercent: 12.5, minRetryConcurrency: 3, intervalMs: 0 } });
    expect(s.perHostMaxConnections).toBe(9);
  });

  test('protocol options, typed', () => {
    const s = settingsOf(`
name: c
common_http_protocol_options: {idle_timeout: 9s}
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    common_http_protocol_options: {idle_timeout: 1.5s, max_connection_duration: 60s, max_requests_per_connection: 10, max_headers_count: 7, max_stream_duration: 3s}
    explicit_http_config: {http_protocol_options: {enable_trailers: true}}
`);
    expect(s.http).toEqual({
      idleTimeoutMs: 1500,
      maxConnectionDurationMs: 60_000,
      maxStreamDurationMs: 3000,
      maxRequestsPerConnection: 10,
      http1: { ...DEFAULT_UPSTREAM_HTTP.http1, enableTrailers: true, maxHeadersCount: 7 },
      http2: null,
      asDownstream: false,
      auto: false,
      requestNames: null,
    });
  });

  test('HTTP/2: explicit, as downstream, and in the deprecated field', () => {
    const typedOptions = (text: string) => `
name: c
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    common_http_protocol_options: {max_headers_count: 7}
    ${text}
`;
    const explicit = settingsOf(
      typedOptions(
        'explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 9, connection_keepalive: {interval: 5s, timeout: 1s}, custom_settings_parameters: [{identifier: 77, value: 3}]}}',
      ),
    ).http;
    expect(explicit.asDownstream).toBe(false);
    expect(explicit.http2).toMatchObject({
      maxConcurrentStreams: 9,
      initialStreamWindow: 16 * 1024 * 1024,
      maxHeadersCount: 7,
      keepalive: { intervalMs: 5000, timeoutMs: 1000, jitterPercent: 15, idleIntervalMs: 0 },
      customSettings: [77, 3],
    });
    const downstream = settingsOf(typedOptions('use_downstream_protocol_config: {http2_protocol_options: {allow_connect: true}}')).http;
    expect([downstream.asDownstream, downstream.http2?.allowConnect]).toEqual([true, true]);
    const overTls = `${typedOptions('auto_config: {http2_protocol_options: {max_concurrent_streams: 5}}')}
transport_socket:
  name: tls
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
    common_tls_context: {validation_context: {trusted_ca: {inline_string: x}}}
`;
    const auto = compile(overTls).settings;
    expect([auto.http.auto, auto.http.asDownstream, auto.http.http2?.maxConcurrentStreams]).toEqual([true, false, 5]);
    expect(compile(typedOptions('auto_config: {}')).problems).toEqual([
      'typed_extension_protocol_options: ALPN configured for cluster c which has a non-ALPN transport socket',
    ]);
    expect(settingsOf('name: c\nhttp2_protocol_options: {hpack_table_size: 0}').http.http2?.hpackTableSize).toBe(0);
  });

  test('protocol options, deprecated', () => {
    const s = settingsOf(
      'name: c\ncommon_http_protocol_options: {idle_timeout: 0s}\nhttp_protocol_options: {accept_http_10: true}\nmax_requests_per_connection: 1',
    );
    expect([s.http.idleTimeoutMs, s.http.http1.acceptHttp10, s.http.maxRequestsPerConnection]).toEqual([0, true, 1]);
  });

  test.each([
    ['lb_policy: LEAST_REQUEST', { policy: 'LEAST_REQUEST', choiceCount: 2, activeRequestBias: 1, fullScan: false }],
    [
      'lb_policy: LEAST_REQUEST\nleast_request_lb_config: {choice_count: 4, active_request_bias: {default_value: 0.5, runtime_key: k}}',
      { choiceCount: 4, activeRequestBias: 0.5, activeRequestBiasKey: 'k' },
    ],
    ['lb_policy: RANDOM', { policy: 'RANDOM' }],
    ['lb_policy: ROUND_ROBIN\nleast_request_lb_config: {choice_count: 4}', { policy: 'ROUND_ROBIN', choiceCount: 2 }],
    [
      typed('least_request.v3.LeastRequest', ', selection_method: FULL_SCAN, choice_count: 3'),
      { policy: 'LEAST_REQUEST', choiceCount: 3, fullScan: true },
    ],
    [typed('random.v3.Random', '') + '\nlb_policy: ROUND_ROBIN', { policy: 'RANDOM' }],
  ])('%s', (yaml, balancer) => {
    expect(settingsOf('name: c\n' + yaml).balancer).toMatchObject(balancer);
  });

  test('connections', () => {
    const s = settingsOf(
      'name: c\nupstream_bind_config: {source_address: {address: "::1", port_value: 0}}\nupstream_connection_options: {tcp_keepalive: {keepalive_time: 30}}\nconnect_timeout: 0.25s\nper_connection_buffer_limit_bytes: 1024',
    );
    expect([s.bindAddress, s.tcpKeepAlive, s.connectTimeoutMs, s.perConnectionBufferLimit]).toEqual([
      '[::1]:0',
      { probes: 0, timeS: 30, intervalS: 0 },
      250,
      1024,
    ]);
  });

  test('DNS', () => {
    const s = settingsOf(
      'name: c\ntype: STRICT_DNS\ndns_refresh_rate: 60s\ndns_failure_refresh_rate: {base_interval: 2s}\nrespect_dns_ttl: true\ndns_lookup_family: V4_ONLY',
    );
    expect(s.dns).toEqual({
      refreshMs: 60_000,
      minRefreshMs: 0,
      failureRefreshMs: 2000,
      failureRefreshMaxMs: 20_000,
      jitterMs: 0,
      respectTtl: true,
      lookupFamily: 'V4_ONLY',
      resolvers: [],
      resolverOptions: null,
      waitForWarm: true,
    });
    const cares =
      '{name: d, typed_config: {"@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig, resolvers: [{socket_address: {address: 10.0.0.53, port_value: 5353}}], query_timeout_seconds: 2, query_tries: 3, use_resolvers_as_fallback: true, dns_resolver_options: {no_default_search_domain: true}}}';
    expect(settingsOf(`name: c\ntype: STRICT_DNS\ntyped_dns_resolver_config: ${cares}`).dns).toMatchObject({
      resolvers: ['10.0.0.53:5353'],
      resolverOptions: { queryTimeoutMs: 2000, queryTries: 3, searchDomains: false, asFallback: true },
    });
    expect(settingsOf('name: c\ntype: STRICT_DNS\ndns_refresh_rate: 7s').dns).toMatchObject({
      failureRefreshMs: 7000,
      failureRefreshMaxMs: 7000,
    });
  });

  test('original destination', () => {
    const s = settingsOf(
      'name: c\ntype: ORIGINAL_DST\nlb_policy: CLUSTER_PROVIDED\ncleanup_interval: 1s\noriginal_dst_lb_config: {use_http_header: true, http_header_name: X-To, upstream_port_override: 9}',
    );
    expect([s.type, s.originalDst]).toEqual([
      'ORIGINAL_DST',
      { useHttpHeader: true, httpHeaderName: 'x-to', portOverride: 9, cleanupIntervalMs: 1000, metadataPath: [] },
    ]);
  });
});

describe('accepts', () => {
  test.each(GOOD)('%s', (yaml) => {
    expect(compile('name: c\n' + yaml).problems.filter((p) => !p.includes('not supported'))).toEqual([]);
  });
});

describe('refuses', () => {
  test.each(BAD)('%s', (yaml, problem) => {
    expect(compile('name: c\n' + yaml).problems.join('\n')).toContain(problem);
  });
});

function typed(type: string, fields: string): string {
  return `load_balancing_policy: {policies: [{typed_extension_config: {name: x, typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.${type}${fields}}}}]}`;
}
