/** What a viewer knows of the proxy: the last snapshot, kept up to date by ticks. */
import type {
  ClusterFigures,
  ClusterPart,
  EdgePart,
  HostFigures,
  ListenerFigures,
  ListenerPart,
  LoggedRequest,
  PageSnapshot,
  PageTick,
  RoutePart,
} from '../snapshot.ts';

const KEPT_REQUESTS = 100;

export class TopState {
  tick: PageTick | null = null;
  readonly listeners = new Map<number, ListenerPart>();
  readonly routes = new Map<number, RoutePart>();
  readonly clusters = new Map<number, ClusterPart>();
  readonly edges = new Map<number, EdgePart>();
  readonly listenerFigures = new Map<number, ListenerFigures>();
  readonly clusterFigures = new Map<number, ClusterFigures>();
  readonly hostFigures = new Map<number, HostFigures>();
  /** Newest first. */
  requests: readonly LoggedRequest[] = [];

  snapshot(snapshot: PageSnapshot): void {
    for (const map of [this.listeners, this.routes, this.clusters, this.edges, this.hostFigures]) map.clear();
    putAll(this.listeners, snapshot.listeners);
    putAll(this.routes, snapshot.routes);
    putAll(this.clusters, snapshot.clusters);
    putAll(this.edges, snapshot.edges);
    this.requests = snapshot.requests.slice(0, KEPT_REQUESTS);
    this.#figures(snapshot.tick);
  }

  next(tick: PageTick): void {
    const { changes } = tick;
    if (changes !== null) {
      for (const id of changes.removed) for (const map of [this.listeners, this.routes, this.clusters, this.edges]) map.delete(id);
      putAll(this.listeners, changes.listeners);
      putAll(this.routes, changes.routes);
      putAll(this.clusters, changes.clusters);
      putAll(this.edges, changes.edges);
    }
    this.requests = [...[...tick.requests].reverse(), ...this.requests].slice(0, KEPT_REQUESTS);
    this.#figures(tick);
  }

  /** All zero when it stands still. */
  cluster(id: number): ClusterFigures {
    return this.clusterFigures.get(id) ?? idleCluster(id, this.clusters.get(id)?.hostCount ?? 0);
  }

  #figures(tick: PageTick): void {
    this.tick = tick;
    this.listenerFigures.clear();
    this.clusterFigures.clear();
    putAll(this.listenerFigures, tick.listeners);
    putAll(this.clusterFigures, tick.clusters);
    putAll(this.hostFigures, tick.hosts);
  }
}

function putAll<P extends { readonly id: number }>(map: Map<number, P>, parts: readonly P[]): void {
  for (const part of parts) map.set(part.id, part);
}

const IDLE_USE = { connections: 0, pending: 0, requests: 0, retries: 0, retriesLimit: null };

function idleCluster(id: number, total: number): ClusterFigures {
  const none = { p50: null, p90: null, p99: null };
  return {
    ...{ id, rps: 0, errors: 0, ...none, connectionsPerS: 0, connectFailuresPerS: 0, rxBytesPerS: 0, txBytesPerS: 0, retriesPerS: 0 },
    ...{ timeoutsPerS: 0, overflowsPerS: 0, shadowsPerS: 0, breakers: [IDLE_USE, IDLE_USE] },
    hosts: { total, healthy: total, degraded: 0, unhealthy: 0, ejected: 0 },
  };
}
