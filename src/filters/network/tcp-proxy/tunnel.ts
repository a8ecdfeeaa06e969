/**
 * Carries a connection's bytes as the body of a CONNECT or POST to an HTTP upstream: it is connected once the answer's head says so.
 * Source: TcpProxy.TunnelingConfig; behaviour: Envoy's HttpUpstream.
 */
import type { HttpPool, PoolClient, TcpConnect } from '../../../cluster/api.ts';
import type { RequestEncoder } from '../../../http/codec.ts';
import { compileFormat, type Formatter } from '../../../http/format/formatter.ts';
import { FormatContext, type FormatEnvironment } from '../../../http/format/operator.ts';
import { type HeaderMap, RequestHeaders, type ResponseHeaders } from '../../../http/header-map.ts';
import { ResetReason } from '../../../http/reset-reason.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import type { CloseType } from '../../../net/connection.ts';
import { buildHeaderMutation, type HeaderMutation } from '../../../route/headers/header-mutation.ts';
import type { TunnelingSettings } from './config.ts';
import type { TcpProxyFilter } from './filter.ts';
import type { TcpUpstream } from './upstream-side.ts';

/** Filter state that tells what the upstream said. */
const HEADERS_STATE = 'envoy.tcp_proxy.propagate_response_headers';
const TRAILERS_STATE = 'envoy.tcp_proxy.propagate_response_trailers';

const EMPTY = Buffer.alloc(0);

/** Makes the requests of one tcp_proxy. */
export class TunnelRequest {
  readonly settings: TunnelingSettings;
  readonly #hostname: Formatter;
  readonly #headers: HeaderMutation | null;
  #context: FormatContext | null;

  constructor(settings: TunnelingSettings, format: FormatEnvironment) {
    this.settings = settings;
    this.#hostname = compileFormat(settings.hostname, format, '-');
    this.#headers = buildHeaderMutation(settings.headers, format);
    this.#context = null;
  }

  headers(info: StreamInfo, secure: boolean): RequestHeaders {
    const context = (this.#context ??= new FormatContext(info)).use(info);
    const host = this.#hostname.format(context);
    const { usePost, postPath } = this.settings;
    const headers = usePost
      ? new RequestHeaders('POST', postPath, host, secure ? 'https' : 'http')
      : new RequestHeaders('CONNECT', '', host);
    this.#headers?.apply(headers, context);
    return headers;
  }
}

/** One tunnel, from the request for an HTTP stream on. */
export class Tunnel implements PoolClient, TcpConnect, TcpUpstream {
  readonly #request: TunnelRequest;
  readonly #pool: HttpPool;
  readonly #secure: boolean;
  /** null once downstream is gone, or the tunnel. */
  #filter: TcpProxyFilter | null;
  #encoder: RequestEncoder | null;
  #accepted: boolean;
  #requestEnded: boolean;
  #responseEnded: boolean;

  constructor(filter: TcpProxyFilter, request: TunnelRequest, pool: HttpPool, secure: boolean) {
    this.#request = request;
    this.#pool = pool;
    this.#secure = secure;
    this.#filter = filter;
    this.#encoder = null;
    this.#accepted = false;
    this.#requestEnded = false;
    this.#responseEnded = false;
  }

  /** The answer may come from inside this call. */
  start(): void {
    this.#pool.acquire(this);
  }

  cancel(): void {
    this.#filter = null;
    if (this.#encoder === null) this.#pool.cancel(this);
    else this.#reset();
  }

  get bytesReceived(): number {
    return this.#encoder === null ? 0 : this.#encoder.wireBytesReceived;
  }

  get bytesSent(): number {
    return this.#encoder === null ? 0 : this.#encoder.wireBytesSent;
  }

  write(chunk: Buffer): void {
    this.#encoder?.encodeData(chunk, false);
  }

  endWrite(): void {
    if (this.#requestEnded) return;
    this.#requestEnded = true;
    const encoder = this.#encoder;
    if (encoder === null) return;
    encoder.encodeData(EMPTY, true);
    // As in Envoy: over HTTP/1 the end of the connection is the end of the tunnel, both ways.
    if (encoder.protocol !== 'HTTP/2') encoder.connection.close('flush');
    if (this.#responseEnded) this.#over();
  }

  readDisable(disable: boolean): void {
    this.#encoder?.readDisable(disable);
  }

  detach(_type: CloseType): void {
    this.#filter = null;
    this.#reset();
  }

  onPoolReady(encoder: RequestEncoder): void {
    const filter = this.#filter;
    this.#encoder = encoder;
    if (filter === null) this.#reset();
    else encoder.encodeHeaders(this.#request.headers(filter.streamInfo, this.#secure), false);
  }

  onPoolFailure(reason: ResetReason, transportFailure: string): void {
    const filter = this.#filter;
    this.#filter = null;
    filter?.onTcpFailure(reason, transportFailure);
  }

  on1xxHeaders(): void {}

  onResponseHeaders(headers: ResponseHeaders, end: boolean): void {
    const filter = this.#filter;
    if (filter === null) return;
    if (this.#request.settings.propagateResponseHeaders) {
      remember(filter.streamInfo, HEADERS_STATE, [{ key: ':status', value: String(headers.status) }, ...listed(headers)]);
    }
    if (end || headers.status < 200 || headers.status > 299) {
      this.#filter = null;
      this.#reset();
      filter.onTcpFailure(ResetReason.RemoteConnectionFailure, `tunnel_response:${headers.status}`);
      return;
    }
    this.#accepted = true;
    filter.onUpstreamReady(this, this.#encoder!.connection);
  }

  onResponseData(chunk: Buffer, end: boolean): void {
    if (chunk.length > 0) this.#filter?.onUpstreamData(chunk);
    if (end) this.#onResponseEnd();
  }

  onResponseTrailers(trailers: HeaderMap): void {
    const filter = this.#filter;
    if (filter !== null && this.#request.settings.propagateResponseTrailers) remember(filter.streamInfo, TRAILERS_STATE, listed(trailers));
    this.#onResponseEnd();
  }

  onResponseReset(reason: ResetReason, transportFailure: string): void {
    const filter = this.#filter;
    this.#filter = null;
    if (filter === null) return;
    if (this.#accepted) filter.onUpstreamClosed(false);
    else filter.onTcpFailure(reason === ResetReason.Overflow ? reason : ResetReason.RemoteConnectionFailure, transportFailure);
  }

  onAboveWriteBufferHighWatermark(): void {
    if (this.#accepted) this.#filter?.holdDownstream(true);
  }

  onBelowWriteBufferLowWatermark(): void {
    if (this.#accepted) this.#filter?.holdDownstream(false);
  }

  #onResponseEnd(): void {
    this.#responseEnded = true;
    this.#filter?.onUpstreamEnd();
    if (this.#requestEnded) this.#over();
  }

  /** Both directions have ended. */
  #over(): void {
    const filter = this.#filter;
    this.#filter = null;
    filter?.onUpstreamClosed(false);
  }

  #reset(): void {
    if (this.#requestEnded && this.#responseEnded) return;
    this.#encoder?.reset(ResetReason.LocalReset);
  }
}

interface NameAndValue {
  readonly key: string;
  readonly value: string;
}

function listed(fields: HeaderMap): NameAndValue[] {
  return fields.names.map((key, i) => ({ key, value: fields.values[i]! }));
}

/** As envoy.config.core.v3.HeaderMap. */
function remember(info: StreamInfo, key: string, headers: readonly NameAndValue[]): void {
  info.filterState ??= new Map();
  info.filterState.set(key, { headers });
}
