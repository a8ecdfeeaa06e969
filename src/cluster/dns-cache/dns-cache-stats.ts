/** `dns_cache.<name>.` statistics. */
import type { Counter, Gauge, StatsScope } from '../../stats/scope.ts';

export class DnsCacheStats {
  readonly queryAttempt: Counter;
  readonly queryFailure: Counter;
  readonly querySuccess: Counter;
  readonly queryTimeout: Counter;
  readonly hostAdded: Counter;
  readonly hostAddressChanged: Counter;
  readonly hostOverflow: Counter;
  readonly hostRemoved: Counter;
  readonly pendingOverflow: Counter;
  readonly numHosts: Gauge;
  readonly pendingOpen: Gauge;
  readonly pendingRemaining: Gauge;

  constructor(root: StatsScope, name: string) {
    const scope = root.scope(`dns_cache.${name}`);
    this.queryAttempt = scope.counter('dns_query_attempt');
    this.queryFailure = scope.counter('dns_query_failure');
    this.querySuccess = scope.counter('dns_query_success');
    this.queryTimeout = scope.counter('dns_query_timeout');
    this.hostAdded = scope.counter('host_added');
    this.hostAddressChanged = scope.counter('host_address_changed');
    this.hostOverflow = scope.counter('host_overflow');
    this.hostRemoved = scope.counter('host_removed');
    this.pendingOverflow = scope.counter('dns_rq_pending_overflow');
    this.numHosts = scope.gauge('num_hosts');
    this.pendingOpen = scope.gauge('circuit_breakers.rq_pending_open');
    this.pendingRemaining = scope.gauge('circuit_breakers.rq_pending_remaining');
    // Envoy shows these from the start too; nothing here ever raises them.
    scope.counter('cache_load');
    scope.counter('dns_address_filter_out');
    // A gauge is shown when it has been set.
    this.numHosts.add(0);
    this.pendingOpen.add(0);
  }
}
