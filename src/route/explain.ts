/**
 * Why a request gets the route it gets: the slow twin of RouteTable.match, over the same matcher objects. For `outrider explain` and the
 * admin endpoint; no request path comes here.
 */
import type { RequestHeaders } from '../http/header-map.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Route } from './route.ts';
import type { MatchingRouteTable } from './route-table.ts';

export interface RouteExplanation {
  readonly routeConfiguration: string;
  /** '' when no virtual host has the authority. */
  readonly virtualHost: string;
  /** Entry of `domains` that matched. */
  readonly domain: string;
  /** Every route up to the one that matched, in order. */
  readonly considered: readonly ConsideredRoute[];
  /** require_tls answered before any route was looked at. */
  readonly redirectedToTls: boolean;
  readonly route: Route | null;
}

export interface ConsideredRoute {
  readonly index: number;
  readonly name: string;
  /** Its criteria. */
  readonly criteria: string;
  /** Criteria that the request does not meet; empty for the route that matched. */
  readonly missed: readonly string[];
}

export function explainMatch(table: MatchingRouteTable, headers: RequestHeaders, info: StreamInfo, random: number): RouteExplanation {
  const host = table.findVirtualHost(headers.authority);
  const route = table.match(headers, info, random);
  if (host === null) return { routeConfiguration: table.name, virtualHost: '', domain: '', considered: [], redirectedToTls: false, route };
  const proto = headers.get('x-forwarded-proto');
  const redirectedToTls = proto !== 'https' && proto !== undefined && host.requiresTls(headers);
  const considered: ConsideredRoute[] = [];
  const path = table.matchedPath(headers);
  if (!redirectedToTls) {
    for (const index of host.considered(headers, info)) {
      const missed = host.mismatches(index, headers, info, random, path);
      considered.push({ index, name: host.settings.routes[index]!.name, criteria: host.describeRoute(index), missed });
      if (missed.length === 0) break;
    }
  }
  const domain = host.settings.domains.find((d) => table.domainMatches(d, headers.authority)) ?? '';
  return { routeConfiguration: table.name, virtualHost: host.name, domain, considered, redirectedToTls, route };
}
