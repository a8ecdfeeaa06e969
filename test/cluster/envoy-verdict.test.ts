/** `envoy --mode validate` accepts and refuses the same clusters as the tables of config-cases.ts say. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requireTool } from '../support/tool.ts';
import { BAD, GOOD } from './config-cases.ts';

const envoy = requireTool('envoy');
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'outrider-clusters-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function accepts(yaml: string): Promise<boolean> {
  const path = join(dir, 'c.yaml');
  const body = yaml.split('\n').map((line) => '    ' + line);
  writeFileSync(path, ['static_resources:', '  clusters:', '  - name: c', ...body, ''].join('\n'));
  return new Promise((resolve) => {
    execFile(envoy!, ['--mode', 'validate', '-c', path, '-l', 'off', '--disable-hot-restart'], (error) => resolve(error === null));
  });
}

test.skipIf(envoy === null).each(GOOD)('accepted: %s', async (yaml) => {
  expect(await accepts(yaml)).toBe(true);
});

test.skipIf(envoy === null).each(BAD)('refused: %s', async (yaml) => {
  expect(await accepts(yaml)).toBe(false);
});
