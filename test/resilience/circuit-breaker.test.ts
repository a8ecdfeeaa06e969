import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { HOST_CELLS, Host } from '../../src/lb/host.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import {
  BREAKER_CELLS,
  CircuitBreaker,
  DEFAULT_THRESHOLDS,
  type ThresholdSettings,
  UNLIMITED,
} from '../../src/resilience/circuit-breaker.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';

function breaker(settings: Partial<ThresholdSettings> = {}, runtime: Record<string, string> = {}) {
  const cells = new Int32Array(2 * BREAKER_CELLS);
  return new CircuitBreaker(
    cells,
    BREAKER_CELLS,
    { ...DEFAULT_THRESHOLDS, ...settings },
    new StaticRuntime(new Map(Object.entries(runtime))),
    'circuit_breakers.web.default.',
  );
}

describe('limits', () => {
  test("defaults are Envoy's", () => {
    const b = breaker();
    expect([b.connections.max, b.pendingRequests.max, b.requests.max, b.retries.max, b.connectionPools.max]).toEqual([
      1024,
      1024,
      1024,
      3,
      UNLIMITED,
    ]);
  });

  test('a unit is given while there is room', () => {
    const { requests } = breaker({ maxRequests: 2 });
    expect([requests.tryInc(), requests.tryInc(), requests.tryInc(), requests.canCreate(), requests.remaining]).toEqual([
      true,
      true,
      false,
      false,
      0,
    ]);
    requests.dec();
    expect([requests.canCreate(), requests.count, requests.remaining]).toEqual([true, 1, 1]);
  });

  test('a unit taken by force may exceed the limit', () => {
    const { connections } = breaker({ maxConnections: 0 });
    connections.inc();
    expect([connections.count, connections.remaining, connections.canCreate()]).toEqual([1, 0, false]);
  });

  test('runtime overrides each limit', () => {
    const b = breaker(
      {},
      {
        'circuit_breakers.web.default.max_requests': '1',
        'circuit_breakers.web.default.max_retries': '7',
        'circuit_breakers.other.default.max_connections': '1',
      },
    );
    expect([b.requests.max, b.retries.max, b.connections.max]).toEqual([1, 7, 1024]);
  });
});

describe('retry budget', () => {
  const budget = { budgetPercent: 20, minRetryConcurrency: 3, intervalMs: 0 };

  test('is a share of active and pending requests, and at least the minimum', () => {
    const b = breaker({ retryBudget: budget, maxRetries: 100 });
    expect(b.retries.max).toBe(3);
    for (let i = 0; i < 30; i++) b.requests.inc();
    for (let i = 0; i < 20; i++) b.pendingRequests.inc();
    expect(b.retries.max).toBe(10);
    for (let i = 0; i < 10; i++) expect(b.retries.tryInc()).toBe(true);
    expect(b.retries.canCreate()).toBe(false);
    expect(b.retries.remaining).toBe(0);
  });

  test('from runtime', () => {
    const prefix = 'circuit_breakers.web.default.retry_budget.';
    const b = breaker({ retryBudget: budget }, { [prefix + 'budget_percent']: '50.5', [prefix + 'min_retry_concurrency']: '1' });
    for (let i = 0; i < 10; i++) b.requests.inc();
    expect(b.retries.max).toBe(5);
  });
});

describe('over threads', () => {
  const run = (data: object) =>
    new Promise<{ base: number; granted: number; worst: number }>((resolve, reject) => {
      const worker = new Worker(fileURLToPath(new URL('./slab-worker.ts', import.meta.url)), { workerData: data });
      worker.once('message', resolve);
      worker.once('error', reject);
    });

  test('threads that meet a cluster at once find the same numbers, and never exceed a limit together', async () => {
    const slab = SharedSlab.create(1 << 12, 64);
    const data = { buffer: slab.buffer, clusterId: 5, max: 2, rounds: 200_000 };
    const results = await Promise.all([run(data), run(data), run(data)]);
    expect(new Set(results.map((r) => r.base)).size).toBe(1);
    expect(results[0]!.base).toBe(slab.find(5));
    for (const { worst, granted } of results) {
      expect(worst).toBeLessThanOrEqual(2);
      expect(granted).toBeGreaterThan(0);
    }
    expect(slab.cells[results[0]!.base + 2]).toBe(0);
  });

  test('a full slab and an id beyond the directory are told apart from a block', () => {
    const slab = SharedSlab.create(128, 16);
    expect(slab.find(3)).toBe(-1);
    expect(slab.block(3, 16)).toBeGreaterThan(0);
    expect(slab.block(4, 4096)).toBe(-1);
    expect([slab.block(16, 16), slab.find(-1)]).toEqual([-1, -1]);
    expect(slab.block(3, 16)).toBe(slab.find(3));
  });

  test('what a dead worker had in flight is given back, and nothing else', () => {
    const control = SharedSlab.create(1 << 12, 64);
    const ledgers = [control.newLedger(), control.newLedger()];
    const [dead, alive] = ledgers.map((ledger) => {
      const slab = new SharedSlab(control.buffer, ledger);
      const base = slab.block(1, BREAKER_CELLS + HOST_CELLS);
      const limits = new CircuitBreaker(slab.cells, base, DEFAULT_THRESHOLDS, new StaticRuntime(), '', slab.ledger);
      const address = { kind: 'ip', ip: '10.0.0.1', port: 1, version: 4, path: '', text: '10.0.0.1:1' } as const;
      return { limits, host: new Host(address, '', slab.cells, base + BREAKER_CELLS, slab.ledger) };
    });
    for (const { limits, host } of [dead!, dead!, alive!]) {
      limits.requests.tryInc();
      limits.connections.inc();
      limits.retries.tryInc();
      host.requestStarted();
      host.tryOpenConnection(10);
      host.requestQueued();
    }
    dead!.limits.requests.dec();
    dead!.host.requestEnded();
    control.reclaim(ledgers[0]!);
    expect([alive!.limits.requests.count, alive!.limits.connections.count, alive!.limits.retries.count]).toEqual([1, 1, 1]);
    expect(alive!.host.counts()).toMatchObject({ rqActive: 1, cxActive: 1, rqTotal: 3, cxTotal: 3 });
    control.reclaim(ledgers[0]!);
    expect(alive!.host.rqActive).toBe(1);
  });
});
