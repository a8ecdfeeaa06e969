/** What all requests of one router entry share, made when configuration is applied on a worker. */

import type { StreamRetrySettings } from '../../../http/grpc-service.ts';
import { ClusterPolicies } from '../../../route/cluster-policies/cluster-policies.ts';
import type { ClusterPolicySettings } from '../../../route/cluster-policies/settings.ts';
import type { Route, RouteAction } from '../../../route/route.ts';
import type { Logger } from '../../../runtime/logger.ts';
import { NEVER_OVERLOADED, type OverloadState } from '../../../runtime/overload.ts';
import type { AccessLogger, FilterDeps, HttpFilter, HttpFilterFactory } from '../../api.ts';
import { makeDetachedRoute } from './detached-stream.ts';
import { RouteStatsTable } from './route-stats.ts';
import { RouterFilter } from './router-filter.ts';
import { RouterStats } from './router-stats.ts';
import type { RouterSettings } from './settings.ts';

export class RouterFilterFactory implements HttpFilterFactory {
  readonly settings: RouterSettings;
  readonly deps: FilterDeps;
  readonly overload: OverloadState;
  readonly log: Logger;
  readonly stats: RouterStats;
  readonly routeStats: RouteStatsTable;
  readonly upstreamLoggers: readonly AccessLogger[];
  /** By ClusterSettings.requestPolicies. */
  readonly #policies: WeakMap<object, ClusterPolicies>;
  #shadows: RouterFilterFactory | null;
  #detachedRoute: (Route & { readonly action: RouteAction }) | null;

  constructor(settings: RouterSettings, deps: FilterDeps) {
    this.settings = settings;
    this.deps = deps;
    this.overload = deps.overload ?? NEVER_OVERLOADED;
    this.log = deps.logger.component('router');
    this.stats = new RouterStats(deps.scope);
    this.routeStats = new RouteStatsTable(deps.rootScope);
    this.upstreamLoggers = settings.upstreamLogs.map((log) => deps.newAccessLogger!(log));
    this.#policies = new WeakMap();
    this.#shadows = null;
    this.#detachedRoute = null;
  }

  /** The action as it is for a cluster with policies of its own. @param policies ClusterSettings.requestPolicies */
  actionOf(action: RouteAction, policies: object): RouteAction {
    let known = this.#policies.get(policies);
    if (known === undefined) {
      known = new ClusterPolicies(policies as ClusterPolicySettings, this.deps.format);
      this.#policies.set(policies, known);
    }
    return known.over(action);
  }

  /** Makes the filters of mirrored requests: they are counted apart from those of clients. */
  get shadows(): RouterFilterFactory {
    if (this.#shadows === null) {
      const scope = this.deps.rootScope.tagged('http', 'envoy.http_conn_manager_prefix', 'async-client');
      this.#shadows = new RouterFilterFactory({ ...this.settings, strictCheckHeaders: [] }, { ...this.deps, scope });
    }
    return this.#shadows;
  }

  /** The route of requests that no client waits for; its timeout is nearly always the one that was asked for last. */
  detachedRoute(timeoutMs: number, retry: StreamRetrySettings | null = null): Route {
    if (retry !== null) return makeDetachedRoute(timeoutMs, retry);
    if (this.#detachedRoute === null || this.#detachedRoute.action.timeoutMs !== timeoutMs)
      this.#detachedRoute = makeDetachedRoute(timeoutMs);
    return this.#detachedRoute;
  }

  newFilter(): HttpFilter {
    return new RouterFilter(this);
  }
}

export function createRouter(settings: RouterSettings, deps: FilterDeps): HttpFilterFactory {
  return new RouterFilterFactory(settings, deps);
}
