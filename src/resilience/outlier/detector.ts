/**
 * Outlier detection of one cluster, on the control thread: the one place that ejects hosts and brings them back. Workers count into the
 * slab and report rows of failures; rates are judged once an interval. Behaviour: Envoy's DetectorImpl.
 */
import { HealthFlag, HOST_CELLS, HOST_HEALTH_CELL, setHostHealth } from '../../lb/host.ts';
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import { type EventDetail, eventLine } from './event-log.ts';
import { OutlierHost } from './host-record.ts';
import { clearConsecutive, DEGRADED_SEEN, Detection, Origin, readLastBucket, switchBuckets } from './monitor-cells.ts';
import { EjectionType, type OutlierStats } from './outlier-stats.ts';
import type { OutlierSettings } from './settings.ts';
import { NO_RATES, type SuccessRates, successRateThreshold } from './success-rate.ts';

export interface DetectorDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  /** The slab's. A host's monitor follows its own cells. */
  readonly cells: Int32Array;
  readonly stats: OutlierStats;
  /** null = no event log. */
  readonly writeEvent: ((line: string) => void) | null;
  /** Health words have changed. */
  onHealthChanged(): void;
}

const CONSECUTIVE: Readonly<Record<Exclude<Detection, typeof Detection.Degraded>, EjectionType>> = {
  [Detection.Consecutive5xx]: EjectionType.Consecutive5xx,
  [Detection.ConsecutiveGatewayFailure]: EjectionType.ConsecutiveGatewayFailure,
  [Detection.ConsecutiveLocalOriginFailure]: EjectionType.ConsecutiveLocalOriginFailure,
};

const CONSECUTIVE_EVENT: EventDetail = { kind: 'consecutive' };

/** Times by the clock. */
export interface EjectionView {
  readonly sinceMs: number;
  /** The first sweep after this ends it. */
  readonly untilMs: number;
  /** Of how many so far it is the last. */
  readonly count: number;
  readonly type: EjectionType;
}

/** A host with its success rate of the last interval. */
interface Rated {
  readonly host: OutlierHost;
  readonly rate: number;
}

export class OutlierDetector implements TimerTarget {
  readonly #cluster: string;
  readonly #settings: OutlierSettings;
  readonly #deps: DetectorDeps;
  readonly #interval: Timer;
  #hosts: Map<number, OutlierHost>;
  #ejected: number;
  #rates: [SuccessRates, SuccessRates];
  #changed: boolean;

  constructor(cluster: string, settings: OutlierSettings, deps: DetectorDeps) {
    this.#cluster = cluster;
    this.#settings = settings;
    this.#deps = deps;
    this.#interval = new Timer(this, 0);
    this.#hosts = new Map();
    this.#ejected = 0;
    this.#rates = [NO_RATES, NO_RATES];
    this.#changed = false;
    this.#armInterval();
  }

