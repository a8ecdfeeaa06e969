/** The control thread: brings a configuration to life, keeps the process's state, ends it in order. */
import { hostname } from 'node:os';
import { AdminServer, prepareAdmin } from '../admin/admin-server.ts';
import type { DrainOptions, JsonObject } from '../admin/api.ts';
import { ClusterControl } from '../cluster/cluster-control.ts';
import type { OwnHostSnapshot } from '../cluster/cluster-manager.ts';
import { SystemResolver } from '../cluster/discovery/system-resolver.ts';
import { HostTeller } from '../cluster/host-delta.ts';
import { ClusterRegistry } from '../cluster/registry.ts';
import { formatProblem, hasErrors } from '../config/problem.ts';
import type { ListenerStatus } from '../listener/listener-manager.ts';
import { ipAddress, pipeAddress } from '../net/address.ts';
import { pageEndpoints } from '../page/endpoints.ts';
import { type Clock, Timer } from '../runtime/clock.ts';
import { environmentVariable } from '../runtime/environment.ts';
import { LOG_COMPONENTS } from '../runtime/log-components.ts';
import type { Logger, Loggers } from '../runtime/logger.ts';
import { fs } from '../runtime/node-module.ts';
import { threadUsage } from '../runtime/pauses.ts';
import { secretBytes, systemRandom } from '../runtime/random.ts';
import { MutableRuntime } from '../runtime/runtime.ts';
import { StatsAggregate } from '../stats/aggregate.ts';
import type { ThreadUsage } from '../stats/process-metrics.ts';
import type { AdminAccessLogs } from './admin-access-log.ts';
import { ServerAdmin } from './admin-deps.ts';
import { CertificateOverview } from './certificates.ts';
import type { CompiledConfig } from './compiled.ts';
import type { ConfigCompiler } from './config-compiler.ts';
import { EventLogs } from './event-logs.ts';
import { explainEndpoint } from './explain/endpoint.ts';
import { FileSubscriptions } from './file-subscriptions.ts';
import { LiveResources } from './live-resources.ts';
import { localInfo, ownPlace } from './local-info.ts';
import type { WorkerCall, WorkerNews } from './messages.ts';
import { configRequest, type ServerOptions } from './options.ts';
import type { OverloadManager } from './overload/overload-manager.ts';
import { startOverloadManager, workerOverload } from './overload/start.ts';
import { ServerPage } from './page-source.ts';
import { Reload } from './reload.ts';
import { EMPTY_DUMP } from './resource-book.ts';
import { RuntimeLayers } from './runtime-layers.ts';
import { RuntimeWatch } from './runtime-watch.ts';
import { ServerStats } from './server-stats.ts';
import type { SinkCalls } from './stats-sinks/service-sinks.ts';
import type { StatsSinks } from './stats-sinks/stats-sinks.ts';
import { AdminTaps } from './tap-endpoint.ts';
import { Termination } from './termination.ts';
import { recordPauses } from './thread-pauses.ts';
import { packageVersion } from './version.ts';
import { WatchedFile } from './watched-file.ts';
import { Workers } from './workers.ts';

export type ServerState = 'PRE_INITIALIZING' | 'INITIALIZING' | 'LIVE' | 'DRAINING';

export class Server {
  readonly options: ServerOptions;
  readonly logger: Logger;
  readonly #loggers: Loggers;
  readonly #reopenLog: () => void;
  readonly clock: Clock;
  readonly startedMs: number;
  readonly stats = new StatsAggregate();
  readonly workers: Workers;
  readonly #serverStats: ServerStats;
  /** Resolves with the exit code when the process may end. */
  readonly ended: Promise<number>;
  #end: (code: number) => void = () => undefined;
  state: ServerState = 'PRE_INITIALIZING';
  config: CompiledConfig | null = null;
  runtime: RuntimeLayers = new RuntimeLayers([], '');
  clusters: ClusterControl | null = null;
  certificates: CertificateOverview | null = null;
  /** null = there are none. */
  sinks: StatsSinks | null = null;
  /** Hosts that only workers know, as last told. */
  ownHosts: readonly Readonly<Record<string, readonly OwnHostSnapshot[]>>[] = [];
  listenerStatus: readonly ListenerStatus[] = [];
  readonly #random = systemRandom();
  readonly #runtimeValues = new MutableRuntime();
  readonly #hostTeller = new HostTeller();
  readonly #runtimeWatch: RuntimeWatch;
  readonly #compiler: ConfigCompiler;
  #registry: ClusterRegistry | null = null;
  #subscriptions: FileSubscriptions | null = null;
  #reload: Reload | null = null;
  #bootstrapFile: WatchedFile | null = null;
  #admin: AdminServer | null = null;
  #page: ServerPage | null = null;
  #adminLogs: AdminAccessLogs | null = null;
  readonly #taps: AdminTaps;
  readonly #eventLogs: EventLogs;
  #termination: Termination | null = null;
  #overload: OverloadManager | null = null;
  #waitingFor: string[] = [];
  #healthCheckFailed = false;
  #stopped = false;
  #draining = false;
  #loadedMs: number;
  #watchingThreads = false;
  /** Drains that were asked for: they hold for workers that start later too. */
  readonly #standing: WorkerCall[] = [];

