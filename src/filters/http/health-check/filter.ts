/**
 * Answers health checks of this proxy, or lets them through to the service behind it; after `/healthcheck/fail` it says 503 to them, and
 * tells every other client in its response not to come back. Behaviour: Envoy's HealthCheckFilter.
 */
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { buildHeaderMatcher, type HeaderMatcher, matchesAll } from '../../../http/header-matcher.ts';
import { Flag } from '../../../http/response-flags.ts';
import type { SharedBlock } from '../../../lb/shared-blocks.ts';
import type { Counter, StatsScope } from '../../../stats/scope.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import type { HealthCheckFilterSettings } from './settings.ts';

// Cells of the answer that all workers share.
/** Period of time in which the answer was given, plus one; 0 = there is none. */
const PERIOD = 0;
const STATUS = 1;
const DEGRADED = 2;

class HealthCheckStats {
  readonly requestTotal: Counter;
  readonly ok: Counter;
  readonly failed: Counter;
  readonly cachedResponse: Counter;
  readonly degraded: Counter;
  readonly clusterNotFound: Counter;
  readonly clusterEmpty: Counter;
  readonly clusterUnhealthy: Counter;
  /** Envoy counts checks among the reasons not to trace a request. */
  readonly notTraced: Counter;

  /** @param http `http.<stat_prefix>.` */
  constructor(http: StatsScope) {
    const scope = http.scope('health_check');
    this.requestTotal = scope.counter('request_total');
    this.ok = scope.counter('ok');
    this.failed = scope.counter('failed');
    this.cachedResponse = scope.counter('cached_response');
    this.degraded = scope.counter('degraded');
    this.clusterNotFound = scope.counter('failed_cluster_not_found');
    this.clusterEmpty = scope.counter('failed_cluster_empty');
    this.clusterUnhealthy = scope.counter('failed_cluster_unhealthy');
    this.notTraced = http.counter('tracing.health_check');
  }
}

class HealthCheckFactory implements HttpFilterFactory {
  readonly settings: HealthCheckFilterSettings;
  readonly deps: FilterDeps;
  readonly matchers: readonly HeaderMatcher[];
  readonly stats: HealthCheckStats;
  readonly #cache: SharedBlock | null;

  constructor(settings: HealthCheckFilterSettings, deps: FilterDeps) {
    this.settings = settings;
    this.deps = deps;
    this.matchers = settings.headers.map(buildHeaderMatcher);
    this.stats = new HealthCheckStats(deps.scope);
    this.#cache = settings.passThrough && settings.cacheMs > 0 ? deps.shared.acquire(`${settings.place} health check answer`) : null;
  }

  newFilter(): HttpFilter {
    return new HealthCheckFilter(this);
  }

  get failed(): boolean {
    return this.deps.serverHealth?.checksFailed ?? false;
  }

  get cached(): boolean {
    return this.#cache !== null && Atomics.load(this.#cache.cells, this.#cache.base + PERIOD) === this.#period();
  }

