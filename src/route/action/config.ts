/** What a route does. Source: envoy.config.route.v3.RouteAction, RedirectAction, DirectResponseAction. */

import type { CompileContext } from '../../config/context.ts';
import { RoutingPriority } from '../../config/gen/envoy/config/core/v3/base_pb.js';
import { ProxyProtocolConfig_Version as ProxyProtocolVersion } from '../../config/gen/envoy/config/core/v3/proxy_protocol_pb.js';
import {
  type DirectResponseAction,
  RouteAction_ClusterNotFoundResponseCode as NotFoundCode,
  type RedirectAction,
  RedirectAction_RedirectResponseCode as RedirectCode,
  type Route,
  type RouteAction,
  type VirtualHost,
} from '../../config/gen/envoy/config/route/v3/route_components_pb.js';
import type { RouteConfiguration } from '../../config/gen/envoy/config/route/v3/route_pb.js';
import { compileRegexRewrite, durationMs } from '../../http/config.ts';
import { compileDataSource } from '../../http/data-source-config.ts';
import { canonicalName } from '../../http/header-lookup.ts';
import { wireText } from '../../http/wire-text.ts';
import { compileRetryPolicy } from '../../resilience/config.ts';
import type { RetryPolicySettings } from '../../resilience/retry-policy.ts';
import { compileRateLimits } from '../rate-limit/config.ts';
import type { ActionSettings, ForwardSettings, Metadata, MirrorPolicySettings, PathMatchSettings, RedirectSettings } from '../settings.ts';
import { balancingMetadata, type ClusterCheck, checkCluster } from './cluster/config.ts';
import { compileClusterPlugin } from './cluster/plugin/config.ts';
import { compileHashPolicies } from './hash-policy/config.ts';
import { compileInternalRedirect } from './internal-redirect/config.ts';
import { compileMirrors } from './mirror/config.ts';
import { compileRewrite } from './rewrite/config.ts';
import { compileWeightedClusters } from './weighted/config.ts';

const DEFAULT_TIMEOUT_MS = 15_000;
const NO_HASH_POLICIES: ForwardSettings['hashPolicies'] = [];
const NO_RATE_LIMITS: ForwardSettings['rateLimits'] = [];

/** What an action inherits, and what it is checked against. */
export interface ActionScope extends ClusterCheck {
  readonly config: RouteConfiguration;
  readonly virtualHost: VirtualHost;
  /** Of the virtual host; a route's own replaces it whole. */
  readonly retryPolicy: RetryPolicySettings | null;
  /** Of the virtual host, or of the route configuration. */
  readonly mirrors: readonly MirrorPolicySettings[];
}

export function compileAction(route: Route, match: PathMatchSettings, scope: ActionScope, at: CompileContext): ActionSettings {
  const action = route.action;
  switch (action.case) {
    case 'route':
      return compileForward(action.value, route, match, scope, at.field('route'));
    case 'redirect':
      return compileRedirect(action.value, at.field('redirect'));
    case 'directResponse':
      return compileDirectResponse(action.value, scope.config, at.field('direct_response'));
    default:
      return { kind: 'none' };
  }
}

function compileDirectResponse(action: DirectResponseAction, config: RouteConfiguration, at: CompileContext): ActionSettings {
  const body = action.body === undefined ? '' : wireText(compileDataSource(action.body, at.field('body')));
  const limit = config.maxDirectResponseBodySizeBytes ?? 4096;
  if (body.length > limit) at.field('body').error(`response body size is ${body.length} bytes; maximum is ${limit}`);
  return { kind: 'direct_response', status: action.status, body };
}

const REDIRECT_STATUS: Readonly<Record<number, number>> = {
  [RedirectCode.MOVED_PERMANENTLY]: 301,
  [RedirectCode.FOUND]: 302,
  [RedirectCode.SEE_OTHER]: 303,
  [RedirectCode.TEMPORARY_REDIRECT]: 307,
  [RedirectCode.PERMANENT_REDIRECT]: 308,
};

function compileRedirect(action: RedirectAction, at: CompileContext): RedirectSettings {
  const scheme = action.schemeRewriteSpecifier;
  const path = action.pathRewriteSpecifier;
  return {
    kind: 'redirect',
    status: REDIRECT_STATUS[action.responseCode] ?? 301,
    scheme: scheme.case === 'schemeRedirect' ? scheme.value : scheme.case === 'httpsRedirect' && scheme.value ? 'https' : '',
    host: wireText(action.hostRedirect),
    port: action.portRedirect,
    path: path.case === 'pathRedirect' ? wireText(path.value) : '',
    prefixRewrite: path.case === 'prefixRewrite' ? wireText(path.value) : '',
    regexRewrite: path.case === 'regexRewrite' ? compileRegexRewrite(path.value, at.field('regex_rewrite')) : null,
    stripQuery: action.stripQuery,
  };
}

const NOT_FOUND_STATUS: Readonly<Record<number, number>> = {
  [NotFoundCode.SERVICE_UNAVAILABLE]: 503,
  [NotFoundCode.NOT_FOUND]: 404,
  [NotFoundCode.INTERNAL_SERVER_ERROR]: 500,
};

