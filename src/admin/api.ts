/** What the admin interface needs of the rest of the process. `server` implements it; everything is asked at the time of the request. */
import type { IncomingHttpHeaders } from 'node:http';
import type { HostAddress, HostCounts, Locality } from '../lb/host.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { StatsAggregate } from '../stats/aggregate.ts';
import type { ThreadUsage } from '../stats/process-metrics.ts';

export type ServerState = 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING' | 'INITIALIZING';

/** envoy.admin.v3.ServerInfo, its parts as JSON with Envoy's snake_case names. */
export interface ServerInfo {
  readonly version: string;
  readonly uptimeCurrentEpochS: number;
  readonly uptimeAllEpochsS: number;
  readonly hotRestartVersion: string;
  readonly commandLineOptions: Readonly<Record<string, unknown>>;
  readonly node: Readonly<Record<string, unknown>>;
}

export interface BreakerLimits {
  readonly maxConnections: number;
  readonly maxPendingRequests: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
}

/** Success rates of outlier detection in percent; -1 = not computed (yet). */
export interface OutlierRates {
  readonly successRateAverage: number;
  readonly successRateEjectionThreshold: number;
  readonly localOriginSuccessRateAverage: number;
  readonly localOriginSuccessRateEjectionThreshold: number;
}

export interface HostStatus {
  readonly address: HostAddress;
  readonly hostname: string;
  readonly counts: HostCounts;
  /** Requests waiting for a connection to this host. */
  readonly rqPendingActive: number;
  /** Bits of lb's HealthFlag. */
  readonly healthFlags: number;
  readonly weight: number;
  readonly locality: Locality;
  readonly canary: boolean;
  readonly priority: number;
  readonly successRate: number;
  readonly localOriginSuccessRate: number;
}

export interface ClusterStatus {
  readonly name: string;
  readonly observabilityName: string;
  /** '' = none. */
  readonly edsServiceName: string;
  readonly addedViaApi: boolean;
  /** null = no outlier detection. */
  readonly outlier: OutlierRates | null;
  readonly defaultPriority: BreakerLimits;
  readonly highPriority: BreakerLimits;
  readonly hosts: Iterable<HostStatus>;
}

export interface ListenerStatus {
  readonly name: string;
  readonly address: HostAddress;
  readonly additionalAddresses: readonly HostAddress[];
}

export interface RuntimeEntry {
  readonly finalValue: string;
  /** One per layer; '' = the layer does not set it. */
  readonly layerValues: readonly string[];
}

export interface RuntimeLayers {
  readonly layers: readonly string[];
  readonly entries: Readonly<Record<string, RuntimeEntry>>;
}

export interface DrainOptions {
  readonly graceful: boolean;
  readonly inboundOnly: boolean;
  readonly skipExit: boolean;
}

/** Bytes. */
export interface MemoryUse {
  readonly allocated: number;
  readonly heapSize: number;
  readonly pageheapUnmapped: number;
  readonly pageheapFree: number;
  readonly totalThreadCache: number;
  readonly totalPhysicalBytes: number;
}

export type JsonObject = { readonly [key: string]: unknown };

export interface Profiler {
  /** @returns null, or why it could not be done */
  startCpu(): Promise<string | null>;
  /** Writes the profile to the configured path. */
  stopCpu(): Promise<string | null>;
  startHeap(includeFreed: boolean): Promise<string | null>;
  stopHeap(): Promise<string | null>;
  heapSnapshot(): AsyncIterable<Uint8Array>;
}

/** One finished admin request, for `admin.access_log`. */
export interface AdminAccessRecord {
  readonly startWallMs: number;
  readonly durationMs: number;
  readonly method: string;
  readonly path: string;
  /** "HTTP/1.1". */
  readonly protocol: string;
  readonly authority: string;
  /** Names and values in turn, as they came. */
  readonly headers: readonly string[];
  readonly contentType: string;
  readonly connectionId: number;
  /** "ip:port"; '' for a UNIX socket. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly responseCode: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

export interface AdminAccessLog {
  log(record: AdminAccessRecord): void;
}

export interface AdminDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly stats: StatsAggregate;
  readonly accessLogs: readonly AdminAccessLog[];
  /** Lower case: names of this interface besides its own, for browsers; `*.` before one stands for all below it. */
  readonly hostNames: readonly string[];
  /** admin.allow_paths. @param path with its query, as Envoy matches it */
  allows(path: string): boolean;
  readonly profiler: Profiler;
  state(): ServerState;
  serverInfo(): ServerInfo;
  /** What every thread costs; from the first call on their pauses are recorded too. */
  threads(): Promise<readonly ThreadUsage[]>;
  /** Ends a `stats_flush_interval` now, if the bootstrap says `stats_flush_on_admin`. */
  flushStats(): void;
  /** Asks workers for what only they know, before it is shown. null = there is nothing to ask for. */
  refresh(): Promise<void> | null;
  clusters(): Iterable<ClusterStatus>;
  listeners(): Iterable<ListenerStatus>;
  /** envoy.admin.v3.ConfigDump's `configs` as JSON (snake_case, each with `@type`), secrets already redacted. */
  configDump(includeEds: boolean): Promise<readonly JsonObject[]>;
  /** envoy.admin.v3.Certificates' `certificates`. */
  certificates(): readonly JsonObject[];
  /** envoy.admin.v3.UnreadyTargetsDumps: names of what is not ready yet, by init manager. */
  unreadyTargets(): readonly { readonly name: string; readonly targets: readonly string[] }[];
  runtime(): RuntimeLayers;
  /** Sets overrides in the admin layer ('' removes one); false = the bootstrap has no admin layer. */
  modifyRuntime(values: ReadonlyMap<string, string>): boolean;
  /** By component, in the order to print. */
  loggers(): ReadonlyMap<string, Logger>;
  memory(): MemoryUse;
  failHealthChecks(fail: boolean): void;
  drainListeners(options: DrainOptions): void;
  reopenLogs(): void;
  quit(): void;
  /** Endpoints of other parts, shown in `/help` like the rest. */
  readonly extraEndpoints: readonly Endpoint[];
}

export interface AdminRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly params: URLSearchParams;
  readonly body: string;
}

/**
 * A body is text, or text and bytes made piece by piece while they are sent ('' = let others run); the memory of bytes may be used again for the next
 * piece. What an asynchronous one has given is sent
 * before the next piece is waited for, and it is asked for the next only when the reader has taken enough.
 */
export type AdminBody = string | Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;

export interface AdminReply {
  readonly status: number;
  readonly contentType: string;
  /** Besides those that every answer has. Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: AdminBody;
  /** A stream of events: goes on until the viewer goes, and is cut off when the interface stops. */
  readonly endless?: boolean;
  /** Called when the last byte is handed to the socket; `/quitquitquit` must answer before it acts. */
  readonly afterSent?: () => void;
}

export interface EndpointParameter {
  readonly name: string;
  readonly help: string;
  /** The values to choose from; absent = any text, or none for a flag. */
  readonly values?: readonly string[];
  readonly flag?: boolean;
}

export interface Endpoint {
  readonly path: string;
  readonly help: string;
  /** Changes something, so it answers only POST. */
  readonly mutates: boolean;
  /** Shows what workers know: they are asked first. */
  readonly asksWorkers?: boolean;
  /** For the live page: only under names of ours (browser-guard.ts). */
  readonly page?: boolean;
  readonly parameters: readonly EndpointParameter[];
  handle(request: AdminRequest, deps: AdminDeps): AdminReply | Promise<AdminReply>;
}
