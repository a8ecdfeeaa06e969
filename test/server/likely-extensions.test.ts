import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { likelyExtensions } from '../../src/server/likely-extensions.ts';

const folder = mkdtempSync(join(tmpdir(), 'outrider-likely-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROUTER = 'envoy.extensions.filters.http.router.v3.Router';
const TCP_PROXY = 'envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';

test('finds the types that a file and the text over it name, each once', () => {
  const file = join(folder, 'bootstrap.yaml');
  writeFileSync(file, `a: {"@type": type.googleapis.com/${ROUTER}}\nb: {'@type': "type.googleapis.com/${ROUTER}"}\n`);
  expect(likelyExtensions(file, null)).toEqual([ROUTER]);
  expect(likelyExtensions(file, `{"@type": "type.googleapis.com/${TCP_PROXY}"}`)).toEqual([ROUTER, TCP_PROXY]);
});

test('has nothing to say of a file that is not there, is none, or is large', () => {
  expect(likelyExtensions(join(folder, 'missing'), null)).toEqual([]);
  expect(likelyExtensions(folder, null)).toEqual([]);
  expect(likelyExtensions(null, null)).toEqual([]);
  const large = join(folder, 'large.json');
  writeFileSync(large, `type.googleapis.com/${ROUTER}${' '.repeat(1024 * 1024)}`);
  expect(likelyExtensions(large, null)).toEqual([]);
});
