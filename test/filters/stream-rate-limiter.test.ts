import { describe, expect, test } from 'vitest';
import { StreamRateLimiter } from '../../src/filters/stream-rate-limiter.ts';
import { localBlock } from '../../src/lb/shared-blocks.ts';
import { TokenBucket } from '../../src/resilience/token-bucket.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';

class Direction {
  readonly passed: [at: number, bytes: number][] = [];
  text = '';
  ended = false;
  trailersAt = -1;
  holds = 0;
  readonly clock: SimulatedClock;
  constructor(clock: SimulatedClock) {
    this.clock = clock;
  }
  pass(chunk: Buffer, end: boolean): void {
    if (chunk.length > 0) this.passed.push([this.clock.nowMs(), chunk.length]);
    this.text += chunk.toString('latin1');
    this.ended = end;
  }
  passTrailers(): void {
    this.trailersAt = this.clock.nowMs();
  }
  hold(hold: boolean): void {
    this.holds += hold ? 1 : -1;
  }
}

function setUp(bytesPerSecond: number, maxKept = 1 << 20) {
  const clock = new SimulatedClock();
  const bucket = new TokenBucket({ maxTokens: bytesPerSecond, tokensPerFill: bytesPerSecond, fillIntervalMs: 1000 }, localBlock(), clock);
  const direction = new Direction(clock);
  return { clock, direction, bucket, limiter: new StreamRateLimiter(direction, bucket, true, 50, maxKept, clock) };
}

describe('stream rate limiter', () => {
  test('passes a step at a time from the first byte on, and the end with the last one', () => {
    const { clock, direction, limiter } = setUp(1000);
    limiter.write(Buffer.from('a'.repeat(120)), false);
    limiter.write(Buffer.from('b'.repeat(30)), true);
    expect(direction.passed).toEqual([[0, 50]]);
    clock.advance(50);
    expect(direction.passed).toEqual([
      [0, 50],
      [50, 50],
    ]);
    expect(direction.ended).toBe(false);
    clock.advance(60);
    expect(direction.text).toBe('a'.repeat(120) + 'b'.repeat(30));
    expect(direction.ended).toBe(true);
    expect(clock.armed).toBe(0);
  });

  test('trailers wait for the body, and an empty message for nothing', () => {
    const { clock, direction, limiter } = setUp(1000);
    limiter.write(Buffer.from('x'.repeat(100)), false);
    expect(limiter.end()).toBe(true);
    clock.advance(200);
    expect(direction.trailersAt).toBe(50);
    expect(direction.ended).toBe(false);
    expect(setUp(1000).limiter.end()).toBe(false);
  });

  test('over any time it passes the rate and a second of burst at most', () => {
    const { clock, direction, limiter } = setUp(10_000);
    let sum = 0;
    for (let i = 0; i < 400; i++) {
      limiter.write(Buffer.alloc((i * 37) % 400), false);
      clock.advance(20);
    }
    for (const [at, bytes] of direction.passed) {
      sum += bytes;
      expect(sum).toBeLessThanOrEqual(500 + (at * 10_000) / 1000 + 1);
    }
    expect(sum).toBeGreaterThan(70_000);
  });

  test('holds the sender while it keeps more than it may, and lets go at half', () => {
    const { clock, direction, limiter } = setUp(1000, 200);
    limiter.write(Buffer.alloc(150), false);
    expect(direction.holds).toBe(0);
    limiter.write(Buffer.alloc(150), false);
    expect(direction.holds).toBe(1);
    clock.advance(60);
    expect(limiter.keptBytes).toBe(200);
    expect(direction.holds).toBe(1);
    clock.advance(100);
    expect(limiter.keptBytes).toBe(100);
    expect(direction.holds).toBe(0);
  });

  test('stopped, it passes nothing more', () => {
    const { clock, direction, limiter } = setUp(1000);
    limiter.write(Buffer.alloc(500), true);
    clock.advance(10);
    limiter.stop();
    clock.advance(1000);
    expect(direction.passed.length).toBe(1);
    expect(clock.armed).toBe(0);
  });
});
