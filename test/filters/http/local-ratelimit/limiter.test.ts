import { describe, expect, test } from 'vitest';
import { Limiter, ownMemory } from '../../../../src/filters/http/local-ratelimit/limiter.ts';
import type { LocalRateLimitSettings } from '../../../../src/filters/http/local-ratelimit/settings.ts';
import { SharedBlocks } from '../../../../src/lb/shared-blocks.ts';
import { SharedSlab } from '../../../../src/lb/shared-slab.ts';
import { RateLimitDescriptor } from '../../../../src/route/rate-limit/rate-limits.ts';
import type { RateLimitSettings } from '../../../../src/route/rate-limit/settings.ts';
import { SimulatedClock } from '../../../../src/runtime/simulated-clock.ts';

const bucket = (maxTokens: number, fillIntervalMs = 1000, tokensPerFill = 1) => ({ maxTokens, tokensPerFill, fillIntervalMs });

const SETTINGS = {
  bucket: null,
  descriptors: [],
  alwaysConsumeDefault: true,
  maxDynamicDescriptors: 3,
} as unknown as LocalRateLimitSettings;

function user(name: string, hits: number | null = null): RateLimitDescriptor {
  const descriptor = new RateLimitDescriptor({ xRateLimitHeaders: null } as RateLimitSettings);
  descriptor.keys.push('user');
  descriptor.values.push(name);
  descriptor.hits = hits;
  return descriptor;
}

const users = (value: string, tokens: number, intervalMs = 1000) => ({
  entries: [{ key: 'user', value }],
  bucket: bucket(tokens, intervalMs),
  shadow: false,
});

function limiter(settings: Partial<LocalRateLimitSettings>, clock = new SimulatedClock()) {
  return { clock, limiter: new Limiter({ ...SETTINGS, ...settings }, ownMemory, clock) };
}

describe('limiter', () => {
  test('a descriptor is limited by its bucket and by that of all', () => {
    const { limiter: l } = limiter({ bucket: bucket(3), descriptors: [users('amy', 2)] });
    expect([1, 2, 3].map(() => l.allows([user('amy')], 1))).toEqual([true, true, false]);
    // What amy was refused did not cost the others.
    expect([l.allows([], 1), l.allows([], 1)]).toEqual([true, false]);
  });

  test('that of all is left alone where it is for the others only', () => {
    const { limiter: l } = limiter({ bucket: bucket(1), descriptors: [users('amy', 5)], alwaysConsumeDefault: false });
    for (let i = 0; i < 5; i++) expect(l.allows([user('amy')], 1)).toBe(true);
    expect([l.allows([user('bob')], 1), l.allows([], 1)]).toEqual([true, false]);
  });

  test('of several descriptors the slowest is asked first: it does not use up the others', () => {
    const fast = { entries: [{ key: 'user', value: 'fast' }], bucket: bucket(10, 100), shadow: false };
    const { limiter: l } = limiter({ descriptors: [fast, users('slow', 1, 60_000)] });
    expect(l.allows([user('fast'), user('slow')], 1)).toBe(true);
    expect(l.allows([user('fast'), user('slow')], 1)).toBe(false);
    expect(l.bucket?.maxTokens).toBe(1);
    for (let i = 0; i < 9; i++) expect(l.allows([user('fast')], 1)).toBe(true);
    expect(l.allows([user('fast')], 1)).toBe(false);
  });

  test('a share of the limit: each request takes as many tokens as there are proxies', () => {
    const { limiter: l, clock } = limiter({ bucket: bucket(9, 1000) });
    expect([1, 2, 3, 4].map(() => l.allows([], 3))).toEqual([true, true, true, false]);
    clock.advance(3000);
    expect([l.allows([], 3), l.allows([], 3)]).toEqual([true, false]);
  });

  test('hits: many at once, and none', () => {
    const { limiter: l } = limiter({ descriptors: [users('amy', 5)] });
    expect([l.allows([user('amy', 4)], 1), l.allows([user('amy', 2)], 1), l.allows([user('amy', 1)], 1)]).toEqual([true, false, true]);
    expect(l.allows([user('amy', 0)], 1)).toBe(false);
  });

  test('in shadow nothing is refused', () => {
    const { limiter: l } = limiter({ descriptors: [{ ...users('amy', 1), shadow: true }] });
    expect([l.allows([user('amy')], 1), l.allows([user('amy')], 1)]).toEqual([true, true]);
  });
});

describe('wildcards', () => {
  test('each value has its bucket, the least recently used one is given up', () => {
    const { limiter: l } = limiter({ descriptors: [users('', 1, 1e6)] });
    expect(['a', 'b', 'c', 'a', 'b', 'c'].map((name) => l.allows([user(name)], 1))).toEqual([true, true, true, false, false, false]);
    l.allows([user('a')], 1);
    // d takes the place of b, which is new again then, in the place of c.
    expect(['d', 'a', 'b', 'a'].map((name) => l.allows([user(name)], 1))).toEqual([true, false, true, false]);
  });

  test('workers share the buckets of values, whichever of them saw a value first, and however values come and go', () => {
    const slab = SharedSlab.create(1 << 14, 16);
    const clock = new SimulatedClock();
    const workers = [1, 2, 3].map(() => {
      const blocks = new SharedBlocks(new SharedSlab(slab.buffer));
      return new Limiter(
        { ...SETTINGS, descriptors: [users('', 4, 1e9)], maxDynamicDescriptors: 5 },
        (name) => blocks.acquire(name),
        clock,
      );
    });
    const granted = new Map<string, number>();
    for (let i = 0; i < 300; i++) {
      const name = `user ${(i * 7) % 5}`;
      if (workers[i % 3]!.allows([user(name)], 1)) granted.set(name, (granted.get(name) ?? 0) + 1);
    }
    expect([...granted.values()]).toEqual([4, 4, 4, 4, 4]);
    // A sixth value takes a place, and every worker sees that.
    expect(workers[0]!.allows([user('new')], 1)).toBe(true);
    expect(workers[1]!.allows([user('new')], 3)).toBe(true);
    expect(workers[2]!.allows([user('new')], 1)).toBe(false);
  });
});
