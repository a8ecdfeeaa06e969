/** Edits of :authority before routing: strip_trailing_host_dot, strip_matching_host_port, strip_any_host_port. */

export interface HostOptions {
  readonly stripTrailingHostDot: boolean;
  readonly stripMatchingHostPort: boolean;
  readonly stripAnyHostPort: boolean;
}

export function leavesHostAlone(options: HostOptions): boolean {
  return !options.stripTrailingHostDot && !options.stripMatchingHostPort && !options.stripAnyHostPort;
}

/** @param listenerPort the port that strip_matching_host_port compares with */
export function normalizeHost(authority: string, options: HostOptions, listenerPort: number, isConnect: boolean): string {
  let host = authority;
  if (options.stripTrailingHostDot) {
    const colon = portColon(host);
    const name = colon < 0 ? host : host.slice(0, colon);
    if (name.endsWith('.')) host = name.slice(0, -1) + (colon < 0 ? '' : host.slice(colon));
  }
  // CONNECT names its target by port: the port stays.
  if (isConnect) return host;
  const colon = portColon(host);
  if (colon < 0) return host;
  const port = host.slice(colon + 1);
  if (!/^\d+$/.test(port)) return host;
  if (options.stripAnyHostPort || (options.stripMatchingHostPort && Number(port) === listenerPort)) return host.slice(0, colon);
  return host;
}

/** Position of the ':' before a port, outside an IPv6 literal; -1 if there is none. */
function portColon(host: string): number {
  const colon = host.lastIndexOf(':');
  return colon > host.lastIndexOf(']') ? colon : -1;
}
