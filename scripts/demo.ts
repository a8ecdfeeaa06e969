/** `npm run demo`: drives traffic through the built-in example, which it starts unless it runs already, and prints what the proxy saw. */
import { spawn } from 'node:child_process';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '..');
const SECONDS = Number(process.env['OUTRIDER_DEMO_SECONDS'] ?? 20);
const EDGE = 'http://127.0.0.1:10000';
const ADMIN = 'http://127.0.0.1:9901';
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly ms: number;
}

function call(url: string): Promise<Answer> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        body += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, ms: performance.now() - started }));
    }).on('error', reject);
  });
}

/** Keeps `workers` requests in flight until the time is over. */
async function drive(path: string, workers: number, pauseMs: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  const end = performance.now() + SECONDS * 1000;
  const worker = async (): Promise<void> => {
    while (performance.now() < end) {
      answers.push(await call(EDGE + path));
      await sleep(pauseMs);
    }
  };
  await Promise.all(Array.from({ length: workers }, worker));
  return answers;
}

function percentile(sorted: readonly number[], p: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
  return value === undefined ? '-' : value.toFixed(1);
}

async function isReady(): Promise<boolean> {
  return call(`${ADMIN}/ready`).then(
    ({ status }) => status === 200,
    () => false,
  );
}

/** Columns as wide as their widest cell; the first is text, the others are numbers. */
function printTable(rows: readonly (readonly (string | number)[])[]): void {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const row of rows) {
    console.log('  ' + row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]!) : String(cell).padStart(widths[i]!))).join('   '));
  }
  console.log('');
}

async function stat(name: string): Promise<number> {
  const { body } = await call(`${ADMIN}/stats?filter=^${name.replaceAll('.', '\\.')}$`);
  return Number(body.split(': ')[1] ?? 0);
}

const COUNTERS = {
  'retries of /flaky': 'cluster.flaky.upstream_rq_retry',
  'retries that succeeded': 'cluster.flaky.upstream_rq_retry_success',
  'time-outs of /slow (504)': 'cluster.slow.upstream_rq_timeout',
  'breaker overflow of /slow (503)': 'cluster.slow.upstream_rq_pending_overflow',
} as const;

function counters(): Promise<number[]> {
  return Promise.all(Object.values(COUNTERS).map(stat));
}

const proxy = (await isReady())
  ? null
  : spawn(join(ROOT, 'bin/outrider'), ['--example', '-l', 'warning'], { stdio: ['ignore', 'ignore', 'inherit'] });
try {
  while (!(await isReady())) {
    if (proxy !== null && proxy.exitCode !== null) throw new Error('the example could not be started');
    await sleep(100);
  }
  console.log(`Driving traffic through the example for ${SECONDS} s …\n`);
  const before = await counters();
  const paths = ['/flaky', '/slow', '/reviews'] as const;
  const all = await Promise.all([drive('/flaky', 8, 5), drive('/slow', 12, 50), drive('/reviews', 8, 5)]);
  const after = await counters();

  const rows = paths.map((path, i) => {
    const answers = all[i]!;
    const ms = answers.map((a) => a.ms).sort((a, b) => a - b);
    const good = answers.filter((a) => a.status < 300).length;
    const bad = answers.filter((a) => a.status >= 500).length;
    return [path, answers.length, good, bad, percentile(ms, 0.5), percentile(ms, 0.99)];
  });
  printTable([['path', 'requests', '2xx', '5xx', 'p50 ms', 'p99 ms'], ...rows]);

  const v2 = all[2].filter((a) => a.body.includes('v2')).length;
  printTable([
    ...Object.keys(COUNTERS).map((name, i) => [name, after[i]! - before[i]!]),
    ['share of reviews v2 (weight 10 of 100)', ((100 * v2) / Math.max(1, all[2].length)).toFixed(1) + ' %'],
  ]);
} finally {
  proxy?.kill('SIGTERM');
  agent.destroy();
}
