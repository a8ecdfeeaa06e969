/** Update statistics of one subscription (`cluster_manager.cds.`, `listener_manager.lds.`, …). Source: Envoy's subscription stats. */
import type { Clock } from '../runtime/clock.ts';
import type { Counter, Gauge, Histogram, StatsScope, TextReadout } from '../stats/scope.ts';

export class SubscriptionStats {
  readonly #clock: Clock;
  readonly #attempt: Counter;
  readonly #success: Counter;
  readonly #failure: Counter;
  readonly #rejected: Counter;
  readonly #initialTimeout: Counter;
  readonly #time: Gauge;
  readonly #version: Gauge;
  readonly #versionText: TextReadout;
  readonly #duration: Histogram;
  #startedMs = 0;

  constructor(scope: StatsScope, clock: Clock) {
    this.#clock = clock;
    this.#attempt = scope.counter('update_attempt');
    this.#success = scope.counter('update_success');
    this.#failure = scope.counter('update_failure');
    this.#rejected = scope.counter('update_rejected');
    this.#initialTimeout = scope.counter('init_fetch_timeout');
    this.#time = scope.gauge('update_time');
    this.#version = scope.gauge('version');
    this.#versionText = scope.textReadout('version_text');
    this.#duration = scope.histogram('update_duration');
  }

  attempt(): void {
    this.#attempt.inc();
    this.#startedMs = this.#clock.nowMs();
  }

  /** The source could not be read. */
  failed(): void {
    this.#failure.inc();
  }

  /** The start did not wait any longer. */
  initialFetchTimedOut(): void {
    this.#initialTimeout.inc();
  }

  /** Something of it was refused; what was good is in force. */
  rejected(): void {
    this.#rejected.inc();
  }

  accepted(version: string): void {
    this.#success.inc();
    this.#duration.record(this.#clock.nowMs() - this.#startedMs);
    this.#time.set(this.#clock.wallMs());
    this.#versionText.set(version);
    let hash = 0;
    for (let i = 0; i < version.length; i++) hash = (Math.imul(hash, 31) + version.charCodeAt(i)) >>> 0;
    this.#version.set(hash);
  }
}
