/** What a cluster is told: plain data, made from the Cluster message on the control thread. Every default is stated here, once. */
import { DEFAULT_HTTP1_CLIENT_SETTINGS, type Http1Settings } from '../http/h1/settings.ts';
import type { Http2Settings } from '../http/h2/settings.ts';
import type { ClientSideWeightSettings } from '../lb/client-side-weights.ts';
import type { ConsistentHashSettings } from '../lb/hash/table.ts';
import type { LeastRequestSettings } from '../lb/least-request.ts';
import { DEFAULT_LOCALITY_POLICY, type LocalityPolicy } from '../lb/locality/policy.ts';
import { OverrideStatus } from '../lb/override-hosts.ts';
import type { OverrideSource } from '../lb/override-sources.ts';
import type { SlowStartSettings } from '../lb/slow-start.ts';
import type { SubsetSettings } from '../lb/subset/settings.ts';
import type { UpstreamProxyProtocolSettings } from '../net/proxy-protocol.ts';
import { DEFAULT_THRESHOLDS, type ThresholdSettings, UNLIMITED } from '../resilience/circuit-breaker.ts';
import type { ErrorMatchSettings } from '../resilience/outlier/error-matcher.ts';
import type { OutlierSettings } from '../resilience/outlier/settings.ts';
import type { TransportSocketMatchSettings, UpstreamTlsSettings } from '../tls/settings.ts';
import type { ForwardProxySettings } from './dns-cache/settings.ts';
import type { EndpointCheckSettings, HealthCheckSettings } from './health-check/settings.ts';

export type DiscoveryType = 'STATIC' | 'STRICT_DNS' | 'LOGICAL_DNS' | 'EDS' | 'ORIGINAL_DST' | 'AGGREGATE' | 'FORWARD_PROXY';

/** Workers make the hosts by themselves, from traffic. */
export function makesOwnHosts(type: DiscoveryType): boolean {
  return type === 'ORIGINAL_DST' || type === 'FORWARD_PROXY';
}

export type DnsLookupFamily = 'AUTO' | 'V4_ONLY' | 'V6_ONLY' | 'V4_PREFERRED' | 'ALL';

export interface BalancerSettings extends LeastRequestSettings {
  readonly policy: 'ROUND_ROBIN' | 'LEAST_REQUEST' | 'RANDOM' | 'CLUSTER_PROVIDED' | 'RING_HASH' | 'MAGLEV';
  readonly locality: LocalityPolicy;
  /** OverrideStatus bits: in which health a host may be that the request names. */
  readonly overrideStatus: number;
  readonly slowStart: SlowStartSettings | null;
  readonly clientSideWeights: ClientSideWeightSettings | null;
  readonly overrideSources: readonly OverrideSource[] | null;
  readonly consistentHash: ConsistentHashSettings | null;
  readonly subset: SubsetSettings | null;
}

/** One `lb_endpoint`. Exactly one of `host` and `path` is set. */
export interface EndpointSettings {
  /** IP address in text, or a DNS name for DNS clusters. */
  readonly host: string;
  readonly port: number;
  /** UNIX socket. */
  readonly path: string;
  readonly hostname: string;
  readonly weight: number;
  /** HealthFlag bits that the endpoint's health_status stands for. */
  readonly health: number;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Further "ip:port" of the same host. Source: Endpoint.additional_addresses. */
  readonly additional: readonly string[];
  /** How it is health-checked if not as the cluster says; null. */
  readonly check: EndpointCheckSettings | null;
}

export interface LocalitySettings {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
  readonly priority: number;
  /** 0 = absent. */
  readonly weight: number;
  readonly endpoints: readonly EndpointSettings[];
}

/** Source: envoy.extensions.upstreams.http.v3.HttpProtocolOptions. All times in ms, 0 = off. */
export interface UpstreamHttpSettings {
  readonly idleTimeoutMs: number;
  readonly maxConnectionDurationMs: number;
  /** Bound on one request-response exchange as the router sees it. */
  readonly maxStreamDurationMs: number;
  /** 0 = no limit. */
  readonly maxRequestsPerConnection: number;
  readonly http1: Http1Settings;
  /** null: HTTP/1.1 is spoken. */
  readonly http2: Http2Settings | null;
  /** Whatever the client speaks (use_downstream_protocol_config); without `http2`, HTTP/1.1 all the same. */
  readonly asDownstream: boolean;
  /** Whatever the handshake agrees on (auto_config); `http2` is set, and all hosts are spoken to over TLS. */
  readonly auto: boolean;
  /** null: the server's name has nothing to do with the request. */
  readonly requestNames: RequestNamesSettings | null;
}

/** What of a TLS handshake follows from the request. Source: UpstreamHttpProtocolOptions. */
export interface RequestNamesSettings {
  readonly autoSni: boolean;
  readonly autoSanValidation: boolean;
  /** Lower case; '' = the host. */
  readonly header: string;
}

