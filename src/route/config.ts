/** A route configuration from its message. Source: envoy.config.route.v3.RouteConfiguration, VirtualHost, Route. */
import type { Any } from '@bufbuild/protobuf/wkt';
import type { CompileContext } from '../config/context.ts';
import {
  type Route,
  VirtualHost_TlsRequirementType as TlsRequirement,
  type VirtualHost,
} from '../config/gen/envoy/config/route/v3/route_components_pb.js';
import type { RouteConfiguration } from '../config/gen/envoy/config/route/v3/route_pb.js';
import { compileHeaderMatchers } from '../http/config.ts';
import { wireText } from '../http/wire-text.ts';
import { compileRetryPolicy } from '../resilience/config.ts';
import { compileRouteTracing } from '../tracing/config.ts';
import { type ActionScope, compileAction } from './action/config.ts';
import { compileMirrors } from './action/mirror/config.ts';
import { compileHeaderFields } from './headers/config.ts';
import { lintVirtualHost } from './lint.ts';
import { compileRouteMatch } from './match/config.ts';
import { compileRouteTree } from './match/tree/config.ts';
import { compilePerFilter } from './per-filter/config.ts';
import { compileRateLimits } from './rate-limit/config.ts';
import type { Metadata, MirrorPolicySettings, RouteSettings, RouteTableSettings, VirtualHostSettings } from './settings.ts';

export { compileHeaderAdds } from './headers/config.ts';
export type { RouteTableSettings } from './settings.ts';

/** What the compiler of routes has to know of the rest of the configuration. */
export interface RouteCompileDeps {
  /** Compiles per-route configuration of a filter; null or undefined when it was refused, and reported. */
  perFilterConfig(filterName: string, any: Any, at: CompileContext): unknown;
  /** Whether any filter takes per-route configuration of this type; without it, all that is_optional allows is tried. */
  knowsPerFilterType?(typeName: string): boolean;
  /** Names in the connection manager's chain; null when the routes are not bound to one (RDS). */
  readonly httpFilterNames: readonly string[] | null;
  /** null: it may come later (CDS). */
  clusterExists(name: string): boolean | null;
  readonly clusterNames: Iterable<string>;
  /** What `validate_clusters` is when nothing is said: true for inline routes, false for RDS. */
  readonly validateClustersByDefault?: boolean;
}

export function compileRouteConfiguration(message: RouteConfiguration, at: CompileContext, deps: RouteCompileDeps): RouteTableSettings {
  const validateClusters = message.validateClusters ?? deps.validateClustersByDefault ?? true;
  checkDomains(message, at);
  const mirrors = compileMirrors(message.requestMirrorPolicies, { validateClusters, deps }, at);
  return {
    name: message.name,
    virtualHosts: message.virtualHosts.map((host, i) =>
      compileVirtualHost(host, message, mirrors, validateClusters, deps, at.field('virtual_hosts', i)),
    ),
    internalOnlyHeaders: message.internalOnlyHeaders.map((name) => name.toLowerCase()),
    mostSpecificHeaderMutationsWins: message.mostSpecificHeaderMutationsWins,
    ignorePortInHostMatching: message.ignorePortInHostMatching,
    ignorePathParametersInPathMatching: message.ignorePathParametersInPathMatching,
    metadata: filterMetadata(message.metadata),
    ...compileHeaderFields(message, at),
    perFilter: compilePerFilter(message.typedPerFilterConfig, at, deps),
  };
}

function checkDomains(message: RouteConfiguration, at: CompileContext): void {
  const seen = new Set<string>();
  message.virtualHosts.forEach((host, i) => {
    host.domains.forEach((domain, j) => {
      const key = domain.toLowerCase();
      if (seen.has(key)) {
        const words =
          key === '*'
            ? `Only a single wildcard domain is permitted in route ${message.name}`
            : `Only unique values for domains are permitted. Duplicate entry of domain ${key} in route ${message.name}`;
        at.field('virtual_hosts', i).field('domains', j).error(words);
      }
      seen.add(key);
    });
  });
}