function compileForward(
  action: RouteAction,
  route: Route,
  match: PathMatchSettings,
  scope: ActionScope,
  at: CompileContext,
): ForwardSettings {
  const metadataMatch = balancingMetadata(action.metadataMatch);
  const duration = action.maxStreamDuration;
  return {
    kind: 'forward',
    cluster: compileCluster(action, metadataMatch, scope, at),
    clusterNotFoundStatus: NOT_FOUND_STATUS[action.clusterNotFoundResponseCode] ?? 503,
    rewrite: compileRewrite(action, match, at),
    timeoutMs: durationMs(action.timeout) ?? DEFAULT_TIMEOUT_MS,
    timeoutIsDefault: action.timeout === undefined,
    idleTimeoutMs: durationMs(action.idleTimeout),
    maxStreamDurationMs: durationMs(duration?.maxStreamDuration),
    grpcTimeoutHeaderMaxMs: durationMs(duration?.grpcTimeoutHeaderMax),
    grpcTimeoutHeaderOffsetMs: durationMs(duration?.grpcTimeoutHeaderOffset) ?? 0,
    maxGrpcTimeoutMs: durationMs(action.maxGrpcTimeout),
    grpcTimeoutOffsetMs: durationMs(action.grpcTimeoutOffset) ?? 0,
    retryPolicy: action.retryPolicy === undefined ? scope.retryPolicy : compileRetryPolicy(action.retryPolicy, at.field('retry_policy')),
    // Envoy has the other two fields of the policy, and does nothing with them.
    hedgeOnPerTryTimeout: (action.hedgePolicy ?? scope.virtualHost.hedgePolicy)?.hedgeOnPerTryTimeout ?? false,
    priority: action.priority === RoutingPriority.HIGH ? 1 : 0,
    ...compileUpgrades(action, at),
    internalRedirect: compileInternalRedirect(action, at),
    requestBufferLimit: bufferLimit(route) ?? bufferLimit(scope.virtualHost),
    // The most specific list that is not empty is the one.
    mirrors: action.requestMirrorPolicies.length === 0 ? scope.mirrors : compileMirrors(action.requestMirrorPolicies, scope, at),
    hashPolicies: action.hashPolicy.length === 0 ? NO_HASH_POLICIES : compileHashPolicies(action.hashPolicy, at),
    metadataMatch,
    rateLimits: action.rateLimits.length === 0 ? NO_RATE_LIMITS : compileRateLimits(action.rateLimits, at),
    includeVirtualHostRateLimits: action.includeVhRateLimits ?? false,
  };
}

function bufferLimit(level: {
  readonly requestBodyBufferLimit?: bigint | undefined;
  readonly perRequestBufferLimitBytes?: number | undefined;
}): number | null {
  return level.requestBodyBufferLimit === undefined ? (level.perRequestBufferLimitBytes ?? null) : Number(level.requestBodyBufferLimit);
}

function compileCluster(
  action: RouteAction,
  metadataMatch: Metadata | null,
  scope: ActionScope,
  at: CompileContext,
): ForwardSettings['cluster'] {
  const spec = action.clusterSpecifier;
  switch (spec.case) {
    case 'cluster':
      checkCluster(spec.value, 'cluster', scope, at.field('cluster'));
      return { kind: 'name', name: spec.value };
    case 'clusterHeader':
      return { kind: 'header', header: canonicalName(spec.value) };
    case 'weightedClusters':
      return compileWeightedClusters(spec.value, metadataMatch, scope, at.field('weighted_clusters'));
    case 'clusterSpecifierPlugin':
      return namedPlugin(spec.value, scope, at) ?? NOWHERE;
    case 'inlineClusterSpecifierPlugin':
      return compileClusterPlugin(spec.value, at.field('inline_cluster_specifier_plugin')) ?? NOWHERE;
    default:
      at.error('one of cluster, cluster_header and weighted_clusters is required');
  }
  return NOWHERE;
}

const NOWHERE: ForwardSettings['cluster'] = { kind: 'name', name: '' };

function namedPlugin(name: string, scope: ActionScope, at: CompileContext): ForwardSettings['cluster'] | null {
  const plugin = scope.config.clusterSpecifierPlugins.find(({ extension }) => extension?.name === name);
  const here = at.field('cluster_specifier_plugin');
  if (plugin !== undefined) return compileClusterPlugin(plugin, here);
  here.error(`Unknown cluster specifier plugin name: ${name} is used in the route`);
  return null;
}

function compileUpgrades(
  action: RouteAction,
  at: CompileContext,
): Pick<ForwardSettings, 'upgrades' | 'connectTerminates' | 'connectTerminatesPost' | 'connectProxyProtocol'> {
  const upgrades: Record<string, boolean> = {};
  let connectTerminates = false;
  let connectTerminatesPost = false;
  let connectProxyProtocol: ForwardSettings['connectProxyProtocol'] = 0;
  action.upgradeConfigs.forEach((upgrade, i) => {
    const here = at.field('upgrade_configs', i);
    const type = upgrade.upgradeType.toUpperCase();
    if (type in upgrades) here.field('upgrade_type').error(`Duplicate upgrade ${upgrade.upgradeType}`);
    upgrades[type] = upgrade.enabled ?? true;
    if (upgrade.connectConfig === undefined) return;
    if (type !== 'CONNECT' && type !== 'CONNECT-UDP')
      here.field('connect_config').error(`Non-CONNECT upgrade type ${upgrade.upgradeType} has ConnectConfig`);
    else if (upgrades[type]) {
      const { allowPost, proxyProtocolConfig } = upgrade.connectConfig;
      connectTerminates = true;
      connectTerminatesPost = allowPost;
      if (proxyProtocolConfig?.passThroughTlvs !== undefined)
        here.field('connect_config').field('proxy_protocol_config').unsupported('pass_through_tlvs');
      if (proxyProtocolConfig !== undefined && proxyProtocolConfig.addedTlvs.length > 0)
        here.field('connect_config').field('proxy_protocol_config').unsupported('added_tlvs');
      if (proxyProtocolConfig !== undefined) connectProxyProtocol = proxyProtocolConfig.version === ProxyProtocolVersion.V1 ? 1 : 2;
    }
  });
  return { upgrades: action.upgradeConfigs.length === 0 ? null : upgrades, connectTerminates, connectTerminatesPost, connectProxyProtocol };
}
