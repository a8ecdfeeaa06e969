import { describe, expect, test } from 'vitest';
import type { HttpConnectionManager } from '../../../../src/config/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { loadMessage } from '../../../../src/config/load-message.ts';
import { compileHttpConnectionManager, type HcmCompilers } from '../../../../src/filters/network/http-connection-manager/config.ts';
import type { HcmSettings } from '../../../../src/filters/network/http-connection-manager/settings.ts';
import { HCM_SETTINGS } from '../../../support/hcm-rig.ts';

const TYPE = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER =
  '{name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}';
const RDS = 'rds: {route_config_name: rds, config_source: {path_config_source: {path: rds.yaml}}}';

function compile(fields: string, head = `stat_prefix: p, http_filters: [${ROUTER}], ${RDS}`) {
  const subscriptions: string[] = [];
  const compilers: HcmCompilers = {
    httpFilter: (any) => ({ type: any.typeUrl, settings: null, terminal: any.typeUrl.endsWith('.Router') }),
    routes: (message) => ({ name: message.name }) as unknown as ReturnType<HcmCompilers['routes']>,
    scopedRoutes: () => ({}) as ReturnType<HcmCompilers['scopedRoutes']>,
    accessLog: () => null,
    rds: (message, statPrefix) => void subscriptions.push(`${statPrefix}:${message.routeConfigName}`),
    strictHttp1: false,
    tracer: null,
    clusterExists: () => true,
  };
  const loaded = loadMessage<HttpConnectionManager>(TYPE, { yamlOverlay: `{${head}${fields === '' ? '' : ', ' + fields}}` });
  const settings = loaded.partial === null ? null : compileHttpConnectionManager(loaded.partial, loaded.context, compilers);
  return { settings: settings!, subscriptions, problems: loaded.context.list.problems.map((p) => `${p.path}: ${p.message}`) };
}

function problem(fields: string, head?: string): string {
  const { problems } = compile(fields, head);
  expect(problems).toHaveLength(1);
  return problems[0]!;
}

test("the defaults are Envoy's, and can be posted to a worker", () => {
  const { settings, problems, subscriptions } = compile('');
  expect(problems).toEqual([]);
  expect(subscriptions).toEqual(['p:rds']);
  expect(settings.httpFilters.map((filter) => filter.name)).toEqual(['envoy.filters.http.router']);
  expect({ ...settings, httpFilters: [] }).toEqual(HCM_SETTINGS);
  expect(structuredClone(settings)).toEqual(settings);
});

