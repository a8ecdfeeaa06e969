import { describe, expect, test } from 'vitest';
import { anyTypeName } from '../../src/config/context.ts';
import type { Listener } from '../../src/config/gen/envoy/config/listener/v3/listener_pb.js';
import type { ProxyProtocol } from '../../src/config/gen/envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol_pb.js';
import type { TcpProxy } from '../../src/config/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { loadMessage } from '../../src/config/load-message.ts';
import { compileProxyProtocol } from '../../src/filters/listener/proxy-protocol/config.ts';
import { compileTcpProxy } from '../../src/filters/network/tcp-proxy/config.ts';
import { compileListener, type ListenerCompilers } from '../../src/listener/config.ts';
import type { ListenerSettings } from '../../src/listener/settings.ts';
import { ONLY_OWN_SECRETS } from '../../src/tls/config.ts';

const ECHO = '{name: echo, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}';
const LIMIT =
  '{name: cl, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit, stat_prefix: t, max_connections: 1}}';
const ADDRESS = 'address: {socket_address: {address: 127.0.0.1, port_value: 80}}';
const TLS_INSPECTOR =
  'listener_filters: [{name: ti, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}]';

const tcp = (more: string) =>
  `{name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, ${more}}}`;
const chainWith = (filters: string, match = '{}', name = 'a') => `{name: ${name}, filter_chain_match: ${match}, filters: [${filters}]}`;
const matching = (...matches: string[]) =>
  `${ADDRESS}\nfilter_chains: [${matches.map((m, i) => chainWith(ECHO, m, 'ab'[i])).join(', ')}]\n${TLS_INSPECTOR}`;

const COMPILERS: ListenerCompilers = {
  networkFilter: (any, at) => {
    const message = at.unpack(any);
    if (message === null) return null;
    const type = anyTypeName(any);
    const settings = message.$typeName.endsWith('TcpProxy') ? compileTcpProxy(message as unknown as TcpProxy, at, COMPILERS) : {};
    const name = `envoy.filters.network.${type.endsWith('TcpProxy') ? 'tcp_proxy' : type.endsWith('Echo') ? 'echo' : 'connection_limit'}`;
    return { name, type, settings, terminal: !type.endsWith('ConnectionLimit') };
  },
  listenerFilter: (any, at) => {
    const message = at.unpack(any);
    if (message === null) return null;
    const settings = message.$typeName.endsWith('ProxyProtocol') ? compileProxyProtocol(message as unknown as ProxyProtocol) : {};
    return { type: anyTypeName(any), settings };
  },
  accessLog: (message) => message.name,
  secrets: ONLY_OWN_SECRETS,
};

function compile(yaml: string): { settings: ListenerSettings; problems: string[] } {
  const loaded = loadMessage<Listener>('envoy.config.listener.v3.Listener', { yamlOverlay: yaml });
  const settings = compileListener(loaded.partial!, loaded.context, COMPILERS);
  return { settings, problems: loaded.context.list.problems.map((p) => `${p.path}: ${p.message}`) };
}

function settingsOf(yaml: string): ListenerSettings {
  const { settings, problems } = compile(yaml);
  expect(problems).toEqual([]);
  return settings;
}

