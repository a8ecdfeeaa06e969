/**
 * Proof of issue 6, 4: the live page in Chromium with 2,000 clusters, all with traffic. Prints for each view how long its frames take, how
 * much CPU the longest task of its main thread uses and how much all of them, while a tick comes each second and somebody scrolls.
 * `node bench/page-frames.ts [clusters] [seconds]`
 */
import { PageFixture } from '../test/support/page-fixture.ts';
import { openBrowser, PageServer } from '../test/support/page-server.ts';

const CLUSTERS = Number(process.argv[2] ?? 2000);
const SECONDS = Number(process.argv[3] ?? 10);
const VIEWS = ['', 'clusters', 'clusters/payments', 'requests', 'config', 'server'];

/** Runs in the page: times between frames while it scrolls. */
const WATCH = `
globalThis.frames_seen = [];
let last = performance.now();
const room = document.querySelector('.table-room') ?? document.scrollingElement;
const step = (now) => {
  frames_seen.push(now - last);
  last = now;
  room.scrollBy(0, 24 * (Math.floor(now / 1500) % 2 === 0 ? 1 : -1));
  requestAnimationFrame(step);
};
requestAnimationFrame(step);
`;

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds; tdur is CPU time of the thread, so that other work on the machine does not count. */
  readonly dur?: number;
  readonly tdur?: number;
  readonly args: { readonly name?: string };
}

/** CPU milliseconds of each task of the page's main thread. */
function tasksOf(trace: Buffer): number[] {
  const { traceEvents } = JSON.parse(trace.toString('utf8')) as { traceEvents: TraceEvent[] };
  const main = new Set(
    traceEvents.filter((e) => e.name === 'thread_name' && e.args.name === 'CrRendererMain').map((e) => `${e.pid} ${e.tid}`),
  );
  const tasks = traceEvents.filter((e) => e.name.endsWith('RunTask') && main.has(`${e.pid} ${e.tid}`));
  return tasks.map((e) => (e.tdur ?? e.dur ?? 0) / 1000).sort((x, y) => x - y);
}

const fixture = new PageFixture({ clusters: CLUSTERS, busy: CLUSTERS, failing: ['payments'] });
const server = new PageServer(fixture, 1000);
await server.admin.start();
const browser = await openBrowser();
const rows: Record<string, string | number>[] = [];
for (const path of VIEWS) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  await page.goto(`${server.url}#/${path}`);
  await page.locator('header').getByText('Live', { exact: true }).waitFor();
  await page.waitForTimeout(2500);
  await browser.startTracing(page, { categories: ['toplevel', '__metadata', 'disabled-by-default-devtools.timeline'] });
  await page.evaluate(WATCH);
  await page.waitForTimeout(SECONDS * 1000);
  const frames = (await page.evaluate<number[]>('frames_seen')).sort((x, y) => x - y);
  const tasks = tasksOf(await browser.stopTracing());
  const at = (sorted: readonly number[], share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
  rows.push({
    view: path === '' ? 'overview' : path,
    'frame p50 ms': at(frames, 0.5),
    'frame p99 ms': at(frames, 0.99),
    'frame max ms': at(frames, 1),
    'task p99 CPU ms': at(tasks, 0.99),
    'task max CPU ms': at(tasks, 1),
    'core %': ((tasks.reduce((sum, ms) => sum + ms, 0) / SECONDS / 1000) * 100).toFixed(1),
  });
  await page.close();
}
console.table(rows);
await browser.close();
await server.admin.stop();
