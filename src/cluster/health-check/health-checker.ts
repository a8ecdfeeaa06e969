/** Active health checking of one cluster: a session a host, the intervals between checks, and the statistics. Runs on the control thread. */
import { HealthFlag } from '../../lb/host.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import type { Counter, Gauge, StatsScope } from '../../stats/scope.ts';
import type { CheckedHost } from './checked-host.ts';
import type { HealthEvents } from './events.ts';
import type { Probe, ProbeListener } from './probe.ts';
import { HealthSession, Transition } from './session.ts';
import type { HealthCheckSettings } from './settings.ts';

export class HealthCheckStats {
  readonly attempt: Counter;
  readonly success: Counter;
  readonly failure: Counter;
  readonly passiveFailure: Counter;
  readonly networkFailure: Counter;
  readonly verifyCluster: Counter;
  readonly healthy: Gauge;
  readonly degraded: Gauge;
  readonly scope: StatsScope;

  /** @param cluster `cluster.<name>.` */
  constructor(cluster: StatsScope) {
    const scope = cluster.scope('health_check');
    this.scope = scope;
    this.attempt = scope.counter('attempt');
    this.success = scope.counter('success');
    this.failure = scope.counter('failure');
    this.passiveFailure = scope.counter('passive_failure');
    this.networkFailure = scope.counter('network_failure');
    this.verifyCluster = scope.counter('verify_cluster');
    this.healthy = scope.gauge('healthy');
    this.degraded = scope.gauge('degraded');
  }
}

export interface HealthCheckerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  readonly stats: HealthCheckStats;
  /** null: nothing is logged. */
  readonly events: HealthEvents | null;
  newProbe(host: CheckedHost, listener: ProbeListener, checker: HealthChecker): Probe;
  /** The cluster has made a connection for traffic. */
  trafficSeen(): boolean;
  /** After every result, and once for a host that left before its first one. @param changed balancing has to look at the host again */
  onResult(host: CheckedHost, changed: boolean, healthy: boolean): void;
}

export class HealthChecker {
  readonly settings: HealthCheckSettings;
  readonly clock: Clock;
  readonly runtime: RuntimeSnapshot;
  readonly stats: HealthCheckStats;
  readonly events: HealthEvents | null;
  readonly #deps: HealthCheckerDeps;
  readonly #sessions = new Map<number, HealthSession>();

  constructor(settings: HealthCheckSettings, deps: HealthCheckerDeps) {
    this.settings = settings;
    this.clock = deps.clock;
    this.runtime = deps.runtime;
    this.stats = deps.stats;
    this.events = deps.events;
    this.#deps = deps;
  }

  /** @param host its flags have been set as a new host's */
  add(host: CheckedHost): void {
    const session = new HealthSession(host, this);
    this.#sessions.set(host.slot, session);
    session.start();
  }

  remove(slot: number): void {
    const session = this.#sessions.get(slot);
    if (session === undefined) return;
    this.#sessions.delete(slot);
    session.close();
    // Whoever waits for the first round waits for this host no more.
    if (session.first) this.#deps.onResult(session.host, false, false);
  }

  get(slot: number): HealthSession | null {
    return this.#sessions.get(slot) ?? null;
  }

  get hosts(): CheckedHost[] {
    return Array.from(this.#sessions.values(), (session) => session.host);
  }

  close(): void {
    for (const session of this.#sessions.values()) session.close();
    this.#sessions.clear();
    this.refreshGauges();
  }

  newProbe(host: CheckedHost, listener: ProbeListener): Probe {
    return this.#deps.newProbe(host, listener, this);
  }

  onResult(host: CheckedHost, transition: Transition, healthy: boolean): void {
    this.#deps.onResult(host, transition === Transition.Changed, healthy);
  }

  /** Time to the next check after a result. */
  interval(healthy: boolean, transition: Transition): number {
    const s = this.settings;
    const pending = transition === Transition.Pending;
    let base: number;
    if (this.#deps.trafficSeen()) {
      if (healthy) base = pending ? s.healthyEdgeIntervalMs : s.intervalMs;
      else base = pending ? s.unhealthyEdgeIntervalMs : s.unhealthyIntervalMs;
    } else base = healthy && !pending ? s.noTrafficHealthyIntervalMs : s.noTrafficIntervalMs;
    return this.jittered(base, s.intervalJitterMs);
  }

  /** @param jitterMs is drawn in whole ms from [0, jitterMs) on top, and so is interval_jitter_percent of `baseMs` */
  jittered(baseMs: number, jitterMs: number): number {
    const percent = Math.floor((this.settings.intervalJitterPercent * baseMs) / 100);
    let ms = baseMs;
    if (percent >= 1) ms += this.#deps.random.below(percent);
    if (jitterMs >= 1) ms += this.#deps.random.below(Math.floor(jitterMs));
    const min = this.runtime.integer('health_check.min_interval', 0);
    const max = this.runtime.integer('health_check.max_interval', Number.MAX_SAFE_INTEGER);
    // Never 0: a check that fails at once would keep the thread busy.
    return Math.max(1, min, Math.min(ms, max));
  }

  /** Before statistics are read. */
  refreshGauges(): void {
    let healthy = 0;
    let degraded = 0;
    for (const { host } of this.#sessions.values()) {
      if (!host.failing) healthy++;
      if (host.has(HealthFlag.DegradedActiveHc)) degraded++;
    }
    this.stats.healthy.set(healthy);
    this.stats.degraded.set(degraded);
  }
}
