/** gRPC-Web has no settings. Source: envoy.extensions.filters.http.grpc_web.v3.GrpcWeb. */
import type { GrpcWeb } from '../../../config/gen/envoy/extensions/filters/http/grpc_web/v3/grpc_web_pb.js';

export type GrpcWebSettings = Record<string, never>;

export function compileGrpcWeb(_message: GrpcWeb): GrpcWebSettings {
  return {};
}
