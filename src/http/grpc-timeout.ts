/** The `grpc-timeout` header. Source: gRPC over HTTP/2, Timeout. */
import type { RequestHeaders } from './header-map.ts';

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };
const TIMEOUT = /^(\d{1,8})([HMSmun])$/;

/** Milliseconds of a `grpc-timeout` header, rounded up; -1 when there is none or it is malformed. */
export function grpcTimeoutMs(headers: RequestHeaders): number {
  const text = headers.get('grpc-timeout');
  const match = text === undefined ? null : TIMEOUT.exec(text);
  return match === null ? -1 : Math.ceil(Number(match[1]) * UNIT_MS[match[2]!]!);
}

/** At most eight digits: longer waits go to a coarser unit. */
export function formatGrpcTimeout(ms: number): string {
  if (ms < 100_000_000) return ms + 'm';
  const seconds = Math.floor(ms / 1000);
  if (seconds < 100_000_000) return seconds + 'S';
  const minutes = Math.floor(seconds / 60);
  return minutes < 100_000_000 ? minutes + 'M' : Math.floor(minutes / 60) + 'H';
}
