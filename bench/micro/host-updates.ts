/**
 * `node bench/micro/host-updates.ts`: how long a change of the hosts of a cluster of 10,000 keeps the control thread and a worker busy, one host
 * replaced, every tenth, and all. The worker is a thread of its own that is told by messages; every turn of its event loop picks a host. Bars: 50
 * ms on the control thread, 5 ms for the longest turn of the worker. All numbers are processor time of the thread, in ms.
 */
import { Worker } from 'node:worker_threads';
import { ClusterControl } from '../../src/cluster/cluster-control.ts';
import { HostTeller } from '../../src/cluster/host-delta.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import {
  type BalancerSettings,
  type ClusterSettings,
  DEFAULT_BALANCER,
  DEFAULT_CLUSTER,
  DEFAULT_ENDPOINT,
  DEFAULT_LOCALITY,
  type LocalitySettings,
} from '../../src/cluster/settings.ts';
import type { ConsistentHashSettings } from '../../src/lb/hash/table.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import type { SubsetSettings } from '../../src/lb/subset/settings.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { RealClock } from '../../src/runtime/real-clock.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { PlainStats } from '../../test/support/plain-stats.ts';
import type { ToBenchWorker, WorkerReport } from './host-updates-worker.ts';
import { threadTimeMs } from './thread-time.ts';

const HOSTS = 10_000;
const ROUNDS = Number(process.argv[2] ?? 20);

const consistent = (table: ConsistentHashSettings['table'], balanceFactor = 0): Partial<BalancerSettings> => ({
  consistentHash: { table, useHostname: false, balanceFactor, byLocality: false },
});
const RING = { kind: 'ring', murmur: false, minSize: 1024, maxSize: 1 << 23 } as const;
const MAGLEV = { kind: 'maglev', tableSize: 65537 } as const;
const SUBSETS: SubsetSettings = {
  fallback: 'NO_FALLBACK',
  defaultSubset: {},
  selectors: [{ keys: ['version'], fallback: 'NOT_DEFINED', fallbackKeys: [], singleHost: false }],
  localityWeightAware: false,
  scaleLocalityWeight: false,
  panicModeAny: false,
  listAsAny: false,
  fallbackList: false,
  allowRedundantKeys: false,
};

interface Case {
  readonly name: string;
  readonly balancer: Partial<BalancerSettings>;
  readonly weighted?: boolean;
  readonly zones?: number;
}

const CASES: readonly Case[] = [
  { name: 'round robin', balancer: {} },
  { name: 'round robin, weighted', balancer: {}, weighted: true },
  { name: 'least request', balancer: { policy: 'LEAST_REQUEST' } },
  { name: 'least request, weighted', balancer: { policy: 'LEAST_REQUEST' }, weighted: true },
  { name: 'random', balancer: { policy: 'RANDOM' } },
  { name: 'ring hash', balancer: { policy: 'RING_HASH', ...consistent(RING) } },
  { name: 'maglev', balancer: { policy: 'MAGLEV', ...consistent(MAGLEV) } },
  { name: 'maglev, bounded load', balancer: { policy: 'MAGLEV', ...consistent(MAGLEV, 150) } },
  { name: 'locality weighted, 10 zones', balancer: { locality: { ...DEFAULT_BALANCER.locality, weighted: true } }, zones: 10 },
  { name: 'subsets, round robin', balancer: { subset: SUBSETS } },
  { name: 'subsets, ring hash', balancer: { subset: SUBSETS, policy: 'RING_HASH', ...consistent(RING) } },
  { name: 'subsets, maglev', balancer: { subset: SUBSETS, policy: 'MAGLEV', ...consistent(MAGLEV) } },
];

const hostText = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;

/** @param numbers of the hosts */
function endpoints(numbers: readonly number[], { weighted = false, zones = 1, balancer }: Case): LocalitySettings[] {
  return Array.from({ length: zones }, (_, zone) => ({
    ...DEFAULT_LOCALITY,
    zone: zones === 1 ? '' : 'zone-' + zone,
    weight: zones === 1 ? 0 : 1 + zone,
    endpoints: numbers
      .filter((n) => n % zones === zone)
      .map((n) => ({
        ...DEFAULT_ENDPOINT,
        host: hostText(n),
        port: 8080,
        weight: weighted ? 1 + (n % 5) : 1,
        metadata: balancer.subset === undefined ? null : { 'envoy.lb': { version: 'v' + (n % 4) } },
      })),
  }));
}

