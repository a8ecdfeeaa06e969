import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { type AccessLogSettings, DEFAULT_TEXT_FORMAT } from '../../src/access-log/settings.ts';
import type { AdminAccessRecord } from '../../src/admin/api.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { MutableRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { AdminAccessLogs } from '../../src/server/admin-access-log.ts';
import { StatsAggregate } from '../../src/stats/aggregate.ts';

const directory = mkdtempSync(join(tmpdir(), 'outrider-admin-log-'));
const path = join(directory, 'admin.log');
afterAll(() => rmSync(directory, { recursive: true }));

const RECORD: AdminAccessRecord = {
  startWallMs: Date.UTC(2024, 1, 3, 4, 5, 6, 789),
  durationMs: 12,
  method: 'POST',
  path: '/none?x',
  protocol: 'HTTP/1.1',
  authority: 'localhost:9901',
  headers: ['Host', 'localhost:9901', 'User-Agent', 'tester', 'X-A', 'b'],
  contentType: 'text/plain; charset=UTF-8',
  connectionId: 7,
  localAddress: '127.0.0.1:9901',
  remoteAddress: '127.0.0.1:4000',
  responseCode: 404,
  bytesReceived: 3,
  bytesSent: 21,
};

const text = (format: string, filter: AccessLogSettings['filter'] = null): AccessLogSettings => ({
  sink: { kind: 'file', path },
  format: { kind: 'text', text: format, omitEmptyValues: false, contentType: '' },
  filter,
});

function logs(settings: readonly AccessLogSettings[]): AdminAccessLogs {
  const clock = new SimulatedClock();
  clock.advance(1000);
  return new AdminAccessLogs(settings, {
    clock,
    random: seededRandom(1),
    runtime: new MutableRuntime(),
    rootScope: new StatsAggregate().local.root,
    flushIntervalMs: 1000,
    redactHeaders: [],
    hostname: 'machine',
    addressIp: '192.0.2.2',
  });
}

// The lines are those that Envoy 1.40 writes for the same requests.
test('formats and filters are those of other access logs', async () => {
  const errors = { kind: 'status_code', comparison: { op: 'GE', value: 400, runtimeKey: '' } } as const;
  const admin = logs([
    text(DEFAULT_TEXT_FORMAT),
    text(
      '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %REQ(X-A)% %RESP(CONTENT-TYPE)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_ADDRESS% %REQ(X-FORWARDED-PROTO)% %ACCESS_LOG_TYPE% %CONNECTION_ID% %UPSTREAM_CLUSTER%\n',
      errors,
    ),
  ]);
  admin.log(RECORD);
  admin.log({ ...RECORD, responseCode: 200, remoteAddress: '198.51.100.9:1' });
  await admin.close();
  expect(readFileSync(path, 'latin1').split('\n')).toEqual([
    '[2024-02-03T04:05:06.789Z] "POST /none?x HTTP/1.1" 404 - 3 21 12 - "192.0.2.2" "tester" "-" "localhost:9901" "-"',
    '404 admin_filter_response b text/plain; charset=UTF-8 127.0.0.1 127.0.0.1:9901 http DownstreamEnd 7 -',
    '[2024-02-03T04:05:06.789Z] "POST /none?x HTTP/1.1" 200 - 3 21 12 - "198.51.100.9" "tester" "-" "localhost:9901" "-"',
    '',
  ]);
});

test('a rotated file is opened again', async () => {
  rmSync(path);
  const admin = logs([text('%RESPONSE_CODE%\n')]);
  admin.log(RECORD);
  await admin.close();
  renameSync(path, `${path}.1`);
  admin.reopen();
  admin.log(RECORD);
  await admin.close();
  expect(readFileSync(`${path}.1`, 'latin1')).toBe('404\n');
  expect(existsSync(path) && readFileSync(path, 'latin1')).toBe('404\n');
});

test('a file that cannot be opened is an error', () => {
  expect(() => logs([{ ...text('x'), sink: { kind: 'file', path: join(directory, 'none', 'x') } }])).toThrow(/ENOENT/);
});
