/** What a route is called outside of the worker that runs it. */

import { matchText } from '../../route/match-text.ts';
import type { Route } from '../../route/route.ts';
import { MatchingVirtualHost } from '../../route/virtual-host.ts';

export interface RouteIdentity {
  /** ''. */
  readonly routeConfiguration: string;
  readonly virtualHost: string;
  /** In its virtual host; -1 = none matched, or the route is in no configuration (the redirect of require_tls). */
  readonly index: number;
  readonly name: string;
  /** "prefix /api", ... */
  readonly match: string;
  readonly action: string;
}

const NO_ROUTE: RouteIdentity = Object.freeze({
  routeConfiguration: '',
  virtualHost: '',
  index: -1,
  name: '',
  match: 'no route',
  action: 'none',
});

export function routeIdentity(route: Route | null): RouteIdentity {
  if (route === null) return NO_ROUTE;
  const host = route.virtualHost;
  const action = route.direct !== null ? route.direct.kind : route.action !== null ? 'forward' : 'none';
  const { name } = route;
  if (!(host instanceof MatchingVirtualHost)) return { routeConfiguration: '', virtualHost: host.name, index: -1, name, match: '', action };
  const index = host.indexOf(route);
  const match = index < 0 ? 'redirect to https' : matchText(host.settings.routes[index]!.match);
  return { routeConfiguration: host.routeConfiguration, virtualHost: host.name, index, name, match, action };
}
