/** `strict_check_headers`: the x-envoy headers that steer the router have to be well formed, or the request is refused. */
import type { RequestHeaders } from '../../../http/header-map.ts';
import { parseDecimal } from '../../../resilience/decimal.ts';
import { parseRetryOn } from '../../../resilience/retry-policy.ts';

/** Name of the first listed header that is there and not valid; null when all are. */
export function findInvalidHeader(headers: RequestHeaders, names: readonly string[]): string | null {
  for (let i = 0; i < names.length; i++) {
    const value = headers.get(names[i]!);
    if (value !== undefined && !isValid(names[i]!, value)) return names[i]!;
  }
  return null;
}

function isValid(name: string, value: string): boolean {
  if (name === 'x-envoy-retry-on' || name === 'x-envoy-retry-grpc-on') {
    for (const token of value.split(',')) if (parseRetryOn(token) === 0) return false;
    return true;
  }
  return parseDecimal(value) >= 0;
}
