/** Both codecs over a connection that has no socket; what they say to their users and write to their peers is recorded as text. */

import type { CodecError, RequestDecoder, RequestEncoder, ResponseDecoder, ResponseEncoder } from '../../../src/http/codec.ts';
import { Http1ClientConnection } from '../../../src/http/h1/client-connection.ts';
import { Http1ServerConnection } from '../../../src/http/h1/server-connection.ts';
import { DEFAULT_HTTP1_SETTINGS, type Http1Settings } from '../../../src/http/h1/settings.ts';
import { type HeaderMap, RequestHeaders, ResponseHeaders } from '../../../src/http/header-map.ts';
import type { CloseType, Connection } from '../../../src/net/connection.ts';

/** The part of a connection that codecs use. */
export class FakeConnection {
  written = '';
  closedAs: CloseType | null = null;
  pauses = 0;
  aboveHighWatermark = false;

  writeText(text: string): void {
    if (this.closedAs === null) this.written += text;
  }
  write(chunk: Buffer): void {
    this.writeText(chunk.toString('latin1'));
  }
  readDisable(disable: boolean): void {
    this.pauses += disable ? 1 : -1;
  }
  close(type: CloseType): void {
    this.closedAs ??= type;
  }
  dispatch(fn: () => void): void {
    fn();
  }
  get asConnection(): Connection {
    return this as unknown as Connection;
  }
}

/** `name: value` pairs; several body pieces in a row count as one, because cutting the bytes differently may cut the body differently. */
export class Log {
  readonly entries: string[] = [];
  #body: string | null = null;

  add(entry: string): void {
    this.#endBody();
    this.entries.push(entry);
  }
  data(chunk: Buffer, end: boolean): void {
    this.#body = (this.#body ?? '') + chunk.toString('latin1');
    if (end) this.add('end');
  }
  get lines(): string[] {
    this.#endBody();
    return this.entries;
  }
  #endBody(): void {
    const body = this.#body;
    this.#body = null;
    if (body !== null && body !== '') this.entries.push(`data ${body}`);
  }
}

export function fields(headers: HeaderMap): string {
  return headers.names.map((name, i) => `${name}=${headers.values[i]}`).join(';');
}

export type Responder = (encoder: ResponseEncoder, headers: RequestHeaders) => void;

/** Answers 200 with a body of the request's path when the request is complete. */
export const echoPath: Responder = (encoder, headers) => {
  const response = new ResponseHeaders(200);
  response.add('content-length', String(headers.path.length));
  encoder.encodeHeaders(response, headers.path === '');
  if (headers.path !== '') encoder.encodeText(headers.path, true);
};

export class ServerHarness {
  readonly connection = new FakeConnection();
  readonly log = new Log();
  readonly codec: Http1ServerConnection;
  /** Of the request that came last. */
  encoder: ResponseEncoder | null = null;
  streams = 0;
  readonly #respond: Responder | null;

  /** @param respond null: requests stay unanswered */
  constructor(settings: Partial<Http1Settings> = {}, respond: Responder | null = null) {
    this.#respond = respond;
    this.codec = new Http1ServerConnection(this.connection.asConnection, { ...DEFAULT_HTTP1_SETTINGS, ...settings }, this);
  }

  feed(text: string): this {
    if (this.connection.closedAs === null) this.codec.onData(Buffer.from(text, 'latin1'));
    return this;
  }

  newStream(encoder: ResponseEncoder): RequestDecoder {
    this.encoder = encoder;
    this.streams++;
    const log = this.log;
    let request = new RequestHeaders();
    const complete = (): void => this.#respond?.(encoder, request);
    return {
      onRequestHeaders: (headers, end) => {
        request = headers;
        const scheme = headers.scheme === '' ? '' : `${headers.scheme}:`;
        log.add(
          `${encoder.protocol} ${headers.method} ${scheme}${headers.authority}|${headers.path} {${fields(headers)}}${end ? ' end' : ''}`,
        );
        if (end) complete();
      },
      onRequestData: (chunk, end) => {
        log.data(chunk, end);
        if (end) complete();
      },
      onRequestTrailers: (trailers) => {
        log.add(`trailers {${fields(trailers)}}`);
        complete();
      },
      onRequestReset: (reason, details) => log.add(`reset ${reason} ${details}`.trim()),
      onAboveWriteBufferHighWatermark: () => log.add('above'),
      onBelowWriteBufferLowWatermark: () => log.add('below'),
    };
  }

  onCodecError(encoder: ResponseEncoder | null, _decoder: RequestDecoder | null, error: CodecError): void {
    this.log.add(`error ${error.status} ${error.details}${encoder === null ? ' unanswerable' : ''}`);
    if (encoder === null) return;
    const headers = new ResponseHeaders(error.status);
    headers.add('content-length', String(error.body.length));
    encoder.encodeHeaders(headers, false);
    encoder.encodeText(error.body, true);
  }
}

export class ClientHarness {
  readonly connection = new FakeConnection();
  readonly log = new Log();
  readonly codec: Http1ClientConnection;

  constructor(settings: Partial<Http1Settings> = {}) {
    this.codec = new Http1ClientConnection(this.connection.asConnection, { ...DEFAULT_HTTP1_SETTINGS, ...settings }, this);
  }

  /** @param headers of the request; `end` false leaves its body open */
  request(method = 'GET', headers: Record<string, string> = {}, end = true): RequestEncoder {
    const encoder = this.codec.newStream(this.#decoder());
    const request = new RequestHeaders(method, method === 'CONNECT' ? '' : '/', 'h');
    for (const [name, value] of Object.entries(headers)) request.add(name, value);
    encoder.encodeHeaders(request, end);
    return encoder;
  }

  feed(text: string): this {
    if (this.connection.closedAs === null) this.codec.onData(Buffer.from(text, 'latin1'));
    return this;
  }

  fin(): this {
    if (this.connection.closedAs === null) this.codec.onEnd();
    this.codec.onConnectionClosed();
    return this;
  }

  onStreamDone(reusable: boolean): void {
    this.log.add(reusable ? 'done, reusable' : 'done');
  }
  onGoAway(): void {
    this.log.add('goaway');
  }
  onProtocolError(): void {
    this.log.add('protocol error');
  }

  #decoder(): ResponseDecoder {
    const log = this.log;
    return {
      on1xxHeaders: (headers) => log.add(`1xx ${headers.status} {${fields(headers)}}`),
      onResponseHeaders: (headers, end) => log.add(`${headers.status} {${fields(headers)}}${end ? ' end' : ''}`),
      onResponseData: (chunk, end) => log.data(chunk, end),
      onResponseTrailers: (trailers) => log.add(`trailers {${fields(trailers)}}`),
      onResponseReset: (reason) => log.add(`reset ${reason}`),
      onAboveWriteBufferHighWatermark: () => log.add('above'),
      onBelowWriteBufferLowWatermark: () => log.add('below'),
    };
  }
}
