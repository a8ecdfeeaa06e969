/** gRPC as far as the router judges it: how its status compares to HTTP's. */
import type { HeaderMap } from '../../../http/header-map.ts';

/** `grpc-status` of response headers or trailers; -1 = none. What is no known code counts as a failure. */
export function readGrpcStatus(headers: HeaderMap): number {
  const text = headers.get('grpc-status');
  if (text === undefined || text === '') return -1;
  const status = Number(text);
  return Number.isInteger(status) && status >= 0 ? status : INVALID;
}

const INVALID = 1 << 16;

/** Index is the gRPC status. Source: Grpc::Utility::grpcToHttpStatus. */
const TO_HTTP = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];

export function grpcToHttpStatus(status: number): number {
  return TO_HTTP[status] ?? 500;
}