/** Source: UpstreamConnectionOptions.happy_eyeballs_config. */
export interface HappyEyeballsSettings {
  /** 0 = the family of the host's first address. */
  readonly firstFamily: 0 | 4 | 6;
  readonly firstCount: number;
}

export interface TcpKeepAliveSettings {
  /** 0 = the system's default. */
  readonly probes: number;
  readonly timeS: number;
  readonly intervalS: number;
}

export interface DnsResolverOptions {
  /** Milliseconds that a server has for the first try. */
  readonly queryTimeoutMs: number;
  readonly queryTries: number;
  /** The search list of resolv.conf is used for names without dots. */
  readonly searchDomains: boolean;
  /** `resolvers` are asked only where resolv.conf names none. */
  readonly asFallback: boolean;
}

/** The resolver of clusters that name none. */
export interface DefaultResolver {
  readonly servers: readonly string[];
  readonly options: DnsResolverOptions | null;
}

export interface DnsSettings {
  readonly refreshMs: number;
  readonly failureRefreshMs: number;
  readonly failureRefreshMaxMs: number;
  readonly jitterMs: number;
  readonly respectTtl: boolean;
  /** A shorter TTL counts as this; 0 = as the server says. */
  readonly minRefreshMs: number;
  readonly lookupFamily: DnsLookupFamily;
  /** Servers as "ip:port"; empty = the system's. */
  readonly resolvers: readonly string[];
  /** How they are asked; null = as by default. With no resolvers either, those of the bootstrap are used. */
  readonly resolverOptions: DnsResolverOptions | null;
  /** The proxy starts serving only after the first answer. */
  readonly waitForWarm: boolean;
}

export interface OriginalDstSettings {
  readonly useHttpHeader: boolean;
  readonly httpHeaderName: string;
  /** 0 = none. */
  readonly portOverride: number;
  readonly cleanupIntervalMs: number;
  /** [namespace, key, …] of dynamic metadata that holds the address; empty = none. */
  readonly metadataPath: readonly string[];
}

/** What an endpoint list says of all its endpoints. Source: ClusterLoadAssignment.Policy. */
export interface AssignmentPolicy {
  /** Percent by which a priority's healthy share is inflated. */
  readonly overprovisioningFactor: number;
  /** A priority's health is that of its hosts' weights. */
  readonly weightedPriorityHealth: boolean;
  /** Share of the requests that are refused, 0 to 1. */
  readonly dropOverload: number;
}

export const DEFAULT_ASSIGNMENT: AssignmentPolicy = Object.freeze({
  overprovisioningFactor: 140,
  weightedPriorityHealth: false,
  dropOverload: 0,
});

export interface ClusterSettings extends AssignmentPolicy {
  readonly name: string;
  /** Name in statistics; '' = `name`. */
  readonly altStatName: string;
  readonly type: DiscoveryType;
  /** eds_cluster_config.service_name; ''. */
  readonly edsServiceName: string;
  readonly connectTimeoutMs: number;
  readonly perConnectionBufferLimit: number;
  readonly balancer: BalancerSettings;
  /** Percent. */
  readonly panicThreshold: number;
  readonly closeConnectionsOnHostSetChange: boolean;
  /** track_cluster_stats.per_endpoint_stats. */
  readonly perEndpointStats: boolean;
  /** track_cluster_stats.timeout_budgets. */
  readonly trackTimeoutBudgets: boolean;
  /** track_cluster_stats.request_response_sizes. */
  readonly trackSizes: boolean;
  /** update_merge_window; 0 = off. */
  readonly updateMergeMs: number;
  /** TCP connections end when their host fails a health check or is ejected. */
  readonly closeConnectionsOnHostHealthFailure: boolean;
  /** A host that discovery removes goes at once, however healthy it is. */
  readonly ignoreHealthOnHostRemoval: boolean;
  /** A host that has not been checked yet does not count in shares of healthy hosts. */
  readonly ignoreNewHostsUntilFirstCheck: boolean;
  /** null: hosts are not checked. */
  readonly healthCheck: HealthCheckSettings | null;
  readonly localities: readonly LocalitySettings[];
  /** By routing priority: default, high. */
  readonly breakers: readonly [ThresholdSettings, ThresholdSettings];
  readonly perHostMaxConnections: number;
  /** Each client's connection has pools of its own. Source: connection_pool_per_downstream_connection. */
  readonly poolPerDownstream: boolean;
  /** preconnect_policy.per_upstream_preconnect_ratio. */
  readonly preconnectRatio: number;
  /** preconnect_policy.predictive_preconnect_ratio. */
  readonly predictivePreconnectRatio: number;
  /** null = no outlier detection. */
  readonly outlier: OutlierSettings | null;
  /** HttpProtocolOptions.outlier_detection.error_matcher. */
  readonly outlierErrors: ErrorMatchSettings | null;
  readonly http: UpstreamHttpSettings;
  readonly tcpIdleTimeoutMs: number;
  readonly tcpKeepAlive: TcpKeepAliveSettings | null;
  readonly happyEyeballs: HappyEyeballsSettings;
  /** Source address of upstream connections, "ip:port" (port 0 = any); ''. */
  readonly bindAddress: string;
  readonly dns: DnsSettings;
  readonly originalDst: OriginalDstSettings;
  /** Clusters of an AGGREGATE, the preferred one first. */
  readonly children: readonly string[];
  /** Of a FORWARD_PROXY; null. */
  readonly forwardProxy: ForwardProxySettings | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** What holds for requests instead of what their route says (ClusterPolicySettings of src/route); null = nothing. */
  readonly requestPolicies: object | null;
  /** null = plain text. */
  readonly tls: UpstreamTlsSettings | null;
  /** The first that an endpoint's metadata matches stands for `tls`. */
  readonly transportSocketMatches: readonly TransportSocketMatchSettings[];
  /** What goes before everything else on a connection; null = nothing. */
  readonly proxyProtocol: UpstreamProxyProtocolSettings | null;
}

