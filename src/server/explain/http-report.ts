/** What the connection manager made of the request: edited headers, the route and its way there, the filters that run. */
import type { HttpConnectionManager } from '../../filters/network/http-connection-manager/http-connection-manager.ts';
import type { RequestHeaders } from '../../http/header-map.ts';
import { explainMatch } from '../../route/explain.ts';
import type { Route, RouteTable } from '../../route/route.ts';
import { MatchingRouteTable } from '../../route/route-table.ts';
import { ScopedRouteTable } from '../../route/scoped/scoped-routes.ts';
import type { ForwardSettings, RouteSettings } from '../../route/settings.ts';
import type { DryRun } from './dry-run.ts';
import type { FilterPart, HttpPart, RoutePart, WeightedPart } from './explanation.ts';
import type { ExplainQuestion } from './question.ts';

export function httpReport(manager: HttpConnectionManager, question: ExplainQuestion, run: DryRun): HttpPart {
  const after = run.admitted ?? run.received;
  const { settings } = manager;
  return {
    stat_prefix: settings.statPrefix,
    admitted: run.admitted !== null,
    path: { received: question.path, routed: after?.path ?? question.path },
    authority: { received: question.authority, routed: after?.authority ?? question.authority },
    trust: run.admitted === null ? '' : run.admitted.get('x-envoy-internal') === 'true' ? 'internal' : 'external',
    client_address: run.info?.remoteAddress.text ?? '',
    ...headerChanges(question.headers, run.admitted),
    http_filters: settings.httpFilters.map(({ name, type, disabled }) => filterPart(name, type, disabled, run.route)),
  };
}

function headerChanges(
  before: ExplainQuestion['headers'],
  after: RequestHeaders | null,
): Pick<HttpPart, 'headers_removed' | 'headers_added' | 'headers_changed'> {
  const removed: string[] = [];
  const added: string[] = [];
  const changed: string[] = [];
  if (after === null) return { headers_removed: removed, headers_added: added, headers_changed: changed };
  const given = new Set(before.map(([name]) => name.toLowerCase()));
  for (const name of given) {
    const value = after.joined(name);
    const original = before.flatMap(([n, v]) => (n.toLowerCase() === name ? [v] : [])).join(',');
    if (value === undefined) removed.push(name);
    else if (Buffer.from(value, 'latin1').toString('utf8') !== original) changed.push(`${name}: ${value}`);
  }
  for (const name of new Set(after.names)) {
    // Ids are made of chance: this one would not be the real one.
    if (!given.has(name)) added.push(name === 'x-request-id' ? name : `${name}: ${after.joined(name)}`);
  }
  return { headers_removed: removed, headers_added: added, headers_changed: changed };
}

function filterPart(name: string, type: string, disabled: boolean, route: Route | null): FilterPart {
  const byRoute = route?.filterDisabled(name);
  return {
    name,
    type,
    enabled: !(byRoute ?? disabled),
    decided_by: byRoute === undefined ? (disabled ? 'http_filters' : 'default') : 'route',
    per_route_config: route !== null && route.filterSettings(name) !== undefined,
  };
}

/** The route as it was matched, with the settings it was made from. */
export interface RouteFinding {
  readonly part: RoutePart;
  /** null = no route, or one that no configuration has (the redirect of require_tls). */
  readonly settings: RouteSettings | null;
}

export function routeReport(table: RouteTable | null, run: DryRun): RouteFinding | null {
  if (run.admitted === null || run.info === null) return null;
  const scoped = table instanceof ScopedRouteTable ? table.find(run.admitted) : table;
  if (!(scoped instanceof MatchingRouteTable)) return { part: noTable(table?.name ?? ''), settings: null };
  const { info, admitted, route } = run;
  const found = explainMatch(scoped, admitted, info, info.randomValue);
  const last = found.considered.at(-1);
  const index = last !== undefined && last.missed.length === 0 ? last.index : -1;
  const host = scoped.virtualHosts.find((candidate) => candidate === scoped.findVirtualHost(admitted.authority));
  const settings = index < 0 ? null : (host?.settings.routes[index] ?? null);
  const part: RoutePart = {
    route_configuration: found.routeConfiguration,
    virtual_host: found.virtualHost,
    domain: found.domain,
    redirected_to_tls: found.redirectedToTls,
    index,
    name: route?.name ?? '',
    action: route === null ? '' : route.direct !== null ? route.direct.kind : route.action !== null ? 'forward' : 'none',
    considered: found.considered,
    weighted_clusters: settings?.action.kind === 'forward' ? weightedPart(settings.action, admitted, run.clusterName) : null,
  };
  return { part, settings };
}

function noTable(name: string): RoutePart {
  return {
    route_configuration: name,
    virtual_host: '',
    domain: '',
    redirected_to_tls: false,
    index: -1,
    name: '',
    action: '',
    considered: [],
    weighted_clusters: null,
  };
}

function weightedPart({ cluster }: ForwardSettings, headers: RequestHeaders, chosen: string): WeightedPart | null {
  if (cluster.kind !== 'weighted') return null;
  const total = cluster.entries.reduce((sum, entry) => sum + entry.weight, 0);
  const byHeader = cluster.headerName !== '' && headers.has(cluster.headerName);
  return {
    clusters: cluster.entries.map(({ name, header, weight }) => ({
      name: name === '' ? `from header ${header}` : name,
      weight,
      percent: total === 0 ? 0 : Math.round((weight / total) * 10_000) / 100,
    })),
    chosen,
    chosen_by: byHeader ? `header ${cluster.headerName}` : cluster.useHashPolicy ? 'hash policy, else random' : 'random',
  };
}
