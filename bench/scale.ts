/** `node bench/scale.ts [--only outrider,envoy --duration 4 --repeat 3]`: cost of a request beside many unused routes, hosts and clusters. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BootstrapOptions } from './bootstrap.ts';
import { defaultGenerator } from './load.ts';
import { measure, medians, type Sample, warmUp } from './measure.ts';
import { PROXY_NAMES, type RunningProxy, startProxy, whyNot } from './proxies.ts';
import { type Bar, median, print, printBars, table } from './table.ts';
import { startUpstream } from './upstream.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'outrider,envoy' },
    duration: { type: 'string', default: '4' },
    repeat: { type: 'string', default: '3' },
  },
});

const SIZES: readonly { readonly name: string; readonly options: Partial<BootstrapOptions> }[] = [
  { name: '1 route', options: {} },
  { name: '10,000 routes', options: { extraRoutes: 10_000 } },
  { name: '10,000 virtual hosts', options: { extraVirtualHosts: 10_000 } },
  { name: '10,000 clusters', options: { extraClusters: 10_000 } },
];
/** "The same" within what two runs of one program differ by. */
const SAME = 1.1;
const HTTP = { tcp: false, accessLog: false };

const directory = mkdtempSync(join(tmpdir(), 'outrider-scale-'));
const upstream = await startUpstream(directory);
const request = { path: '/', bodyBytes: 0 };
const options = { generator: defaultGenerator(), request, seconds: Number(values.duration), directory };
const rows: string[][] = [];
const bars: Bar[] = [];
try {
  for (const name of PROXY_NAMES.filter((n) => values.only.split(',').includes(n))) {
    const reason = whyNot(name, HTTP);
    if (reason === null) await measureSizes(name);
    else print(`skipped ${name}: ${reason}`);
  }
} finally {
  await upstream.process.stop();
  rmSync(directory, { recursive: true, force: true });
}
print(table(['proxy', 'beside', 'µs/request', '× 1 route', 'requests/s', 'MiB'], rows));
printBars(bars);

async function measureSizes(name: (typeof PROXY_NAMES)[number]): Promise<void> {
  const running: RunningProxy[] = [];
  const samples: Sample[][] = SIZES.map(() => []);
  try {
    for (const size of SIZES) {
      const proxy = await startProxy(name, HTTP, upstream.port, directory, size.options);
      running.push(proxy);
      await warmUp(proxy, options);
    }
    for (let round = 0; round < Number(values.repeat); round++) {
      for (const [i, proxy] of running.entries()) samples[i]?.push(await measure(proxy, options));
    }
  } finally {
    for (const proxy of running) await proxy.process.stop();
  }
  const cost = (sample: Sample | undefined): number => (sample === undefined ? Number.NaN : sample.userUs + sample.systemUs);
  for (const [i, size] of SIZES.entries()) {
    const list = samples[i] ?? [];
    const middle = medians(list);
    const ratio = median(list.map((sample, round) => cost(sample) / cost(samples[0]?.[round])));
    rows.push([name, size.name, cost(middle).toFixed(1), ratio.toFixed(2), middle.perSecond.toFixed(0), middle.residentMib.toFixed(0)]);
    if (name === 'outrider' && i > 0)
      bars.push({ what: `CPU per request beside ${size.name}`, value: ratio, atMost: SAME, unit: '× 1 route' });
  }
}