export const DEFAULT_ENDPOINT: EndpointSettings = Object.freeze({
  host: '',
  port: 0,
  path: '',
  hostname: '',
  weight: 1,
  health: 0,
  metadata: null,
  additional: [],
  check: null,
});

export const DEFAULT_LOCALITY: LocalitySettings = Object.freeze({
  region: '',
  zone: '',
  subZone: '',
  priority: 0,
  weight: 0,
  endpoints: [],
});

export const DEFAULT_BALANCER: BalancerSettings = Object.freeze({
  policy: 'ROUND_ROBIN',
  choiceCount: 2,
  activeRequestBias: 1,
  activeRequestBiasKey: '',
  fullScan: false,
  locality: DEFAULT_LOCALITY_POLICY,
  overrideStatus: OverrideStatus.Healthy | OverrideStatus.Degraded,
  slowStart: null,
  clientSideWeights: null,
  overrideSources: null,
  consistentHash: null,
  subset: null,
});

export const DEFAULT_UPSTREAM_HTTP: UpstreamHttpSettings = Object.freeze({
  idleTimeoutMs: 3_600_000,
  maxConnectionDurationMs: 0,
  maxStreamDurationMs: 0,
  maxRequestsPerConnection: 0,
  http1: DEFAULT_HTTP1_CLIENT_SETTINGS,
  http2: null,
  asDownstream: false,
  auto: false,
  requestNames: null,
});

export const DEFAULT_DNS: DnsSettings = Object.freeze({
  refreshMs: 5000,
  failureRefreshMs: 5000,
  failureRefreshMaxMs: 5000,
  jitterMs: 0,
  respectTtl: false,
  minRefreshMs: 0,
  lookupFamily: 'AUTO',
  resolvers: [],
  resolverOptions: null,
  waitForWarm: true,
});

export const DEFAULT_ORIGINAL_DST: OriginalDstSettings = Object.freeze({
  useHttpHeader: false,
  httpHeaderName: 'x-envoy-original-dst-host',
  portOverride: 0,
  cleanupIntervalMs: 5000,
  metadataPath: [],
});

/** A cluster of which nothing but the name was said. */
export const DEFAULT_CLUSTER: ClusterSettings = Object.freeze({
  name: '',
  altStatName: '',
  type: 'STATIC',
  edsServiceName: '',
  connectTimeoutMs: 5000,
  perConnectionBufferLimit: 1 << 20,
  balancer: DEFAULT_BALANCER,
  panicThreshold: 50,
  closeConnectionsOnHostSetChange: false,
  perEndpointStats: false,
  trackTimeoutBudgets: false,
  trackSizes: false,
  updateMergeMs: 1000,
  closeConnectionsOnHostHealthFailure: false,
  ignoreHealthOnHostRemoval: false,
  ignoreNewHostsUntilFirstCheck: false,
  healthCheck: null,
  ...DEFAULT_ASSIGNMENT,
  localities: [],
  breakers: [DEFAULT_THRESHOLDS, DEFAULT_THRESHOLDS] as const,
  perHostMaxConnections: UNLIMITED,
  poolPerDownstream: false,
  preconnectRatio: 1,
  predictivePreconnectRatio: 1,
  outlier: null,
  outlierErrors: null,
  http: DEFAULT_UPSTREAM_HTTP,
  tcpIdleTimeoutMs: 600_000,
  tcpKeepAlive: null,
  happyEyeballs: { firstFamily: 0 as const, firstCount: 1 },
  bindAddress: '',
  dns: DEFAULT_DNS,
  originalDst: DEFAULT_ORIGINAL_DST,
  children: [],
  forwardProxy: null,
  metadata: null,
  requestPolicies: null,
  tls: null,
  transportSocketMatches: [],
  proxyProtocol: null,
});
