/** An access log as compiled: what it writes, where, and of which requests. Plain data. */
import type { CustomTagSettings } from '../http/custom-tags.ts';
import type { HeaderMatcherSettings } from '../http/header-matcher.ts';
import type { MetadataMatcherSettings } from '../http/metadata-matcher.ts';
import type { FractionSettings } from '../runtime/runtime.ts';
import type { LogStreamSettings } from './grpc/log-stream.ts';
import type { OtlpLogSettings } from './open-telemetry/settings.ts';

export interface AccessLogSettings {
  readonly sink: FileSink | ServiceSink;
  /** Of lines; services have entries of their own kind. */
  readonly format: LogFormatSettings;
  readonly filter: AccessLogFilterSettings | null;
}

/** File path, or one of the two standard streams. */
export type FileSink = { readonly kind: 'file'; readonly path: string } | { readonly kind: 'stdout' } | { readonly kind: 'stderr' };

export type ServiceSink = GrpcSink | OtlpLogSettings;

/** envoy.extensions.access_loggers.grpc.v3: a stream of entries. */
export interface GrpcSink {
  readonly kind: 'grpc';
  readonly stream: LogStreamSettings;
  readonly filterStateObjects: readonly string[];
  readonly customTags: readonly CustomTagSettings[];
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly string[];
  readonly responseTrailers: readonly string[];
}

export function isServiceSink(sink: FileSink | ServiceSink): sink is ServiceSink {
  return sink.kind === 'grpc' || sink.kind === 'open_telemetry';
}

export type LogFormatSettings =
  | { readonly kind: 'text'; readonly text: string; readonly omitEmptyValues: boolean; readonly contentType: string }
  | {
      readonly kind: 'json';
      readonly object: Readonly<Record<string, unknown>>;
      readonly omitEmptyValues: boolean;
      readonly contentType: string;
    };

export interface ComparisonSettings {
  readonly op: 'EQ' | 'GE' | 'LE' | 'NE';
  readonly value: number;
  readonly runtimeKey: string;
}

export type AccessLogFilterSettings =
  | { readonly kind: 'status_code'; readonly comparison: ComparisonSettings }
  | { readonly kind: 'duration'; readonly comparison: ComparisonSettings }
  | { readonly kind: 'not_health_check' }
  | { readonly kind: 'traceable' }
  | { readonly kind: 'runtime'; readonly fraction: FractionSettings; readonly independent: boolean }
  | { readonly kind: 'and' | 'or'; readonly filters: readonly AccessLogFilterSettings[] }
  | { readonly kind: 'header'; readonly matcher: HeaderMatcherSettings }
  /** `flags`: bits of Flag; 0 = any flag at all. */
  | { readonly kind: 'response_flag'; readonly flags: number }
  | { readonly kind: 'grpc_status'; readonly statuses: readonly number[]; readonly exclude: boolean }
  | { readonly kind: 'metadata'; readonly matcher: MetadataMatcherSettings; readonly matchIfKeyNotFound: boolean }
  | { readonly kind: 'log_type'; readonly types: readonly string[]; readonly exclude: boolean };

/** Envoy's default line. Source: SubstitutionFormatUtils::defaultSubstitutionFormatter. */
export const DEFAULT_TEXT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ' +
  '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';
