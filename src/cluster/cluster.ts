/** One cluster on one worker, made when it is first used: its hosts, balancer, limits, statistics and pools. */
import { Http1ClientConnection } from '../http/h1/client-connection.ts';
import { Http1Stats } from '../http/h1/stats.ts';
import { Http2ClientConnection } from '../http/h2/client-connection.ts';
import { Http2Stats } from '../http/h2/stats.ts';
import { ClientSideWeights } from '../lb/client-side-weights.ts';
import { HashBalancer } from '../lb/hash/hash-balancer.ts';
import { type FailureReporter, HOST_CELLS, type Host, type Locality } from '../lb/host.ts';
import type { HostMonitor } from '../lb/host-monitor.ts';
import { type HostSet, type HostSetOptions, makeHostSet } from '../lb/host-set.ts';
import type { LoadBalancer } from '../lb/load-balancer.ts';
import type { LocalCluster } from '../lb/locality/zone-routing.ts';
import type { SharedSlab } from '../lb/shared-slab.ts';
import { SubsetBalancer } from '../lb/subset/subset-balancer.ts';
import type { Address } from '../net/address.ts';
import { BREAKER_CELLS, CircuitBreaker } from '../resilience/circuit-breaker.ts';
import { buildErrorMatcher } from '../resilience/outlier/error-matcher.ts';
import type { Detection } from '../resilience/outlier/monitor-cells.ts';
import { SlabMonitor } from '../resilience/outlier/slab-monitor.ts';
import type { Clock } from '../runtime/clock.ts';
import { NEVER_OVERLOADED, type OverloadState } from '../runtime/overload.ts';
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { StatsScope } from '../stats/scope.ts';
import { NO_SECRETS, type SecretSource } from '../tls/secrets.ts';
import { AggregateBalancer } from './aggregate.ts';
import type { Cluster, HttpPool, LbContext, TcpClient, TcpConnect } from './api.ts';
import { makeBalancer } from './balancer.ts';
import { CLUSTER_CELLS, clusterBlockCells, hostCells, requestWindow } from './block.ts';
import { ClusterStats } from './cluster-stats.ts';
import type { DnsCaches } from './dns-cache/dns-caches.ts';
import { ForwardProxyBalancer } from './forward-proxy.ts';
import type { HashTables } from './hash-tables.ts';
import { changeHosts, changeHostsInPieces, type HostTarget, type ToldHosts } from './host-change.ts';
import { changedList, type HostDelta } from './host-delta.ts';
import { type HostRecord, type HostUpdate, recordAddress, staticHosts } from './host-update.ts';
import { NamedHosts } from './named-hosts.ts';
import { OriginalDstBalancer } from './original-dst.ts';
import type { OwnHostsBalancer } from './own-hosts.ts';
import type { PackedHosts } from './packed-hosts.ts';
import { ByteMeter } from './pool/byte-meter.ts';
import { type ConnectAttempt, type ConnectListener, type Connector, connectSocket } from './pool/connect.ts';
import { HostConnector } from './pool/host-connector.ts';
import { newHttpPool } from './pool/new-pool.ts';
import type { ClientCodecFactory, ClusterPool, Http2CodecFactory, PoolOwner } from './pool/pool-owner.ts';
import { NO_NAMES, nameKey, namesFromConnection, namesFromRequest, type ServerNames } from './pool/server-names.ts';
import { TcpConnecting } from './pool/tcp-connect.ts';
import { PooledHost, placeHost } from './pooled-host.ts';
import { preconnectAhead } from './predictive.ts';
import { type ClusterSettings, makesOwnHosts, type UpstreamHttpSettings } from './settings.ts';
import { announcesClients, proxyProtocolOf, TransportSockets, usesTls } from './transport-sockets.ts';

