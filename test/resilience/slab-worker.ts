/** Takes and gives back units of one shared limit, and reports how many it ever held at once with the others. */
import { parentPort, workerData } from 'node:worker_threads';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { BREAKER_CELLS, CircuitBreaker, DEFAULT_THRESHOLDS } from '../../src/resilience/circuit-breaker.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';

const { buffer, clusterId, max, rounds } = workerData as { buffer: SharedArrayBuffer; clusterId: number; max: number; rounds: number };
const slab = new SharedSlab(buffer);
const base = slab.block(clusterId, BREAKER_CELLS + 2);
const breaker = new CircuitBreaker(slab.cells, base, { ...DEFAULT_THRESHOLDS, maxRequests: max }, new StaticRuntime(), '');
const HELD = base + BREAKER_CELLS;
let granted = 0;
let worst = 0;
// The others may lie still with a unit each for all of our rounds.
for (let i = 0; i < rounds || granted === 0; i++) {
  if (!breaker.requests.tryInc()) continue;
  granted++;
  worst = Math.max(worst, Atomics.add(slab.cells, HELD, 1) + 1);
  Atomics.sub(slab.cells, HELD, 1);
  breaker.requests.dec();
}
parentPort!.postMessage({ base, granted, worst });
