/** Services that the proxy itself calls, from their messages. Source: envoy.config.core.v3.GrpcService and HttpService. */
import type { CompileContext } from '../config/context.ts';
import type { RetryPolicy } from '../config/gen/envoy/config/core/v3/base_pb.js';
import type { GrpcService } from '../config/gen/envoy/config/core/v3/grpc_service_pb.js';
import type { HttpService } from '../config/gen/envoy/config/core/v3/http_service_pb.js';
import { durationMs } from './config.ts';
import type { GrpcServiceSettings, StreamRetrySettings } from './grpc-service.ts';
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

const RETRY_BASE_MS = 1000;
const RETRY_MAX_FACTOR = 10;

/** null: a stream that cannot be opened is not tried again. */
export function compileStreamRetry(policy: RetryPolicy | undefined, at: CompileContext): StreamRetrySettings | null {
  if (policy === undefined) return null;
  if (policy.retryPriority !== undefined) at.unsupported('retry_priority');
  if (policy.retryHostPredicate.length > 0) at.unsupported('retry_host_predicate');
  const baseIntervalMs = durationMs(policy.retryBackOff?.baseInterval) ?? RETRY_BASE_MS;
  const maxIntervalMs = durationMs(policy.retryBackOff?.maxInterval) ?? baseIntervalMs * RETRY_MAX_FACTOR;
  if (maxIntervalMs < baseIntervalMs)
    at.field('retry_back_off').field('max_interval').error('max_interval must be greater than or equal to the base_interval');
  return { retryOn: policy.retryOn || 'connect-failure', numRetries: policy.numRetries ?? 1, baseIntervalMs, maxIntervalMs };
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
