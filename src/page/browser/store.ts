/** What the page knows: the last snapshot with every tick since then applied. Knows nothing of the document. */
import type {
  CertificatePart,
  ClusterFigures,
  ClusterPart,
  EdgeFigures,
  EdgePart,
  HostFigures,
  HostPart,
  ListenerFigures,
  ListenerPart,
  LoggedRequest,
  PageChanges,
  PageSnapshot,
  PageTick,
  RoutePart,
  ServerPart,
  TotalFigures,
} from '../snapshot.ts';

const REQUESTS_KEPT = 500;

export class Store {
  instance = '';
  /** Sequence number of the last tick; -1 = nothing has come yet. */
  seq = -1;
  wallMs = 0;
  intervalMs = 1000;
  server: ServerPart | null = null;
  totals: TotalFigures | null = null;
  readonly listeners = new Map<number, ListenerPart>();
  readonly routes = new Map<number, RoutePart>();
  readonly clusters = new Map<number, ClusterPart>();
  readonly edges = new Map<number, EdgePart>();
  readonly clusterIds = new Map<string, number>();
  certificates: readonly CertificatePart[] = [];
  /** Newest first. */
  requests: LoggedRequest[] = [];
  /** Changes whenever listeners, routes, clusters, hosts or edges do. */
  shape = 0;
  listenerFigures = new Map<number, ListenerFigures>();
  edgeFigures = new Map<number, EdgeFigures>();
  clusterFigures = new Map<number, ClusterFigures>();
  readonly #hostFigures = new Map<number, { seq: number; figures: HostFigures }>();

  applySnapshot(snapshot: PageSnapshot): void {
    this.instance = snapshot.instance;
    for (const map of [this.listeners, this.routes, this.clusters, this.edges, this.clusterIds, this.#hostFigures]) map.clear();
    for (const part of snapshot.listeners) this.listeners.set(part.id, part);
    for (const part of snapshot.routes) this.routes.set(part.id, part);
    for (const part of snapshot.edges) this.edges.set(part.id, part);
    for (const part of snapshot.clusters) this.#setCluster(part);
    this.certificates = snapshot.certificates;
    this.requests = snapshot.requests.slice(0, REQUESTS_KEPT);
    this.shape++;
    this.#applyFigures(snapshot.tick);
  }

  applyTick(tick: PageTick): void {
    if (tick.changes !== null) this.#applyChanges(tick.changes);
    if (tick.requests.length > 0) this.requests = [...tick.requests.toReversed(), ...this.requests].slice(0, REQUESTS_KEPT);
    this.#applyFigures(tick);
  }

  /** Of this second; null = its rates were not told. */
  hostFigures(id: number): HostFigures | null {
    const told = this.#hostFigures.get(id);
    return told?.seq === this.seq ? told.figures : null;
  }

  /** The last that was told. */
  hostHealth(host: HostPart): HostPart['health'] {
    return this.#hostFigures.get(host.id)?.figures.health ?? host.health;
  }

  clusterNamed(name: string): ClusterPart | null {
    const id = this.clusterIds.get(name);
    return id === undefined ? null : (this.clusters.get(id) ?? null);
  }

  #applyChanges(changes: PageChanges): void {
    for (const id of changes.removed) {
      const cluster = this.clusters.get(id);
      // A new cluster of the same name may stand there already.
      if (cluster !== undefined && this.clusterIds.get(cluster.name) === id) this.clusterIds.delete(cluster.name);
      this.listeners.delete(id);
      this.routes.delete(id);
      this.clusters.delete(id);
      this.edges.delete(id);
    }
    for (const part of changes.listeners) this.listeners.set(part.id, part);
    for (const part of changes.routes) this.routes.set(part.id, part);
    for (const part of changes.edges) this.edges.set(part.id, part);
    for (const part of changes.clusters) this.#setCluster(part);
    if (changes.certificates !== null) this.certificates = changes.certificates;
    this.shape++;
  }

  #setCluster(part: ClusterPart): void {
    const before = this.clusters.get(part.id);
    if (before !== undefined) {
      const kept = new Set(part.hosts.map((host) => host.id));
      for (const host of before.hosts) if (!kept.has(host.id)) this.#hostFigures.delete(host.id);
    }
    this.clusters.set(part.id, part);
    this.clusterIds.set(part.name, part.id);
  }

  #applyFigures(tick: PageTick): void {
    this.seq = tick.seq;
    this.wallMs = tick.wallMs;
    this.intervalMs = tick.intervalMs;
    this.server = tick.server;
    this.totals = tick.totals;
    this.listenerFigures = new Map(tick.listeners.map((f) => [f.id, f]));
    this.edgeFigures = new Map(tick.edges.map((f) => [f.id, f]));
    this.clusterFigures = new Map(tick.clusters.map((f) => [f.id, f]));
    for (const figures of tick.hosts) this.#hostFigures.set(figures.id, { seq: tick.seq, figures });
  }
}