describe('settings', () => {
  test('defaults are Envoy’s', () => {
    expect(settingsOf(`name: l\n${ADDRESS}\nfilter_chains: [${chainWith(ECHO)}]`)).toMatchObject({
      name: 'l',
      statPrefix: '',
      addresses: [{ kind: 'ip', ip: '127.0.0.1', port: 80, ipv4Compat: false }],
      bindToPort: true,
      useOriginalDst: false,
      reusePort: true,
      bufferLimit: 1 << 20,
      listenerFiltersTimeoutMs: 15_000,
      continueOnListenerFiltersTimeout: false,
      drainType: 'DEFAULT',
      trafficDirection: 0,
    });
  });

  test('can be posted to a worker', () => {
    const settings = settingsOf(matching('{destination_port: 1}', '{server_names: [a.b], source_type: EXTERNAL}'));
    expect(structuredClone(settings)).toEqual(settings);
  });

  test('everything that is given', () => {
    const s = settingsOf(`
name: l
stat_prefix: edge
address: {socket_address: {address: "::", port_value: 80, ipv4_compat: true}}
additional_addresses: [{address: {pipe: {path: /run/x, mode: 384}}}]
bind_to_port: false
transparent: true
freebind: true
tcp_backlog_size: 9
tcp_fast_open_queue_length: 5
per_connection_buffer_limit_bytes: 32768
listener_filters_timeout: 0s
continue_on_listener_filters_timeout: true
traffic_direction: OUTBOUND
drain_type: MODIFY_ONLY
enable_reuse_port: false
ignore_global_conn_limit: true
tcp_keepalive: {keepalive_time: 7}
socket_options: [{level: 1, name: 9, int_value: 1, state: STATE_LISTENING}, {level: 6, name: 13, buf_value: Y3ViaWM=}]
access_log: [{name: x, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog}}]
listener_filters:
- name: pp
  typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol, disallowed_versions: [V1], rules: [{tlv_type: 234, on_tlv_present: {key: vpc}}]}
  filter_disabled: {or_match: {rules: [{destination_port_range: {start: 1, end: 5}}, {not_match: {any_match: true}}]}}
filter_chains: [${chainWith(ECHO)}]`);
    expect(s).toMatchObject({
      statPrefix: 'edge',
      addresses: [
        { kind: 'ip', ip: '::', port: 80, ipv4Compat: true },
        { kind: 'pipe', path: '/run/x', mode: 0o600 },
      ],
      bindToPort: false,
      transparent: true,
      freebind: true,
      backlog: 9,
      fastOpenQueueLength: 5,
      bufferLimit: 32_768,
      listenerFiltersTimeoutMs: 0,
      continueOnListenerFiltersTimeout: true,
      trafficDirection: 2,
      drainType: 'MODIFY_ONLY',
      reusePort: false,
      ignoreGlobalConnectionLimit: true,
      bypassOverloadManager: false,
      exactBalance: false,
      keepalive: { timeS: 7 },
      accessLogs: ['x'],
      socketOptions: [
        { level: 1, name: 9, value: 1, state: 'listening' },
        { level: 6, name: 13, value: 'cubic', state: 'prebind' },
      ],
    });
    expect(s.listenerFilters[0]).toMatchObject({
      settings: {
        disallowV1: true,
        disallowV2: false,
        rules: [{ type: 234, namespace: 'envoy.filters.listener.proxy_protocol', key: 'vpc' }],
      },
      disabled: {
        kind: 'any',
        of: [
          { kind: 'port', start: 1, end: 5 },
          { kind: 'not', of: { kind: 'always' } },
        ],
      },
    });
  });

  test('use_original_dst brings its filter, once', () => {
    const type = 'envoy.extensions.filters.listener.original_dst.v3.OriginalDst';
    const own = `listener_filters: [{name: od, typed_config: {"@type": type.googleapis.com/${type}}}]`;
    for (const filters of ['', own]) {
      const s = settingsOf(`use_original_dst: true\n${ADDRESS}\n${filters}\nfilter_chains: [${chainWith(ECHO)}]`);
      expect(s.listenerFilters.map((f) => f.type)).toEqual([type]);
    }
  });

  test('criteria', () => {
    const match =
      '{destination_port: 9, prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}, {address_prefix: "::"}], server_names: [A.b, "*.c"], source_type: SAME_IP_OR_LOOPBACK, source_ports: [1], transport_protocol: tls, application_protocols: [h2]}';
    expect(settingsOf(matching(match)).filterChains[0]!.match).toEqual({
      destinationPort: 9,
      prefixRanges: ['10.0.0.0/8', '::/0'],
      serverNames: ['a.b', '*.c'],
      transportProtocol: 'tls',
      applicationProtocols: ['h2'],
      directSourcePrefixRanges: [],
      sourceType: 'SAME_IP_OR_LOOPBACK',
      sourcePrefixRanges: [],
      sourcePorts: [1],
    });
  });
});

