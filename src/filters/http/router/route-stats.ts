/** Statistics of routes with a stat_prefix (`vhost.<vhost>.route.<prefix>.`) and of virtual clusters (`vhost.<vhost>.vcluster.<name>.`). */
import type { Cluster } from '../../../cluster/api.ts';
import { ResponseCodeStats } from '../../../cluster/cluster-stats.ts';
import { RetryStatus } from '../../../resilience/retry-state.ts';
import type { Counter, Histogram, StatsScope } from '../../../stats/scope.ts';

export class RouteStats {
  readonly upstreamRqTotal: Counter;
  readonly upstreamRqTimeout: Counter;
  readonly upstreamRqRetry: Counter;
  readonly upstreamRqRetrySuccess: Counter;
  readonly upstreamRqRetryOverflow: Counter;
  readonly upstreamRqRetryLimitExceeded: Counter;
  readonly codes: ResponseCodeStats;
  readonly upstreamRqTime: Histogram;

  constructor(scope: StatsScope) {
    this.upstreamRqTotal = scope.counter('upstream_rq_total');
    this.upstreamRqTimeout = scope.counter('upstream_rq_timeout');
    this.upstreamRqRetry = scope.counter('upstream_rq_retry');
    this.upstreamRqRetrySuccess = scope.counter('upstream_rq_retry_success');
    this.upstreamRqRetryOverflow = scope.counter('upstream_rq_retry_overflow');
    this.upstreamRqRetryLimitExceeded = scope.counter('upstream_rq_retry_limit_exceeded');
    this.codes = new ResponseCodeStats(scope);
    this.upstreamRqTime = scope.histogram('upstream_rq_time');
  }

  /** @param retrying the attempt that was judged was a retry itself */
  countRetry(status: RetryStatus, retrying: boolean): void {
    if (status === RetryStatus.Yes) return;
    if (status === RetryStatus.NoOverflow) this.upstreamRqRetryOverflow.inc();
    else if (status === RetryStatus.NoRetryLimitExceeded) this.upstreamRqRetryLimitExceeded.inc();
    else if (retrying) this.upstreamRqRetrySuccess.inc();
  }
}

/** `cluster.<name>.<alternative>.`: what `x-envoy-upstream-alt-stat-name` asks for. */
export class AlternativeStats {
  readonly #codes: ResponseCodeStats;
  readonly #internal: ResponseCodeStats;
  readonly #external: ResponseCodeStats;
  readonly upstreamRqTime: Histogram;

  constructor(scope: StatsScope) {
    this.#codes = new ResponseCodeStats(scope);
    this.#internal = new ResponseCodeStats(scope.scope('internal'));
    this.#external = new ResponseCodeStats(scope.scope('external'));
    this.upstreamRqTime = scope.histogram('upstream_rq_time');
  }

  record(status: number, internal: boolean): void {
    this.#codes.record(status);
    (internal ? this.#internal : this.#external).record(status);
  }
}

/** Made as routes are used: most never ask for statistics of their own. */
export class RouteStatsTable {
  readonly #root: StatsScope;
  readonly #routes = new Map<string, RouteStats>();
  readonly #virtualClusters = new Map<string, RouteStats>();
  readonly #alternatives = new Map<string, AlternativeStats>();

  constructor(root: StatsScope) {
    this.#root = root;
  }

  route(virtualHost: string, prefix: string): RouteStats {
    return this.#find(this.#routes, virtualHost, 'route', 'envoy.route', prefix);
  }

  virtualCluster(virtualHost: string, name: string): RouteStats {
    return this.#find(this.#virtualClusters, virtualHost, 'vcluster', 'envoy.virtual_cluster', name);
  }

  alternative(cluster: Cluster, name: string): AlternativeStats {
    const key = cluster.name + '\n' + name;
    let stats = this.#alternatives.get(key);
    if (stats === undefined) {
      stats = new AlternativeStats(cluster.stats.scope.scope(name));
      this.#alternatives.set(key, stats);
    }
    return stats;
  }

  #find(table: Map<string, RouteStats>, virtualHost: string, segment: string, tag: string, name: string): RouteStats {
    const key = virtualHost + '\n' + name;
    let stats = table.get(key);
    if (stats === undefined) {
      stats = new RouteStats(this.#root.tagged('vhost', 'envoy.virtual_host', virtualHost).tagged(segment, tag, name));
      table.set(key, stats);
    }
    return stats;
  }
}
