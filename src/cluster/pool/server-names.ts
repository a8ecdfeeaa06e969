/**
 * What of a request decides about the connection that it can go over: the names of its server, asked for in the handshake and looked for in
 * its certificate, and the address that the connection comes from.
 */
import type { UpstreamSource } from '../../http/stream-info.ts';
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
}

export const NO_NAMES: ServerNames = Object.freeze({ sni: '', san: '', source: null });

/**
 * @param settings null = names do not depend on requests.
 * Source: UpstreamHttpProtocolOptions.auto_sni, auto_san_validation, override_auto_sni_header.
 */
export function namesFromRequest(settings: RequestNamesSettings | null, { requestHeaders, streamInfo }: LbContext): ServerNames {
  const source = streamInfo.upstreamSource;
  if (settings === null || requestHeaders === null) return fromSource(source);
  const other = settings.header === '' ? undefined : requestHeaders.joined(settings.header);
  const host = hostOf(other === undefined || other === '' ? requestHeaders.authority : other);
  return { sni: settings.autoSni && !isIp(host) ? host : '', san: settings.autoSanValidation ? host : '', source };
}

export function fromSource(source: UpstreamSource | null): ServerNames {
  return source === null ? NO_NAMES : { ...NO_NAMES, source };
}

/** Without port, and without the brackets of an IPv6 address. */
function hostOf(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(1, authority.indexOf(']'));
  const colon = authority.lastIndexOf(':');
  return colon < 0 ? authority : authority.slice(0, colon);
}

/** Of the pool that such requests share. */
export function nameKey({ sni, san, source }: ServerNames, priority: 0 | 1, http2: boolean): string {
  const from = source === null ? '' : ` ${source.ip} ${source.mark}`;
  return `${priority} ${http2 ? 2 : 1} ${sni} ${san}${from}`;
}
