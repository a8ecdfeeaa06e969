import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { AccessLogs } from '../../src/access-log/access-logs.ts';
import { compileAccessLog } from '../../src/access-log/config.ts';
import type { AccessLogSettings } from '../../src/access-log/settings.ts';
import type { AccessLog } from '../../src/config/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { loadMessage } from '../../src/config/load-message.ts';
import { ResponseHeaders } from '../../src/http/header-map.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from '../support/plain-stats.ts';
import { formatEnvironment, request, streamInfo } from '../support/route-rig.ts';

const directory = mkdtempSync(join(tmpdir(), 'access-logs-'));
afterAll(() => rmSync(directory, { recursive: true }));

function compile(yaml: string): { settings: AccessLogSettings | null; problems: string[] } {
  const loaded = loadMessage<AccessLog>('envoy.config.accesslog.v3.AccessLog', { yamlOverlay: yaml, allowUnsupported: true });
  const settings = compileAccessLog(loaded.partial!, loaded.context);
  return { settings, problems: loaded.context.list.problems.map((p) => `${p.path}: ${p.message}`) };
}

const FILE = '"@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog';
const STDOUT = '"@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog';

let files = 0;
/** What a logger with these fields writes about one request. */
async function written(fields: string, filter = ''): Promise<string> {
  const path = join(directory, `log-${files++}`);
  const { settings, problems } = compile(`{name: a, typed_config: {${FILE}, path: ${path}${fields}}${filter}}`);
  if (settings === null || problems.length > 0) throw new Error(problems.join('\n'));
  const env = formatEnvironment();
  const logs = new AccessLogs({
    clock: new SimulatedClock(),
    random: seededRandom(1),
    runtime: new StaticRuntime(),
    rootScope: new PlainStats(),
    format: env,
    flushIntervalMs: 10_000,
  });
  const logger = logs.logger(structuredClone(settings));
  const info = streamInfo(request('GET http://a.com/p', 'user-agent: ua', 'x-request-id: id'));
  info.responseHeaders = new ResponseHeaders(200);
  info.protocol = 'HTTP/1.1';
  info.responseCode = 200;
  info.bytesSent = 5;
  info.endMs = 2;
  logger.log(info, 'DownstreamEnd');
  await logs.close();
  return readFileSync(path, 'latin1');
}

const LINE = '[2023-11-14T22:13:20.123Z] "GET /p HTTP/1.1" 200 - 0 5 2 - "-" "ua" "id" "a.com" "-"\n';

describe('a line', () => {
  test.each([
    ['', LINE],
    [', format: "%RESPONSE_CODE%\\n"', '200\n'],
    [', json_format: {code: "%RESPONSE_CODE%", none: "%REQ(no)%"}', '{"code":200,"none":null}\n'],
    [', typed_json_format: {code: "%RESPONSE_CODE%"}', '{"code":200}\n'],
    [', log_format: {text_format: "%REQ(no)%|\\n", omit_empty_values: true}', '|\n'],
    [', log_format: {text_format_source: {inline_string: "%REQ(no)%|\\n"}}', '-|\n'],
    [', log_format: {json_format: {a: "%REQ(no)%", b: "%BYTES_SENT%"}, omit_empty_values: true}', '{"b":5}\n'],
    [', log_format: {text_format_source: {inline_string: "%ACCESS_LOG_TYPE%"}}', 'DownstreamEnd'],
  ])('with {%s}', async (fields, line) => {
    expect(await written(fields)).toBe(line);
  });

  test('is left out when the filter says no', async () => {
    const filter = ', filter: {status_code_filter: {comparison: {op: GE, value: {default_value: 500, runtime_key: k}}}}';
    expect(await written('', filter)).toBe('');
  });
});

describe('settings', () => {
  test.each([
    [`{name: a, typed_config: {${STDOUT}}}`, { kind: 'stdout' }],
    [
      `{name: a, typed_config: {"@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StderrAccessLog}}`,
      { kind: 'stderr' },
    ],
    [`{name: a, typed_config: {${FILE}, path: /x}}`, { kind: 'file', path: '/x' }],
  ])('%s', (yaml, sink) => {
    expect(compile(yaml)).toMatchObject({ settings: { sink, filter: null }, problems: [] });
  });

  test.each([
    [`{name: a, typed_config: {${FILE}, path: /x, format: "%NOPE%"}}`, 'typed_config.format: Not supported field in StreamInfo: NOPE'],
    [
      `{name: a, typed_config: {${FILE}, path: /x, log_format: {json_format: {a: {b: ["%NOPE%"]}}}}}`,
      'typed_config.log_format.json_format: Not supported field in StreamInfo: NOPE',
    ],
    [`{name: a, filter: {response_flag_filter: {flags: [UX]}}, typed_config: {${FILE}, path: /x}}`, 'filter.response_flag_filter.flags[0]'],
  ])('%s is refused', (yaml, problem) => {
    expect(compile(yaml).problems.join('\n')).toContain(problem);
  });
});
