/** Retry budgets over an interval: which requests count, and for how long. */
import { describe, expect, test } from 'vitest';
import { BREAKER_CELLS, CircuitBreaker, DEFAULT_THRESHOLDS } from '../../src/resilience/circuit-breaker.ts';
import { RequestWindow, WINDOW_CELLS } from '../../src/resilience/request-window.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';

const INTERVAL_MS = 3000;

function rig(budgetPercent = 10) {
  const clock = new SimulatedClock();
  const cells = new Int32Array(BREAKER_CELLS + WINDOW_CELLS);
  const settings = { ...DEFAULT_THRESHOLDS, retryBudget: { budgetPercent, minRetryConcurrency: 0, intervalMs: INTERVAL_MS } };
  const breakerOf = () =>
    new CircuitBreaker(
      cells,
      0,
      settings,
      new StaticRuntime(),
      'circuit_breakers.c.default.',
      null,
      new RequestWindow(cells, BREAKER_CELLS, INTERVAL_MS, clock),
    );
  return { clock, breaker: breakerOf(), other: breakerOf() };
}

function send({ requests }: CircuitBreaker, times: number): void {
  for (let n = 0; n < times; n++) {
    requests.tryInc();
    requests.dec();
  }
}

describe('the requests that began within the interval', () => {
  test('count after they have ended', () => {
    const { breaker } = rig();
    send(breaker, 9);
    expect(breaker.retries.max).toBe(0);
    send(breaker, 1);
    expect(breaker.retries.max).toBe(1);
    send(breaker, 32);
    expect(breaker.retries.max).toBe(4);
  });

  test('do so for nine tenths of the interval, and not longer than the whole', () => {
    for (let phase = 0; phase < 300; phase += 50) {
      const { clock, breaker } = rig(100);
      clock.advance(phase);
      send(breaker, 1);
      clock.advance(0.9 * INTERVAL_MS);
      expect(breaker.retries.max).toBe(1);
      clock.advance(0.1 * INTERVAL_MS);
      expect(breaker.retries.max).toBe(0);
    }
  });

  test('are forgotten part by part, and parts of long ago do not come back', () => {
    const { clock, breaker } = rig(100);
    for (let n = 0; n < 10; n++) {
      send(breaker, 1);
      clock.advance(300);
    }
    expect(breaker.retries.max).toBe(9);
    clock.advance(600);
    expect(breaker.retries.max).toBe(7);
    clock.advance(10 * INTERVAL_MS);
    expect(breaker.retries.max).toBe(0);
    send(breaker, 2);
    expect(breaker.retries.max).toBe(2);
  });

  test('are those of all threads, and a refused request is none', () => {
    const { breaker, other } = rig(100);
    send(breaker, 2);
    send(other, 3);
    expect([breaker.retries.max, other.retries.max]).toEqual([5, 5]);
    for (let n = 0; n < 1024; n++) breaker.requests.tryInc();
    expect(breaker.requests.tryInc()).toBe(false);
    expect(breaker.retries.max).toBe(1029);
  });
});
