/** Which part of the service graph is drawn: the clusters that carry most, failing ones first, with everything that leads to them. */
import type { ClusterPart, HostPart, ListenerPart, RoutePart } from '../snapshot.ts';
import { clusterTone, ERROR_SHARE, hostSummary, hostSummaryText, type Tone } from './problems.ts';
import type { Store } from './store.ts';

export type Column = 0 | 1 | 2 | 3 | 4;
export const COLUMNS = ['Clients', 'Listeners', 'Routes', 'Clusters', 'Hosts'] as const;

/** What goes over an edge or into a node. */
export interface Flow {
  readonly rps: number;
  readonly errors: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  /** TCP: open connections and bytes a second; null = HTTP. */
  readonly tcp: { readonly connections: number; readonly bytesPerS: number } | null;
}

export interface GraphNode {
  readonly key: string;
  readonly column: Column;
  readonly title: string;
  /** Besides the numbers: "3 hosts", "unhealthy". */
  readonly note: string;
  readonly flow: Flow | null;
  readonly tone: Tone | null;
  /** Page about it; '' = none. */
  readonly href: string;
}

export interface GraphEdge {
  readonly key: string;
  readonly from: string;
  readonly to: string;
  readonly flow: Flow | null;
  readonly shadow: boolean;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly clustersShown: number;
  readonly clustersMatching: number;
}

const HOSTS_PER_CLUSTER = 3;
const ROUTES_PER_CLUSTER = 3;
/** Of the last value in the smoothed one. */
const SMOOTHING = 0.2;
/** What is drawn stays until another carries this many times as much. */
const STICKINESS = 1.5;

export class GraphModel {
  readonly #weights = new Map<number, number>();
  #drawn = new Set<number>();
  #seq = -1;

  /** @param limit clusters at most. @param filter part of a name of a listener, route or cluster, lower case; '' = all */
  build(store: Store, limit: number, filter: string): Graph {
    this.#weigh(store);
    const matching = filter === '' ? [...store.clusters.values()] : clustersMatching(store, filter);
    const clusters = this.#choose(store, matching, limit);
    return { ...assemble(store, clusters, filter), clustersShown: clusters.length, clustersMatching: matching.length };
  }

