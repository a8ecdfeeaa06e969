import { describe, expect, test } from 'vitest';
import { GradientController } from '../../src/filters/http/adaptive-concurrency/gradient-controller.ts';
import { addLatency, HISTOGRAM_CELLS, latencyQuantile } from '../../src/filters/http/adaptive-concurrency/latency-histogram.ts';
import type { GradientControllerSettings } from '../../src/filters/http/adaptive-concurrency/settings.ts';
import { SharedBlocks } from '../../src/lb/shared-blocks.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from '../support/plain-stats.ts';

const SETTINGS: GradientControllerSettings = {
  quantile: 0.5,
  maxLimit: 1000,
  minLimit: 3,
  updateIntervalMs: 100,
  fixedMinRttUs: null,
  minRttIntervalMs: 60_000,
  minRttRequests: 50,
  jitter: 0,
  buffer: 0.25,
};

/** Controllers of as many workers, an upstream that takes `capacity` requests at once and 10 ms for each, and clients that always want more. */
class World {
  readonly clock = new SimulatedClock();
  readonly slab = SharedSlab.create(1 << 20, 16);
  readonly workers: { readonly controller: GradientController; readonly stats: PlainStats }[];
  capacity = 20;
  serviceMs = 10;
  readonly #random = seededRandom(3);
  /** In flight: when it came, when it is done, at which worker. */
  #inFlight: { start: number; wall: number; end: number; worker: number }[] = [];

  constructor(settings: Partial<GradientControllerSettings> = {}, workers = 1) {
    this.workers = Array.from({ length: workers }, () => {
      const stats = new PlainStats();
      const shared = new SharedBlocks(new SharedSlab(this.slab.buffer, this.slab.newLedger()));
      const controller = new GradientController({ ...SETTINGS, ...settings }, this.clock, this.#random, shared.acquire('c'), shared, stats);
      return { controller, stats };
    });
  }

  /** @param offered requests a millisecond @returns the most that were in flight */
  run(ms: number, offered: number): number {
    let most = 0;
    for (let t = 0; t < ms; t++) {
      const now = this.clock.nowMs();
      const done = this.#inFlight.filter(({ end }) => end <= now);
      this.#inFlight = this.#inFlight.filter(({ end }) => end > now);
      for (const { start, wall, worker } of done) this.workers[worker]!.controller.record(wall, now - start);
      for (let i = 0; i < offered; i++) {
        const worker = this.#random.below(this.workers.length);
        if (!this.workers[worker]!.controller.tryForward()) continue;
        // Beyond its capacity the upstream queues: everything takes longer in proportion.
        const load = Math.max(1, (this.#inFlight.length + 1) / this.capacity);
        this.#inFlight.push({ start: now, wall: this.clock.wallMs(), end: now + Math.ceil(this.serviceMs * load), worker });
      }
      most = Math.max(most, this.#inFlight.length);
      this.clock.advance(1);
    }
    return most;
  }

  /** As the process shows it: the sum over the workers. */
  stat(name: string): number {
    return this.workers.reduce((sum, { stats }) => sum + stats.value(`gradient_controller.${name}`), 0);
  }
}

describe('gradient controller', () => {
  test('begins by measuring minRTT with few requests at once', () => {
    const world = new World();
    expect([world.stat('concurrency_limit'), world.stat('min_rtt_calculation_active')]).toEqual([3, 1]);
    expect(world.run(100, 5)).toBe(3);
    expect(world.stat('rq_blocked')).toBeGreaterThan(0);
    world.run(200, 5);
    expect([world.stat('min_rtt_msecs'), world.stat('min_rtt_calculation_active')]).toEqual([10, 0]);
  });

  test('finds the capacity of the upstream, within the head-room that it gives for bursts', () => {
    const world = new World();
    world.run(20_000, 10);
    // At the fixed point gradient × limit + sqrt(gradient × limit) = limit, with a gradient of 1.25 × capacity / limit.
    const expected = 25 + Math.sqrt(25);
    expect(Math.abs(world.stat('concurrency_limit') - expected)).toBeLessThan(5);
  });

  test('follows an upstream that becomes slower', () => {
    const world = new World();
    world.run(10_000, 10);
    const before = world.stat('concurrency_limit');
    world.capacity = 8;
    world.run(10_000, 10);
    expect(world.stat('concurrency_limit')).toBeLessThan(before * 0.65);
  });

  test('never goes beyond the maximum nor below the minimum', () => {
    const world = new World({ maxLimit: 12 });
    world.capacity = 1000;
    world.run(5000, 10);
    expect(world.stat('concurrency_limit')).toBe(12);
    const slow = new World({ fixedMinRttUs: 1000 });
    slow.run(5000, 10);
    expect(slow.stat('concurrency_limit')).toBe(3);
    expect(slow.stat('gradient')).toBe(500);
  });

  test('measures minRTT again when its interval is over', () => {
    const world = new World({ minRttIntervalMs: 2000 });
    world.run(1000, 5);
    world.serviceMs = 20;
    world.run(3500, 5);
    expect(world.stat('min_rtt_msecs')).toBe(20);
  });

  test('measures it again after five windows at the minimum', () => {
    const world = new World({ minRttIntervalMs: 3_600_000 });
    world.run(500, 10);
    expect(world.stat('min_rtt_msecs')).toBe(10);
    world.serviceMs = 400;
    world.run(30_000, 10);
    expect(Math.abs(world.stat('min_rtt_msecs') / 400 - 1)).toBeLessThan(0.032);
  });

  test('comes to rest without requests', () => {
    const world = new World({ minRttIntervalMs: 1000 });
    world.run(1000, 5);
    world.clock.advance(5000);
    expect(world.stat('min_rtt_calculation_active')).toBe(1);
    const limit = world.stat('concurrency_limit');
    world.clock.advance(600_000);
    expect([limit, world.stat('concurrency_limit')]).toEqual([3, 3]);
  });

  test('workers share one limit, and what they show adds up to it', () => {
    const world = new World({}, 4);
    expect(world.run(150, 10)).toBe(3);
    world.run(15_000, 10);
    expect(Math.abs(world.stat('concurrency_limit') - 30)).toBeLessThan(5);
    expect(world.stat('min_rtt_msecs')).toBe(10);
  });
});

describe('latency histogram', () => {
  test.each([0.5, 0.9, 0.99])('quantile %f of latencies over four decades is right within 3 %%', (quantile) => {
    const random = seededRandom(5);
    const cells = new Int32Array(HISTOGRAM_CELLS + 7);
    const all: number[] = [];
    for (let i = 0; i < 20_000; i++) {
      const us = Math.round(10 ** (2 + 4 * (random.nextU32() / 2 ** 32)));
      all.push(us);
      addLatency(cells, 7, us);
    }
    const exact = all.sort((a, b) => a - b)[Math.ceil(all.length * quantile) - 1]!;
    expect(Math.abs(latencyQuantile(cells, 7, all.length, quantile) / exact - 1)).toBeLessThan(0.032);
  });
});
