/** What a response tells of the host that gave it. Source: Envoy's Router::Filter::onUpstreamHeaders. */
import type { ResponseHeaders } from '../../../http/header-map.ts';
import type { HostMonitor } from '../../../lb/host-monitor.ts';
import { grpcToHttpStatus, readGrpcStatus } from './grpc.ts';

/** A gRPC status counts where it is in the headers; one that comes in trailers is not waited for. */
export function reportResponse(monitor: HostMonitor, headers: ResponseHeaders, grpc: boolean): void {
  const grpcStatus = grpc ? readGrpcStatus(headers) : -1;
  monitor.onStatus(grpcStatus < 0 ? headers.status : grpcToHttpStatus(grpcStatus));
  if (monitor.detectsDegraded && headers.get('x-envoy-degraded') !== undefined) monitor.onDegraded();
}
