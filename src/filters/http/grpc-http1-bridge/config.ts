/** gRPC bridge settings. Source: envoy.extensions.filters.http.grpc_http1_bridge.v3.Config. */
import type { Config } from '../../../config/gen/envoy/extensions/filters/http/grpc_http1_bridge/v3/config_pb.js';

export interface GrpcBridgeSettings {
  readonly upgradeProtobuf: boolean;
  readonly ignoreQuery: boolean;
}

export function compileGrpcBridge(message: Config): GrpcBridgeSettings {
  return { upgradeProtobuf: message.upgradeProtobufToGrpc, ignoreQuery: message.ignoreQueryParameters };
}
