/** One upstream address as this worker sees it. Its numbers lie in the shared slab: all workers add to them, the control thread reads them. */
import type { HostMonitor } from './host-monitor.ts';

/** Same shape as net's Address, which this layer does not import. */
export interface HostAddress {
  readonly kind: 'ip' | 'pipe';
  readonly ip: string;
  readonly port: number;
  readonly version: 4 | 6 | 0;
  readonly path: string;
  readonly text: string;
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

export const NO_LOCALITY: Locality = Object.freeze({ region: '', zone: '', subZone: '' });

/** Bits of a host's health word, as Envoy's HealthFlag; the names are those of `/clusters`. */
export const HealthFlag = {
  FailedActiveHc: 1 << 0,
  FailedOutlierCheck: 1 << 1,
  FailedEdsHealth: 1 << 2,
  DegradedActiveHc: 1 << 3,
  DegradedEdsHealth: 1 << 4,
  PendingDynamicRemoval: 1 << 5,
  PendingActiveHc: 1 << 6,
  ExcludedViaImmediateHcFail: 1 << 7,
  ActiveHcTimeout: 1 << 8,
  EdsStatusDraining: 1 << 9,
  DegradedOutlierDetection: 1 << 10,
} as const;

const FLAG_NAMES: readonly string[] = [
  'failed_active_hc',
  'failed_outlier_check',
  'failed_eds_health',
  'degraded_active_hc',
  'degraded_eds_health',
  'pending_dynamic_removal',
  'pending_active_hc',
  'excluded_via_immediate_hc_fail',
  'active_hc_timeout',
  'eds_status_draining',
  'degraded_outlier_detection',
];

/** Any of these: the host is unhealthy. */
export const UNHEALTHY = HealthFlag.FailedActiveHc | HealthFlag.FailedOutlierCheck | HealthFlag.FailedEdsHealth;
/** Any of these, and none of UNHEALTHY: it is degraded. */
export const DEGRADED = HealthFlag.DegradedActiveHc | HealthFlag.DegradedEdsHealth | HealthFlag.DegradedOutlierDetection;
/** Any of these: it is left out when shares of healthy hosts are computed. */
export const EXCLUDED = HealthFlag.PendingActiveHc | HealthFlag.ExcludedViaImmediateHcFail | HealthFlag.EdsStatusDraining;

/** "healthy", or "/failed_active_hc/failed_eds_health" as `/clusters` prints it. */
export function healthFlagsText(flags: number): string {
  let text = '';
  for (let i = 0; i < FLAG_NAMES.length; i++) if (flags & (1 << i)) text += '/' + FLAG_NAMES[i]!;
  return text === '' ? 'healthy' : text;
}

/** Cells of one host in the slab: a cache line. Totals are 64 bits wide, low word first. */
export const HOST_CELLS = 16;
const CX_ACTIVE = 0;
const RQ_ACTIVE = 1;
/** Health word: HealthFlag bits, written by the control thread. */
export const HOST_HEALTH_CELL = 2;
const HEALTH = HOST_HEALTH_CELL;
const RQ_PENDING = 3;
const CX_CONNECT_FAIL = 4;
const CX_TOTAL = 6;
const RQ_ERROR = 8;
const RQ_SUCCESS = 10;
const RQ_TIMEOUT = 12;
const RQ_TOTAL = 14;

function bump(cells: Int32Array, index: number): void {
  // -1 is the low word before it wraps.
  if (Atomics.add(cells, index, 1) === -1) Atomics.add(cells, index + 1, 1);
}

function total(cells: Int32Array, index: number): number {
  return (Atomics.load(cells, index + 1) >>> 0) * 4294967296 + (Atomics.load(cells, index) >>> 0);
}

/**
 * Sets or clears bits of a host's health word. Whoever changes it (health checks, outlier detection; the control thread alone) has
 * workers sort their hosts again afterwards.
 * @param base offset of the host's cells @returns true if the word has changed
 */
export function setHostHealth(cells: Int32Array, base: number, flags: number, on: boolean): boolean {
  const before = on ? Atomics.or(cells, base + HEALTH, flags) : Atomics.and(cells, base + HEALTH, ~flags);
  return on ? (before & flags) !== flags : (before & flags) !== 0;
}

/** Nothing is in flight on these cells. */
export function hostCellsIdle(cells: Int32Array, base: number): boolean {
  return (
    Atomics.load(cells, base + CX_ACTIVE) === 0 &&
    Atomics.load(cells, base + RQ_ACTIVE) === 0 &&
    Atomics.load(cells, base + RQ_PENDING) === 0
  );
}

/** Makes idle cells ready for another host. What counts things in flight is left alone: a worker that lags behind may still be using it. */
export function resetHostCells(cells: Int32Array, base: number): void {
  Atomics.store(cells, base + HEALTH, 0);
  cells.fill(0, base + CX_CONNECT_FAIL, base + HOST_CELLS);
}

/** The numbers of a host as `/clusters` shows them. */
export interface HostCounts {
  readonly cxActive: number;
  readonly cxConnectFail: number;
  readonly cxTotal: number;
  readonly rqActive: number;
  readonly rqError: number;
  readonly rqSuccess: number;
  readonly rqTimeout: number;
  readonly rqTotal: number;
  readonly healthFlags: number;
}

/** @param base offset of the host's cells; negative: nobody has used the host yet */
export function readHostCounts(cells: Int32Array, base: number): HostCounts {
  if (base < 0)
    return { cxActive: 0, cxConnectFail: 0, cxTotal: 0, rqActive: 0, rqError: 0, rqSuccess: 0, rqTimeout: 0, rqTotal: 0, healthFlags: 0 };
  return {
    cxActive: Atomics.load(cells, base + CX_ACTIVE),
    cxConnectFail: total(cells, base + CX_CONNECT_FAIL),
    cxTotal: total(cells, base + CX_TOTAL),
    rqActive: Atomics.load(cells, base + RQ_ACTIVE),
    rqError: total(cells, base + RQ_ERROR),
    rqSuccess: total(cells, base + RQ_SUCCESS),
    rqTimeout: total(cells, base + RQ_TIMEOUT),
    rqTotal: total(cells, base + RQ_TOTAL),
    healthFlags: Atomics.load(cells, base + HEALTH),
  };
}

/** The slab's part of a host's health word. @param base negative: nobody has used the host yet */
export function readHostHealth(cells: Int32Array, base: number): number {
  return base < 0 ? 0 : Atomics.load(cells, base + HEALTH);
}

/** A connection to the host has been made for traffic. */
export function hostHasConnected(cells: Int32Array, base: number): boolean {
  return base >= 0 && Atomics.load(cells, base + CX_TOTAL) !== 0;
}

/** Requests that wait for a connection to the host. */
export function readHostPending(cells: Int32Array, base: number): number {
  return base < 0 ? 0 : Atomics.load(cells, base + RQ_PENDING);
}

/** How one attempt on a host ended: what outlier detection and the host's counters want to know. */
export const HostResult = {
  Success: 0,
  Error: 1,
  Timeout: 2,
  ConnectFailed: 3,
} as const;
export type HostResult = (typeof HostResult)[keyof typeof HostResult];

/** Where a host that says it is failing is reported: x-envoy-immediate-health-check-fail in a response. */
export interface FailureReporter {
  reportFailing(host: Host): void;
}

export class Host {
  /** Where new connections go. Changes only for a logical host (LOGICAL_DNS). */
  address: HostAddress;
  readonly hostname: string;
  metadata: Readonly<Record<string, unknown>> | null;
  locality: Locality;
  /** `load_balancing_weight` of its locality; 0 = none given. */
  localityWeight: number;
  priority: number;
  weight: number;
  /** Health as the endpoint list says it, or'ed with the slab's word. */
  endpointHealth: number;
  /** False once the host has left its cluster; streams in flight still hold it. */
  member: boolean;
  /** null: the host's cluster has no health checks. */
  failureReporter: FailureReporter | null;
  readonly cells: Int32Array;
  readonly base: number;
  /** Outlier detection; null = none, or not for this host. */
  monitor: HostMonitor | null;
  readonly #ledger: Int32Array | null;

