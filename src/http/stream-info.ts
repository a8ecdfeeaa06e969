/** What is known of one request or connection while it lives and when its log line is written. Times are Clock.nowMs() values; -1 = has not happened. */
import type { Address } from '../net/address.ts';
import type { Tlv } from '../net/proxy-protocol.ts';
import type { TlsInfo } from '../net/tls-info.ts';
import type { ActiveTrace } from './active-trace.ts';
import type { ByteMeter } from './byte-meter.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from './header-map.ts';
import { appendFlagOrder } from './response-flags.ts';

/** Where connections to upstreams come from, if not from the proxy's own address. */
export interface UpstreamSource {
  readonly ip: string;
  /** SO_MARK; 0 = none. */
  readonly mark: number;
}

/** What a ClientHello tells of the program that made it; '' = not asked for. */
export interface TlsFingerprints {
  readonly ja3: string;
  readonly ja4: string;
}

/** Facts of the downstream connection, shared by its streams. */
export interface ConnectionInfo {
  readonly id: number;
  localAddress: Address;
  remoteAddress: Address;
  readonly directLocalAddress: Address;
  readonly directRemoteAddress: Address;
  /** SNI, lower case; ''. */
  requestedServerName: string;
  /** 'raw_buffer' or 'tls' as detected or terminated. */
  transportProtocol: string;
  applicationProtocols: readonly string[];
  /** Absent or null: nobody has asked for them, or this is no TLS. */
  tlsFingerprints?: TlsFingerprints | null;
  filterChainName: string;
  listenerName: string;
  /** Listener's traffic_direction: 0 unspecified, 1 inbound, 2 outbound. */
  trafficDirection: number;
  /** True when the local address was restored by original_dst or the PROXY protocol. */
  localAddressRestored: boolean;
  /** null = plain text. */
  tls: TlsInfo | null;
  /** Why the handshake failed; ''. */
  transportFailureReason: string;
  /** How a connection that tcp_proxy carried came to its end, if not in the ordinary way. */
  closeType?: 'RemoteReset' | 'LocalReset' | null;
  /** Set by original_src; null = the proxy's own address. */
  upstreamSource: UpstreamSource | null;
  /** Of the client's PROXY header, for upstreams that get one too; null = none. */
  proxyTlvs: readonly Tlv[] | null;
}

/** Facts of the upstream side that the log and stats name; a Host implements it. */
export interface UpstreamHostInfo {
  readonly address: Address;
  readonly hostname: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

export class StreamInfo {
  readonly startMs: number;
  readonly startWallMs: number;
  readonly connection: ConnectionInfo;
  protocol: string;
  #flags: number;
  /** In which order the flags were set; see `appendFlagOrder`. */
  flagOrder: number;
  responseCode: number;
  responseCodeDetails: string;
  connectionTerminationDetails: string;
  bytesReceived: number;
  bytesSent: number;
  /** null: nothing was counted. */
  downstreamBytes: ByteMeter | null;
  /** Of all tries together; null: no upstream connection carried any. */
  upstreamBytes: ByteMeter | null;
  requestHeaders: RequestHeaders | null;
  responseHeaders: ResponseHeaders | null;
  responseTrailers: HeaderMap | null;
  /** The trusted client address (XFF or PROXY protocol); what %DOWNSTREAM_REMOTE_ADDRESS% shows. */
  remoteAddress: Address;
  routeName: string;
  virtualHostName: string;
  virtualClusterName: string;
  upstreamCluster: string;
  /** alt_stat_name or the cluster's name. */
  upstreamClusterObservabilityName: string;
  clusterMetadata: Readonly<Record<string, unknown>> | null;
  upstreamHost: UpstreamHostInfo | null;
  /** The host that the first try is to go to. */
  overrideHost: { readonly address: string; readonly strict: boolean } | null;
  upstreamLocalAddress: Address | null;
  /** The connection's, unless a filter has found another. */
  upstreamSource: UpstreamSource | null;
  upstreamConnectionId: number;
  upstreamProtocol: string;
  upstreamTransportFailureReason: string;
  /** Of the upstream connection; null = plain text. */
  upstreamTls: TlsInfo | null;
  attemptCount: number;
  /** Stable for the life of the stream: route matching and splitting draw on it. Uniform in [0, 2^32). */
  readonly randomValue: number;
  isHealthCheck: boolean;
  /** The client does not speak gRPC: a filter makes gRPC of its request, and the proxy's own replies are plain HTTP. */
  translatesGrpc: boolean;
  traced: boolean;
  /** null: the request has no span. */
  trace: ActiveTrace | null;
  localReplyBody: string;
  dynamicMetadata: Map<string, Record<string, unknown>> | null;
  filterState: Map<string, unknown> | null;
  /** Metadata of the route that was picked. */
  routeMetadata: Readonly<Record<string, unknown>> | null;
  /** Identifies what has no x-request-id: a TCP connection. */
  streamId: string;
  traceId: string;
  customFlags: string;
  downstreamTransportFailureReason: string;
  lastDownstreamRxMs: number;
  /** A pool was asked for a connection; equal to `poolReadyMs` when it had one. */
  poolRequestMs: number;
  /** It has answered, be it with a failure. */
  poolReadyMs: number;
  firstUpstreamTxMs: number;
  lastUpstreamTxMs: number;
  /** Of the upstream connection, if it was opened for this request. */
  upstreamConnectBeginMs: number;
  upstreamConnectEndMs: number;
  upstreamHandshakeEndMs: number;
  firstUpstreamRxMs: number;
  firstUpstreamBodyRxMs: number;
  lastUpstreamRxMs: number;
  firstDownstreamTxMs: number;
  lastDownstreamTxMs: number;
  endMs: number;

