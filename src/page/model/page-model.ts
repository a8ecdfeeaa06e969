/** The state that viewers are shown, made once a second while there are any. */
import type {
  ClusterFigures,
  EdgeFigures,
  HostFigures,
  ListenerFigures,
  LoggedRequest,
  PageSnapshot,
  PageTick,
  TotalFigures,
} from '../snapshot.ts';
import type { PageSource } from '../source.ts';
import { Latencies } from '../worker/latency-bins.ts';
import type { WorkerSample } from '../worker/recorder.ts';
import { ChangeTeller } from './changes.ts';
import { ClusterHistory } from './cluster-history.ts';
import { ClusterBook, type ClusterNode, isIdle } from './clusters.ts';
import { Counters } from './counters.ts';
import { QUANTILES } from './hosts.ts';
import { Paths } from './paths.ts';
import { rate, shareOf } from './rates.ts';
import type { RequestLog } from './request-log.ts';
import { SlowLimit } from './slow-limit.ts';
import { type EdgeNode, type ListenerNode, Topology, type Traffic } from './topology.ts';
import type { ClusterTotals } from './totals.ts';

const MAX_EDGES_TOLD = 1000;
const BUSIEST_CLUSTERS = 20;
const HOSTS_OF_A_CLUSTER = 500;
const LISTENER_COUNTERS = ['downstream_cx_total', 'downstream_cx_active'];
const BYTE_COUNTERS = ['downstream_cx_rx_bytes_total', 'downstream_cx_tx_bytes_total', 'downstream_cx_total'];

export class PageModel {
  readonly history = new ClusterHistory();
  readonly #source: PageSource;
  readonly #log: RequestLog;
  readonly #topology: Topology;
  readonly #clusters: ClusterBook;
  readonly #paths: Paths;
  readonly #teller = new ChangeTeller();
  readonly #slow: SlowLimit;
  readonly #listenerCounters = new Map<string, Counters>();
  readonly #byteCounters = new Map<string, Counters>();
  #nextId = 1;
  #version = -1;
  #lastMs: number;
  #seq = 0;
  #tick: PageTick | null = null;

  constructor(source: PageSource, log: RequestLog) {
    this.#source = source;
    this.#log = log;
    const nextId = () => this.#nextId++;
    this.#clusters = new ClusterBook(source, nextId);
    this.#topology = new Topology(source, nextId, (name) => this.#clusters.nodes.get(name)?.part.id ?? null);
    this.#paths = new Paths(this.#topology, (name) => this.#clusters.nodes.get(name) ?? null);
    this.#slow = new SlowLimit((slowMs) => source.watch(true, false, slowMs));
    this.#lastMs = source.clock.nowMs();
  }

  get slowMs(): number {
    return this.#slow.slowMs;
  }

