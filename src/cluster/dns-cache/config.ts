/** Source: envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig. */
import type { CompileContext } from '../../config/context.ts';
import { Cluster_DnsLookupFamily as LookupFamily } from '../../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { DnsCacheConfig } from '../../config/gen/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js';
import { durationMs } from '../../http/config.ts';
import { compileResolver } from '../discovery/config.ts';
import type { DnsCacheSettings } from './settings.ts';

const DEFAULT_REFRESH_MS = 60_000;
const DEFAULT_MIN_REFRESH_MS = 5000;
const DEFAULT_HOST_TTL_MS = 300_000;
const DEFAULT_QUERY_TIMEOUT_MS = 5000;
const DEFAULT_MAX = 1024;

export function compileDnsCache(message: DnsCacheConfig, at: CompileContext): DnsCacheSettings {
  const refreshMs = durationMs(message.dnsRefreshRate) ?? DEFAULT_REFRESH_MS;
  const minRefreshMs = durationMs(message.dnsMinRefreshRate) ?? DEFAULT_MIN_REFRESH_MS;
  const failure = message.dnsFailureRefreshRate;
  const failureRefreshMs = durationMs(failure?.baseInterval) ?? refreshMs;
  const failureRefreshMaxMs = durationMs(failure?.maxInterval) ?? (failure === undefined ? failureRefreshMs : failureRefreshMs * 10);
  const resolver = compileResolver(message, [], at);
  const settings: DnsCacheSettings = {
    name: message.name,
    lookupFamily: LookupFamily[message.dnsLookupFamily] as DnsCacheSettings['lookupFamily'],
    refreshMs,
    minRefreshMs,
    hostTtlMs: durationMs(message.hostTtl) ?? DEFAULT_HOST_TTL_MS,
    maxHosts: message.maxHosts ?? DEFAULT_MAX,
    failureRefreshMs,
    // Envoy takes a maximum below the base for granted.
    failureRefreshMaxMs: Math.max(failureRefreshMs, failureRefreshMaxMs),
    maxPendingRequests: message.dnsCacheCircuitBreaker?.maxPendingRequests ?? DEFAULT_MAX,
    queryTimeoutMs: durationMs(message.dnsQueryTimeout) ?? DEFAULT_QUERY_TIMEOUT_MS,
    forgetFailed: message.disableDnsRefreshOnFailure,
    preresolve: message.preresolveHostnames.map(({ address, portSpecifier }) => ({
      host: address,
      port: portSpecifier.case === 'portValue' ? portSpecifier.value : 0,
    })),
    resolvers: resolver.servers,
    resolverOptions: resolver.options,
  };
  if (settings.preresolve.length > settings.maxHosts)
    at.field('preresolve_hostnames').error(
      `DNS Cache [${message.name}] configured with preresolve_hostnames=${settings.preresolve.length} larger than max_hosts=${settings.maxHosts}`,
    );
  return settings;
}
