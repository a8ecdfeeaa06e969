/** The admin interface of a made-up process that serves the live page with a fixture's figures, and a browser to look at it. */
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Endpoint } from '../../src/admin/api.ts';
import { json } from '../../src/admin/reply.ts';
import { FakeServer } from '../admin/fake-server.ts';
import { PageFixture } from './page-fixture.ts';

/** Debian's; CHROMIUM names another. */
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

export class PageServer {
  fixture: PageFixture;
  readonly admin: FakeServer;
  readonly #periodMs: number;
  /** Those who wait for the next tick while it is held. */
  #waiting: (() => void)[] | null = null;
  readonly watched: string[][] = [];

  constructor(fixture = new PageFixture(), periodMs = 100) {
    this.fixture = fixture;
    this.#periodMs = periodMs;
    this.admin = new FakeServer({ extraEndpoints: this.#endpoints() });
  }

  get url(): string {
    return `http://127.0.0.1:${this.admin.port}/`;
  }

  /** From now on ticks come with `step` only. */
  hold(): void {
    this.#waiting = [];
  }

  step(): void {
    for (const go of this.#waiting?.splice(0) ?? []) go();
  }

  #endpoints(): Endpoint[] {
    const endpoint = (path: string, handle: Endpoint['handle']): Endpoint => ({
      path,
      help: 'for the page',
      mutates: false,
      page: true,
      parameters: [],
      handle,
    });
    return [
      endpoint('/api/v1/page', () => json(this.fixture.snapshot())),
      endpoint('/api/v1/page/history', (request) => json(this.fixture.history(request.params.getAll('series')))),
      endpoint('/api/v1/page/events', (request) => {
        this.watched.push(request.params.getAll('cluster'));
        return { status: 200, contentType: 'text/event-stream', endless: true, body: this.#events() };
      }),
    ];
  }

  async *#events(): AsyncGenerator<string> {
    yield `event: snapshot\ndata: ${JSON.stringify(this.fixture.snapshot())}\n\n`;
    for (;;) {
      await new Promise<void>((resolve) => (this.#waiting === null ? setTimeout(resolve, this.#periodMs) : this.#waiting.push(resolve)));
      yield `event: tick\ndata: ${JSON.stringify(this.fixture.tick())}\n\n`;
    }
  }
}

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
}

/** Everything that a page complains about: errors, refused resources, violations of the policy. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('requestfailed', (request) => {
    // The stream of events is cut off by going elsewhere.
    if (!request.url().includes('/api/v1/page/events')) complaints.push(`${request.url()} ${request.failure()?.errorText}`);
  });
  return complaints;
}
