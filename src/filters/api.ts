/** What HTTP and network filters are, and what the proxy offers them. One HTTP filter never imports another. */
import type { ClusterManager } from '../cluster/api.ts';
import type { FormatEnvironment } from '../http/format/operator.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../http/header-map.ts';
import type { ResetReason } from '../http/reset-reason.ts';
import type { ConnectionInfo, StreamInfo } from '../http/stream-info.ts';
import type { SharedBlocks } from '../lb/shared-blocks.ts';
import type { Address } from '../net/address.ts';
import type { CloseType, Connection } from '../net/connection.ts';
import type { Route } from '../route/route.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import type { OverloadState } from '../runtime/overload.ts';
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { StatsScope } from '../stats/scope.ts';
import type { RequestTracing } from '../tracing/request-tracing.ts';
import type { TracingSettings } from '../tracing/settings.ts';
import type { RequestWatch } from './request-watch.ts';

/** What a filter wants done after it has seen a piece of the message. */
export const Status = {
  /** Go on with the next filter. */
  Continue: 0,
  /** Headers: stop here; data goes on to arrive at this filter. Data: keep nothing, pass nothing on. */
  Stop: 1,
  /** Keep this and later data in the stream's buffer until `continueRequest` / `continueResponse`; over the limit it is 413 / 500. */
  StopAndBuffer: 2,
  /** Headers only: later pieces are kept, and the peer is held back at the limit, until continued; this filter does not see them before. */
  StopAllAndWatermark: 3,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

export interface HttpFilter {
  /** As configured in the filter list; set when the stream is built. Per-route configuration is looked up by it. */
  name: string;
  onRequestHeaders(stream: HttpStream, headers: RequestHeaders, end: boolean): Status;
  onRequestData(stream: HttpStream, chunk: Buffer, end: boolean): Status;
  onRequestTrailers(stream: HttpStream, trailers: HeaderMap): Status;
  onResponseHeaders(stream: HttpStream, headers: ResponseHeaders, end: boolean): Status;
  onResponseData(stream: HttpStream, chunk: Buffer, end: boolean): Status;
  onResponseTrailers(stream: HttpStream, trailers: HeaderMap): Status;
  /** Once, after the last other call, however the stream ended. */
  onStreamEnd(stream: HttpStream): void;
}

/** Lets everything pass. Filters extend it and override what they look at; the chain calls only what is overridden. */
export class PassThroughFilter implements HttpFilter {
  name = '';
  onRequestHeaders(_stream: HttpStream, _headers: RequestHeaders, _end: boolean): Status {
    return Status.Continue;
  }
  onRequestData(_stream: HttpStream, _chunk: Buffer, _end: boolean): Status {
    return Status.Continue;
  }
  onRequestTrailers(_stream: HttpStream, _trailers: HeaderMap): Status {
    return Status.Continue;
  }
  onResponseHeaders(_stream: HttpStream, _headers: ResponseHeaders, _end: boolean): Status {
    return Status.Continue;
  }
  onResponseData(_stream: HttpStream, _chunk: Buffer, _end: boolean): Status {
    return Status.Continue;
  }
  onResponseTrailers(_stream: HttpStream, _trailers: HeaderMap): Status {
    return Status.Continue;
  }
  onStreamEnd(_stream: HttpStream): void {}
}

/** One request with its response, as filters see it. */
export interface HttpStream {
  readonly info: StreamInfo;
  readonly random: Random;
  readonly clock: Clock;
  readonly clusters: ClusterManager;
  readonly requestHeaders: RequestHeaders;
  readonly responseHeaders: ResponseHeaders | null;
  /** The route picked for this request; null if none matched. Cached until `clearRouteCache`. */
  readonly route: Route | null;
  /** Name of the cluster the route leads to for this request; '' if none. */
  readonly clusterName: string;
  clearRouteCache(): void;
  /** Per-route configuration of this filter, compiled; the most specific level; null = none. */
  routeSettings<T>(filter: HttpFilter): T | null;
  /** Goes on after Stop, StopAndBuffer or StopAllAndWatermark. */
  continueRequest(filter: HttpFilter): void;
  continueResponse(filter: HttpFilter): void;
  /** Passes on body that `filter` has kept itself, answering Stop to it: to the filters after it. */
  /** @param trailers of the filter's own, behind a body that has none */
  injectRequestData(filter: HttpFilter, chunk: Buffer, end: boolean, trailers?: HeaderMap | null): void;
  injectResponseData(filter: HttpFilter, chunk: Buffer, end: boolean, trailers?: HeaderMap | null): void;
  /** Counted: a filter that keeps much asks the sender to wait. */
  holdRequest(hold: boolean): void;
  holdResponse(hold: boolean): void;
  /**
   * Answers from here: no further request callbacks; the response runs through the filters' response side.
   * @param body latin1 text; gRPC requests get it as grpc-message @param flag bits of Flag @param details constant words for %RESPONSE_CODE_DETAILS%
   */
  localReply(
    status: number,
    body: string,
    flag: number,
    details: string,
    edit?: ((headers: ResponseHeaders) => void) | null,
    grpcStatus?: number,
  ): void;
  /** Ends the stream without (further) answer. */
  reset(reason: ResetReason): void;
  /** The whole request has come in. */
  readonly requestEnded: boolean;
  /** Response headers have been handed to the codec. */
  readonly responseStarted: boolean;
  /** The stream is over; late callbacks must do nothing. */
  readonly ended: boolean;
  /** Bytes a filter may keep of one message (listener's per_connection_buffer_limit_bytes, unless a filter has set another). */
  bufferLimit: number;
  /** True for an accepted upgrade or CONNECT: both directions are opaque bytes after the answer. */
  readonly isTunnel: boolean;
}

/** What only the terminal filter (the router) calls: the response source. */
export interface TerminalHttpStream extends HttpStream {
  respond1xx(headers: ResponseHeaders): void;
  respondHeaders(headers: ResponseHeaders, end: boolean): void;
  respondData(chunk: Buffer, end: boolean): void;
  respondTrailers(trailers: HeaderMap): void;
  /** Counted: holds the downstream request body back while upstream cannot take more. */
  pauseRequest(pause: boolean): void;
  /**
   * Runs the request again with changed headers through a new filter chain (internal redirect). False if that is not possible any more.
   * @param body what the terminal filter has kept of the request's body; null = none @param trailers null = none
   */
  recreate(headers: RequestHeaders, body: readonly Buffer[] | null, trailers: HeaderMap | null): boolean;
  /** Told when the downstream peer reads too slowly, and when it has caught up. The terminal filter registers itself. */
  setWatermarkListener(listener: WatermarkListener | null): void;
}

export interface WatermarkListener {
  onDownstreamAboveHighWatermark(): void;
  onDownstreamBelowLowWatermark(): void;
}

/** What a filter gets when its configuration is applied on a worker. */
export interface FilterDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  readonly logger: Logger;
  /** Absent = no overload manager. */
  readonly overload?: OverloadState;
  readonly clusters: ClusterManager;
  /** `http.<stat_prefix>.` for HTTP filters; the root scope for network and listener filters. */
  readonly scope: StatsScope;
  readonly rootScope: StatsScope;
  /** stat_prefix of the connection manager; absent outside of one. */
  readonly statPrefix?: string;
  readonly localInfo: LocalInfo;
  /** What %OPERATORS% of formats read besides the request. */
  readonly format: FormatEnvironment;
  /** The same for logs, traces and taps: some headers are not to be seen there. Absent: all are. */
  readonly logFormat?: FormatEnvironment;
  /** Memory that the filters of all workers share. */
  readonly shared: SharedBlocks;
  /** Absent: never failed. */
  readonly serverHealth?: ServerHealth;
  /** Absent or null: nobody wants to know of requests that have ended. */
  readonly watch?: RequestWatch | null;
  /** Absent: nothing can be traced. @param scope `http.<stat_prefix>.` @param packs the request id carries the decision */
  newRequestTracing?(settings: TracingSettings, scope: StatsScope, packs: boolean): RequestTracing;
  /** Absent: `/tap` does not reach this proxy. */
  tapSlot?(configId: string): TapSlot;
  /** For filters that write logs of their own. @param settings as compiled from one AccessLog message */
  newAccessLogger?(settings: unknown): AccessLogger;
}

