/** What checks over HTTP/2 share: requests on the proxy's own codec, one at a time. */
import type { ResponseDecoder } from '../../http/codec.ts';
import { type Http2ClientCallbacks, Http2ClientConnection } from '../../http/h2/client-connection.ts';
import type { Http2Settings } from '../../http/h2/settings.ts';
import type { Http2Stats } from '../../http/h2/stats.ts';
import { HeaderMap, type RequestHeaders, type ResponseHeaders } from '../../http/header-map.ts';
import { type CloseEvent, type Connection, keepChunk } from '../../net/connection.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { CheckConnector } from './check-connector.ts';
import type { CheckedHost } from './checked-host.ts';
import type { HttpCheckParts } from './http-check-parts.ts';
import type { ProbeListener } from './probe.ts';
import { SocketProbe } from './socket-probe.ts';

export interface Http2Answer {
  readonly status: number;
  readonly headers: HeaderMap;
  /** Empty without trailers. */
  readonly trailers: HeaderMap;
  readonly body: Buffer;
}

/** What the codec takes. */
export interface Http2ProbeParts {
  readonly settings: Http2Settings;
  readonly stats: Http2Stats;
  readonly clock: Clock;
  readonly random: Random;
}

const NO_TRAILERS = new HeaderMap();

export abstract class Http2Probe extends SocketProbe implements Http2ClientCallbacks, ResponseDecoder {
  readonly #http2: Http2ProbeParts;
  readonly #reuse: boolean;
  #codec: Http2ClientConnection | null = null;
  /** The peer wants no further requests: the one under way ends, the next check connects anew. */
  #leaving = false;
  #headers: ResponseHeaders | null = null;
  #trailers: HeaderMap = NO_TRAILERS;
  #body: Buffer[] = [];
  #missing = 0;
  #complete = false;

  constructor(host: CheckedHost, listener: ProbeListener, connector: CheckConnector, http2: Http2ProbeParts, reuse: boolean) {
    super(host, listener, connector);
    this.#http2 = http2;
    this.#reuse = reuse;
  }

  /** `keep`: so many bytes of the body are wanted. */
  protected abstract request(scheme: string): { readonly headers: RequestHeaders; readonly body: Buffer; readonly keep: number };
  protected abstract answered(answer: Http2Answer): void;

  protected override opened(connection: Connection): void {
    const { settings, stats, clock, random } = this.#http2;
    this.#leaving = false;
    this.#codec = new Http2ClientConnection(connection, settings, this, stats, clock, random);
  }

  protected send(): void {
    const { headers, body, keep } = this.request(this.scheme);
    this.#headers = null;
    this.#trailers = NO_TRAILERS;
    this.#body = [];
    this.#missing = keep;
    this.#complete = false;
    const encoder = this.#codec!.newStream(this);
    encoder.encodeHeaders(headers, body.length === 0);
    if (body.length > 0) encoder.encodeData(body, true);
  }

  onData(chunk: Buffer): void {
    this.#codec!.onData(chunk);
  }

  override onClose(event: CloseEvent): void {
    this.#codec!.onConnectionClosed();
    super.onClose(event);
  }

  // ResponseDecoder

  on1xxHeaders(): void {}

  onResponseHeaders(headers: ResponseHeaders, end: boolean): void {
    this.#headers = headers;
    this.#complete = end;
  }

  onResponseData(chunk: Buffer, end: boolean): void {
    const wanted = Math.min(chunk.length, this.#missing);
    if (wanted > 0) this.#body.push(keepChunk(chunk).subarray(0, wanted));
    this.#missing -= wanted;
    this.#complete = end;
  }

  onResponseTrailers(trailers: HeaderMap): void {
    this.#trailers = trailers;
    this.#complete = true;
  }

  onResponseReset(): void {
    this.disconnect();
    this.fail();
  }

  // Http2ClientCallbacks

  onStreamClosed(): void {
    if (!this.busy || !this.#complete) return;
    this.busy = false;
    if (!this.#reuse || this.#leaving) this.disconnect();
    const headers = this.#headers!;
    this.answered({ status: headers.status, headers, trailers: this.#trailers, body: Buffer.concat(this.#body) });
  }

  onGoAway(): void {
    this.#leaving = true;
    if (!this.busy) this.disconnect();
  }

  onMaxStreamsChanged(): void {}

  onProtocolError(): void {
    this.fail();
  }
}

/** Over HTTP/2 as over HTTP/1: codec_client_type decides. */
export class Http2CheckProbe extends Http2Probe {
  readonly #parts: HttpCheckParts;

  constructor(
    host: CheckedHost,
    listener: ProbeListener,
    connector: CheckConnector,
    parts: HttpCheckParts,
    http2: Http2ProbeParts,
    reuse: boolean,
  ) {
    super(host, listener, connector, http2, reuse);
    this.#parts = parts;
  }

  protected request(scheme: string) {
    const headers = this.#parts.requestHeaders(this.host, 'HTTP/2', scheme);
    return { headers, body: this.#parts.send, keep: this.#parts.verdict.wanted(0) };
  }

  protected answered(answer: Http2Answer): void {
    this.#parts.verdict.report(answer.status, answer.headers, answer.body, this.listener);
  }
}
