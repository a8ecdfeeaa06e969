/** The OpenTelemetry tracer's settings. Source: envoy.config.trace.v3.OpenTelemetryConfig, envoy.extensions.tracers.opentelemetry. */
import type { Message } from '@bufbuild/protobuf';
import type { CompileContext } from '../../config/context.ts';
import type { GrpcService } from '../../config/gen/envoy/config/core/v3/grpc_service_pb.js';
import type { OpenTelemetryConfig } from '../../config/gen/envoy/config/trace/v3/opentelemetry_pb.js';
import type { StaticConfigResourceDetectorConfig } from '../../config/gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.js';
import type { ParentBasedSamplerConfig } from '../../config/gen/envoy/extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler_config_pb.js';
import type { TraceIdRatioBasedSamplerConfig } from '../../config/gen/envoy/extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler_config_pb.js';
import { denominatorOf, durationMs } from '../../http/config.ts';
import { wireText } from '../../http/wire-text.ts';
import { environmentVariable } from '../../runtime/environment.ts';
import { compileHttpService, type ServiceSettings } from '../config.ts';
import type { OpenTelemetrySettings, OtelSamplerSettings } from '../settings.ts';

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const DETECTORS = 'envoy.extensions.tracers.opentelemetry.resource_detectors.v3.';
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
    ...(service ?? compileHttpService(httpService!, at.field('http_service'))),
    maxCacheSize: message.maxCacheSize ?? 1024,
    resource: compileResource(message, at),
    sdkAttributes: message.setTelemetrySdkResourceAttributes ?? true,
    instrumentationScope: message.setInstrumentationScope ?? true,
    sampler: message.sampler === undefined ? null : compileSampler(message.sampler, at.field('sampler')),
  };
}

function compileGrpcService(service: GrpcService, at: CompileContext): ServiceSettings | null {
  const target = service.targetSpecifier;
  if (target.case !== 'envoyGrpc') {
    at.unsupported('google_grpc', 'use envoy_grpc');
    return null;
  }
  return {
    cluster: target.value.clusterName,
    path: EXPORT,
    authority: target.value.authority || target.value.clusterName,
    timeoutMs: durationMs(service.timeout) ?? 0,
    headers: service.initialMetadata.map((header) => [header.key.toLowerCase(), wireText(header.value)]),
  };
}

/** Later detectors overrule earlier ones; service_name overrules them all. */
function compileResource(message: OpenTelemetryConfig, at: CompileContext): [string, string][] {
  const found = new Map<string, string>();
  const named = message.setServiceNameResourceAttribute ?? true;
  if (named) found.set('service.name', DEFAULT_SERVICE);
  for (const [i, detector] of message.resourceDetectors.entries()) {
    const here = at.field('resource_detectors', i).field('typed_config');
    const config = here.unpack(detector.typedConfig);
    if (config === null) continue;
    if (config.$typeName === `${DETECTORS}EnvironmentResourceDetectorConfig`) readEnvironment(found);
    else if (config.$typeName === `${DETECTORS}StaticConfigResourceDetectorConfig`) {
      const { attributes } = config as StaticConfigResourceDetectorConfig;
      for (const [name, value] of Object.entries(attributes)) found.set(wireText(name), wireText(value));
    } else here.notImplemented(`resource detector ${config.$typeName} is not supported by Outrider yet`);
  }
  if (named && message.serviceName !== '') found.set('service.name', wireText(message.serviceName));
  return [...found];
}

/** OTEL_RESOURCE_ATTRIBUTES: key=value,key=value. */
function readEnvironment(found: Map<string, string>): void {
  for (const pair of (environmentVariable('OTEL_RESOURCE_ATTRIBUTES') ?? '').split(',')) {
    const at = pair.indexOf('=');
    if (at > 0) found.set(wireText(pair.slice(0, at).trim()), wireText(pair.slice(at + 1).trim()));
  }
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
