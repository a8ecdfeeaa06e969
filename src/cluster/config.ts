/** Cluster settings from their message. Source: envoy.config.cluster.v3.Cluster. */
import { anyTypeName, type CompileContext } from '../config/context.ts';
import type { CircuitBreakers_Thresholds } from '../config/gen/envoy/config/cluster/v3/circuit_breaker_pb.js';
import type { Cluster } from '../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { BindConfig } from '../config/gen/envoy/config/core/v3/address_pb.js';
import { RoutingPriority, type TransportSocket } from '../config/gen/envoy/config/core/v3/base_pb.js';
import type { UpstreamTlsContext } from '../config/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { durationMs } from '../http/config.ts';
import { compileBalancer } from '../lb/config.ts';
import { isIp } from '../net/address.ts';
import { DEFAULT_THRESHOLDS, type ThresholdSettings } from '../resilience/circuit-breaker.ts';
import { compileOutlier } from '../resilience/outlier/config.ts';
import { compileUpstreamTls, ONLY_OWN_SECRETS, type Secrets, UPSTREAM_TLS } from '../tls/config.ts';
import type { UpstreamTlsSettings } from '../tls/settings.ts';
import {
  compileAssignmentPolicy,
  compileChildren,
  compileDiscoveryType,
  compileDns,
  compileLoadAssignment,
  compileMetadata,
  compileOriginalDst,
  forwardProxyConfig,
} from './discovery/config.ts';
import { compileDnsCache } from './dns-cache/config.ts';
import type { ForwardProxySettings } from './dns-cache/settings.ts';
import { compileHealthCheck } from './health-check/config.ts';
import { lintCluster } from './lint.ts';
import { compileProtocolOptions, upstreamNameOptions } from './pool/config.ts';
import { unwrapProxyProtocol } from './proxy-protocol/config.ts';
import {
  type ClusterSettings,
  DEFAULT_BALANCER,
  DEFAULT_CLUSTER,
  type HappyEyeballsSettings,
  makesOwnHosts,
  type TcpKeepAliveSettings,
} from './settings.ts';

export type { ClusterSettings } from './settings.ts';

const RAW_BUFFER = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';

