/** `listener_manager.` statistics that workers know: what happens to a listener in one of them, and how many drain. */
import type { Counter, Gauge, StatsScope } from '../stats/scope.ts';

export class ListenerManagerStats {
  /** Counted by every worker, as in Envoy. */
  readonly createSuccess: Counter;
  readonly createFailure: Counter;
  readonly #inPlaceUpdated: Counter;
  readonly #listenersDraining: Gauge;
  readonly #chainsDraining: Gauge;
  /** Listeners as such are counted once, by the first worker. */
  readonly #counts: boolean;

  /** @param root the root scope */
  constructor(root: StatsScope, workerIndex: number) {
    const scope = root.scope('listener_manager');
    this.createSuccess = scope.counter('listener_create_success');
    this.createFailure = scope.counter('listener_create_failure');
    this.#inPlaceUpdated = scope.counter('listener_in_place_updated');
    this.#listenersDraining = scope.gauge('total_listeners_draining');
    this.#chainsDraining = scope.gauge('total_filter_chains_draining');
    this.#counts = workerIndex === 0;
  }

  updatedInPlace(): void {
    if (this.#counts) this.#inPlaceUpdated.inc();
  }

  /** @param whole the listener itself drains, not only chains that an update took from it @param chains that begin, or, below 0, end */
  draining(whole: boolean, chains: number): void {
    if (!this.#counts) return;
    if (whole) this.#listenersDraining.add(Math.sign(chains));
    else this.#chainsDraining.add(chains);
  }
}