describe('fields', () => {
  const given: [string, Partial<HcmSettings>][] = [
    ['codec_type: HTTP1', { codecType: 'HTTP1' }],
    [
      'codec_type: HTTP2, max_request_headers_kb: 7, stream_error_on_invalid_http_message: true, http2_protocol_options: {max_concurrent_streams: 5, allow_connect: true, initial_stream_window_size: 65535, custom_settings_parameters: [{identifier: 77, value: 1}]}',
      {
        codecType: 'HTTP2',
        http1: { ...HCM_SETTINGS.http1, maxHeadersKb: 7, streamErrorOnInvalid: true },
        http2: {
          ...HCM_SETTINGS.http2,
          maxHeadersKb: 7,
          streamErrorOnInvalid: true,
          maxConcurrentStreams: 5,
          allowConnect: true,
          initialStreamWindow: 65_535,
          customSettings: [77, 1],
        },
      },
    ],
    [
      'http2_protocol_options: {override_stream_error_on_invalid_http_message: true, connection_keepalive: {interval: 5s, timeout: 1s, connection_idle_interval: 2s}}',
      {
        http2: {
          ...HCM_SETTINGS.http2,
          streamErrorOnInvalid: true,
          keepalive: { intervalMs: 5000, timeoutMs: 1000, jitterPercent: 15, idleIntervalMs: 2000 },
        },
      },
    ],
    ['server_name: edge, server_header_transformation: PASS_THROUGH', { serverName: 'edge', serverHeaderTransformation: 'PASS_THROUGH' }],
    [
      'use_remote_address: true, xff_num_trusted_hops: 2, skip_xff_append: true',
      { useRemoteAddress: true, xffNumTrustedHops: 2, skipXffAppend: true },
    ],
    ['append_x_forwarded_port: true, via: v, add_user_agent: true', { appendXForwardedPort: true, via: 'v', addUserAgent: true }],
    [
      'internal_address_config: {unix_sockets: true, cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}, {address_prefix: "::1", prefix_len: 128}]}',
      { internalUnixSockets: true, internalCidrs: ['10.0.0.0/8', '::1/128'] },
    ],
    [
      'generate_request_id: false, preserve_external_request_id: true, always_set_request_id_in_response: true',
      { generateRequestId: false, preserveExternalRequestId: true, alwaysSetRequestIdInResponse: true },
    ],
    [
      'request_id_extension: {typed_config: {"@type": type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig, pack_trace_reason: false}}',
      { packTraceReason: false },
    ],
    [
      'normalize_path: true, merge_slashes: true, path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT',
      { normalizePath: true, normalizePathUnset: false, mergeSlashes: true, escapedSlashes: 'UNESCAPE_AND_REDIRECT' },
    ],
    ['strip_matching_host_port: true, strip_trailing_host_dot: true', { stripMatchingHostPort: true, stripTrailingHostDot: true }],
    ['strip_any_host_port: true', { stripAnyHostPort: true }],
    [
      'stream_idle_timeout: 0s, request_timeout: 1.5s, request_headers_timeout: 2s, drain_timeout: 3s, delayed_close_timeout: 0s',
      { streamIdleTimeoutMs: 0, requestTimeoutMs: 1500, requestHeadersTimeoutMs: 2000, drainTimeoutMs: 3000, delayedCloseTimeoutMs: 0 },
    ],
    [
      'common_http_protocol_options: {idle_timeout: 0s, max_connection_duration: 1s, max_stream_duration: 2s, max_requests_per_connection: 3}',
      { idleTimeoutMs: 0, maxConnectionDurationMs: 1000, maxStreamDurationMs: 2000, maxRequestsPerConnection: 3 },
    ],
    [
      'upgrade_configs: [{upgrade_type: WebSocket}, {upgrade_type: CONNECT, enabled: false}]',
      { upgrades: { websocket: true, connect: false } },
    ],
    ['scheme_header_transformation: {scheme_to_overwrite: https}', { schemeToOverwrite: 'https' }],
    [
      'proxy_100_continue: true, represent_ipv4_remote_address_as_ipv4_mapped_ipv6: true',
      { proxy100Continue: true, representIpv4AsMapped: true },
    ],
    ['forward_client_cert_details: ALWAYS_FORWARD_ONLY', { forwardClientCert: 'ALWAYS_FORWARD_ONLY' }],
    [
      'access_log_options: {flush_access_log_on_new_request: true, access_log_flush_interval: 1s, flush_log_on_tunnel_successfully_established: true}',
      { accessLogOnNewRequest: true, accessLogFlushIntervalMs: 1000, accessLogOnTunnel: true },
    ],
  ];
  for (const [yaml, settings] of given) {
    test(yaml.length > 90 ? yaml.slice(0, 87) + '...' : yaml, () => {
      const compiled = compile(yaml);
      expect(compiled.problems).toEqual([]);
      expect(compiled.settings).toEqual({ ...HCM_SETTINGS, httpFilters: compiled.settings.httpFilters, ...settings });
    });
  }

  test('limits of the codec', () => {
    const { settings } = compile(
      'max_request_headers_kb: 8, common_http_protocol_options: {max_headers_count: 7, headers_with_underscores_action: REJECT_REQUEST}, ' +
        'stream_error_on_invalid_http_message: true',
    );
    expect(settings.http1).toEqual({
      ...HCM_SETTINGS.http1,
      maxHeadersKb: 8,
      maxHeadersCount: 7,
      headersWithUnderscores: 'reject',
      streamErrorOnInvalid: true,
    });
  });

  test("the codec's own stream_error_on_invalid_http_message goes first", () => {
    const { settings } = compile(
      'stream_error_on_invalid_http_message: true, http_protocol_options: {override_stream_error_on_invalid_http_message: false}',
    );
    expect(settings.http1.streamErrorOnInvalid).toBe(false);
  });

  test('local_reply_config', () => {
    const { settings, problems } = compile(
      `local_reply_config: {mappers: [{filter: {response_flag_filter: {flags: [UH]}}, status_code: 429, body: {inline_string: later},
        body_format_override: {text_format_source: {inline_string: "%RESPONSE_CODE%"}},
        headers_to_add: [{header: {key: X-A, value: b}}]}], body_format: {json_format: {a: "%PROTOCOL%"}}}`,
    );
    expect(problems).toEqual([]);
    expect(settings.localReply).toMatchObject({
      mappers: [
        {
          filter: { kind: 'response_flag' },
          status: 429,
          body: 'later',
          bodyFormat: { kind: 'text', text: '%RESPONSE_CODE%' },
          headers: { add: [{ name: 'x-a' }] },
        },
      ],
      bodyFormat: { kind: 'json' },
    });
  });

  test('original_ip_detection_extensions', () => {
    const extension = (config: string) =>
      compile(
        `original_ip_detection_extensions: [{name: x, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.original_ip_detection.${config}}}]`,
      ).settings.originalIpDetection;
    expect(extension('xff.v3.XffConfig, xff_trusted_cidrs: {cidrs: [{address_prefix: 10.0.0.0, prefix_len: 8}]}')).toEqual({
      kind: 'xff',
      xffNumTrustedHops: 0,
      trustedCidrs: ['10.0.0.0/8'],
      skipXffAppend: true,
    });
    expect(extension('custom_header.v3.CustomHeaderConfig, header_name: X-Real, reject_with_status: {code: 200}')).toEqual({
      kind: 'custom_header',
      headerName: 'x-real',
      allowUntrusted: false,
      rejects: true,
      rejectStatus: 403,
    });
  });

  test('route tables: inline, or by name', () => {
    const { settings, subscriptions } = compile('', `stat_prefix: p, http_filters: [${ROUTER}], route_config: {name: mine}`);
    expect(settings).toMatchObject({ routeConfig: { name: 'mine' }, rdsRouteConfigName: '' });
    expect(subscriptions).toEqual([]);
  });
});

