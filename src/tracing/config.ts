/** Tracing settings from their messages. Source: HttpConnectionManager.Tracing, envoy.config.trace.v3, envoy.config.route.v3.Tracing. */
import type { CompileContext } from '../config/context.ts';
import type { Decorator, Tracing as RouteTracing } from '../config/gen/envoy/config/route/v3/route_components_pb.js';
import type { Tracing as BootstrapTracing, Tracing_Http } from '../config/gen/envoy/config/trace/v3/http_tracer_pb.js';
import type { OpenTelemetryConfig } from '../config/gen/envoy/config/trace/v3/opentelemetry_pb.js';
import {
  ZipkinConfig_TraceContextOption as TraceContext,
  ZipkinConfig_CollectorEndpointVersion as Version,
  type ZipkinConfig,
} from '../config/gen/envoy/config/trace/v3/zipkin_pb.js';
import type { HttpConnectionManager_Tracing } from '../config/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import type { FractionalPercent, Percent } from '../config/gen/envoy/type/v3/percent_pb.js';
import { denominatorOf } from '../http/config.ts';
import { checkFormat, compileCustomTags } from '../http/custom-tags-config.ts';
import { compileHttpService } from '../http/service-config.ts';
import { wireText } from '../http/wire-text.ts';
import type { FractionSettings } from '../runtime/runtime.ts';
import { compileOpenTelemetry } from './opentelemetry/config.ts';
import type { RouteTracingSettings, SamplingSettings, TracerSettings, TracingSettings, ZipkinSettings } from './settings.ts';

const CLIENT_KEY = 'tracing.client_enabled';
const RANDOM_KEY = 'tracing.random_sampling';
const OVERALL_KEY = 'tracing.global_enabled';
const ZIPKIN = 'envoy.config.trace.v3.ZipkinConfig';
const NO_PROVIDER: { readonly cluster: string | null } = { cluster: null };
const OPEN_TELEMETRY = 'envoy.config.trace.v3.OpenTelemetryConfig';

export interface TracingCompileDeps {
  /** Of the bootstrap, for connection managers that name no provider; null = there is none, or this is not known here. */
  readonly tracer: TracerSettings | null;
  /** null = it may come later with the cluster discovery service. */
  clusterExists(name: string): boolean | null;
}

/** @param useRequestId the request id extension's use_request_id_for_trace_sampling */
export function compileTracing(
  message: HttpConnectionManager_Tracing,
  useRequestId: boolean,
  at: CompileContext,
  deps: TracingCompileDeps,
): TracingSettings {
  const here = at.field('provider');
  const provider = message.provider === undefined ? null : compileProvider(message.provider, here);
  const { cluster } = provider ?? deps.tracer ?? NO_PROVIDER;
  if (cluster !== null && deps.clusterExists(cluster) === false)
    (provider === null ? at : here.field('typed_config')).error(`unknown cluster '${cluster}'`);
  return {
    provider,
    sampling: {
      client: { runtimeKey: CLIENT_KEY, numerator: Math.floor(percent(message.clientSampling)), denominator: 100 },
      random: { runtimeKey: RANDOM_KEY, numerator: Math.round(percent(message.randomSampling) * 100), denominator: 10_000 },
      overall: { runtimeKey: OVERALL_KEY, numerator: Math.floor(percent(message.overallSampling)), denominator: 100 },
    },
    verbose: message.verbose,
    maxPathTagLength: message.maxPathTagLength ?? 256,
    customTags: compileCustomTags(message.customTags, at),
    spawnUpstreamSpan: message.spawnUpstreamSpan ?? false,
    operation: checkFormat(message.operation, at.field('operation')),
    upstreamOperation: checkFormat(message.upstreamOperation, at.field('upstream_operation')),
    noContextPropagation: message.noContextPropagation,
    useRequestIdForSampling: useRequestId,
  };
}

const percent = (message: Percent | undefined): number => message?.value ?? 100;

/** null: the route says nothing of traces. */
export function compileRouteTracing(
  tracing: RouteTracing | undefined,
  decorator: Decorator | undefined,
  at: CompileContext,
): RouteTracingSettings | null {
  if (tracing === undefined && decorator === undefined) return null;
  return {
    sampling: tracing === undefined ? null : routeSampling(tracing),
    customTags: compileCustomTags(tracing?.customTags ?? [], at.field('tracing')),
    decorator: wireText(decorator?.operation ?? ''),
    operation: checkFormat(tracing?.operation ?? '', at.field('tracing').field('operation')),
    upstreamOperation: checkFormat(tracing?.upstreamOperation ?? '', at.field('tracing').field('upstream_operation')),
    propagate: decorator?.propagate ?? true,
  };
}

function routeSampling(tracing: RouteTracing): SamplingSettings {
  return {
    client: fraction(CLIENT_KEY, tracing.clientSampling),
    random: fraction(RANDOM_KEY, tracing.randomSampling),
    overall: fraction(OVERALL_KEY, tracing.overallSampling),
  };
}

function fraction(runtimeKey: string, share: FractionalPercent | undefined): FractionSettings {
  return { runtimeKey, numerator: share?.numerator ?? 100, denominator: share === undefined ? 100 : denominatorOf(share) };
}

/** Bootstrap `tracing`. As in Envoy its cluster is looked for where a connection manager uses it. */
export function compileDefaultTracer(message: BootstrapTracing | undefined, at: CompileContext): TracerSettings | null {
  return message?.http === undefined ? null : compileProvider(message.http, at.field('http'));
}

function compileProvider(provider: Tracing_Http, at: CompileContext): TracerSettings | null {
  const here = at.field('typed_config');
  const message = here.unpack(provider.configType.value);
  if (message === null) return null;
  if (message.$typeName === ZIPKIN) return compileZipkin(message as ZipkinConfig, here);
  if (message.$typeName === OPEN_TELEMETRY) return compileOpenTelemetry(message as OpenTelemetryConfig, here);
  here.notImplemented(`tracer ${message.$typeName} is not supported by Outrider yet`);
  return null;
}

function compileZipkin(message: ZipkinConfig, at: CompileContext): ZipkinSettings {
  const version = message.collectorEndpointVersion;
  if (version === Version.GRPC) at.unsupported('collector_endpoint_version', 'GRPC is not supported by Outrider, nor by Envoy');
  const service = message.collectorService;
  if (service === undefined && (message.collectorCluster === '' || message.collectorEndpoint === ''))
    at.error('collector_cluster and collector_endpoint must be specified when not using collector_service');
  return {
    kind: 'zipkin',
    ...(service === undefined
      ? {
          cluster: message.collectorCluster,
          path: message.collectorEndpoint,
          authority: message.collectorHostname || message.collectorCluster,
          timeoutMs: 0,
          headers: [],
        }
      : { ...compileHttpService(service, at.field('collector_service')), timeoutMs: 0 }),
    format: version === Version.HTTP_PROTO ? 'proto' : 'json',
    traceId128: message.traceId128bit,
    timestampTraceIds: message.timestampTraceIds,
    sharedSpanContext: message.sharedSpanContext ?? true,
    splitSpans: message.splitSpansForRequest,
    w3c: message.traceContextOption === TraceContext.USE_B3_WITH_W3C_PROPAGATION,
  };
}
