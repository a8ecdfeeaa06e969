/**
 * A host's monitor on a worker: counts into cells that all workers share, and reports when a row of failures has become long enough.
 * Which result counts as what: Envoy's DetectorHostMonitorImpl.
 */
import { HealthFlag, HOST_HEALTH_CELL } from '../../lb/host.ts';
import type { HostMonitor } from '../../lb/host-monitor.ts';
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import type { ErrorMatcher } from './error-matcher.ts';
import {
  BUCKET,
  bucketOffset,
  CONSECUTIVE_5XX,
  CONSECUTIVE_GATEWAY,
  CONSECUTIVE_LOCAL,
  DEGRADED_SEEN,
  Detection,
  Origin,
} from './monitor-cells.ts';
import type { OutlierSettings } from './settings.ts';

/** What the monitors of one cluster share on one worker. */
export interface MonitorDeps {
  readonly settings: OutlierSettings;
  readonly errors: ErrorMatcher | null;
  readonly runtime: RuntimeSnapshot;
  /** Tells the control thread. @param slot offset of the host's cells, its identity */
  report(slot: number, detection: Detection): void;
}

export class SlabMonitor implements HostMonitor {
  readonly errors: ErrorMatcher | null;
  readonly detectsDegraded: boolean;
  readonly #deps: MonitorDeps;
  readonly #split: boolean;
  readonly #cells: Int32Array;
  readonly #slot: number;
  readonly #base: number;

  /** @param slot offset of the host's own cells @param base of the monitor's */
  constructor(deps: MonitorDeps, cells: Int32Array, slot: number, base: number) {
    this.errors = deps.errors;
    this.detectsDegraded = deps.settings.detectDegradedHosts;
    this.#deps = deps;
    this.#split = deps.settings.splitExternalLocalOriginErrors;
    this.#cells = cells;
    this.#slot = slot;
    this.#base = base;
  }

  onStatus(status: number): void {
    const failed = status >= 500 && status < 600;
    this.#count(Origin.External, !failed);
    if (!failed) {
      this.#clear(CONSECUTIVE_5XX);
      this.#clear(CONSECUTIVE_GATEWAY);
      return;
    }
    const { settings, runtime } = this.#deps;
    if (status >= 502 && status <= 504) {
      const threshold = runtime.integer('outlier_detection.consecutive_gateway_failure', settings.consecutiveGatewayFailure);
      this.#fail(CONSECUTIVE_GATEWAY, threshold, Detection.ConsecutiveGatewayFailure);
    } else this.#clear(CONSECUTIVE_GATEWAY);
    const threshold = runtime.integer('outlier_detection.consecutive_5xx', settings.consecutive5xx);
    this.#fail(CONSECUTIVE_5XX, threshold, Detection.Consecutive5xx);
  }

  onConnected(): void {
    if (this.#split) this.#localSuccess();
  }

  onConnectedFinally(): void {
    if (this.#split) this.#localSuccess();
    else this.onStatus(200);
  }

  onConnectFailed(): void {
    if (this.#split) this.#localFailure();
    else this.onStatus(503);
  }

  onTimeout(status: number): void {
    if (this.#split) this.#localFailure();
    else this.onStatus(status === 0 ? 504 : status);
  }

  onDegraded(): void {
    if (Atomics.load(this.#cells, this.#base + DEGRADED_SEEN) !== 0) return;
    if (Atomics.compareExchange(this.#cells, this.#base + DEGRADED_SEEN, 0, 1) === 0) this.#deps.report(this.#slot, Detection.Degraded);
  }

  #localSuccess(): void {
    this.#count(Origin.Local, true);
    this.#clear(CONSECUTIVE_LOCAL);
  }

  #localFailure(): void {
    const { settings, runtime } = this.#deps;
    const threshold = runtime.integer('outlier_detection.consecutive_local_origin_failure', settings.consecutiveLocalOriginFailure);
    this.#count(Origin.Local, false);
    this.#fail(CONSECUTIVE_LOCAL, threshold, Detection.ConsecutiveLocalOriginFailure);
  }

  #count(origin: Origin, success: boolean): void {
    const cells = this.#cells;
    const offset = this.#base + bucketOffset(origin, Atomics.load(cells, this.#base + BUCKET));
    Atomics.add(cells, success ? offset + 1 : offset, 1);
  }

  #clear(cell: number): void {
    if (Atomics.load(this.#cells, this.#base + cell) !== 0) Atomics.store(this.#cells, this.#base + cell, 0);
  }

  /** Each row of `threshold` failures is reported once, by whichever worker completes it. */
  #fail(cell: number, threshold: number, detection: Detection): void {
    const index = this.#base + cell;
    let count = Atomics.add(this.#cells, index, 1) + 1;
    if (count !== threshold) return;
    // Failures that other workers have seen since belong to the next row; a success meanwhile has cleared them all.
    for (;;) {
      const before = Atomics.compareExchange(this.#cells, index, count, count - threshold);
      if (before === count || before < threshold) break;
      count = before;
    }
    // Of a host that is out already nobody wants to hear. The counter is cleared when it comes back.
    if ((Atomics.load(this.#cells, this.#slot + HOST_HEALTH_CELL) & HealthFlag.FailedOutlierCheck) === 0)
      this.#deps.report(this.#slot, detection);
  }
}
