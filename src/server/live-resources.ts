/**
 * What the workers run, and the one way to change it: static configuration, files and (later) xDS all come through here. Each kind of
 * resource is told as a whole state per origin; what did not change is not touched, what is new is warm before it replaces anything.
 */
import { ClusterCatalog, catalogSettings, type PackedCluster } from '../cluster/catalog.ts';
import type { ClusterControl } from '../cluster/cluster-control.ts';
import { packUpdate } from '../cluster/packed-hosts.ts';
import type { ClusterRegistry } from '../cluster/registry.ts';
import type { ClusterSettings } from '../cluster/settings.ts';
import type { ListenerSettings } from '../listener/settings.ts';
import type { RouteTableSettings } from '../route/settings.ts';
import type { Logger } from '../runtime/logger.ts';
import type { Counter, Gauge, StatsScope } from '../stats/scope.ts';
import type { SecretSettings, SecretSource } from '../tls/secrets.ts';
import type { EndpointsSettings } from './compiled.ts';
import { EndpointUsers, serviceOf } from './endpoint-users.ts';
import type { WorkerCall } from './messages.ts';
import { namesOfCluster, namesOfListener, SecretUsers } from './secret-users.ts';
import type { Workers } from './workers.ts';

export type Origin = 'static' | 'dynamic';

/** Why a resource could not be put in force, by its name. */
export type Refusals = Map<string, string>;

class ChangeStats {
  readonly added: Counter;
  readonly modified: Counter;
  readonly removed: Counter;
  readonly active: Gauge;
  constructor(scope: StatsScope, noun: string, active: string) {
    this.added = scope.counter(noun + '_added');
    this.modified = scope.counter(noun + '_modified');
    this.removed = scope.counter(noun + '_removed');
    this.active = scope.gauge(active);
  }
}

export class LiveResources {
  readonly #workers: Workers;
  readonly #clusters: ClusterControl;
  readonly #registry: ClusterRegistry;
  readonly #logger: Logger;
  readonly #clusterOrigins = new Map<string, Origin>();
  readonly #listeners = new Map<string, { readonly origin: Origin; readonly text: string }>();
  readonly #routeTables = new Map<string, { readonly text: string; readonly settings: RouteTableSettings }>();
  readonly #secrets = new Map<string, SecretSettings>();
  /** Counts changes of listeners, clusters, route tables and secrets. */
  version = 0;
  /** Last endpoints by EDS service name. */
  readonly #endpoints = new Map<string, EndpointsSettings>();
  readonly #endpointUsers = new EndpointUsers();
  readonly secretUsers: SecretUsers;
  /** Listeners that wait for their secrets; what runs under their name runs on meanwhile. */
  readonly #warming = new Map<string, { readonly text: string; readonly secrets: ReadonlySet<string> }>();
  readonly #warmingListeners: Gauge;
  readonly #warmingClusters: Gauge;
  readonly #clusterStats: ChangeStats;
  readonly #listenerStats: ChangeStats;
  /** Waits until the endpoints of an EDS service have come once, or have failed to. */
  awaitEndpoints: (service: string) => Promise<void> = async () => undefined;

  /** Waits until secrets have come, or are not waited for any longer; null = there is nothing to wait for. */
  awaitSecrets: (names: ReadonlySet<string>) => Promise<void> | null = () => null;

  /** Listeners have come or gone. */
  onListeners: () => Promise<void> = async () => undefined;

  constructor(workers: Workers, clusters: ClusterControl, registry: ClusterRegistry, root: StatsScope, logger: Logger) {
    this.#workers = workers;
    this.#clusters = clusters;
    this.#registry = registry;
    this.#logger = logger;
    for (const name of registry.catalog.names()) this.#clusterOrigins.set(name, 'static');
    this.secretUsers = new SecretUsers(root);
    for (const name of registry.catalog.names()) {
      const packed = registry.catalog.get(name)!;
      this.#endpointUsers.addPacked(packed);
      if (SecretUsers.mayName(packed.json)) this.secretUsers.setCluster(registry.catalog.settings(name)!);
    }
    this.#warmingListeners = root.scope('listener_manager').gauge('total_listeners_warming');
    this.#warmingClusters = root.scope('cluster_manager').gauge('warming_clusters');
    this.#clusterStats = new ChangeStats(root.scope('cluster_manager'), 'cluster', 'active_clusters');
    this.#listenerStats = new ChangeStats(root.scope('listener_manager'), 'listener', 'total_listeners_active');
    this.#clusterStats.added.add(this.#clusterOrigins.size);
    this.#clusterStats.active.set(this.#clusterOrigins.size);
  }

