/** The admin interface's view of the process. */

import { hostname } from 'node:os';
import type {
  AdminAccessLog,
  AdminDeps,
  ClusterStatus,
  DrainOptions,
  Endpoint,
  JsonObject,
  ListenerStatus,
  MemoryUse,
  RuntimeLayers as RuntimeView,
  ServerInfo,
} from '../admin/api.ts';
import { InspectorProfiler } from '../admin/profiler.ts';
import { buildStringMatcher, type StringMatcher } from '../http/string-matcher.ts';
import type { ListenerStatus as WorkerListenerStatus } from '../listener/listener-manager.ts';
import { parseIpPort, pipeAddress } from '../net/address.ts';
import { type Clock, Timer } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { memoryUse } from '../runtime/memory.ts';
import type { ThreadUsage } from '../stats/process-metrics.ts';
import type { AdminSettings } from './compiled.ts';
import type { Server, ServerState } from './server.ts';
import { ENVOY_VERSION, packageVersion } from './version.ts';

/** What an admin request waits at most for workers. */
const REFRESH_PATIENCE_MS = 200;

export class ServerAdmin implements AdminDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly accessLogs: readonly AdminAccessLog[];
  readonly hostNames: readonly string[];
  readonly profiler: InspectorProfiler;
  readonly extraEndpoints: readonly Endpoint[];
  readonly #server: Server;
  /** Empty = all. */
  readonly #allowed: readonly StringMatcher[];

  constructor(server: Server, settings: AdminSettings, accessLogs: readonly AdminAccessLog[], extraEndpoints: readonly Endpoint[]) {
    this.#server = server;
    this.accessLogs = accessLogs;
    this.hostNames = server.options.adminHostNames;
    this.clock = server.clock;
    this.logger = server.logger.component('admin');
    this.profiler = new InspectorProfiler(settings.profilePath);
    this.#allowed = settings.allowPaths.map(buildStringMatcher);
    this.extraEndpoints = extraEndpoints;
  }

  allows(path: string): boolean {
    return this.#allowed.length === 0 || this.#allowed.some((matcher) => matcher.matches(path));
  }

  get stats() {
    this.#server.refreshStats();
    return this.#server.stats;
  }

  state(): ServerState {
    return this.#server.state;
  }

  serverInfo(): ServerInfo {
    const { options, startedMs, config } = this.#server;
    const uptimeS = Math.floor((this.clock.nowMs() - startedMs) / 1000);
    const node = config?.node;
    return {
      version: `outrider/${packageVersion()}/${ENVOY_VERSION}/Clean/RELEASE/Node`,
      uptimeCurrentEpochS: uptimeS,
      uptimeAllEpochsS: uptimeS,
      hotRestartVersion: 'disabled',
      commandLineOptions: {
        base_id: String(options.baseId),
        concurrency: options.concurrency,
        config_path: options.configPath ?? '',
        config_yaml: options.configYaml ?? '',
        log_level: options.logLevel,
        log_path: options.logPath ?? '',
        service_cluster: options.serviceCluster,
        service_node: options.serviceNode,
        service_zone: options.serviceZone,
        mode: options.mode === 'serve' ? 'Serve' : options.mode === 'validate' ? 'Validate' : 'InitOnly',
        drain_time: options.drainTimeSeconds + 's',
        drain_strategy: options.drainStrategy === 'gradual' ? 'Gradual' : 'Immediate',
        file_flush_interval: options.fileFlushIntervalMs / 1000 + 's',
        allow_unknown_static_fields: options.allowUnknownStaticFields,
        reject_unknown_dynamic_fields: options.rejectUnknownDynamicFields,
        ignore_unknown_dynamic_fields: options.ignoreUnknownDynamicFields,
        disable_hot_restart: true,
        restart_epoch: 0,
      },
      node: {
        id: node?.id ?? '',
        cluster: node?.cluster ?? '',
        locality: { region: node?.region ?? '', zone: node?.zone ?? '', sub_zone: node?.subZone ?? '' },
        user_agent_name: 'outrider',
        metadata: { hostname: hostname() },
      },
    };
  }

  threads(): Promise<readonly ThreadUsage[]> {
    return this.#server.threads();
  }

  flushStats(): void {
    if (this.#server.config?.statsFlushOnAdmin === true) this.#server.flushStats();
  }

  refresh(): Promise<void> | null {
    const { clusters } = this.#server;
    if (clusters === null || !clusters.hasOwnHosts) return null;
    // A worker that does not answer soon must not keep the rest from being shown.
    return new Promise((resolve) => {
      const patience = new Timer({ onTimer: () => resolve() }, 0);
      this.clock.arm(patience, REFRESH_PATIENCE_MS);
      void this.#server.refresh().then(() => {
        this.clock.disarm(patience);
        resolve();
      });
    });
  }

  clusters(): Iterable<ClusterStatus> {
    return this.#server.clusters?.views(this.#server.ownHosts) ?? [];
  }

  listeners(): Iterable<ListenerStatus> {
    return this.#server.listenerStatus.map(listenerView);
  }

  async configDump(includeEds: boolean): Promise<readonly JsonObject[]> {
    const configs = await this.#server.configDump();
    const { clusters, ownHosts } = this.#server;
    if (!includeEds || clusters === null) return configs;
    const { withEndpoints } = await import('./endpoint-dump.ts');
    return withEndpoints(configs, clusters.assignments(ownHosts));
  }

  certificates(): readonly JsonObject[] {
    return this.#server.certificates?.list(this.clock.wallMs()) ?? [];
  }

  unreadyTargets(): readonly { readonly name: string; readonly targets: readonly string[] }[] {
    return this.#server.unreadyTargets();
  }

  runtime(): RuntimeView {
    const { runtime } = this.#server;
    return { layers: runtime.names, entries: runtime.entries() };
  }

  modifyRuntime(values: ReadonlyMap<string, string>): boolean {
    const { runtime } = this.#server;
    if (!runtime.hasAdminLayer) return false;
    runtime.override(values);
    this.#server.pushRuntime();
    return true;
  }

  loggers(): ReadonlyMap<string, Logger> {
    return this.#server.loggers;
  }

  memory(): MemoryUse {
    return memoryUse();
  }

  failHealthChecks(fail: boolean): void {
    this.#server.failHealthChecks(fail);
  }

  drainListeners(options: DrainOptions): void {
    this.#server.drainListeners(options);
  }

  reopenLogs(): void {
    this.#server.reopenLogs();
  }

  quit(): void {
    this.#server.quit();
  }
}

function listenerView(status: WorkerListenerStatus): ListenerStatus {
  const [first, ...rest] = status.addresses.map((text) => parseIpPort(text) ?? pipeAddress(text));
  return { name: status.name, address: first ?? pipeAddress(''), additionalAddresses: rest };
}
