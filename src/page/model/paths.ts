/** The ways that workers count requests by, and what of the graph each one is. */
import type { PathBatch, PathDefinition } from '../worker/path-counts.ts';
import type { WorkerSample } from '../worker/recorder.ts';
import type { ClusterNode } from './clusters.ts';
import type { HostNode } from './hosts.ts';
import type { EdgeNode, ListenerNode, Topology } from './topology.ts';

class Path {
  readonly definition: PathDefinition;
  /** Topology.generation that the rest is of; -1 = not looked for yet. */
  generation = -1;
  listener: ListenerNode | null = null;
  toRoute: EdgeNode | null = null;
  toCluster: EdgeNode | null = null;
  cluster: ClusterNode | null = null;
  host: HostNode | null = null;

  constructor(definition: PathDefinition) {
    this.definition = definition;
  }
}

export class Paths {
  readonly #topology: Topology;
  readonly #cluster: (name: string) => ClusterNode | null;
  /** By worker. */
  readonly #workers = new Map<number, { readonly epoch: number; readonly paths: Path[] }>();

  constructor(topology: Topology, cluster: (name: string) => ClusterNode | null) {
    this.#topology = topology;
    this.#cluster = cluster;
  }

  /** Adds what a worker has counted to the nodes and edges that it went by. */
  add({ worker, paths: batch }: WorkerSample): void {
    if (batch === null) return;
    let known = this.#workers.get(worker);
    if (known === undefined || known.epoch !== batch.epoch) {
      known = { epoch: batch.epoch, paths: [] };
      this.#workers.set(worker, known);
    }
    for (const definition of batch.paths) known.paths.push(new Path(definition));
    addMoved(batch, (id) => this.#resolved(known.paths[id]));
  }

  #resolved(path: Path | undefined): Path | null {
    if (path === undefined) return null;
    const topology = this.#topology;
    // A host may have come after the first request that went to it.
    if (path.generation === topology.generation && (path.host !== null || path.definition.host === '')) return path;
    path.generation = topology.generation;
    const { definition } = path;
    const route = topology.route(definition.route).part.id;
    path.listener = topology.listeners.get(definition.listener) ?? null;
    path.toRoute = path.listener === null ? null : topology.edge(path.listener.part.id, route);
    path.cluster = definition.cluster === '' ? null : this.#cluster(definition.cluster);
    path.toCluster = path.cluster === null ? null : topology.edge(route, path.cluster.part.id, definition.shadow);
    path.host = path.cluster?.hostAt(definition.host) ?? null;
    return path;
  }
}

function addMoved({ moved }: PathBatch, pathOf: (id: number) => Path | null): void {
  for (let at = 0; at < moved.length; ) {
    const path = pathOf(moved[at]!);
    const requests = moved[at + 1]!;
    const failures = moved[at + 2]!;
    const grpcFailures = moved[at + 3]!;
    at += 4;
    const totals = moved[at]!;
    const upstream = moved[at + 1 + 2 * totals]!;
    if (path !== null) {
      if (path.definition.shadow) {
        if (path.toCluster !== null) path.toCluster.traffic.requests += requests;
        if (path.cluster !== null) path.cluster.shadows += requests;
      } else {
        for (const { traffic } of [path.listener, path.toRoute, path.toCluster].filter((node) => node !== null)) {
          traffic.requests += requests;
          traffic.failures += failures;
          for (let i = 0, bin = at + 1; i < totals; i++, bin += 2) traffic.latencies.add(moved[bin]!, moved[bin + 1]!);
        }
        if (path.cluster !== null) path.cluster.grpcFailures += grpcFailures;
        for (let i = 0, bin = at + 2 + 2 * totals; i < upstream; i++, bin += 2) {
          path.cluster?.latencies.add(moved[bin]!, moved[bin + 1]!);
          path.host?.addLatency(moved[bin]!, moved[bin + 1]!);
        }
      }
    }
    at += 2 + 2 * totals + 2 * upstream;
  }
}
