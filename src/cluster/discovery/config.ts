/** Where a cluster's hosts come from. Source: Cluster.type, load_assignment, dns_* and original_dst_lb_config. */
import type { Message } from '@bufbuild/protobuf';
import type { Any, Duration } from '@bufbuild/protobuf/wkt';
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import {
  type Cluster,
  Cluster_DnsLookupFamily as LookupFamily,
  Cluster_DiscoveryType as Type,
} from '../../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Address } from '../../config/gen/envoy/config/core/v3/address_pb.js';
import type { Metadata } from '../../config/gen/envoy/config/core/v3/base_pb.js';
import { HealthStatus } from '../../config/gen/envoy/config/core/v3/health_check_pb.js';
import type { Endpoint, LbEndpoint, LocalityLbEndpoints } from '../../config/gen/envoy/config/endpoint/v3/endpoint_components_pb.js';
import type { ClusterLoadAssignment } from '../../config/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import type { ClusterConfig } from '../../config/gen/envoy/extensions/clusters/aggregate/v3/cluster_pb.js';
import type { DnsCluster } from '../../config/gen/envoy/extensions/clusters/dns/v3/dns_pb.js';
import type { ClusterConfig as ForwardProxyConfig } from '../../config/gen/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js';
import type { CaresDnsResolverConfig } from '../../config/gen/envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver_pb.js';
import { durationMs } from '../../http/config.ts';
import { HealthFlag } from '../../lb/host.ts';
import { isIp } from '../../net/address.ts';
import { compileEndpointCheck } from '../health-check/config.ts';
import { compileHostTlvs } from '../proxy-protocol/config.ts';
import {
  type AssignmentPolicy,
  DEFAULT_ASSIGNMENT,
  DEFAULT_DNS,
  DEFAULT_ENDPOINT,
  DEFAULT_ORIGINAL_DST,
  type DefaultResolver,
  type DiscoveryType,
  type DnsResolverOptions,
  type DnsSettings,
  type EndpointSettings,
  type LocalitySettings,
  type OriginalDstSettings,
} from '../settings.ts';

const AGGREGATE = 'envoy.extensions.clusters.aggregate.v3.ClusterConfig';
const FORWARD_PROXY = 'envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig';
const DNS_CLUSTER = 'envoy.extensions.clusters.dns.v3.DnsCluster';
const CARES = 'envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig';

/** Types of `cluster_type` that are implemented. */
export function isKnownClusterType(message: Cluster): boolean {
  const chosen = message.clusterDiscoveryType;
  return chosen.case === 'clusterType' && TYPES.has(anyTypeName(chosen.value.typedConfig));
}

const TYPES = new Set([AGGREGATE, DNS_CLUSTER, FORWARD_PROXY]);

/** The configuration of a cluster_type; null if it is not `type`. */
function typedCluster<T extends Message>(message: Cluster, type: string, at: CompileContext): T | null {
  const chosen = message.clusterDiscoveryType;
  if (chosen.case !== 'clusterType' || anyTypeName(chosen.value.typedConfig) !== type) return null;
  return at.field('cluster_type').field('typed_config').unpackAs<T>(chosen.value.typedConfig, type);
}

export function compileDiscoveryType(message: Cluster, at: CompileContext): DiscoveryType {
  const chosen = message.clusterDiscoveryType;
  if (chosen.case === 'clusterType') {
    switch (anyTypeName(chosen.value.typedConfig)) {
      case AGGREGATE:
        return 'AGGREGATE';
      case FORWARD_PROXY:
        return 'FORWARD_PROXY';
      case DNS_CLUSTER:
        return typedCluster<DnsCluster>(message, DNS_CLUSTER, at)?.allAddressesInSingleEndpoint === true ? 'LOGICAL_DNS' : 'STRICT_DNS';
    }
    at.unsupported('cluster_type', `cluster type '${chosen.value.name}' is not supported by Outrider yet`);
    return 'STATIC';
  }
  const type = Type[chosen.value ?? Type.STATIC] as DiscoveryType;
  if (type === 'EDS' && message.edsClusterConfig === undefined) at.error('cannot create an EDS cluster without an EDS config');
  if (type === 'ORIGINAL_DST' && message.loadAssignment !== undefined) {
    at.field('load_assignment').error('ORIGINAL_DST clusters must have no load assignment configured');
  }
  return type;
}

