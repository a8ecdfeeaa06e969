/** `node bench/startup.ts [--only outrider,envoy --repeat 5 --cores all|one]`: from start to ready, and what large configurations cost. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findOutrider } from '../test/support/outrider.ts';
import { findTool } from '../test/support/tool.ts';
import { type BootstrapOptions, bootstrap } from './bootstrap.ts';
import { PROXY_CORE, Process } from './process.ts';
import { freePort, ready } from './proxies.ts';
import { type Bar, median, print, printBars, table } from './table.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'outrider,envoy' },
    repeat: { type: 'string', default: '5' },
    cores: { type: 'string', default: 'all' },
  },
});

interface Size {
  readonly name: string;
  readonly options: Partial<BootstrapOptions>;
  readonly readyBarMs: number;
  readonly addedBarMib: number | null;
}

const SIZES: readonly Size[] = [
  { name: 'one route, one cluster', options: {}, readyBarMs: 400, addedBarMib: null },
  {
    name: '2,000 clusters, 10,000 routes',
    options: { extraClusters: 2000, extraRoutes: 10_000, routesUseExtraClusters: true },
    readyBarMs: 1500,
    addedBarMib: null,
  },
  {
    name: '10,000 clusters of 10 endpoints',
    options: { extraClusters: 10_000, endpointsPerExtraCluster: 10 },
    readyBarMs: 3000,
    addedBarMib: 60,
  },
];

const directory = mkdtempSync(join(tmpdir(), 'outrider-startup-'));
const rows: string[][] = [];
const bars: Bar[] = [];
try {
  for (const name of values.only.split(',')) {
    const binary = name === 'envoy' ? findTool('envoy') : findOutrider();
    if (binary === null) {
      print(`skipped ${name}: not installed`);
      continue;
    }
    let base = Number.NaN;
    for (const size of SIZES) {
      const runs: { ms: number; mib: number }[] = [];
      for (let i = 0; i < Number(values.repeat); i++) runs.push(await startOnce(binary, size.options));
      const ms = median(runs.map((run) => run.ms));
      const mib = median(runs.map((run) => run.mib));
      if (Number.isNaN(base)) base = mib;
      rows.push([name, size.name, ms.toFixed(0), mib.toFixed(0), (mib - base).toFixed(0)]);
      if (name !== 'outrider') continue;
      bars.push({ what: `${size.name}: ready`, value: ms, atMost: size.readyBarMs, unit: 'ms' });
      if (size.addedBarMib !== null)
        bars.push({ what: `${size.name}: memory added`, value: mib - base, atMost: size.addedBarMib, unit: 'MiB' });
    }
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}
print(table(['proxy', 'configuration', 'ready ms', 'MiB', 'added MiB'], rows));
printBars(bars);

async function startOnce(binary: string, options: Partial<BootstrapOptions>): Promise<{ ms: number; mib: number }> {
  const admin = await freePort();
  const file = join(directory, 'bootstrap.json');
  writeFileSync(file, bootstrap({ listener: await freePort(), admin, upstream: 9, ...options }));
  const started = performance.now();
  const proxy = new Process(
    binary,
    ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'],
    values.cores === 'one' ? PROXY_CORE : null,
  );
  try {
    await ready(proxy, admin);
    const ms = performance.now() - started;
    // Threads that only compile the configuration end by themselves; what stays is what counts.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    return { ms, mib: proxy.residentKib() / 1024 };
  } finally {
    await proxy.stop();
  }
}
