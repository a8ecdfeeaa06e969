/** A request and its response on a downstream HTTP/2 connection. */
import type { RequestDecoder, ResponseEncoder } from '../codec.ts';
import type { HeaderMap, ResponseHeaders } from '../header-map.ts';
import type { ResetReason } from '../reset-reason.ts';
import type { Http2ServerConnection } from './server-connection.ts';
import { Http2Stream } from './stream.ts';

export class Http2ServerStream extends Http2Stream implements ResponseEncoder {
  /** Set by the connection right after the user has made it. */
  decoder: RequestDecoder | null;
  /** Nothing to HTTP/2: the connection outlives its streams. */
  close: boolean;
  headersReceived: boolean;
  /** The request was an extended CONNECT, which the user sees as an HTTP/1 upgrade. */
  upgrade: boolean;
  #responseStarted: boolean;
  readonly #owner: Http2ServerConnection;

  constructor(owner: Http2ServerConnection) {
    super(owner);
    this.decoder = null;
    this.close = false;
    this.headersReceived = false;
    this.upgrade = false;
    this.#responseStarted = false;
    this.#owner = owner;
  }

  encode1xx(headers: ResponseHeaders): void {
    // RFC 9113 §8.6: 101 does not exist here.
    if (this.detached || this.#responseStarted || headers.status === 101) return;
    this.countHeaders(this.#owner.writeResponse(this.id, headers.status, headers, false));
  }

  encodeHeaders(headers: ResponseHeaders, end: boolean): void {
    if (this.detached || this.#responseStarted) return;
    this.#responseStarted = true;
    // RFC 8441 §5: an upgrade is granted with 200.
    const status = this.upgrade && headers.status === 101 ? 200 : headers.status;
    if (end) this.localEnded = true;
    this.countHeaders(this.#owner.writeResponse(this.id, status, headers, end));
    if (end) this.#owner.onLocalEnd(this);
  }

  protected override deliverData(chunk: Buffer, end: boolean): void {
    this.decoder!.onRequestData(chunk, end);
  }

  protected override deliverTrailers(trailers: HeaderMap): void {
    this.decoder!.onRequestTrailers(trailers);
  }

  override deliverReset(reason: ResetReason, details: string): void {
    this.decoder?.onRequestReset(reason, details);
  }

  protected override deliverAboveHigh(): void {
    this.decoder?.onAboveWriteBufferHighWatermark();
  }

  protected override deliverBelowLow(): void {
    this.decoder?.onBelowWriteBufferLowWatermark();
  }
}
