/** What the control thread and a worker say to each other. Everything is plain data; calls carry an id and are answered by `done`. */

import type { PackedCluster } from '../cluster/catalog.ts';
import type { OwnPlace } from '../cluster/cluster-manager.ts';
import type { HashTables } from '../cluster/hash-tables.ts';
import type { HostMessage } from '../cluster/host-delta.ts';
import type { PackedHosts } from '../cluster/packed-hosts.ts';
import type { LocalInfo } from '../filters/api.ts';
import type { ToldLoad } from '../lb/client-side-weights.ts';
import type { ListenerSettings } from '../listener/settings.ts';
import type { Detection } from '../resilience/outlier/monitor-cells.ts';
import type { RouteTableSettings } from '../route/settings.ts';
import type { LogLevel, LogRecord } from '../runtime/logger.ts';
import type { OverloadReaderSettings } from '../runtime/overload.ts';
import type { StatsAnnouncement } from '../stats/announcement.ts';
import type { StatsSettings } from '../stats/settings.ts';
import type { SecretSettings } from '../tls/secrets.ts';
import type { TracerSettings } from '../tracing/settings.ts';
import type { ExplainQuestion } from './explain/question.ts';

/** Handed over when the thread starts. */
export interface WorkerData {
  readonly index: number;
  readonly slab: SharedArrayBuffer;
  /** SharedSlab.newLedger: this worker's share of the slab's counts. */
  readonly ledger: SharedArrayBuffer;
  /** Int32 cells: open connections of all listeners, then of each listener. */
  readonly connectionCounts: SharedArrayBuffer;
  /** This worker's share of them. */
  readonly connectionLedger: SharedArrayBuffer;
  /** newOverloadCells: what the overload manager has decided. */
  readonly overload: SharedArrayBuffer;
  /** For TLS session tickets, the same on all workers. */
  readonly ticketKey: Uint8Array;
  readonly drainStrategy: 'gradual' | 'immediate';
  readonly drainTimeMs: number;
  readonly fileFlushIntervalMs: number;
  /** --redact-headers */
  readonly redactHeaders: readonly string[];
  readonly logLevel: LogLevel;
  /** Of components that are set apart. */
  readonly logLevels: Readonly<Record<string, LogLevel>>;
}

export interface WorkerConfiguration {
  readonly localInfo: LocalInfo;
  readonly runtime: Readonly<Record<string, string>>;
  readonly place: OwnPlace;
  readonly clusters: SharedArrayBuffer;
  readonly stats: StatsSettings;
  /** Of connection managers that trace and name no provider; null = nothing comes of it. */
  readonly tracer: TracerSettings | null;
  readonly routeTables: Readonly<Record<string, RouteTableSettings>>;
  /** null = there is no overload manager. */
  readonly overload: WorkerOverloadSettings | null;
}

export interface WorkerOverloadSettings extends OverloadReaderSettings {
  /** The monitor that counts all connections; null = the runtime key's number is the limit. */
  readonly connections: { readonly monitor: string; readonly max: number } | null;
}

/**
 * A request of the control thread's own, sent by a worker through the cluster: its hosts, balancing, breakers, TLS and statistics. Answered
 * with a ClusterAnswer.
 */
export interface ClusterCall {
  readonly cluster: string;
  readonly path: string;
  readonly authority: string;
  /** Beside the pseudo headers; content-type is among them, and `te` of gRPC. */
  readonly headers: readonly (readonly [string, string])[];
  /** A gRPC message without its frame, if content-type says so; else the body. */
  readonly body: Uint8Array;
  /** 0 = none. */
  readonly timeoutMs: number;
  /** '' = a request with one body. Otherwise the gRPC stream of that name carries the message; it is opened if there is none, or it has ended. */
  readonly stream: string;
  /** Put before the body of a stream's first message: fields of protobuf messages may follow each other. */
  readonly opening?: Uint8Array;
}

export interface ClusterAnswer {
  /**
   * sent: on a stream that was open; opened: the stream is new, and begins with this message; answered: see `status`; failed: cut off;
   * no cluster; backed up: the stream takes nothing for now, the message is dropped.
   */
  readonly outcome: 'sent' | 'opened' | 'answered' | 'failed' | 'no-cluster' | 'backed-up';
  /** HTTP status; 0. */
  readonly status: number;
  /** -1 = none. */
  readonly grpcStatus: number;
}