export interface ClusterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  readonly rootScope: StatsScope;
  readonly slab: SharedSlab;
  /** Absent: none have a name. */
  readonly secrets?: SecretSource | undefined;
  /** Absent = no overload manager. */
  readonly overload?: OverloadState;
  /** Absent: forward proxies have no hosts. */
  readonly dnsCaches?: DnsCaches;
  /** Tests replace it. */
  readonly connect?: Connector;
  /** Outlier detection's way to the control thread. Absent: hosts are not watched. */
  readonly outliers?: OutlierReports | undefined;
  /** A subset of a cluster with consistent hashing is in use on this worker from now on. Absent: the worker makes all tables of subsets. */
  askForHashTables?(cluster: string, clusterId: number, subset: string): void;
  /** A response said that its host is failing; `slot`: the host's cells. Absent: nobody wants to know. */
  reportFailing?(cluster: string, clusterId: number, slot: number): void;
}

/** @param id of the cluster's settings, so that what comes late for others is dropped */
export interface OutlierReports {
  /** The cluster is in use on this worker from now on. */
  watch(cluster: string, id: number): void;
  /** @param slot offset of the host's cells */
  report(cluster: string, id: number, slot: number, detection: Detection): void;
}

/** Where a cluster stands among localities. */
export interface ClusterPlace {
  /** The proxy's own locality; null = not told. */
  readonly locality: Locality | null;
  /** The cluster of this proxy and its siblings; null = none, or this is the one. */
  readonly localCluster: LocalCluster | null;
  readonly isLocal: boolean;
  /** Another cluster, for an aggregate. */
  readonly resolve: (name: string) => WorkerCluster | null;
}

const NO_PLACE: ClusterPlace = Object.freeze({ locality: null, localCluster: null, isLocal: false, resolve: () => null });

export { CLUSTER_CELLS, clusterBlockCells };

export class WorkerCluster implements Cluster, PoolOwner, FailureReporter, HostTarget {
  readonly name: string;
  readonly id: number;
  readonly settings: ClusterSettings;
  readonly stats: ClusterStats;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly clock: Clock;
  readonly overload: OverloadState;
  readonly byteMeter: ByteMeter;
  readonly #connector: HostConnector;
  /** null = plain text to every host. */
  readonly #transportSockets: TransportSockets | null;
  /** Some host is told whom a connection is for. */
  readonly #announces: boolean;
  readonly connectTimeoutMs: number;
  readonly perHostMaxConnections: number;
  readonly preconnectRatio: number;
  readonly http: UpstreamHttpSettings;
  readonly newHttp1Codec: ClientCodecFactory;
  readonly newHttp2Codec: Http2CodecFactory;
  readonly #cells: Int32Array;
  readonly #sharedCells: Int32Array;
  readonly #deps: ClusterDeps;
  readonly #ledger: Int32Array | null;
  readonly #defaultBreaker: CircuitBreaker;
  readonly #highBreaker: CircuitBreaker;
  readonly balancer: LoadBalancer;
  /** Share of the requests that is refused, 0 to 1 (drop_overloads). */
  dropOverload: number;
  /** Another number with every change of `hostSets`. */
  setsVersion = 0;
  readonly #pools: Set<ClusterPool>;
  readonly #setOptions: HostSetOptions;
  readonly #newMonitor: ((slot: number) => HostMonitor) | null;
  #sets: readonly HostSet[];
  #http1Stats: Http1Stats | null = null;
  #http2Stats: Http2Stats | null = null;
  #hashTables: HashTables | null = null;
  readonly #named: NamedHosts;
  readonly loadReports: ClientSideWeights | null;
  /** HostUpdate.version of the hosts of now. */
  hostsVersion = 0;

