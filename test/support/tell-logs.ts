/** Runs in front of every test file: a test that fails is followed by what its processes wrote last. */
import { afterEach } from 'vitest';
import { lastLines } from './process-logs.ts';

afterEach(({ task }) => {
  if (task.result?.state !== 'fail') return;
  const text = lastLines();
  if (text !== '') process.stderr.write(`failed: ${task.file.name} > ${task.name}\n${text}`);
});