export type WorkerCall =
  /** What listeners will probably need is loaded; names of messages. */
  | { readonly kind: 'prepare'; readonly likely: readonly string[] }
  | { readonly kind: 'configure'; readonly configuration: WorkerConfiguration }
  | {
      readonly kind: 'set-clusters';
      readonly set: readonly PackedCluster[];
      readonly remove: readonly string[] /** Applied in the same step: no request finds a new cluster empty. */;
      readonly hosts: readonly PackedHosts[];
    }
  | { readonly kind: 'set-listener'; readonly key: string; readonly countCell: number; readonly settings: ListenerSettings }
  | { readonly kind: 'set-secret'; readonly secret: SecretSettings }
  | { readonly kind: 'remove-secret'; readonly name: string }
  | { readonly kind: 'remove-listener'; readonly key: string }
  | { readonly kind: 'set-route-table'; readonly name: string; readonly settings: RouteTableSettings }
  | { readonly kind: 'set-hosts'; readonly update: HostMessage }
  | { readonly kind: 'set-hash-tables'; readonly tables: HashTables }
  | { readonly kind: 'refresh-health'; readonly cluster: string }
  | { readonly kind: 'set-loads'; readonly cluster: string; readonly clusterId: number; readonly loads: readonly ToldLoad[] }
  | { readonly kind: 'set-runtime'; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: 'drain'; readonly inboundOnly: boolean }
  | { readonly kind: 'stop-listening'; readonly inboundOnly: boolean }
  | { readonly kind: 'serve-connections' }
  | { readonly kind: 'terminate' }
  | { readonly kind: 'set-health-check-failed'; readonly failed: boolean }
  | { readonly kind: 'hold-connections'; readonly hold: boolean }
  | { readonly kind: 'take-connection'; readonly key: string; readonly fd: number; readonly listenPath: string }
  | { readonly kind: 'shrink-heap' }
  /** From now on its pauses are recorded: somebody looks at them. */
  | { readonly kind: 'watch-thread' }
  | { readonly kind: 'reset-streams'; readonly minBytes: number }
  | { readonly kind: 'reopen-logs' }
  | { readonly kind: 'set-log-levels'; readonly levels: Readonly<Record<string, LogLevel>> }
  | { readonly kind: 'listener-status' }
  | { readonly kind: 'cluster-status' }
  | { readonly kind: 'explain'; readonly questions: readonly ExplainQuestion[] }
  /** Answered with whether a tap filter has that id. `settings`: TapSettings; null = nobody asks any more. */
  | { readonly kind: 'set-tap'; readonly configId: string; readonly settings: unknown }
  | { readonly kind: 'call-cluster'; readonly call: ClusterCall }
  /** Answered with false if more than the connection may hold was waiting. */
  | { readonly kind: 'write-cluster'; readonly cluster: string; readonly text: string }
  /** `counting`: every request is counted for the live page, `anew`: by other names than before; `slowMs`: slower requests are noted. */
  | { readonly kind: 'watch-requests'; readonly counting: boolean; readonly anew: boolean; readonly slowMs: number }
  | { readonly kind: 'page-sample' }
  | { readonly kind: 'connection-count' }
  | { readonly kind: 'leaving-count' }
  | { readonly kind: 'shutdown' };

export type ToWorker = WorkerCall & { readonly id: number };

/** A connection that one worker has accepted for another. */
export type HandOver = Extract<FromWorker, { kind: 'hand-over' }>;

/** What a worker tells without being asked, for the control thread as a whole. */
export type WorkerNews = Extract<FromWorker, { kind: 'outlier' | 'outlier-watch' | 'host-failing' | 'hash-tables-wanted' | 'tap-trace' }>;

export type FromWorker =
  | { readonly kind: 'done'; readonly id: number; readonly result: unknown; readonly error: string | null }
  | { readonly kind: 'outlier-watch'; readonly cluster: string; readonly clusterId: number }
  | {
      readonly kind: 'outlier';
      readonly cluster: string;
      readonly clusterId: number;
      /** Offset of the host's cells in the slab. */
      readonly slot: number;
      readonly detection: Detection;
    }
  /** A subset with consistent hashing is in use. */
  | { readonly kind: 'hash-tables-wanted'; readonly cluster: string; readonly clusterId: number; readonly subset: string }
  /** A response said that its host is failing: x-envoy-immediate-health-check-fail. `slot`: the host's cells. */
  | { readonly kind: 'host-failing'; readonly cluster: string; readonly clusterId: number; readonly slot: number }
  /** For whoever asks `/tap`. */
  | { readonly kind: 'tap-trace'; readonly configId: string; readonly trace: Uint8Array }
  /** exact_balance: a connection for worker `to`. */
  | { readonly kind: 'hand-over'; readonly to: number; readonly key: string; readonly fd: number; readonly listenPath: string }
  | { readonly kind: 'stats'; readonly announcement: StatsAnnouncement }
  | { readonly kind: 'log'; readonly record: LogRecord };
