/** Source: envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy. */
import type { CompileContext } from '../../../config/context.ts';
import type { AccessLog } from '../../../config/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import type { BackoffStrategy } from '../../../config/gen/envoy/config/core/v3/backoff_pb.js';
import type { TcpProxy, TcpProxy_TunnelingConfig } from '../../../config/gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { HashPolicy } from '../../../config/gen/envoy/type/v3/hash_policy_pb.js';
import { durationMs } from '../../../http/config.ts';
import { compileFormat } from '../../../http/format/formatter.ts';
import { FormatError, NO_ENVIRONMENT } from '../../../http/format/operator.ts';
import { compileHeaderAdds } from '../../../route/headers/config.ts';
import type { HeaderMutationSettings } from '../../../route/settings.ts';

export interface WeightedClusterSettings {
  readonly name: string;
  readonly weight: number;
}

export type TcpHashPolicySettings = { readonly kind: 'source_ip' } | { readonly kind: 'filter_state'; readonly key: string };

export interface TcpProxySettings {
  readonly statPrefix: string;
  /** '' = one of `weightedClusters`. */
  readonly cluster: string;
  readonly weightedClusters: readonly WeightedClusterSettings[];
  /** Milliseconds; 0 = off. */
  readonly idleTimeoutMs: number;
  readonly maxConnectAttempts: number;
  /** null = the next attempt follows at once. */
  readonly backOff: { readonly baseMs: number; readonly maxMs: number } | null;
  /** Milliseconds; 0 = off. */
  readonly maxConnectionDurationMs: number;
  /** Percent of the duration that is added at most. */
  readonly maxConnectionDurationJitter: number;
  /** null: bytes go upstream as they are. */
  readonly tunneling: TunnelingSettings | null;
  /** The pairs under "envoy.lb" that endpoints must have, for subsets; null = none. */
  readonly metadataMatch: Readonly<Record<string, unknown>> | null;
  readonly hashPolicy: TcpHashPolicySettings | null;
  /** As compiled by the access-log area. */
  readonly accessLogs: readonly unknown[];
  /** Milliseconds; 0 = off. */
  readonly accessLogFlushIntervalMs: number;
  readonly flushAccessLogOnConnected: boolean;
  readonly flushAccessLogOnStart: boolean;
}

/** How bytes go through HTTP. Source: TcpProxy.TunnelingConfig. */
export interface TunnelingSettings {
  /** Format of the authority. */
  readonly hostname: string;
  readonly usePost: boolean;
  readonly postPath: string;
  readonly headers: HeaderMutationSettings;
  readonly propagateResponseHeaders: boolean;
  readonly propagateResponseTrailers: boolean;
}

export interface TcpProxyCompilers {
  accessLog(message: AccessLog, at: CompileContext): unknown;
}

const DEFAULT_IDLE_TIMEOUT_MS = 3_600_000;

export function compileTcpProxy(message: TcpProxy, at: CompileContext, compilers: TcpProxyCompilers): TcpProxySettings {
  const specifier = message.clusterSpecifier;
  if (message.onDemand !== undefined) at.unsupported('on_demand');
  const options = message.accessLogOptions;
  return {
    statPrefix: message.statPrefix,
    cluster: specifier.case === 'cluster' ? specifier.value : '',
    weightedClusters: specifier.case === 'weightedClusters' ? specifier.value.clusters.map(({ name, weight }) => ({ name, weight })) : [],
    idleTimeoutMs: durationMs(message.idleTimeout) ?? DEFAULT_IDLE_TIMEOUT_MS,
    maxConnectAttempts: message.maxConnectAttempts ?? 1,
    backOff: compileBackOff(message.backoffOptions, at),
    maxConnectionDurationMs: durationMs(message.maxDownstreamConnectionDuration) ?? 0,
    maxConnectionDurationJitter: message.maxDownstreamConnectionDurationJitterPercentage?.value ?? 0,
    tunneling: message.tunnelingConfig === undefined ? null : compileTunneling(message.tunnelingConfig, at.field('tunneling_config')),
    metadataMatch: message.metadataMatch?.filterMetadata['envoy.lb'] ?? null,
    hashPolicy: message.hashPolicy[0] === undefined ? null : compileHashPolicy(message.hashPolicy[0]),
    accessLogs: message.accessLog.map((log, i) => compilers.accessLog(log, at.field('access_log', i))).filter((log) => log !== null),
    accessLogFlushIntervalMs: durationMs(options?.accessLogFlushInterval ?? message.accessLogFlushInterval) ?? 0,
    flushAccessLogOnConnected: options?.flushAccessLogOnConnected ?? message.flushAccessLogOnConnected,
    flushAccessLogOnStart: options?.flushAccessLogOnStart ?? false,
  };
}

function compileTunneling(message: TcpProxy_TunnelingConfig, at: CompileContext): TunnelingSettings {
  try {
    compileFormat(message.hostname, NO_ENVIRONMENT, '');
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    at.field('hostname').error(error.message);
  }
  if (message.postPath !== '' && !message.usePost) at.field('post_path').error("Can't set a post path when POST method isn't used");
  return {
    hostname: message.hostname,
    usePost: message.usePost,
    postPath: message.postPath === '' ? '/' : message.postPath,
    headers: { add: compileHeaderAdds(message.headersToAdd, at, 'headers_to_add'), remove: [] },
    propagateResponseHeaders: message.propagateResponseHeaders,
    propagateResponseTrailers: message.propagateResponseTrailers,
  };
}

function compileBackOff(strategy: BackoffStrategy | undefined, at: CompileContext): TcpProxySettings['backOff'] {
  if (strategy === undefined) return null;
  const baseMs = durationMs(strategy.baseInterval) ?? 0;
  const maxMs = durationMs(strategy.maxInterval) ?? baseMs * 10;
  if (maxMs < baseMs) at.field('backoff_options').error('max_backoff_interval must be greater or equal to base_backoff_interval');
  return { baseMs, maxMs };
}

function compileHashPolicy(policy: HashPolicy): TcpHashPolicySettings | null {
  const { case: kind, value } = policy.policySpecifier;
  if (kind === 'sourceIp') return { kind: 'source_ip' };
  return kind === 'filterState' ? { kind: 'filter_state', key: value.key } : null;
}
