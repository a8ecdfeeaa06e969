/** Parses the header of the PROXY protocol, version 1 (text) and 2 (binary), that may not be complete yet. Source: haproxy's proxy-protocol.txt. */
import { type Address, ipAddress, isIp } from '../../../net/address.ts';
import type { Tlv } from '../../../net/proxy-protocol.ts';
import { formatIpv6 } from '../../../net/socket-options.ts';

export interface ProxyHeader {
  readonly version: 1 | 2;
  /** Bytes of the header. */
  readonly length: number;
  /** Null when the header says that the connection is the proxy's own (LOCAL), or of an unknown kind: the socket's addresses stay. */
  readonly source: Address | null;
  readonly destination: Address | null;
  readonly tlvs: readonly Tlv[];
}

export type ParsedHeader = ProxyHeader | 'more' | 'absent' | 'malformed-v1' | 'malformed-v2';

const V1_SIGNATURE = 'PROXY ';
/** The longest line with its CRLF is 107 bytes; Envoy reads one more. */
const V1_MAX = 108;
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_HEADER = 16;
const LOCAL = 0;
const PROXY = 1;
const STREAM_IPV4 = 0x11;
const STREAM_IPV6 = 0x21;
const NO_TLVS: readonly Tlv[] = [];

export function parseProxyHeader(bytes: Buffer): ParsedHeader {
  if (startsAlike(bytes, V2_SIGNATURE)) return bytes.length < V2_HEADER ? 'more' : parseV2(bytes);
  const text = bytes.latin1Slice(0, Math.min(bytes.length, V1_MAX));
  if (text.length < V1_SIGNATURE.length) return V1_SIGNATURE.startsWith(text) ? 'more' : 'absent';
  if (!text.startsWith(V1_SIGNATURE)) return 'absent';
  const end = text.indexOf('\r\n');
  if (end < 0) return text.length < V1_MAX ? 'more' : 'malformed-v1';
  return parseV1(text.slice(0, end), end + 2);
}

/** The version that the first bytes announce; 0 = none, or not known yet. */
export function announcedVersion(bytes: Buffer): 0 | 1 | 2 {
  if (bytes.length >= V2_SIGNATURE.length && startsAlike(bytes, V2_SIGNATURE)) return 2;
  return bytes.length >= V1_SIGNATURE.length && bytes.latin1Slice(0, V1_SIGNATURE.length) === V1_SIGNATURE ? 1 : 0;
}

function startsAlike(bytes: Buffer, signature: Buffer): boolean {
  const n = Math.min(bytes.length, signature.length);
  return n > 0 && bytes.compare(signature, 0, n, 0, n) === 0;
}

function parseV1(line: string, length: number): ParsedHeader {
  const parts = line.split(' ');
  if (parts[1] === 'UNKNOWN') return { version: 1, length, source: null, destination: null, tlvs: NO_TLVS };
  const [, family, from = '', to = '', fromPort = '', toPort = ''] = parts;
  if (parts.length !== 6 || (family !== 'TCP4' && family !== 'TCP6')) return 'malformed-v1';
  if (!isOf(family, from) || !isOf(family, to) || !isPort(fromPort) || !isPort(toPort)) return 'malformed-v1';
  return { version: 1, length, source: ipAddress(from, Number(fromPort)), destination: ipAddress(to, Number(toPort)), tlvs: NO_TLVS };
}

function isOf(family: string, ip: string): boolean {
  return isIp(ip) && ip.indexOf(':') >= 0 === (family === 'TCP6');
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65535;
}

function parseV2(bytes: Buffer): ParsedHeader {
  const command = bytes[12]! & 0x0f;
  if (bytes[12]! >> 4 !== 2 || (command !== LOCAL && command !== PROXY)) return 'malformed-v2';
  const family = bytes[13]!;
  const length = V2_HEADER + bytes.readUInt16BE(14);
  const addressLength = family === STREAM_IPV4 ? 12 : 36;
  if (command === PROXY && ((family !== STREAM_IPV4 && family !== STREAM_IPV6) || length < V2_HEADER + addressLength))
    return 'malformed-v2';
  if (bytes.length < length) return 'more';
  if (command === LOCAL) return { version: 2, length, source: null, destination: null, tlvs: NO_TLVS };
  const tlvs = parseTlvs(bytes.subarray(V2_HEADER + addressLength, length));
  if (tlvs === null) return 'malformed-v2';
  const ports = V2_HEADER + addressLength - 4;
  const ipLength = (addressLength - 4) / 2;
  const source = ipAddress(ipText(bytes.subarray(V2_HEADER, V2_HEADER + ipLength)), bytes.readUInt16BE(ports));
  const destination = ipAddress(ipText(bytes.subarray(V2_HEADER + ipLength, ports)), bytes.readUInt16BE(ports + 2));
  return { version: 2, length, source, destination, tlvs };
}

function ipText(bytes: Buffer): string {
  return bytes.length === 4 ? bytes.join('.') : formatIpv6(bytes);
}

function parseTlvs(bytes: Buffer): readonly Tlv[] | null {
  if (bytes.length === 0) return NO_TLVS;
  const tlvs: Tlv[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 3 > bytes.length) return null;
    const end = at + 3 + bytes.readUInt16BE(at + 1);
    if (end > bytes.length) return null;
    tlvs.push({ type: bytes[at]!, value: Buffer.from(bytes.subarray(at + 3, end)) });
    at = end;
  }
  return tlvs;
}
