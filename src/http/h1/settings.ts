/** What the HTTP/1 codecs can be told. Source: envoy.config.core.v3.Http1ProtocolOptions and HttpProtocolOptions. */

export interface Http1Settings {
  /** `GET http://host/path`: the target replaces the Host header. Otherwise the target is taken for a path. */
  readonly allowAbsoluteUrl: boolean;
  readonly acceptHttp10: boolean;
  /** Host of an HTTP/1.0 request that names none; '' = none is made up. */
  readonly defaultHostForHttp10: string;
  /** Trailers are passed on; otherwise they are read and dropped. */
  readonly enableTrailers: boolean;
  /** Content-Length beside `Transfer-Encoding: chunked` is dropped instead of refused. */
  readonly allowChunkedLength: boolean;
  /** How names are written. 'preserve': as the peer of the other side spelled them. */
  readonly headerKeyFormat: 'lower' | 'proper' | 'preserve';
  readonly maxHeadersKb: number;
  readonly maxHeadersCount: number;
  readonly headersWithUnderscores: 'allow' | 'reject' | 'drop';
  /** After an invalid message the answer is sent and the connection could go on; HTTP/1 cannot resynchronise, so it only changes who closes. */
  readonly streamErrorOnInvalid: boolean;
  readonly allowCustomMethods: boolean;
  /** Requests are written with an absolute-form target. */
  readonly sendFullyQualifiedUrl: boolean;
  /** Refuse what RFC 9112 forbids although Envoy lets it pass: bare LF, folded lines, CR inside a value, two Host fields. */
  readonly strict: boolean;
}

export const DEFAULT_HTTP1_SETTINGS: Http1Settings = {
  allowAbsoluteUrl: true,
  acceptHttp10: false,
  defaultHostForHttp10: '',
  enableTrailers: false,
  allowChunkedLength: false,
  headerKeyFormat: 'lower',
  maxHeadersKb: 60,
  maxHeadersCount: 100,
  headersWithUnderscores: 'allow',
  streamErrorOnInvalid: false,
  allowCustomMethods: false,
  sendFullyQualifiedUrl: false,
  strict: false,
};

/** Towards upstreams: Envoy takes larger heads from them. */
export const DEFAULT_HTTP1_CLIENT_SETTINGS: Http1Settings = { ...DEFAULT_HTTP1_SETTINGS, maxHeadersKb: 80 };
