/** What people install: the tarball of `npm pack` in an empty folder, run by the Node of the PATH. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../support/http-call.ts';
import { ADMIN, httpListener, newFolder, ProxyProcess } from '../support/proxy.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HELLO = '[{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: hello}}}]';
const PACKED_KIB = 2048;

let folder: string;
let program: string;
let packed: { readonly size: number; readonly files: readonly { readonly path: string }[] };

function npm(args: readonly string[], cwd: string): string {
  // Settings of the `npm test` around it are not those of another folder.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_(package|lifecycle|command|config_local)/.test(name)),
  );
  return execFileSync('npm', [...args], { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

beforeAll(() => {
  folder = newFolder();
  npm(['run', 'build'], ROOT);
  [packed] = JSON.parse(npm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], ROOT)) as [typeof packed];
  const app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"private": true}');
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
  npm(['install', '--no-audit', '--no-fund', join(folder, tarball)], app);
  program = join(app, 'node_modules/.bin/outrider');
}, 600_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the tarball has what runs, and nothing that does not', () => {
  const paths = packed.files.map((file) => file.path);
  for (const path of ['bin/outrider', 'dist/main.js', 'config/example.yaml', 'LICENSE', 'NOTICE', 'README.md'])
    expect(paths).toContain(path);
  expect(paths.some((path) => path.startsWith('dist/config/gen/'))).toBe(true);
  expect(paths.filter((path) => /^(src|test|bench|build|scripts|node_modules|\.)/.test(path))).toEqual([]);
  expect(packed.size).toBeLessThan(PACKED_KIB * 1024);
});

test('says its version', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toContain(`outrider ${version} `);
});

test('checks a configuration', () => {
  const file = join(folder, 'checked.yaml');
  writeFileSync(file, `static_resources: {listeners: [${httpListener('l', HELLO)}]}`);
  expect(execFileSync(program, ['validate', file], { encoding: 'utf8' })).toContain('OK');
});

test('has the live page, with every script that it loads', async () => {
  const proxy = await ProxyProcess.start(`${ADMIN}static_resources: {listeners: [${httpListener('l', HELLO)}]}`, { program });
  const loaded: string[] = [];
  const load = async (name: string): Promise<void> => {
    if (loaded.includes(name)) return;
    loaded.push(name);
    const { status, body } = await proxy.admin(`/page/${name}`);
    expect({ name, status }).toEqual({ name, status: 200 });
    for (const match of body.matchAll(/(?:from|import)\s*\(?\s*["'`]\.\/([^"'`]+)["'`]/g)) await load(match[1]!);
  };
  try {
    for (const match of readFileSync(join(ROOT, 'dist/page/browser/index.html'), 'utf8').matchAll(/"page\/([^"]+)"/g))
      await load(match[1]!);
  } finally {
    await proxy.stop();
  }
  expect(loaded).toEqual(expect.arrayContaining(['app.js', 'style.css', 'uplot.css', 'icon.svg']));
  // The charts are a script of their own, loaded when the first is drawn.
  expect(loaded.filter((name) => name.endsWith('.js')).length).toBeGreaterThan(1);
});

describe.each([1, 2])('with %i workers', (concurrency) => {
  test('answers a request', async () => {
    const proxy = await ProxyProcess.start(`${ADMIN}static_resources: {listeners: [${httpListener('l', HELLO)}]}`, {
      program,
      args: ['--concurrency', String(concurrency)],
    });
    try {
      expect(await call(await proxy.port('l'))).toMatchObject({ status: 200, body: 'hello' });
      proxy.kill('SIGTERM');
      expect(await proxy.exited).toBe(0);
    } finally {
      await proxy.stop();
    }
  });
});
