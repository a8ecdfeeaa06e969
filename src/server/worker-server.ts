/** The data plane of one worker, put together. */
import { AccessLogs } from '../access-log/access-logs.ts';
import type { OutlierReports } from '../cluster/cluster.ts';
import { WorkerClusterManager } from '../cluster/cluster-manager.ts';
import { DnsCaches } from '../cluster/dns-cache/dns-caches.ts';
import type { FilterDeps, HttpFilterFactory, ListenerFilterFactory, NetworkFilterFactory } from '../filters/api.ts';
import type { HcmSettings } from '../filters/network/http-connection-manager/settings.ts';
import { type FormatEnvironment, redacting } from '../http/format/operator.ts';
import { SharedBlocks } from '../lb/shared-blocks.ts';
import { SharedSlab } from '../lb/shared-slab.ts';
import { SharedConnectionCount } from '../listener/connection-count.ts';
import { ListenerManager } from '../listener/listener-manager.ts';
import type { ListenerSettings } from '../listener/settings.ts';
import { flushConnections, onUnexpectedException } from '../net/connection.ts';
import { kernelOriginalDestination, kernelPreparedSockets } from '../net/socket-options.ts';
import { buildRouteTable } from '../route/route-table.ts';
import { compileAddressPatterns } from '../runtime/address-patterns.ts';
import type { Clock } from '../runtime/clock.ts';
import { environmentVariable } from '../runtime/environment.ts';
import { type Logger, Loggers } from '../runtime/logger.ts';
import { collectGarbage } from '../runtime/memory.ts';
import { OverloadState } from '../runtime/overload.ts';
import { systemRandom } from '../runtime/random.ts';
import { RealClock } from '../runtime/real-clock.ts';
import { MutableRuntime } from '../runtime/runtime.ts';
import { nextTurn } from '../runtime/turn.ts';
import type { Counter } from '../stats/scope.ts';
import { StatsStore } from '../stats/store.ts';
import { SecretStore } from '../tls/secrets.ts';
import type { TracerSettings } from '../tracing/settings.ts';
import type { ClusterCalls } from './cluster-calls.ts';
import type { ClusterWrites } from './cluster-writes.ts';
import type { ExplainAnswer } from './explain/explanation.ts';
import type { ExplainQuestion } from './explain/question.ts';
import { HTTP_FILTERS, LISTENER_FILTERS, NETWORK_FILTERS } from './extensions.ts';
import { usesLogServices } from './log-services.ts';
import type { ClusterAnswer, ClusterCall, FromWorker, ToWorker, WorkerConfiguration, WorkerData } from './messages.ts';
import { configureOverload, globalConnections } from './overload/worker-side.ts';
import { nameRouteStats } from './route-stat-names.ts';
import { RouteTables } from './route-tables.ts';
import { recordPauses } from './thread-pauses.ts';
import { WatchedRequests } from './watched-requests.ts';
import type { WorkerParts } from './worker-parts.ts';
import type { WorkerServiceLogs } from './worker-service-logs.ts';
import { WorkerTaps } from './worker-taps.ts';
import type { WorkerTracing } from './worker-tracing.ts';

type Create<Deps, Factory> = (settings: unknown, deps: Deps, parts: WorkerParts) => Factory;

const CLOSING_TURNS = 100;

export class WorkerServer {
  readonly #data: WorkerData;
  readonly #post: (message: FromWorker) => void;
  readonly #clock: Clock = new RealClock(flushConnections, (error) => this.#onBug('unexpected exception in a timer', error, {}));
  readonly #random = systemRandom();
  readonly #runtime = new MutableRuntime();
  readonly #overload: OverloadState;
  readonly #loggers: Loggers;
  readonly #logger: Logger;
  readonly #store: StatsStore;
  readonly #slab: SharedSlab;
  readonly #bugs: Counter;
  readonly #routeTables = new RouteTables();
  readonly #http = new Map<string, Create<FilterDeps, HttpFilterFactory>>();
  readonly #network = new Map<string, Create<never, NetworkFilterFactory>>();
  readonly #listenerFilters = new Map<string, Create<FilterDeps, ListenerFilterFactory>>();
  readonly #health = { checksFailed: false };
  readonly #counts: Int32Array;
  readonly #connectionLedger: Int32Array;
  /** Listener key → its cell of `#counts`. */
  readonly #countCells = new Map<string, number>();
  readonly #secrets = new SecretStore();
  #deps: FilterDeps | null = null;
  #clusters: WorkerClusterManager | null = null;
  #listeners: ListenerManager | null = null;
  #accessLogs: AccessLogs | null = null;
  #requests: WatchedRequests | null = null;
  #overloadResets: Counter | null = null;
  /** Of the bootstrap. */
  #tracer: TracerSettings | null = null;
  /** Made for the first listener that traces. */
  #tracing: WorkerTracing | null = null;
  /** Made for the first listener that logs to a service. */
  #serviceLogs: WorkerServiceLogs | null = null;
  readonly #taps: WorkerTaps;
  /** Made when the control thread first asks for one. */
  #calls: ClusterCalls | null = null;
  #writes: ClusterWrites | null = null;

