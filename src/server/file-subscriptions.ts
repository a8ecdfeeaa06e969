/** Listeners, clusters, routes, endpoints and secrets from files (`path_config_source`). Good resources are applied, bad ones refused with their name and reason. */
import type { ClusterCatalog } from '../cluster/catalog.ts';
import type { ClusterSettings } from '../cluster/settings.ts';
import { formatProblem, hasErrors } from '../config/problem.ts';
import type { ListenerSettings } from '../listener/settings.ts';
import type { RouteTableSettings } from '../route/settings.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { fs } from '../runtime/node-module.ts';
import { sleep } from '../runtime/sleep.ts';
import type { StatsScope } from '../stats/scope.ts';
import type { SecretSettings, WatchedSecretSettings } from '../tls/secrets.ts';
import { CertificateFiles } from './certificate-files.ts';
import type { DynamicSettings, EndpointsSettings, FileSourceSettings, SdsSourceSettings } from './compiled.ts';
import type { ConfigCompiler } from './config-compiler.ts';
import type { LiveResources } from './live-resources.ts';
import type { ConfigRequest } from './load-config.ts';
import type { CompiledResource, ResourceKind, ResourceResult, Subscriptions } from './load-resources.ts';
import { ResourceBook } from './resource-book.ts';
import { SubscriptionStats } from './subscription-stats.ts';
import { WatchedFile } from './watched-file.ts';

export interface SubscriptionDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly root: StatsScope;
  readonly compiler: ConfigCompiler;
  readonly resources: LiveResources;
  readonly catalog: ClusterCatalog;
  readonly request: ConfigRequest;
}

const LOOK_EVERY_MS = 50;
const LOOK_LATER_EVERY_MS = 1000;