  /** @param ledger SharedSlab.ledger when `cells` are the slab's */
  constructor(address: HostAddress, hostname: string, cells: Int32Array, base: number, ledger: Int32Array | null = null) {
    this.address = address;
    this.hostname = hostname;
    this.metadata = null;
    this.locality = NO_LOCALITY;
    this.localityWeight = 0;
    this.priority = 0;
    this.weight = 1;
    this.endpointHealth = 0;
    this.member = true;
    this.failureReporter = null;
    this.cells = cells;
    this.base = base;
    this.monitor = null;
    this.#ledger = ledger;
  }

  /** Requests in flight from all workers. */
  get rqActive(): number {
    return this.cells[this.base + RQ_ACTIVE]!;
  }

  get cxActive(): number {
    return this.cells[this.base + CX_ACTIVE]!;
  }

  get healthFlags(): number {
    return this.endpointHealth | Atomics.load(this.cells, this.base + HEALTH);
  }

  get unhealthy(): boolean {
    return (this.healthFlags & UNHEALTHY) !== 0;
  }

  /** This proxy itself has found it unhealthy, by its checks or by outlier detection, whatever the endpoint list says. */
  get failing(): boolean {
    return (Atomics.load(this.cells, this.base + HEALTH) & UNHEALTHY) !== 0;
  }