/** @param message has passed its validation rules */
export function compileCluster(message: Cluster, at: CompileContext, secrets: Secrets = ONLY_OWN_SECRETS): ClusterSettings {
  const type = compileDiscoveryType(message, at);
  const balancer = compileBalancer(message, at, DEFAULT_BALANCER);
  if (type === 'ORIGINAL_DST' && balancer.policy !== 'CLUSTER_PROVIDED') {
    at.field('lb_policy').error(
      `LB policy ${balancer.policy} is not valid for Cluster type ORIGINAL_DST. Only 'CLUSTER_PROVIDED' is allowed with cluster type 'ORIGINAL_DST'`,
    );
  }
  if ((type === 'AGGREGATE' || type === 'FORWARD_PROXY') && balancer.policy !== 'CLUSTER_PROVIDED') {
    at.field('lb_policy').error(
      `cluster manager: cluster provided LB not specified but cluster '${message.name}' provided one. Check cluster documentation.`,
    );
  }
  if (!makesOwnHosts(type) && type !== 'AGGREGATE' && balancer.policy === 'CLUSTER_PROVIDED') {
    at.field('lb_policy').error(
      `cluster provided LB specified but cluster '${message.name}' did not provide one. Check cluster documentation.`,
    );
  }
  // Hosts that traffic makes are known to one worker only, and come and go with it.
  if (type === 'ORIGINAL_DST' && message.healthChecks.length > 0)
    at.unsupported('health_checks', 'hosts of an ORIGINAL_DST cluster are not checked by Outrider yet');
  const assignmentAt = at.field('load_assignment');
  const common = message.commonLbConfig;
  // Envoy rounds the percentage to an integer.
  const panicThreshold = Math.round(common?.healthyPanicThreshold?.value ?? DEFAULT_CLUSTER.panicThreshold);
  const localities =
    makesOwnHosts(type) || type === 'EDS' || type === 'AGGREGATE' ? [] : compileLoadAssignment(message.loadAssignment, type, assignmentAt);
  const fixedHosts = type === 'STATIC' ? localities.reduce((n, { endpoints }) => n + endpoints.length, 0) : 0;
  const announced = unwrapProxyProtocol(message.transportSocket, at.field('transport_socket'));
  const settings: ClusterSettings = {
    name: message.name,
    altStatName: message.altStatName,
    type,
    edsServiceName: message.edsClusterConfig?.serviceName ?? '',
    connectTimeoutMs: durationMs(message.connectTimeout) ?? DEFAULT_CLUSTER.connectTimeoutMs,
    perConnectionBufferLimit: message.perConnectionBufferLimitBytes ?? DEFAULT_CLUSTER.perConnectionBufferLimit,
    balancer,
    panicThreshold,
    closeConnectionsOnHostSetChange: common?.closeConnectionsOnHostSetChange ?? false,
    updateMergeMs: durationMs(common?.updateMergeWindow) ?? DEFAULT_CLUSTER.updateMergeMs,
    perEndpointStats: message.trackClusterStats?.perEndpointStats ?? false,
    trackTimeoutBudgets: message.trackClusterStats?.timeoutBudgets ?? false,
    trackSizes: message.trackClusterStats?.requestResponseSizes ?? false,
    closeConnectionsOnHostHealthFailure: message.closeConnectionsOnHostHealthFailure,
    ignoreHealthOnHostRemoval: message.ignoreHealthOnHostRemoval,
    ignoreNewHostsUntilFirstCheck: common?.ignoreNewHostsUntilFirstHc ?? false,
    healthCheck: compileHealthCheck(message, at),
    ...compileAssignmentPolicy(message.loadAssignment, assignmentAt),
    localities,
    breakers: [compileThresholds(message, RoutingPriority.DEFAULT), compileThresholds(message, RoutingPriority.HIGH)],
    perHostMaxConnections: compilePerHost(message, at),
    poolPerDownstream: message.connectionPoolPerDownstreamConnection,
    preconnectRatio: message.preconnectPolicy?.perUpstreamPreconnectRatio ?? DEFAULT_CLUSTER.preconnectRatio,
    predictivePreconnectRatio: message.preconnectPolicy?.predictivePreconnectRatio ?? DEFAULT_CLUSTER.predictivePreconnectRatio,
    outlier:
      message.outlierDetection === undefined
        ? null
        : compileOutlier(message.outlierDetection, at.field('outlier_detection'), { fixedHosts, panicThreshold }),
    ...compileProtocolOptions(message, at),
    tcpKeepAlive: compileKeepAlive(message),
    happyEyeballs: compileHappyEyeballs(message),
    bindAddress: compileBind(message.upstreamBindConfig, at.field('upstream_bind_config')),
    dns: compileDns(message, at),
    originalDst: compileOriginalDst(message, at),
    children: compileChildren(message, at),
    forwardProxy: compileForwardProxy(message, at),
    metadata: compileMetadata(message.metadata),
    requestPolicies: null,
    proxyProtocol: announced.proxyProtocol,
    tls: forwardProxyTls(
      message,
      announced.socket === undefined ? null : compileTransportSocket(announced.socket, secrets, announced.at),
      at,
    ),
    transportSocketMatches: message.transportSocketMatches.map(({ name, match, transportSocket }, i) => {
      const here = unwrapProxyProtocol(transportSocket, at.field('transport_socket_matches', i).field('transport_socket'));
      return {
        name,
        match: (match ?? {}) as Record<string, unknown>,
        tls: here.socket === undefined ? null : compileTransportSocket(here.socket, secrets, here.at),
        proxyProtocol: here.proxyProtocol,
      };
    }),
  };
  if (settings.http.auto && (settings.tls === null || settings.transportSocketMatches.some(({ tls }) => tls === null)))
    at.field('typed_extension_protocol_options').error(`ALPN configured for cluster ${message.name} which has a non-ALPN transport socket`);
  for (const finding of lintCluster(settings, message.http2ProtocolOptions === undefined)) {
    let here = at;
    for (const name of finding.fields) here = here.field(name);
    here.warn(finding.message);
  }
  return settings;
}

/** A host that the request names has to prove that it is the one. */
function forwardProxyTls(message: Cluster, tls: UpstreamTlsSettings | null, at: CompileContext): UpstreamTlsSettings | null {
  const config = forwardProxyConfig(message, at);
  if (config === null) return tls;
  const sni = upstreamNameOptions(message, at);
  if (!config.allowInsecureClusterOptions && !(sni.autoSni && sni.autoSanValidation))
    at.error('dynamic_forward_proxy cluster must have auto_sni and auto_san_validation true unless allow_insecure_cluster_options is set.');
  return tls === null ? null : { ...tls, autoSniSanValidation: tls.autoSniSanValidation || sni.autoSanValidation };
}

function compileForwardProxy(message: Cluster, at: CompileContext): ForwardProxySettings | null {
  const config = forwardProxyConfig(message, at);
  if (config === null) return null;
  const here = at.field('cluster_type').field('typed_config');
  const specifier = config.clusterImplementationSpecifier;
  if (specifier.case !== 'dnsCacheConfig') {
    if (specifier.case === undefined) here.error('a dns_cache_config must be set');
    return null;
  }
  return { cache: compileDnsCache(specifier.value, here.field('dns_cache_config')) };
}