/** What `/tap` wants of the filters with one config_id. */
export interface TapSlot {
  /** As compiled from a TapConfig; null = nobody asks. */
  readonly settings: unknown;
  emit(trace: Uint8Array): void;
}

/** What `/healthcheck/fail` and `/healthcheck/ok` say of this process. */
export interface ServerHealth {
  readonly checksFailed: boolean;
}

export interface LocalInfo {
  /** envoy.config.core.v3.Node, encoded: how services that are reported to know this proxy. */
  readonly node: Uint8Array;
  readonly nodeId: string;
  readonly clusterName: string;
  readonly zone: string;
  readonly hostname: string;
  /** The machine's own (non-loopback) address: what stands for a loopback client in x-forwarded-for. */
  readonly addressIp: string;
}

/** Made once per filter entry of a connection manager; gives each stream its filter. Stateless filters return one shared object. */
export interface HttpFilterFactory {
  /** @param route of the request as it is now @param name the filter's: per-route configuration is looked up by it */
  newFilter(route: Route | null, name: string): HttpFilter;
  /** Per-route configuration that requests will come with: its statistics are there before they do. */
  prepareRoute?(settings: unknown): void;
}

/** A network filter lives with one connection. */
export interface NetworkFilter {
  onConnection(): Status;
  onData(chunk: Buffer, end: boolean): Status;
  /** Comes also without onConnection, if an earlier filter has refused the connection. @param remote the peer ended it */
  onClose(remote: boolean): void;
  onAboveWriteBufferHighWatermark?(): void;
  onBelowWriteBufferLowWatermark?(): void;
  /** Bytes that its streams keep in memory; asked only under memory pressure. */
  bufferedBytes?(): number;
  /** Ends those streams (reset_high_memory_stream). */
  resetForMemory?(): void;
}

