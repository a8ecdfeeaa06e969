/** Names of a server that follow from the request: what is asked for in the handshake, and what its certificate must hold. */
import { isIp } from '../../net/address.ts';
import type { LbContext } from '../api.ts';
import type { RequestNamesSettings } from '../settings.ts';

export interface ServerNames {
  /** '' = as the transport socket says. */
  readonly sni: string;
  /** One of the certificate's names; '' = whatever the validation context says. */
  readonly san: string;
}

export const NO_NAMES: ServerNames = Object.freeze({ sni: '', san: '' });

/** Source: UpstreamHttpProtocolOptions.auto_sni, auto_san_validation, override_auto_sni_header. */
export function namesFromRequest(settings: RequestNamesSettings, { requestHeaders }: LbContext): ServerNames {
  if (requestHeaders === null) return NO_NAMES;
  const other = settings.header === '' ? undefined : requestHeaders.joined(settings.header);
  const host = hostOf(other === undefined || other === '' ? requestHeaders.authority : other);
  return { sni: settings.autoSni && !isIp(host) ? host : '', san: settings.autoSanValidation ? host : '' };
}

/** Without port, and without the brackets of an IPv6 address. */
function hostOf(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(1, authority.indexOf(']'));
  const colon = authority.lastIndexOf(':');
  return colon < 0 ? authority : authority.slice(0, colon);
}

/** Of the pool that such requests share. */
export function nameKey({ sni, san }: ServerNames, priority: 0 | 1, http2: boolean): string {
  return `${priority} ${http2 ? 2 : 1} ${sni} ${san}`;
}
