/**
 * Circuit breakers: upper bounds on what a cluster may have in flight at one routing priority. The numbers lie in memory that all
 * workers share, and each step is one compare-and-exchange, so a bound is exact over workers.
 */
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { RequestWindow } from './request-window.ts';

export interface RetryBudgetSettings {
  readonly budgetPercent: number;
  readonly minRetryConcurrency: number;
  /** The share is one of the requests that began within that time; 0 = of those in flight. Source: budget_interval. */
  readonly intervalMs: number;
}

/** Bounds of one priority. Source: envoy.config.cluster.v3.CircuitBreakers.Thresholds. */
export interface ThresholdSettings {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  readonly maxConnectionPools: number;
  /** Replaces maxRetries. */
  readonly retryBudget: RetryBudgetSettings | null;
  readonly trackRemaining: boolean;
}

export const UNLIMITED = 4294967295;

export const DEFAULT_THRESHOLDS: ThresholdSettings = Object.freeze({
  maxConnections: 1024,
  maxPendingRequests: 1024,
  maxRequests: 1024,
  maxRetries: 3,
  maxConnectionPools: UNLIMITED,
  retryBudget: null,
  trackRemaining: false,
});

/** Cells of one priority in the slab. */
export const BREAKER_CELLS = 8;
const CONNECTIONS = 0;
const PENDING = 1;
const REQUESTS = 2;
const RETRIES = 3;
const POOLS = 4;

export class Resource {
  readonly #cells: Int32Array;
  readonly #index: number;
  readonly #max: number;
  readonly #runtime: RuntimeSnapshot;
  readonly #runtimeKey: string;
  readonly #ledger: Int32Array | null;

  constructor(cells: Int32Array, index: number, max: number, runtime: RuntimeSnapshot, runtimeKey: string, ledger: Int32Array | null) {
    this.#cells = cells;
    this.#index = index;
    this.#max = max;
    this.#runtime = runtime;
    this.#runtimeKey = runtimeKey;
    this.#ledger = ledger;
  }

  get max(): number {
    return this.#runtime.integer(this.#runtimeKey, this.#max);
  }

  get count(): number {
    return Atomics.load(this.#cells, this.#index);
  }

  /** There is room now. Another worker may take it before `inc`: whoever must not exceed the bound uses `tryInc`. */
  canCreate(): boolean {
    return Atomics.load(this.#cells, this.#index) < this.max;
  }

  /** Takes one unit if there is room. */
  tryInc(): boolean {
    const max = this.max;
    for (;;) {
      const count = Atomics.load(this.#cells, this.#index);
      if (count >= max) return false;
      if (Atomics.compareExchange(this.#cells, this.#index, count, count + 1) === count) {
        if (this.#ledger !== null) this.#ledger[this.#index]! += 1;
        return true;
      }
    }
  }

  /** Takes one unit, whatever the bound says. */
  inc(): void {
    Atomics.add(this.#cells, this.#index, 1);
    if (this.#ledger !== null) this.#ledger[this.#index]! += 1;
  }

  dec(): void {
    Atomics.sub(this.#cells, this.#index, 1);
    if (this.#ledger !== null) this.#ledger[this.#index]! -= 1;
  }

  get remaining(): number {
    return Math.max(0, this.max - this.count);
  }
}

/** Requests in flight, where it is counted how many begin, too. */
class NotedResource extends Resource {
  readonly #window: RequestWindow;

  constructor(
    cells: Int32Array,
    index: number,
    max: number,
    runtime: RuntimeSnapshot,
    key: string,
    ledger: Int32Array | null,
    window: RequestWindow,
  ) {
    super(cells, index, max, runtime, key, ledger);
    this.#window = window;
  }

  override tryInc(): boolean {
    if (!super.tryInc()) return false;
    this.#window.note();
    return true;
  }

  override inc(): void {
    super.inc();
    this.#window.note();
  }
}

/** Retries in flight: bounded by a number, or by a share of the requests in flight, or of those of late. */
export class RetryResource extends Resource {
  readonly #budget: RetryBudgetSettings | null;
  readonly #requests: Resource;
  readonly #pending: Resource;
  readonly #rt: RuntimeSnapshot;
  readonly #percentKey: string;
  readonly #minKey: string;
  readonly #window: RequestWindow | null;

  constructor(
    cells: Int32Array,
    base: number,
    settings: ThresholdSettings,
    runtime: RuntimeSnapshot,
    prefix: string,
    requests: Resource,
    pending: Resource,
    ledger: Int32Array | null,
    window: RequestWindow | null,
  ) {
    super(cells, base + RETRIES, settings.maxRetries, runtime, prefix + 'max_retries', ledger);
    this.#budget = settings.retryBudget;
    this.#requests = requests;
    this.#pending = pending;
    this.#rt = runtime;
    this.#percentKey = prefix + 'retry_budget.budget_percent';
    this.#minKey = prefix + 'retry_budget.min_retry_concurrency';
    this.#window = window;
  }

  override get max(): number {
    if (this.#budget === null && this.#rt.get(this.#percentKey) === undefined && this.#rt.get(this.#minKey) === undefined) return super.max;
    const text = this.#rt.get(this.#percentKey);
    const percent = text === undefined || Number.isNaN(Number(text)) ? (this.#budget?.budgetPercent ?? 20) : Number(text);
    const min = this.#rt.integer(this.#minKey, this.#budget?.minRetryConcurrency ?? 3);
    const requests = this.#window === null ? this.#requests.count + this.#pending.count : this.#window.count;
    return Math.max(Math.floor((percent / 100) * requests), min);
  }

  /** Envoy publishes no remaining retries under a budget. */
  override get remaining(): number {
    return this.#budget === null ? super.remaining : 0;
  }
}

export class CircuitBreaker {
  readonly connections: Resource;
  readonly pendingRequests: Resource;
  readonly requests: Resource;
  readonly retries: Resource;
  readonly connectionPools: Resource;
  readonly trackRemaining: boolean;

  /**
   * @param runtimePrefix "circuit_breakers.<cluster>.<default|high>." @param ledger SharedSlab.ledger when `cells` are the slab's
   * @param window for a retry budget with an interval; null = there is none
   */
  constructor(
    cells: Int32Array,
    base: number,
    settings: ThresholdSettings,
    runtime: RuntimeSnapshot,
    runtimePrefix: string,
    ledger: Int32Array | null = null,
    window: RequestWindow | null = null,
  ) {
    this.connections = new Resource(cells, base + CONNECTIONS, settings.maxConnections, runtime, runtimePrefix + 'max_connections', ledger);
    this.pendingRequests = new Resource(
      cells,
      base + PENDING,
      settings.maxPendingRequests,
      runtime,
      runtimePrefix + 'max_pending_requests',
      ledger,
    );
    const key = runtimePrefix + 'max_requests';
    this.requests =
      window === null
        ? new Resource(cells, base + REQUESTS, settings.maxRequests, runtime, key, ledger)
        : new NotedResource(cells, base + REQUESTS, settings.maxRequests, runtime, key, ledger, window);
    this.retries = new RetryResource(cells, base, settings, runtime, runtimePrefix, this.requests, this.pendingRequests, ledger, window);
    this.connectionPools = new Resource(
      cells,
      base + POOLS,
      settings.maxConnectionPools,
      runtime,
      runtimePrefix + 'max_connection_pools',
      ledger,
    );
    this.trackRemaining = settings.trackRemaining;
  }
}
