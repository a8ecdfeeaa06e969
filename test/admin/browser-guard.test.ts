/** Who may ask the admin interface: programs as with Envoy, browsers only under our own names and from our own pages. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserRefusal, hostName } from '../../src/admin/browser-guard.ts';
import { FakeServer } from './fake-server.ts';

const OWN = ['shop-5f7c.local', '*.ops.example.com'];
const BROWSER = { 'accept-language': 'en' };

function refused(headers: Record<string, string>, kind: { mutates?: boolean; page?: boolean } = {}): boolean {
  return browserRefusal({ headers, mutates: kind.mutates === true, page: kind.page === true }, OWN) !== null;
}

describe('names', () => {
  const ours = [
    '127.0.0.1:9901',
    '10.0.0.7:15000',
    '[::1]:9901',
    '[fe80::1]',
    'localhost:9901',
    'LOCALHOST',
    'a.localhost:1',
    'localhost.:9901',
    'envoy:9901',
    'outrider.shop.svc:9901',
    'outrider.shop.svc.cluster.local',
    'Shop-5f7c.local:9901',
    'mesh.ops.example.com:9901',
    'A.B.ops.example.com',
  ];
  const foreign = [
    'evil.test',
    'evil.test:9901',
    '127.0.0.1.evil.test:9901',
    'localhost.evil.test',
    'svc.evil.test',
    'ops.example.com',
    'evilops.example.com',
    'mesh.ops.example.com.evil.test',
    '999.1.1.1:80',
    '',
    ':9901',
  ];

  test.each(ours)('%j is ours', (host) => {
    for (const kind of [{}, { mutates: true }, { page: true }]) {
      expect(refused({ host }, kind)).toBe(false);
      expect(refused({ host, ...BROWSER }, kind)).toBe(false);
    }
  });

  test.each(foreign)('%j is not', (host) => {
    expect(refused({ host }, { mutates: true })).toBe(true);
    expect(refused({ host }, { page: true })).toBe(true);
    expect(refused({ host, ...BROWSER })).toBe(true);
    expect(refused({ host, 'sec-fetch-site': 'same-origin' })).toBe(true);
  });

  test.each(foreign)('a program may read under the name %j, as Prometheus does', (host) => expect(refused({ host })).toBe(false));

  test('behind a UNIX socket there is no browser', () =>
    expect(browserRefusal({ headers: { host: 'evil.test' }, mutates: true, page: true }, null)).toBeNull());

  test.each([
    ['a:1', 'a'],
    ['[::1]:9901', '::1'],
    ['[::1]', '::1'],
    ['A.b.:80', 'a.b'],
    ['', ''],
  ])('%j names %j', (host, name) => expect(hostName(host)).toBe(name));
});

describe('origins', () => {
  const host = '127.0.0.1:9901';
  const mutates = { mutates: true };
  test.each([
    ['the page itself', { 'sec-fetch-site': 'same-origin', origin: 'http://127.0.0.1:9901' }],
    ['a browser that tells no site', { origin: 'http://127.0.0.1:9901' }],
    ['the page behind something that ends TLS', { origin: 'https://127.0.0.1:9901' }],
    ['typed in by a person', { 'sec-fetch-site': 'none' }],
    ['curl', {}],
  ])('%s may change something', (_who, headers) => expect(refused({ host, ...headers }, mutates)).toBe(false));

  test.each([
    ['another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' }],
    ['another port of this machine', { 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:3000' }],
    ['an old browser, another site', { origin: 'https://evil.test' }],
    ['an old browser, another port', { origin: 'http://127.0.0.1:9902' }],
    ['a sandboxed frame', { origin: 'null' }],
    ['an extension', { origin: 'moz-extension://1234' }],
    [
      'a form of another site',
      { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', origin: 'null' },
    ],
    ['a form without an origin', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }],
  ])('%s may not', (_who, headers) => expect(refused({ host, ...headers }, mutates)).toBe(true));

  test('a link from elsewhere may be followed, but nothing be fetched or framed', () => {
    const elsewhere = { host, 'sec-fetch-site': 'cross-site' };
    expect(refused({ ...elsewhere, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, { page: true })).toBe(false);
    expect(refused({ ...elsewhere, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }, { page: true })).toBe(true);
    for (const mode of ['cors', 'no-cors']) expect(refused({ ...elsewhere, 'sec-fetch-mode': mode, 'sec-fetch-dest': 'empty' })).toBe(true);
  });
});

describe('on the wire', () => {
  let server: FakeServer;
  beforeAll(async () => {
    server = await new FakeServer({ hostNames: ['mesh.example.com'] }).start();
  });
  afterAll(() => server.stop());

  function status(method: string, path: string, headers: Record<string, string>): Promise<number> {
    return new Promise((resolve, reject) => {
      const call = request({ port: server.port, method, path, headers, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      });
      call.on('error', reject);
      call.end();
    });
  }

  test('what changes something is refused before it happens', async () => {
    expect(await status('POST', '/drain_listeners', { host: 'evil.test' })).toBe(403);
    expect(await status('POST', '/drain_listeners', { origin: 'https://evil.test' })).toBe(403);
    expect(await status('POST', '/quitquitquit', { 'sec-fetch-site': 'cross-site' })).toBe(403);
    expect(server.calls).toEqual([]);
    expect(await status('POST', '/drain_listeners', {})).toBe(200);
    expect(server.calls).toHaveLength(1);
  });

  test('the page and its files are refused under foreign names', async () => {
    const html = { accept: 'text/html' };
    expect(await status('GET', '/', { ...html, host: 'evil.test' })).toBe(403);
    expect(await status('GET', '/', html)).toBe(200);
    expect(await status('GET', '/page/app.js', { host: 'evil.test' })).toBe(403);
    expect(await status('GET', '/page/app.js', {})).toBe(200);
  });

  test('the page is there under names that the operator has given', async () => {
    expect(await status('GET', '/', { accept: 'text/html', host: 'mesh.example.com' })).toBe(200);
    expect(await status('POST', '/drain_listeners', { host: 'mesh.example.com:8443', origin: 'https://mesh.example.com:8443' })).toBe(200);
  });

  test('scrapers may use any name', async () => {
    for (const path of ['/stats/prometheus', '/ready', '/', '/config_dump'])
      expect(await status('GET', path, { host: 'metrics.corp.test' })).toBe(200);
  });
});
