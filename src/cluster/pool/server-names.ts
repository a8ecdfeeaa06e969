/**
 * What of a request decides about the connection that it can go over: the names of its server, asked for in the handshake and looked for in
 * its certificate, and the address that the connection comes from.
 */
import type { ConnectionInfo, UpstreamSource } from '../../http/stream-info.ts';
import { isIp } from '../../net/address.ts';
import type { LbContext } from '../api.ts';
import type { RequestNamesSettings } from '../settings.ts';

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
}

export const NO_NAMES: ServerNames = Object.freeze({ sni: '', san: '', source: null, client: null, exclusive: -1 });

/**
 * @param settings null = names do not depend on requests @param announces the server is told of the client
 * @param exclusively each client's connection has its own (connection_pool_per_downstream_connection)
 * @returns null = any connection will do
 * Source: UpstreamHttpProtocolOptions.auto_sni, auto_san_validation, override_auto_sni_header.
 */
export function namesFromRequest(
  settings: RequestNamesSettings | null,
  context: LbContext,
  announces: boolean,
  exclusively: boolean,
): ServerNames | null {
  const source = context.streamInfo.upstreamSource;
  if (settings === null && source === null && !announces && !exclusively) return null;
  const { requestHeaders, downstream } = context;
  const client = announces ? downstream : null;
  const exclusive = exclusively ? downstream.id : -1;
  if (settings === null || requestHeaders === null) return { ...NO_NAMES, source, client, exclusive };
  const other = settings.header === '' ? undefined : requestHeaders.joined(settings.header);
  const host = hostOf(other === undefined || other === '' ? requestHeaders.authority : other);
  return { sni: settings.autoSni && !isIp(host) ? host : '', san: settings.autoSanValidation ? host : '', source, client, exclusive };
}

/** What follows from a connection that gets one of its own. */
export function namesFromConnection(downstream: ConnectionInfo, announces: boolean): ServerNames {
  const source = downstream.upstreamSource;
  return source === null && !announces ? NO_NAMES : { ...NO_NAMES, source, client: announces ? downstream : null };
}

/** Without port, and without the brackets of an IPv6 address. */
function hostOf(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(1, authority.indexOf(']'));
  const colon = authority.lastIndexOf(':');
  return colon < 0 ? authority : authority.slice(0, colon);
}

/** Of the pool that such requests share. */
export function nameKey({ sni, san, source, client, exclusive }: ServerNames, priority: 0 | 1, http2: boolean): string {
  const from = source === null ? '' : ` ${source.ip} ${source.mark}`;
  const whose = client === null ? '' : ` for ${client.remoteAddress.text} ${client.localAddress.text}`;
  const only = exclusive < 0 ? '' : ` of ${exclusive}`;
  return `${priority} ${http2 ? 2 : 1} ${sni} ${san}${from}${whose}${only}`;
}
