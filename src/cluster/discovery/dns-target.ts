/** One name that is resolved again and again: after the refresh rate or the TTL, and after a failure with back-off. */
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { DnsSettings } from '../settings.ts';
import { lookUp } from './lookup.ts';
import type { DnsResolver, ResolvedAddress } from './resolver.ts';

export interface DnsStats {
  attempt(): void;
  /** @param addresses that the answer had */
  success(addresses: number): void;
  failure(): void;
}

export interface DnsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly resolver: DnsResolver;
}

export class DnsTarget implements TimerTarget {
  readonly name: string;
  readonly #settings: DnsSettings;
  readonly #deps: DnsDeps;
  readonly #stats: DnsStats;
  readonly #onAnswer: (addresses: readonly ResolvedAddress[]) => void;
  /** After the first answer or failure. */
  readonly #onFirst: () => void;
  readonly #timer: Timer;
  #failures = 0;
  #answered = false;
  #stopped = false;

  constructor(
    name: string,
    settings: DnsSettings,
    deps: DnsDeps,
    stats: DnsStats,
    onAnswer: (addresses: readonly ResolvedAddress[]) => void,
    onFirst: () => void,
  ) {
    this.name = name;
    this.#settings = settings;
    this.#deps = deps;
    this.#stats = stats;
    this.#onAnswer = onAnswer;
    this.#onFirst = onFirst;
    this.#timer = new Timer(this, 0);
  }

  start(): void {
    this.onTimer();
  }

  stop(): void {
    this.#stopped = true;
    this.#deps.clock.disarm(this.#timer);
  }

  onTimer(): void {
    this.#stats.attempt();
    lookUp(this.#deps.resolver, this.name, this.#settings.lookupFamily).then(
      (addresses) => this.#answer(addresses),
      () => this.#fail(),
    );
  }

  #answer(addresses: readonly ResolvedAddress[]): void {
    if (this.#stopped) return;
    this.#failures = 0;
    this.#stats.success(addresses.length);
    this.#onAnswer(addresses);
    this.#next(this.#successDelay(addresses));
  }

  /** The hosts of the last answer stay. */
  #fail(): void {
    if (this.#stopped) return;
    this.#stats.failure();
    this.#next(this.#failureDelay());
  }

  #next(delayMs: number): void {
    if (!this.#answered) {
      this.#answered = true;
      this.#onFirst();
    }
    if (!this.#stopped) this.#deps.clock.arm(this.#timer, Math.max(1, delayMs));
  }

  #successDelay(addresses: readonly ResolvedAddress[]): number {
    const { refreshMs, respectTtl, minRefreshMs, jitterMs } = this.#settings;
    let delay = refreshMs;
    if (respectTtl && addresses.length > 0) {
      const ttl = addresses.reduce((least, address) => Math.min(least, address.ttlS), Number.POSITIVE_INFINITY);
      // A TTL of 0 would ask without pause.
      if (ttl > 0 && ttl !== Number.POSITIVE_INFINITY) delay = Math.max(ttl * 1000, minRefreshMs);
    }
    return delay + (jitterMs >= 1 ? this.#deps.random.below(Math.floor(jitterMs)) : 0);
  }

  /** Exponential with full jitter between base and max; a fixed interval when dns_failure_refresh_rate is not given (base = max). */
  #failureDelay(): number {
    const { failureRefreshMs: base, failureRefreshMaxMs: max } = this.#settings;
    if (base === max) return base;
    const interval = Math.min(max, base * 2 ** Math.min(this.#failures++, 30));
    return this.#deps.random.below(Math.max(1, Math.floor(interval)));
  }
}
