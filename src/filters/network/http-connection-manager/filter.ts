/** Puts a connection manager together on a worker. Behaviour: spec headers_tracing, routing; Envoy's ConnectionManagerImpl. */
import { Http1Stats } from '../../../http/h1/stats.ts';
import { Http2Stats } from '../../../http/h2/stats.ts';
import { levelsOf } from '../../../route/per-filter/per-filter.ts';
import type { RouteTable } from '../../../route/route.ts';
import type { ScopedRoutesSettings } from '../../../route/scoped/scoped-routes.ts';
import type { RouteTableSettings } from '../../../route/settings.ts';
import type { FilterDeps, HttpFilterFactory, NetworkFilterDeps, NetworkFilterFactory } from '../../api.ts';
import { HcmStats } from './hcm-stats.ts';
import { type ConfiguredFilter, HttpConnectionManager } from './http-connection-manager.ts';
import { LocalReplies } from './local-reply.ts';
import type { HcmSettings, HttpFilterSettings } from './settings.ts';

/** What only the composition root can give. */
export interface HcmParts {
  newHttpFilter(type: string, settings: unknown, deps: FilterDeps): HttpFilterFactory;
  newRouteTable(settings: RouteTableSettings | ScopedRoutesSettings): RouteTable;
  /** The RDS route table of that name as it is now; null until it has come. */
  rdsRouteTable(name: string): () => RouteTable | null;
}

/** The network filter of one filter chain. */
export interface HcmFactory extends NetworkFilterFactory {
  readonly manager: HttpConnectionManager;
}

export function createHttpConnectionManager(settings: HcmSettings, deps: NetworkFilterDeps, parts: HcmParts): HcmFactory {
  const scope = deps.rootScope.tagged('http', 'envoy.http_conn_manager_prefix', settings.statPrefix);
  const listenerScope = deps.listenerScope.tagged('http', 'envoy.http_conn_manager_prefix', settings.statPrefix);
  const filterDeps: FilterDeps = { ...deps, scope, statPrefix: settings.statPrefix };
  const inline = settings.routeConfig === null ? null : parts.newRouteTable(settings.routeConfig);
  const newFilters = (list: readonly HttpFilterSettings[]): ConfiguredFilter[] =>
    list.map((filter) => ({
      name: filter.name,
      disabled: filter.disabled,
      factory: parts.newHttpFilter(filter.type, filter.settings, filterDeps),
    }));
  const filters = newFilters(settings.httpFilters);
  const upgradeFilters = new Map(Object.entries(settings.upgradeFilters).map(([type, list]) => [type, newFilters(list)]));
  let http2Stats: Http2Stats | null = null;
  const manager = new HttpConnectionManager(withRuntime(settings, deps), filterDeps, {
    filters,
    upgradeFilters,
    routeTable: inline === null ? parts.rdsRouteTable(settings.rdsRouteConfigName) : () => inline,
    accessLoggers: settings.accessLogs.map((log) => deps.newAccessLogger(log)),
    localReplies: settings.localReply === null ? null : new LocalReplies(settings.localReply, deps),
    http1Stats: new Http1Stats(deps.rootScope),
    http2Stats: () => (http2Stats ??= new Http2Stats(deps.rootScope)),
    stats: new HcmStats(scope, listenerScope),
    tracing: settings.tracing === null ? null : (deps.newRequestTracing?.(settings.tracing, scope, settings.packTraceReason) ?? null),
  });
  if (settings.routeConfig !== null) prepareRoutes(settings.routeConfig, [filters, ...upgradeFilters.values()].flat());
  return { manager, newFilter: (callbacks) => manager.newConnection(callbacks), close: () => manager.tracing?.close() };
}

/** As in Envoy the key is read when the connection manager is made. */
function withRuntime(settings: HcmSettings, { runtime, random }: FilterDeps): HcmSettings {
  const normalizes = settings.normalizePathUnset && runtime.fraction('http_connection_manager.normalize_path', 0, 100, random.nextU32());
  return normalizes ? { ...settings, normalizePath: true } : settings;
}

function prepareRoutes(routes: RouteTableSettings | ScopedRoutesSettings, filters: readonly ConfiguredFilter[]): void {
  const preparing = filters.filter(({ factory }) => factory.prepareRoute !== undefined);
  if (preparing.length === 0 || !('virtualHosts' in routes)) return;
  for (const level of levelsOf(routes)) {
    for (const { name, factory } of preparing) {
      const settings = level.perFilter?.[name]?.settings;
      if (settings !== undefined) factory.prepareRoute!(settings);
    }
  }
}
