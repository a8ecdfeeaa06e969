/** A listener as compiled: plain values that can be posted to a worker. Source: envoy.config.listener.v3.Listener. */
import type { DownstreamTlsSettings } from '../tls/settings.ts';

export type ListenAddressSettings =
  | { readonly kind: 'ip'; readonly ip: string; readonly port: number; readonly ipv4Compat: boolean }
  | { readonly kind: 'pipe'; readonly path: string; readonly mode: number };

export interface SocketOptionSettings {
  readonly level: number;
  readonly name: number;
  /** A number sets an int; text is bytes, one character each. */
  readonly value: number | string;
  readonly state: 'prebind' | 'bound' | 'listening';
}

export interface KeepaliveSettings {
  /** Seconds; 0 = the system's. */
  readonly timeS: number;
  readonly intervalS: number;
  readonly probes: number;
}

export interface ExtensionSettings {
  readonly name: string;
  /** Full protobuf name of its configuration message; names the implementation. */
  readonly type: string;
  readonly settings: unknown;
}

/** When a listener filter is left out. */
export type FilterDisabledSettings =
  | { readonly kind: 'any'; readonly of: readonly FilterDisabledSettings[] }
  | { readonly kind: 'all'; readonly of: readonly FilterDisabledSettings[] }
  | { readonly kind: 'not'; readonly of: FilterDisabledSettings }
  | { readonly kind: 'always' }
  /** `end` is exclusive. */
  | { readonly kind: 'port'; readonly start: number; readonly end: number };

export interface ListenerFilterSettings extends ExtensionSettings {
  readonly disabled: FilterDisabledSettings | null;
}

export type SourceType = 'ANY' | 'SAME_IP_OR_LOOPBACK' | 'EXTERNAL';

/** An empty list, '' or 0 means that the criterion is not given. */
export interface FilterChainMatchSettings {
  readonly destinationPort: number;
  readonly prefixRanges: readonly string[];
  /** Lower case; "*.b.c" for a suffix. */
  readonly serverNames: readonly string[];
  readonly transportProtocol: string;
  readonly applicationProtocols: readonly string[];
  readonly directSourcePrefixRanges: readonly string[];
  readonly sourceType: SourceType;
  readonly sourcePrefixRanges: readonly string[];
  readonly sourcePorts: readonly number[];
}

export interface FilterChainSettings {
  readonly name: string;
  readonly match: FilterChainMatchSettings;
  readonly filters: readonly ExtensionSettings[];
  /** null = plain text. */
  readonly tls: DownstreamTlsSettings | null;
  readonly transportSocketConnectTimeoutMs: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

export interface ListenerSettings {
  readonly name: string;
  /** '' = the address. */
  readonly statPrefix: string;
  /** `address`, then `additional_addresses`. */
  readonly addresses: readonly ListenAddressSettings[];
  readonly bindToPort: boolean;
  readonly useOriginalDst: boolean;
  readonly transparent: boolean;
  readonly freebind: boolean;
  readonly socketOptions: readonly SocketOptionSettings[];
  readonly keepalive: KeepaliveSettings | null;
  /** 0 = the system's limit. */
  readonly backlog: number;
  /** 0 = off. */
  readonly fastOpenQueueLength: number;
  readonly reusePort: boolean;
  readonly bufferLimit: number;
  readonly listenerFilters: readonly ListenerFilterSettings[];
  /** 0 = off. */
  readonly listenerFiltersTimeoutMs: number;
  readonly continueOnListenerFiltersTimeout: boolean;
  /** 0 unspecified, 1 inbound, 2 outbound. */
  readonly trafficDirection: number;
  readonly drainType: 'DEFAULT' | 'MODIFY_ONLY';
  readonly ignoreGlobalConnectionLimit: boolean;
  /** Whatever the pressure, its connections are accepted. */
  readonly bypassOverloadManager: boolean;
  /** Every worker has as many connections as the others, but for one. */
  readonly exactBalance: boolean;
  readonly filterChains: readonly FilterChainSettings[];
  readonly defaultFilterChain: FilterChainSettings | null;
  /** As compiled by the access-log area. */
  readonly accessLogs: readonly unknown[];
}

export const MATCH_ANYTHING: FilterChainMatchSettings = Object.freeze({
  destinationPort: 0,
  prefixRanges: [],
  serverNames: [],
  transportProtocol: '',
  applicationProtocols: [],
  directSourcePrefixRanges: [],
  sourceType: 'ANY',
  sourcePrefixRanges: [],
  sourcePorts: [],
});
