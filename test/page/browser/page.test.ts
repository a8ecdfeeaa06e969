/** The live page in a real Chromium, over a made-up mesh: what it shows, what its buttons do, and that it can be used without a mouse or sight. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { PageFixture } from '../../support/page-fixture.ts';
import { complaintsOf, openBrowser, PageServer } from '../../support/page-server.ts';

// A browser beside other tests has little of the machine.
vi.setConfig({ testTimeout: 300_000 });

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const VIEWS = ['', 'clusters', 'clusters/payments', 'requests', 'config', 'certificates', 'server'];

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

let browser: Browser;
let context: BrowserContext;
let server: PageServer;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

beforeEach(async () => {
  server = new PageServer(new PageFixture({ clusters: 30 }));
  await server.admin.start();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB', timezoneId: 'UTC' });
  page = await context.newPage();
  page.setDefaultTimeout(30_000);
  complaints = complaintsOf(page);
});
afterEach(async () => {
  await context.close();
  await server.admin.stop();
});

async function open(path = ''): Promise<void> {
  await page.goto(`${server.url}#/${path}`);
  await page.locator('header').getByText('Live', { exact: true }).waitFor();
}

test('every view loads without a complaint, and asks nobody else for anything', async () => {
  const foreign: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url)) foreign.push(request.url());
  });
  for (const path of VIEWS) {
    await open(path);
    await page.locator('main h1').waitFor();
  }
  await open();
  await page.locator('.chart-room[data-drawn]').nth(2).waitFor();
  expect(foreign).toEqual([]);
  expect(complaints).toEqual([]);
});

describe('overview', () => {
  test('a cluster that begins to fail is told with the next second', async () => {
    server.hold();
    await open();
    const problems = page.locator('.problems');
    expect(await problems.getByText('Cluster payments').count()).toBe(0);
    server.fixture.failing.add('payments');
    server.step();
    await problems.getByText('Cluster payments').first().waitFor();
    expect(await problems.locator('li').first().textContent()).toContain('Failing');
    expect(await page.locator('.node.error .node-title', { hasText: 'payments' }).count()).toBeGreaterThan(0);
    await problems.getByText('Cluster payments').first().click();
    await page.getByRole('heading', { level: 1, name: 'Cluster payments' }).waitFor();
  });

  test('the graph shows the busiest clusters; a search shows others', async () => {
    await open();
    const title = (name: string) => page.locator('.node-title').filter({ hasText: name });
    await title('reviews').first().waitFor();
    expect(await page.getByText('12 of 30 clusters').count()).toBe(1);
    expect(await title('service-28').count()).toBe(0);
    await page.getByRole('searchbox', { name: 'Find listener, route or cluster' }).fill('service-28');
    await page.getByText('1 cluster found.').waitFor();
    await page.locator('.node[aria-label*=", cluster, outbound"]').waitFor();
    await page.getByRole('searchbox').fill('no such thing');
    await page.getByText('Nothing is called “no such thing”.').waitFor();
  });

  test('the same as a table, with rates, errors and percentiles of every edge', async () => {
    await open();
    await page.getByRole('button', { name: 'Show as table' }).click();
    const table = page.getByRole('table', { name: 'Edges of the service graph' });
    const row = table.getByRole('row').filter({ hasText: 'prefix /reviews' }).first();
    await row.waitFor();
    expect(await table.getByRole('columnheader').allTextContents()).toEqual([
      'From',
      'To',
      'Requests',
      'Errors',
      'p50',
      'p90',
      'p99',
      'TCP',
    ]);
    expect(await row.getByRole('cell').nth(1).textContent()).toMatch(/^\d+(\.\d)?\/s$/);
    expect(await page.locator('svg.graph').isVisible()).toBe(false);
  });

  test('arrows go through the graph, Enter chooses, Escape lets go', async () => {
    await open();
    await page.locator('.node[tabindex="0"]').focus();
    const focused = () => page.evaluate<string>(`document.activeElement?.getAttribute('aria-label') ?? ''`);
    expect(await focused()).toMatch(/^Clients [\d,]+\/s/);
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toMatch(/, listener,/);
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toMatch(/, route,/);
    const before = await focused();
    await page.keyboard.press('ArrowDown');
    expect(await focused()).not.toBe(before);
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toMatch(/, cluster, .*p90 .*p99/);
    await page.keyboard.press('Enter');
    const chosen = page.getByRole('region', { name: 'The chosen part of the graph' });
    await chosen.getByRole('link', { name: 'Open cluster' }).waitFor();
    expect(await chosen.getByRole('row').count()).toBeGreaterThan(2);
    await page.keyboard.press('Escape');
    await chosen.waitFor({ state: 'hidden' });
    expect(await focused()).toMatch(/, cluster,/);
  });
});

describe('clusters', () => {
  test('a table of all, sorted and searched', async () => {
    await open('clusters');
    const names = page.locator('tbody th');
    await names.first().waitFor();
    expect(await names.first().textContent()).toBe('reviews');
    await page.getByRole('button', { name: 'Cluster', exact: true }).click();
    await expect.poll(() => names.first().textContent()).toBe('cart');
    expect(await page.getByRole('columnheader', { name: 'Cluster', exact: true }).getAttribute('aria-sort')).toBe('ascending');
    await page.getByRole('searchbox', { name: 'Find cluster' }).fill('service-1');
    await page.getByText('8 of 30 clusters').waitFor();
    await page.getByRole('combobox', { name: 'Show' }).selectOption('ill');
    await page.getByText('No cluster is like that.').waitFor();
  });

  test('2,000 of them are as many rows as are seen', async () => {
    server.fixture = new PageFixture({ clusters: 2000, busy: 2000 });
    await open('clusters');
    await page.getByText('2,000 clusters').waitFor();
    expect(await page.locator('tbody tr').count()).toBeLessThan(60);
    const table = page.getByRole('table', { name: 'Clusters' });
    expect(await table.getAttribute('aria-rowcount')).toBe('2001');
    await page.locator('.table-room').evaluate((room) => room.scrollTo(0, room.scrollHeight));
    await page.locator('tr[aria-rowindex="2001"]').waitFor();
    expect(await page.locator('tbody tr').count()).toBeLessThan(60);
  });

  test('one shows hosts, their ejection, breakers against their limits, and asks for its figures', async () => {
    server.fixture.failing.add('ratings');
    await open('clusters/ratings');
    const hosts = page.getByRole('table', { name: 'Hosts' });
    const ejected = hosts.getByRole('row').filter({ hasText: '10.0.1.1:8080' });
    await ejected.getByText(/^Ejected, back in \d+ s$/).waitFor();
    expect(await ejected.textContent()).toContain('consecutive 5xx, ejected 2 times');
    const pending = page
      .getByRole('table', { name: 'Circuit breakers' })
      .getByRole('row')
      .filter({ hasText: 'max_pending_requests' })
      .first();
    expect(await pending.textContent()).toContain('9001,02487.9 %');
    expect(await pending.locator('meter').evaluate((meter: { value: number }) => meter.value)).toBeCloseTo(900 / 1024);
    expect(server.watched.at(-1)).toEqual(['ratings']);
    await page.goto(`${server.url}#/clusters/nothing`);
    await page.getByText('There is no cluster called “nothing”.').waitFor();
  });
});

test('requests are explained, can be searched, and stand still while paused', async () => {
  await open('requests');
  const items = page.locator('.requests li');
  await items.first().waitFor();
  await page.getByText('its limit max_pending_requests is 1,024').first().waitFor();
  await page.getByRole('searchbox').fill('UH');
  await expect.poll(async () => (await items.allTextContents()).every((text) => text.includes('UH'))).toBe(true);
  await items.first().locator('summary').press('Enter');
  await items.first().getByText('Where the time went').waitFor();
  await page.getByRole('searchbox').fill('');
  await page.getByRole('button', { name: 'Pause' }).click();
  const held = await items.count();
  await page.getByText(/Paused; [1-9]\d* newer/).waitFor();
  expect(await items.count()).toBe(held);
  await page.getByRole('button', { name: 'Go on' }).click();
  await expect.poll(() => items.count()).toBeGreaterThan(held);
});

test('the configuration can be searched, and what is found is marked', async () => {
  await open('config');
  await page.getByText('4 parts').waitFor();
  await page.getByRole('searchbox').fill('connect_TIMEOUT');
  await page.getByText('2 of 4 parts').waitFor();
  await page.getByRole('button', { name: 'dead' }).click();
  await page.locator('.tree mark', { hasText: 'connect_timeout' }).waitFor();
  await page.getByRole('searchbox').fill('nothing of the kind');
  await page.getByText('Nothing in the configuration contains that.').waitFor();
});

describe('server', () => {
  test('draining asks first: cancel and Escape do nothing', async () => {
    await open('server');
    const drain = page.getByRole('button', { name: 'Drain listeners…' });
    const dialog = page.getByRole('dialog', { name: 'Drain all listeners?' });
    await drain.click();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await drain.click();
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect(server.admin.calls).toEqual([]);
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Drain listeners…');
    await drain.click();
    await dialog.getByRole('button', { name: 'Drain listeners' }).click();
    await page.getByText('Drain listeners: done.').waitFor();
    expect(server.admin.calls).toEqual(['drain {"graceful":true,"skipExit":false,"inboundOnly":false}']);
  });

  test('health checks fail and pass again', async () => {
    await open('server');
    for (const [name, state] of [
      ['Fail health checks', 'DRAINING'],
      ['Pass health checks', 'LIVE'],
    ] as const) {
      await page.getByRole('button', { name: `${name}…` }).click();
      await page.getByRole('dialog').getByRole('button', { name }).click();
      await page.getByText(`${name}: done.`).waitFor();
      expect(server.admin.state).toBe(state);
    }
  });

  test('log levels change after a question', async () => {
    await open('server');
    await page.getByRole('combobox', { name: 'New level of http' }).selectOption('debug');
    await page.getByRole('button', { name: 'Set level of http' }).click();
    expect(server.admin.loggers.get('http')!.level).toBe('warning');
    await page.getByRole('dialog').getByRole('button', { name: 'Change' }).click();
    await page.getByText('Set http to debug: done.').waitFor();
    expect(server.admin.loggers.get('http')!.level).toBe('debug');
    expect(server.admin.loggers.get('admin')!.level).toBe('warning');
  });
});

test('it says so when the proxy is gone, and comes back by itself with another one', async () => {
  await open('clusters');
  const { port } = server.admin;
  await server.admin.stop();
  await page.getByText('Reconnecting…').waitFor();
  await page.getByText('nothing has come from the proxy since then').waitFor();
  server = new PageServer(new PageFixture({ clusters: 3, instance: 'two' }));
  await server.admin.startAt(port);
  await page.locator('header').getByText('Live', { exact: true }).waitFor();
  await page.getByText('3 clusters', { exact: true }).waitFor();
});

test('names of a mesh are never markup', async () => {
  const name = '<img src=x onerror="document.title=1">';
  const fixture = new PageFixture({ clusters: 1 });
  fixture.clusters[0] = { ...fixture.clusters[0]!, name };
  fixture.failing.add(name);
  server.fixture = fixture;
  for (const path of ['', 'clusters', `clusters/${encodeURIComponent(name)}`]) {
    await open(path);
    await page.getByText(name.slice(0, 8)).first().waitFor();
    expect(await page.locator('main img').count()).toBe(0);
  }
  expect(complaints).toEqual([]);
});

test('light and dark follow the system, and the button', async () => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await open();
  const background = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
  const dark = await background();
  await page.getByRole('button', { name: 'Look: system' }).click();
  expect(await background()).not.toBe(dark);
  await page.getByRole('button', { name: 'Look: light' }).click();
  expect(await background()).toBe(dark);
  await page.reload();
  await page.getByRole('button', { name: 'Look: dark' }).waitFor();
  expect(await background()).toBe(dark);
});

test('the first tab leads to the content, and a new view takes the focus', async () => {
  await open();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  expect(await page.evaluate('document.activeElement.id')).toBe('main');
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Server' }).press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Server' }).waitFor();
  expect(await page.evaluate('document.activeElement.id')).toBe('main');
  expect(await page.getByRole('link', { name: 'Server', exact: true }).getAttribute('aria-current')).toBe('page');
});

describe('accessibility', () => {
  test.each(['light', 'dark'] as const)('axe finds nothing in the %s look', async (colorScheme) => {
    server.fixture.failing.add('payments');
    // The policy lets no script in from elsewhere, not even from here.
    const checked = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      colorScheme,
      bypassCSP: true,
      reducedMotion: 'reduce',
    });
    page = await checked.newPage();
    for (const path of VIEWS) {
      await open(path);
      await page.locator('main h1').waitFor();
      if (path === 'requests') await page.locator('.requests summary').first().click();
      await page.evaluate(AXE);
      const { violations } = await page.evaluate<AxeResult>('axe.run()');
      const found = violations.map((v) => `${v.id}: ${v.nodes[0]?.html} ${v.nodes[0]?.failureSummary}`);
      expect({ path, found }).toEqual({ path, found: [] });
      await page.goto('about:blank');
    }
    await checked.close();
  });
});
