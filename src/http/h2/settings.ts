/** What the HTTP/2 codecs can be told. Source: envoy.config.core.v3.Http2ProtocolOptions and HttpProtocolOptions. */

export interface Http2Settings {
  readonly hpackTableSize: number;
  /** Streams that the peer may have open; towards upstreams those that we open at most. */
  readonly maxConcurrentStreams: number;
  readonly initialStreamWindow: number;
  readonly initialConnectionWindow: number;
  /** Extended CONNECT (RFC 8441). */
  readonly allowConnect: boolean;
  /** Frames that may wait to be sent. */
  readonly maxOutboundFrames: number;
  /** PING, SETTINGS and RST_STREAM among them. */
  readonly maxOutboundControlFrames: number;
  readonly maxConsecutiveEmptyFrames: number;
  readonly maxPriorityFramesPerStream: number;
  readonly maxWindowUpdatesPerDataFrame: number;
  /** A malformed message resets its stream instead of closing the connection. */
  readonly streamErrorOnInvalid: boolean;
  /** Sent with the first SETTINGS: identifier, value, identifier, value … */
  readonly customSettings: readonly number[];
  /** null = no PINGs. */
  readonly keepalive: Http2KeepaliveSettings | null;
  readonly maxHeadersKb: number;
  readonly maxHeadersCount: number;
  readonly headersWithUnderscores: 'allow' | 'reject' | 'drop';
}

export interface Http2KeepaliveSettings {
  /** 0 = no periodic PINGs. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Percent of the interval. */
  readonly jitterPercent: number;
  /** A PING goes before a new stream if the connection was idle for so long; 0 = never. */
  readonly idleIntervalMs: number;
}

export const DEFAULT_HTTP2_SETTINGS: Http2Settings = {
  hpackTableSize: 4096,
  maxConcurrentStreams: 1024,
  initialStreamWindow: 16 * 1024 * 1024,
  initialConnectionWindow: 24 * 1024 * 1024,
  allowConnect: false,
  maxOutboundFrames: 10_000,
  maxOutboundControlFrames: 1_000,
  maxConsecutiveEmptyFrames: 1,
  maxPriorityFramesPerStream: 100,
  maxWindowUpdatesPerDataFrame: 10,
  streamErrorOnInvalid: false,
  customSettings: [],
  keepalive: null,
  maxHeadersKb: 60,
  maxHeadersCount: 100,
  headersWithUnderscores: 'allow',
};