  get cachedStatus(): number {
    return Atomics.load(this.#cache!.cells, this.#cache!.base + STATUS);
  }

  get cachedDegraded(): boolean {
    return Atomics.load(this.#cache!.cells, this.#cache!.base + DEGRADED) !== 0;
  }

  keep(status: number, degraded: boolean): void {
    const cache = this.#cache;
    if (cache === null) return;
    Atomics.store(cache.cells, cache.base + STATUS, status);
    Atomics.store(cache.cells, cache.base + DEGRADED, degraded ? 1 : 0);
    Atomics.store(cache.cells, cache.base + PERIOD, this.#period());
  }

  /** As in Envoy an answer lasts until the end of a period, however late in it it came. */
  #period(): number {
    return (Math.floor(this.deps.clock.wallMs() / this.settings.cacheMs) % 0x7fffffff) + 1;
  }
}

class HealthCheckFilter extends PassThroughFilter {
  readonly #factory: HealthCheckFactory;
  #isCheck: boolean;
  /** The filter itself answers. */
  #answering: boolean;

  constructor(factory: HealthCheckFactory) {
    super();
    this.#factory = factory;
    this.#isCheck = false;
    this.#answering = false;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders, end: boolean): Status {
    const factory = this.#factory;
    if (!matchesAll(factory.matchers, headers)) return Status.Continue;
    this.#isCheck = true;
    stream.info.isHealthCheck = true;
    if (factory.settings.passThrough && !factory.failed && !factory.cached) return Status.Continue;
    this.#answering = true;
    if (end) this.#answer(stream);
    return Status.Stop;
  }

  override onRequestData(stream: HttpStream, _chunk: Buffer, end: boolean): Status {
    if (!this.#answering) return Status.Continue;
    if (end) this.#answer(stream);
    return Status.Stop;
  }

  override onRequestTrailers(stream: HttpStream, _trailers: HeaderMap): Status {
    if (!this.#answering) return Status.Continue;
    this.#answer(stream);
    return Status.Stop;
  }

  override onResponseHeaders(_stream: HttpStream, headers: ResponseHeaders): Status {
    const factory = this.#factory;
    if (this.#isCheck) {
      factory.keep(headers.status, headers.has('x-envoy-degraded'));
      headers.set('x-envoy-upstream-healthchecked-cluster', factory.deps.localInfo.clusterName);
    }
    if (factory.failed) headers.set('x-envoy-immediate-health-check-fail', 'true');
    return Status.Continue;
  }

  override onStreamEnd(): void {
    if (this.#isCheck) this.#factory.stats.notTraced.inc();
  }

  #answer(stream: HttpStream): void {
    const factory = this.#factory;
    const { stats } = factory;
    stats.requestTotal.inc();
    if (factory.failed) this.#reply(stream, 503, 'health_check_failed', false);
    else if (factory.cached) {
      stats.cachedResponse.inc();
      this.#reply(stream, factory.cachedStatus, 'health_check_cached', factory.cachedDegraded);
    } else {
      const details = clustersVerdict(stream, factory.settings.minHealthy, stats);
      this.#reply(stream, details.startsWith('health_check_ok') ? 200 : 503, details, false);
    }
  }

  #reply(stream: HttpStream, status: number, details: string, degraded: boolean): void {
    const { stats } = this.#factory;
    const ok = status >= 200 && status < 300;
    (ok ? stats.ok : stats.failed).inc();
    if (degraded) stats.degraded.inc();
    stream.localReply(status, '', ok ? 0 : Flag.LH, details, degraded ? markDegraded : null);
  }
}

function markDegraded(headers: ResponseHeaders): void {
  headers.set('x-envoy-degraded', '');
}

/** Details for the answer: that all clusters have enough hosts, or what is wrong with the first that has not. */
function clustersVerdict(stream: HttpStream, minHealthy: HealthCheckFilterSettings['minHealthy'], stats: HealthCheckStats): string {
  let details = 'health_check_ok';
  for (const [name, percent] of minHealthy) {
    details = 'health_check_ok_cluster_healthy';
    const cluster = stream.clusters.get(name);
    if (cluster === null) {
      stats.clusterNotFound.inc();
      return 'health_check_failed_no_cluster_found';
    }
    let total = 0;
    let usable = 0;
    for (const set of cluster.hostSets) {
      total += set.hosts.length;
      usable += set.healthy.length + set.degraded.length;
    }
    if (total === 0) {
      if (percent === 0) continue;
      stats.clusterEmpty.inc();
      return 'health_check_failed_cluster_empty';
    }
    if (100 * usable < total * percent) {
      stats.clusterUnhealthy.inc();
      return 'health_check_failed_cluster_unhealthy';
    }
  }
  return details;
}

export function createHealthCheckFilter(settings: HealthCheckFilterSettings, deps: FilterDeps): HttpFilterFactory {
  return new HealthCheckFactory(settings, deps);
}
