/** The target of a request line. RFC 9112 §3.2; where Envoy is laxer or stricter, Envoy. */

import type { CodecError } from '../codec.ts';
import type { RequestHeaders } from '../header-map.ts';
import { ALPHA, HOST, SCHEME } from './char-table.ts';
import { INVALID_SCHEME, INVALID_URL } from './codec-errors.ts';

/** Puts authority, scheme and path where they belong. @returns why the target is refused, or null */
export function setTarget(headers: RequestHeaders, target: string, allowAbsoluteUrl: boolean, isConnect: boolean): CodecError | null {
  if (isConnect) {
    headers.authority = target;
    return isHostWithPort(target, true) ? null : INVALID_URL;
  }
  const first = target.charCodeAt(0);
  if (first === 0x2f || !allowAbsoluteUrl || (first === 0x2a && target.length === 1 && headers.method === 'OPTIONS')) {
    headers.path = target;
    return null;
  }
  const schemeEnd = target.indexOf('://');
  const scheme = target.slice(0, schemeEnd).toLowerCase();
  let hostStart = schemeEnd + 3;
  let hostEnd = hostStart;
  while (hostEnd < target.length && target[hostEnd] !== '/' && target[hostEnd] !== '?') hostEnd++;
  const at = target.lastIndexOf('@', hostEnd);
  if (at >= hostStart) hostStart = at + 1;
  const authority = target.slice(hostStart, hostEnd);
  if (scheme !== 'http' && scheme !== 'https') return schemeEnd < 0 ? INVALID_URL : INVALID_SCHEME;
  if (!isHostWithPort(authority, false)) return INVALID_URL;
  headers.scheme = scheme;
  headers.authority = authority;
  headers.path = hostEnd === target.length ? '/' : target.slice(hostEnd);
  return null;
}

/** `host` or `host:port` with a port that exists. */
function isHostWithPort(authority: string, portNeeded: boolean): boolean {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.endsWith(']')) return authority !== '' && !portNeeded;
  const digits = authority.length - colon - 1;
  if (colon === 0 || digits === 0 || digits > 5) return false;
  for (let i = colon + 1; i < authority.length; i++) {
    const c = authority.charCodeAt(i);
    if (c < 0x30 || c > 0x39) return false;
  }
  return Number(authority.slice(colon + 1)) <= 65535;
}

/** As Envoy's own check of the target: origin form, asterisk, absolute form, and authority form for CONNECT. The bytes are known to be TARGET. */
export function isValidTarget(bytes: Buffer, start: number, end: number, isConnect: boolean): boolean {
  const first = bytes[start]!;
  if (first === 0x2f || first === 0x2a) return true;
  let p = start;
  if (!isConnect) {
    if (ALPHA[first] !== 1) return false;
    while (p < end && SCHEME[bytes[p]!] === 1) p++;
    if (p + 3 > end || bytes[p] !== 0x3a || bytes[p + 1] !== 0x2f || bytes[p + 2] !== 0x2f) return false;
    p += 3;
  }
  for (; p < end; p++) {
    const c = bytes[p]!;
    if (c === 0x2f || c === 0x3f) return true;
    if (HOST[c] !== 1) return false;
    if (c === 0x40 && bytes[p + 1] === 0x40) return false;
  }
  return true;
}
