/** Statistics of gRPC calls under `cluster.<name>.<protocol>.[<service>.<method>.]`. Source: Envoy's Grpc::ContextImpl. */
import type { Cluster } from '../cluster/api.ts';
import type { HeaderMap } from '../http/header-map.ts';
import type { Counter, Histogram, StatsScope } from '../stats/scope.ts';

export class GrpcCallStats {
  readonly #scope: StatsScope;
  readonly #statuses = new Map<string, Counter>();
  #success: Counter | null;
  #failure: Counter | null;
  #total: Counter | null;
  #requests: Counter | null;
  #responses: Counter | null;
  #time: Histogram | null;

  constructor(scope: StatsScope) {
    this.#scope = scope;
    this.#success = null;
    this.#failure = null;
    this.#total = null;
    this.#requests = null;
    this.#responses = null;
    this.#time = null;
  }

  /** Counts the end of a call, if `headers` (or trailers) tell it. */
  status(headers: HeaderMap): void {
    const status = headers.get('grpc-status');
    if (status === undefined) return;
    let counter = this.#statuses.get(status);
    if (counter === undefined) {
      counter = this.#scope.counter(status);
      // What a peer makes up does not grow without bound.
      if (this.#statuses.size < MAX_STATUSES) this.#statuses.set(status, counter);
    }
    counter.inc();
    this.#total ??= this.#scope.counter('total');
    this.#total.inc();
    if (status === '0') (this.#success ??= this.#scope.counter('success')).inc();
    else (this.#failure ??= this.#scope.counter('failure')).inc();
  }

  requestMessages(count: number): void {
    (this.#requests ??= this.#scope.counter('request_message_count')).add(count);
  }

  responseMessages(count: number): void {
    (this.#responses ??= this.#scope.counter('response_message_count')).add(count);
  }

  upstreamTime(ms: number): void {
    (this.#time ??= this.#scope.histogram('upstream_rq_time')).record(ms);
  }
}

const MAX_STATUSES = 64;

/** One worker's, by cluster and method. */
export class GrpcCallStatsBook {
  readonly #protocol: string;
  readonly #clusters = new WeakMap<Cluster, Map<string, GrpcCallStats>>();

  /** @param protocol grpc or grpc-web */
  constructor(protocol: string) {
    this.#protocol = protocol;
  }

  /** @param method `<service>.<method>`; '' = all methods together */
  of(cluster: Cluster, method: string): GrpcCallStats {
    let methods = this.#clusters.get(cluster);
    if (methods === undefined) {
      methods = new Map();
      this.#clusters.set(cluster, methods);
    }
    let stats = methods.get(method);
    if (stats === undefined) {
      const scope = cluster.stats.scope.scope(this.#protocol);
      stats = new GrpcCallStats(method === '' ? scope : scope.scope(method));
      methods.set(method, stats);
    }
    return stats;
  }
}

/** `/pkg.Service/Method` (with or without query) → its two names; null if it has another shape. */
export function serviceAndMethod(path: string): { readonly service: string; readonly method: string } | null {
  const query = path.indexOf('?');
  const parts = (query < 0 ? path : path.slice(0, query)).split('/');
  if (parts.length !== 3 || parts[0] !== '' || parts[1] === '' || parts[2] === '') return null;
  return { service: parts[1]!, method: parts[2]! };
}