/** null: it goes to hosts that are known beforehand. */
export function forwardProxyConfig(message: Cluster, at: CompileContext): ForwardProxyConfig | null {
  return typedCluster<ForwardProxyConfig>(message, FORWARD_PROXY, at);
}

/** The clusters that an aggregate is made of. */
export function compileChildren(message: Cluster, at: CompileContext): string[] {
  return typedCluster<ClusterConfig>(message, AGGREGATE, at)?.clusters ?? [];
}

/** Parts of 100, 10,000 or a million, by FractionalPercent.DenominatorType. */
const DENOMINATORS = [100, 10_000, 1_000_000];

export function compileAssignmentPolicy(message: ClusterLoadAssignment | undefined, at: CompileContext): AssignmentPolicy {
  const policy = message?.policy;
  if (policy === undefined) return DEFAULT_ASSIGNMENT;
  const drops = policy.dropOverloads;
  if (drops.length > 1) {
    at.field('policy')
      .field('drop_overloads')
      .error(`Cluster drop_overloads config has ${drops.length} categories. Envoy only support one.`);
  }
  const share = drops[0]?.dropPercentage;
  return {
    overprovisioningFactor: policy.overprovisioningFactor ?? DEFAULT_ASSIGNMENT.overprovisioningFactor,
    weightedPriorityHealth: policy.weightedPriorityHealth,
    dropOverload: share === undefined ? 0 : Math.min(1, share.numerator / DENOMINATORS[share.denominator]!),
  };
}

/** Endpoints by locality, checked against what `type` allows. */
export function compileLoadAssignment(
  message: ClusterLoadAssignment | undefined,
  type: DiscoveryType,
  at: CompileContext,
): LocalitySettings[] {
  const localities = (message?.endpoints ?? []).map((locality, i) => compileLocality(locality, type, at.field('endpoints', i)));
  if (type === 'LOGICAL_DNS' && (localities.length !== 1 || localities[0]!.endpoints.length !== 1)) {
    at.error('LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint');
  }
  return localities;
}

function compileLocality(message: LocalityLbEndpoints, type: DiscoveryType, at: CompileContext): LocalitySettings {
  if (message.lbConfig.case !== undefined)
    at.unsupported(message.lbConfig.case === 'ledsClusterLocalityConfig' ? 'leds_cluster_locality_config' : 'load_balancer_endpoints');
  return {
    region: message.locality?.region ?? '',
    zone: message.locality?.zone ?? '',
    subZone: message.locality?.subZone ?? '',
    priority: message.priority,
    weight: message.loadBalancingWeight ?? 0,
    endpoints: message.lbEndpoints.map((endpoint, i) => compileEndpoint(endpoint, type, at.field('lb_endpoints', i))),
  };
}

function compileEndpoint(message: LbEndpoint, type: DiscoveryType, at: CompileContext): EndpointSettings {
  const endpoint = message.hostIdentifier.case === 'endpoint' ? message.hostIdentifier.value : undefined;
  const here = at.field('endpoint').field('address');
  const place = compileAddress(endpoint?.address, type, here);
  return {
    ...place,
    hostname: endpoint?.hostname ?? '',
    weight: message.loadBalancingWeight ?? DEFAULT_ENDPOINT.weight,
    health: healthBits(message.healthStatus),
    metadata: compileMetadata(message.metadata),
    additional: endpoint === undefined ? [] : compileAdditional(endpoint, type, at.field('endpoint')),
    check: compileEndpointCheck(endpoint?.healthCheckConfig, at.field('endpoint').field('health_check_config')),
  };
}

function compileAddress(
  message: Address | undefined,
  type: DiscoveryType,
  at: CompileContext,
): { host: string; port: number; path: string } {
  const nowhere = { host: '', port: 0, path: '' };
  const address = message?.address;
  if (address?.case === 'pipe') return { ...nowhere, path: address.value.path };
  if (address?.case === 'envoyInternalAddress') {
    at.unsupported('envoy_internal_address');
    return nowhere;
  }
  if (address?.case !== 'socketAddress') {
    at.error('an address must be set');
    return nowhere;
  }
  const socket = address.value;
  const here = at.field('socket_address');
  if (socket.portSpecifier.case === 'namedPort') here.unsupported('named_port');
  const port = socket.portSpecifier.case === 'portValue' ? socket.portSpecifier.value : 0;
  if ((type === 'STATIC' || type === 'EDS') && !isIp(socket.address)) {
    here
      .field('address')
      .error(
        `malformed IP address: ${socket.address}. Consider setting resolver_name or setting cluster type to 'STRICT_DNS' or 'LOGICAL_DNS'`,
      );
  }
  return { ...nowhere, host: socket.address, port };
}