  constructor(options: ServerOptions, loggers: Loggers, reopenLog: () => void, clock: Clock, compiler: ConfigCompiler) {
    this.options = options;
    this.clock = clock;
    this.startedMs = clock.nowMs();
    this.#loadedMs = clock.wallMs();
    this.#compiler = compiler;
    this.#loggers = loggers;
    this.#reopenLog = reopenLog;
    this.logger = loggers.component('main');
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#taps = new AdminTaps(() => this.workers);
    this.workers = new Workers(
      {
        concurrency: options.concurrency,
        ticketKey: secretBytes(48),
        drainStrategy: options.drainStrategy,
        drainTimeMs: options.drainTimeSeconds * 1000,
        fileFlushIntervalMs: options.fileFlushIntervalMs,
        redactHeaders: options.redactHeaders,
        logLevel: options.logLevel,
        logLevels: loggers.levels(),
      },
      this.stats,
      loggers,
    );
    loggers.onChange = (component, level) => this.#publish({ kind: 'set-log-levels', levels: { [component]: level } });
    this.#serverStats = new ServerStats(this);
    this.#runtimeWatch = new RuntimeWatch(clock, () => {
      // Envoy reads all layers once for each that was swapped.
      for (const layer of this.runtime.settings) if (layer.kind === 'disk') this.runtime.load();
      this.pushRuntime();
    });
    this.#eventLogs = new EventLogs(clock, this.stats.local.root, options.fileFlushIntervalMs);
  }

  /** @returns false if the configuration has errors; they have been written to `report` and nothing runs */
  async start(report: (line: string) => void): Promise<boolean> {
    // Threads start while the configuration is compiled: they need it only afterwards.
    this.workers.start(this.options);
    // Meanwhile this one has time, and hardly a configuration is without an admin interface.
    const [{ compiled, problems }] = await Promise.all([this.#compiler.compile(configRequest(this.options)), prepareAdmin()]);
    for (const problem of problems) report(formatProblem(problem));
    if (compiled === null || hasErrors(problems)) {
      await this.stop();
      return false;
    }
    this.config = compiled;
    this.stats.configure(compiled.stats);
    this.runtime = new RuntimeLayers(compiled.runtimeLayers, compiled.node.cluster);
    this.#runtimeWatch.watch(compiled.runtimeLayers);
    // What was swapped before it was watched.
    this.runtime.load();
    this.#registry = new ClusterRegistry(compiled.clusters.block, compiled.clusters.nextId);
    this.#runtimeValues.replace(this.runtime.values());
    const outlierLog = compiled.outlierEventLogPath === '' ? null : this.#eventLogs.open(compiled.outlierEventLogPath);
    this.workers.onNews = (news) => this.#onNews(news);
    let holder: LiveResources | null = null;
    this.clusters = new ClusterControl(this.#registry, {
      clock: this.clock,
      random: this.#random,
      runtime: this.#runtimeValues,
      slab: this.workers.slab,
      rootScope: this.stats.local.root,
      newResolver: (servers, resolverOptions) => new SystemResolver(servers, resolverOptions),
      defaultResolver: compiled.resolver,
      publish: (update) => {
        for (const message of this.#hostTeller.messages(update)) this.#publish({ kind: 'set-hosts', update: message });
      },
      secrets: {
        get version() {
          return holder?.version ?? 0;
        },
        get: (name) => holder?.secrets.get(name) ?? null,
      },
      format: { clock: this.clock, random: this.#random, hostname: hostname(), variable: environmentVariable },
      openEventLog: (path) => this.#eventLogs.open(path),
      onException: (error) => this.logger.error('unexpected exception in a health check', { stack: (error as Error).stack }),
      publishHealth: (cluster) => {
        this.#publish({ kind: 'refresh-health', cluster });
        this.clusters?.healthChanged(cluster);
      },
      publishTables: (tables) => this.#publish({ kind: 'set-hash-tables', tables }),
      publishLoads: (cluster, clusterId, loads) => this.#publish({ kind: 'set-loads', cluster, clusterId, loads }),
      writeOutlierEvent: outlierLog === null ? null : (line) => outlierLog.write(Buffer.from(line).toString('latin1')),
      onHealthCheck: (cluster, slot, healthy) => {
        if (healthy) this.clusters?.outliers.onHealthCheckPassed(cluster, slot);
      },
    });
    const resources = new LiveResources(
      this.workers,
      this.clusters,
      this.#registry,
      this.stats.local.root,
      this.#loggers.component('config'),
    );
    holder = resources;
    this.certificates = new CertificateOverview({
      resources,
      catalog: this.#registry.catalog,
      root: this.stats.local.root,
      addressOf: (name) => this.listenerStatus.find((listener) => listener.name === name)?.addresses[0],
    });
    resources.onListeners = async () => {
      this.listenerStatus = await this.workers.listenerStatus();
    };
    resources.secretUsers.addressOf = (name) => this.listenerStatus.find((listener) => listener.name === name)?.addresses[0];
    this.#page = new ServerPage(this, {
      ...{ resources, catalog: this.#registry.catalog, runtime: this.#runtimeValues },
      drainState: () => [this.#healthCheckFailed, this.#draining],
    });
    this.workers.resources = () => resources.replay();
    this.workers.processState = () => this.#processState();
    this.#subscriptions = new FileSubscriptions({
      clock: this.clock,
      logger: this.#loggers.component('config'),
      root: this.stats.local.root,
      compiler: this.#compiler,
      ...{ resources, catalog: this.#registry.catalog },
      request: configRequest(this.options),
    });
    await this.#startAdmin(compiled);
    this.state = 'INITIALIZING';
    await this.workers.configure({
      localInfo: localInfo(compiled.node, this.options.localAddressIpVersion),
      runtime: this.runtime.values(),
      place: ownPlace(compiled.node, compiled.localClusterName),
      clusters: compiled.clusters.block,
      stats: compiled.stats,
      tracer: compiled.tracer,
      routeTables: {},
      overload: workerOverload(compiled.overload),
    });
    if (compiled.overload !== null) {
      const { clock, workers } = this;
      this.#overload = startOverloadManager(compiled.overload, {
        ...{ clock, workers, runtime: this.#runtimeValues, rootScope: this.stats.local.root, logger: this.logger },
        tell: (call) => this.#publish(call),
      });
    }
    for (const secret of compiled.secrets) await resources.setSecret(secret);
    // A port that is taken is said at once; connections wait, where Envoy refuses them, until there is something to serve them with.
    const refused = await resources.setListeners('static', compiled.listeners);
    if (refused.size > 0) throw new Error([...refused].map(([name, reason]) => `listener '${name}': ${reason}`).join('\n'));
    // As in Envoy they wait for the first answer of every name: no request finds an empty cluster.
    this.#waitingFor = ['clusters'];
    await this.clusters.start();
    this.#waitingFor = ['dynamic resources'];
    await this.#subscriptions.start(compiled.dynamic);
    this.#waitingFor = ['health checks'];
    await this.clusters.firstHealthRound();
    await this.workers.serveConnections();
    if (isStatic(compiled)) this.#compiler.close();
    this.#waitingFor = [];
    this.#reload = new Reload({
      clock: this.clock,
      leavingConnections: () => this.workers.connectionCount('leaving-count'),
      logger: this.logger,
      resources,
      subscriptions: this.#subscriptions,
      compile: () => this.#compiler.compile(configRequest(this.options)),
      current: () => this.config!,
      adopt: (config) => {
        this.config = config;
        this.#loadedMs = this.clock.wallMs();
        this.runtime.replace(config.runtimeLayers);
        this.#runtimeWatch.watch(config.runtimeLayers);
        this.pushRuntime();
      },
    });
    if (this.options.watch && this.options.configPath !== null) {
      this.#bootstrapFile = new WatchedFile(this.options.configPath, '', this.clock, () => void this.reload());
    }
    this.state = 'LIVE';
    if (compiled.statsSinks.length > 0) await this.#startSinks(compiled);
    this.#serverStats.start(compiled);
    if (compiled.admin !== null) void this.#page.live();
    this.logger.info('ready', {
      listeners: this.listenerStatus.map((l) => `${l.name} ${l.addresses.join(' ')}`),
      startMs: Math.round(this.clock.nowMs() - this.startedMs),
    });
    return true;
  }

  /** Of every component, by name. */
  get loggers(): ReadonlyMap<string, Logger> {
    return new Map(LOG_COMPONENTS.map((name) => [name, this.#loggers.component(name)]));
  }

  get clusterCount(): number {
    return this.#registry?.catalog.size ?? 0;
  }

  /** Asks workers for what only they know; `/clusters` and `/listeners` show the last answer. */
  async refresh(): Promise<void> {
    if (this.clusters === null || this.state === 'PRE_INITIALIZING') return;
    try {
      this.ownHosts = await this.workers.query({ kind: 'cluster-status' });
      this.listenerStatus = await this.workers.listenerStatus();
    } catch {
      // A worker is being replaced: the last answer stands.
    }
    this.clusters.refreshGauges(this.ownHosts);
  }

  /** Gauges that hold for all workers together are read from shared memory at this moment. */
  refreshStats(): void {
    this.clusters?.refreshGauges(this.ownHosts);
    this.certificates?.refresh(this.clock.wallMs());
  }

  // ── what the admin interface and signals ask for ──

  /** The pauses of threads are recorded from the first call on. */
  async threads(): Promise<readonly ThreadUsage[]> {
    const call: WorkerCall = { kind: 'watch-thread' };
    if (!this.#watchingThreads) {
      this.#watchingThreads = true;
      recordPauses(this.stats.local.root, 'control');
      this.#tellNowAndLater(call);
    }
    return [{ name: 'control', ...threadUsage() }, ...(await this.workers.usage())];
  }

  flushStats(): void {
    this.#serverStats.flush();
  }

  configDump(): Promise<readonly JsonObject[]> {
    const dynamic = this.#subscriptions?.book.dump() ?? EMPTY_DUMP;
    return this.#compiler.dump({ request: configRequest(this.options), dynamic, loadedMs: this.#loadedMs });
  }

  unreadyTargets(): readonly { readonly name: string; readonly targets: readonly string[] }[] {
    return this.#waitingFor.length === 0 ? [] : [{ name: 'init manager Server', targets: this.#waitingFor }];
  }

  pushRuntime(): void {
    this.#serverStats.refreshRuntime();
    this.#runtimeValues.replace(this.runtime.values());
    this.#publish({ kind: 'set-runtime', values: this.runtime.values() });
  }

  failHealthChecks(failed: boolean): void {
    this.#healthCheckFailed = failed;
    if (this.#termination === null && (this.state === 'LIVE' || this.state === 'DRAINING')) this.state = failed ? 'DRAINING' : 'LIVE';
    this.#publish({ kind: 'set-health-check-failed', failed });
  }

  /** Connections are let go; unless told otherwise listeners stop, with `graceful` when the drain time is over. */
  drainListeners({ graceful, skipExit, inboundOnly }: DrainOptions): void {
    if (!graceful && !skipExit) {
      this.#tellNowAndLater({ kind: 'stop-listening', inboundOnly });
      return;
    }
    if (this.#draining) return;
    this.#draining = true;
    this.#tellNowAndLater({ kind: 'drain', inboundOnly });
    if (skipExit) return;
    const stop = { onTimer: () => this.#tellNowAndLater({ kind: 'stop-listening', inboundOnly }) };
    this.clock.arm(new Timer(stop, 0), this.options.drainTimeSeconds * 1000);
  }

  reopenLogs(): void {
    this.#reopenLog();
    this.#adminLogs?.reopen();
    this.#eventLogs.reopen();
    this.#publish({ kind: 'reopen-logs' });
  }

  async reload(): Promise<void> {
    if (this.#termination === null) await this.#reload?.run();
  }

  /** `/quitquitquit`: as in Envoy, the process ends at once and with success. */
  quit(): void {
    void this.stop().then(() => this.#end(0));
  }

  /** SIGTERM: readiness off, inbound drains, outbound goes on working; the second time everything ends at once. */
  terminate(): void {
    if (this.#termination !== null || this.state === 'PRE_INITIALIZING' || this.state === 'INITIALIZING') {
      this.quit();
      return;
    }
    this.state = 'DRAINING';
    this.#termination = new Termination(this.workers, this.clock, this.logger, this.options.terminationGraceSeconds * 1000, () =>
      this.quit(),
    );
    void this.#termination.start();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#termination?.cancel();
    this.#serverStats.stop();
    await this.sinks?.close();
    this.#overload?.stop();
    this.#runtimeWatch.close();
    this.clusters?.stop();
    this.#subscriptions?.close();
    this.#reload?.stop();
    this.#bootstrapFile?.close();
    this.#compiler.close();
    this.#page?.close();
    await this.workers.stop();
    await this.#admin?.stop();
    await this.#adminLogs?.close();
    await this.#eventLogs.close();
  }

  async #startAdmin(compiled: CompiledConfig): Promise<void> {
    if (compiled.admin === null) return;
    const { address, accessLogs } = compiled.admin;
    if (accessLogs.length > 0) {
      const { AdminAccessLogs } = await import('./admin-access-log.ts');
      const { hostname, addressIp } = localInfo(compiled.node, this.options.localAddressIpVersion);
      this.#adminLogs = new AdminAccessLogs(accessLogs, {
        ...{ clock: this.clock, random: this.#random, runtime: this.#runtimeValues },
        rootScope: this.stats.local.root,
        flushIntervalMs: this.options.fileFlushIntervalMs,
        redactHeaders: this.options.redactHeaders,
        hostname,
        addressIp,
      });
    }
    const logs = this.#adminLogs === null ? [] : [this.#adminLogs];
    this.#admin = new AdminServer(
      new ServerAdmin(this, compiled.admin, logs, [
        explainEndpoint(this.workers),
        this.#taps.endpoint(),
        ...pageEndpoints(async () => this.#page?.live() ?? null),
      ]),
    );
    const bound = await this.#admin.start(address.kind === 'ip' ? ipAddress(address.ip, address.port) : pipeAddress(address.path));
    if (this.options.adminAddressPath !== null) fs.writeFileSync(this.options.adminAddressPath, bound.text);
  }

  async #startSinks({ statsSinks, node }: CompiledConfig): Promise<void> {
    const { StatsSinks } = await import('./stats-sinks/stats-sinks.ts');
    const calls: SinkCalls = {
      call: (call) => this.workers.ask({ kind: 'call-cluster', call }),
      write: (cluster, text) => this.workers.ask({ kind: 'write-cluster', cluster, text }),
    };
    this.sinks = new StatsSinks(statsSinks, {
      ...{ clock: this.clock, stats: this.stats, calls, node, version: packageVersion() },
      refresh: () => this.refreshStats(),
    });
  }

  #onNews(news: WorkerNews): void {
    if (news.kind === 'tap-trace') {
      this.#taps.onTrace(news.configId, news.trace);
      return;
    }
    const clusters = this.clusters;
    if (clusters === null) return;
    if (news.kind === 'outlier-watch') clusters.watchOutliers(news.cluster, news.clusterId);
    else if (news.kind === 'host-failing') clusters.failHost(news.cluster, news.clusterId, news.slot);
    else if (news.kind === 'hash-tables-wanted') clusters.wantHashTables(news.cluster, news.clusterId, news.subset);
    else clusters.outliers.onDetection(news.cluster, news.clusterId, news.slot, news.detection);
  }

  /** What a worker that starts now must be told of the process's state. */
  #processState(): WorkerCall[] {
    const calls: WorkerCall[] = [
      { kind: 'set-runtime', values: this.runtime.values() },
      { kind: 'set-log-levels', levels: this.#loggers.levels() },
      ...this.#taps.state,
      ...this.#standing,
      ...(this.#page?.standing() ?? []),
    ];
    if (this.#overload?.holdsConnections === true) calls.push({ kind: 'hold-connections', hold: true });
    if (this.#healthCheckFailed) calls.push({ kind: 'set-health-check-failed', failed: true });
    if (this.#termination !== null) calls.push({ kind: 'terminate' });
    return calls;
  }

  #tellNowAndLater(call: WorkerCall): void {
    this.#standing.push(call);
    this.#publish(call);
  }

  #publish(call: WorkerCall): void {
    this.workers.tell(call).catch((error: Error) => this.logger.error(`${call.kind} failed`, { error: error.message }));
  }
}

/** Nothing will be compiled again by itself: the compiler's thread may go. */
function isStatic({ dynamic }: CompiledConfig): boolean {
  return (
    dynamic.lds === null &&
    dynamic.cds === null &&
    [dynamic.rds, dynamic.eds, dynamic.sds].every((sources) => Object.keys(sources).length === 0)
  );
}
