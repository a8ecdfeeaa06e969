/** An OpenTelemetry access log as compiled. Source: envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig. */
import type { CustomTagSettings } from '../../http/custom-tags.ts';
import type { BatchSettings } from '../log-batch.ts';

/** opentelemetry.proto.common.v1.AnyValue whose texts are formats with %OPERATORS%. Other text is wire text. */
export type OtlpValueSettings =
  | { readonly kind: 'format'; readonly format: string }
  | { readonly kind: 'array'; readonly values: readonly OtlpValueSettings[] }
  | { readonly kind: 'list'; readonly values: readonly OtlpKeyValueSettings[] };

export interface OtlpKeyValueSettings {
  readonly key: string;
  readonly value: OtlpValueSettings;
}

export interface OtlpLogSettings {
  readonly kind: 'open_telemetry';
  readonly batch: BatchSettings;
  readonly protocol: 'grpc' | 'http';
  readonly cluster: string;
  readonly authority: string;
  readonly path: string;
  /** 0 = none. */
  readonly timeoutMs: number;
  readonly headers: readonly (readonly [string, string])[];
  /** resource_attributes and what detectors found: the fields of an opentelemetry.proto.resource.v1.Resource, encoded. */
  readonly resource: Uint8Array;
  /** Names of the log, the zone, the cluster and the node come before them. */
  readonly builtinLabels: boolean;
  readonly logName: string;
  /** null = none. */
  readonly body: OtlpValueSettings | null;
  readonly attributes: readonly OtlpKeyValueSettings[];
  readonly customTags: readonly CustomTagSettings[];
  /** '' or ends with '.'. */
  readonly statPrefix: string;
}
