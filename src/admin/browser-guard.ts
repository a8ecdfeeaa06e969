/**
 * What keeps other web sites from using a browser to reach this interface (docs/live-page.md, "Who may ask"). Two ways are closed: a page of
 * another origin that sends a request here, and a name of another site that is made to resolve to this address (DNS rebinding), which browsers
 * take for the same origin. Programs that are no browsers are not concerned, except that what changes something needs a Host of ours too.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

export interface GuardedRequest {
  readonly headers: IncomingHttpHeaders;
  readonly mutates: boolean;
  /** For browsers only: the live page and what feeds it. */
  readonly page: boolean;
}

/**
 * @param ownNames lower case: what the interface is called besides addresses and "localhost", `*.` for all names below one; null = a UNIX socket, which browsers do not reach
 * @returns why the request is refused; null = it is not
 */
export function browserRefusal({ headers, mutates, page }: GuardedRequest, ownNames: readonly string[] | null): string | null {
  if (ownNames === null) return null;
  const host = headers.host ?? '';
  if ((mutates || page || madeByBrowser(headers)) && !isOwnName(hostName(host), ownNames))
    return `Host ${host} is no name of this interface: use its address or localhost`;
  const site = one(headers['sec-fetch-site']);
  if (site === 'same-origin') return null;
  // Following a link to here is no more than looking; the page that has the link cannot read what opens.
  const followed = !mutates && one(headers['sec-fetch-mode']) === 'navigate' && one(headers['sec-fetch-dest']) === 'document';
  if (followed) return null;
  const { origin } = headers;
  if ((site !== '' && site !== 'none') || (origin !== undefined && originHost(origin) !== host.toLowerCase()))
    return 'requests from other origins are refused';
  return null;
}

/** Browsers say their languages or why they ask; curl, Prometheus, probes and control planes say neither. */
function madeByBrowser(headers: IncomingHttpHeaders): boolean {
  return headers['accept-language'] !== undefined || headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

/**
 * Names that nobody can register and make resolve to us: addresses, localhost, names without a dot (of Docker Compose, of this machine), names of
 * Kubernetes services, and those that the operator has named.
 */
function isOwnName(name: string, ownNames: readonly string[]): boolean {
  if (isIP(name) !== 0 || ownNames.some((own) => (own.startsWith('*.') ? name.endsWith(own.slice(1)) : name === own))) return true;
  if (name.indexOf('.') < 0) return name !== '';
  return name.endsWith('.localhost') || name.endsWith('.svc') || name.endsWith('.svc.cluster.local');
}

/** Of a Host field, without the port and the brackets of an IPv6 address, in lower case. */
export function hostName(host: string): string {
  const bracket = host.startsWith('[') ? host.indexOf(']') : -1;
  if (bracket > 0) return host.slice(1, bracket).toLowerCase();
  const colon = host.lastIndexOf(':');
  return (colon < 0 ? host : host.slice(0, colon)).replace(/\.$/, '').toLowerCase();
}

/** '' = no origin that has a host ("null"). The scheme may be https: something before us may end TLS. */
function originHost(origin: string): string {
  const match = /^https?:\/\/([^/]+)$/i.exec(origin);
  return match === null ? '' : match[1]!.toLowerCase();
}

function one(value: string | readonly string[] | undefined): string {
  return value === undefined ? '' : typeof value === 'string' ? value : (value[0] ?? '');
}
