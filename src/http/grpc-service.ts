/** A gRPC service behind a cluster, as the proxy itself calls it. Source: envoy.config.core.v3.GrpcService. */
import { RequestHeaders } from './header-map.ts';

export interface GrpcServiceSettings {
  readonly cluster: string;
  readonly authority: string;
  /** 0 = none. */
  readonly timeoutMs: number;
  /** initial_metadata, as wire text. */
  readonly headers: readonly (readonly [string, string])[];
}

/** How often a stream that could not be opened is tried again. Source: envoy.config.core.v3.RetryPolicy. */
export interface StreamRetrySettings {
  /** As in a route's retry_on. */
  readonly retryOn: string;
  readonly numRetries: number;
  readonly baseIntervalMs: number;
  readonly maxIntervalMs: number;
}

/** @param path "/package.Service/Method" @param timeoutMs what the callee is told; 0 = nothing */
export function grpcRequestHeaders(service: GrpcServiceSettings, path: string, timeoutMs: number): RequestHeaders {
  const headers = new RequestHeaders('POST', path, service.authority, 'http');
  headers.add('te', 'trailers');
  if (timeoutMs > 0) headers.add('grpc-timeout', grpcTimeout(timeoutMs));
  headers.add('content-type', 'application/grpc');
  for (let i = 0; i < service.headers.length; i++) headers.append(service.headers[i]![0], service.headers[i]![1]);
  return headers;
}

const UNITS: readonly (readonly [string, number])[] = [
  ['m', 1],
  ['S', 1000],
  ['M', 60_000],
  ['H', 3_600_000],
];

/** At most eight digits and a unit. Source: Grpc::Common::toGrpcTimeout. */
export function grpcTimeout(ms: number): string {
  for (const [unit, size] of UNITS) {
    const value = Math.floor(ms / size);
    if (value <= 99_999_999) return value + unit;
  }
  return '99999999H';
}
