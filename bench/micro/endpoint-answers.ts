/**
 * `node bench/micro/endpoint-answers.ts [CLUSTERS]`: processor time of the control thread for one answer of endpoint discovery, while other clusters
 * wait for theirs. One endpoint of one cluster changes with every answer.
 */
import { ClusterControl } from '../../src/cluster/cluster-control.ts';
import { ClusterRegistry } from '../../src/cluster/registry.ts';
import {
  type ClusterSettings,
  DEFAULT_ASSIGNMENT,
  DEFAULT_CLUSTER,
  DEFAULT_ENDPOINT,
  DEFAULT_LOCALITY,
} from '../../src/cluster/settings.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { RealClock } from '../../src/runtime/real-clock.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { LiveResources } from '../../src/server/live-resources.ts';
import type { Workers } from '../../src/server/workers.ts';
import { PlainStats } from '../../test/support/plain-stats.ts';
import { threadTimeMs } from './thread-time.ts';

const CLUSTERS = Number(process.argv[2] ?? 10_000);
const ENDPOINTS = 10;

function assignment(cluster: number, round: number) {
  const endpoints = Array.from({ length: ENDPOINTS }, (_, n) => ({
    ...DEFAULT_ENDPOINT,
    host: `10.${cluster >> 8}.${cluster & 255}.${n === 0 ? 100 + (round % 100) : n}`,
    port: 80,
  }));
  return { localities: [{ ...DEFAULT_LOCALITY, endpoints }], staleAfterMs: 0, ...DEFAULT_ASSIGNMENT };
}

const clusters = Array.from({ length: CLUSTERS }, (_, n): ClusterSettings => ({ ...DEFAULT_CLUSTER, name: `cluster-${n}`, type: 'EDS' }));
const registry = ClusterRegistry.of(clusters);
let published = 0;
const control = new ClusterControl(registry, {
  clock: new RealClock(() => undefined),
  random: seededRandom(1),
  runtime: new StaticRuntime(),
  slab: SharedSlab.create(1 << 22, 1 << 16),
  rootScope: new PlainStats(),
  newResolver: () => {
    throw new Error('no names here');
  },
  publish: () => published++,
  publishHealth: () => undefined,
});
await control.start();
const workers = { tell: async () => undefined } as unknown as Workers;
const resources = new LiveResources(workers, control, registry, new PlainStats(), silentLogger);

function timed(name: string, times: number, answer: (n: number) => void): void {
  const before = threadTimeMs();
  for (let n = 0; n < times; n++) answer(n);
  console.log(`${name}: ${((threadTimeMs() - before) / times).toFixed(3)} ms an answer`);
}

const first = Math.min(CLUSTERS, Number(process.argv[3] ?? 50));
timed('first endpoints', first, (n) => resources.setEndpoints(`cluster-${n}`, assignment(n, 0)));
timed('one endpoint changed', 50, (n) => resources.setEndpoints('cluster-7', assignment(7, n + 1)));
timed('nothing changed', 50, () => resources.setEndpoints('cluster-7', assignment(7, 50)));
console.log(`${published} updates told to workers`);
