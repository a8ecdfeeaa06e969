import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { localBlock, SharedBlocks } from '../../src/lb/shared-blocks.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { TokenBucket } from '../../src/resilience/token-bucket.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';

function bucket(maxTokens: number, tokensPerFill: number, fillIntervalMs: number) {
  const clock = new SimulatedClock();
  return { clock, bucket: new TokenBucket({ maxTokens, tokensPerFill, fillIntervalMs }, localBlock(), clock) };
}

const takeAll = (b: TokenBucket): number => {
  let n = 0;
  while (b.consume(1)) n++;
  return n;
};

describe('token bucket', () => {
  test.each([1, 7, 1000])('is full at first, and holds %i at most', (max) => {
    const { bucket: b, clock } = bucket(max, 1, 100);
    expect(b.remaining).toBe(max);
    expect(takeAll(b)).toBe(max);
    clock.advance(100 * max * 50);
    expect(takeAll(b)).toBe(max);
  });

  test('fills continuously: a token comes when its share of the interval has passed, not before', () => {
    const { bucket: b, clock } = bucket(10, 4, 1000);
    takeAll(b);
    expect(b.nextTokenMs).toBeCloseTo(250);
    clock.advance(249);
    expect(b.consume(1)).toBe(false);
    clock.advance(1);
    expect(b.consume(1)).toBe(true);
    expect(b.consume(1)).toBe(false);
    clock.advance(600);
    expect(takeAll(b)).toBe(2);
  });

  test('what is refused costs nothing; what is taken in part is whole tokens', () => {
    const { bucket: b, clock } = bucket(5, 1, 1000);
    expect(b.consume(6)).toBe(false);
    expect(b.remaining).toBe(5);
    expect(b.take(3)).toBe(3);
    clock.advance(500);
    expect(b.take(100)).toBe(2);
    expect(b.take(100)).toBe(0);
    clock.advance(500);
    expect(b.take(100)).toBe(1);
  });

  test('starts with less if told so, once', () => {
    const { bucket: b } = bucket(1000, 1000, 1000);
    b.startOnce(50);
    expect(b.take(1000)).toBe(50);
    b.startOnce(50);
    expect(b.take(1000)).toBe(0);
  });

  test('over uneven demand never more than the bucket and what filled it, and never much less', () => {
    const { bucket: b, clock } = bucket(20, 7, 300);
    let got = 0;
    for (let i = 0; i < 5_000; i++) {
      clock.advance((i * 7919) % 350);
      for (let n = (i * 31) % 9; n > 0; n--) if (b.consume(1)) got++;
      expect(got).toBeLessThanOrEqual(20 + (clock.nowMs() * 7) / 300 + 1e-6);
    }
    expect(got).toBeGreaterThan(0.9 * (5_000 * 4));
  });
});

test('threads share buckets by their names: together they get exactly what each bucket holds', async () => {
  const slab = SharedSlab.create(1 << 16, 64);
  const workerData = { buffer: slab.buffer, names: ['one', 'two', 'three'], maxTokens: 20_000, rounds: 20_000 };
  const run = () =>
    new Promise<number[]>((resolve, reject) => {
      const worker = new Worker(new URL('./bucket-worker.ts', import.meta.url), { workerData });
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  const got = await Promise.all([run(), run(), run(), run()]);
  for (let n = 0; n < 3; n++) expect(got.reduce((sum, one) => sum + one[n]!, 0)).toBe(20_000);
});

test('a bucket keeps the memory that it shares', async () => {
  const slab = SharedSlab.create(1 << 16, 64);
  const settings = { maxTokens: 5, tokensPerFill: 1, fillIntervalMs: 1000 };
  const bucket = (blocks: SharedBlocks) => new TokenBucket(settings, blocks.acquire('kept'), new SimulatedClock());
  const blocks = new SharedBlocks(slab);
  const first = bucket(blocks);
  expect(first.take(5)).toBe(5);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Blocks that nobody uses are given back after a collection, some turns of the event loop later.
  for (let i = 0; i < 5; i++) {
    collect();
    await setImmediate();
  }
  expect(bucket(new SharedBlocks(new SharedSlab(slab.buffer))).take(5)).toBe(0);
  expect(first.take(1)).toBe(0);
});
