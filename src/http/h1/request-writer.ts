/** One request-response exchange on an upstream connection: writes the request. */

import type { Connection } from '../../net/connection.ts';
import type { RequestEncoder, ResponseDecoder } from '../codec.ts';
import type { HeaderMap, RequestHeaders } from '../header-map.ts';
import type { ResetReason } from '../reset-reason.ts';
import { hasToken } from './connection-header.ts';
import { chunkSizeLine, fieldLines } from './head-writer.ts';
import { spell } from './header-case.ts';
import { Answering } from './response-parser.ts';
import type { Http1Settings } from './settings.ts';

/** What a request needs of its connection. */
export interface RequestOwner {
  readonly connection: Connection;
  readonly settings: Http1Settings;
  onRequestComplete(request: Http1Request): void;
  onRequestReset(request: Http1Request): void;
}

export class Http1Request implements RequestEncoder {
  readonly protocol = 'HTTP/1.1';
  readonly connection: Connection;
  readonly decoder: ResponseDecoder;
  answering: Answering;
  /** Some of the request has been handed to the connection. */
  started: boolean;
  complete: boolean;
  detached: boolean;
  pauses: number;
  wireBytesReceived: number;
  wireBytesSent: number;
  headerBytesReceived: number;
  headerBytesSent: number;
  #chunked: boolean;
  readonly #owner: RequestOwner;

  constructor(owner: RequestOwner, decoder: ResponseDecoder) {
    this.connection = owner.connection;
    this.decoder = decoder;
    this.answering = Answering.Request;
    this.started = false;
    this.complete = false;
    this.detached = false;
    this.pauses = 0;
    this.wireBytesReceived = 0;
    this.wireBytesSent = 0;
    this.headerBytesReceived = 0;
    this.headerBytesSent = 0;
    this.#chunked = false;
    this.#owner = owner;
  }

  encodeHeaders(headers: RequestHeaders, end: boolean): void {
    if (this.detached || this.started) return;
    this.started = true;
    const settings = this.#owner.settings;
    const format = settings.headerKeyFormat;
    const method = headers.method;
    let target = headers.path;
    if (method === 'CONNECT') {
      this.answering = Answering.Connect;
      target = headers.authority;
    } else {
      if (method === 'HEAD') this.answering = Answering.Head;
      else {
        const connection = headers.get('connection');
        if (connection !== undefined && headers.has('upgrade') && hasToken(connection, 'upgrade')) this.answering = Answering.Upgrade;
      }
      if (settings.sendFullyQualifiedUrl) target = (headers.scheme === '' ? 'http' : headers.scheme) + '://' + headers.authority + target;
    }
    let text = method + ' ' + target + ' HTTP/1.1\r\n';
    const lineLength = text.length;
    text += spell('host', headers, format) + ': ' + headers.authority + '\r\n';
    text += fieldLines(headers, format);
    if (this.answering !== Answering.Connect && this.answering !== Answering.Upgrade && !headers.has('content-length')) {
      if (!end) {
        text += spell('transfer-encoding', headers, format) + ': chunked\r\n';
        this.#chunked = true;
      } else if (method !== 'GET' && method !== 'HEAD' && method !== 'TRACE') {
        text += spell('content-length', headers, format) + ': 0\r\n';
      }
    }
    this.headerBytesSent += text.length - lineLength;
    this.#writeText(text + '\r\n');
    if (end) this.#complete();
  }

  encodeData(chunk: Buffer, end: boolean): void {
    if (!this.started || this.complete || this.detached) return;
    const length = chunk.length;
    this.wireBytesSent += length;
    if (!this.#chunked) {
      if (length > 0) this.connection.write(chunk);
    } else if (length > 0) {
      this.#writeText(chunkSizeLine(length));
      this.connection.write(chunk);
      this.#writeText(end ? '\r\n0\r\n\r\n' : '\r\n');
    } else if (end) this.#writeText('0\r\n\r\n');
    if (end) this.#complete();
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (!this.started || this.complete || this.detached) return;
    if (this.#chunked) {
      const settings = this.#owner.settings;
      this.#writeText('0\r\n' + (settings.enableTrailers ? fieldLines(trailers, settings.headerKeyFormat) : '') + '\r\n');
    }
    this.#complete();
  }

  readDisable(disable: boolean): void {
    if (this.detached) return;
    this.pauses += disable ? 1 : -1;
    this.connection.readDisable(disable);
  }

  reset(_reason: ResetReason): void {
    if (!this.detached) this.#owner.onRequestReset(this);
  }

  #writeText(text: string): void {
    this.wireBytesSent += text.length;
    this.connection.writeText(text);
  }

  #complete(): void {
    this.complete = true;
    this.#owner.onRequestComplete(this);
  }
}
