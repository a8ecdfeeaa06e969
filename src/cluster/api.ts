/** What the data path asks of clusters. A worker's own view: lists of hosts are immutable and swapped whole. */
import type { RequestEncoder, ResponseDecoder } from '../http/codec.ts';
import type { HeaderMap, RequestHeaders } from '../http/header-map.ts';
import type { ResetReason } from '../http/reset-reason.ts';
import type { ConnectionInfo, StreamInfo } from '../http/stream-info.ts';
import type { Host } from '../lb/host.ts';
import type { HostSet } from '../lb/host-set.ts';
import type { OverrideHost } from '../lb/override-hosts.ts';
import type { Connection, ConnectionHandler } from '../net/connection.ts';
import type { CircuitBreaker } from '../resilience/circuit-breaker.ts';
import type { ClusterStats } from './cluster-stats.ts';
import type { DnsCache } from './dns-cache/dns-cache.ts';
import type { DnsCacheSettings } from './dns-cache/settings.ts';
import type { ClusterSettings } from './settings.ts';

export interface ClusterManager {
  /** null = unknown cluster. Makes the cluster's pools, statistics and balancer on first use. */
  get(name: string): Cluster | null;
  /** Hosts of the cluster that this proxy belongs to; 0 = it belongs to none. */
  readonly localClusterSize?: number;
  /** The DNS cache of that name, made on first use. */
  dnsCache?(settings: DnsCacheSettings): DnsCache;
}

/** Where responses with load reports (ORCA) go. */
export interface LoadReports {
  /** @param fields headers or trailers of a response of `host` */
  onResponse(host: Host, fields: HeaderMap): void;
}

export interface Cluster {
  readonly name: string;
  readonly settings: ClusterSettings;
  readonly stats: ClusterStats;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Share of the requests that is refused, 0 to 1 (drop_overloads). */
  readonly dropOverload: number;
  /** Takes what backends say of their load; null = nobody asks. */
  readonly loadReports?: LoadReports | null;
  /** Hosts by priority, as balancing sees them now. */
  readonly hostSets: readonly HostSet[];
  /** @param priority 0 default, 1 high */
  circuitBreaker(priority: 0 | 1): CircuitBreaker;
  /** null = no host can be used (503 UH). Synchronous. */
  chooseHost(context: LbContext): Host | null;
  /** The pool of `host` for this worker, made on first use; null when max_connection_pools is reached. */
  httpPool(host: Host, priority: 0 | 1, context: LbContext): HttpPool | null;
  /** Opens one TCP connection for tcp_proxy and the like; counts it on cluster and host until it closes. */
  connectTcp(host: Host, priority: 0 | 1, client: TcpClient, context: LbContext): TcpConnect;
}

/** What balancing may look at. The router's attempt and tcp_proxy implement it. */
export interface LbContext {
  /** Consistent-hash key; null = none. */
  readonly hash: bigint | null;
  readonly requestHeaders: RequestHeaders | null;
  readonly streamInfo: StreamInfo;
  readonly downstream: ConnectionInfo;
  /** True to have another host picked instead (retry host predicates); asked at most `hostSelectionRetries` times. */
  shouldSelectAnotherHost(host: Host): boolean;
  readonly hostSelectionRetries: number;
  /** The host that the request names itself; null = none. */
  readonly overrideHost?: OverrideHost | null;
  readonly metadataMatch: Readonly<Record<string, unknown>> | null;
}

/** The one who waits for a pool connection; it is its own ticket, and receives the response. */
export interface PoolClient extends ResponseDecoder {
  /**
   * A connection is ready: encode the request now. @param opened the connection's beginning when this is its first request
   * @param idleSinceMs Clock.nowMs() since when an HTTP/1 connection had been idle; absent for others
   */
  onPoolReady(encoder: RequestEncoder, host: Host, opened?: ConnectionTimes | null, idleSinceMs?: number): void;
  /**
   * No connection came about. `reason`: Overflow, LocalConnectionFailure, RemoteConnectionFailure, ConnectionTimeout.
   * `host`: null when the request was refused before it had to do with a host (max_pending_requests), as Envoy logs it.
   */
  onPoolFailure(reason: ResetReason, transportFailure: string, host: Host | null): void;
}

/** Clock.nowMs() when connecting began, and when it had succeeded. */
export interface ConnectionTimes {
  readonly startedMs: number;
  readonly connectedMs: number;
}

/** HTTP connections of one host on this worker. */
export interface HttpPool {
  readonly host: Host;
  /** Answers through `client`, perhaps from inside this call. */
  acquire(client: PoolClient): void;
  /** Takes back a client that is still waiting; nothing is called on it any more. */
  cancel(client: PoolClient): void;
  /** No new requests; connections close as they become idle. */
  drain(): void;
  close(): void;
  /** Closes connections that have been idle since `sinceMs` or longer: the peer has closed one of that age. */
  closeIdle?(sinceMs: number): void;
}

export interface TcpClient {
  /** The handler that the connection gets; bytes may arrive right after this returns. */
  onTcpConnected(connection: Connection): ConnectionHandler;
  onTcpFailure(reason: ResetReason, transportFailure: string): void;
}

export interface TcpConnect {
  cancel(): void;
}

export type { StreamInfo };
