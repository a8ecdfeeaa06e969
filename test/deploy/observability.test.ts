/** deploy/observability: alert rules, and the dashboard's queries asked of a real Prometheus that scrapes a proxy under traffic. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { BusyProxy } from '../envoy/harness/busy-proxy.ts';
import { findOutrider } from '../support/outrider.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/ports.ts';
import { requireTool } from '../support/tool.ts';

const DIRECTORY = fileURLToPath(new URL('../../deploy/observability', import.meta.url));
const promtool = requireTool('promtool');
const prometheus = requireTool('prometheus');

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const dashboard = JSON.parse(readFileSync(join(DIRECTORY, 'dashboard.json'), 'utf8')) as {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: unknown }[] };
};
const alerts = (
  parse(readFileSync(join(DIRECTORY, 'alerts.yaml'), 'utf8')) as { groups: { rules: { alert: string; expr: string }[] }[] }
).groups.flatMap(({ rules }) => rules);

describe.skipIf(promtool === null)('rules', () => {
  test.each([
    ['check', 'rules', 'alerts.yaml'],
    ['test', 'rules', 'alerts.test.yaml'],
    ['check', 'config', 'prometheus.yaml'],
  ])('promtool %s %s %s', (...args) => {
    const { status, stdout, stderr } = spawnSync(promtool!, args, { cwd: DIRECTORY, encoding: 'utf8' });
    expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
  });
});

describe('the dashboard', () => {
  test('panels have numbers of their own and do not overlap', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const cells = new Set<string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x} ${y}`), title).toBe(false);
          cells.add(`${x} ${y}`);
        }
    }
  });

  test('queries use the variables that there are', () => {
    const names = new Set([...dashboard.templating.list.map(({ name }) => name), '__rate_interval']);
    for (const { title, targets } of dashboard.panels)
      for (const { expr } of targets ?? []) for (const [, name] of expr.matchAll(/\$(\w+)/g)) expect([...names], title).toContain(name);
  });
});

describe.skipIf(prometheus === null)('asked of a real Prometheus', () => {
  let busy: BusyProxy;
  let server: ChildProcess;
  let directory: string;
  let port: number;
  let stopped = false;
  let traffic: Promise<void> = Promise.resolve();

  beforeAll(async () => {
    busy = await BusyProxy.start(findOutrider());
    directory = await mkdtemp(join(tmpdir(), 'outrider-prometheus-'));
    port = await freePort();
    const file = join(directory, 'prometheus.yaml');
    await writeFile(
      file,
      `global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [${join(DIRECTORY, 'alerts.yaml')}]
scrape_configs: [{job_name: outrider, metrics_path: /stats/prometheus, static_configs: [{targets: ["127.0.0.1:${busy.adminPort}"]}]}]
`,
    );
    const data = join(directory, 'data');
    server = spawn(prometheus!, [`--config.file=${file}`, `--storage.tsdb.path=${data}`, `--web.listen-address=127.0.0.1:${port}`], {
      stdio: 'ignore',
    });
    traffic = (async () => {
      while (!stopped) await busy.traffic();
    })();
    // A thread's pauses are recorded from the first scrape on, and a rate needs two.
    await until(
      'enough scrapes',
      async () => Number((await query('count_over_time(outrider_thread_event_loop_delay_count[2m])'))[0]?.value) >= 5,
      120_000,
    );
  }, 240_000);

  afterAll(async () => {
    stopped = true;
    await traffic.catch(() => undefined);
    server.kill();
    await new Promise((resolve) => server.once('exit', resolve));
    await busy.stop();
    await rm(directory, { recursive: true, force: true });
  });

  interface Sample {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: string;
  }

  async function query(expr: string): Promise<Sample[]> {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expr }) });
    const { status, data, error } = (await answer.json()) as {
      status: string;
      error?: string;
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    if (status !== 'success') throw new Error(`${expr}: ${error}`);
    return data.result.map(({ metric, value }) => ({ labels: metric, value: value[1] }));
  }

  const filled = (expr: string) => expr.replaceAll('$__rate_interval', '60s').replace(/\$\w+/g, '.*');

  for (const { title, targets } of dashboard.panels.filter(({ type }) => type !== 'row'))
    test(title, async () => {
      expect(targets!.length).toBeGreaterThan(0);
      for (const { expr } of targets!)
        await expect.poll(async () => (await query(filled(expr))).length, { message: expr }).toBeGreaterThan(0);
    });

  test('numbers are those of the traffic', async () => {
    const panel = (title: string) => filled(dashboard.panels.find((p) => p.title === title)!.targets![0]!.expr);
    await expect.poll(async () => Number((await query(panel('Proxies that are live')))[0]?.value)).toBe(1);
    const first = async (title: string) => Number((await query(panel(title)))[0]?.value);
    await expect.poll(() => first('Requests')).toBeGreaterThan(0);
    await expect.poll(() => first('Server errors')).toBeGreaterThan(0.1);
    expect(await first('Server errors')).toBeLessThan(0.9);
    const versions = await query(panel('Versions'));
    expect(versions.map(({ labels }) => labels['envoy_ssl_version'])).toEqual(['TLSv1.3']);
    const threads = await query(panel('CPU by thread'));
    expect(threads.map(({ labels }) => labels['thread']).sort()).toEqual(['control', 'worker_0']);
  });

  test('every metric that an alert looks at is there', async () => {
    for (const { alert, expr } of alerts) {
      // Route configurations of their own are one way among several.
      const names = [...expr.matchAll(/\b(?:envoy|outrider|process)_\w+|\bup\b/g)]
        .map(([name]) => name)
        .filter((name) => !/rds|instance|_(name|prefix|address|class)$|^envoy_cluster_circuit_breakers_$/.test(name));
      for (const name of names)
        await expect.poll(async () => (await query(name)).length, { message: `${alert}: ${name}` }).toBeGreaterThan(0);
    }
  });
});
