/**
 * Requests by the way they took (listener, route, cluster, host), counted while somebody looks at the live page. What has moved is told
 * once a second as one array of numbers; names are told once.
 */
import type { StreamInfo, UpstreamHostInfo } from '../../http/stream-info.ts';
import type { Route } from '../../route/route.ts';
import { LATENCY_BINS, latencyBin } from './latency-bins.ts';
import { type RouteIdentity, routeIdentity } from './route-identity.ts';

export interface PathDefinition {
  readonly listener: string;
  readonly route: RouteIdentity;
  /** ''. */
  readonly cluster: string;
  /** "10.0.0.1:80"; ''. */
  readonly host: string;
  /** It is that of copies. */
  readonly shadow: boolean;
}

export interface PathBatch {
  /** Another one: the numbers of paths begin anew. */
  readonly epoch: number;
  /** New ones, numbered on. */
  readonly paths: readonly PathDefinition[];
  /**
   * Of each path that moved: its number, requests, failures, failures by gRPC status alone; then how many bins of whole durations follow,
   * and these as bin and count in turn; then the same of the upstream's part.
   */
  readonly moved: Uint32Array;
}

/** Paths that are told apart; about a kilobyte each. */
const MAX_PATHS = 4096;

class Path {
  readonly id: number;
  requests = 0;
  failures = 0;
  grpcFailures = 0;
  readonly total = new Uint16Array(LATENCY_BINS);
  readonly upstream = new Uint16Array(LATENCY_BINS);
  constructor(id: number) {
    this.id = id;
  }
}

export class PathCounts {
  #epoch: number;
  readonly #listeners = new Map<string, Map<Route | null, Map<UpstreamHostInfo | string, Path>>>();
  #count = 0;
  #defined: PathDefinition[] = [];
  #moved: Path[] = [];

  /** @param epoch the first one */
  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  count(info: StreamInfo, route: Route | null, failed: boolean, byGrpcStatus: boolean): void {
    // Without a host the cluster is all that tells ways apart.
    const path = this.#path(info, route, info.upstreamHost ?? info.upstreamCluster, false);
    if (path === null) return;
    if (path.requests === 0) this.#moved.push(path);
    path.requests++;
    if (failed) path.failures++;
    if (byGrpcStatus) path.grpcFailures++;
    path.total[latencyBin(info.endMs - info.startMs)]! += 1;
    const begun = info.firstUpstreamTxMs;
    if (begun >= 0 && info.lastUpstreamRxMs >= begun) path.upstream[latencyBin(info.lastUpstreamRxMs - begun)]! += 1;
  }

  shadow(info: StreamInfo, route: Route | null, cluster: string): void {
    const path = this.#path(info, route, cluster, true);
    if (path === null) return;
    if (path.requests === 0) this.#moved.push(path);
    path.requests++;
  }

  /** What has happened since the last call. */
  take(): PathBatch {
    const numbers: number[] = [];
    for (const path of this.#moved) {
      numbers.push(path.id, path.requests, path.failures, path.grpcFailures);
      takeBins(path.total, numbers);
      takeBins(path.upstream, numbers);
      path.requests = 0;
      path.failures = 0;
      path.grpcFailures = 0;
    }
    const batch = { epoch: this.#epoch, paths: this.#defined, moved: Uint32Array.from(numbers) };
    this.#defined = [];
    this.#moved = [];
    // Hosts come and go, route tables are replaced: what is in use finds its place again.
    if (this.#count >= MAX_PATHS) this.clear();
    return batch;
  }

  clear(): void {
    this.#epoch++;
    this.#listeners.clear();
    this.#count = 0;
    this.#defined = [];
    this.#moved = [];
  }

  /** null: there are too many in this second. */
  #path(info: StreamInfo, route: Route | null, target: UpstreamHostInfo | string, shadow: boolean): Path | null {
    const listener = info.connection.listenerName;
    let routes = this.#listeners.get(listener);
    if (routes === undefined) {
      routes = new Map();
      this.#listeners.set(listener, routes);
    }
    let hosts = routes.get(route);
    if (hosts === undefined) {
      hosts = new Map();
      routes.set(route, hosts);
    }
    const key = shadow ? SHADOW + (target as string) : target;
    let path = hosts.get(key);
    if (path === undefined) {
      if (this.#count >= MAX_PATHS) return null;
      path = new Path(this.#count++);
      hosts.set(key, path);
      const cluster = shadow ? (target as string) : info.upstreamCluster;
      const host = typeof target === 'string' ? '' : target.address.text;
      this.#defined.push({ listener, route: routeIdentity(route), cluster, host, shadow });
    }
    return path;
  }
}

/** No cluster's name begins so. */
const SHADOW = '\0';

/** Empties them into `out`. */
function takeBins(bins: Uint16Array, out: number[]): void {
  const at = out.push(0) - 1;
  for (let bin = 0; bin < LATENCY_BINS; bin++) {
    const count = bins[bin]!;
    if (count === 0) continue;
    out.push(bin, count);
    bins[bin] = 0;
  }
  out[at] = (out.length - at - 1) / 2;
}
