/** Tracing settings from their messages. Source: HttpConnectionManager.Tracing, envoy.config.trace.v3, envoy.config.route.v3.Tracing. */
import type { CompileContext } from '../config/context.ts';
import type { Decorator, Tracing as RouteTracing } from '../config/gen/envoy/config/route/v3/route_components_pb.js';
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
const OPEN_TELEMETRY = 'envoy.config.trace.v3.OpenTelemetryConfig';

/** @param clusterExists null = it may come later @param useRequestId the request id extension's use_request_id_for_trace_sampling */
export function compileTracing(
  message: HttpConnectionManager_Tracing,
  useRequestId: boolean,
  at: CompileContext,
  clusterExists: (name: string) => boolean | null,
): TracingSettings {
  return {
    provider:
      message.provider === undefined ? null : compileProvider(message.provider.configType.value, at.field('provider'), clusterExists),
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

function compileProvider(
  any: Parameters<CompileContext['unpack']>[0],
  at: CompileContext,
  clusterExists: (name: string) => boolean | null,
): TracerSettings | null {
  const here = at.field('typed_config');
  const message = here.unpack(any);
  if (message === null) return null;
  let settings: TracerSettings | null = null;
  if (message.$typeName === ZIPKIN) settings = compileZipkin(message as ZipkinConfig, here);
  else if (message.$typeName === OPEN_TELEMETRY) settings = compileOpenTelemetry(message as OpenTelemetryConfig, here);
  else here.notImplemented(`tracer ${message.$typeName} is not supported by Outrider yet`);
  // As in Envoy the cluster may come later with the cluster discovery service.
  if (settings !== null && clusterExists(settings.cluster) === false) here.error(`unknown cluster '${settings.cluster}'`);
  return settings;
}

function compileZipkin(message: ZipkinConfig, at: CompileContext): ZipkinSettings {
  const version = message.collectorEndpointVersion;
  if (version === Version.GRPC) at.unsupported('collector_endpoint_version', 'GRPC is not supported by Outrider, nor by Envoy');
  const service = message.collectorService;
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
      : compileHttpService(service, at.field('collector_service'))),
    format: version === Version.HTTP_PROTO ? 'proto' : 'json',
    traceId128: message.traceId128bit,
    timestampTraceIds: message.timestampTraceIds,
    sharedSpanContext: message.sharedSpanContext ?? true,
    splitSpans: message.splitSpansForRequest,
    w3c: message.traceContextOption === TraceContext.USE_B3_WITH_W3C_PROPAGATION,
  };
}