  #weigh(store: Store): void {
    if (store.seq === this.#seq) return;
    this.#seq = store.seq;
    for (const id of this.#weights.keys()) if (!store.clusters.has(id)) this.#weights.delete(id);
    for (const cluster of store.clusters.values()) {
      const figures = store.clusterFigures.get(cluster.id);
      const before = this.#weights.get(cluster.id);
      const now = figures === undefined ? 0 : figures.rps + figures.connectionsPerS + (figures.rxBytesPerS + figures.txBytesPerS) / 1e5;
      if (before === undefined) this.#weights.set(cluster.id, now);
      else if (before !== now) this.#weights.set(cluster.id, before + (now - before) * SMOOTHING);
    }
  }

  #choose(store: Store, candidates: readonly ClusterPart[], limit: number): ClusterPart[] {
    const rank = candidates.map((cluster) => {
      const figures = store.clusterFigures.get(cluster.id);
      const failing = figures !== undefined && clusterTone(figures, figures.hosts) === 'error' ? 1 : 0;
      const weight = (this.#weights.get(cluster.id) ?? 0) * (this.#drawn.has(cluster.id) ? STICKINESS : 1);
      return { cluster, failing, weight };
    });
    rank.sort((a, b) => b.failing - a.failing || b.weight - a.weight || (a.cluster.name < b.cluster.name ? -1 : 1));
    const chosen = rank.slice(0, limit).map((r) => r.cluster);
    this.#drawn = new Set(chosen.map((c) => c.id));
    return chosen;
  }
}

function clustersMatching(store: Store, filter: string): ClusterPart[] {
  const from = new Map<number, number[]>();
  for (const edge of store.edges.values()) {
    const list = from.get(edge.from);
    if (list === undefined) from.set(edge.from, [edge.to]);
    else list.push(edge.to);
  }
  const found = new Set<number>();
  const follow = (id: number): void => {
    if (found.has(id)) return;
    found.add(id);
    for (const to of from.get(id) ?? []) follow(to);
  };
  for (const listener of store.listeners.values()) if (listener.name.toLowerCase().includes(filter)) follow(listener.id);
  for (const route of store.routes.values()) if (routeTitle(route).toLowerCase().includes(filter)) follow(route.id);
  for (const cluster of store.clusters.values()) if (cluster.name.toLowerCase().includes(filter)) found.add(cluster.id);
  return [...store.clusters.values()].filter((cluster) => found.has(cluster.id));
}

export function routeTitle(route: RoutePart): string {
  if (route.kind === 'tcp') return route.name === '' ? 'TCP proxy' : route.name;
  return route.name !== '' ? route.name : route.match;
}

function assemble(store: Store, clusters: readonly ClusterPart[], filter: string): Pick<Graph, 'nodes' | 'edges'> {
  const nodes: GraphNode[] = [];
  const edges: GraphEdge[] = [];
  const shownClusters = new Set(clusters.map((c) => c.id));
  const rpsOf = (id: number) => store.edgeFigures.get(id)?.rps ?? 0;

  // Routes that lead to a cluster that is drawn, the busiest of each; and those that answer by themselves, if they carry something.
  const intoCluster = new Map<number, number[]>();
  const intoRoute = new Map<number, number[]>();
  for (const edge of store.edges.values()) {
    const map = shownClusters.has(edge.to) ? intoCluster : store.routes.has(edge.to) ? intoRoute : null;
    if (map === null) continue;
    const list = map.get(edge.to);
    if (list === undefined) map.set(edge.to, [edge.id]);
    else list.push(edge.id);
  }
  const shownRoutes = new Set<number>();
  const shownEdges = new Set<number>();
  for (const list of intoCluster.values())
    for (const id of list.sort((a, b) => rpsOf(b) - rpsOf(a) || a - b).slice(0, ROUTES_PER_CLUSTER)) {
      shownEdges.add(id);
      shownRoutes.add(store.edges.get(id)!.from);
    }
  if (filter === '')
    for (const [route, list] of intoRoute)
      if (!shownRoutes.has(route) && store.routes.get(route)!.action !== 'forward' && list.some((id) => rpsOf(id) > 0))
        shownRoutes.add(route);

  const shownListeners = new Set<number>();
  const shownFlow = new Map<number, Flow>();
  for (const route of shownRoutes)
    for (const id of intoRoute.get(route) ?? []) {
      shownEdges.add(id);
      shownListeners.add(store.edges.get(id)!.from);
      const figures = store.edgeFigures.get(id);
      if (figures !== undefined) shownFlow.set(route, addFlow(shownFlow.get(route), edgeFlow(store, id)!));
    }
  if (filter === '') for (const id of store.listeners.keys()) if (shownListeners.size < 16) shownListeners.add(id);

  if (store.totals !== null)
    nodes.push({
      key: 'clients',
      column: 0,
      title: 'Clients',
      note: '',
      flow: { ...store.totals, tcp: null },
      tone: toneOf(store.totals.errors),
      href: '',
    });
  for (const id of shownListeners) {
    const listener = store.listeners.get(id);
    if (listener === undefined) continue;
    const node = listenerNode(store, listener);
    nodes.push(node);
    edges.push({ key: `clients>${node.key}`, from: 'clients', to: node.key, flow: node.flow, shadow: false });
  }
  for (const id of shownRoutes) {
    const route = store.routes.get(id)!;
    const flow = shownFlow.get(id) ?? null;
    const where = route.virtualHost === '' ? route.routeConfiguration : route.virtualHost;
    const note = route.kind === 'tcp' ? 'TCP' : route.action === 'forward' ? where : `${where} ${route.action.replace('_', ' ')}`.trim();
    nodes.push({ key: `n${id}`, column: 2, title: routeTitle(route), note, flow, tone: toneOf(flow?.errors ?? 0), href: '' });
  }
  for (const id of shownEdges) {
    const edge = store.edges.get(id)!;
    edges.push({ key: `e${id}`, from: `n${edge.from}`, to: `n${edge.to}`, flow: edgeFlow(store, id), shadow: edge.shadow });
  }
  for (const cluster of clusters) addCluster(store, cluster, nodes, edges);
  return { nodes, edges };
}

function listenerNode(store: Store, listener: ListenerPart): GraphNode {
  const figures = store.listenerFigures.get(listener.id);
  const note = [
    listener.direction === 'unspecified' ? '' : listener.direction,
    listener.addresses[0] ?? '',
    listener.addresses.length > 1 ? `+${listener.addresses.length - 1}` : '',
    listener.tls ? 'TLS' : '',
  ];
  const flow: Flow | null =
    figures === undefined
      ? null
      : {
          ...figures,
          tcp:
            figures.p50 === null && figures.rps === 0
              ? { connections: figures.connections, bytesPerS: figures.rxBytesPerS + figures.txBytesPerS }
              : null,
        };
  return {
    key: `n${listener.id}`,
    column: 1,
    title: listener.name,
    note: note.filter((part) => part !== '').join(' '),
    flow,
    tone: toneOf(figures?.errors ?? 0),
    href: '',
  };
}

function addCluster(store: Store, cluster: ClusterPart, nodes: GraphNode[], edges: GraphEdge[]): void {
  const figures = store.clusterFigures.get(cluster.id);
  const hosts = hostSummary(store, cluster);
  const key = `n${cluster.id}`;
  nodes.push({
    key,
    column: 3,
    title: cluster.name,
    note: hostSummaryText(hosts),
    flow: figures === undefined ? null : { ...figures, tcp: tcpOf(figures) },
    tone: clusterTone(figures, hosts),
    href: `#/clusters/${encodeURIComponent(cluster.name)}`,
  });
  const chosen = chooseHosts(store, cluster);
  for (const host of chosen) {
    const node = hostNode(store, host);
    nodes.push(node);
    edges.push({ key: `${key}>${node.key}`, from: key, to: node.key, flow: node.flow, shadow: false });
  }
  if (cluster.hostCount > chosen.length) {
    const more = `${key}+`;
    nodes.push({
      key: more,
      column: 4,
      title: `${cluster.hostCount - chosen.length} more`,
      note: '',
      flow: null,
      tone: null,
      href: `#/clusters/${encodeURIComponent(cluster.name)}`,
    });
    edges.push({ key: `${key}>${more}`, from: key, to: more, flow: null, shadow: false });
  }
}

/** Ill ones first, then as they are listed: an order by traffic would change every second. */
function chooseHosts(store: Store, cluster: ClusterPart): HostPart[] {
  if (cluster.hosts.length <= HOSTS_PER_CLUSTER) return [...cluster.hosts];
  const ill: HostPart[] = [];
  for (const host of cluster.hosts) if (ill.length < HOSTS_PER_CLUSTER && store.hostHealth(host).state !== 'healthy') ill.push(host);
  const rest = cluster.hosts.filter((host) => !ill.includes(host)).slice(0, HOSTS_PER_CLUSTER - ill.length);
  return cluster.hosts.filter((host) => ill.includes(host) || rest.includes(host));
}

function hostNode(store: Store, host: HostPart): GraphNode {
  const figures = store.hostFigures(host.id);
  const health = store.hostHealth(host);
  const ill = health.ejection !== null ? 'ejected' : health.state === 'healthy' ? '' : health.state;
  return {
    key: `n${host.id}`,
    column: 4,
    title: host.address,
    note: ill,
    flow: figures === null ? null : { ...figures, tcp: null },
    tone: health.state === 'unhealthy' ? 'error' : health.state === 'degraded' ? 'warning' : toneOf(figures?.errors ?? 0),
    href: '',
  };
}

function tcpOf(figures: {
  rps: number;
  p50: number | null;
  rxBytesPerS: number;
  txBytesPerS: number;
  breakers: readonly [{ connections: number }, unknown];
}): Flow['tcp'] {
  if (figures.rps > 0 || figures.p50 !== null || figures.rxBytesPerS + figures.txBytesPerS === 0) return null;
  return { connections: figures.breakers[0].connections, bytesPerS: figures.rxBytesPerS + figures.txBytesPerS };
}

function edgeFlow(store: Store, id: number): Flow | null {
  const figures = store.edgeFigures.get(id);
  if (figures === undefined) return null;
  const bytesPerS = figures.rxBytesPerS + figures.txBytesPerS;
  return { ...figures, tcp: figures.connections > 0 || bytesPerS > 0 ? { connections: figures.connections, bytesPerS } : null };
}

/** Percentiles cannot be added: of several the larger is taken. */
function addFlow(a: Flow | undefined, b: Flow): Flow {
  if (a === undefined) return b;
  const rps = a.rps + b.rps;
  const larger = (x: number | null, y: number | null) => (x === null ? y : y === null ? x : Math.max(x, y));
  return {
    rps,
    errors: rps === 0 ? 0 : (a.errors * a.rps + b.errors * b.rps) / rps,
    p50: larger(a.p50, b.p50),
    p90: larger(a.p90, b.p90),
    p99: larger(a.p99, b.p99),
    tcp:
      a.tcp === null || b.tcp === null
        ? (a.tcp ?? b.tcp)
        : { connections: a.tcp.connections + b.tcp.connections, bytesPerS: a.tcp.bytesPerS + b.tcp.bytesPerS },
  };
}

function toneOf(errors: number): Tone | null {
  return errors >= ERROR_SHARE ? 'error' : errors >= 0.01 ? 'warning' : null;
}
