/** Services that the proxy itself calls, from their messages. Source: envoy.config.core.v3.GrpcService and HttpService. */
import type { CompileContext } from '../config/context.ts';
import type { GrpcService } from '../config/gen/envoy/config/core/v3/grpc_service_pb.js';
import type { HttpService } from '../config/gen/envoy/config/core/v3/http_service_pb.js';
import { durationMs } from './config.ts';
import type { GrpcServiceSettings } from './grpc-service.ts';
import { wireText } from './wire-text.ts';

/** null if it was refused, and reported. */
export function compileGrpcService(service: GrpcService, at: CompileContext): GrpcServiceSettings | null {
  const target = service.targetSpecifier;
  if (target.case !== 'envoyGrpc') {
    at.unsupported('google_grpc', 'use envoy_grpc');
    return null;
  }
  return {
    cluster: target.value.clusterName,
    authority: target.value.authority || target.value.clusterName,
    timeoutMs: durationMs(service.timeout) ?? 0,
    headers: service.initialMetadata.map((header) => [header.key.toLowerCase(), wireText(header.value)]),
  };
}

export interface ServiceSettings {
  readonly cluster: string;
  readonly path: string;
  readonly authority: string;
  readonly timeoutMs: number;
  readonly headers: readonly (readonly [string, string])[];
}

/** Where an HTTP service is: its cluster, and host and path of its URI. */
export function compileHttpService(service: HttpService, at: CompileContext): ServiceSettings {
  const uri = service.httpUri;
  if (uri === undefined) at.error('http_uri is required');
  const parts = /^(?:https?:\/\/)?([^/]+)(\/.*)?$/.exec(uri?.uri ?? '');
  if (uri !== undefined && parts === null) at.field('http_uri').field('uri').error(`not a URI: ${uri.uri}`);
  return {
    cluster: uri?.httpUpstreamType.value ?? '',
    authority: parts?.[1] ?? '',
    path: parts?.[2] ?? '/',
    timeoutMs: durationMs(uri?.timeout) ?? 0,
    headers: service.requestHeadersToAdd.map((option) => [option.header?.key.toLowerCase() ?? '', wireText(option.header?.value ?? '')]),
  };
}
