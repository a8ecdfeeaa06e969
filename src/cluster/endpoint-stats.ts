/** `cluster.<name>.endpoint.<address>.`: track_cluster_stats.per_endpoint_stats. Set from shared memory before statistics are shown. */
import { HealthFlag, readHostCounts, readHostPending } from '../lb/host.ts';
import type { SharedSlab } from '../lb/shared-slab.ts';
import type { Counter, Gauge, StatsScope } from '../stats/scope.ts';
import { type HostRecord, type HostUpdate, recordAddress } from './host-update.ts';

const UNHEALTHY = HealthFlag.FailedActiveHc | HealthFlag.FailedOutlierCheck | HealthFlag.FailedEdsHealth;
const DEGRADED = HealthFlag.DegradedActiveHc | HealthFlag.DegradedEdsHealth;

const COUNTERS = ['cxConnectFail', 'cxTotal', 'rqError', 'rqSuccess', 'rqTimeout', 'rqTotal'] as const;

class Endpoint {
  readonly #counters: readonly Counter[];
  readonly #cxActive: Gauge;
  readonly #rqActive: Gauge;
  readonly #rqPending: Gauge;
  readonly #healthy: Gauge;

  constructor(scope: StatsScope) {
    this.#counters = ['cx_connect_fail', 'cx_total', 'rq_error', 'rq_success', 'rq_timeout', 'rq_total'].map((name) => scope.counter(name));
    this.#cxActive = scope.gauge('cx_active');
    this.#rqActive = scope.gauge('rq_active');
    this.#rqPending = scope.gauge('rq_pending_active');
    this.#healthy = scope.gauge('healthy');
  }

  set(record: HostRecord, slab: SharedSlab): void {
    const counts = readHostCounts(slab.cells, record.slot);
    for (const [i, name] of COUNTERS.entries()) {
      const counter = this.#counters[i]!;
      // An address that left and came back counts from zero again.
      counter.add(counts[name] >= counter.value ? counts[name] - counter.value : counts[name]);
    }
    this.#cxActive.set(counts.cxActive);
    this.#rqActive.set(counts.rqActive);
    this.#rqPending.set(readHostPending(slab.cells, record.slot));
    this.#healthy.set(((counts.healthFlags | record.health) & (UNHEALTHY | DEGRADED)) === 0 ? 1 : 0);
  }

  gone(): void {
    for (const gauge of [this.#cxActive, this.#rqActive, this.#rqPending, this.#healthy]) gauge.set(0);
  }
}

export class EndpointStats {
  readonly #scope: StatsScope;
  readonly #slab: SharedSlab;
  readonly #endpoints = new Map<string, Endpoint>();

  /** @param scope `cluster.<name>.` */
  constructor(scope: StatsScope, slab: SharedSlab) {
    this.#scope = scope;
    this.#slab = slab;
  }

  refresh(update: HostUpdate): void {
    const left = new Set(this.#endpoints.keys());
    for (const { hosts } of update.priorities) {
      for (const record of hosts) {
        const address = recordAddress(record).text;
        left.delete(address);
        this.#of(address).set(record, this.#slab);
      }
    }
    for (const address of left) this.#endpoints.get(address)!.gone();
  }

  #of(address: string): Endpoint {
    let endpoint = this.#endpoints.get(address);
    if (endpoint === undefined) {
      endpoint = new Endpoint(this.#scope.tagged('endpoint', 'envoy.endpoint_address', address.replaceAll(':', '_')));
      this.#endpoints.set(address, endpoint);
    }
    return endpoint;
  }
}
