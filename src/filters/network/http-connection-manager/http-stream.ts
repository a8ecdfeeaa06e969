/**
 * One request and its response: receives from the codec, edits, routes, runs the filters and encodes the answer. `#finish` runs
 * exactly once for every outcome. Source of behaviour: Envoy's ConnectionManagerImpl::ActiveStream.
 */
import type { RequestDecoder, ResponseEncoder } from '../../../http/codec.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { ResetReason } from '../../../http/reset-reason.ts';
import { StreamInfo } from '../../../http/stream-info.ts';
import type { Route, RouteTable } from '../../../route/route.ts';
import { ScaledTimer } from '../../../runtime/overload.ts';
import type { HttpFilter, TerminalHttpStream, WatermarkListener } from '../../api.ts';
import { RequestSide, type ResponseSide } from '../../chain.ts';
import type { HttpConnection } from './http-connection.ts';
import type { HttpConnectionManager } from './http-connection-manager.ts';
import { composeLocalReply } from './local-reply.ts';
import { admit } from './request-admission.ts';
import { abortsDispatch } from './request-shedding.ts';
import { noteRoute } from './route-info.ts';
import { onStreamTimerExpired } from './stream-expiry.ts';
import { http2ResetReason, noteReset } from './stream-reset.ts';
import { StreamTimer, StreamTimers, type StreamTimerTarget, streamDurationMs } from './stream-timers.ts';

export class HttpStream implements TerminalHttpStream, RequestDecoder, StreamTimerTarget {
  readonly manager: HttpConnectionManager;
  readonly connection: HttpConnection;
  readonly encoder: ResponseEncoder;
  info: StreamInfo;
  requestEnded: boolean;
  responseStarted: boolean;
  ended: boolean;
  isTunnel: boolean;
  bufferLimit: number;
  /** HTTP/1: the connection ends with this response. */
  closeAfter: boolean;
  /** Last time anything moved in either direction. */
  lastActivityMs: number;
  /** The route has its own idle timeout: the connection's shared idle timer leaves this stream alone. */
  ownIdleTimeout: boolean;
  #headers: RequestHeaders | null;
  #responseHeaders: ResponseHeaders | null;
  #routeTable: RouteTable | null;
  #route: Route | null;
  #routePicked: boolean;
  #clusterName: string;
  #filters: readonly HttpFilter[];
  #request: RequestSide | null;
  #response: ResponseSide | null;
  /** The last piece of the response is on its way to the codec. */
  #responseEnding: boolean;
  /** Pauses of the request that were passed to the codec. */
  #pauses: number;
  #isLocalReply: boolean;
  #isHead: boolean;
  #watermarks: WatermarkListener | null;
  /** What was sent before still waits for the peer to read it. */
  #aboveHigh: boolean;
  #timers: StreamTimers | null;

  constructor(connection: HttpConnection, encoder: ResponseEncoder) {
    const manager = connection.manager;
    const clock = manager.deps.clock;
    const now = clock.nowMs();
    this.manager = manager;
    this.connection = connection;
    this.encoder = encoder;
    this.info = new StreamInfo(connection.info, now, clock.wallMs(), manager.deps.random.nextU32());
    this.info.protocol = encoder.protocol;
    this.requestEnded = false;
    this.responseStarted = false;
    this.ended = false;
    this.isTunnel = false;
    this.bufferLimit = connection.bufferLimit;
    this.closeAfter = false;
    this.lastActivityMs = now;
    this.ownIdleTimeout = false;
    this.#headers = null;
    this.#responseHeaders = null;
    this.#routeTable = null;
    this.#route = null;
    this.#routePicked = false;
    this.#clusterName = '';
    this.#filters = NO_FILTERS;
    this.#request = null;
    this.#response = null;
    this.#responseEnding = false;
    this.#pauses = 0;
    this.#isLocalReply = false;
    this.#isHead = false;
    this.#watermarks = null;
    this.#aboveHigh = false;
    this.#timers = null;

    const settings = manager.settings;
    manager.stats.rqTotal.inc();
    manager.stats.rqActive.inc();
    (connection.http2 ? manager.stats.rqHttp2Total : manager.stats.rqHttp1Total).inc();
    if (settings.requestTimeoutMs > 0) this.arm(StreamTimer.Request, settings.requestTimeoutMs);
    if (settings.requestHeadersTimeoutMs > 0) this.arm(StreamTimer.RequestHeaders, settings.requestHeadersTimeoutMs);
    if (settings.maxStreamDurationMs > 0) this.arm(StreamTimer.MaxDuration, settings.maxStreamDurationMs);
  }

