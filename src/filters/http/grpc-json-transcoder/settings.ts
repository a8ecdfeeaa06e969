/** What the transcoder runs on. Source: envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder. */

export interface HttpRule {
  /** GET, PUT, …, or a custom kind. */
  readonly method: string;
  /** Path template of google.api.http. */
  readonly path: string;
  /** '' = the body is not used, '*' = it is the message, else the field that it is. */
  readonly body: string;
  /** '' = the whole message. */
  readonly responseBody: string;
}

export interface TranscodedMethod {
  /** `/<service>/<method>` */
  readonly path: string;
  readonly input: string;
  readonly output: string;
  readonly clientStreaming: boolean;
  readonly serverStreaming: boolean;
  readonly rules: readonly HttpRule[];
}

export interface PrintSettings {
  readonly whitespace: boolean;
  readonly primitives: boolean;
  readonly enumsAsInts: boolean;
  readonly protoNames: boolean;
  readonly newlineDelimited: boolean;
  readonly sse: boolean;
}

export interface TranscoderSettings {
  /** FileDescriptorSet. */
  readonly descriptors: Uint8Array;
  /** Empty = off. */
  readonly methods: readonly TranscodedMethod[];
  readonly print: PrintSettings;
  readonly matchIncomingRoute: boolean;
  readonly ignoredParameters: readonly string[];
  readonly ignoreUnknownParameters: boolean;
  readonly convertStatus: boolean;
  /** Of the message's UrlUnescapeSpec. */
  readonly unescape: 'except-reserved' | 'except-slash' | 'all';
  readonly unescapePlus: boolean;
  readonly matchUnregisteredVerb: boolean;
  readonly rejectUnknownMethod: boolean;
  readonly rejectUnknownParameters: boolean;
  readonly rejectCollisions: boolean;
  readonly caseInsensitiveEnums: boolean;
  /** Bytes; 0 = the stream's buffer limit. */
  readonly maxRequestBody: number;
  readonly maxResponseBody: number;
}
