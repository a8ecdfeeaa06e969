/** One request-response exchange on a server connection: writes the response and tells the connection when it is over. */

import type { Connection } from '../../net/connection.ts';
import type { RequestDecoder, ResponseEncoder } from '../codec.ts';
import type { HeaderMap, ResponseHeaders } from '../header-map.ts';
import type { ResetReason } from '../reset-reason.ts';
import { chunkSizeLine, fieldLines } from './head-writer.ts';
import { spell } from './header-case.ts';
import type { Http1Settings } from './settings.ts';
import { statusLine } from './status-text.ts';

/** What an exchange needs of its connection. */
export interface ExchangeOwner {
  readonly connection: Connection;
  readonly settings: Http1Settings;
  /** No further request will be served: `connection: close` belongs on the response. */
  readonly closing: boolean;
  onResponseComplete(exchange: Http1Exchange): void;
  onExchangeReset(exchange: Http1Exchange): void;
}

export class Http1Exchange implements ResponseEncoder {
  protocol: 'HTTP/1.0' | 'HTTP/1.1';
  /** Set by the connection right after the user has made it. */
  decoder: RequestDecoder | null;
  isHead: boolean;
  isConnect: boolean;
  isUpgrade: boolean;
  /** The client asked for the connection to be closed. */
  close: boolean;
  requestComplete: boolean;
  responseStarted: boolean;
  responseComplete: boolean;
  /** The response is over only when the connection is. */
  closeDelimited: boolean;
  /** Reading pauses of the user that are not taken back yet. */
  pauses: number;
  /** No longer the connection's business: calls do nothing. */
  detached: boolean;
  wireBytesReceived: number;
  wireBytesSent: number;
  headerBytesReceived: number;
  headerBytesSent: number;
  #chunked: boolean;
  #bodyless: boolean;
  readonly #owner: ExchangeOwner;

  constructor(owner: ExchangeOwner) {
    this.protocol = 'HTTP/1.1';
    this.decoder = null;
    this.isHead = false;
    this.isConnect = false;
    this.isUpgrade = false;
    this.close = false;
    this.requestComplete = false;
    this.responseStarted = false;
    this.responseComplete = false;
    this.closeDelimited = false;
    this.pauses = 0;
    this.detached = false;
    this.wireBytesReceived = 0;
    this.wireBytesSent = 0;
    this.headerBytesReceived = 0;
    this.headerBytesSent = 0;
    this.#chunked = false;
    this.#bodyless = false;
    this.#owner = owner;
  }

  encode1xx(headers: ResponseHeaders): void {
    // RFC 9110 §15.2: a 1.0 client knows no 1xx.
    if (this.detached || this.responseStarted || this.protocol === 'HTTP/1.0') return;
    this.#writeText('HTTP/1.1 ' + statusLine(headers.status) + fieldLines(headers, this.#owner.settings.headerKeyFormat) + '\r\n');
  }

  encodeHeaders(headers: ResponseHeaders, end: boolean): void {
    if (this.detached || this.responseStarted) return;
    this.responseStarted = true;
    const owner = this.#owner;
    const format = owner.settings.headerKeyFormat;
    const status = headers.status;
    const tunnel = this.isUpgrade ? status === 101 && !end : this.isConnect && status >= 200 && status < 300;
    const http10 = this.protocol === 'HTTP/1.0';
    let text = (http10 ? 'HTTP/1.0 ' : 'HTTP/1.1 ') + statusLine(status);
    const lineLength = text.length;
    text += fieldLines(headers, format);
    if (!tunnel) {
      const hasLength = headers.has('content-length');
      const mayHaveBody = status >= 200 && status !== 204 && status !== 304;
      this.#bodyless = this.isHead || !mayHaveBody;
      this.closeDelimited = http10 && !hasLength && !end && !this.#bodyless;
      if (this.closeDelimited || owner.closing || (end && !this.requestComplete)) this.close = true;
      if (!headers.has('connection')) {
        if (this.close) text += spell('connection', headers, format) + ': close\r\n';
        else if (http10) text += spell('connection', headers, format) + ': keep-alive\r\n';
      }
      if (!hasLength && mayHaveBody) {
        if (end && !this.isHead) {
          text += spell('content-length', headers, format) + ': 0\r\n';
        } else if (!http10) {
          // To HEAD too, as Envoy does: what a GET would be answered with.
          text += spell('transfer-encoding', headers, format) + ': chunked\r\n';
          this.#chunked = !this.isHead;
        }
      }
    }
    this.headerBytesSent += text.length - lineLength;
    this.#writeText(text + '\r\n');
    if (end) this.#complete();
  }

  encodeData(chunk: Buffer, end: boolean): void {
    if (!this.#mayWrite()) return;
    const connection = this.#owner.connection;
    const length = chunk.length;
    if (length > 0 && !this.#bodyless) {
      this.wireBytesSent += length;
      if (this.#chunked) {
        this.#writeText(chunkSizeLine(length));
        connection.write(chunk);
        this.#writeText(end ? '\r\n0\r\n\r\n' : '\r\n');
      } else connection.write(chunk);
    } else if (end && this.#chunked) this.#writeText('0\r\n\r\n');
    if (end) this.#complete();
  }

  encodeText(text: string, end: boolean): void {
    if (!this.#mayWrite()) return;
    const length = text.length;
    if (length > 0 && !this.#bodyless) {
      if (this.#chunked) this.#writeText(chunkSizeLine(length) + text + (end ? '\r\n0\r\n\r\n' : '\r\n'));
      else this.#writeText(text);
    } else if (end && this.#chunked) this.#writeText('0\r\n\r\n');
    if (end) this.#complete();
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (!this.#mayWrite()) return;
    if (this.#chunked) {
      const settings = this.#owner.settings;
      this.#writeText('0\r\n' + (settings.enableTrailers ? fieldLines(trailers, settings.headerKeyFormat) : '') + '\r\n');
    }
    this.#complete();
  }

  readDisable(disable: boolean): void {
    if (this.detached) return;
    this.pauses += disable ? 1 : -1;
    this.#owner.connection.readDisable(disable);
  }

  reset(_reason: ResetReason): void {
    if (!this.detached) this.#owner.onExchangeReset(this);
  }

  #writeText(text: string): void {
    this.wireBytesSent += text.length;
    this.#owner.connection.writeText(text);
  }

  #mayWrite(): boolean {
    return this.responseStarted && !this.responseComplete && !this.detached;
  }

  #complete(): void {
    this.responseComplete = true;
    this.#owner.onResponseComplete(this);
  }
}
