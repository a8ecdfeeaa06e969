/** The header that tells a server whom a connection is for. Source: the PROXY protocol specification 1.8, haproxy.org. */
import { type Address, parseIpBytes } from './address.ts';

export type ProxyProtocolVersion = 1 | 2;

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
const V2_LOCAL = Buffer.concat([SIGNATURE, Buffer.from([0x20, 0, 0, 0])]);

/** @param source the client @param destination where it had connected to */
export function proxyProtocolHeader(version: ProxyProtocolVersion, source: Address, destination: Address): Buffer {
  const from = source.kind === 'ip' ? parseIpBytes(source.ip) : null;
  const to = destination.kind === 'ip' ? parseIpBytes(destination.ip) : null;
  if (from === null || to === null || from.length !== to.length) return version === 1 ? Buffer.from('PROXY UNKNOWN\r\n') : V2_LOCAL;
  if (version === 1) {
    const family = from.length === 4 ? 'TCP4' : 'TCP6';
    return Buffer.from(`PROXY ${family} ${source.ip} ${destination.ip} ${source.port} ${destination.port}\r\n`, 'latin1');
  }
  const head = Buffer.from([V2_PROXY, from.length === 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6, 0, from.length * 2 + 4]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  return Buffer.concat([SIGNATURE, head, from, to, ports]);
}
