/** All clusters of one worker. Settings come packed; a cluster is made when a request first asks for it. */
import type { ToldLoad } from '../lb/client-side-weights.ts';
import type { Host, HostCounts, Locality } from '../lb/host.ts';
import { makeHostSet } from '../lb/host-set.ts';
import type { LocalCluster } from '../lb/locality/zone-routing.ts';
import { SharedSlab } from '../lb/shared-slab.ts';
import type { ClusterManager } from './api.ts';
import { ClusterCatalog, type PackedCluster, unpackSettings } from './catalog.ts';
import { type ClusterDeps, type ClusterPlace, WorkerCluster } from './cluster.ts';
import type { DnsCache } from './dns-cache/dns-cache.ts';
import type { DnsCacheSettings } from './dns-cache/settings.ts';
import type { HashTables } from './hash-tables.ts';
import { applyDelta, type HostDelta, type HostMessage } from './host-delta.ts';
import type { HostUpdate } from './host-update.ts';
import { type PackedHosts, packUpdate, unpackDelta, unpackUpdate } from './packed-hosts.ts';
import type { PooledHost } from './pooled-host.ts';
import { type DiscoveryType, makesOwnHosts } from './settings.ts';

/** A host that only one worker knows of. */
export interface OwnHostSnapshot {
  /** Of a forward proxy's host; '' = the cluster's name with the address. */
  readonly hostname: string;
  readonly address: string;
  readonly counts: HostCounts;
}

/** What the proxy knows of its own place. */
export interface OwnPlace {
  /** cluster_manager.local_cluster_name; ''. */
  readonly localClusterName: string;
  /** node.locality; null = not told. */
  readonly locality: Locality | null;
}

const NOWHERE: OwnPlace = Object.freeze({ localClusterName: '', locality: null });
const NO_HOSTS = makeHostSet(0, [], 140);

/** Hosts of a cluster that is not made yet. */
interface WaitingHosts {
  version: number;
  readonly whole: PackedHosts;
  /** What has changed since. The control thread tells the whole again before they are many. */
  readonly changes: (HostDelta | PackedHosts)[];
}

export class WorkerClusterManager implements ClusterManager {
  readonly #own: OwnPlace;
  readonly #localCluster: LocalCluster;
  readonly #deps: ClusterDeps;
  readonly #catalog: ClusterCatalog;
  readonly #clusters: Map<string, WorkerCluster>;
  /** Last hosts of clusters that are not made yet, as text: most never will be. */
  readonly #waitingHosts: Map<string, WaitingHosts>;
  /** Clusters whose hosts are being changed piece by piece; what comes meanwhile waits. */
  readonly #changing: Map<WorkerCluster, Promise<void>>;
  /** Last tables of consistent hashing: the memory is shared with the control thread. */
  readonly #hashTables: Map<string, HashTables>;

