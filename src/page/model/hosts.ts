/** One host of a cluster as the page shows it. Its numbers are read from the shared slab. */
import type { HostRecord } from '../../cluster/host-update.ts';
import type { OutlierView } from '../../cluster/outlier-control.ts';
import {
  DEGRADED,
  HOST_HEALTH_CELL,
  Host,
  type HostCounts,
  healthFlagsText,
  readHostCounts,
  readHostPending,
  UNHEALTHY,
} from '../../lb/host.ts';
import { Origin } from '../../resilience/outlier/monitor-cells.ts';
import type { EjectionType } from '../../resilience/outlier/outlier-stats.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { EjectionPart, HostFigures, HostHealth, HostPart } from '../snapshot.ts';
import { Latencies } from '../worker/latency-bins.ts';
import { rate, shareOf } from './rates.ts';

export const QUANTILES = [0.5, 0.9, 0.99];

export class HostNode {
  readonly id: number;
  readonly address: string;
  readonly record: HostRecord;
  readonly priority: number;
  /** Health word as last looked at; -1 = never. */
  health = -1;
  /** Since the last look: requests that began, and those that ended badly. */
  requests = 0;
  failures = 0;
  #totalBefore = -1;
  #failuresBefore = 0;
  #answersBefore = 0;
  #answers = 0;
  #latencies: Latencies | null = null;
  /** Of a host that workers made from traffic, as they told last; null = its numbers are in the slab. */
  own: HostCounts | null = null;

  /** @param fromZero what it has counted before the first look is news, too */
  constructor(id: number, address: string, record: HostRecord, priority: number, fromZero: boolean) {
    if (fromZero) this.#totalBefore = 0;
    this.id = id;
    this.address = address;
    this.record = record;
    this.priority = priority;
  }

  addLatency(bin: number, count: number): void {
    this.#latencies ??= new Latencies();
    this.#latencies.add(bin, count);
  }

  /** @returns true if its health has changed since the last look */
  look(cells: Int32Array): boolean {
    const { slot } = this.record;
    const health = this.own?.healthFlags ?? this.record.health | (slot < 0 ? 0 : Atomics.load(cells, slot + HOST_HEALTH_CELL));
    const changed = health !== this.health && this.health >= 0;
    this.health = health;
    return changed;
  }

  count(cells: Int32Array): void {
    const { rqTotal: begun, rqError, rqTimeout, rqSuccess, cxConnectFail } = this.own ?? readHostCounts(cells, this.record.slot);
    // A try that found no connection has not begun by those counts; one failed connection is taken for one try.
    const rqTotal = begun + cxConnectFail;
    const failures = rqError + rqTimeout + cxConnectFail;
    const answers = failures + rqSuccess;
    const known = this.#totalBefore >= 0 && rqTotal >= this.#totalBefore;
    this.requests = known ? rqTotal - this.#totalBefore : 0;
    this.failures = known ? Math.max(0, failures - this.#failuresBefore) : 0;
    this.#answers = known ? Math.max(0, answers - this.#answersBefore) : 0;
    this.#totalBefore = rqTotal;
    this.#failuresBefore = failures;
    this.#answersBefore = answers;
  }

  forgetLatencies(): void {
    this.#latencies?.clear();
  }

  part(outlier: OutlierView, clock: Clock): HostPart {
    const { record, priority } = this;
    const { region, zone, subZone } = record.locality;
    return {
      id: this.id,
      address: this.address,
      hostname: record.hostname,
      weight: record.weight,
      priority,
      locality: [region, zone, subZone].filter((name) => name !== '').join('/'),
      canary: Host.isCanary(record.metadata),
      health: this.healthPart(outlier, clock),
    };
  }

  figures(cluster: number, seconds: number, cells: Int32Array, outlier: OutlierView, clock: Clock): HostFigures {
    const { slot } = this.record;
    const { rqActive, cxActive } = this.own ?? readHostCounts(cells, slot);
    const [p50, p90, p99] = this.#latencies === null ? NONE : this.#latencies.quantiles(QUANTILES);
    return {
      id: this.id,
      cluster,
      rps: rate(this.requests, seconds),
      errors: shareOf(this.failures, this.#answers),
      p50: p50!,
      p90: p90!,
      p99: p99!,
      active: rqActive,
      pending: readHostPending(cells, slot),
      connections: cxActive,
      health: this.healthPart(outlier, clock),
    };
  }

  healthPart(outlier: OutlierView, clock: Clock): HostHealth {
    const flags = Math.max(0, this.health);
    const rate = outlier.hostRate(this.record.slot, Origin.External);
    const ejection = outlier.ejection(this.record.slot);
    const wallOffset = clock.wallMs() - clock.nowMs();
    const ejected: EjectionPart | null =
      ejection === null
        ? null
        : {
            sinceWallMs: Math.round(ejection.sinceMs + wallOffset),
            untilWallMs: Math.round(ejection.untilMs + wallOffset),
            count: ejection.count,
            reason: ejectionReason(ejection.type),
          };
    return {
      state: (flags & UNHEALTHY) !== 0 ? 'unhealthy' : (flags & DEGRADED) !== 0 ? 'degraded' : 'healthy',
      flags: flags === 0 ? [] : healthFlagsText(flags).slice(1).split('/'),
      ejection: ejected,
      successRate: rate < 0 ? null : Math.round(rate * 10) / 10,
    };
  }
}

const NONE: readonly (number | null)[] = [null, null, null];

/** "consecutive 5xx". */
export function ejectionReason(type: EjectionType): string {
  return type.toLowerCase().replaceAll('_', ' ');
}