  /** Looks at everything. @returns sums over the clusters, and what is new in the log */
  look(samples: readonly WorkerSample[]): { readonly clusters: ClusterTotals; readonly requests: readonly LoggedRequest[] } {
    const source = this.#source;
    const version = source.version();
    if (version !== this.#version) {
      const first = this.#version < 0;
      this.#version = version;
      this.#clusters.refresh();
      this.#topology.refresh();
      // Workers count by names that may not be there any more.
      if (!first) source.watch(true, true, this.slowMs);
    }
    this.#clusters.look();
    for (const sample of samples) this.#paths.add(sample);
    const outlier = (name: string) => source.outlier(name);
    const noted = samples.flatMap(({ requests }) => requests);
    const requests = this.#log.add(noted, (name) => this.#clusters.nodes.get(name) ?? null, outlier);
    const nowMs = source.clock.nowMs();
    const seconds = Math.max(0.001, (nowMs - this.#lastMs) / 1000);
    const sums = { retriesPerS: 0, timeoutsPerS: 0, overflowsPerS: 0 };
    this.history.turn(nowMs);
    for (const node of this.#clusters.nodes.values()) {
      if (!node.used && node.update === null) continue;
      // The history keeps what figures() clears.
      const latencies = node.latencies.total === 0 ? NO_LATENCIES : copyOf(node.latencies);
      const figures = this.#clusters.figures(node, seconds);
      sums.retriesPerS += figures.retriesPerS;
      sums.timeoutsPerS += figures.timeoutsPerS;
      sums.overflowsPerS += figures.overflowsPerS;
      if (node.used) this.history.add(node.name, figures, latencies, nowMs);
    }
    return { clusters: sums, requests };
  }

  /** After `look`. @param asked names of clusters whose hosts are wanted */
  finish(totals: TotalFigures, requests: readonly LoggedRequest[], asked: ReadonlySet<string>, viewers: number): PageTick {
    const { clock, slab } = this.#source;
    const nowMs = clock.nowMs();
    const intervalMs = nowMs - this.#lastMs;
    const seconds = Math.max(0.001, intervalMs / 1000);
    this.#lastMs = nowMs;
    const all = new Latencies();
    const listeners = this.#listenerFigures(seconds, all);
    const edges = this.#edgeFigures(seconds);
    this.#slow.add(all);
    const clusters: ClusterFigures[] = [];
    const busy: ClusterNode[] = [];
    for (const node of this.#clusters.nodes.values()) {
      if (node.figures === null || isIdle(node.figures)) continue;
      clusters.push(node.figures);
      if (node.figures.rps > 0) busy.push(node);
    }
    busy.sort((a, b) => b.figures!.rps - a.figures!.rps);
    const shown = new Set(busy.slice(0, BUSIEST_CLUSTERS));
    for (const name of asked) {
      const node = this.#clusters.nodes.get(name);
      if (node !== undefined) shown.add(node);
    }
    const hosts: HostFigures[] = [];
    for (const node of shown) {
      const outlier = this.#source.outlier(node.name);
      for (const host of node.hosts.slice(0, HOSTS_OF_A_CLUSTER))
        hosts.push(host.figures(node.part.id, seconds, slab.cells, outlier, clock));
    }
    for (const [node, host] of this.#clusters.healthChanges) {
      if (!shown.has(node)) hosts.push(host.figures(node.part.id, seconds, slab.cells, this.#source.outlier(node.name), clock));
    }
    for (const node of busy) for (const host of node.hosts) host.forgetLatencies();
    const changed = this.#topology.changed || this.#clusters.changed;
    this.#topology.changed = false;
    this.#clusters.changed = false;
    const changes = changed ? this.#teller.changes(this.#parts()) : null;
    this.#tick = {
      seq: ++this.#seq,
      wallMs: Math.round(clock.wallMs()),
      intervalMs: Math.round(intervalMs),
      server: { ...this.#source.server(), viewers, slowMs: this.slowMs },
      totals,
      listeners,
      edges,
      clusters,
      hosts,
      requests,
      changes: this.#seq === 1 ? null : changes,
    };
    return this.#tick;
  }

  /** After the first `finish`. */
  snapshot(): PageSnapshot {
    return {
      instance: this.#source.instance,
      ...this.#parts(),
      requests: [...this.#log.entries].reverse(),
      tick: { ...this.#tick!, requests: [], changes: null },
    };
  }

  #parts() {
    const { listeners, routes, edges } = this.#topology;
    return {
      listeners: Array.from(listeners.values(), ({ part }) => part),
      routes: Array.from(routes.values(), ({ part }) => part),
      clusters: Array.from(this.#clusters.nodes.values(), (node) => this.#clusters.partOf(node)),
      edges: Array.from(edges.values(), ({ part }) => part),
      certificates: this.#source.certificates(),
    };
  }

  #listenerFigures(seconds: number, all: Latencies): ListenerFigures[] {
    const told: ListenerFigures[] = [];
    for (const node of this.#topology.listeners.values()) {
      all.addAll(node.traffic.latencies);
      let opened = 0;
      for (const name of node.statNames)
        opened += this.#counters(this.#listenerCounters, 'listener', name, 'envoy.listener_address', LISTENER_COUNTERS).risen(0);
      const { rx, tx } = this.#bytes(node);
      const figures: ListenerFigures = {
        ...requestFigures(node.part.id, node.traffic, seconds),
        connections: this.#openOf(node),
        connectionsPerS: rate(opened, seconds),
        rxBytesPerS: rate(rx, seconds),
        txBytesPerS: rate(tx, seconds),
      };
      if (figures.rps + figures.connections + figures.connectionsPerS + rx + tx > 0) told.push(figures);
    }
    return told;
  }

  #bytes({ httpPrefixes, tcpPrefixes }: ListenerNode): { rx: number; tx: number } {
    let rx = 0;
    let tx = 0;
    for (const [segment, tag, prefixes] of [
      ['http', 'envoy.http_conn_manager_prefix', httpPrefixes],
      ['tcp', 'envoy.tcp_prefix', tcpPrefixes],
    ] as const) {
      for (const prefix of prefixes) {
        const counters = this.#counters(this.#byteCounters, segment, prefix.replaceAll(':', '_'), tag, BYTE_COUNTERS);
        rx += counters.risen(0);
        tx += counters.risen(1);
      }
    }
    return { rx, tx };
  }

  #edgeFigures(seconds: number): EdgeFigures[] {
    let moved: EdgeNode[] = [];
    for (const edge of this.#topology.edges.values()) if (edge.tcp !== null || edge.traffic.requests > 0) moved.push(edge);
    if (moved.length > MAX_EDGES_TOLD) {
      moved.sort((a, b) => b.traffic.requests - a.traffic.requests);
      for (const edge of moved.slice(MAX_EDGES_TOLD)) edge.traffic.clear();
      moved = moved.slice(0, MAX_EDGES_TOLD);
    }
    return moved
      .map((edge) => this.#edge(edge, seconds))
      .filter((figures) => figures.rps + figures.connectionsPerS + figures.connections + figures.rxBytesPerS + figures.txBytesPerS > 0);
  }

  #edge({ part, traffic, tcp }: EdgeNode, seconds: number): EdgeFigures {
    const figures = requestFigures(part.id, traffic, seconds);
    if (tcp === null) return { ...figures, connectionsPerS: 0, connections: 0, rxBytesPerS: 0, txBytesPerS: 0 };
    const counters = this.#byteCounters.get('tcp ' + tcp.prefix.replaceAll(':', '_'));
    if (counters === undefined) return { ...figures, connectionsPerS: 0, connections: 0, rxBytesPerS: 0, txBytesPerS: 0 };
    const per = (i: number) => rate(counters.risen(i) * tcp.share, seconds);
    const open = this.#openConnections(part.from, part.to);
    return {
      ...figures,
      connectionsPerS: per(2),
      connections: open,
      rxBytesPerS: per(0),
      txBytesPerS: per(1),
    };
  }

  /** TCP: of the listener that the edge comes from, or the cluster that it leads to. */
  #openConnections(from: number, to: number): number {
    for (const node of this.#topology.listeners.values()) if (node.part.id === from) return this.#openOf(node);
    for (const node of this.#clusters.nodes.values()) if (node.part.id === to) return node.connections;
    return 0;
  }

  #openOf({ statNames }: ListenerNode): number {
    return statNames.reduce((sum, name) => sum + (this.#listenerCounters.get('listener ' + name)?.value(1) ?? 0), 0);
  }

  /** Read once a tick, however many ask. */
  #counters(known: Map<string, Counters>, segment: string, token: string, tag: string, names: readonly string[]): Counters {
    const key = segment + ' ' + token;
    let counters = known.get(key);
    if (counters === undefined) {
      counters = new Counters(names, this.#seq > 0);
      known.set(key, counters);
    }
    counters.readOnce(this.#seq, this.#source.stats.root.known(segment, '')?.known(token, tag) ?? null);
    return counters;
  }
}

function requestFigures(id: number, traffic: Traffic, seconds: number) {
  const { requests, failures, latencies } = traffic;
  const [p50, p90, p99] = requests === 0 ? NONE : latencies.quantiles(QUANTILES);
  traffic.clear();
  return { id, rps: rate(requests, seconds), errors: shareOf(failures, requests), p50: p50!, p90: p90!, p99: p99! };
}

const NONE: readonly (number | null)[] = [null, null, null];
const NO_LATENCIES = new Latencies();

function copyOf(latencies: Latencies): Latencies {
  const copy = new Latencies();
  copy.addAll(latencies);
  return copy;
}