  /** What a worker that starts now must be told to be like the others. */
  replay(): WorkerCall[] {
    const start = new ClusterCatalog(this.#registry.block);
    const { catalog } = this.#registry;
    const changed: PackedCluster[] = [];
    for (const name of catalog.names()) {
      const now = catalog.get(name)!;
      if (start.get(name)?.id !== now.id) changed.push(now);
    }
    const removed = [...start.names()].filter((name) => !catalog.has(name));
    const tables = this.#clusters.hashTables().map((made): WorkerCall => ({ kind: 'set-hash-tables', tables: made }));
    const calls: WorkerCall[] = [
      ...tables,
      { kind: 'set-clusters', set: changed, remove: removed, hosts: this.#clusters.hostUpdates().map(packUpdate) },
    ];
    for (const secret of this.#secrets.values()) calls.push({ kind: 'set-secret', secret });
    for (const [name, { settings }] of this.#routeTables) calls.push({ kind: 'set-route-table', name, settings });
    return calls;
  }

  /** `block` from a CatalogBuilder: the static clusters of a reloaded bootstrap. @returns removes those that are not in it */
  async setStaticClusters(block: SharedArrayBuffer): Promise<() => Promise<void>> {
    const keep = await this.#addOrUpdate('static', catalogSettings(block));
    return () => this.#removeAllBut('static', keep);
  }

  /** All clusters of that origin: others of it are removed. */
  async setClusters(origin: Origin, clusters: Iterable<ClusterSettings>): Promise<void> {
    await this.#removeAllBut(origin, await this.#addOrUpdate(origin, clusters));
  }

  /** @returns names of all of them */
  async #addOrUpdate(origin: Origin, clusters: Iterable<ClusterSettings>): Promise<ReadonlySet<string>> {
    const keep = new Set<string>();
    const changes: Promise<void>[] = [];
    const names: string[] = [];
    for (const settings of clusters) {
      keep.add(settings.name);
      const before = this.#clusterOrigins.get(settings.name);
      // A static cluster is not overridden by a dynamic one of its name, as in Envoy.
      if (before === 'static' && origin === 'dynamic') continue;
      const change = this.#clusters.set(settings, origin === 'dynamic');
      if (change === null) continue;
      (before === undefined ? this.#clusterStats.added : this.#clusterStats.modified).inc();
      this.#clusterOrigins.set(settings.name, origin);
      this.secretUsers.setCluster(settings);
      this.#endpointUsers.set(settings);
      names.push(settings.name);
      const secrets = this.awaitSecrets(namesOfCluster(settings));
      const told = this.#tellWhenWarm(change.packed, this.#warm(settings, change.ready), secrets);
      // A secret may never come: the next list of clusters does not wait for it.
      if (secrets === null) changes.push(told);
      else void told.catch((error: Error) => this.#logger.error('cluster refused', { cluster: settings.name, error: error.message }));
    }
    this.#clusterStats.active.set(this.#clusterOrigins.size);
    this.version++;
    if (this.#logger.debugEnabled && names.length > 0) this.#logger.debug('clusters added or updated', { origin, clusters: names });
    await Promise.all(changes);
    return keep;
  }

  /** Each replaces its predecessor when it is warm itself: a slow name does not hold up the others. */
  async #tellWhenWarm(packed: PackedCluster, ready: Promise<void>, secrets: Promise<void> | null): Promise<void> {
    await ready;
    if (secrets !== null) {
      this.#warmingClusters.add(1);
      await secrets;
      this.#warmingClusters.add(-1);
    }
    if (this.#registry.catalog.get(packed.name)?.id !== packed.id) return;
    const hosts = this.#clusters.hostsOf(packed.name, packed.id);
    await this.#workers.tell({ kind: 'set-clusters', set: [packed], remove: [], hosts: hosts === null ? [] : [hosts] });
  }

  async #removeAllBut(origin: Origin, keep: ReadonlySet<string>): Promise<void> {
    const remove = [...this.#clusterOrigins].filter(([name, from]) => from === origin && !keep.has(name)).map(([name]) => name);
    if (remove.length === 0) return;
    for (const name of remove) {
      this.#clusterOrigins.delete(name);
      this.#clusters.remove(name);
      this.secretUsers.removeCluster(name);
      this.#endpointUsers.remove(name);
      this.#clusterStats.removed.inc();
    }
    this.#clusterStats.active.set(this.#clusterOrigins.size);
    this.version++;
    await this.#workers.tell({ kind: 'set-clusters', set: [], remove, hosts: [] });
    this.#logger.debug('clusters removed', { clusters: remove });
  }

  /** All listeners of that origin. @returns those that could not be put in place; what ran under their name runs on */
  async setListeners(origin: Origin, listeners: readonly ListenerSettings[]): Promise<Refusals> {
    const refusals: Refusals = new Map();
    const keep = new Set(listeners.map((listener) => listener.name));
    if (origin === 'dynamic') for (const name of this.#warming.keys()) if (!keep.has(name)) this.#stopWarming(name);
    for (const [name, known] of [...this.#listeners]) {
      if (known.origin !== origin || keep.has(name)) continue;
      this.#listeners.delete(name);
      await this.#workers.removeListener(name);
      this.secretUsers.removeListener(name);
      this.#logger.debug('listener removed', { listener: name });
      this.#listenerStats.removed.inc();
    }
    for (const settings of listeners) {
      const { name } = settings;
      const text = JSON.stringify(settings);
      if (this.#warming.get(name)?.text === text) continue;
      this.#stopWarming(name);
      if (this.#listeners.get(name)?.text === text) continue;
      const secrets = namesOfListener(settings);
      const waiting = origin === 'static' ? null : this.awaitSecrets(secrets);
      if (waiting === null) await this.#putListener(origin, settings, text, refusals);
      else void this.#putWhenWarm(origin, settings, { text, secrets }, waiting);
    }
    await this.#listenersChanged(listeners);
    return refusals;
  }

  async #putListener(origin: Origin, settings: ListenerSettings, text: string, refusals: Refusals): Promise<void> {
    const { name } = settings;
    const before = this.#listeners.get(name);
    try {
      await this.#workers.setListener(name, settings);
      this.#listeners.set(name, { origin, text });
      this.#logger.debug(before === undefined ? 'listener added' : 'listener updated', { listener: name, origin });
      (before === undefined ? this.#listenerStats.added : this.#listenerStats.modified).inc();
    } catch (error) {
      refusals.set(name, (error as Error).message);
      this.#logger.error('listener refused', { listener: name, error: (error as Error).message });
    }
  }

  async #putWhenWarm(
    origin: Origin,
    settings: ListenerSettings,
    warming: { readonly text: string; readonly secrets: ReadonlySet<string> },
    waiting: Promise<void>,
  ): Promise<void> {
    const { name } = settings;
    this.#warming.set(name, warming);
    this.#warmingListeners.set(this.#warming.size);
    this.#logger.debug('listener waits for its secrets', { listener: name, secrets: [...warming.secrets] });
    await waiting;
    if (this.#warming.get(name) !== warming) return;
    this.#stopWarming(name);
    await this.#putListener(origin, settings, warming.text, new Map());
    await this.#listenersChanged([settings]);
  }

  #stopWarming(name: string): void {
    if (this.#warming.delete(name)) this.#warmingListeners.set(this.#warming.size);
  }

  async #listenersChanged(changed: readonly ListenerSettings[]): Promise<void> {
    this.#listenerStats.active.set(this.#listeners.size);
    this.version++;
    await this.onListeners();
    // Statistics are by the address, which is known now.
    for (const settings of changed)
      if (this.#listeners.has(settings.name) && !this.#warming.has(settings.name)) this.secretUsers.setListener(settings);
  }

  /** As a source that is as it is now. */
  get secrets(): SecretSource {
    return { version: this.version, get: (name) => this.#secrets.get(name) ?? null };
  }

  *listenerSettings(): Generator<ListenerSettings> {
    for (const { text } of this.#listeners.values()) yield JSON.parse(text) as ListenerSettings;
  }

  /** Of a route configuration that listeners name; null = it has not come yet. */
  routeTable(name: string): RouteTableSettings | null {
    return this.#routeTables.get(name)?.settings ?? null;
  }

  async setSecret(secret: SecretSettings): Promise<void> {
    this.version++;
    this.#secrets.set(secret.name, secret);
    await this.#workers.tell({ kind: 'set-secret', secret });
    this.#logger.debug('secret set', { name: secret.name });
  }

  /** A secret that came from a discovery service, which is counted. */
  async updateSecret(secret: SecretSettings): Promise<void> {
    await this.setSecret(secret);
    this.secretUsers.onUpdate(secret.name);
  }

  /** Nobody names it any more. */
  async removeSecret(name: string): Promise<void> {
    this.secretUsers.forget(name);
    if (!this.#secrets.delete(name)) return;
    this.version++;
    await this.#workers.tell({ kind: 'remove-secret', name });
    this.#logger.debug('secret removed', { name });
  }

  isSecretUsed(name: string): boolean {
    if (this.secretUsers.isUsed(name)) return true;
    for (const { secrets } of this.#warming.values()) if (secrets.has(name)) return true;
    return false;
  }

  async setRouteTable(settings: RouteTableSettings): Promise<void> {
    const text = JSON.stringify(settings);
    if (this.#routeTables.get(settings.name)?.text === text) return;
    this.#routeTables.set(settings.name, { text, settings });
    this.version++;
    await this.#workers.tell({ kind: 'set-route-table', name: settings.name, settings });
    this.#logger.debug('route table set', { name: settings.name });
  }

  /** Hosts reach the workers through the cluster control. */
  setEndpoints(service: string, endpoints: EndpointsSettings): void {
    this.#endpoints.set(service, endpoints);
    for (const name of this.#endpointUsers.of(service)) this.#apply(name, endpoints);
  }

  async #warm(settings: ClusterSettings, ready: Promise<void>): Promise<void> {
    await ready;
    if (settings.type !== 'EDS') return;
    const service = serviceOf(settings);
    if (!this.#endpoints.has(service)) await this.awaitEndpoints(service);
    const endpoints = this.#endpoints.get(service);
    if (endpoints !== undefined) this.#apply(settings.name, endpoints);
    await this.#clusters.firstHealthRound(settings.name);
    await this.#clusters.balancingReady(settings.name);
  }

  #apply(cluster: string, { localities, staleAfterMs, ...policy }: EndpointsSettings): void {
    this.#clusters.setEndpoints(cluster, localities, policy, staleAfterMs);
  }
}
