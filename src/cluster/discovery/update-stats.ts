/** Statistics of a cluster whose names are looked up. */
import type { Counter, StatsScope } from '../../stats/scope.ts';
import type { ClusterSettings } from '../settings.ts';
import type { DnsStats } from './dns-target.ts';

export class UpdateStats implements DnsStats {
  readonly #attempt: Counter;
  readonly #success: Counter;
  readonly #failure: Counter;
  readonly noRebuild: Counter;
  /** Envoy makes the hosts of an answer anew, and looks up the transport socket of each. */
  readonly #matches: Counter;
  readonly #isLogical: boolean;

  constructor(scope: StatsScope, type: ClusterSettings['type']) {
    this.#matches = scope.counter('default.total_match_count');
    this.#isLogical = type === 'LOGICAL_DNS';
    this.#attempt = scope.counter('update_attempt');
    this.#success = scope.counter('update_success');
    this.#failure = scope.counter('update_failure');
    // Counted for EDS only, as in Envoy.
    scope.counter('update_empty');
    this.noRebuild = scope.counter('update_no_rebuild');
  }

  attempt(): void {
    this.#attempt.inc();
  }
  success(addresses: number): void {
    this.#success.inc();
    this.#matches.add(this.#isLogical ? Math.min(1, addresses) : addresses);
  }
  failure(): void {
    this.#failure.inc();
  }
}