/** "ip:port" each. */
function compileAdditional({ address, additionalAddresses }: Endpoint, type: DiscoveryType, at: CompileContext): string[] {
  if (additionalAddresses.length === 0) return [];
  if (type !== 'STATIC' && type !== 'EDS')
    at.unsupported('additional_addresses', 'only endpoints with IP addresses have further ones in Outrider');
  if (address?.address.case !== 'socketAddress') at.field('address').error('additional_addresses only supports IP addresses');
  return additionalAddresses.flatMap((more, i) => {
    const here = at.field('additional_addresses', i).field('address');
    const { host, port, path } = compileAddress(more.address, 'STATIC', here);
    if (path !== '') here.error('additional_addresses only supports IP addresses');
    return host === '' ? [] : [host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`];
  });
}

function healthBits(status: HealthStatus): number {
  switch (status) {
    case HealthStatus.UNHEALTHY:
    case HealthStatus.TIMEOUT:
      return HealthFlag.FailedEdsHealth;
    case HealthStatus.DRAINING:
      return HealthFlag.FailedEdsHealth | HealthFlag.EdsStatusDraining;
    case HealthStatus.DEGRADED:
      return HealthFlag.DegradedEdsHealth;
    default:
      return 0;
  }
}

/** Filter metadata by namespace; null when there is none. */
export function compileMetadata(message: Metadata | undefined): Readonly<Record<string, unknown>> | null {
  const metadata = { ...message?.filterMetadata, ...compileHostTlvs(message) };
  return Object.keys(metadata).length === 0 ? null : metadata;
}

/** Families by the numbers of envoy.extensions.clusters.common.dns.v3.DnsLookupFamily; the first one stands for the default. */
const FAMILIES: readonly DnsSettings['lookupFamily'][] = ['AUTO', 'AUTO', 'V4_ONLY', 'V6_ONLY', 'V4_PREFERRED', 'ALL'];

export function compileDns(message: Cluster, at: CompileContext): DnsSettings {
  const own = typedCluster<DnsCluster>(message, DNS_CLUSTER, at);
  if (own !== null) {
    const settings = dnsSettings(own, at.field('cluster_type').field('typed_config'));
    const waitForWarm = message.waitForWarmOnInit ?? true;
    return {
      ...settings,
      lookupFamily: FAMILIES[own.dnsLookupFamily]!,
      minRefreshMs: durationMs(own.dnsMinRefreshRate) ?? 0,
      waitForWarm,
    };
  }
  return { ...dnsSettings(message, at), waitForWarm: message.waitForWarmOnInit ?? true };
}

/** What the cluster itself says, or its DnsCluster. */
interface DnsFields extends ResolverFields {
  readonly dnsRefreshRate?: Duration | undefined;
  readonly dnsFailureRefreshRate?:
    | { readonly baseInterval?: Duration | undefined; readonly maxInterval?: Duration | undefined }
    | undefined;
  readonly dnsJitter?: Duration | undefined;
  readonly respectDnsTtl: boolean;
  readonly dnsLookupFamily: number;
  readonly dnsResolvers?: readonly Address[];
}

function dnsSettings(message: DnsFields, at: CompileContext): DnsSettings {
  const refreshMs = durationMs(message.dnsRefreshRate) ?? DEFAULT_DNS.refreshMs;
  const failure = message.dnsFailureRefreshRate;
  const failureRefreshMs = durationMs(failure?.baseInterval) ?? refreshMs;
  const failureRefreshMaxMs = durationMs(failure?.maxInterval) ?? (failure === undefined ? failureRefreshMs : failureRefreshMs * 10);
  if (failureRefreshMaxMs < failureRefreshMs) {
    at.field('dns_failure_refresh_rate').error(
      'dns_failure_refresh_rate must have max_interval greater than or equal to the base_interval',
    );
  }
  const resolver = compileResolver(message, message.dnsResolvers ?? [], at);
  return {
    refreshMs,
    failureRefreshMs,
    failureRefreshMaxMs,
    jitterMs: durationMs(message.dnsJitter) ?? 0,
    respectTtl: message.respectDnsTtl,
    lookupFamily: (LookupFamily[message.dnsLookupFamily] ?? 'AUTO') as DnsSettings['lookupFamily'],
    resolvers: resolver.servers,
    resolverOptions: resolver.options,
    minRefreshMs: 0,
    waitForWarm: true,
  };
}

/** What clusters and the bootstrap have in common. */
interface ResolverFields {
  readonly typedDnsResolverConfig?: { readonly typedConfig?: Any | undefined } | undefined;
  readonly dnsResolutionConfig?:
    | { readonly resolvers: readonly Address[]; readonly dnsResolverOptions?: ResolverOptions | undefined }
    | undefined;
}
type ResolverOptions = { readonly noDefaultSearchDomain: boolean };

/** c-ares asks each server this often, and gives it this long at first. */
const QUERY_TRIES = 4;
const QUERY_TIMEOUT_MS = 5000;

/** The typed configuration wins over the two older ways to name servers. @param servers the oldest one */
export function compileResolver(message: ResolverFields, servers: readonly Address[], at: CompileContext): DefaultResolver {
  const typed = message.typedDnsResolverConfig?.typedConfig;
  if (typed === undefined) {
    const old = message.dnsResolutionConfig;
    if (old === undefined) return { servers: servers.flatMap(resolverAddress), options: null };
    return { servers: old.resolvers.flatMap(resolverAddress), options: resolverOptions(old.dnsResolverOptions, null) };
  }
  const config = at.field('typed_dns_resolver_config').field('typed_config').unpack(typed);
  if (config?.$typeName !== CARES) return { servers: [], options: null };
  const cares = config as CaresDnsResolverConfig;
  return { servers: cares.resolvers.flatMap(resolverAddress), options: resolverOptions(cares.dnsResolverOptions, cares) };
}

function resolverOptions(old: ResolverOptions | undefined, cares: CaresDnsResolverConfig | null): DnsResolverOptions {
  const timeoutS = Number(cares?.queryTimeoutSeconds ?? 0n);
  return {
    queryTimeoutMs: timeoutS > 0 ? timeoutS * 1000 : QUERY_TIMEOUT_MS,
    queryTries: cares?.queryTries ?? QUERY_TRIES,
    searchDomains: old?.noDefaultSearchDomain !== true,
    asFallback: cares?.useResolversAsFallback ?? false,
  };
}

function resolverAddress(message: Address): string[] {
  if (message.address.case !== 'socketAddress') return [];
  const { address, portSpecifier } = message.address.value;
  const port = portSpecifier.case === 'portValue' ? portSpecifier.value : 53;
  return [address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`];
}

export function compileOriginalDst(message: Cluster, at: CompileContext): OriginalDstSettings {
  const cleanupIntervalMs = durationMs(message.cleanupInterval) ?? DEFAULT_ORIGINAL_DST.cleanupIntervalMs;
  if (message.lbConfig.case !== 'originalDstLbConfig') return { ...DEFAULT_ORIGINAL_DST, cleanupIntervalMs };
  const config = message.lbConfig.value;
  if (config.httpHeaderName !== '' && !config.useHttpHeader) {
    at.field('original_dst_lb_config').error(
      `ORIGINAL_DST cluster: invalid config http_header_name=${config.httpHeaderName} and use_http_header is false. Set use_http_header to true if http_header_name is desired.`,
    );
  }
  const key = config.metadataKey;
  return {
    useHttpHeader: config.useHttpHeader,
    httpHeaderName: config.httpHeaderName === '' ? DEFAULT_ORIGINAL_DST.httpHeaderName : config.httpHeaderName.toLowerCase(),
    portOverride: config.upstreamPortOverride ?? 0,
    cleanupIntervalMs,
    metadataPath: key === undefined ? [] : [key.key, ...key.path.map((p) => String(p.segment.value ?? ''))],
  };
}
