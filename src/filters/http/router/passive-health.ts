/** What a response tells of the host that gave it. Source: Envoy's Router::Filter::onUpstreamHeaders. */
import type { ResponseHeaders } from '../../../http/header-map.ts';
import type { HostMonitor } from '../../../lb/host-monitor.ts';
import { grpcToHttpStatus, readGrpcStatus } from './grpc.ts';

/** A gRPC status counts where it is in the headers; one that comes in trailers is not waited for. */
export function reportResponse(monitor: HostMonitor, headers: ResponseHeaders, grpc: boolean): void {
  const grpcStatus = grpc ? readGrpcStatus(headers) : -1;
  if (grpcStatus >= 0) monitor.onStatus(grpcToHttpStatus(grpcStatus));
  else if (monitor.errors !== null) monitor.onStatus(monitor.errors.matches(headers) ? 500 : 200);
  else monitor.onStatus(headers.status);
  if (monitor.detectsDegraded && headers.get('x-envoy-degraded') !== undefined) monitor.onDegraded();
}
