/** A request and its response on an upstream HTTP/2 connection. */
import type { RequestEncoder, ResponseDecoder } from '../codec.ts';
import type { HeaderMap, RequestHeaders } from '../header-map.ts';
import type { ResetReason } from '../reset-reason.ts';
import type { Http2ClientConnection } from './client-connection.ts';
import { Http2Stream } from './stream.ts';

export class Http2ClientStream extends Http2Stream implements RequestEncoder {
  readonly decoder: ResponseDecoder;
  headersReceived: boolean;
  /** The request was HEAD: a length in the answer says nothing about its body. */
  isHead: boolean;
  /** What the request wants to switch to; '' = nothing. */
  upgrade: string;
  readonly #owner: Http2ClientConnection;

  constructor(owner: Http2ClientConnection, decoder: ResponseDecoder) {
    super(owner);
    this.decoder = decoder;
    this.headersReceived = false;
    this.isHead = false;
    this.upgrade = '';
    this.#owner = owner;
  }

  encodeHeaders(headers: RequestHeaders, end: boolean): void {
    if (this.detached || this.id !== 0) return;
    if (end) this.localEnded = true;
    this.#owner.startStream(this, headers, end);
  }

  /** For the owner. */
  countSent(bytes: number): void {
    this.countHeaders(bytes);
  }

  protected override deliverData(chunk: Buffer, end: boolean): void {
    this.decoder.onResponseData(chunk, end);
  }

  protected override deliverTrailers(trailers: HeaderMap): void {
    this.decoder.onResponseTrailers(trailers);
  }

  override deliverReset(reason: ResetReason): void {
    this.decoder.onResponseReset(reason, '');
  }

  protected override deliverAboveHigh(): void {
    this.decoder.onAboveWriteBufferHighWatermark();
  }

  protected override deliverBelowLow(): void {
    this.decoder.onBelowWriteBufferLowWatermark();
  }
}
