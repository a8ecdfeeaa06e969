/** Small facts that request and response edits read from headers of the connection. */
import type { HeaderMap } from '../../../http/header-map.ts';

/** Case-insensitive look-up in a comma-separated list. @param token lower case */
export function hasToken(list: string, token: string): boolean {
  if (list.length === token.length) return list.toLowerCase() === token;
  if (list.length < token.length) return false;
  for (const part of list.toLowerCase().split(',')) if (part.trim() === token) return true;
  return false;
}

/** An Upgrade header that the Connection header nominates (RFC 9110 §7.8). */
export function isUpgrade(headers: HeaderMap): boolean {
  const connection = headers.joined('connection');
  return connection !== undefined && headers.has('upgrade') && hasToken(connection, 'upgrade');
}

/** Unlike other headers Envoy joins this one with a space (RFC 9110 §7.6.3 allows both). */
export function appendVia(headers: HeaderMap, via: string): void {
  const before = headers.joined('via');
  headers.set('via', before === undefined ? via : before + ', ' + via);
}
