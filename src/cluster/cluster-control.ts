/** Clusters on the control thread: discovery, membership, and what admin and statistics show. Nothing here is in a request's path. */
import type { FormatEnvironment } from '../http/format/operator.ts';
import type { ClientSideWeightSettings, ToldLoad } from '../lb/client-side-weights.ts';
import type { SharedSlab } from '../lb/shared-slab.ts';
import { type Clock, Timer } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { Counter, StatsScope } from '../stats/scope.ts';
import { NO_SECRETS, type SecretSource } from '../tls/secrets.ts';
import { CLUSTER_CELLS, clusterBlockCells, hostCells } from './block.ts';
import { type PackedCluster, unpackSettings } from './catalog.ts';
import { ControlGauges } from './control-gauges.ts';
import { HostBook, type KeyedHost, SlotPool } from './discovery/host-book.ts';
import { LogicalDns } from './discovery/logical-dns.ts';
import type { DnsResolver } from './discovery/resolver.ts';
import { StrictDns } from './discovery/strict-dns.ts';
import { UpdateStats } from './discovery/update-stats.ts';
import { HashTableMaker, type HashTables } from './hash-tables.ts';
import type { ClusterHealth } from './health-check/cluster-health.ts';
import type { EventLog } from './health-check/events.ts';
import { withHealthy } from './health-check/kept-hosts.ts';
import type { HealthCheckSettings } from './health-check/settings.ts';
import { assignmentPolicy, type HostUpdate, hostRecord, staticHosts } from './host-update.ts';
import type { ClusterLoadReports } from './load-reports/cluster-load-reports.ts';
import { OutlierControl } from './outlier-control.ts';
import { type PackedHosts, packUpdate } from './packed-hosts.ts';
import type { ClusterRegistry } from './registry.ts';
import {
  type AssignmentPolicy,
  type ClusterSettings,
  DEFAULT_ASSIGNMENT,
  type DefaultResolver,
  type DnsResolverOptions,
  type DnsSettings,
  type LocalitySettings,
  makesOwnHosts,
} from './settings.ts';
import { type Assignment, type ClusterView, clusterView, currentHosts, mergedHosts, type OwnHosts } from './status.ts';
import { UpdateMerger } from './update-merger.ts';

export interface ClusterControlDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  readonly slab: SharedSlab;
  /** Root scope of the control thread's own store. */
  readonly rootScope: StatsScope;
  /** @param servers "ip:port"; empty = the system's */
  newResolver(servers: readonly string[], options: DnsResolverOptions | null): DnsResolver;
  /** Of clusters that name none; absent = the system's. */
  readonly defaultResolver?: DefaultResolver;
  /** Tells every worker. */
  publish(update: HostUpdate): void;
  /** Tells every worker that health words of this cluster's hosts in the slab have changed. */
  publishHealth(cluster: string): void;
  /** Tells every worker. */
  publishTables?(tables: HashTables): void;
  /** Tells every worker what hosts of this cluster have said of their load. */
  publishLoads?(cluster: string, id: number, loads: readonly ToldLoad[]): void;
  /** For checks over TLS. Absent: none have a name. */
  readonly secrets?: SecretSource | undefined;
  /** What %OPERATORS% in headers of health checks read; null: there are no health checks. */
  readonly format?: FormatEnvironment;
  /** The file that health check events are written to. */
  openEventLog?(path: string): EventLog;
  /** What nobody expected to be thrown while a check was read. */
  onException?(error: unknown): void;
  /** A host has passed, or failed, an active check. */
  onHealthCheck?(cluster: string, slot: number, healthy: boolean): void;
  /** Takes lines of the outlier event log; null = there is none. */
  readonly writeOutlierEvent?: ((line: string) => void) | null;
}

