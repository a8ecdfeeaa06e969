import { describe, expect, test } from 'vitest';
import { compileAccessLogFilter } from '../../src/access-log/config.ts';
import { buildAccessLogFilter } from '../../src/access-log/filter.ts';
import type { AccessLogFilter } from '../../src/config/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { loadMessage } from '../../src/config/load-message.ts';
import { HeaderMap, ResponseHeaders } from '../../src/http/header-map.ts';
import { Flag } from '../../src/http/response-flags.ts';
import type { StreamInfo } from '../../src/http/stream-info.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { request, streamInfo } from '../support/route-rig.ts';

/** Whether a filter (YAML flow text) lets a finished request through. */
function passes(
  yaml: string,
  change: (info: StreamInfo) => void,
  runtime: Readonly<Record<string, string>> = {},
  type = 'DownstreamEnd',
): boolean {
  const loaded = loadMessage<AccessLogFilter>('envoy.config.accesslog.v3.AccessLogFilter', { yamlOverlay: yaml, allowUnsupported: true });
  const settings = loaded.partial === null ? null : compileAccessLogFilter(loaded.partial, loaded.context);
  const errors = loaded.context.list.problems.filter((p) => p.severity === 'error');
  if (settings === null || errors.length > 0) throw new Error(errors.map((p) => p.message).join('\n'));
  const info = streamInfo(request('GET http://a/p', 'x: 1'));
  info.responseCode = 200;
  info.endMs = 100;
  change(info);
  const filter = buildAccessLogFilter(structuredClone(settings), {
    runtime: new StaticRuntime(new Map(Object.entries(runtime))),
    random: seededRandom(1),
  });
  return filter(info, type);
}

const comparison = (op: string, value: number) => `{comparison: {op: ${op}, value: {default_value: ${value}, runtime_key: k}}}`;
const code = (n: number) => (info: StreamInfo) => void (info.responseCode = n);
const took = (ms: number) => (info: StreamInfo) => void (info.endMs = ms);
const nothing = () => undefined;

describe('access-log filters', () => {
  test.each([
    [`status_code_filter: ${comparison('GE', 400)}`, code(400), true],
    [`status_code_filter: ${comparison('GE', 400)}`, code(399), false],
    [`status_code_filter: ${comparison('EQ', 0)}`, code(0), true],
    [`status_code_filter: ${comparison('LE', 200)}`, code(201), false],
    [`duration_filter: ${comparison('GE', 100)}`, took(100.5), true],
    [`duration_filter: ${comparison('GE', 100)}`, took(99.9), false],
    [`duration_filter: ${comparison('EQ', 99)}`, took(99.9), true],
    ['not_health_check_filter: {}', nothing, true],
    ['not_health_check_filter: {}', (info: StreamInfo) => void (info.isHealthCheck = true), false],
    ['traceable_filter: {}', nothing, false],
    ['traceable_filter: {}', (info: StreamInfo) => void (info.traced = true), true],
    [`and_filter: {filters: [{status_code_filter: ${comparison('GE', 200)}}, {traceable_filter: {}}]}`, nothing, false],
    [`or_filter: {filters: [{status_code_filter: ${comparison('GE', 200)}}, {traceable_filter: {}}]}`, nothing, true],
    ['header_filter: {header: {name: x, string_match: {exact: "1"}}}', nothing, true],
    ['header_filter: {header: {name: x, string_match: {exact: "2"}}}', nothing, false],
    ['response_flag_filter: {}', nothing, false],
    ['response_flag_filter: {}', (info: StreamInfo) => void (info.flags = Flag.UF), true],
    ['response_flag_filter: {flags: [UH, UF]}', (info: StreamInfo) => void (info.flags = Flag.UF | Flag.URX), true],
    ['response_flag_filter: {flags: [UH]}', (info: StreamInfo) => void (info.flags = Flag.UF), false],
  ])('%s', (yaml, change, expected) => {
    expect(passes(yaml, change)).toBe(expected);
  });

  test('a value may come from the runtime', () => {
    expect(passes(`status_code_filter: ${comparison('GE', 400)}`, code(300), { k: '300' })).toBe(true);
  });

  test.each([
    ['trailers', '5', [], true],
    ['headers', '5', [], true],
    ['nowhere', '', [], false],
    ['trailers', '5', ['exclude: true'], false],
  ])('grpc_status_filter NOT_FOUND, status in %s %s %j', (where, status, more, expected) => {
    const change = (info: StreamInfo) => {
      info.responseHeaders = new ResponseHeaders(200);
      info.responseTrailers = new HeaderMap();
      if (where === 'trailers') info.responseTrailers.add('grpc-status', status);
      if (where === 'headers') info.responseHeaders.add('grpc-status', status);
    };
    expect(passes(`grpc_status_filter: {statuses: [NOT_FOUND]${more.map((m) => ', ' + m).join('')}}`, change)).toBe(expected);
  });

  test.each([
    [404, 'UNIMPLEMENTED', true],
    [503, 'UNAVAILABLE', true],
    [200, 'OK', false],
    [200, 'UNKNOWN', true],
  ])('without a gRPC status, HTTP %d counts as %s: %s', (status, name, expected) => {
    expect(passes(`grpc_status_filter: {statuses: [${name}]}`, code(status))).toBe(expected);
  });

  test.each([
    [['DownstreamEnd'], false, 'DownstreamEnd', true],
    [['DownstreamStart'], false, 'DownstreamEnd', false],
    [['DownstreamStart'], true, 'DownstreamEnd', true],
  ])('log_type_filter %j exclude %s, type %s: %s', (types, exclude, type, expected) => {
    expect(passes(`log_type_filter: {types: [${types.join(', ')}], exclude: ${exclude}}`, nothing, {}, type)).toBe(expected);
  });

  test.each([
    [{ f: { k: 'v' } }, '', true],
    [{ f: { k: 'w' } }, '', false],
    [{}, '', true],
    [{}, ', match_if_key_not_found: false', false],
  ])('metadata_filter with %j%s: %s', (metadata, more, expected) => {
    const yaml = `metadata_filter: {matcher: {filter: f, path: [{key: k}], value: {string_match: {exact: v}}}${more}}`;
    expect(passes(yaml, (info) => void (info.dynamicMetadata = new Map(Object.entries(metadata))))).toBe(expected);
  });

  test('runtime_filter gives one request id one verdict, and about the share that is asked for', () => {
    const yaml = 'runtime_filter: {runtime_key: r, percent_sampled: {numerator: 30}}';
    const verdict = (id: string) => passes(yaml, (info) => info.requestHeaders!.set('x-request-id', id));
    const ids = Array.from(
      { length: 200 },
      (_, i) => `${((i * 2654435761) % 4294967296).toString(16).padStart(8, '0')}-4a5d-4b3d-8306-b21461d5b6d0`,
    );
    const first = ids.map(verdict);
    expect(ids.map(verdict)).toEqual(first);
    const share = first.filter(Boolean).length / ids.length;
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.45);
    expect(passes(yaml, nothing, { r: '100' })).toBe(true);
    expect(passes(yaml, nothing, { r: '0' })).toBe(false);
  });
});
