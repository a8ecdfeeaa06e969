/** The header that tells a server whom a connection is for. Source: the PROXY protocol specification 1.8, haproxy.org. */
import { type Address, parseIpBytes } from './address.ts';

export type ProxyProtocolVersion = 1 | 2;

/** A value beside the addresses: "type, length, value". */
export interface Tlv {
  readonly type: number;
  readonly value: Buffer;
}

/** Types of those that are passed on. */
export type PassedTlvs = 'all' | readonly number[];

/** A PROXY header for upstreams. Source: ProxyProtocolUpstreamTransport. */
export interface UpstreamProxyProtocolSettings {
  readonly version: ProxyProtocolVersion;
  /** Of the client's own header. */
  readonly tlvs: PassedTlvs;
  /** Version 2: these besides, each instead of the client's of its type. */
  readonly added: readonly AddedTlv[];
  /** Clients with other values get connections of their own. */
  readonly tlvsApart: boolean;
}

export interface AddedTlv {
  readonly type: number;
  /** base64. */
  readonly value: string;
}

/** Where an endpoint's metadata says which values are added for it: a list of AddedTlv. Source: PerHostConfig, typed_filter_metadata. */
export const HOST_TLVS = 'envoy.transport_sockets.proxy_protocol';

/** @param host added for it: they win over those of their type that are added for all */
export function withHostTlvs(settings: UpstreamProxyProtocolSettings, host: readonly AddedTlv[]): UpstreamProxyProtocolSettings {
  const others = settings.added.filter((tlv) => !host.some(({ type }) => type === tlv.type));
  return { ...settings, added: [...host, ...others] };
}

/** @param own of the client's header */
export function sentTlvs({ added, tlvs }: UpstreamProxyProtocolSettings, own: readonly Tlv[]): readonly Tlv[] {
  const passed = passedTlvs(own, tlvs).filter((tlv) => !added.some(({ type }) => type === tlv.type));
  return [...added.map(({ type, value }) => ({ type, value: Buffer.from(value, 'base64') })), ...passed];
}

export function passedTlvs(tlvs: readonly Tlv[], passed: PassedTlvs): readonly Tlv[] {
  return passed === 'all' ? tlvs : tlvs.filter(({ type }) => passed.includes(type));
}

const NO_TLVS: readonly Tlv[] = [];
/** The length is a number of 16 bits. */
const MAX_LENGTH = 0xffff;

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
/** Version 2, of a connection that is the proxy's own. */
export const LOCAL_HEADER = Buffer.concat([SIGNATURE, Buffer.from([0x20, 0, 0, 0])]);

/** @param source the client @param destination where it had connected to @param tlvs version 2: left out where they are too many */
export function proxyProtocolHeader(version: ProxyProtocolVersion, source: Address, destination: Address, tlvs = NO_TLVS): Buffer {
  const from = source.kind === 'ip' ? parseIpBytes(source.ip) : null;
  const to = destination.kind === 'ip' ? parseIpBytes(destination.ip) : null;
  if (from === null || to === null || from.length !== to.length) return version === 1 ? Buffer.from('PROXY UNKNOWN\r\n') : LOCAL_HEADER;
  if (version === 1) {
    const family = from.length === 4 ? 'TCP4' : 'TCP6';
    return Buffer.from(`PROXY ${family} ${source.ip} ${destination.ip} ${source.port} ${destination.port}\r\n`, 'latin1');
  }
  const addresses = from.length * 2 + 4;
  const values = Buffer.concat(tlvs.flatMap(({ type, value }) => [Buffer.from([type, value.length >> 8, value.length & 0xff]), value]));
  const rest = addresses + values.length > MAX_LENGTH ? Buffer.alloc(0) : values;
  const length = addresses + rest.length;
  const head = Buffer.from([V2_PROXY, from.length === 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6, length >> 8, length & 0xff]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  return Buffer.concat([SIGNATURE, head, from, to, ports, rest]);
}