  /** @param place where the cluster stands among localities */
  constructor(settings: ClusterSettings, id: number, deps: ClusterDeps, place: ClusterPlace = NO_PLACE) {
    this.name = settings.name;
    this.id = id;
    this.settings = settings;
    const statName = settings.altStatName === '' ? settings.name : settings.altStatName;
    this.stats = new ClusterStats(deps.rootScope.tagged('cluster', 'envoy.cluster_name', statName.replaceAll(':', '_')));
    this.stats.ownZone = place.locality?.zone ?? '';
    this.stats.track(settings.trackTimeoutBudgets, settings.trackSizes);
    this.metadata = settings.metadata;
    this.dropOverload = settings.dropOverload;
    this.clock = deps.clock;
    this.overload = deps.overload ?? NEVER_OVERLOADED;
    this.byteMeter = new ByteMeter(deps.clock);
    this.#announces = announcesClients(settings);
    this.#transportSockets = usesTls(settings) ? new TransportSockets(settings, this.stats.scope, deps.secrets ?? NO_SECRETS) : null;
    this.#connector = new HostConnector(settings, deps.connect ?? connectSocket, this.#transportSockets, deps.clock, this.stats);
    this.connectTimeoutMs = settings.connectTimeoutMs;
    this.perHostMaxConnections = settings.perHostMaxConnections;
    this.preconnectRatio = settings.preconnectRatio;
    this.http = settings.http;
    this.newHttp1Codec = (connection, callbacks) => new Http1ClientConnection(connection, settings.http.http1, callbacks);
    this.newHttp2Codec = (connection, callbacks) => {
      this.#http2Stats ??= new Http2Stats(this.stats.scope);
      return new Http2ClientConnection(connection, settings.http.http2!, callbacks, this.#http2Stats, deps.clock, deps.random);
    };

    const cellCount = clusterBlockCells(settings);
    const block = deps.slab.block(id, cellCount);
    this.#sharedCells = deps.slab.cells;
    this.#deps = deps;
    this.#ledger = deps.slab.ledger;
    // A full slab: limits and loads then hold per worker.
    this.#cells = block < 0 ? new Int32Array(cellCount) : deps.slab.cells;
    const base = Math.max(block, 0);
    const breaker = (priority: 0 | 1) =>
      new CircuitBreaker(
        this.#cells,
        base + priority * BREAKER_CELLS,
        settings.breakers[priority],
        deps.runtime,
        'circuit_breakers.' + settings.name + (priority === 0 ? '.default.' : '.high.'),
        block < 0 ? null : deps.slab.ledger,
        requestWindow(settings, priority, this.#cells, block, deps.clock),
      );
    this.#defaultBreaker = breaker(0);
    this.#highBreaker = breaker(1);
    this.#pools = new Set();
    this.#named = new NamedHosts(settings.balancer);
    const weights = settings.balancer.clientSideWeights;
    const hostsNow = () => this.#sets.map((set) => set.hosts);
    this.loadReports = weights === null ? null : new ClientSideWeights(weights, deps.clock, hostsNow, () => this.refreshHealth());
    this.#newMonitor = this.#monitors(deps);
    this.#sets = [];
    this.#setOptions = {
      weightedPriorityHealth: settings.weightedPriorityHealth,
      byLocality: settings.balancer.locality.weighted || place.localCluster !== null || place.isLocal,
      local: place.locality,
    };
    this.balancer = this.#makeBalancer(deps, place);
    // Without hosts yet there is one empty priority, as in Envoy.
    if (settings.type === 'STATIC') changeHosts(this, staticHosts(settings, id, base + CLUSTER_CELLS, hostCells(settings)), this.#cells);
    else this.balancer.update([makeHostSet(0, [], settings.overprovisioningFactor)]);
  }

  circuitBreaker(priority: 0 | 1): CircuitBreaker {
    return priority === 0 ? this.#defaultBreaker : this.#highBreaker;
  }

  chooseHost(context: LbContext): Host | null {
    let host = this.#named.choose(context, this.hostSets);
    if (host === null && context.overrideHost?.strict !== true) host = this.balancer.chooseHost(context);
    if (host === null) this.stats.upstreamCxNoneHealthy.inc();
    return host;
  }

  httpPool(host: Host, priority: 0 | 1, context: LbContext): HttpPool | null {
    const pooled = host as PooledHost;
    if (pooled.owner !== this) return pooled.owner.httpPool(host, priority, context);
    const pool = this.#poolOf(pooled, priority, context);
    const ratio = this.settings.predictivePreconnectRatio;
    if (ratio > 1) preconnectAhead(ratio, this.#pools, () => this.#peekPool(priority, context));
    return pool;
  }

  /** Of the host that the next request will go to. */
  #peekPool(priority: 0 | 1, context: LbContext): ClusterPool | null {
    const host = this.balancer.peekHost?.(context) ?? null;
    return host === null ? null : this.#poolOf(host as PooledHost, priority, context);
  }

  #poolOf(pooled: PooledHost, priority: 0 | 1, context: LbContext): ClusterPool | null {
    const http2 = this.http.asDownstream ? context.streamInfo.protocol === 'HTTP/2' : this.http.http2 !== null;
    const requested = this.#transportSockets === null ? null : this.http.requestNames;
    const announced = this.#announces ? proxyProtocolOf(this.settings, pooled.metadata) : null;
    const names = namesFromRequest(requested, context, announced, this.settings.poolPerDownstream);
    if (names !== null) return pooled.named?.get(nameKey(names, priority, http2)) ?? this.#newPool(pooled, priority, http2, names);
    // Of a cluster that speaks what its clients speak, a host has pools of both kinds.
    if (http2 && this.http.asDownstream) {
      const pool = priority === 0 ? pooled.defaultHttp2Pool : pooled.highHttp2Pool;
      return pool ?? this.#newPool(pooled, priority, true);
    }
    const pool = priority === 0 ? pooled.defaultPool : pooled.highPool;
    return pool ?? this.#newPool(pooled, priority, http2);
  }

  connectTcp(host: Host, priority: 0 | 1, client: TcpClient, context: LbContext): TcpConnect {
    const pooled = host as PooledHost;
    if (pooled.owner !== this) return pooled.owner.connectTcp(host, priority, client, context);
    const announced = this.#announces ? proxyProtocolOf(this.settings, pooled.metadata) : null;
    const connecting = new TcpConnecting(host, priority, this, client, namesFromConnection(context.downstream, announced));
    if (this.settings.closeConnectionsOnHostHealthFailure) connecting.joinHost(pooled);
    return connecting;
  }

  nameHttp1Stats(): void {
    this.#http1Stats ??= new Http1Stats(this.stats.scope);
  }

  connectHost(host: Host, listener: ConnectListener, names: ServerNames, alpn: readonly string[]): ConnectAttempt {
    return this.#connector.connect(host as PooledHost, listener, names, alpn);
  }

  /** Hosts by priority, as balancing sees them now. */
  get hostSets(): readonly HostSet[] {
    return this.#sets;
  }

  /** Hosts that were made from traffic: only this worker knows of them. */
  get ownHosts(): readonly Host[] {
    return makesOwnHosts(this.settings.type) ? (this.balancer as OwnHostsBalancer).hosts() : [];
  }

  /** The control thread found other hosts, or other health or weights. */
  applyHosts(update: HostUpdate): void {
    changeHosts(this, update, this.#sharedCells);
  }

  reportFailing(host: Host): void {
    if (host.cells === this.#sharedCells) this.#deps.reportFailing?.(this.name, this.id, host.base);
  }

  /** Tables of consistent hashing, if they are for the hosts of now. */
  useHashTables(tables: HashTables): void {
    this.#hashTables = tables;
    this.#bindHashTables();
  }

  /** Health words in the slab have changed: the lists are sorted again. */
  refreshHealth(): void {
    for (const { hosts } of this.#sets) for (const host of hosts as readonly PooledHost[]) this.#onHealth(host);
    this.#update(
      this.#sets.map((set) => {
        const { priority, hosts, overprovisioningFactor, weightedPriorityHealth } = set;
        return makeHostSet(priority, hosts, overprovisioningFactor, { ...this.#setOptions, weightedPriorityHealth });
      }),
    );
  }

  /** The hosts of the local cluster have changed. */
  refreshZones(): void {
    this.balancer.update(this.#sets);
  }

  /** The cluster is gone: requests in flight end, idle connections close. */
  drain(): void {
    this.loadReports?.stop();
    for (const pool of [...this.#pools]) pool.drain();
    if (makesOwnHosts(this.settings.type)) (this.balancer as OwnHostsBalancer).stop();
  }

  /** Ends everything at once. */
  close(): void {
    this.loadReports?.stop();
    for (const pool of [...this.#pools]) pool.close();
    if (makesOwnHosts(this.settings.type)) (this.balancer as OwnHostsBalancer).stop();
  }

  /** @returns false if its hosts are here already */
  applyDelta(delta: HostDelta): boolean {
    if (!this.#isNext(delta)) return false;
    const gone: PooledHost[] = [];
    let changed = false;
    const lists = delta.priorities.map((change, priority) => {
      const before = (this.#sets[priority]?.hosts ?? []) as readonly PooledHost[];
      const slots = new Set(change.removed);
      if (slots.size > 0) for (const host of before) if (slots.has(host.base)) gone.push(host);
      return changedList(
        before,
        change,
        (host) => host.base,
        (record, known) => {
          changed ||= known === null;
          return placeHost(known ?? this.newHost(record, this.#sharedCells), record, priority);
        },
      );
    });
    this.replaceHosts(lists, delta, gone, changed || gone.length > 0);
    return true;
  }

  /** @param wanted false: the cluster is gone @returns null when done */
  applyPacked(packed: PackedHosts, wanted: () => boolean): Promise<void> | null {
    return this.#isNext(packed) ? changeHostsInPieces(this, packed, this.#sharedCells, wanted) : null;
  }

  /** @throws if the hosts are not those that the change builds on */
  #isNext({ from, version }: HostDelta | PackedHosts): boolean {
    if (from < 0) return version !== this.hostsVersion;
    if (version <= this.hostsVersion) return false;
    if (from !== this.hostsVersion) throw new Error(`hosts of ${this.name}: ${from} are to change, ${this.hostsVersion} are here`);
    return true;
  }

  replaceHosts(lists: readonly PooledHost[][], told: ToldHosts, gone: readonly PooledHost[], members: boolean): void {
    this.hostsVersion = told.version;
    this.dropOverload = told.dropOverload;
    const options = { ...this.#setOptions, weightedPriorityHealth: told.weightedPriorityHealth };
    this.#update(lists.map((hosts, priority) => makeHostSet(priority, hosts, told.overprovisioningFactor, options)));
    this.#bindHashTables();
    for (const host of gone) this.#dropHost(host);
    if (members && this.settings.closeConnectionsOnHostSetChange) for (const pool of [...this.#pools]) pool.drainConnections();
  }

  #update(sets: readonly HostSet[]): void {
    this.#sets = sets;
    this.setsVersion++;
    this.balancer.update(sets);
  }

  #makeBalancer(deps: ClusterDeps, place: ClusterPlace): LoadBalancer {
    const { settings, stats } = this;
    const { clock, random, runtime, slab } = deps;
    if (settings.type === 'ORIGINAL_DST') {
      const make = (address: Address, cells: Int32Array, slot: number) =>
        new PooledHost(address, settings.name + address.text, cells, slot, this.#ledgerOf(cells), this);
      return new OriginalDstBalancer(settings.originalDst, stats, clock, slab, make, (host) => this.#dropHost(host as PooledHost));
    }
    if (settings.forwardProxy !== null) {
      const cache = deps.dnsCaches!.get(settings.forwardProxy.cache);
      const make = (name: string, address: Address, cells: Int32Array, slot: number) =>
        new PooledHost(address, name, cells, slot, this.#ledgerOf(cells), this);
      return new ForwardProxyBalancer(cache, settings.tls !== null, slab, make, (host) => this.#dropHost(host as PooledHost));
    }
    const shared = {
      clock,
      random,
      runtime,
      panicThreshold: settings.panicThreshold,
      locality: settings.balancer.locality,
      localCluster: place.localCluster,
      healthyPanic: stats.lbHealthyPanic,
      scope: stats.scope,
    };
    if (settings.type === 'AGGREGATE') return new AggregateBalancer(settings.children, place.resolve, shared);
    const ask = (subset: string) => deps.askForHashTables?.(settings.name, this.id, subset);
    return makeBalancer(settings.balancer, () => this.#activeRequests, shared, ask);
  }

  #bindHashTables(): void {
    const tables = this.#hashTables;
    if (tables === null || tables.id !== this.id || tables.version !== this.hostsVersion) return;
    if (this.balancer instanceof HashBalancer) this.balancer.useTables(tables.priorities);
    else if (this.balancer instanceof SubsetBalancer && tables.subsets !== null) this.balancer.useTables(tables.subsets);
  }

  /** Requests in flight from all workers. */
  get #activeRequests(): number {
    return this.#defaultBreaker.requests.count + this.#highBreaker.requests.count;
  }

  newHost(record: HostRecord, cells: Int32Array): PooledHost {
    if (record.slot < 0) return new PooledHost(recordAddress(record), record.hostname, new Int32Array(HOST_CELLS), 0, null, this);
    const host = new PooledHost(recordAddress(record), record.hostname, cells, record.slot, this.#ledgerOf(cells), this);
    if (this.#newMonitor !== null && cells === this.#sharedCells) host.monitor = this.#newMonitor(record.slot);
    if (this.settings.healthCheck !== null) host.failureReporter = this;
    host.wasFailing = host.failing;
    return host;
  }

  /** Makes hosts' monitors; null where there is no outlier detection. ORIGINAL_DST hosts are known to one worker only, and chosen whatever their health. */
  #monitors({ outliers, runtime }: ClusterDeps): ((slot: number) => HostMonitor) | null {
    const { outlier, outlierErrors, type } = this.settings;
    if (outlier === null || outliers === undefined || makesOwnHosts(type)) return null;
    const { name, id } = this;
    outliers.watch(name, id);
    const shared = {
      settings: outlier,
      errors: outlierErrors === null ? null : buildErrorMatcher(outlierErrors),
      runtime,
      report: (slot: number, detection: Detection) => outliers.report(name, id, slot, detection),
    };
    return (slot) => new SlabMonitor(shared, this.#sharedCells, slot, slot + HOST_CELLS);
  }

  /** As in Envoy a host that has begun to fail gets new connections: the fault may lie with the old ones' way to it. */
  #onHealth(host: PooledHost): void {
    const { failing } = host;
    if (failing === host.wasFailing) return;
    host.wasFailing = failing;
    if (!failing) return;
    host.eachPool((pool) => pool.drainConnections());
    for (const connecting of host.tcp ?? []) connecting.close();
  }

  #ledgerOf(cells: Int32Array): Int32Array | null {
    return cells === this.#sharedCells ? this.#ledger : null;
  }

  #dropHost(host: PooledHost): void {
    host.member = false;
    host.eachPool((pool) => pool.drain());
  }

  #newPool(host: PooledHost, priority: 0 | 1, http2: boolean, names: ServerNames | null = null): ClusterPool | null {
    const pools = this.circuitBreaker(priority).connectionPools;
    if (!pools.tryInc() && !(this.#reclaimPool() && pools.tryInc())) {
      this.stats.upstreamCxPoolOverflow.inc();
      return null;
    }
    const onEmpty = (empty: ClusterPool): void => {
      if (!this.#pools.delete(empty)) return;
      pools.dec();
      host.forgetPool(empty);
    };
    const pool = newHttpPool(host, priority, this, onEmpty, names ?? NO_NAMES, http2);
    this.#pools.add(pool);
    if (names !== null) {
      host.named ??= new Map();
      host.named.set(nameKey(names, priority, http2), pool);
      return pool;
    }
    host.keepPool(pool, priority, http2 && this.http.asDownstream);
    return pool;
  }

  /** Closes one pool that has only idle connections, to make room for another. */
  #reclaimPool(): boolean {
    for (const pool of this.#pools) {
      if (!pool.idle) continue;
      pool.close();
      return true;
    }
    return false;
  }
}
