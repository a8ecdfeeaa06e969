/** gRPC over HTTP: who speaks it, and what status a response carries. Source: PROTOCOL-HTTP2.md of gRPC, Envoy's Grpc::Common. */
import type { HeaderMap, RequestHeaders, ResponseHeaders } from './header-map.ts';

/** `application/grpc` or `application/grpc+…`. */
export function isGrpcContentType(contentType: string | undefined): boolean {
  if (contentType === undefined || !contentType.startsWith('application/grpc')) return false;
  return contentType.length === 16 || contentType.charCodeAt(16) === 0x2b;
}

export function isGrpcRequest(headers: RequestHeaders): boolean {
  return isGrpcContentType(headers.get('content-type'));
}

const DIGITS = /^\d+$/;

/** Value of `grpc-status`: undefined if absent, -1 if it is no number. */
export function grpcStatusHeader(headers: HeaderMap | null): number | undefined {
  const text = headers?.get('grpc-status');
  if (text === undefined || text === '') return undefined;
  return DIGITS.test(text) ? Number(text) : -1;
}

/** Status of a gRPC exchange: trailers, else headers, else what the HTTP status means. null when the request is not gRPC, or nothing was answered. */
export function grpcStatusOf(
  request: RequestHeaders | null,
  response: ResponseHeaders | null,
  trailers: HeaderMap | null,
  responseCode: number,
): number | null {
  if (request === null || !isGrpcRequest(request)) return null;
  return grpcStatusHeader(trailers) ?? grpcStatusHeader(response) ?? (responseCode === 0 ? null : httpToGrpcStatus(responseCode));
}

/** grpc-status for an HTTP status that came without one; 200 is "unknown", too. */
export function httpToGrpcStatus(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return 13;
    case 401:
      return 16;
    case 403:
      return 7;
    case 404:
      return 12;
    case 429:
    case 502:
    case 503:
    case 504:
      return 14;
    default:
      return 2;
  }
}

/** Bytes outside 0x20–0x7e, and '%', as %XX. @param message latin1 text */
export function percentEncodeGrpcMessage(message: string): string {
  let out = '';
  for (let i = 0; i < message.length; i++) {
    const code = message.charCodeAt(i);
    out += code >= 0x20 && code <= 0x7e && code !== 0x25 ? message[i] : '%' + code.toString(16).toUpperCase().padStart(2, '0');
  }
  return out;
}
