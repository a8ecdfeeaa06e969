/** A cache of addresses that requests fill. Source: envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig. */
import type { DnsLookupFamily, DnsResolverOptions } from '../settings.ts';

/** Times in milliseconds. */
export interface DnsCacheSettings {
  readonly name: string;
  readonly lookupFamily: DnsLookupFamily;
  /** Where the answer tells no TTL. */
  readonly refreshMs: number;
  readonly minRefreshMs: number;
  readonly hostTtlMs: number;
  readonly maxHosts: number;
  readonly failureRefreshMs: number;
  readonly failureRefreshMaxMs: number;
  readonly maxPendingRequests: number;
  readonly queryTimeoutMs: number;
  /** A name that cannot be resolved is forgotten at once. */
  readonly forgetFailed: boolean;
  /** Resolved before anybody asks. */
  readonly preresolve: readonly { readonly host: string; readonly port: number }[];
  /** Servers as "ip:port"; empty = the system's. */
  readonly resolvers: readonly string[];
  readonly resolverOptions: DnsResolverOptions | null;
}

/** Of a cluster that goes where the request wants to. */
export interface ForwardProxySettings {
  readonly cache: DnsCacheSettings;
}