/** null = plain text, also when it was refused. What was to be encrypted is never sent in plain text: --allow-unsupported does not help. */
function compileTransportSocket(socket: TransportSocket, secrets: Secrets, at: CompileContext): UpstreamTlsSettings | null {
  const here = at.field('typed_config');
  const any = socket.configType.case === 'typedConfig' ? socket.configType.value : undefined;
  switch (anyTypeName(any)) {
    case RAW_BUFFER:
      return null;
    case UPSTREAM_TLS: {
      const message = here.unpackAs<UpstreamTlsContext>(any, UPSTREAM_TLS);
      return message === null ? null : compileUpstreamTls(message, secrets, here);
    }
    default:
      if (any !== undefined || (socket.name !== 'raw_buffer' && socket.name !== 'envoy.transport_sockets.raw_buffer'))
        here.error(`transport socket '${socket.name}' is not supported by Outrider yet`);
      return null;
  }
}

/** The first entry of a priority counts. */
function compileThresholds(message: Cluster, priority: RoutingPriority): ThresholdSettings {
  const entry = message.circuitBreakers?.thresholds.find((t) => t.priority === priority);
  if (entry === undefined) return DEFAULT_THRESHOLDS;
  const budget = entry.retryBudget;
  return {
    maxConnections: entry.maxConnections ?? DEFAULT_THRESHOLDS.maxConnections,
    maxPendingRequests: entry.maxPendingRequests ?? DEFAULT_THRESHOLDS.maxPendingRequests,
    maxRequests: entry.maxRequests ?? DEFAULT_THRESHOLDS.maxRequests,
    maxRetries: entry.maxRetries ?? DEFAULT_THRESHOLDS.maxRetries,
    maxConnectionPools: entry.maxConnectionPools ?? DEFAULT_THRESHOLDS.maxConnectionPools,
    retryBudget:
      budget === undefined
        ? null
        : {
            budgetPercent: budget.budgetPercent?.value ?? 20,
            minRetryConcurrency: budget.minRetryConcurrency ?? 3,
            intervalMs: durationMs(budget.budgetInterval) ?? 0,
          },
    trackRemaining: entry.trackRemaining,
  };
}

const ONLY_CONNECTIONS: readonly (keyof CircuitBreakers_Thresholds)[] = [
  'maxPendingRequests',
  'maxRequests',
  'maxRetries',
  'maxConnectionPools',
  'retryBudget',
];

function compilePerHost(message: Cluster, at: CompileContext): number {
  const entries = message.circuitBreakers?.perHostThresholds ?? [];
  for (const [i, entry] of entries.entries()) {
    if (entry.trackRemaining || ONLY_CONNECTIONS.some((field) => entry[field] !== undefined)) {
      at.field('circuit_breakers')
        .field('per_host_thresholds', i)
        .error('unsupported field in per_host_thresholds: only max_connections can be set');
    }
  }
  return entries.find((entry) => entry.priority === RoutingPriority.DEFAULT)?.maxConnections ?? DEFAULT_CLUSTER.perHostMaxConnections;
}

function compileHappyEyeballs(message: Cluster): HappyEyeballsSettings {
  const config = message.upstreamConnectionOptions?.happyEyeballsConfig;
  if (config === undefined) return DEFAULT_CLUSTER.happyEyeballs;
  return { firstFamily: FAMILIES[config.firstAddressFamilyVersion] ?? 0, firstCount: config.firstAddressFamilyCount ?? 1 };
}

/** Of UpstreamConnectionOptions.FirstAddressFamilyVersion. */
const FAMILIES: readonly HappyEyeballsSettings['firstFamily'][] = [0, 4, 6];

function compileKeepAlive(message: Cluster): TcpKeepAliveSettings | null {
  const keepAlive = message.upstreamConnectionOptions?.tcpKeepalive;
  if (keepAlive === undefined) return null;
  return { probes: keepAlive.keepaliveProbes ?? 0, timeS: keepAlive.keepaliveTime ?? 0, intervalS: keepAlive.keepaliveInterval ?? 0 };
}

/** "ip:port", or '' for none. */
export function compileBind(message: BindConfig | undefined, at: CompileContext): string {
  const source = message?.sourceAddress;
  if (source === undefined) return '';
  if (!isIp(source.address)) at.field('source_address').field('address').error(`malformed IP address: ${source.address}`);
  const port = source.portSpecifier.case === 'portValue' ? source.portSpecifier.value : 0;
  return source.address.includes(':') ? `[${source.address}]:${port}` : `${source.address}:${port}`;
}