describe('refused, in Envoy’s words', () => {
  test.each([
    ['no address', `name: x\nfilter_chains: [${chainWith(ECHO)}]`, ": error adding listener named 'x': address is necessary"],
    ['no chains', ADDRESS, ": error adding listener '127.0.0.1:80': no filter chains specified"],
    [
      'the same match',
      matching('{destination_port: 80}', '{destination_port: 80}'),
      `filter_chains[1]: error adding listener '127.0.0.1:80': filter chain 'b' has the same matching rules defined as 'a'. duplicate matcher is: {"destination_port":80}`,
    ],
    [
      'no match twice',
      matching('{}', '{}'),
      "filter_chains[1]: error adding listener '127.0.0.1:80': filter chain 'b' has the same matching rules defined as 'a'. duplicate matcher is: {}",
    ],
    [
      'overlapping',
      matching('{source_ports: [1, 2]}', '{source_ports: [2, 3]}'),
      "filter_chains[1]: error adding listener '127.0.0.1:80': multiple filter chains with overlapping matching rules are defined",
    ],
    [
      'names that differ in case only',
      matching('{server_names: [A.com]}', '{server_names: [a.com]}'),
      "filter_chains[1]: error adding listener '127.0.0.1:80': multiple filter chains with overlapping matching rules are defined",
    ],
    [
      'partial wildcard',
      matching('{server_names: ["a*.com"]}'),
      'filter_chains[0].filter_chain_match.server_names[0]: partial wildcards are not supported in "server_names"',
    ],
    [
      'wildcard alone',
      matching('{server_names: ["*"]}'),
      'filter_chains[0].filter_chain_match.server_names[0]: partial wildcards are not supported in "server_names"',
    ],
    [
      'range',
      matching('{prefix_ranges: [{address_prefix: 1.2.3.x}]}'),
      'filter_chains[0].filter_chain_match.prefix_ranges[0].address_prefix: malformed IP address: 1.2.3.x',
    ],
    [
      'address',
      `address: {socket_address: {address: nope, port_value: 1}}\nfilter_chains: [${chainWith(ECHO)}]`,
      'address.socket_address.address: malformed IP address: nope',
    ],
    [
      'ipv4_compat on IPv4',
      `address: {socket_address: {address: 1.2.3.4, port_value: 1, ipv4_compat: true}}\nfilter_chains: [${chainWith(ECHO)}]`,
      "address.socket_address.ipv4_compat: Only IPv6 address '::' or valid IPv4-mapped IPv6 address can set ipv4_compat: 1.2.3.4:1",
    ],
    [
      'terminal filter in the middle',
      `${ADDRESS}\nfilter_chains: [${chainWith(`${tcp('cluster: c')}, ${LIMIT}`)}]`,
      'filter_chains[0].filters[0]: Error: terminal filter named tcp of type envoy.filters.network.tcp_proxy must be the last filter in a network filter chain.',
    ],
    [
      'no terminal filter',
      `${ADDRESS}\nfilter_chains: [${chainWith(LIMIT)}]`,
      'filter_chains[0].filters[0]: Error: non-terminal filter named cl of type envoy.filters.network.connection_limit is the last filter in a network filter chain.',
    ],
    [
      'back-off bounds',
      `${ADDRESS}\nfilter_chains: [${chainWith(tcp('cluster: c, backoff_options: {base_interval: 2s, max_interval: 1s}'))}]`,
      'filter_chains[0].filters[0].typed_config.backoff_options: max_backoff_interval must be greater or equal to base_backoff_interval',
    ],
  ])('%s', (_about, yaml, problem) => {
    expect(compile(yaml).problems).toContain(problem);
  });

  test('every error at once', () => {
    const { problems } = compile(matching('{server_names: ["*"]}', '{prefix_ranges: [{address_prefix: x}]}'));
    expect(problems).toHaveLength(2);
  });
});