interface Figures {
  readonly control: number[];
  readonly controlTurn: number[];
  readonly turn: number[];
  readonly total: number[];
}

async function run(one: Case, replaced: number): Promise<Figures> {
  const settings: ClusterSettings = {
    ...DEFAULT_CLUSTER,
    ...{ name: 'c', type: 'EDS', updateMergeMs: 0 },
    balancer: { ...DEFAULT_BALANCER, ...one.balancer },
  };
  const registry = ClusterRegistry.of([settings]);
  const slab = SharedSlab.create();
  const worker = new Worker(new URL('host-updates-worker.ts', import.meta.url), {
    workerData: { block: registry.block, slab: slab.buffer, metadataMatch: one.balancer.subset === undefined ? null : { version: 'v1' } },
    // As the proxy starts its workers.
    resourceLimits: { maxYoungGenerationSizeMb: 6 },
  });
  const tell = (message: ToBenchWorker): void => worker.postMessage(message);
  let onReport: (report: WorkerReport) => void = () => undefined;
  const reported = (): Promise<WorkerReport> =>
    new Promise((resolve) => {
      onReport = resolve;
    });
  const teller = new HostTeller();
  const control = new ClusterControl(registry, {
    ...{ clock: new RealClock(() => undefined), random: seededRandom(1), runtime: new StaticRuntime(), slab },
    rootScope: new PlainStats(),
    newResolver: () => ({ resolve: async () => [] }),
    publish: (update) => {
      for (const message of teller.messages(update)) tell({ kind: 'hosts', message });
    },
    publishHealth: () => undefined,
    publishTables: (tables) => tell({ kind: 'tables', tables }),
  });
  worker.on('message', (said: WorkerReport | string) => {
    if (typeof said === 'string') control.wantHashTables('c', registry.catalog.id('c'), said);
    else onReport(said);
  });
  await control.start();
  const figures: Figures = { control: [], controlTurn: [], turn: [], total: [] };
  const numbers = Array.from({ length: HOSTS }, (_, i) => i);
  for (let round = -2; round < ROUNDS; round++) {
    const fresh = Array.from({ length: round === -2 ? 0 : replaced }, (_, i) => HOSTS + (round + 2) * replaced + i);
    // The first of the list go, new ones are added at the end.
    numbers.splice(0, fresh.length);
    numbers.push(...fresh);
    const next = endpoints(numbers, one);
    const report = reported();
    tell({ kind: 'await' });
    const began = threadTimeMs();
    control.setEndpoints('c', next);
    const first = threadTimeMs();
    await control.balancingReady('c');
    const { longestTurn, total } = await report;
    const all = threadTimeMs();
    if (round < 0) continue;
    figures.control.push(all - began);
    figures.controlTurn.push(first - began);
    figures.turn.push(longestTurn);
    figures.total.push(total);
  }
  await worker.terminate();
  return figures;
}

function quantile(list: readonly number[], q: number): string {
  const sorted = list.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * q)]!.toFixed(1).padStart(6);
}

const both = (list: readonly number[]): string => quantile(list, 0.5) + quantile(list, 1);
console.log(`${HOSTS} hosts, ${ROUNDS} changes each: median and worst`);
console.log(`${''.padEnd(30)} replaced | control, all | its first piece | worker's longest turn`);
for (const one of CASES.filter(({ name }) => name.includes(process.argv[3] ?? ''))) {
  for (const replaced of [1, HOSTS / 10, HOSTS]) {
    const { control, controlTurn, turn } = await run(one, replaced);
    console.log(`${one.name.padEnd(30)} ${String(replaced).padStart(8)} | ${both(control)} |   ${both(controlTurn)}  | ${both(turn)}`);
  }
}
