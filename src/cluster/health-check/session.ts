/**
 * The state of one host under active health checking. Source: Envoy's HealthCheckerImplBase::ActiveHealthCheckSession: a host begins
 * failed; its first result counts at once if it is good; later ones by the thresholds, but an answer that says "unhealthy" fails at once.
 */
import { HealthFlag } from '../../lb/host.ts';
import { Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { CheckedHost } from './checked-host.ts';
import type { HealthChecker } from './health-checker.ts';
import type { Probe, ProbeListener } from './probe.ts';

export const Transition = { Unchanged: 0, Changed: 1, Pending: 2 } as const;
export type Transition = (typeof Transition)[keyof typeof Transition];

export type FailureType = 'ACTIVE' | 'PASSIVE' | 'NETWORK' | 'NETWORK_TIMEOUT';

const INTERVAL = 0;
const TIMEOUT = 1;

export class HealthSession implements TimerTarget, ProbeListener {
  readonly host: CheckedHost;
  readonly #checker: HealthChecker;
  readonly #probe: Probe;
  readonly #interval: Timer;
  readonly #timeout: Timer;
  #successes = 0;
  #failures = 0;
  #first = true;
  #closed = false;

  constructor(host: CheckedHost, checker: HealthChecker) {
    this.host = host;
    this.#checker = checker;
    this.#interval = new Timer(this, INTERVAL);
    this.#timeout = new Timer(this, TIMEOUT);
    this.#probe = checker.newProbe(host, this);
  }

  /** No result has come yet. */
  get first(): boolean {
    return this.#first;
  }

  start(): void {
    const { initialJitterMs } = this.#checker.settings;
    if (initialJitterMs === 0) this.#check();
    else this.#checker.clock.arm(this.#interval, this.#checker.jittered(0, initialJitterMs));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#checker.clock.disarm(this.#interval);
    this.#checker.clock.disarm(this.#timeout);
    this.#probe.close();
  }

  onTimer(timer: Timer): void {
    if (timer.kind === INTERVAL) {
      this.#check();
      return;
    }
    this.#probe.abort();
    this.#failed('NETWORK_TIMEOUT', false, 0);
  }

  onPassed(degraded: boolean): void {
    if (this.#closed) return;
    this.#failures = 0;
    const { host } = this;
    const checker = this.#checker;
    let transition = this.#clearPending(Transition.Unchanged);
    const failing = host.failing;
    if (failing) {
      if (this.#first || ++this.#successes === checker.settings.healthyThreshold) {
        host.change(0, HealthFlag.FailedActiveHc | HealthFlag.ActiveHcTimeout | HealthFlag.ExcludedViaImmediateHcFail);
        transition = Transition.Changed;
        checker.events?.addHealthy(host, this.#first);
      } else transition = Transition.Pending;
    }
    if (degraded !== host.has(HealthFlag.DegradedActiveHc)) {
      host.change(degraded ? HealthFlag.DegradedActiveHc : 0, degraded ? 0 : HealthFlag.DegradedActiveHc);
      checker.events?.degraded(host, degraded);
      if (transition === Transition.Unchanged) transition = Transition.Changed;
    }
    if (checker.settings.logSuccesses && !failing) checker.events?.success(host);
    checker.stats.success.inc();
    this.#first = false;
    checker.onResult(host, transition, true);
    this.#next(true, transition);
  }

  onFailed(retriable: boolean, exclude: boolean, status: number): void {
    if (this.#closed) return;
    if (exclude) this.host.change(HealthFlag.ExcludedViaImmediateHcFail, 0);
    this.#failed('ACTIVE', retriable, status);
  }

  onNetworkFailure(): void {
    if (!this.#closed) this.#failed('NETWORK', false, 0);
  }

  /** A response of the data path said so: x-envoy-immediate-health-check-fail. */
  failNow(): void {
    this.host.change(HealthFlag.ExcludedViaImmediateHcFail, 0);
    this.#setUnhealthy('PASSIVE', false, 0);
  }

  #check(): void {
    const checker = this.#checker;
    // Before the probe, so that an answer that comes at once finds it armed.
    checker.clock.arm(this.#timeout, checker.settings.timeoutMs);
    checker.stats.attempt.inc();
    this.#probe.start();
  }

  #failed(type: FailureType, retriable: boolean, status: number): void {
    const transition = this.#setUnhealthy(type, retriable, status);
    if (!this.#closed) this.#next(false, transition);
  }

  #setUnhealthy(type: FailureType, retriable: boolean, status: number): Transition {
    const { host } = this;
    const checker = this.#checker;
    const network = type === 'NETWORK' || type === 'NETWORK_TIMEOUT';
    const countsUp = retriable || network;
    this.#successes = 0;
    let transition: Transition = Transition.Unchanged;
    if (!host.failing) {
      if (!countsUp || ++this.#failures === checker.settings.unhealthyThreshold) {
        host.change(HealthFlag.FailedActiveHc, 0);
        transition = Transition.Changed;
        checker.events?.ejected(host, type, status);
      } else transition = Transition.Pending;
    }
    if (host.failing) {
      // How it fails may change while it is failing.
      const timeout = type === 'NETWORK_TIMEOUT';
      host.change(timeout ? HealthFlag.ActiveHcTimeout : 0, timeout ? 0 : HealthFlag.ActiveHcTimeout);
    }
    transition = this.#clearPending(transition);
    if (this.#first || checker.settings.logFailures) checker.events?.failure(host, type, this.#first, status);
    checker.stats.failure.inc();
    if (network) checker.stats.networkFailure.inc();
    else if (type === 'PASSIVE') checker.stats.passiveFailure.inc();
    this.#first = false;
    checker.onResult(host, transition, false);
    return transition;
  }

  #clearPending(transition: Transition): Transition {
    return this.host.change(0, HealthFlag.PendingActiveHc) ? Transition.Changed : transition;
  }

  #next(healthy: boolean, transition: Transition): void {
    if (this.#closed) return;
    const checker = this.#checker;
    checker.clock.disarm(this.#timeout);
    checker.clock.arm(this.#interval, checker.interval(healthy, transition));
  }
}
