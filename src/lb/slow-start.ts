/**
 * Slow start: a host that is new, or has passed its health checks again, begins with a part of its weight and grows into the whole within
 * the window. Source: slow_start_config of ROUND_ROBIN and LEAST_REQUEST.
 */
import type { Clock } from '../runtime/clock.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import { HealthFlag, type Host } from './host.ts';
import type { HostSet } from './host-set.ts';

export interface SlowStartSettings {
  readonly windowMs: number;
  /** 1 = the weight grows evenly; more = it grows faster at first. */
  readonly aggression: number;
  /** Overrides it; ''. */
  readonly aggressionKey: string;
  /** Percent of the weight that a host has at least. */
  readonly minWeightPercent: number;
}

const CHECKS = HealthFlag.FailedActiveHc | HealthFlag.PendingActiveHc;

export class SlowStart {
  readonly #settings: SlowStartSettings;
  readonly #clock: Clock;
  readonly #runtime: RuntimeSnapshot;
  /** Since when each healthy host has been so; null while health checks say otherwise. */
  #since: Map<Host, number | null>;
  /** When the newest of them began. */
  #latestMs: number;

  constructor(settings: SlowStartSettings, clock: Clock, runtime: RuntimeSnapshot) {
    this.#settings = settings;
    this.#clock = clock;
    this.#runtime = runtime;
    this.#since = new Map();
    this.#latestMs = clock.nowMs();
  }

  /** The host sets changed. */
  note(sets: readonly HostSet[]): void {
    const now = this.#clock.nowMs();
    const since = new Map<Host, number | null>();
    for (const set of sets) {
      for (const host of set.hosts) {
        const known = this.#since.get(host);
        if ((host.healthFlags & CHECKS) !== 0) since.set(host, null);
        else if (typeof known === 'number') since.set(host, known);
        else if (!host.unhealthy && !host.degraded) {
          since.set(host, now);
          this.#latestMs = now;
        }
      }
    }
    this.#since = since;
  }

  /** Some host may still be within its window. Envoy also counts the time since the cluster was made. */
  get active(): boolean {
    return this.#clock.nowMs() - this.#latestMs <= this.#settings.windowMs;
  }

  /** What the host's weight is multiplied with now. */
  factor(host: Host): number {
    const since = this.#since.get(host);
    if (since === undefined || since === null || host.unhealthy || host.degraded) return 1;
    const { windowMs, minWeightPercent } = this.#settings;
    const elapsed = Math.floor(this.#clock.nowMs() - since);
    if (elapsed >= windowMs) return 1;
    const share = Math.max(elapsed, 1) / windowMs;
    const aggression = this.#aggression();
    return Math.max(aggression === 1 ? share : share ** (1 / aggression), minWeightPercent / 100);
  }

  #aggression(): number {
    const { aggression, aggressionKey } = this.#settings;
    const text = aggressionKey === '' ? undefined : this.#runtime.get(aggressionKey);
    const value = text === undefined || text === '' ? aggression : Number(text);
    return value > 0 ? value : 1;
  }
}
