import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compileLogPattern } from '../../src/runtime/log-pattern.ts';
import { createLogWriter } from '../../src/runtime/log-writer.ts';
import { Loggers, type LogRecord } from '../../src/runtime/logger.ts';

const directory = mkdtempSync(join(tmpdir(), 'outrider-log-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('what the level of its component lets through is written', () => {
  const lines: LogRecord[] = [];
  const loggers = new Loggers((record) => lines.push(structuredClone(record)), 'info', { http: 'debug', config: 'off' });
  const main = loggers.component('main');
  const http = main.component('http');
  main.debug('no');
  main.info('started');
  main.warn('slow', { ms: 5 });
  http.trace('no');
  http.debug('seen', { a: 1 });
  loggers.component('config').error('no');
  main.setLevel('critical');
  main.error('no');
  main.setLevel('trace');
  main.trace('all');
  expect(lines.map(({ component, level, message, fields }) => [component, level, message, fields])).toEqual([
    ['main', 'info', 'started', {}],
    ['main', 'warning', 'slow', { ms: 5 }],
    ['http', 'debug', 'seen', { a: 1 }],
    ['main', 'trace', 'all', {}],
  ]);
  expect([main.debugEnabled, http.debugEnabled, loggers.component('config').debugEnabled]).toEqual([true, true, false]);
});

test('a level that is set is told, one that is applied from elsewhere is not; both hold for loggers that are made later', () => {
  const told: string[] = [];
  const loggers = new Loggers(() => undefined, 'info');
  loggers.onChange = (component, level) => told.push(`${component}:${level}`);
  const router = loggers.component('router');
  router.setLevel('debug');
  router.setLevel('debug');
  loggers.apply({ pool: 'error', router: 'trace' });
  expect(told).toEqual(['router:debug']);
  expect([router.level, loggers.component('pool').level, loggers.component('main').level]).toEqual(['trace', 'error', 'info']);
  expect(loggers.levels()).toEqual({ router: 'trace', pool: 'error' });
});

const RECORD: LogRecord = { component: 'http', level: 'warning', message: 'two\nlines', fields: { code: 503, flags: 'UF' } };

test('lines are JSON, or text by a pattern', () => {
  const json = join(directory, 'json.log');
  createLogWriter(json, null).write(RECORD);
  const { time, ...line } = JSON.parse(readFileSync(json, 'utf8')) as Record<string, unknown>;
  expect(line).toEqual({ level: 40, component: 'http', code: 503, flags: 'UF', msg: 'two\nlines' });
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT/);

  const text = join(directory, 'text.log');
  const writer = createLogWriter(text, '[%l][%n] %_');
  writer.write(RECORD);
  expect(readFileSync(text, 'utf8')).toBe('[warning][http] two\\nlines code=503 flags=UF\n');
  renameSync(text, `${text}.1`);
  writer.reopen();
  writer.write({ ...RECORD, message: 'later', fields: {} });
  expect(readFileSync(text, 'utf8')).toBe('[warning][http] later\n');
});

test("the pattern's flags are spdlog's", () => {
  const at = new Date(2026, 1, 3, 4, 5, 6, 78);
  const line = (pattern: string) => compileLogPattern(pattern)(RECORD, at.getTime());
  expect(line('[%Y-%m-%d %T.%e][%H%M%S][%L] %% %q')).toBe('[2026-02-03 04:05:06.078][040506][W] % %q');
  expect(line('%E %F %j')).toBe(`${Math.floor(at.getTime() / 1000)} 078000000 two\\nlines code=503 flags=UF`);
});
