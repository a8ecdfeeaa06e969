/** The OpenTelemetry tracer's settings. Source: envoy.config.trace.v3.OpenTelemetryConfig, envoy.extensions.tracers.opentelemetry. */
import type { Message } from '@bufbuild/protobuf';
import type { CompileContext } from '../../config/context.ts';
import type { OpenTelemetryConfig } from '../../config/gen/envoy/config/trace/v3/opentelemetry_pb.js';
import type { ParentBasedSamplerConfig } from '../../config/gen/envoy/extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler_config_pb.js';
import type { TraceIdRatioBasedSamplerConfig } from '../../config/gen/envoy/extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler_config_pb.js';
import { denominatorOf } from '../../http/config.ts';
import { compileResource } from '../../http/otlp-resource-config.ts';
import { compileGrpcService, compileHttpService } from '../../http/service-config.ts';
import { wireText } from '../../http/wire-text.ts';
import type { OpenTelemetrySettings, OtelSamplerSettings } from '../settings.ts';

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const SAMPLERS = 'envoy.extensions.tracers.opentelemetry.samplers.v3.';
const DEFAULT_SERVICE = 'unknown_service:envoy';

export function compileOpenTelemetry(message: OpenTelemetryConfig, at: CompileContext): OpenTelemetrySettings | null {
  const { httpService, grpcService } = message;
  if (httpService !== undefined && grpcService !== undefined) {
    at.error('OpenTelemetry Tracer cannot have both gRPC and HTTP exporters configured. OpenTelemetry tracer will be disabled.');
    return null;
  }
  const service = grpcService === undefined ? null : compileGrpcService(grpcService, at.field('grpc_service'));
  if (httpService === undefined && service === null) {
    if (grpcService === undefined) at.error('one of grpc_service and http_service must be set');
    return null;
  }
  return {
    kind: 'opentelemetry',
    protocol: httpService === undefined ? 'grpc' : 'http',
    ...(service === null ? compileHttpService(httpService!, at.field('http_service')) : { ...service, path: EXPORT }),
    maxCacheSize: message.maxCacheSize ?? 1024,
    resource: resourceOf(message, at),
    sdkAttributes: message.setTelemetrySdkResourceAttributes ?? true,
    instrumentationScope: message.setInstrumentationScope ?? true,
    sampler: message.sampler === undefined ? null : compileSampler(message.sampler, at.field('sampler')),
  };
}

/** What detectors find overrules service_name. */
function resourceOf(message: OpenTelemetryConfig, at: CompileContext): [string, string][] {
  const found = new Map<string, string>();
  if (message.setServiceNameResourceAttribute ?? true)
    found.set('service.name', message.serviceName === '' ? DEFAULT_SERVICE : wireText(message.serviceName));
  for (const [name, value] of compileResource(message.resourceDetectors, at)) found.set(name, value);
  return [...found];
}

function compileSampler(
  extension: { readonly typedConfig?: Parameters<CompileContext['unpack']>[0] },
  at: CompileContext,
): OtelSamplerSettings | null {
  const here = at.field('typed_config');
  const config: Message | null = here.unpack(extension.typedConfig);
  switch (config?.$typeName) {
    case undefined:
      return null;
    case `${SAMPLERS}AlwaysOnSamplerConfig`:
      return { kind: 'always_on' };
    case `${SAMPLERS}TraceIdRatioBasedSamplerConfig`: {
      const share = (config as TraceIdRatioBasedSamplerConfig).samplingPercentage;
      return { kind: 'ratio', numerator: share?.numerator ?? 0, denominator: share === undefined ? 100 : denominatorOf(share) };
    }
    case `${SAMPLERS}ParentBasedSamplerConfig`: {
      const wrapped = (config as ParentBasedSamplerConfig).wrappedSampler;
      if (wrapped === undefined) {
        here.error('wrapped_sampler is required');
        return null;
      }
      const root = compileSampler(wrapped, here.field('wrapped_sampler'));
      return root === null ? null : { kind: 'parent_based', root };
    }
    default:
      here.notImplemented(`sampler ${config!.$typeName} is not supported by Outrider yet`);
      return null;
  }
}