/** An empty file is one that somebody is about to write. */
function hasContent(path: string): boolean {
  return (fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

const SECRETS = 'secrets ';

/** In Envoy's words; '' = it is the one. */
function notTheSecret({ name: wanted, source }: Subscription, { resources }: ResourceResult): string {
  const [first] = resources;
  if (first === undefined) return `Missing SDS resources for ${wanted} in onConfigUpdate()`;
  if (resources.length > 1)
    return `Unexpected SDS secrets length for ${wanted}, number of added resources ${resources.length}, number of removed resources 0. Expected sum is 1`;
  if (first.name !== wanted) return `Unexpected SDS secret (expecting ${wanted}): ${first.name}`;
  const settings = first.settings as SecretSettings | null;
  const { holds } = source as SdsSourceSettings;
  return settings !== null && settings[holds] === null ? `Unexpected SDS secret type (expecting a ${holds}): ${wanted}` : '';
}

/** One file, its watch, and the loads of it, one after the other. */
class Subscription {
  readonly kind: ResourceKind;
  /** Of the one resource that is wanted; '' = all of them. */
  readonly name: string;
  /** The first load is over, or is not waited for any longer. */
  settled = false;
  readonly source: FileSourceSettings;
  readonly stats: SubscriptionStats;
  readonly first: Promise<void>;
  #resolveFirst: () => void = () => undefined;
  readonly #file: WatchedFile;
  readonly #load: (subscription: Subscription) => Promise<void>;
  readonly #clock: Clock;
  #closed = false;
  #running: Promise<void> | null = null;
  #again = false;

  constructor(
    kind: ResourceKind,
    name: string,
    source: FileSourceSettings,
    clock: Clock,
    scope: StatsScope,
    load: (subscription: Subscription) => Promise<void>,
  ) {
    this.kind = kind;
    this.name = name;
    this.#clock = clock;
    this.source = source;
    this.stats = new SubscriptionStats(scope, clock);
    this.first = new Promise((resolve) => {
      this.#resolveFirst = resolve;
    });
    this.#load = load;
    this.#file = new WatchedFile(source.path, source.watchedDirectory, clock, () => void this.run());
  }

  /** A change during a load is loaded after it; any number of them once. Settles when what is there now has been loaded. */
  run(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#loadAll();
    return this.#running;
  }

  async #loadAll(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#load(this);
    }
    this.#running = null;
    this.settled = true;
    this.#resolveFirst();
  }

  /** Waits for a file that is not there yet, as for a management server. Its directory may come later too, so that it cannot be watched. */
  async appeared(): Promise<void> {
    const { path, initialFetchTimeoutMs } = this.source;
    const deadlineMs = initialFetchTimeoutMs === 0 ? Number.POSITIVE_INFINITY : this.#clock.nowMs() + initialFetchTimeoutMs;
    while (!hasContent(path) && !this.#closed) {
      if (this.#clock.nowMs() >= deadlineMs) {
        this.stats.initialFetchTimedOut();
        if (!this.#file.watching) void this.#keepLooking();
        return;
      }
      await sleep(LOOK_EVERY_MS);
    }
    if (this.#closed) return;
    this.#file.watch();
    this.#file.seen();
  }

  /** Nobody waits any more, but it may still come, together with its directory. */
  async #keepLooking(): Promise<void> {
    while (!hasContent(this.source.path) && !this.#closed) await sleep(LOOK_LATER_EVERY_MS);
    if (this.#closed) return;
    this.#file.watch();
    await this.run();
  }

  /** The first load, unless a change has brought it on. */
  runFirst(): Promise<void> {
    return this.settled || this.#running !== null ? this.first : this.run();
  }

  close(): void {
    this.#closed = true;
    this.#file.close();
  }
}

export class FileSubscriptions {
  readonly #deps: SubscriptionDeps;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #certificates = new Map<string, CertificateFiles>();
  /** Of the bootstrap: its listeners and clusters come and go with it. */
  #ofBootstrap: ReadonlySet<string> = new Set();
  #loads = 0;
  readonly book: ResourceBook;
  #starting = false;

  constructor(deps: SubscriptionDeps) {
    this.#deps = deps;
    this.book = new ResourceBook(deps.catalog);
    deps.resources.awaitSecrets = (names) => this.#awaitSecrets(names);
    deps.resources.awaitEndpoints = (service) => this.#subscriptions.get('endpoints ' + service)?.first ?? Promise.resolve();
  }

  /** Loads everything once: clusters with their endpoints, then routes, then listeners. */
  async start(dynamic: DynamicSettings): Promise<void> {
    this.#starting = true;
    this.#ofBootstrap = new Set([...Object.keys(dynamic.sds), ...Object.keys(dynamic.watched)]);
    await this.#follow(dynamic);
    if (dynamic.cds !== null) await this.#add('clusters', 'clusters', dynamic.cds, this.#deps.root.scope('cluster_manager').scope('cds'));
    if (dynamic.lds !== null)
      await this.#add('listeners', 'listeners', dynamic.lds, this.#deps.root.scope('listener_manager').scope('lds'));
    else await this.#drop('listeners');
    if (dynamic.cds === null) await this.#drop('clusters');
    this.#starting = false;
  }

  close(): void {
    for (const subscription of this.#subscriptions.values()) subscription.close();
    for (const files of this.#certificates.values()) files.close();
  }

  /** Subscriptions that resources name: new ones are loaded before the resources that need them are applied. */
  async #follow({ rds, eds, sds, watched }: Subscriptions): Promise<void> {
    const { root } = this.#deps;
    for (const [name, files] of Object.entries(watched)) await this.#watchCertificate(name, files);
    await Promise.all([
      ...Object.entries(sds).map(([name, source]) => this.#add(SECRETS + name, 'secrets', source, root.scope('sds').scope(name))),
      ...Object.entries(rds).map(([name, source]) =>
        this.#add(
          'routes ' + name,
          'routes',
          source,
          root.tagged('http', 'envoy.http_conn_manager_prefix', source.statPrefix).tagged('rds', 'envoy.rds_route_config', name),
        ),
      ),
      ...Object.entries(eds).map(([name, source]) =>
        this.#add('endpoints ' + name, 'endpoints', source, root.tagged('cluster', 'envoy.cluster_name', name)),
      ),
    ]);
  }

  /** A reloaded bootstrap has no such source any more: what it brought goes with it. */
  async #drop(kind: 'listeners' | 'clusters'): Promise<void> {
    const subscription = this.#subscriptions.get(kind);
    if (subscription === undefined) return;
    subscription.close();
    this.#subscriptions.delete(kind);
    this.book.keepOnly(kind, new Set());
    await this.#apply(kind, []);
  }

  async #watchCertificate(name: string, settings: WatchedSecretSettings): Promise<void> {
    if (this.#certificates.has(name)) return;
    const { clock, logger, resources } = this.#deps;
    this.#certificates.set(name, new CertificateFiles(settings, clock, logger, (secret) => void resources.setSecret(secret)));
    await resources.setSecret(settings.secret);
  }

  async #add(key: string, kind: ResourceKind, source: FileSourceSettings, scope: StatsScope): Promise<void> {
    const known = this.#subscriptions.get(key);
    if (known !== undefined && known.source.path === source.path) return;
    known?.close();
    const subscription = new Subscription(kind, key.slice(kind.length + 1), source, this.#deps.clock, scope, (s) => this.#load(s));
    this.#subscriptions.set(key, subscription);
    // Later, one resource whose file is missing does not hold up the others.
    if (kind === 'secrets' && !this.#starting && !hasContent(source.path)) {
      void subscription.appeared().then(() => subscription.runFirst());
      return;
    }
    if (this.#starting) await subscription.appeared();
    await subscription.runFirst();
  }

  #awaitSecrets(names: ReadonlySet<string>): Promise<void> | null {
    const waiting: Promise<void>[] = [];
    for (const name of names) {
      const subscription = this.#subscriptions.get(SECRETS + name);
      if (subscription !== undefined && !subscription.settled) waiting.push(subscription.first);
    }
    return waiting.length === 0 ? null : Promise.all(waiting).then(() => undefined);
  }

  /** Secrets that nothing names any more are neither watched nor kept. */
  async #dropSecrets(): Promise<void> {
    if (this.#starting || this.#loads > 0) return;
    const { resources } = this.#deps;
    const unused = (name: string) => !this.#ofBootstrap.has(name) && !resources.isSecretUsed(name);
    for (const [key, subscription] of this.#subscriptions) {
      if (subscription.kind !== 'secrets') continue;
      const name = key.slice(SECRETS.length);
      if (!unused(name)) continue;
      subscription.close();
      this.#subscriptions.delete(key);
      this.book.forget('secrets', name);
      await resources.removeSecret(name);
    }
    for (const [name, files] of this.#certificates) {
      if (!unused(name)) continue;
      files.close();
      this.#certificates.delete(name);
      await resources.removeSecret(name);
    }
  }

  async #load(subscription: Subscription): Promise<void> {
    this.#loads++;
    try {
      await this.#loadOnce(subscription);
    } finally {
      this.#loads--;
    }
    if (subscription.kind === 'listeners' || subscription.kind === 'clusters') await this.#dropSecrets();
  }

  async #loadOnce(subscription: Subscription): Promise<void> {
    const { compiler, request, logger } = this.#deps;
    subscription.stats.attempt();
    let result: ResourceResult;
    try {
      result = await compiler.resources(subscription.kind, subscription.source.path, request);
    } catch (error) {
      subscription.stats.failed();
      logger.error('configuration file could not be compiled', { file: subscription.source.path, error: (error as Error).message });
      return;
    }
    for (const problem of result.problems) logger.warn(formatProblem(problem));
    if (hasErrors(result.problems)) {
      subscription.stats.failed();
      return;
    }
    const { kind } = subscription;
    const unexpected = kind === 'secrets' ? notTheSecret(subscription, result) : '';
    if (unexpected !== '') {
      this.#refuse(kind, subscription.name, result.resources[0]?.encoded ?? null, unexpected);
      subscription.stats.rejected();
      return;
    }
    this.book.begin(
      kind,
      result.version,
      result.resources.map(({ name }) => name),
    );
    const accepted = result.resources.map((resource) => this.#judge(kind, resource)).filter((resource) => resource !== null);
    await this.#follow(result.found);
    const refused = await this.#apply(kind, accepted);
    for (const resource of result.resources) {
      const reason = refused.get(resource.name);
      if (reason !== undefined) this.#refuse(kind, resource.name, resource.encoded, reason);
      else if (resource.settings !== null) this.book.accept(kind, resource, result.version, this.#deps.clock.wallMs());
    }
    const bad = refused.size > 0 || result.resources.some((resource) => resource.settings === null);
    if (bad) subscription.stats.rejected();
    else subscription.stats.accepted(result.version);
  }

  /** A refused resource leaves what ran under its name in force. */
  #judge(kind: ResourceKind, resource: CompiledResource): CompiledResource | null {
    if (resource.settings !== null) return resource;
    this.#refuse(kind, resource.name, resource.encoded, resource.problems.map(formatProblem).join('; '));
    return this.book.get(kind, resource.name);
  }

  #refuse(kind: ResourceKind, name: string, encoded: Uint8Array | null, details: string): void {
    this.book.refuse(kind, name, encoded, details, this.#deps.clock.wallMs());
    this.#deps.logger.error('resource refused', { kind, name, reason: details });
  }

  async #apply(kind: ResourceKind, accepted: readonly CompiledResource[]): Promise<ReadonlyMap<string, string>> {
    const { resources } = this.#deps;
    switch (kind) {
      case 'clusters':
        await resources.setClusters(
          'dynamic',
          accepted.map((resource) => resource.settings as ClusterSettings),
        );
        return new Map();
      case 'listeners':
        return resources.setListeners(
          'dynamic',
          accepted.map((resource) => resource.settings as ListenerSettings),
        );
      case 'routes':
        for (const resource of accepted) await resources.setRouteTable(resource.settings as RouteTableSettings);
        return new Map();
      case 'secrets':
        for (const resource of accepted) await resources.updateSecret(resource.settings as SecretSettings);
        return new Map();
      case 'endpoints':
        for (const resource of accepted) resources.setEndpoints(resource.name, resource.settings as EndpointsSettings);
        return new Map();
    }
  }
}
