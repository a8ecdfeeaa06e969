/**
 * What a codec and its user say to each other, the same for HTTP/1 and HTTP/2. The user of a server codec is the HTTP connection
 * manager, of a client codec the router's upstream attempt. Calls never throw and never block.
 *
 * Order in each direction: [1xx headers]* headers data* [trailers]; exactly one call carries `end` = true, or trailers end it.
 * A reset may come at any point and is the last call.
 */
import type { Connection } from '../net/connection.ts';
import type { ByteMeter } from './byte-meter.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from './header-map.ts';
import type { ResetReason } from './reset-reason.ts';

/** Common to both directions: flow control and reset of one stream. */
export interface StreamControl {
  /** Counted. While disabled no further data callbacks come (those of bytes already read may), and the peer is held back. */
  readDisable(disable: boolean): void;
  /** Ends the stream at once. The user gets no `onReset` for its own reset. HTTP/1: the connection is closed. */
  reset(reason: ResetReason): void;
}

export interface StreamEvents {
  /** What was encoded cannot leave as fast: stop producing until `onBelow…`. */
  onAboveWriteBufferHighWatermark(): void;
  onBelowWriteBufferLowWatermark(): void;
}

/** Server side: the connection manager's stream receives a request … */
export interface RequestDecoder extends StreamEvents {
  onRequestHeaders(headers: RequestHeaders, end: boolean): void;
  /** `chunk` is borrowed, see `keepChunk`; may be empty only with `end`. */
  onRequestData(chunk: Buffer, end: boolean): void;
  onRequestTrailers(trailers: HeaderMap): void;
  /** The peer reset the stream or the connection went away. `details` e.g. "http1.codec_error", '' if there is nothing to add. */
  onRequestReset(reason: ResetReason, details: string): void;
  /** HTTP/2: with which reason the rest of a request is refused that has been answered already. Default: LocalReset. */
  unwantedReason?(): ResetReason;
  /** The response has left completely (HTTP/1: handed to the socket) or been given up; the codec has let go of the stream. */
  onCodecStreamDone?(): void;
}

/** … and answers through this. */
export interface ResponseEncoder extends StreamControl, ByteMeter {
  encode1xx(headers: ResponseHeaders): void;
  encodeHeaders(headers: ResponseHeaders, end: boolean): void;
  /** The chunk is taken over; a borrowed chunk may be passed on as it is. */
  encodeData(chunk: Buffer, end: boolean): void;
  /** A small latin1 body, e.g. of a local reply: leaves in one write with the head. */
  encodeText(text: string, end: boolean): void;
  encodeTrailers(trailers: HeaderMap): void;
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  /** HTTP/1: the connection ends with this response. Set before `encodeHeaders`; a `connection: close` header alone closes nothing. */
  close: boolean;
}

/** Made by the user for each incoming request, before its headers arrive (HTTP/1: at the first byte of the request line). */
export interface ServerCallbacks {
  newStream(encoder: ResponseEncoder): RequestDecoder;
  /**
   * The bytes are no HTTP, or break a limit. The codec calls this instead of answering, with the reply Envoy sends; the user answers through
   * `encoder` (null when no response can be framed: just close) and the codec closes after it.
   */
  onCodecError(encoder: ResponseEncoder | null, decoder: RequestDecoder | null, error: CodecError): void;
  /**
   * The last response has been written (or given up) and nothing more will be read: the user closes the connection, at once or after a
   * delay that lets the peer read. Without this method the codec closes with 'flush'.
   */
  onConnectionDone?(): void;
}

export interface CodecError {
  /** 400, 413, 426, 431, 501 …; 0 = close without an answer. */
  readonly status: number;
  /** Body of the reply, e.g. "Bad Request". */
  readonly body: string;
  /** Response code details, e.g. "http1.codec_error". */
  readonly details: string;
  /** Counted as downstream_cx_protocol_error, flag DPE. */
  readonly protocolError: boolean;
}

/** A server codec bound to one connection. */
export interface ServerConnection {
  onData(chunk: Buffer): void;
  /** The peer sent FIN. */
  onEnd(): void;
  /** The connection is gone: streams in flight get `onRequestReset`. */
  onConnectionClosed(): void;
  onAboveWriteBufferHighWatermark(): void;
  onBelowWriteBufferLowWatermark(): void;
  /** Announces the end: HTTP/2 GOAWAY(2^31-1); HTTP/1 `connection: close` on the next response. */
  shutdownNotice(): void;
  /** No further requests: HTTP/2 final GOAWAY; HTTP/1 closes after the response in flight, or now if there is none. */
  goAway(): void;
  readonly activeStreams: number;
}

/** Client side: the upstream attempt receives a response … */
export interface ResponseDecoder extends StreamEvents {
  on1xxHeaders(headers: ResponseHeaders): void;
  onResponseHeaders(headers: ResponseHeaders, end: boolean): void;
  onResponseData(chunk: Buffer, end: boolean): void;
  onResponseTrailers(trailers: HeaderMap): void;
  /** `transportFailure`: the transport's own words, e.g. "delayed connect error: Connection refused"; '' for none. */
  onResponseReset(reason: ResetReason, transportFailure: string): void;
}

/** … to the request it sends through this. */
export interface RequestEncoder extends StreamControl, ByteMeter {
  encodeHeaders(headers: RequestHeaders, end: boolean): void;
  encodeData(chunk: Buffer, end: boolean): void;
  encodeTrailers(trailers: HeaderMap): void;
  /** The upstream connection; its addresses and id go to the log. */
  readonly connection: Connection;
  /** '' when the payload goes as plain TCP. */
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2' | '';
}

/** What the pool that owns a client connection hears from its codec. */
export interface ClientCallbacks {
  /**
   * The stream is over and the connection may carry another one (`reusable`), or must be closed.
   * `complete`: both messages went through to their end; a reset, or a response that overtook its request, is not.
   */
  onStreamDone(reusable: boolean, complete: boolean): void;
  onGoAway(): void;
  /** The response could not be parsed: counted as upstream_cx_protocol_error. */
  onProtocolError(): void;
  /** The peer announced that it closes after this response (`connection: close`, HTTP/1.0). */
  onCloseAnnounced?(): void;
  /** `keep-alive: timeout=N`: the peer closes the connection when it has been idle for that long. */
  onKeepAliveTimeout?(seconds: number): void;
}

/** A client codec bound to one upstream connection. */
export interface ClientConnection {
  /** HTTP/1: only when no stream is active. */
  newStream(decoder: ResponseDecoder): RequestEncoder;
  onData(chunk: Buffer): void;
  onEnd(): void;
  /** Streams in flight get `onResponseReset`. */
  onConnectionClosed(): void;
  onAboveWriteBufferHighWatermark(): void;
  onBelowWriteBufferLowWatermark(): void;
  readonly activeStreams: number;
}
