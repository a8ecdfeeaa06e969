/** What a pool needs of its cluster. */
import type { ClientCallbacks, ClientConnection } from '../../http/codec.ts';
import type { Http2ClientCallbacks, Http2ClientConnection } from '../../http/h2/client-connection.ts';
import type { Host } from '../../lb/host.ts';
import type { Connection } from '../../net/connection.ts';
import type { CircuitBreaker } from '../../resilience/circuit-breaker.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { OverloadState } from '../../runtime/overload.ts';
import type { HttpPool, PoolClient } from '../api.ts';
import type { ClusterStats } from '../cluster-stats.ts';
import type { UpstreamHttpSettings } from '../settings.ts';
import type { ByteMeter } from './byte-meter.ts';
import type { ConnectAttempt, ConnectListener } from './connect.ts';
import type { ServerNames } from './server-names.ts';
import type { StreamCounts } from './stream-counts.ts';

export type ClientCodecFactory = (connection: Connection, callbacks: ClientCallbacks) => ClientConnection;

export type Http2CodecFactory = (connection: Connection, callbacks: Http2ClientCallbacks) => Http2ClientConnection;

/** A pool as its cluster sees it. */
export interface ClusterPool extends HttpPool {
  /** Neither requests in flight nor waiting. */
  readonly idle: boolean;
  /** Present connections take no further requests; new ones may be opened. */
  drainConnections(): void;
  /** Adds its own. */
  countStreams(sum: StreamCounts): void;
  /** Opens a connection if there are too few for a request more. @returns whether it did */
  preconnect(ratio: number): boolean;
}

/** Of pools whose connections' handshakes decide what is spoken; null for all others. Source: HttpProtocolOptions.auto_config. */
export interface ProtocolChoice {
  /** What the handshake was for. */
  agreedOnHttp2(connection: Connection): boolean;
  /** `connection` belongs to the pool of the other protocol, and so do the requests that waited for it. */
  changePool(connection: Connection, startedMs: number, pending: readonly PoolClient[]): void;
}

export interface PoolOwner {
  readonly clock: Clock;
  readonly overload: OverloadState;
  readonly stats: ClusterStats;
  readonly byteMeter: ByteMeter;
  /** Opens a connection to a host, with TLS where its transport socket says so. @param alpn offered unless the transport socket names protocols */
  connectHost(host: Host, listener: ConnectListener, names: ServerNames, alpn: readonly string[]): ConnectAttempt;
  /** An HTTP/1 connection is going to be opened: from the first one on the codec's statistics are shown, as in Envoy. */
  nameHttp1Stats(): void;
  readonly connectTimeoutMs: number;
  readonly perHostMaxConnections: number;
  readonly http: UpstreamHttpSettings;
  /** Streams' worth of connections for each stream; 1 = no more than are needed. */
  readonly preconnectRatio: number;
  readonly newHttp1Codec: ClientCodecFactory;
  readonly newHttp2Codec: Http2CodecFactory;
  circuitBreaker(priority: 0 | 1): CircuitBreaker;
}
