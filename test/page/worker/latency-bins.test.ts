import { describe, expect, test } from 'vitest';
import { binStart, LATENCY_BINS, Latencies, latencyBin } from '../../../src/page/worker/latency-bins.ts';

describe('bins', () => {
  test('hold what they say, and are never a quarter wide', () => {
    for (let ms = 0.05; ms < 100_000; ms *= 1.013) {
      const bin = latencyBin(ms);
      const units = Math.floor(ms * 16) / 16;
      expect(binStart(bin)).toBeLessThanOrEqual(units);
      expect(binStart(bin + 1)).toBeGreaterThan(units);
      if (ms > 1) expect(binStart(bin + 1) / binStart(bin)).toBeLessThanOrEqual(1.25);
    }
  });

  test.each([-1, 0, 1e9, Number.POSITIVE_INFINITY])('%s has one', (ms) => {
    expect(latencyBin(ms)).toBeGreaterThanOrEqual(0);
    expect(latencyBin(ms)).toBeLessThan(LATENCY_BINS);
  });
});

describe('quantiles', () => {
  test('of nothing are not known', () => {
    expect(new Latencies().quantiles([0.5, 0.99])).toEqual([null, null]);
  });

  test('lie within a bin of the true ones, in whatever pieces the counts came', () => {
    const latencies = new Latencies();
    for (let i = 1000; i > 0; i--) latencies.add(latencyBin(i / 10), 1);
    const [p50, p90, p99] = latencies.quantiles([0.5, 0.9, 0.99]) as [number, number, number];
    expect(p50).toBeGreaterThan(50 / 1.25);
    expect(p50).toBeLessThan(50 * 1.25);
    expect(p90).toBeGreaterThan(90 / 1.25);
    expect(p99).toBeLessThan(99 * 1.25);
    expect(p50).toBeLessThan(p90);
  });

  test('of two together', () => {
    const a = new Latencies();
    a.add(latencyBin(1), 90);
    const b = new Latencies();
    b.add(latencyBin(100), 10);
    a.addAll(b);
    expect(a.total).toBe(100);
    const [p50, p95] = a.quantiles([0.5, 0.95]) as [number, number];
    expect(p50).toBeLessThan(2);
    expect(p95).toBeGreaterThan(90);
    a.clear();
    expect(a.total).toBe(0);
  });
});