export interface NetworkFilterCallbacks {
  readonly connection: Connection;
  readonly info: ConnectionInfo;
  readonly streamInfo: StreamInfo;
  /** The listener's per_connection_buffer_limit_bytes. */
  readonly bufferLimit: number;
  /** `listener.<address>.` */
  readonly listenerScope: StatsScope;
  /** Goes on to the next filter after Stop from onConnection, replaying data that came meanwhile. */
  continueReading(): void;
  close(type: CloseType, details: string): void;
  /** The listener drains: no new work is wanted on this connection. */
  readonly draining: boolean;
  onDrain(listener: () => void): void;
  /** What the connection turned out to speak, for the listener's access log. */
  noteProtocol?(protocol: string): void;
}

export interface NetworkFilterFactory {
  newFilter(callbacks: NetworkFilterCallbacks): NetworkFilter;
  /** Its filter chain is not in force any more and has no connection left. */
  close?(): void;
}

export type { ResetReason };

/** Writes one access-log entry, if its filter lets it. `type` is Envoy's AccessLogType name, e.g. "TcpConnectionEnd". */
export interface AccessLogger {
  log(info: StreamInfo, type: string): void;
}

/** What the factory of a network filter gets: it serves one filter chain of one listener. */
export interface NetworkFilterDeps extends FilterDeps {
  /** `listener.<address>.` */
  readonly listenerScope: StatsScope;
  /** per_connection_buffer_limit_bytes */
  readonly bufferLimit: number;
  /** @param settings as compiled from one `access_log` entry */
  newAccessLogger(settings: unknown): AccessLogger;
}

/** What a listener filter wants after it has seen the connection, or its first bytes. */
export const ListenerFilterStatus = {
  Done: 0,
  /** Call `onData` when (more) bytes have come. */
  NeedData: 1,
  Close: 2,
} as const;
export type ListenerFilterStatus = (typeof ListenerFilterStatus)[keyof typeof ListenerFilterStatus];

/** Looks at an accepted connection before its filter chain is picked; lives until that is done. */
export interface ListenerFilter {
  onAccept(accepted: AcceptedConnection): ListenerFilterStatus;
  /** @param bytes all that came and was not consumed, from the first byte on */
  onData(accepted: AcceptedConnection, bytes: Buffer): ListenerFilterStatus;
}

export interface ListenerFilterFactory {
  newFilter(): ListenerFilter;
}

export interface AcceptedConnection {
  readonly connection: Connection;
  readonly info: ConnectionInfo;
  readonly streamInfo: StreamInfo;
  /** Where the client meant to connect to before the kernel redirected the connection; null if that cannot be told. */
  originalDestination(): Address | null;
  /** Takes `count` leading bytes away: later filters and the filter chain do not see them. */
  consume(count: number): void;
  /** Sets the destination that the client meant, and marks it as restored. */
  restoreLocalAddress(address: Address): void;
  setRemoteAddress(address: Address): void;
}