  /** Marked degraded, and not unhealthy. */
  get degraded(): boolean {
    const flags = this.healthFlags;
    return (flags & UNHEALTHY) === 0 && (flags & DEGRADED) !== 0;
  }

  /** Left out when shares of healthy hosts are computed. */
  get excluded(): boolean {
    return (this.healthFlags & EXCLUDED) !== 0;
  }

  get canary(): boolean {
    return Host.isCanary(this.metadata);
  }

  /** Endpoint metadata `envoy.lb: {canary: true}`. */
  static isCanary(metadata: Readonly<Record<string, unknown>> | null): boolean {
    const lb = metadata?.['envoy.lb'];
    return typeof lb === 'object' && lb !== null && (lb as Record<string, unknown>)['canary'] === true;
  }

  requestStarted(): void {
    this.#add(RQ_ACTIVE, 1);
    bump(this.cells, this.base + RQ_TOTAL);
  }

  requestEnded(): void {
    this.#add(RQ_ACTIVE, -1);
  }

  requestQueued(): void {
    this.#add(RQ_PENDING, 1);
  }

  requestUnqueued(): void {
    this.#add(RQ_PENDING, -1);
  }

  connectionOpened(): void {
    this.#add(CX_ACTIVE, 1);
    bump(this.cells, this.base + CX_TOTAL);
  }

  /** One more attempt to come to the same connection, at another address. */
  connectionTriedAgain(): void {
    bump(this.cells, this.base + CX_TOTAL);
  }

  connectionClosed(): void {
    this.#add(CX_ACTIVE, -1);
  }

  /** Takes one of `max` connections to this host, over all workers. */
  tryOpenConnection(max: number): boolean {
    for (;;) {
      const active = Atomics.load(this.cells, this.base + CX_ACTIVE);
      if (active >= max) return false;
      if (Atomics.compareExchange(this.cells, this.base + CX_ACTIVE, active, active + 1) === active) {
        if (this.#ledger !== null) this.#ledger[this.base + CX_ACTIVE]! += 1;
        bump(this.cells, this.base + CX_TOTAL);
        return true;
      }
    }
  }

  connectFailed(): void {
    bump(this.cells, this.base + CX_CONNECT_FAIL);
  }

  /** Counts how a request ended: rq_success, rq_error (5xx, reset) or rq_timeout with rq_error. */
  onResult(result: HostResult): void {
    if (result === HostResult.Success) bump(this.cells, this.base + RQ_SUCCESS);
    else if (result === HostResult.Error) bump(this.cells, this.base + RQ_ERROR);
    else if (result === HostResult.Timeout) bump(this.cells, this.base + RQ_TIMEOUT);
  }

  #add(cell: number, change: number): void {
    Atomics.add(this.cells, this.base + cell, change);
    if (this.#ledger !== null) this.#ledger[this.base + cell]! += change;
  }

  counts(): HostCounts {
    return readHostCounts(this.cells, this.base);
  }
}