test('criteria that need TLS detection, without an inspector: a warning', () => {
  const yaml = `${ADDRESS}\nfilter_chains: [${chainWith(ECHO, '{server_names: [a.b], transport_protocol: tls}')}]`;
  expect(compile(yaml).problems).toEqual([
    'filter_chains[0].filter_chain_match.server_names: can never match: the listener has no tls_inspector to read server names',
    'filter_chains[0].filter_chain_match.transport_protocol: can never match: the listener has no tls_inspector to detect TLS',
  ]);
});

test('criteria that need HTTP detection, without an inspector: a warning', () => {
  const yaml = `${ADDRESS}\nfilter_chains: [${chainWith(ECHO, '{application_protocols: [http/1.1]}')}]`;
  expect(compile(yaml).problems).toEqual([
    'filter_chains[0].filter_chain_match.application_protocols: can never match: the listener has no http_inspector to detect HTTP',
  ]);
});

describe('a server that speaks first, behind an inspector', () => {
  const yaml = (more: string) => `${ADDRESS}\nfilter_chains: [${chainWith(tcp('cluster: c'))}]\n${TLS_INSPECTOR}\n${more}`;
  const WARNING = (wait: string) =>
    `listener_filters_timeout: clients of protocols in which the server speaks first wait ${wait}; set continue_on_listener_filters_timeout and at most 1s`;

  test.each([
    ['', '15s, and are then closed'],
    ['listener_filters_timeout: 5s', '5s, and are then closed'],
    ['listener_filters_timeout: 0s', 'for ever'],
  ])('%s: a warning', (more, wait) => {
    expect(compile(yaml(more)).problems).toEqual([WARNING(wait)]);
  });

  test.each(['listener_filters_timeout: 1s', 'continue_on_listener_filters_timeout: true'])('%s: none', (more) => {
    expect(compile(yaml(more)).problems).toEqual([]);
  });
});

describe('tcp_proxy', () => {
  const settings = (more: string) =>
    settingsOf(`${ADDRESS}\nfilter_chains: [${chainWith(tcp(more))}]`).filterChains[0]!.filters[0]!.settings;

  test('defaults are Envoy’s', () => {
    expect(settings('cluster: c')).toEqual({
      statPrefix: 't',
      cluster: 'c',
      tunneling: null,
      weightedClusters: [],
      idleTimeoutMs: 3_600_000,
      maxConnectAttempts: 1,
      backOff: null,
      maxConnectionDurationMs: 0,
      maxConnectionDurationJitter: 0,
      metadataMatch: null,
      hashPolicy: null,
      accessLogs: [],
      accessLogFlushIntervalMs: 0,
      flushAccessLogOnConnected: false,
      flushAccessLogOnStart: false,
    });
  });

  test('everything that is given', () => {
    expect(
      settings(
        'weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: 2}]}, idle_timeout: 0s, max_connect_attempts: 3, backoff_options: {base_interval: 0.5s}, max_downstream_connection_duration: 9s, max_downstream_connection_duration_jitter_percentage: {value: 50}, hash_policy: [{source_ip: {}}], access_log_options: {access_log_flush_interval: 1s, flush_access_log_on_connected: true}',
      ),
    ).toMatchObject({
      weightedClusters: [
        { name: 'a', weight: 1 },
        { name: 'b', weight: 2 },
      ],
      idleTimeoutMs: 0,
      maxConnectAttempts: 3,
      backOff: { baseMs: 500, maxMs: 5000 },
      maxConnectionDurationMs: 9000,
      maxConnectionDurationJitter: 50,
      hashPolicy: { kind: 'source_ip' },
      accessLogFlushIntervalMs: 1000,
      flushAccessLogOnConnected: true,
    });
  });
});