describe('what is refused', () => {
  const OTHER =
    '{name: other, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer, max_request_bytes: 1}}';

  test('a terminal filter elsewhere than at the end; none at all is only doubtful, as in Envoy', () => {
    const problems = (filters: string) => compile('', `stat_prefix: p, ${RDS}, http_filters: [${filters}]`).problems.join('\n');
    expect(problems('')).toMatch(/http_filters is empty/);
    expect(problems(`${ROUTER}, ${ROUTER}`)).toMatch(/^http_filters\[0\]: .*must be the last filter/m);
    expect(problems(OTHER)).toMatch(/^http_filters\[0\]: .*is the last filter in a http filter chain/m);
    expect(problems(ROUTER.replace('{name', '{disabled: true, name'))).toMatch(/^http_filters\[0\]\.disabled: /m);
  });

  test('filters of an upgrade', () => {
    const other = ROUTER.replace('router.v3.Router', 'buffer.v3.Buffer, max_request_bytes: 1');
    const { settings, problems } = compile(
      `upgrade_configs: [{upgrade_type: WebSocket, filters: [${other}, ${ROUTER}]}, {upgrade_type: foo}]`,
    );
    expect(problems).toEqual([]);
    expect(Object.keys(settings.upgradeFilters)).toEqual(['websocket']);
    expect(settings.upgradeFilters['websocket']!.map(({ type }) => type.split('.').at(-1))).toEqual(['Buffer', 'Router']);
    const wrong = compile(`upgrade_configs: [{upgrade_type: foo, filters: [${ROUTER}, ${other}]}]`).problems;
    expect(wrong).toHaveLength(2);
    expect(wrong[0]).toMatch(/^upgrade_configs\[0\]\.filters\[0\]: .*must be the last filter/);
  });

  test('the same upgrade twice, whatever its letters', () => {
    expect(problem('upgrade_configs: [{upgrade_type: websocket}, {upgrade_type: WEBSOCKET}]')).toContain(
      'multiple upgrade configs with the same name',
    );
  });

  test('custom SETTINGS that have options of their own, or contradict each other', () => {
    const custom = (text: string) => problem(`http2_protocol_options: {custom_settings_parameters: [${text}]}`);
    expect(custom('{identifier: 3, value: 5}')).toContain('has an option of its own');
    expect(custom('{identifier: 2, value: 1}')).toContain('server push is not supported');
    expect(custom('{identifier: 77, value: 1}, {identifier: 77, value: 2}')).toContain('inconsistent HTTP/2 custom SETTINGS');
  });

  test('an address range that is none', () => {
    expect(problem('internal_address_config: {cidr_ranges: [{address_prefix: ten, prefix_len: 8}]}')).toBe(
      'internal_address_config.cidr_ranges[0]: malformed IP address: ten',
    );
  });

  test('detection extensions together with what they replace', () => {
    const xff =
      'original_ip_detection_extensions: [{name: x, typed_config: {"@type": type.googleapis.com/envoy.extensions.http.original_ip_detection.xff.v3.XffConfig}}]';
    expect(problem(`${xff}, use_remote_address: true`)).toContain('cannot be combined');
    expect(problem(`${xff}, xff_num_trusted_hops: 1`)).toContain('cannot be combined');
  });
});
