/** What a worker makes of the overload manager's configuration. */
import { type ConnectionCount, SharedConnectionCount } from '../../listener/connection-count.ts';
import type { OverloadState } from '../../runtime/overload.ts';
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import type { Counter, StatsScope } from '../../stats/scope.ts';
import type { WorkerOverloadSettings } from '../messages.ts';

export function configureOverload(state: OverloadState, settings: WorkerOverloadSettings, rootScope: StatsScope): void {
  const scope = rootScope.scope('overload');
  state.configure(settings, (point) => scope.counter(`${point}.shed_load_count`));
}

/** The limit on all downstream connections: the overload manager's if it has one, else that of the runtime key. */
export function globalConnections(
  settings: WorkerOverloadSettings | null,
  counts: Int32Array,
  ledger: Int32Array,
  runtime: RuntimeSnapshot,
  rootScope: StatsScope,
): { globalConnectionCount: ConnectionCount; globalConnectionLimit: () => number } {
  const count = new SharedConnectionCount(counts, 0, ledger);
  const monitored = settings?.connections ?? null;
  if (monitored === null) {
    return {
      globalConnectionCount: count,
      globalConnectionLimit: () => runtime.integer('overload.global_downstream_max_connections', Number.POSITIVE_INFINITY),
    };
  }
  const failed = rootScope.scope('overload').counter(`${monitored.monitor}.failed_updates`);
  return { globalConnectionCount: new MonitoredCount(count, failed), globalConnectionLimit: () => monitored.max };
}

/** Counts what it refuses, as Envoy's monitor does. */
class MonitoredCount implements ConnectionCount {
  readonly #count: ConnectionCount;
  readonly #failed: Counter;

  constructor(count: ConnectionCount, failed: Counter) {
    this.#count = count;
    this.#failed = failed;
  }

  tryAcquire(limit: number): boolean {
    if (this.#count.tryAcquire(limit)) return true;
    this.#failed.inc();
    return false;
  }

  release(): void {
    this.#count.release();
  }
}
