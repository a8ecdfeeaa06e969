/** Takes tokens of a bucket that other threads share, and reports how many it got. */
import { parentPort, workerData } from 'node:worker_threads';
import { SharedBlocks } from '../../src/lb/shared-blocks.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { TokenBucket } from '../../src/resilience/token-bucket.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';

const { buffer, names, maxTokens, rounds } = workerData as {
  buffer: SharedArrayBuffer;
  names: readonly string[];
  maxTokens: number;
  rounds: number;
};
const blocks = new SharedBlocks(new SharedSlab(buffer));
const clock = new SimulatedClock();
// Nothing is filled up while time stands still: all threads together get what the bucket holds.
const buckets = names.map((name) => new TokenBucket({ maxTokens, tokensPerFill: 1, fillIntervalMs: 1000 }, blocks.acquire(name), clock));
const got = names.map(() => 0);
for (let i = 0; i < rounds; i++) buckets.forEach((bucket, n) => void (got[n]! += i % 3 === 0 ? bucket.take(2) : Number(bucket.consume(1))));
parentPort!.postMessage(got);
