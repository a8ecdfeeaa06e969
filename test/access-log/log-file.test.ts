import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { LogFile, LogFileStats } from '../../src/access-log/log-file.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from '../support/plain-stats.ts';

const directory = mkdtempSync(join(tmpdir(), 'access-log-'));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
function open() {
  const path = join(directory, `log-${files++}`);
  const stats = new PlainStats();
  const clock = new SimulatedClock();
  return { path, stats, clock, file: new LogFile(path, clock, new LogFileStats(stats), 10_000) };
}

/** Contents once `text` is what they are; the reader waits, the writer is asynchronous. */
async function contents(path: string, text: string): Promise<string> {
  await expect.poll(() => (existsSync(path) ? readFileSync(path, 'latin1') : '')).toBe(text);
  return text;
}

describe('a log file', () => {
  test('keeps lines until its interval is over', async () => {
    const { path, stats, clock, file } = open();
    file.write('a\n');
    file.write('b\n');
    expect(stats.value('filesystem.write_total_buffered')).toBe(4);
    clock.advance(9_990);
    expect(stats.value('filesystem.flushed_by_timer')).toBe(0);
    clock.advance(20);
    await contents(path, 'a\nb\n');
    expect(stats.nonZero()).toMatchObject({ 'filesystem.write_buffered': 2, 'filesystem.flushed_by_timer': 1 });
    expect(stats.value('filesystem.write_total_buffered')).toBe(0);
    await file.close();
    expect(stats.value('filesystem.write_completed')).toBe(1);
  });

  test('does not wait once 64 KiB have gathered', async () => {
    const { path, file } = open();
    const line = 'x'.repeat(1023) + '\n';
    for (let i = 0; i < 64; i++) file.write(line);
    await contents(path, line.repeat(64));
    await file.close();
  });

  test('loses nothing at the end', async () => {
    const { path, file } = open();
    const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i} ${'y'.repeat(i % 50)}\n`);
    for (const line of lines) file.write(line);
    await file.close();
    expect(readFileSync(path, 'latin1')).toBe(lines.join(''));
  });

  test('writes bytes as they are', async () => {
    const { path, file } = open();
    file.write('\u00c3\u00a9\u0080\n');
    await file.close();
    expect(readFileSync(path)).toEqual(Buffer.from([0xc3, 0xa9, 0x80, 0x0a]));
  });

  test('adds to what is there', async () => {
    const { path, clock, stats, file } = open();
    file.write('a\n');
    await file.close();
    const again = new LogFile(path, clock, new LogFileStats(stats), 10_000);
    again.write('b\n');
    await again.close();
    expect(readFileSync(path, 'latin1')).toBe('a\nb\n');
  });

  test('after a rotation goes on in a new file', async () => {
    const { path, stats, file } = open();
    file.write('old\n');
    file.flush();
    await contents(path, 'old\n');
    file.write('still old\n');
    renameSync(path, `${path}.1`);
    file.reopen();
    await contents(`${path}.1`, 'old\nstill old\n');
    file.write('new\n');
    file.flush();
    await contents(path, 'new\n');
    await file.close();
    expect(stats.value('filesystem.reopen_failed')).toBe(0);
  });

  test('keeps the old file when the new one cannot be opened', async () => {
    const inner = mkdtempSync(join(directory, 'gone-'));
    const path = join(inner, 'log');
    const stats = new PlainStats();
    const file = new LogFile(path, new SimulatedClock(), new LogFileStats(stats), 10_000);
    file.write('a\n');
    await file.close();
    renameSync(inner, `${inner}-moved`);
    file.reopen();
    file.write('b\n');
    await file.close();
    expect(stats.value('filesystem.reopen_failed')).toBe(1);
    expect(readFileSync(join(`${inner}-moved`, 'log'), 'latin1')).toBe('a\nb\n');
  });

  test('that cannot be opened is an error at once', () => {
    const stats = new LogFileStats(new PlainStats());
    expect(() => new LogFile('/does/not/exist/log', new SimulatedClock(), stats, 10_000)).toThrow(/ENOENT/);
  });
});