  constructor(connection: ConnectionInfo, startMs: number, startWallMs: number, randomValue: number) {
    this.startMs = startMs;
    this.startWallMs = startWallMs;
    this.connection = connection;
    this.protocol = '';
    this.#flags = 0;
    this.flagOrder = 0;
    this.responseCode = 0;
    this.responseCodeDetails = '';
    this.connectionTerminationDetails = '';
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.downstreamBytes = null;
    this.upstreamBytes = null;
    this.requestHeaders = null;
    this.responseHeaders = null;
    this.responseTrailers = null;
    this.remoteAddress = connection.remoteAddress;
    this.routeName = '';
    this.virtualHostName = '';
    this.virtualClusterName = '';
    this.upstreamCluster = '';
    this.upstreamClusterObservabilityName = '';
    this.clusterMetadata = null;
    this.upstreamHost = null;
    this.overrideHost = null;
    this.upstreamLocalAddress = null;
    this.upstreamSource = connection.upstreamSource;
    this.upstreamConnectionId = 0;
    this.upstreamProtocol = '';
    this.upstreamTransportFailureReason = '';
    this.upstreamTls = null;
    this.attemptCount = 0;
    this.randomValue = randomValue;
    this.isHealthCheck = false;
    this.translatesGrpc = false;
    this.traced = false;
    this.trace = null;
    this.localReplyBody = '';
    this.dynamicMetadata = null;
    this.filterState = null;
    this.routeMetadata = null;
    this.streamId = '';
    this.traceId = '';
    this.customFlags = '';
    this.downstreamTransportFailureReason = '';
    this.lastDownstreamRxMs = -1;
    this.poolRequestMs = -1;
    this.poolReadyMs = -1;
    this.firstUpstreamTxMs = -1;
    this.lastUpstreamTxMs = -1;
    this.upstreamConnectBeginMs = -1;
    this.upstreamConnectEndMs = -1;
    this.upstreamHandshakeEndMs = -1;
    this.firstUpstreamRxMs = -1;
    this.firstUpstreamBodyRxMs = -1;
    this.lastUpstreamRxMs = -1;
    this.firstDownstreamTxMs = -1;
    this.lastDownstreamTxMs = -1;
    this.endMs = -1;
  }

  /** For the request that an internal redirect makes of this one: what belongs to the client's request stays, what happened to it does not. */
  redirected(nowMs: number, wallMs: number, replayed: readonly Buffer[]): StreamInfo {
    const next = new StreamInfo(this.connection, nowMs, wallMs, this.randomValue);
    next.protocol = this.protocol;
    next.remoteAddress = this.remoteAddress;
    next.bytesReceived = this.bytesReceived;
    for (const chunk of replayed) next.bytesReceived += chunk.length;
    next.downstreamBytes = this.downstreamBytes;
    next.lastDownstreamRxMs = this.lastDownstreamRxMs;
    next.isHealthCheck = this.isHealthCheck;
    next.traced = this.traced;
    next.filterState = this.filterState;
    return next;
  }

  /** Another try begins: what is said of the upstream is said of the last one. */
  retried(): void {
    this.upstreamLocalAddress = null;
    this.upstreamConnectionId = 0;
    this.upstreamTls = null;
    this.poolRequestMs = -1;
    this.poolReadyMs = -1;
    this.firstUpstreamTxMs = -1;
    this.lastUpstreamTxMs = -1;
    this.upstreamConnectBeginMs = -1;
    this.upstreamConnectEndMs = -1;
    this.upstreamHandshakeEndMs = -1;
    this.firstUpstreamRxMs = -1;
    this.firstUpstreamBodyRxMs = -1;
    this.lastUpstreamRxMs = -1;
  }

  /** Bits of Flag. */
  get flags(): number {
    return this.#flags;
  }
  set flags(bits: number) {
    const added = bits & ~this.#flags;
    this.#flags = bits;
    if (added !== 0) this.flagOrder = appendFlagOrder(this.flagOrder, added);
  }
}