  /** The cluster's hosts are these now. @param hosts slot of the host's cells, and its address */
  setHosts(hosts: Iterable<readonly [slot: number, upstream: string]>): void {
    const before = this.#hosts;
    this.#hosts = new Map();
    for (const [slot, upstream] of hosts) {
      const host = before.get(slot) ?? new OutlierHost(slot, upstream);
      host.upstream = upstream;
      this.#hosts.set(slot, host);
    }
    this.#ejected = 0;
    for (const { slot } of this.#hosts.values()) if (this.#has(slot, HealthFlag.FailedOutlierCheck)) this.#ejected++;
    this.#deps.stats.ejectionsActive.set(this.#ejected);
  }

  /** The cluster is gone, or has other settings. */
  stop(): void {
    this.#deps.clock.disarm(this.#interval);
    this.#deps.stats.ejectionsActive.set(0);
  }

  /** A worker has seen a row of failures, or a response that says `x-envoy-degraded`. */
  onDetection(slot: number, detection: Detection): void {
    const host = this.#hosts.get(slot);
    if (host === undefined) return;
    if (detection === Detection.Degraded) this.#degrade(host);
    else if (!this.#has(slot, HealthFlag.FailedOutlierCheck)) {
      const type = CONSECUTIVE[detection];
      this.#deps.stats.detected(type);
      this.#eject(host, type, CONSECUTIVE_EVENT);
      if (type === EjectionType.Consecutive5xx) this.#deps.stats.ejectionsConsecutive5xx.inc();
    }
    this.#publish();
  }

  /** An active health check of the host has succeeded, and it is healthy by those: it comes back at once, unless settings say otherwise. */
  onHealthCheckPassed(slot: number): void {
    const host = this.#hosts.get(slot);
    if (host === undefined || !this.#settings.successfulActiveHealthCheckUnejectHost) return;
    if (this.#has(slot, HealthFlag.FailedActiveHc) || !this.#has(slot, HealthFlag.FailedOutlierCheck)) return;
    this.#uneject(host);
    this.#publish();
  }

  rates(origin: Origin): SuccessRates {
    return this.#rates[origin];
  }

  /** Percent; -1 = too few requests in the last interval. */
  successRate(slot: number, origin: Origin): number {
    return this.#hosts.get(slot)?.successRates[origin] ?? -1;
  }

  /** null: the host is not ejected. */
  ejection(slot: number): EjectionView | null {
    const host = this.#hosts.get(slot);
    if (host === undefined || host.ejectedFor === null || !this.#has(slot, HealthFlag.FailedOutlierCheck)) return null;
    const { ejectedAtMs, ejections, ejectedFor } = host;
    return {
      sinceMs: ejectedAtMs,
      untilMs: ejectedAtMs + this.#duration(host.backOff) + host.jitterMs,
      count: ejections,
      type: ejectedFor,
    };
  }

  /** The end of an interval. */
  onTimer(): void {
    const now = this.#deps.clock.nowMs();
    for (const host of this.#hosts.values()) {
      if (this.#has(host.slot, HealthFlag.FailedOutlierCheck) && now - host.ejectedAtMs >= this.#duration(host.backOff) + host.jitterMs)
        this.#uneject(host);
      this.#sweepDegraded(host, now);
      switchBuckets(this.#deps.cells, host.slot + HOST_CELLS);
      host.successRates.fill(-1);
    }
    this.#judgeRates(Origin.External);
    this.#judgeRates(Origin.Local);
    const interval = this.#intervalMs();
    for (const host of this.#hosts.values()) {
      if (!this.#has(host.slot, HealthFlag.FailedOutlierCheck) && host.unejectedAtMs >= 0 && now - host.unejectedAtMs >= interval)
        host.backOff = Math.max(0, host.backOff - 1);
      if (!this.#has(host.slot, HealthFlag.DegradedOutlierDetection) && host.undegradedAtMs >= 0 && now - host.undegradedAtMs >= interval)
        host.degradedBackOff = Math.max(0, host.degradedBackOff - 1);
    }
    this.#armInterval();
    this.#publish();
  }

  #judgeRates(origin: Origin): void {
    const s = this.#settings;
    const minimumHosts = this.#integer('success_rate_minimum_hosts', s.successRateMinimumHosts);
    const volume = this.#integer('success_rate_request_volume', s.successRateRequestVolume);
    const failureMinimumHosts = this.#integer('failure_percentage_minimum_hosts', s.failurePercentageMinimumHosts);
    const failureVolume = this.#integer('failure_percentage_request_volume', s.failurePercentageRequestVolume);
    this.#rates[origin] = NO_RATES;
    if (this.#hosts.size < minimumHosts && this.#hosts.size < failureMinimumHosts) return;
    const rated: Rated[] = [];
    const failureRated: Rated[] = [];
    for (const host of this.#hosts.values()) {
      if (this.#has(host.slot, HealthFlag.FailedOutlierCheck)) continue;
      const { total, success } = readLastBucket(this.#deps.cells, host.slot + HOST_CELLS, origin);
      if (total === 0) continue;
      const rate = (success * 100) / total;
      if (total >= Math.min(volume, failureVolume)) host.successRates[origin] = rate;
      if (total >= volume) rated.push({ host, rate });
      if (total >= failureVolume) failureRated.push({ host, rate });
    }
    if (rated.length > 0 && rated.length >= minimumHosts) this.#ejectBySuccessRate(origin, rated);
    if (failureRated.length > 0 && failureRated.length >= failureMinimumHosts) this.#ejectByFailurePercentage(origin, failureRated);
  }

  #ejectBySuccessRate(origin: Origin, rated: readonly Rated[]): void {
    const factor = this.#integer('success_rate_stdev_factor', this.#settings.successRateStdevFactor) / 1000;
    const rates = successRateThreshold(
      rated.map(({ rate }) => rate),
      factor,
    );
    this.#rates[origin] = rates;
    const type = origin === Origin.External ? EjectionType.SuccessRate : EjectionType.SuccessRateLocalOrigin;
    for (const { host, rate } of rated) {
      if (rate >= rates.threshold) continue;
      this.#deps.stats.ejectionsSuccessRate.inc();
      this.#deps.stats.detected(type);
      this.#eject(host, type, { kind: 'success-rate', host: rate, ...rates });
    }
  }

  #ejectByFailurePercentage(origin: Origin, rated: readonly Rated[]): void {
    const threshold = this.#integer('failure_percentage_threshold', this.#settings.failurePercentageThreshold);
    const type = origin === Origin.External ? EjectionType.FailurePercentage : EjectionType.FailurePercentageLocalOrigin;
    for (const { host, rate } of rated) {
      if (100 - rate < threshold) continue;
      this.#deps.stats.detected(type);
      this.#eject(host, type, { kind: 'failure-percentage', host: rate });
    }
  }

  #eject(host: OutlierHost, type: EjectionType, detail: EventDetail): void {
    const { stats, clock } = this.#deps;
    const s = this.#settings;
    const maxPercent = Math.min(100, this.#integer('max_ejection_percent', s.maxEjectionPercent));
    const fits = (100 * (this.#ejected + 1)) / this.#hosts.size <= maxPercent;
    if (!fits && !(s.alwaysEjectOneHost && this.#ejected === 0)) {
      stats.ejectionsOverflow.inc();
      return;
    }
    if (type === EjectionType.Consecutive5xx || type === EjectionType.SuccessRate) stats.ejectionsTotal.inc();
    const enforced = this.#enforces(type);
    // Its success rate has thrown it out in this very sweep: once is enough. (Envoy would count it twice, and never take that back.)
    if (enforced && this.#has(host.slot, HealthFlag.FailedOutlierCheck)) return;
    if (enforced) {
      this.#setEjected(this.#ejected + 1);
      stats.enforced(type);
      setHostHealth(this.#deps.cells, host.slot, HealthFlag.FailedOutlierCheck, true);
      this.#changed = true;
      host.ejections++;
      host.ejectedFor = type;
      host.ejectedAtMs = clock.nowMs();
      host.jitterMs = this.#jitter();
      host.backOff = this.#nextBackOff(host.backOff);
    }
    this.#log(host, type, 'EJECT', enforced, host.unejectedAtMs, detail);
  }

  #uneject(host: OutlierHost): void {
    this.#setEjected(this.#ejected - 1);
    setHostHealth(this.#deps.cells, host.slot, HealthFlag.FailedOutlierCheck, false);
    clearConsecutive(this.#deps.cells, host.slot + HOST_CELLS);
    host.unejectedAtMs = this.#deps.clock.nowMs();
    this.#changed = true;
    this.#log(host, EjectionType.Consecutive5xx, 'UNEJECT', false, host.ejectedAtMs, null);
  }

  /** A degraded host stays in use, after the healthy ones; it is no ejection, and no bound holds for it. */
  #degrade(host: OutlierHost): void {
    if (!setHostHealth(this.#deps.cells, host.slot, HealthFlag.DegradedOutlierDetection, true)) return;
    this.#deps.stats.detected(EjectionType.Degraded);
    host.degradedAtMs = this.#deps.clock.nowMs();
    host.degradedJitterMs = this.#jitter();
    host.degradedBackOff = this.#nextBackOff(host.degradedBackOff);
    this.#changed = true;
    this.#log(host, EjectionType.Degraded, 'EJECT', true, host.unejectedAtMs, CONSECUTIVE_EVENT);
  }

  #sweepDegraded(host: OutlierHost, now: number): void {
    if (!this.#has(host.slot, HealthFlag.DegradedOutlierDetection)) {
      // The worker that saw it may have died before it could say so.
      if (Atomics.load(this.#deps.cells, host.slot + HOST_CELLS + DEGRADED_SEEN) !== 0) this.#degrade(host);
      return;
    }
    if (now - host.degradedAtMs < this.#duration(host.degradedBackOff) + host.degradedJitterMs) return;
    setHostHealth(this.#deps.cells, host.slot, HealthFlag.DegradedOutlierDetection, false);
    Atomics.store(this.#deps.cells, host.slot + HOST_CELLS + DEGRADED_SEEN, 0);
    host.undegradedAtMs = now;
    this.#changed = true;
    this.#log(host, EjectionType.Consecutive5xx, 'UNEJECT', false, host.ejectedAtMs, null);
  }

  #enforces(type: EjectionType): boolean {
    const s = this.#settings;
    switch (type) {
      case EjectionType.Consecutive5xx:
        return this.#draw('enforcing_consecutive_5xx', s.enforcingConsecutive5xx);
      case EjectionType.ConsecutiveGatewayFailure:
        return this.#draw('enforcing_consecutive_gateway_failure', s.enforcingConsecutiveGatewayFailure);
      case EjectionType.ConsecutiveLocalOriginFailure:
        return this.#draw('enforcing_consecutive_local_origin_failure', s.enforcingConsecutiveLocalOriginFailure);
      case EjectionType.SuccessRate:
        return this.#draw('enforcing_success_rate', s.enforcingSuccessRate);
      case EjectionType.SuccessRateLocalOrigin:
        return this.#draw('enforcing_local_origin_success_rate', s.enforcingLocalOriginSuccessRate);
      case EjectionType.FailurePercentage:
        return this.#draw('enforcing_failure_percentage', s.enforcingFailurePercentage);
      case EjectionType.FailurePercentageLocalOrigin:
        return this.#draw('enforcing_failure_percentage_local_origin', s.enforcingFailurePercentageLocalOrigin);
      case EjectionType.Degraded:
        return true;
    }
  }

  #draw(key: string, percent: number): boolean {
    const share = this.#integer(key, percent);
    return share >= 100 || (share > 0 && this.#deps.random.below(100) < share);
  }

  #duration(backOff: number): number {
    return Math.min(this.#baseMs() * backOff, this.#maxMs());
  }

  /** Grows until it makes no difference any more. */
  #nextBackOff(backOff: number): number {
    return backOff * this.#baseMs() < this.#maxMs() + this.#baseMs() ? backOff + 1 : backOff;
  }

  #jitter(): number {
    return this.#deps.random.below(this.#integer('max_ejection_time_jitter_ms', this.#settings.maxEjectionTimeJitterMs) + 1);
  }

  #baseMs(): number {
    return this.#integer('base_ejection_time_ms', this.#settings.baseEjectionTimeMs);
  }

  #maxMs(): number {
    return this.#integer('max_ejection_time_ms', this.#settings.maxEjectionTimeMs);
  }

  #intervalMs(): number {
    return this.#integer('interval_ms', this.#settings.intervalMs);
  }

  #integer(key: string, fallback: number): number {
    return this.#deps.runtime.integer('outlier_detection.' + key, fallback);
  }

  #armInterval(): void {
    // A runtime value of 0 must not keep the thread busy.
    this.#deps.clock.arm(this.#interval, Math.max(1, this.#intervalMs()));
  }

  #has(slot: number, flag: number): boolean {
    return (Atomics.load(this.#deps.cells, slot + HOST_HEALTH_CELL) & flag) !== 0;
  }

  #setEjected(count: number): void {
    this.#ejected = count;
    this.#deps.stats.ejectionsActive.set(count);
  }

  #publish(): void {
    if (!this.#changed) return;
    this.#changed = false;
    this.#deps.onHealthChanged();
  }

  #log(
    host: OutlierHost,
    type: EjectionType,
    action: 'EJECT' | 'UNEJECT',
    enforced: boolean,
    lastActionMs: number,
    detail: EventDetail | null,
  ): void {
    const { writeEvent, clock } = this.#deps;
    if (writeEvent === null) return;
    const msSinceLastAction = lastActionMs < 0 ? -1 : clock.nowMs() - lastActionMs;
    const { upstream, ejections } = host;
    const wallMs = clock.wallMs();
    writeEvent(eventLine({ type, wallMs, msSinceLastAction, cluster: this.#cluster, upstream, action, ejections, enforced, detail }));
  }
}
