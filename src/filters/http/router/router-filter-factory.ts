/** What all requests of one router entry share, made when configuration is applied on a worker. */
import type { Logger } from '../../../runtime/logger.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory } from '../../api.ts';
import { RouteStatsTable } from './route-stats.ts';
import { RouterFilter } from './router-filter.ts';
import { RouterStats } from './router-stats.ts';
import type { RouterSettings } from './settings.ts';

export class RouterFilterFactory implements HttpFilterFactory {
  readonly settings: RouterSettings;
  readonly deps: FilterDeps;
  readonly log: Logger;
  readonly stats: RouterStats;
  readonly routeStats: RouteStatsTable;

  constructor(settings: RouterSettings, deps: FilterDeps) {
    this.settings = settings;
    this.deps = deps;
    this.log = deps.logger.component('router');
    this.stats = new RouterStats(deps.scope);
    this.routeStats = new RouteStatsTable(deps.rootScope);
  }

  newFilter(): HttpFilter {
    return new RouterFilter(this);
  }
}

export function createRouter(settings: RouterSettings, deps: FilterDeps): HttpFilterFactory {
  return new RouterFilterFactory(settings, deps);
}