  /** @param block ClusterRegistry.block of the control thread */
  constructor(deps: ClusterDeps, block: SharedArrayBuffer | null = null, own: OwnPlace = NOWHERE) {
    this.#deps = deps;
    this.#own = own;
    const local = () => this.get(own.localClusterName)?.hostSets[0] ?? NO_HOSTS;
    this.#localCluster = {
      get hostSet() {
        return local();
      },
    };
    this.#catalog = new ClusterCatalog(block);
    this.#clusters = new Map();
    this.#waitingHosts = new Map();
    this.#changing = new Map();
    this.#hashTables = new Map();
  }

  get(name: string): WorkerCluster | null {
    return this.#clusters.get(name) ?? this.#make(name);
  }

  get localClusterSize(): number {
    const name = this.#own.localClusterName;
    let size = 0;
    for (const set of name === '' ? [] : (this.get(name)?.hostSets ?? [])) size += set.hosts.length;
    return size;
  }

  dnsCache(settings: DnsCacheSettings): DnsCache {
    return this.#deps.dnsCaches!.get(settings);
  }

  /** Clusters made so far. */
  get active(): IterableIterator<WorkerCluster> {
    return this.#clusters.values();
  }

  /** Adds a cluster or changes its settings. One that comes unchanged is left alone: nothing drains. */
  addOrUpdate(cluster: PackedCluster): void {
    const before = this.#catalog.get(cluster.name);
    if (before !== null && before.json === cluster.json) return;
    this.#catalog.set(cluster);
    this.#waitingHosts.delete(cluster.name);
    if (this.#hashTables.get(cluster.name)?.id !== cluster.id) this.#hashTables.delete(cluster.name);
    this.#retire(cluster.name);
    this.#hostsChanged(cluster.name);
  }

  remove(name: string): void {
    if (!this.#catalog.delete(name)) return;
    this.#waitingHosts.delete(name);
    this.#hashTables.delete(name);
    this.#retire(name);
  }

  /** The control thread has made tables; those for a list of hosts come before the hosts. */
  applyHashTables(tables: HashTables): void {
    this.#hashTables.set(tables.cluster, tables);
    this.#clusters.get(tables.cluster)?.useHashTables(tables);
  }

  /** @returns null if it is done; many hosts for a cluster in use are made a few in each turn of the event loop */
  applyHostUpdate(message: HostMessage): Promise<void> | null {
    if (this.#catalog.id(message.cluster) !== message.id) return null;
    const cluster = this.#clusters.get(message.cluster);
    if (cluster === undefined) {
      this.#keep(message);
      return null;
    }
    const before = this.#changing.get(cluster);
    const change = before === undefined ? this.#change(cluster, message) : before.then(() => this.#change(cluster, message) ?? undefined);
    if (change === null) return null;
    const settled: Promise<void> = change
      .catch(() => undefined)
      .then(() => {
        if (this.#changing.get(cluster) === settled) this.#changing.delete(cluster);
      });
    this.#changing.set(cluster, settled);
    return change;
  }

  #change(cluster: WorkerCluster, message: HostMessage): Promise<void> | null {
    const isCurrent = () => this.#clusters.get(cluster.name) === cluster;
    if (!isCurrent()) return null;
    if ('packed' in message) {
      const pieces = cluster.applyPacked(message, isCurrent);
      if (pieces !== null) return pieces.then(() => this.#hostsChanged(cluster.name));
    } else if (!('from' in message)) cluster.applyHosts(message);
    else if (!cluster.applyDelta(message)) return null;
    this.#hostsChanged(cluster.name);
    return null;
  }

  /** For a cluster that nobody has used. */
  #keep(message: HostMessage): void {
    const { cluster, version } = message;
    if (!('from' in message) || message.from < 0) {
      const whole = 'packed' in message ? message : packUpdate(message as HostUpdate);
      this.#waitingHosts.set(cluster, { version, whole, changes: [] });
      return;
    }
    const waiting = this.#waitingHosts.get(cluster);
    // It has been told with the cluster itself already.
    if (waiting === undefined || version <= waiting.version) return;
    waiting.changes.push(message);
    waiting.version = version;
  }

  /** Hosts have told the control thread of their load. */
  applyLoads(name: string, id: number, loads: readonly ToldLoad[]): void {
    const cluster = this.#clusters.get(name);
    if (cluster?.id === id) cluster.loadReports?.onTold(loads);
  }

  /** The slab's health words of `name` have changed. */
  refreshHealth(name: string): void {
    this.#clusters.get(name)?.refreshHealth();
    this.#hostsChanged(name);
  }

  /** What the control thread cannot read from the slab by itself: hosts of ORIGINAL_DST clusters, by cluster name. Plain data. */
  snapshot(): Record<string, OwnHostSnapshot[]> {
    const all: Record<string, OwnHostSnapshot[]> = {};
    for (const cluster of this.#clusters.values()) {
      const hosts = cluster.ownHosts;
      if (hosts.length > 0) all[cluster.name] = hosts.map((host) => snapshotOf(host, cluster.settings.type));
    }
    return all;
  }

  /** Ends every upstream connection. */
  close(): void {
    for (const cluster of this.#clusters.values()) cluster.close();
  }

  /**
   * A cluster with the settings, hosts and limits of `name` that nothing else knows: what it is asked leaves no trace but in `deps`.
   * null = unknown cluster.
   */
  copy(name: string, deps: Pick<ClusterDeps, 'clock' | 'random' | 'rootScope'>): WorkerCluster | null {
    const packed = this.#catalog.get(name);
    if (packed === null) return null;
    const settings = unpackSettings(packed.json);
    // Cells that all workers share are read, but none are taken: not by an unused cluster, nor for hosts that ORIGINAL_DST makes when asked.
    const unused = settings.type === 'STATIC' && this.#deps.slab.find(packed.id) < 0;
    const slab = unused || makesOwnHosts(settings.type) ? SharedSlab.create(1 << 12, 1 << 4) : this.#deps.slab;
    const copies = new Map<string, WorkerCluster | null>();
    const resolve = (child: string) => {
      if (!copies.has(child)) copies.set(child, this.copy(child, deps));
      return copies.get(child)!;
    };
    const copy = new WorkerCluster(
      settings,
      packed.id,
      { ...this.#deps, ...deps, slab, outliers: undefined, askForHashTables: () => undefined },
      this.#placeOf(name, resolve),
    );
    const tables = this.#hashTables.get(name);
    if (tables !== undefined) copy.useHashTables(tables);
    if (settings.type === 'STATIC' || makesOwnHosts(settings.type)) return copy;
    const waiting = this.#waitingHosts.get(name);
    const live = this.#clusters.get(name);
    if (waiting !== undefined) copy.applyHosts(hostsWaiting(waiting));
    else if (live !== undefined) copy.applyHosts(hostsOf(live, slab));
    return copy;
  }

  readonly #resolve = (name: string): WorkerCluster | null => this.get(name);

  #make(name: string): WorkerCluster | null {
    const packed = this.#catalog.get(name);
    if (packed === null) return null;
    const cluster = new WorkerCluster(unpackSettings(packed.json), packed.id, this.#deps, this.#placeOf(name, this.#resolve));
    this.#clusters.set(name, cluster);
    const tables = this.#hashTables.get(name);
    if (tables !== undefined) cluster.useHashTables(tables);
    const hosts = this.#waitingHosts.get(name);
    if (hosts !== undefined) {
      this.#waitingHosts.delete(name);
      cluster.applyHosts(hostsWaiting(hosts));
    }
    return cluster;
  }

  #placeOf(name: string, resolve: ClusterPlace['resolve']): ClusterPlace {
    const { localClusterName, locality } = this.#own;
    const isLocal = localClusterName !== '' && name === localClusterName;
    return { locality, localCluster: localClusterName === '' || isLocal ? null : this.#localCluster, isLocal, resolve };
  }

  /** How many proxies there are in each zone is what zone-aware routing goes by. */
  #hostsChanged(name: string): void {
    if (name !== this.#own.localClusterName || name === '') return;
    for (const cluster of this.#clusters.values()) if (cluster.name !== name) cluster.refreshZones();
  }

  #retire(name: string): void {
    const cluster = this.#clusters.get(name);
    if (cluster === undefined) return;
    this.#clusters.delete(name);
    cluster.drain();
  }
}

function snapshotOf(host: Host, type: DiscoveryType): OwnHostSnapshot {
  return { hostname: type === 'FORWARD_PROXY' ? host.hostname : '', address: host.address.text, counts: host.counts() };
}

function hostsWaiting({ whole, changes }: WaitingHosts): HostUpdate {
  const deltas = changes.map((change) => ('packed' in change ? unpackDelta(change) : change));
  return deltas.reduce(applyDelta, unpackUpdate(whole));
}

/** The hosts that a cluster has now, as an update that would bring it to them. */
function hostsOf(cluster: WorkerCluster, slab: SharedSlab): HostUpdate {
  const priorities = cluster.hostSets.map(({ hosts }) => ({
    hosts: hosts.map((host) => ({
      ip: host.address.ip,
      port: host.address.port,
      path: host.address.path,
      hostname: host.hostname,
      weight: host.weight,
      health: host.endpointHealth,
      metadata: host.metadata,
      locality: host.locality,
      localityWeight: host.localityWeight,
      additional: (host as PooledHost).others?.map(({ text }) => text) ?? [],
      check: null,
      slot: host.cells === slab.cells ? host.base : -1,
    })),
  }));
  const { overprovisioningFactor, weightedPriorityHealth } = cluster.hostSets[0] ?? cluster.settings;
  return {
    cluster: cluster.name,
    id: cluster.id,
    priorities,
    overprovisioningFactor,
    weightedPriorityHealth,
    dropOverload: cluster.dropOverload,
    version: cluster.hostsVersion,
  };
}
