/**
 * `node bench/micro/balancing.ts`: what a pick costs with each policy over 1,000 hosts. Bar: 300 ns a pick of least request.
 */
import { ClusterControl } from '../../src/cluster/cluster-control.ts';
import { WorkerClusterManager } from '../../src/cluster/cluster-manager.ts';
import type { HashTables } from '../../src/cluster/hash-tables.ts';
import type { HostUpdate } from '../../src/cluster/host-update.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import {
  type BalancerSettings,
  type ClusterSettings,
  DEFAULT_BALANCER,
  DEFAULT_CLUSTER,
  DEFAULT_ENDPOINT,
  DEFAULT_LOCALITY,
} from '../../src/cluster/settings.ts';
import type { ConsistentHashSettings } from '../../src/lb/hash/table.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { RealClock } from '../../src/runtime/real-clock.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { xxHash64 } from '../../src/runtime/xxhash64.ts';
import { lbContext } from '../../test/support/cluster-rig.ts';
import { PlainStats } from '../../test/support/plain-stats.ts';

const PICKS = 1_000_000;
const ROUNDS = 5;

const consistent = (table: ConsistentHashSettings['table'], balanceFactor = 0): Partial<BalancerSettings> => ({
  consistentHash: { table, useHostname: false, balanceFactor, byLocality: false },
});
const RING = { kind: 'ring', murmur: false, minSize: 1024, maxSize: 1 << 23 } as const;
const MAGLEV = { kind: 'maglev', tableSize: 65537 } as const;

const POLICIES: readonly (readonly [string, Partial<BalancerSettings>, weighted?: boolean])[] = [
  ['round robin', {}],
  ['round robin, weighted', {}, true],
  ['least request', { policy: 'LEAST_REQUEST' }],
  ['least request, weighted', { policy: 'LEAST_REQUEST' }, true],
  ['least request, full scan', { policy: 'LEAST_REQUEST', fullScan: true }],
  ['random', { policy: 'RANDOM' }],
  ['ring hash', { policy: 'RING_HASH', ...consistent(RING) }],
  ['maglev', { policy: 'MAGLEV', ...consistent(MAGLEV) }],
  ['maglev, bounded load', { policy: 'MAGLEV', ...consistent(MAGLEV, 150) }],
];

const clock = new RealClock(() => undefined);
/** Processor time in ms, so that other work on the machine does not count. */
const now = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

function endpoints(count: number, weighted: boolean) {
  const hosts = Array.from({ length: count }, (_, n) => {
    return { ...DEFAULT_ENDPOINT, host: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, port: 8080, weight: weighted ? 1 + (n % 5) : 1 };
  });
  return [{ ...DEFAULT_LOCALITY, endpoints: hosts }];
}

/** A control thread and a worker in one. */
function rig(balancer: Partial<BalancerSettings>) {
  const settings: ClusterSettings = { ...DEFAULT_CLUSTER, name: 'c', type: 'EDS', balancer: { ...DEFAULT_BALANCER, ...balancer } };
  const registry = ClusterRegistry.of([settings]);
  const slab = SharedSlab.create();
  const base = { clock, random: seededRandom(1), runtime: new StaticRuntime(), slab };
  const worker = new WorkerClusterManager({ ...base, rootScope: new PlainStats() }, registry.block);
  const control = new ClusterControl(registry, {
    ...base,
    rootScope: new PlainStats(),
    newResolver: () => ({ resolve: async () => [] }),
    publish: (update: HostUpdate) => void worker.applyHostUpdate(update),
    publishHealth: () => undefined,
    publishTables: (tables: HashTables) => worker.applyHashTables(tables),
  });
  return { control, worker };
}

const contexts = Array.from({ length: 1024 }, (_, i) => lbContext({ hash: xxHash64('key-' + i) }));

console.log(`a pick over 1,000 hosts, best of ${ROUNDS} times ${PICKS.toLocaleString('en')}`);
for (const [name, balancer, weighted = false] of POLICIES) {
  const { control, worker } = rig(balancer);
  await control.start();
  control.setEndpoints('c', endpoints(1000, weighted));
  await control.balancingReady('c');
  const cluster = worker.get('c')!;
  const picks = balancer.fullScan ? PICKS / 100 : PICKS;
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const since = now();
    for (let i = 0; i < picks; i++) cluster.chooseHost(contexts[i & 1023]!);
    best = Math.min(best, ((now() - since) / picks) * 1e6);
  }
  console.log(`  ${name.padEnd(28)} ${best.toFixed(0).padStart(6)} ns`);
}

process.exit(0);