function compileVirtualHost(
  host: VirtualHost,
  config: RouteConfiguration,
  inheritedMirrors: readonly MirrorPolicySettings[],
  validateClusters: boolean,
  deps: RouteCompileDeps,
  at: CompileContext,
): VirtualHostSettings {
  if (host.matcher !== undefined && host.routes.length > 0) at.error('cannot set both matcher and routes on virtual host');
  const retryPolicy = host.retryPolicy === undefined ? null : compileRetryPolicy(host.retryPolicy, at.field('retry_policy'));
  const mirrors =
    host.requestMirrorPolicies.length === 0 ? inheritedMirrors : compileMirrors(host.requestMirrorPolicies, { validateClusters, deps }, at);
  const scope: ActionScope = { config, virtualHost: host, retryPolicy, mirrors, validateClusters, deps };
  const settings: VirtualHostSettings = {
    name: host.name,
    domains: host.domains.map((domain) => wireText(domain.toLowerCase())),
    requireTls:
      host.requireTls === TlsRequirement.ALL ? 'ALL' : host.requireTls === TlsRequirement.EXTERNAL_ONLY ? 'EXTERNAL_ONLY' : 'NONE',
    ...(host.matcher === undefined
      ? { routes: host.routes.map((route, i) => compileRoute(route, scope, at.field('routes', i))), matcher: null }
      : compileRouteTree(host.matcher, (route, here) => compileRoute(route, scope, here), at.field('matcher'))),
    virtualClusters: host.virtualClusters.map((cluster, i) => ({
      name: cluster.name,
      headers: compileHeaderMatchers(cluster.headers, at.field('virtual_clusters', i), 'headers'),
    })),
    includeRequestAttemptCount: host.includeRequestAttemptCount,
    includeAttemptCountInResponse: host.includeAttemptCountInResponse,
    includeIsTimeoutRetryHeader: host.includeIsTimeoutRetryHeader,
    metadata: filterMetadata(host.metadata),
    rateLimits: host.rateLimits.length === 0 ? NO_RATE_LIMITS : compileRateLimits(host.rateLimits, at),
    ...compileHeaderFields(host, at),
    perFilter: compilePerFilter(host.typedPerFilterConfig, at, deps),
  };
  // What stands before what is for the tree to say.
  if (settings.matcher !== null) return settings;
  for (const finding of lintVirtualHost(settings)) {
    let here = at.field('routes', finding.route);
    for (const name of finding.fields) here = here.field(name);
    here.warn(finding.message);
  }
  return settings;
}

function compileRoute(route: Route, scope: ActionScope, at: CompileContext): RouteSettings {
  const match = route.match === undefined ? null : compileRouteMatch(route.match, at.field('match'));
  if (match === null) at.error('match is required');
  return {
    name: route.name,
    statPrefix: route.statPrefix,
    match: match ?? NOTHING,
    metadata: filterMetadata(route.metadata),
    ...(route.tracing === undefined && route.decorator === undefined
      ? {}
      : { tracing: compileRouteTracing(route.tracing, route.decorator, at) }),
    action: compileAction(route, (match ?? NOTHING).path, scope, at),
    ...compileHeaderFields(route, at),
    perFilter: compilePerFilter(route.typedPerFilterConfig, at, scope.deps),
  };
}

const NO_RATE_LIMITS: VirtualHostSettings['rateLimits'] = [];

const NOTHING: RouteSettings['match'] = {
  path: { kind: 'path', value: '', caseSensitive: true },
  headers: [],
  queryParameters: [],
  runtimeFraction: null,
  grpc: false,
  tls: null,
  dynamicMetadata: [],
  filterState: [],
  cookies: [],
};

function filterMetadata(metadata: { readonly filterMetadata: Metadata } | undefined): Metadata | null {
  return metadata === undefined ? null : metadata.filterMetadata;
}