  get random() {
    return this.manager.deps.random;
  }
  get clock() {
    return this.manager.deps.clock;
  }
  get clusters() {
    return this.manager.deps.clusters;
  }
  get requestHeaders(): RequestHeaders {
    return this.#headers!;
  }
  get responseHeaders(): ResponseHeaders | null {
    return this.#responseHeaders;
  }
  get clusterName(): string {
    if (!this.#routePicked) this.#pickRoute();
    return this.#clusterName;
  }
  get route(): Route | null {
    if (!this.#routePicked) this.#pickRoute();
    return this.#route;
  }

  clearRouteCache(): void {
    this.#routePicked = false;
  }

  routeSettings<T>(filter: HttpFilter): T | null {
    const route = this.route;
    if (route === null) return null;
    return (route.filterSettings(filter.name) as T | undefined) ?? null;
  }

  onRequestHeaders(headers: RequestHeaders, end: boolean): void {
    const manager = this.manager;
    // Answered already, by a timeout, and held by a filter.
    if (this.#isLocalReply || (manager.overload.any && abortsDispatch(this))) return;
    this.#headers = headers;
    this.info.requestHeaders = headers;
    this.info.protocol = this.encoder.protocol;
    this.#isHead = headers.method === 'HEAD';
    this.#timers?.disarm(StreamTimer.RequestHeaders);
    if (end) this.#endRequest(this.info.startMs);
    this.#routeTable = manager.routeTable();

    if (!admit(this, headers, this.#routeTable)) return;

    const route = this.route;
    this.connection.onRequestAdmitted(this);
    this.isTunnel = false;
    if (!this.#createFilters(headers, route)) return;
    if (manager.settings.accessLogOnNewRequest) manager.log(this.info, 'DownstreamStart');
    if (manager.settings.accessLogFlushIntervalMs > 0) this.arm(StreamTimer.LogFlush, manager.settings.accessLogFlushIntervalMs);
    this.#request!.headers(headers, end);
  }

  onRequestData(chunk: Buffer, end: boolean): void {
    if (this.ended) return;
    this.info.bytesReceived += chunk.length;
    const now = this.clock.nowMs();
    this.lastActivityMs = now;
    if (end) this.#endRequest(now);
    if (this.#request !== null && !this.#request.answered) this.#request.data(chunk, end);
  }

  onRequestTrailers(trailers: HeaderMap): void {
    if (this.ended) return;
    const now = this.clock.nowMs();
    this.lastActivityMs = now;
    this.#endRequest(now);
    if (this.#request !== null && !this.#request.answered) this.#request.trailers(trailers);
  }

  onRequestReset(reason: ResetReason, details: string): void {
    if (this.ended) return;
    noteReset(this.info, reason, details);
    this.manager.stats.rqRxReset.inc();
    this.#finish();
  }

  /** The codec goes on with the next request of the connection: this one is over first. */
  onCodecStreamDone(): void {
    if (this.#responseEnding) this.#responseComplete();
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#aboveHigh = true;
    this.manager.stats.flowControlPaused.inc();
    this.#watermarks?.onDownstreamAboveHighWatermark();
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#aboveHigh = false;
    this.manager.stats.flowControlResumed.inc();
    this.lastActivityMs = this.clock.nowMs();
    this.#watermarks?.onDownstreamBelowLowWatermark();
  }

  /** Bytes of the request that filters keep. */
  get keptBytes(): number {
    return this.#request?.bufferedBytes ?? 0;
  }

  continueRequest(filter: HttpFilter): void {
    if (!this.ended) this.#request?.continue(filter);
  }

  continueResponse(filter: HttpFilter): void {
    if (!this.ended) this.#response?.continue(filter);
  }

  injectRequestData(filter: HttpFilter, chunk: Buffer, end: boolean, trailers: HeaderMap | null = null): void {
    if (!this.ended) this.#request?.inject(filter, chunk, end, trailers);
  }

  injectResponseData(filter: HttpFilter, chunk: Buffer, end: boolean, trailers: HeaderMap | null = null): void {
    if (!this.ended) this.#response?.inject(filter, chunk, end, trailers);
  }

  localReply(
    status: number,
    body: string,
    flag: number,
    details: string,
    edit: ((headers: ResponseHeaders) => void) | null = null,
    grpcStatus = -1,
  ): void {
    if (this.ended) return;
    const info = this.info;
    info.flags |= flag;
    info.responseCodeDetails = details.indexOf(' ') < 0 ? details : details.replaceAll(' ', '_');
    if (this.responseStarted) {
      this.reset(ResetReason.LocalReset);
      return;
    }
    if (this.#request !== null) this.#request.answered = true;
    // It comes before the request has reached the filters: they see it all the same, as in FilterManager::sendLocalReply.
    else if (!this.#isLocalReply) this.#response = this.manager.newResponseSide(this, (this.#filters = this.manager.newFilters(null, '')));
    // Filters that hold a response have seen their headers: what replaces it goes past them.
    if (this.#responseHeaders !== null) this.#response = null;
    this.#isLocalReply = true;
    // A bad request leaves the framing in doubt: the connection ends, unless configured otherwise.
    if (status === 400 && !this.connection.http2 && !this.manager.settings.http1.streamErrorOnInvalid) this.closeAfter = true;
    const reply = composeLocalReply(info, this.#headers, this.manager.localReplies, status, body, edit, grpcStatus);
    const text = this.#isHead ? '' : reply.body;
    this.respondHeaders(reply.headers, text === '');
    if (text !== '' && !this.ended) this.respondData(Buffer.from(text, 'latin1'), true);
  }

  reset(_reason: ResetReason): void {
    if (this.ended) return;
    this.manager.stats.rqTxReset.inc();
    this.manager.stats.rqRxReset.inc();
    this.encoder.reset(this.unwantedReason());
    this.#finish();
  }

  unwantedReason(): ResetReason {
    return this.connection.http2 ? http2ResetReason(this) : ResetReason.LocalReset;
  }

  setWatermarkListener(listener: WatermarkListener | null): void {
    this.#watermarks = listener;
    if (this.#aboveHigh && listener !== null) listener.onDownstreamAboveHighWatermark();
  }

  pauseRequest(pause: boolean): void {
    if (this.ended || (pause ? this.requestEnded : this.#pauses === 0)) return;
    this.#pauses += pause ? 1 : -1;
    this.encoder.readDisable(pause);
  }

  respond1xx(headers: ResponseHeaders): void {
    if (this.ended || this.responseStarted) return;
    // Interim responses are passed on only with proxy_100_continue, as in Envoy.
    if (!this.manager.settings.proxy100Continue) return;
    this.sendInterim(headers);
  }

  /** Counted like the final response that follows. */
  sendInterim(headers: ResponseHeaders): void {
    this.manager.stats.recordResponse(headers.status);
    this.encoder.encode1xx(headers);
  }

  respondHeaders(headers: ResponseHeaders, end: boolean): void {
    if (this.ended) return;
    this.#responseHeaders = headers;
    if (this.#response === null) this.encodeHeaders(headers, end);
    else this.#response.headers(headers, end);
  }

  respondData(chunk: Buffer, end: boolean): void {
    if (this.ended) return;
    if (this.#response === null) this.encodeData(chunk, end);
    else this.#response.data(chunk, end);
  }

  respondTrailers(trailers: HeaderMap): void {
    if (this.ended) return;
    this.info.responseTrailers = trailers;
    if (this.#response === null) this.encodeTrailers(trailers);
    else this.#response.trailers(trailers);
  }

  recreate(headers: RequestHeaders, body: readonly Buffer[] | null, trailers: HeaderMap | null): boolean {
    if (this.ended || this.responseStarted || !this.requestEnded || (this.#request?.bufferedBytes ?? 0) > 0) return false;
    for (const filter of this.#filters) filter.onStreamEnd(this);
    const now = this.clock.nowMs();
    this.manager.onRedirected(this.info, now, this.#route);
    this.info = this.info.redirected(now, this.clock.wallMs(), body ?? NO_CHUNKS);
    this.#headers = headers;
    this.info.requestHeaders = headers;
    this.#filters = NO_FILTERS;
    this.#request = null;
    this.#response = null;
    this.#watermarks = null;
    this.clearRouteCache();
    if (!this.#createFilters(headers, this.route)) return true;
    const chunks = body ?? NO_CHUNKS;
    this.#request!.headers(headers, chunks.length === 0 && trailers === null);
    for (let i = 0; i < chunks.length && !this.ended && !this.#request!.answered; i++) {
      this.#request!.data(chunks[i]!, trailers === null && i === chunks.length - 1);
    }
    if (trailers !== null && !this.ended && !this.#request!.answered) this.#request!.trailers(trailers);
    return true;
  }

  // ── response side's end (ResponseSink) ──

  encodeHeaders(headers: ResponseHeaders, end: boolean): void {
    const manager = this.manager;
    const connection = this.connection;
    const info = this.info;
    const now = this.clock.nowMs();
    const switching = this.isTunnel && (headers.status === 101 || (this.#headers!.method === 'CONNECT' && headers.status < 300));
    manager.responseMutation.mutate(headers, this.#headers, info, switching, this.isTunnel);
    if (info.trace !== null) info.trace.onResponseHeaders(headers);
    this.#responseHeaders = headers;
    this.responseStarted = true;
    info.responseHeaders = headers;
    info.responseCode = headers.status;
    info.firstDownstreamTxMs = now;
    this.lastActivityMs = now;

    if (!this.requestEnded) {
      // What is left of the request would have to be read to find the next one: the connection ends instead.
      if (!switching && !connection.http2) this.closeAfter = true;
      manager.stats.rqResponseBeforeRqComplete.inc();
    }
    // A draining connection says so on every response, and closes when its drain time is over.
    const close = connection.isDraining() || this.closeAfter;
    if (close && !switching) connection.announceClose(headers);
    this.encoder.close = this.closeAfter && !switching;
    this.#timers?.disarm(StreamTimer.Request);

    if (switching) {
      connection.tunnel = !connection.http2;
      if (manager.settings.accessLogOnTunnel) manager.log(info, 'DownstreamTunnelSuccessfullyEstablished');
    }
    if (!info.isHealthCheck) manager.stats.recordResponse(headers.status);
    this.#responseEnding = end;
    this.encoder.encodeHeaders(headers, end);
    if (end) this.#responseComplete();
  }

  encodeData(chunk: Buffer, end: boolean): void {
    this.info.bytesSent += chunk.length;
    this.lastActivityMs = this.clock.nowMs();
    this.#responseEnding = end;
    this.encoder.encodeData(chunk, end);
    if (end) this.#responseComplete();
  }

  encodeTrailers(trailers: HeaderMap): void {
    this.#responseEnding = true;
    this.encoder.encodeTrailers(trailers);
    this.#responseComplete();
  }

  onResponseTooLarge(): void {
    this.manager.stats.rsTooLarge.inc();
    if (this.responseStarted) this.reset(ResetReason.LocalReset);
    else {
      this.#response = null;
      this.localReply(500, 'Internal Server Error', 0, 'response_payload_too_large');
    }
  }

  holdResponse(hold: boolean): void {
    if (hold) this.#watermarks?.onDownstreamAboveHighWatermark();
    else this.#watermarks?.onDownstreamBelowLowWatermark();
  }

  onRequestTooLarge(): void {
    this.manager.stats.rqTooLarge.inc();
    this.localReply(413, 'Payload Too Large', 0, 'request_payload_too_large');
  }

  holdRequest(hold: boolean): void {
    this.pauseRequest(hold);
  }

  onStreamTimer(kind: StreamTimer): void {
    onStreamTimerExpired(this, kind);
  }

  #pickRoute(): void {
    this.#routePicked = true;
    const route = this.#routeTable === null ? null : this.#routeTable.match(this.#headers!, this.info, this.info.randomValue);
    this.#route = route;
    this.#clusterName = route?.action?.clusterName(this.#headers!, this.info) ?? '';
    if (route !== null) noteRoute(this.info, route, this.#clusterName, this.clusters);
    if (!this.ended) this.#armIdleTimers(route);
  }

  #armIdleTimers(route: Route | null): void {
    const ownIdleMs = route?.action?.idleTimeoutMs ?? null;
    this.ownIdleTimeout = ownIdleMs !== null;
    if (ownIdleMs !== null && ownIdleMs > 0) this.arm(StreamTimer.Idle, this.manager.overload.lookMs(ScaledTimer.StreamIdle, ownIdleMs));
    else this.#timers?.disarm(StreamTimer.Idle);
    // The usual case costs nothing: the connection's one idle timer looks at `lastActivityMs`.
    if (ownIdleMs === null) this.connection.watchStreamIdle();
    if (route === null || route.action === null) return;
    const durationMs = streamDurationMs(this.#headers!, route.action);
    if (durationMs === null) return;
    if (durationMs < 0) this.#timers?.disarm(StreamTimer.MaxDuration);
    else this.arm(StreamTimer.MaxDuration, Math.max(0, durationMs - (this.clock.nowMs() - this.info.startMs)));
  }

  /** False if the request was answered because its upgrade is not allowed. */
  #createFilters(headers: RequestHeaders, route: Route | null): boolean {
    const manager = this.manager;
    // A CONNECT without a route is the router's to refuse: 404, not 403.
    const upgrade = headers.method === 'CONNECT' ? (route === null ? '' : 'CONNECT') : (headers.get('upgrade') ?? '');
    if (upgrade !== '') {
      if (manager.allowsUpgrade(upgrade, route)) this.#becomeTunnel();
      else {
        manager.stats.rqWsOnNonWsRoute.inc();
        this.closeAfter = true;
        this.localReply(403, '', 0, 'upgrade_failed');
        return false;
      }
    }
    if (manager.tracing !== null) manager.tracing.begin(headers, this.info, route?.tracing ?? null);
    this.#filters = manager.newFilters(route, upgrade);
    this.#request = new RequestSide(this, this.#filters, this);
    this.#response = manager.newResponseSide(this, this.#filters);
    return true;
  }

  /** Counted although the upstream may still refuse. */
  #becomeTunnel(): void {
    if (this.isTunnel) return;
    this.isTunnel = true;
    this.manager.stats.cxUpgradesTotal.inc();
    this.manager.stats.cxUpgradesActive.inc();
  }

  arm(kind: StreamTimer, delayMs: number): void {
    this.#timers ??= new StreamTimers(this, this.clock);
    this.#timers.arm(kind, delayMs);
  }

  #endRequest(now: number): void {
    this.requestEnded = true;
    this.info.lastDownstreamRxMs = now;
    this.#timers?.disarm(StreamTimer.Request);
  }

  #responseComplete(): void {
    if (this.ended) return;
    // Envoy resets what is left of a request that has been answered early.
    if (!this.requestEnded) this.manager.stats.rqRxReset.inc();
    this.info.lastDownstreamTxMs = this.clock.nowMs();
    this.#finish();
  }

  #finish(): void {
    if (this.ended) return;
    const info = this.info;
    const stats = this.manager.stats;
    info.endMs = info.lastDownstreamTxMs >= 0 ? info.lastDownstreamTxMs : this.clock.nowMs();
    if (this.#isLocalReply && info.responseCodeDetails === '') info.responseCodeDetails = 'direct_response';
    this.ended = true;
    for (let i = 0; i < this.#filters.length; i++) this.#filters[i]!.onStreamEnd(this);
    this.#timers?.disarmAll();
    stats.rqActive.dec();
    stats.rqTime.record(info.endMs - info.startMs);
    if (this.isTunnel) stats.cxUpgradesActive.dec();
    this.manager.onEnded(info, this.#route);
    this.connection.onStreamEnd(this);
  }
}

const NO_FILTERS: readonly HttpFilter[] = [];
const NO_CHUNKS: readonly Buffer[] = [];
