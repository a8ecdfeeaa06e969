/** The routes of one route configuration. Finding the virtual host costs the same however many there are. */
import { FormatContext } from '../http/format/operator.ts';
import type { RequestHeaders } from '../http/header-map.ts';
import { pathOnly } from '../http/query.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import { asciiLower } from '../http/string-matcher.ts';
import type { Route, RouteTable } from './route.ts';
import { prepareLevel } from './route-entry.ts';
import { type ScopedRoutesSettings, ScopedRouteTable } from './scoped/scoped-routes.ts';
import type { RouteTableSettings } from './settings.ts';
import { MatchingVirtualHost, type RouteDeps } from './virtual-host.ts';

export type { RouteDeps } from './virtual-host.ts';

export function buildRouteTable(settings: RouteTableSettings, deps: RouteDeps): MatchingRouteTable;
export function buildRouteTable(settings: RouteTableSettings | ScopedRoutesSettings, deps: RouteDeps): RouteTable;
export function buildRouteTable(settings: RouteTableSettings | ScopedRoutesSettings, deps: RouteDeps): RouteTable {
  if ('kind' in settings) return new ScopedRouteTable(settings, (routes) => new MatchingRouteTable(routes, deps));
  return new MatchingRouteTable(settings, deps);
}

/** Domains with a wildcard at one end, by the length of their fixed part, longest first. */
type WildcardDomains = readonly { readonly length: number; readonly hosts: ReadonlyMap<string, MatchingVirtualHost> }[];

export class MatchingRouteTable implements RouteTable {
  readonly name: string;
  readonly internalOnlyHeaders: readonly string[];
  readonly virtualHosts: readonly MatchingVirtualHost[];
  readonly #exact = new Map<string, MatchingVirtualHost>();
  readonly #suffixes: WildcardDomains;
  readonly #prefixes: WildcardDomains;
  readonly #default: MatchingVirtualHost | null;
  readonly #onlyDefault: boolean;
  readonly #ignorePort: boolean;
  readonly #ignoreParameters: boolean;

  constructor(settings: RouteTableSettings, deps: RouteDeps) {
    this.name = settings.name;
    this.internalOnlyHeaders = settings.internalOnlyHeaders;
    this.#ignorePort = settings.ignorePortInHostMatching;
    this.#ignoreParameters = settings.ignorePathParametersInPathMatching;
    const configLevel = prepareLevel(settings, deps.format);
    // Filled before every use; it starts out pointing at nothing.
    const formatContext = new FormatContext(null as unknown as StreamInfo);
    const suffixes = new Map<string, MatchingVirtualHost>();
    const prefixes = new Map<string, MatchingVirtualHost>();
    let fallback: MatchingVirtualHost | null = null;
    this.virtualHosts = settings.virtualHosts.map((host) => {
      const virtualHost = new MatchingVirtualHost(
        host,
        settings.name,
        configLevel,
        settings.mostSpecificHeaderMutationsWins,
        deps,
        formatContext,
      );
      for (const domain of host.domains) {
        if (domain === '*') fallback = virtualHost;
        else if (domain.startsWith('*')) suffixes.set(domain.slice(1), virtualHost);
        else if (domain.endsWith('*')) prefixes.set(domain.slice(0, -1), virtualHost);
        else this.#exact.set(domain, virtualHost);
      }
      return virtualHost;
    });
    this.#suffixes = byLength(suffixes);
    this.#prefixes = byLength(prefixes);
    this.#default = fallback;
    this.#onlyDefault = fallback !== null && this.#exact.size + suffixes.size + prefixes.size === 0;
  }

  match(headers: RequestHeaders, info: StreamInfo, random: number): Route | null {
    const virtualHost = this.#onlyDefault ? this.#default : this.findVirtualHost(headers.authority);
    return virtualHost === null ? null : virtualHost.match(headers, info, random, this.matchedPath(headers));
  }

  /** Exact domain, then suffix wildcards, then prefix wildcards (the longest of each), then "*". */
  findVirtualHost(authority: string): MatchingVirtualHost | null {
    if (authority === '') return this.#default;
    const host = asciiLower(this.#ignorePort ? withoutPort(authority) : authority);
    const exact = this.#exact.get(host);
    if (exact !== undefined) return exact;
    for (let i = 0; i < this.#suffixes.length; i++) {
      const { length, hosts } = this.#suffixes[i]!;
      // The wildcard stands for one character at least.
      if (host.length <= length) continue;
      const found = hosts.get(host.slice(host.length - length));
      if (found !== undefined) return found;
    }
    for (let i = 0; i < this.#prefixes.length; i++) {
      const { length, hosts } = this.#prefixes[i]!;
      if (host.length <= length) continue;
      const found = hosts.get(host.slice(0, length));
      if (found !== undefined) return found;
    }
    return this.#default;
  }

  /** Whether an entry of `domains` fits, whichever takes precedence. */
  domainMatches(domain: string, authority: string): boolean {
    const host = asciiLower(this.#ignorePort ? withoutPort(authority) : authority);
    if (domain === '*' || domain === host) return true;
    if (domain.startsWith('*')) return host.length >= domain.length && host.endsWith(domain.slice(1));
    return domain.endsWith('*') && host.length >= domain.length && host.startsWith(domain.slice(0, -1));
  }

  /** The part of the path that routes look at. */
  matchedPath(headers: RequestHeaders): string {
    const path = pathOnly(headers.path);
    if (!this.#ignoreParameters) return path;
    return path.indexOf(';') < 0 ? path : withoutParameters(path);
  }
}

/** Each segment ends at its ';' (RFC 3986 §3.3). */
function withoutParameters(path: string): string {
  let kept = '';
  let from = 0;
  for (let semicolon = path.indexOf(';'); semicolon >= 0; semicolon = path.indexOf(';', from)) {
    kept += path.slice(from, semicolon);
    from = path.indexOf('/', semicolon);
    if (from < 0) return kept;
  }
  return kept + path.slice(from);
}

function byLength(domains: ReadonlyMap<string, MatchingVirtualHost>): WildcardDomains {
  const lengths = new Map<number, Map<string, MatchingVirtualHost>>();
  for (const [fixed, host] of domains) {
    const hosts = lengths.get(fixed.length);
    if (hosts === undefined) lengths.set(fixed.length, new Map([[fixed, host]]));
    else hosts.set(fixed, host);
  }
  return [...lengths].map(([length, hosts]) => ({ length, hosts })).sort((a, b) => b.length - a.length);
}

/** Cuts the port, but not inside the brackets of an IPv6 address. */
function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':');
  return colon < 0 || authority.lastIndexOf(']') > colon ? authority : authority.slice(0, colon);
}
