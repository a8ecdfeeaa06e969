/** The live page of a real proxy under real traffic, in a real Chromium. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { call } from '../support/http-call.ts';
import { complaintsOf, openBrowser } from '../support/page-server.ts';
import { freePort } from '../support/ports.ts';
import { ADMIN, httpListener, ProxyProcess } from '../support/proxy.ts';

// A browser beside other tests has little of the machine.
vi.setConfig({ testTimeout: 300_000 });

let browser: Browser;
let upstream: Server;
let status = 200;
let proxy: ProxyProcess;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  browser = await openBrowser();
  upstream = createServer((_request, response) => response.writeHead(status).end('x'));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await browser.close();
  upstream.close();
});
afterEach(async () => {
  await page.context().close();
  await proxy.stop();
});

function bootstrap(admin = ADMIN): string {
  const { port } = upstream.address() as AddressInfo;
  const routes = '[{match: {prefix: /}, route: {cluster: payments}}]';
  const endpoint = `{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}`;
  const cluster = `{name: payments, connect_timeout: 10s, load_assignment: {cluster_name: payments, endpoints: [${endpoint}]}}`;
  return `${admin}static_resources: {listeners: [${httpListener('shop', routes)}], clusters: [${cluster}]}`;
}

async function open(path = ''): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.setDefaultTimeout(90_000);
  complaints = complaintsOf(page);
  await page.goto(`http://${proxy.adminAddress}/#/${path}`);
  await page.locator('header').getByText('Live', { exact: true }).waitFor();
}

test('a cluster that begins to fail is told at once, and its requests are explained', async () => {
  proxy = await ProxyProcess.start(bootstrap());
  const port = await proxy.port('shop');
  status = 200;
  await call(port);
  await open();
  expect(await page.locator('.problems li').count()).toBe(0);
  status = 503;
  let going = true;
  const traffic = (async () => {
    while (going) {
      await call(port, '/orders');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  try {
    await page.locator('.problems').getByText('Cluster payments').first().waitFor();
    expect(await page.locator('.problems li').first().textContent()).toMatch(/^FailingCluster payments ?fails 100 % of its requests/);
    await page.locator('.node.error .node-title', { hasText: 'payments' }).waitFor();
    await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Requests' }).click();
    const first = page.locator('.requests li').first();
    await first.waitFor();
    expect(await first.textContent()).toContain('/orders');
    expect(await first.locator('.explanation').count()).toBeGreaterThan(0);
  } finally {
    going = false;
    await traffic;
  }
  expect(complaints).toEqual([]);
});

test('its buttons change the proxy: log levels, health checks, draining', async () => {
  proxy = await ProxyProcess.start(bootstrap());
  await open('server');
  await page.getByRole('combobox', { name: 'New level of router' }).selectOption('debug');
  await page.getByRole('button', { name: 'Set level of router' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Change' }).click();
  await page.getByRole('row').filter({ hasText: 'router' }).getByRole('cell', { name: 'debug', exact: true }).waitFor();
  expect((await proxy.admin('/logging', 'POST')).body).toContain('  router: debug\n');
  await page.getByRole('button', { name: 'Fail health checks…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Fail health checks' }).click();
  await page.locator('header').getByText('DRAINING', { exact: true }).waitFor();
  expect((await proxy.admin('/ready')).status).toBe(503);
  await page.getByRole('button', { name: 'Drain inbound listeners…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Drain inbound listeners' }).click();
  await page.getByText('Drain inbound listeners: done.').waitFor();
});

test('the configuration in force can be searched', async () => {
  proxy = await ProxyProcess.start(bootstrap());
  await open('config');
  await page.getByRole('searchbox').fill('connect_timeout');
  await page.getByRole('combobox', { name: 'Kind' }).selectOption('Clusters');
  await page.getByRole('button', { name: 'payments' }).click();
  await page.locator('.tree mark', { hasText: 'connect_timeout' }).first().waitFor();
  expect(complaints).toEqual([]);
});

test('it comes back when the proxy restarts', async () => {
  // One that no outgoing connection can have taken when it is opened again.
  const port = await freePort();
  const admin = `admin: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}\n`;
  proxy = await ProxyProcess.start(bootstrap(admin));
  await open('clusters');
  await page.getByRole('link', { name: 'payments' }).waitFor();
  // The stream of a viewer does not keep the process from ending.
  proxy.kill('SIGTERM');
  expect(await proxy.exited).toBe(0);
  await page.getByText('Reconnecting…').waitFor();
  await proxy.stop();
  proxy = await ProxyProcess.start(bootstrap(admin));
  await page.locator('header').getByText('Live', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'payments' }).waitFor();
});
