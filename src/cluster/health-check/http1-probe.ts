/** HTTP/1.1 check, on the proxy's own codec: what upstreams see, and what counts as an answer, is the same as for requests. */
import type { ClientCallbacks, ResponseDecoder } from '../../http/codec.ts';
import { Http1ClientConnection } from '../../http/h1/client-connection.ts';
import type { Http1Settings } from '../../http/h1/settings.ts';
import type { HeaderMap, ResponseHeaders } from '../../http/header-map.ts';
import { type CloseEvent, type Connection, keepChunk } from '../../net/connection.ts';
import type { CheckConnector } from './check-connector.ts';
import type { CheckedHost } from './checked-host.ts';
import type { HttpCheckParts } from './http-check-parts.ts';
import type { ProbeListener } from './probe.ts';
import { SocketProbe } from './socket-probe.ts';

export class Http1Probe extends SocketProbe implements ClientCallbacks, ResponseDecoder {
  readonly #parts: HttpCheckParts;
  readonly #http1: Http1Settings;
  readonly #reuse: boolean;
  #codec: Http1ClientConnection | null = null;
  #headers: ResponseHeaders | null = null;
  #body: Buffer[] = [];
  #kept = 0;
  #complete = false;

  constructor(
    host: CheckedHost,
    listener: ProbeListener,
    connector: CheckConnector,
    parts: HttpCheckParts,
    http1: Http1Settings,
    reuse: boolean,
  ) {
    super(host, listener, connector);
    this.#parts = parts;
    this.#http1 = http1;
    this.#reuse = reuse;
  }

  protected override opened(connection: Connection): void {
    this.#codec = new Http1ClientConnection(connection, this.#http1, this);
  }

  protected send(): void {
    this.#headers = null;
    this.#body = [];
    this.#kept = 0;
    this.#complete = false;
    const { send } = this.#parts;
    const encoder = this.#codec!.newStream(this);
    encoder.encodeHeaders(this.#parts.requestHeaders(this.host, 'HTTP/1.1', this.scheme), send.length === 0);
    if (send.length > 0) encoder.encodeData(send, true);
  }

  onData(chunk: Buffer): void {
    this.#codec!.onData(chunk);
  }

  override onEnd(): void {
    this.#codec!.onEnd();
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
    const wanted = Math.min(chunk.length, this.#parts.verdict.wanted(this.#kept));
    if (wanted > 0) {
      this.#body.push(keepChunk(chunk).subarray(0, wanted));
      this.#kept += wanted;
    }
    this.#complete = end;
  }

  onResponseTrailers(_trailers: HeaderMap): void {
    this.#complete = true;
  }

  onResponseReset(): void {
    this.disconnect();
    this.fail();
  }

  // ClientCallbacks

  onStreamDone(reusable: boolean): void {
    if (!this.busy || !this.#complete) return;
    this.busy = false;
    if (!reusable || !this.#reuse) this.disconnect();
    const headers = this.#headers!;
    this.#parts.verdict.report(headers.status, headers, Buffer.concat(this.#body), this.listener);
  }

  onGoAway(): void {}
  onProtocolError(): void {}
}
