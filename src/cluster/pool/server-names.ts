/**
 * What of a request decides about the connection that it can go over: the names of its server, asked for in the handshake and looked for in
 * its certificate, and the address that the connection comes from.
 */
import type { ConnectionInfo, UpstreamSource } from '../../http/stream-info.ts';
import { isIp } from '../../net/address.ts';
import type { UpstreamProxyProtocolSettings } from '../../net/proxy-protocol.ts';
import type { LbContext } from '../api.ts';
import type { RequestNamesSettings } from '../settings.ts';

type Announced = UpstreamProxyProtocolSettings | null;

export interface ServerNames {
  /** '' = as the transport socket says. */
  readonly sni: string;
  /** One of the certificate's names; '' = whatever the validation context says. */
  readonly san: string;
  /** null = as the cluster says. */
  readonly source: UpstreamSource | null;
  /** Whom the server is told that the connection is for (PROXY protocol); null = nobody. */
  readonly client: ConnectionInfo | null;
  /** Id of the client's connection, whose requests alone go over it; -1 = anybody's do. */
  readonly exclusive: number;
  /** The client's values, where connections are apart by them; ''. */
  readonly clientTlvs: string;
}

export const NO_NAMES: ServerNames = Object.freeze({ sni: '', san: '', source: null, client: null, exclusive: -1, clientTlvs: '' });

/**
 * @param settings null = names do not depend on requests @param announced what the server is told first; null = nothing
 * @param exclusively each client's connection has its own (connection_pool_per_downstream_connection)
 * @returns null = any connection will do
 * Source: UpstreamHttpProtocolOptions.auto_sni, auto_san_validation, override_auto_sni_header.
 */
export function namesFromRequest(
  settings: RequestNamesSettings | null,
  context: LbContext,
  announced: Announced,
  exclusively: boolean,
): ServerNames | null {
  const source = context.streamInfo.upstreamSource;
  if (settings === null && source === null && announced === null && !exclusively) return null;
  const { requestHeaders, downstream } = context;
  const client = announced === null ? null : downstream;
  const clientTlvs = apart(announced, downstream);
  const exclusive = exclusively ? downstream.id : -1;
  if (settings === null || requestHeaders === null) return { ...NO_NAMES, source, client, exclusive, clientTlvs };
  const other = settings.header === '' ? undefined : requestHeaders.joined(settings.header);
  const host = hostOf(other === undefined || other === '' ? requestHeaders.authority : other);
  const sni = settings.autoSni && !isIp(host) ? host : '';
  return { sni, san: settings.autoSanValidation ? host : '', source, client, exclusive, clientTlvs };
}

/** What follows from a connection that gets one of its own. */
export function namesFromConnection(downstream: ConnectionInfo, announced: Announced): ServerNames {
  const source = downstream.upstreamSource;
  return source === null && announced === null ? NO_NAMES : { ...NO_NAMES, source, client: announced === null ? null : downstream };
}

/** Source: ProxyProtocolUpstreamTransport.tlv_as_pool_key. */
function apart(announced: Announced, { proxyTlvs }: ConnectionInfo): string {
  if (announced?.tlvsApart !== true || proxyTlvs === null) return '';
  return proxyTlvs.map(({ type, value }) => `${type}=${value.toString('base64')}`).join();
}

/** Without port, and without the brackets of an IPv6 address. */
function hostOf(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(1, authority.indexOf(']'));
  const colon = authority.lastIndexOf(':');
  return colon < 0 ? authority : authority.slice(0, colon);
}

/** Of the pool that such requests share. */
export function nameKey({ sni, san, source, client, exclusive, clientTlvs }: ServerNames, priority: 0 | 1, http2: boolean): string {
  const from = source === null ? '' : ` ${source.ip} ${source.mark}`;
  const whose = client === null ? '' : ` for ${client.remoteAddress.text} ${client.localAddress.text} ${clientTlvs}`;
  const only = exclusive < 0 ? '' : ` of ${exclusive}`;
  return `${priority} ${http2 ? 2 : 1} ${sni} ${san}${from}${whose}${only}`;
}
