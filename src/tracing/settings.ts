/** Tracing as compiled: of a connection manager, of its provider, of a route. Source: HttpConnectionManager.Tracing, envoy.config.trace.v3, envoy.config.route.v3.Tracing and Decorator. */
import type { CustomTagSettings } from '../http/custom-tags.ts';
import type { FractionSettings } from '../runtime/runtime.ts';

/** With the runtime keys tracing.client_enabled, tracing.random_sampling and tracing.global_enabled. */
export interface SamplingSettings {
  readonly client: FractionSettings;
  readonly random: FractionSettings;
  readonly overall: FractionSettings;
}

export interface TracingSettings {
  /** null: the decision is made and counted, and nothing comes of it. */
  readonly provider: TracerSettings | null;
  readonly sampling: SamplingSettings;
  readonly verbose: boolean;
  readonly maxPathTagLength: number;
  readonly customTags: readonly CustomTagSettings[];
  readonly spawnUpstreamSpan: boolean;
  /** Formats of the names of the request's span and of those of its tries; ''. */
  readonly operation: string;
  readonly upstreamOperation: string;
  /** The uuid extension's: without it every request is sampled. */
  readonly useRequestIdForSampling: boolean;
  /** The upstream gets no trace headers from here. */
  readonly noContextPropagation: boolean;
}

/** What a route says of its requests' traces. */
export interface RouteTracingSettings {
  /** null = the connection manager's. */
  readonly sampling: SamplingSettings | null;
  readonly customTags: readonly CustomTagSettings[];
  /** decorator.operation; ''. */
  readonly decorator: string;
  /** Formats of the names of the request's span and of those of its tries; '' = the connection manager's. */
  readonly operation: string;
  readonly upstreamOperation: string;
  /** The other side is told of it. */
  readonly propagate: boolean;
}

export type TracerSettings = ZipkinSettings | OpenTelemetrySettings;

export interface ZipkinSettings {
  readonly kind: 'zipkin';
  readonly cluster: string;
  /** Path of the collector's endpoint. */
  readonly path: string;
  readonly authority: string;
  readonly format: 'json' | 'proto';
  /** 0 = tracing.zipkin.request_timeout says. */
  readonly timeoutMs: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly traceId128: boolean;
  /** The first 32 bits of a 128-bit trace id are the time in seconds. */
  readonly timestampTraceIds: boolean;
  readonly sharedSpanContext: boolean;
  readonly splitSpans: boolean;
  /** traceparent too: read where there is no B3, and sent beside it. */
  readonly w3c: boolean;
}

export interface OpenTelemetrySettings {
  readonly kind: 'opentelemetry';
  readonly protocol: 'http' | 'grpc';
  readonly cluster: string;
  readonly path: string;
  readonly authority: string;
  /** 0 = tracing.opentelemetry.request_timeout says. */
  readonly timeoutMs: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Spans that wait at most. */
  readonly maxCacheSize: number;
  /** service.name and what resource detectors found. */
  readonly resource: readonly (readonly [string, string])[];
  readonly sdkAttributes: boolean;
  readonly instrumentationScope: boolean;
  readonly sampler: OtelSamplerSettings | null;
}

export type OtelSamplerSettings =
  | { readonly kind: 'always_on' }
  | { readonly kind: 'ratio'; readonly numerator: number; readonly denominator: number }
  | { readonly kind: 'parent_based'; readonly root: OtelSamplerSettings };
