/** The live page's files: what is served, with which policy, and that nothing else can be had. */
import { get, type IncomingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeServer } from './fake-server.ts';

let server: FakeServer;
beforeAll(async () => {
  server = await new FakeServer().start();
});
afterAll(() => server.stop());

function fetched(path: string, accept = '*/*'): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  return new Promise((resolve, reject) => {
    get({ port: server.port, path, headers: { accept }, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece: string) => (body += piece));
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    }).on('error', reject);
  });
}

const CHROME = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';

test('a browser gets the page, everything else the list', async () => {
  const page = await fetched('/', CHROME);
  expect(page.headers['content-type']).toBe('text/html; charset=UTF-8');
  expect(page.body).toMatch(/^<!DOCTYPE html>/);
  for (const accept of ['*/*', 'application/json', 'text/plain'])
    expect((await fetched('/', accept)).body).toMatch(/^admin commands are:\n/);
});

test('the policy allows nothing from elsewhere and nothing inline', async () => {
  for (const path of ['/', '/page/app.js', '/page/style.css', '/page/uplot.css', '/page/icon.svg']) {
    const { status, headers, body } = await fetched(path, CHROME);
    expect(status).toBe(200);
    const policy = String(headers['content-security-policy']);
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "img-src 'self' data:",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'",
    ])
      expect(policy.split('; ')).toContain(part);
    expect(policy).not.toContain('unsafe');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' });
    if (path === '/') {
      expect(body).not.toMatch(/<style|style=|\son\w+=|<script(?![^>]*src=)/);
      expect(body).not.toMatch(/https?:/);
    }
  }
});

test('scripts are what browsers understand, and name each other by what is served', async () => {
  const seen = new Set<string>();
  const follow = async (name: string): Promise<void> => {
    if (seen.has(name)) return;
    seen.add(name);
    const { status, headers, body } = await fetched(`/page/${name}`);
    expect({ name, status, type: headers['content-type'] }).toEqual({ name, status: 200, type: 'text/javascript; charset=UTF-8' });
    for (const match of body.matchAll(/(?:^import\b[^;']*?from |\bimport\()'([^']+)'/gm)) {
      expect(match[1]).toMatch(/^\.\/[a-z0-9-]+\.js$/);
      await follow(match[1]!.slice(2));
    }
  };
  await follow('app.js');
  expect(seen).toContain('graph-view.js');
  expect(seen).toContain('uplot.js');
});

test.each([
  '/page/',
  '/page/nothing.js',
  '/page/app.ts',
  '/page/tsconfig.json',
  '/page/index.html',
  '/page/../snapshot.ts',
  '/page/..%2Fsnapshot.js',
  '/page/%2e%2e/snapshot.js',
  '/page/../../package.json',
  '/page//etc/passwd',
])('%s is no file', async (path) => {
  const { status, body } = await fetched(path);
  expect(status).toBe(404);
  expect(body).toMatch(/^invalid path\. admin commands are:\n/);
});
