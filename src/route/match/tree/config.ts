/** VirtualHost.matcher: a tree whose actions are routes. Source: envoy.config.route.v3.VirtualHost.matcher, Route, RouteList. */
import { anyTypeName, type CompileContext } from '../../../config/context.ts';
import type { Route, RouteList } from '../../../config/gen/envoy/config/route/v3/route_components_pb.js';
import type { Matcher } from '../../../config/gen/xds/type/matcher/v3/matcher_pb.js';
import { compileMatcher } from '../../../http/matching/config.ts';
import { FILTER_STATE_INPUT, REQUEST_HEADER_INPUT } from '../../../http/matching/input-config.ts';
import type { RouteSettings, VirtualHostSettings } from '../../settings.ts';

const ROUTE = 'envoy.config.route.v3.Route';
const ROUTE_LIST = 'envoy.config.route.v3.RouteList';

/** @param compileRoute one route of an action @returns all routes of the tree, and the tree itself with the places of its actions' routes */
export function compileRouteTree(
  matcher: Matcher,
  compileRoute: (route: Route, at: CompileContext) => RouteSettings,
  at: CompileContext,
): Pick<VirtualHostSettings, 'routes' | 'matcher'> {
  const routes: RouteSettings[] = [];
  const actions: number[][] = [];
  const tree = compileMatcher(
    matcher,
    {
      action: (any, here) => {
        const type = anyTypeName(any);
        const list = type === ROUTE_LIST ? (here.unpackAs<RouteList>(any, ROUTE_LIST)?.routes ?? []) : [];
        const single = type === ROUTE ? here.unpackAs<Route>(any, ROUTE) : null;
        if (type !== ROUTE && type !== ROUTE_LIST) here.error(`Didn't find a registered implementation for type: '${type}'`);
        const places: number[] = [];
        const add = (route: Route, place: CompileContext) => places.push(routes.push(compileRoute(route, place)) - 1);
        list.forEach((route, i) => void add(route, here.field('routes', i)));
        if (single !== null) add(single, here);
        return actions.push(places) - 1;
      },
      inputRefused: (type) =>
        type === REQUEST_HEADER_INPUT || type === FILTER_STATE_INPUT
          ? null
          : `Route table can only match on request headers, saw type.googleapis.com/${type}`,
    },
    at,
  );
  return { routes, matcher: tree === null ? null : { tree, actions } };
}