/** Settings that the control thread has work with. */
const NOT_ONLY_ADDRESSES = /"(type|healthCheck|consistentHash)":|"outOfBand":\{/;

/** Up to this many clusters all have their gauges, used or not, as in Envoy; of more only those that have seen traffic or discovery. */
const SHOW_ALL_UP_TO = 1000;

/** Longer than any warming that ends. */
const HOLD_CELLS_MS = 60_000;

/** Up to this many clusters show all of Envoy's names even if unused: about a hundred names, some 30 KiB, each. */
const NAME_ALL_UP_TO = 100;

interface Discovered {
  readonly settings: ClusterSettings;
  readonly book: HostBook;
  readonly source: StrictDns | LogicalDns | null;
  /** As discovery last told them. */
  told: KeyedHost[][];
  /** And with those that stay because they are healthy. */
  kept: KeyedHost[][];
  /** Armed until they are too old to be used; null = they never are. */
  age: Timer | null;
}

export class ClusterControl {
  readonly #registry: ClusterRegistry;
  readonly #deps: ClusterControlDeps;
  readonly #slots: SlotPool;
  readonly outliers: OutlierControl;
  readonly #hashTables: HashTableMaker;
  readonly #merger: UpdateMerger;
  readonly #discovered = new Map<string, Discovered>();
  readonly #gauges = new Map<string, { readonly id: number; readonly gauges: ControlGauges }>();
  readonly #health = new Map<string, ClusterHealth>();
  readonly #reports = new Map<string, ClusterLoadReports>();
  readonly #viaApi = new Set<string>();
  /** Clusters whose hosts workers make from traffic. */
  readonly #ownHosts = new Set<string>();
  /** By servers: a resolver has sockets and tables of its own. */
  readonly #resolvers = new Map<string, DnsResolver>();

  constructor(registry: ClusterRegistry, deps: ClusterControlDeps) {
    this.#registry = registry;
    this.#deps = deps;
    this.#slots = new SlotPool(deps.slab);
    const { clock, random, runtime, slab } = deps;
    this.#merger = new UpdateMerger(clock, deps.rootScope.scope('cluster_manager'));
    this.outliers = new OutlierControl({
      ...{ clock, random, runtime, cells: slab.cells, writeEvent: deps.writeOutlierEvent ?? null },
      publishHealth: (cluster) => this.#publishHealth(cluster),
    });
    this.#hashTables = new HashTableMaker({ ...deps, publishTables: (tables) => deps.publishTables?.(tables) });
  }

  /** Begins discovery. Settles when every DNS name has been answered, or has failed, once. */
  async start(): Promise<void> {
    const ready: Promise<void>[] = [];
    for (const name of this.#registry.catalog.names()) {
      const packed = this.#registry.catalog.get(name)!;
      // STATIC is the default, and defaults are not packed: thousands of static clusters are not parsed here.
      if (NOT_ONLY_ADDRESSES.test(packed.json)) ready.push(this.#discover(packed));
    }
    await Promise.all(ready);
  }

  stop(): void {
    for (const { source } of this.#discovered.values()) source?.stop();
    for (const health of this.#health.values()) health.close();
    for (const reports of this.#reports.values()) reports.close();
    this.outliers.stop();
    this.#merger.stop();
  }

  /** A cluster came or changed (CDS, reload). `ready` settles when it may be used; null when nothing changed. */
  set(settings: ClusterSettings, viaApi: boolean): { readonly packed: PackedCluster; readonly ready: Promise<void> } | null {
    const packed = this.#registry.set(settings);
    if (packed === null) return null;
    // Workers use the cluster as it was until the new one is warm: its hosts' cells must not become others' before.
    const before = this.#forget(settings.name);
    if (before !== null) this.#deps.clock.arm(new Timer({ onTimer: () => before.clear() }, 0), HOLD_CELLS_MS);
    if (viaApi) this.#viaApi.add(settings.name);
    return { packed, ready: this.#discover(packed) };
  }

  remove(name: string): boolean {
    this.#forget(name)?.clear();
    this.#viaApi.delete(name);
    return this.#registry.remove(name);
  }

  /** The endpoints of an EDS cluster. @param staleAfterMs they go when none have followed by then; 0 = never @returns false if there is no such cluster */
  setEndpoints(
    name: string,
    localities: readonly LocalitySettings[],
    policy: AssignmentPolicy = DEFAULT_ASSIGNMENT,
    staleAfterMs = 0,
  ): boolean {
    const cluster = this.#discovered.get(name);
    if (cluster === undefined || cluster.settings.type !== 'EDS') return false;
    this.#watchAge(cluster, staleAfterMs);
    cluster.book.policy = assignmentPolicy(policy);
    const priorities: KeyedHost[][] = [];
    for (const locality of localities) {
      while (priorities.length <= locality.priority) priorities.push([]);
      const place = { region: locality.region, zone: locality.zone, subZone: locality.subZone };
      for (const endpoint of locality.endpoints) {
        const key = endpoint.path === '' ? endpoint.host + ' ' + endpoint.port : endpoint.path;
        priorities[locality.priority]!.push({ key, host: hostRecord(endpoint, endpoint.host, place, locality.weight, -1) });
      }
    }
    this.#apply(cluster, priorities, this.#scope(cluster.settings).counter('update_no_rebuild'));
    return true;
  }

  /** Settles when every host of the cluster has been checked once; of all clusters without a name. */
  async firstHealthRound(name?: string): Promise<void> {
    const checked = name === undefined ? [...this.#health.values()] : [this.#health.get(name)];
    await Promise.all(checked.map((health) => health?.firstRound()));
  }

  /** A response of the data path said that its host is to be failed at once. */
  failHost(cluster: string, id: number, slot: number): void {
    if (this.#registry.catalog.id(cluster) === id) this.#health.get(cluster)?.failNow(slot);
  }

  /** A worker has begun to use a cluster that has outlier detection. */
  watchOutliers(name: string, id: number): void {
    const packed = this.#registry.catalog.get(name);
    if (packed?.id !== id) return;
    const settings = unpackSettings(packed.json);
    if (settings.outlier === null) return;
    const hosts = this.#discovered.get(name)?.book.current ?? currentHosts(settings, id, this.#deps.slab);
    this.outliers.watch(name, id, settings.outlier, this.#scope(settings), hosts);
  }

  /** The hosts of a discovered cluster, as a message for workers; null = it is none, or another one by now. */
  hostsOf(name: string, id: number): PackedHosts | null {
    const update = this.#discovered.get(name)?.book.current;
    return update?.id === id ? packUpdate(update) : null;
  }

  /** The hosts of all discovered clusters, for a worker that starts later. */
  hostUpdates(): HostUpdate[] {
    return Array.from(this.#discovered.values(), ({ book }) => book.current);
  }

  /** Health of the cluster's hosts has changed in the slab, and workers know. */
  healthChanged(cluster: string): void {
    this.#hashTables.refresh(cluster);
  }

  /** A worker has begun to use a subset of a cluster with consistent hashing. */
  wantHashTables(cluster: string, id: number, subset: string): void {
    if (this.#registry.catalog.id(cluster) === id) this.#hashTables.want(cluster, subset);
  }

  /** Settles when workers have what balancing over the cluster's hosts of now takes. */
  balancingReady(cluster: string): Promise<void> {
    return this.#hashTables.ready(cluster);
  }

  /** Of all clusters, for a worker that starts later. */
  hashTables(): HashTables[] {
    return this.#hashTables.current();
  }

  /** Only workers know some of the hosts. */
  get hasOwnHosts(): boolean {
    return this.#ownHosts.size > 0;
  }

  /** Hosts as discovery told them last; null = they are fixed, or only workers know them. */
  discoveredHosts(name: string): HostUpdate | null {
    return this.#discovered.get(name)?.book.current ?? null;
  }

  wasAddedViaApi(name: string): boolean {
    return this.#viaApi.has(name);
  }

  /** For `/clusters`, one cluster at a time. @param own the workers' snapshots */
  *views(own: readonly OwnHosts[]): Generator<ClusterView> {
    for (const name of [...this.#registry.catalog.names()].sort()) {
      const packed = this.#registry.catalog.get(name)!;
      const hosts = mergedHosts(own, name);
      const update = this.#discovered.get(name)?.book.current ?? null;
      const outlier = this.outliers.view(name);
      yield clusterView(unpackSettings(packed.json), packed.id, this.#viaApi.has(name), this.#deps.slab, update, hosts, outlier);
    }
  }

  /** One cluster at a time, in the order of names. @param own the workers' snapshots */
  *assignments(own: readonly OwnHosts[]): Generator<Assignment> {
    const { slab } = this.#deps;
    for (const name of [...this.#registry.catalog.names()].sort()) {
      const { id, json } = this.#registry.catalog.get(name)!;
      const settings = unpackSettings(json);
      const update = this.discoveredHosts(name) ?? currentHosts(settings, id, slab);
      yield { settings, addedViaApi: this.#viaApi.has(name), update, own: mergedHosts(own, name), cells: slab.cells };
    }
  }

  /** Before statistics are read. @param own the workers' snapshots */
  refreshGauges(own: readonly OwnHosts[] = []): void {
    const catalog = this.#registry.catalog;
    const all = catalog.size <= SHOW_ALL_UP_TO;
    for (const health of this.#health.values()) health.refreshGauges();
    for (const name of catalog.names()) {
      const id = catalog.id(name);
      if (!all && !this.#gauges.has(name) && !this.#discovered.has(name) && this.#deps.slab.find(id) < 0) continue;
      const gauges = this.#gaugesOf(name);
      gauges.nameAll(catalog.size <= NAME_ALL_UP_TO);
      const book = this.#discovered.get(name)?.book ?? null;
      gauges.refresh(book?.current ?? null, gauges.isResolved ? 0 : (book?.made ?? gauges.fixedHosts));
      const hosts = mergedHosts(own, name);
      if (hosts.length > 0) gauges.refreshOwn(hosts.length);
    }
  }

  #gaugesOf(name: string): ControlGauges {
    const known = this.#gauges.get(name);
    if (known !== undefined && known.id === this.#registry.catalog.id(name)) return known.gauges;
    const packed = this.#registry.catalog.get(name)!;
    const settings = unpackSettings(packed.json);
    const { slab, runtime, clock } = this.#deps;
    const gauges = new ControlGauges(settings, packed.id, slab, runtime, this.#scope(settings), clock);
    this.#gauges.set(name, { id: packed.id, gauges });
    return gauges;
  }

  #scope(settings: ClusterSettings): StatsScope {
    const name = settings.altStatName === '' ? settings.name : settings.altStatName;
    return this.#deps.rootScope.tagged('cluster', 'envoy.cluster_name', name.replaceAll(':', '_'));
  }

  async #discover(packed: PackedCluster): Promise<void> {
    const settings = unpackSettings(packed.json);
    if (makesOwnHosts(settings.type)) this.#ownHosts.add(settings.name);
    const health = settings.healthCheck === null ? null : await this.#checkHealth(settings, settings.healthCheck);
    const { clientSideWeights } = settings.balancer;
    const reports = clientSideWeights?.outOfBand ? await this.#askForLoads(settings, clientSideWeights, packed.id) : null;
    if (settings.type === 'STATIC' && (health !== null || reports !== null)) {
      const block = this.#deps.slab.block(packed.id, clusterBlockCells(settings));
      const fixed = staticHosts(settings, packed.id, block < 0 ? -1 : block + CLUSTER_CELLS, hostCells(settings));
      reports?.apply(fixed);
      health?.apply(fixed);
    }
    if (settings.type === 'STATIC' && health !== null) {
      await health.firstRound();
      this.#merger.begin(settings.name, settings.updateMergeMs);
    }
    const hosts = () => this.#discovered.get(settings.name)?.book.current ?? currentHosts(settings, packed.id, this.#deps.slab);
    this.#hashTables.add(settings, () => this.#scope(settings), hosts);
    if (settings.type === 'STATIC') {
      this.#hashTables.refresh(settings.name);
      await this.#hashTables.ready(settings.name);
    }
    if (settings.type === 'STATIC' || makesOwnHosts(settings.type) || settings.type === 'AGGREGATE') return;
    const book = new HostBook(settings.name, packed.id, settings, this.#slots, hostCells(settings));
    if (settings.type === 'EDS') {
      this.#discovered.set(settings.name, { settings, book, source: null, told: [], kept: [], age: null });
      return;
    }
    const stats = new UpdateStats(this.#scope(settings), settings.type);
    const warm = new Promise<void>((resolve) => {
      const deps = { clock: this.#deps.clock, random: this.#deps.random, resolver: this.#resolver(settings.dns) };
      let cluster: Discovered | null = null;
      const Source = settings.type === 'STRICT_DNS' ? StrictDns : LogicalDns;
      let early: KeyedHost[][] | null = null;
      const source = new Source(
        settings,
        deps,
        stats,
        (priorities) => {
          if (cluster === null) early = priorities;
          else this.#apply(cluster, priorities, stats.noRebuild);
        },
        resolve,
      );
      cluster = { settings, book, source, told: [], kept: [], age: null };
      this.#discovered.set(settings.name, cluster);
      if (early !== null) this.#apply(cluster, early, stats.noRebuild);
      source.start();
    });
    if (!settings.dns.waitForWarm) return;
    await warm;
    await health?.firstRound();
    await this.#hashTables.ready(settings.name);
  }

  /** null: the cluster's hosts are not checked. */
  async #checkHealth(settings: ClusterSettings, check: HealthCheckSettings): Promise<ClusterHealth | null> {
    const { name } = settings;
    const { format, ...deps } = this.#deps;
    if (format === undefined || makesOwnHosts(settings.type)) return null;
    const { id } = this.#registry.catalog.get(name)!;
    const { ClusterHealth } = await import('./health-check/cluster-health.ts');
    // Gone, or replaced, while that was loaded.
    if (this.#registry.catalog.id(name) !== id) return null;
    const health = new ClusterHealth(settings, check, {
      ...deps,
      format,
      cells: deps.slab.cells,
      scope: this.#scope(settings),
      secrets: deps.secrets ?? NO_SECRETS,
      openEventLog: (path) => this.#deps.openEventLog!(path),
      onException: (error) => this.#deps.onException?.(error),
      onHealthChanged: () => this.#publishHealth(name),
      onRemovable: () => {
        const cluster = this.#discovered.get(name);
        // Of a DNS cluster it goes with the next answer, as in Envoy.
        if (cluster?.settings.type === 'EDS') this.#apply(cluster, cluster.told, null);
      },
      onCheckResult: (slot, healthy) => this.#deps.onHealthCheck?.(name, slot, healthy),
    });
    this.#health.get(name)?.close();
    this.#health.set(name, health);
    return health;
  }

  /** null: the cluster has gone meanwhile, or its hosts are not known here. */
  async #askForLoads(settings: ClusterSettings, weights: ClientSideWeightSettings, id: number): Promise<ClusterLoadReports | null> {
    const { name } = settings;
    if (makesOwnHosts(settings.type) || settings.type === 'AGGREGATE') return null;
    const { ClusterLoadReports } = await import('./load-reports/cluster-load-reports.ts');
    if (this.#registry.catalog.id(name) !== id) return null;
    const { clock, random, slab, secrets = NO_SECRETS } = this.#deps;
    const deps = { clock, random, secrets, cells: slab.cells, scope: this.#scope(settings) };
    const reports = new ClusterLoadReports(settings, weights, weights.outOfBand!, {
      ...deps,
      tell: (loads) => this.#deps.publishLoads?.(name, id, loads),
    });
    this.#reports.get(name)?.close();
    this.#reports.set(name, reports);
    return reports;
  }

  /** endpoint_stale_after: a list of endpoints that is not renewed is taken for an empty one. */
  #watchAge(cluster: Discovered, staleAfterMs: number): void {
    const { clock } = this.#deps;
    if (cluster.age !== null) clock.disarm(cluster.age);
    if (staleAfterMs === 0) return;
    const scope = this.#scope(cluster.settings);
    scope.counter('assignment_timeout_received').inc();
    const onTimer = () => {
      this.setEndpoints(cluster.settings.name, []);
      scope.counter('assignment_stale').inc();
    };
    cluster.age = new Timer({ onTimer }, 0);
    clock.arm(cluster.age, staleAfterMs);
  }

  #resolver(dns: DnsSettings): DnsResolver {
    const own = dns.resolvers.length > 0 || dns.resolverOptions !== null;
    const { servers, options } = own ? { servers: dns.resolvers, options: dns.resolverOptions } : (this.#deps.defaultResolver ?? SYSTEM);
    const key = JSON.stringify([servers, options]);
    const known = this.#resolvers.get(key) ?? this.#deps.newResolver(servers, options);
    this.#resolvers.set(key, known);
    return known;
  }

  #apply(cluster: Discovered, priorities: KeyedHost[][], noRebuild: Counter | null): void {
    const { name } = cluster.settings;
    const health = this.#health.get(name);
    cluster.told = priorities;
    cluster.kept = health === undefined ? priorities : withHealthy(priorities, cluster.kept, cluster.book, health);
    const change = cluster.book.set(cluster.kept);
    health?.apply(cluster.book.current);
    this.#reports.get(name)?.apply(cluster.book.current);
    if (change === 'members') this.#gaugesOf(name).membershipChange.inc();
    if (change === 'nothing') noRebuild?.inc();
    else {
      const update = cluster.book.current;
      const publish = () => this.#hashTables.hostsChanged(name, () => this.#deps.publish(update));
      if (change === 'members') this.#merger.members(name, publish);
      else this.#merger.details(name, publish);
    }
    if (change === 'members' && !this.#merger.has(name)) void this.#mergeAfterFirstRound(cluster.settings, health);
    if (change !== 'nothing') this.outliers.setHosts(cluster.book.current);
  }

  /** Until a cluster is ready everything is told at once. */
  async #mergeAfterFirstRound(settings: ClusterSettings, health: ClusterHealth | undefined): Promise<void> {
    if (health !== undefined) await health.firstRound();
    if (this.#discovered.get(settings.name)?.settings === settings) this.#merger.begin(settings.name, settings.updateMergeMs);
  }

  #publishHealth(name: string): void {
    if (!this.#merger.has(name) && !this.#discovered.has(name)) this.#mergeStatic(name);
    this.#merger.health(name, () => this.#deps.publishHealth(name));
  }

  /** Of hosts that are fixed and not checked actively; those that are checked begin with their first round. */
  #mergeStatic(name: string): void {
    const packed = this.#registry.catalog.get(name);
    const settings = packed === null ? null : unpackSettings(packed.json);
    if (settings?.healthCheck === null) this.#merger.begin(name, settings.updateMergeMs);
  }

  /** @returns its hosts, whose cells are still theirs */
  #forget(name: string): HostBook | null {
    this.#merger.forget(name);
    this.#ownHosts.delete(name);
    this.#hashTables.remove(name);
    this.#health.get(name)?.close();
    this.#health.delete(name);
    this.#reports.get(name)?.close();
    this.#reports.delete(name);
    this.outliers.forget(name);
    const cluster = this.#discovered.get(name);
    if (cluster === undefined) return null;
    cluster.source?.stop();
    if (cluster.age !== null) this.#deps.clock.disarm(cluster.age);
    this.#discovered.delete(name);
    return cluster.book;
  }
}

const SYSTEM: DefaultResolver = { servers: [], options: null };