  constructor(data: WorkerData, post: (message: FromWorker) => void) {
    this.#data = data;
    this.#post = post;
    this.#taps = new WorkerTaps(post);
    this.#loggers = new Loggers((record) => post({ kind: 'log', record }), data.logLevel, data.logLevels);
    this.#logger = this.#loggers.component('main');
    this.#store = new StatsStore((announcement) => post({ kind: 'stats', announcement }));
    this.#slab = new SharedSlab(data.slab, data.ledger);
    this.#overload = new OverloadState(data.overload, this.#random);
    this.#counts = new Int32Array(data.connectionCounts);
    this.#connectionLedger = new Int32Array(data.connectionLedger);
    this.#bugs = this.#store.root.scope('server').counter('envoy_bug_failures');
    onUnexpectedException((error, connection) =>
      this.#onBug('unexpected exception: connection closed', error, { connection: connection.id }),
    );
  }

  #onBug(what: string, error: unknown, fields: object): void {
    this.#bugs.inc();
    this.#logger.error(what, { ...fields, stack: error instanceof Error ? error.stack : String(error) });
  }

  async handle(message: ToWorker): Promise<unknown> {
    switch (message.kind) {
      case 'prepare':
        return prepare(message.likely);
      case 'configure':
        return this.#configure(message.configuration);
      case 'set-clusters':
        for (const settings of message.set) this.#clusters!.addOrUpdate(settings);
        for (const name of message.remove) this.#clusters!.remove(name);
        for (const update of message.hosts) void this.#clusters!.applyHostUpdate(update);
        return null;
      case 'set-listener':
        await this.#loadExtensions(message.settings);
        this.#countCells.set(message.key, message.countCell);
        return this.#listeners!.addOrUpdate(message.key, message.settings);
      case 'set-secret':
        this.#secrets.set(message.secret);
        return null;
      case 'remove-secret':
        this.#secrets.remove(message.name);
        return null;
      case 'remove-listener':
        return this.#listeners!.remove(message.key);
      case 'set-route-table':
        this.#routeTables.set(message.name, this.#routeTable(message.settings));
        return null;
      case 'set-hosts':
        await this.#clusters!.applyHostUpdate(message.update);
        return null;
      case 'set-hash-tables':
        this.#clusters!.applyHashTables(message.tables);
        return null;
      case 'refresh-health':
        this.#clusters!.refreshHealth(message.cluster);
        return null;
      case 'set-loads':
        this.#clusters!.applyLoads(message.cluster, message.clusterId, message.loads);
        return null;
      case 'set-runtime':
        this.#runtime.replace(message.values);
        return null;
      case 'drain':
        this.#listeners!.startDraining(message.inboundOnly);
        return null;
      case 'stop-listening':
        this.#listeners!.stopListening(message.inboundOnly);
        return null;
      case 'serve-connections':
        this.#listeners!.serveConnections();
        return null;
      case 'terminate':
        this.#listeners!.terminate();
        return null;
      case 'set-health-check-failed':
        this.#listeners!.healthCheckFailed = message.failed;
        this.#health.checksFailed = message.failed;
        return null;
      case 'hold-connections':
        this.#listeners!.holdForOverload(message.hold);
        return null;
      case 'take-connection':
        this.#listeners!.takeConnection(message.key, message.fd, message.listenPath);
        return null;
      case 'watch-thread':
        recordPauses(this.#store.root, 'worker_' + this.#data.index);
        return null;
      case 'shrink-heap':
        collectGarbage();
        return null;
      case 'reset-streams':
        this.#overloadResets!.add(this.#listeners!.resetStreams(message.minBytes));
        return null;
      case 'reopen-logs':
        this.#accessLogs!.reopen();
        return null;
      case 'set-log-levels':
        this.#loggers.apply(message.levels);
        return null;
      case 'listener-status':
        return this.#listeners?.status() ?? [];
      case 'cluster-status':
        return this.#clusters?.snapshot() ?? [];
      case 'explain':
        return this.#explain(message.questions);
      case 'set-tap':
        return this.#taps.set(message.configId, message.settings);
      case 'call-cluster':
        return this.#callCluster(message.call);
      case 'write-cluster':
        return this.#writeCluster(message.cluster, message.text);
      case 'watch-requests':
        await this.#requests!.watch(message.counting, message.anew, message.slowMs);
        return null;
      case 'page-sample':
        return this.#requests?.sample() ?? null;
      case 'connection-count':
        return this.#listeners?.connectionCount ?? 0;
      case 'leaving-count':
        return this.#listeners?.leavingCount ?? 0;
      case 'shutdown':
        this.#listeners?.shutdown();
        // Connections report their end, and write their log lines, in the turns that follow.
        for (let turn = 0; turn < CLOSING_TURNS && (this.#listeners?.connectionCount ?? 0) > 0; turn++) await nextTurn();
        await this.#tracing?.close();
        await this.#serviceLogs?.close();
        this.#calls?.close();
        this.#writes?.close();
        await this.#accessLogs?.close();
        this.#store.flush();
        return null;
    }
  }

  async #writeCluster(cluster: string, text: string): Promise<boolean> {
    const { ClusterWrites } = await import('./cluster-writes.ts');
    this.#writes ??= new ClusterWrites(this.#deps!);
    return this.#writes.write(cluster, text);
  }

  async #callCluster(call: ClusterCall): Promise<ClusterAnswer> {
    const { ClusterCalls } = await import('./cluster-calls.ts');
    this.#calls ??= new ClusterCalls(this.#deps!);
    return this.#calls.send(call);
  }

  async #explain(questions: readonly ExplainQuestion[]): Promise<readonly ExplainAnswer[]> {
    const { explainAll } = await import('./explain/explainer.ts');
    const listeners = this.#listeners!;
    return explainAll(questions, {
      get listeners() {
        return listeners.listeners;
      },
      findForDestination: (destination) => listeners.findForDestination(destination),
      clusters: this.#clusters!,
      newHttpFilter: this.#parts.newHttpFilter,
    });
  }

  #configure(configuration: WorkerConfiguration): null {
    this.#runtime.replace(configuration.runtime);
    this.#store.configure(configuration.stats);
    this.#tracer = configuration.tracer;
    const clock = this.#clock;
    const random = this.#random;
    const runtime = this.#runtime;
    const logger = this.#logger;
    const rootScope = this.#store.root;
    const localInfo = configuration.localInfo;
    const format: FormatEnvironment = { clock, random, hostname: localInfo.hostname, variable: environmentVariable };
    const logFormat = redacting(format, this.#data.redactHeaders);
    this.#accessLogs = new AccessLogs({
      clock,
      random,
      runtime,
      rootScope,
      format: logFormat,
      flushIntervalMs: this.#data.fileFlushIntervalMs,
    });
    const outliers: OutlierReports = {
      watch: (cluster, clusterId) => this.#post({ kind: 'outlier-watch', cluster, clusterId }),
      report: (cluster, clusterId, slot, detection) => this.#post({ kind: 'outlier', cluster, clusterId, slot, detection }),
    };
    this.#clusters = new WorkerClusterManager(
      {
        ...{ clock, random, runtime, rootScope, overload: this.#overload, slab: this.#slab, secrets: this.#secrets, outliers },
        dnsCaches: new DnsCaches({
          clock,
          random,
          rootScope,
          onException: (error) => this.#onBug('unexpected exception after a DNS answer', error, {}),
        }),
        reportFailing: (cluster, clusterId, slot) => this.#post({ kind: 'host-failing', cluster, clusterId, slot }),
        askForHashTables: (cluster, clusterId, subset) => this.#post({ kind: 'hash-tables-wanted', cluster, clusterId, subset }),
      },
      configuration.clusters,
      configuration.place,
    );
    const clusters = this.#clusters;
    this.#requests = new WatchedRequests(this.#data.index, clock, clusters);
    const shared = new SharedBlocks(this.#slab);
    const overload = this.#overload;
    const deps: FilterDeps = {
      ...{
        clock,
        random,
        runtime,
        logger,
        overload,
        clusters,
        scope: rootScope,
        rootScope,
        localInfo,
        format,
        logFormat,
        shared,
        serverHealth: this.#health,
        tapSlot: (configId) => this.#taps.slot(configId),
        watch: this.#requests.watching,
        newRequestTracing: (settings, scope, packs) => this.#tracing!.requestTracing(settings, scope, packs),
      },
    };
    this.#deps = deps;
    for (const [name, settings] of Object.entries(configuration.routeTables)) this.#routeTables.set(name, this.#routeTable(settings));
    const accessLogs = this.#accessLogs;
    if (configuration.overload !== null) configureOverload(this.#overload, configuration.overload, rootScope);
    this.#overloadResets = rootScope.counter('envoy.overload_actions.reset_high_memory_stream.count');
    this.#listeners = new ListenerManager(
      {
        workerIndex: this.#data.index,
        filters: deps,
        newNetworkFilter: (type, settings, deps) => this.#network.get(type)?.(settings, deps as never, this.#parts) ?? null,
        newListenerFilter: (type, settings, deps) => this.#listenerFilters.get(type)?.(settings, deps, this.#parts) ?? null,
        newAccessLogger: (settings) => accessLogs.logger(settings as never),
        connectionCount: (key) => new SharedConnectionCount(this.#counts, this.#countCells.get(key)!, this.#connectionLedger),
        ...globalConnections(configuration.overload, this.#counts, this.#connectionLedger, runtime, rootScope),
        ticketKey: Buffer.from(this.#data.ticketKey),
        secrets: this.#secrets,
        handOver: (to, key, fd, listenPath) => this.#post({ kind: 'hand-over', to, key, fd, listenPath }),
        originalDestination: kernelOriginalDestination(),
        preparedSockets: kernelPreparedSockets(),
      },
      this.#data.drainStrategy,
      this.#data.drainTimeMs,
    );
    this.#listeners.holdConnections();
    return null;
  }

  readonly #parts: WorkerParts = {
    newHttpFilter: (type, settings, deps) => {
      const create = this.#http.get(type);
      if (create === undefined) throw new Error(`no HTTP filter for '${type}'`);
      return create(settings, deps, this.#parts);
    },
    newRouteTable: (settings) => this.#routeTable(settings),
    rdsRouteTable: (name) => this.#routeTables.reader(name),
  };

  #routeTable(settings: Parameters<typeof buildRouteTable>[0]) {
    const { runtime, format, rootScope } = this.#deps!;
    if ('virtualHosts' in settings) nameRouteStats(rootScope, settings);
    return buildRouteTable(settings, { runtime, format });
  }

  async #loadServiceLogs(): Promise<void> {
    const { WorkerServiceLogs } = await import('./worker-service-logs.ts');
    this.#serviceLogs ??= new WorkerServiceLogs(this.#deps!);
    this.#accessLogs!.services = this.#serviceLogs.logs;
  }

  async #loadTracing(): Promise<void> {
    const { WorkerTracing } = await import('./worker-tracing.ts');
    this.#tracing ??= new WorkerTracing(this.#deps!, this.#tracer);
  }

  /** Loads what the listener's filters need, so that making them is synchronous. */
  async #loadExtensions(listener: ListenerSettings): Promise<void> {
    const chains = listener.defaultFilterChain === null ? listener.filterChains : [...listener.filterChains, listener.defaultFilterChain];
    const loads: Promise<void>[] = [];
    if (this.#serviceLogs === null && usesLogServices(listener)) loads.push(this.#loadServiceLogs());
    const want = <C>(table: Map<string, C>, list: readonly { type: string; filter: () => Promise<unknown> }[], type: string) => {
      if (table.has(type)) return;
      const extension = list.find((entry) => entry.type === type);
      if (extension !== undefined) loads.push(extension.filter().then((create) => void table.set(type, create as C)));
    };
    for (const filter of listener.listenerFilters) want(this.#listenerFilters, LISTENER_FILTERS, filter.type);
    if (listener.useOriginalDst)
      want(this.#listenerFilters, LISTENER_FILTERS, 'envoy.extensions.filters.listener.original_dst.v3.OriginalDst');
    for (const chain of chains) {
      for (const filter of chain.filters) {
        want(this.#network, NETWORK_FILTERS, filter.type);
        const manager = filter.settings as Partial<HcmSettings> | null;
        if ((manager?.tracing ?? null) !== null && this.#tracing === null) loads.push(this.#loadTracing());
        for (const entry of manager?.httpFilters ?? []) want(this.#http, HTTP_FILTERS, entry.type);
        for (const entry of Object.values(manager?.upgradeFilters ?? {}).flat()) want(this.#http, HTTP_FILTERS, entry.type);
      }
    }
    await Promise.all(loads);
  }
}

/** Nothing of it is kept here: the modules are, so that #loadExtensions finds them. */
async function prepare(likely: readonly string[]): Promise<null> {
  compileAddressPatterns();
  const wanted = [...LISTENER_FILTERS, ...NETWORK_FILTERS, ...HTTP_FILTERS].filter(({ type }) => likely.includes(type));
  await Promise.all(wanted.map((extension) => extension.filter()));
  return null;
}
