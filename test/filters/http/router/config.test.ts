import { describe, expect, test } from 'vitest';
import type { Router } from '../../../../src/config/gen/envoy/extensions/filters/http/router/v3/router_pb.js';
import { loadMessage } from '../../../../src/config/load-message.ts';
import { compileRouter } from '../../../../src/filters/http/router/config.ts';
import { ROUTER_SETTINGS } from '../../../support/router-rig.ts';

function compile(yaml: string) {
  const loaded = loadMessage<Router>('envoy.extensions.filters.http.router.v3.Router', { yamlOverlay: yaml });
  const settings = loaded.partial === null ? null : compileRouter(loaded.partial, loaded.context);
  return { settings, problems: loaded.context.list.problems.map((p) => `${p.path}: ${p.message}`) };
}

describe('router settings', () => {
  test('defaults', () => {
    expect(compile('{}')).toEqual({ settings: ROUTER_SETTINGS, problems: [] });
  });

  test('everything set', () => {
    const yaml = `{dynamic_stats: false, suppress_envoy_headers: true, respect_expected_rq_timeout: true, suppress_grpc_request_failure_code_stats: true,
      strict_check_headers: [x-envoy-max-retries], reject_connect_request_early_data: true, start_child_span: true,
      upstream_log_options: {flush_upstream_log_on_upstream_stream: true, upstream_log_flush_interval: 2s},
      upstream_log: [{name: l, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /l}}]}`;
    expect(compile(yaml)).toEqual({
      settings: {
        dynamicStats: false,
        suppressEnvoyHeaders: true,
        startChildSpan: true,
        respectExpectedRqTimeout: true,
        suppressGrpcRequestFailureCodeStats: true,
        strictCheckHeaders: ['x-envoy-max-retries'],
        rejectConnectRequestEarlyData: true,
        upstreamLogs: [expect.objectContaining({ sink: { kind: 'file', path: '/l' } })],
        logUpstreamReady: true,
        upstreamLogIntervalMs: 2000,
      },
      problems: [],
    });
  });

  test('a header that cannot be checked is refused', () => {
    const { problems } = compile('{strict_check_headers: [x-custom]}');
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('strict_check_headers');
  });

  test.each(['{upstream_http_filters: [{name: a}]}'])('%s is refused once', (yaml) => {
    const { problems } = compile(yaml);
    expect(problems.filter((p) => p.includes('not supported'))).toHaveLength(1);
  });
});
