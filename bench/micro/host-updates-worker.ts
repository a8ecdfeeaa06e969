/** The worker's side of host-updates.ts: a WorkerClusterManager that is told by messages, and how long the longest turn of its event loop was. */
import { parentPort, workerData } from 'node:worker_threads';
import { WorkerClusterManager } from '../../src/cluster/cluster-manager.ts';
import type { HashTables } from '../../src/cluster/hash-tables.ts';
import type { HostMessage } from '../../src/cluster/host-delta.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { RealClock } from '../../src/runtime/real-clock.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { xxHash64 } from '../../src/runtime/xxhash64.ts';
import { lbContext } from '../../test/support/cluster-rig.ts';
import { PlainStats } from '../../test/support/plain-stats.ts';
import { threadTimeMs } from './thread-time.ts';

export type ToBenchWorker =
  | { readonly kind: 'hosts'; readonly message: HostMessage }
  | { readonly kind: 'tables'; readonly tables: HashTables }
  /** Measures until the cluster has other hosts than now. */
  | { readonly kind: 'await' };

/** Milliseconds of this thread's processor time. */
export interface WorkerReport {
  readonly longestTurn: number;
  readonly total: number;
}

const data = workerData as { block: SharedArrayBuffer; slab: SharedArrayBuffer; metadataMatch: Record<string, unknown> | null };
const manager = new WorkerClusterManager(
  {
    clock: new RealClock(() => undefined),
    random: seededRandom(1),
    runtime: new StaticRuntime(),
    slab: new SharedSlab(data.slab),
    rootScope: new PlainStats(),
    askForHashTables: (_cluster, _id, subset) => parentPort!.postMessage(subset),
  },
  data.block,
);
const cluster = manager.get('c')!;
const contexts = Array.from({ length: 64 }, (_, i) => ({
  ...lbContext({ hash: xxHash64('key-' + i) }),
  metadataMatch: data.metadataMatch,
}));

/** HostUpdate.version of the hosts that were there; -1 = nobody waits. */
let before = -1;
let longest = 0;
let began = threadTimeMs();
let last = began;
let turns = 0;

/** Every turn picks, so that what is left for the first pick after a change counts. */
function turn(): void {
  cluster.chooseHost(contexts[turns++ & 63]!);
  const now = threadTimeMs();
  if (now - last > longest) longest = now - last;
  last = now;
  if (before < 0 || cluster.hostsVersion === before) {
    setImmediate(turn);
    return;
  }
  before = -1;
  // What the change has left to be done.
  for (const context of contexts) cluster.chooseHost(context);
  const end = threadTimeMs();
  parentPort!.postMessage({ longestTurn: Math.max(longest, end - last), total: end - began } satisfies WorkerReport);
}

parentPort!.on('message', (told: ToBenchWorker) => {
  if (told.kind === 'hosts') void manager.applyHostUpdate(told.message);
  else if (told.kind === 'tables') manager.applyHashTables(told.tables);
  else {
    before = cluster.hostsVersion;
    longest = 0;
    began = last = threadTimeMs();
    setImmediate(turn);
  }
});
