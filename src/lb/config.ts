/** Balancing settings. Source: envoy.config.cluster.v3.Cluster (lb_policy and its companions) and load_balancing_policy's typed policies. */
import type { Any, Duration } from '@bufbuild/protobuf/wkt';
import { anyTypeName, type CompileContext } from '../config/context.ts';
import {
  type Cluster,
  type Cluster_LeastRequestLbConfig,
  type Cluster_SlowStartConfig,
  Cluster_LbPolicy as LbPolicy,
  type LoadBalancingPolicy,
} from '../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { RuntimeDouble } from '../config/gen/envoy/config/core/v3/base_pb.js';
import { HealthStatus } from '../config/gen/envoy/config/core/v3/health_check_pb.js';
import type { ClientSideWeightedRoundRobin } from '../config/gen/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3/client_side_weighted_round_robin_pb.js';
import type { SlowStartConfig } from '../config/gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js';
import {
  type LeastRequest,
  LeastRequest_SelectionMethod as SelectionMethod,
} from '../config/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js';
import type { Maglev } from '../config/gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js';
import type {
  OverrideHost,
  OverrideHost_OverrideHostSource,
} from '../config/gen/envoy/extensions/load_balancing_policies/override_host/v3/override_host_pb.js';
import type { Random as RandomPolicy } from '../config/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js';
import type { RingHash } from '../config/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js';
import type { RoundRobin } from '../config/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js';
import type { Subset } from '../config/gen/envoy/extensions/load_balancing_policies/subset/v3/subset_pb.js';
import type { WrrLocality } from '../config/gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.js';
import type { ClientSideWeightSettings, OutOfBandSettings } from './client-side-weights.ts';
import { checkHostnameHashing, compileLegacyMaglev, compileLegacyRing, compileMaglev, compileRing } from './hash/config.ts';
import type { ConsistentHashSettings } from './hash/table.ts';
import type { LeastRequestSettings } from './least-request.ts';
import { compileLocalityPolicy } from './locality/config.ts';
import type { LocalityPolicy } from './locality/policy.ts';
import { OverrideStatus } from './override-hosts.ts';
import type { OverrideSource } from './override-sources.ts';
import type { SlowStartSettings } from './slow-start.ts';
import { compileSubset } from './subset/config.ts';
import type { SubsetSettings } from './subset/settings.ts';

export type PolicyName = 'ROUND_ROBIN' | 'LEAST_REQUEST' | 'RANDOM' | 'CLUSTER_PROVIDED' | 'RING_HASH' | 'MAGLEV';

export interface PolicySettings extends LeastRequestSettings {
  readonly policy: PolicyName;
  readonly locality: LocalityPolicy;
  readonly subset: SubsetSettings | null;
  /** OverrideStatus bits: in which health a host may be that the request names. */
  readonly overrideStatus: number;
  /** ROUND_ROBIN and LEAST_REQUEST; null = off. */
  readonly slowStart: SlowStartSettings | null;
  /** client_side_weighted_round_robin; null for others. */
  readonly clientSideWeights: ClientSideWeightSettings | null;
  /** override_host: where a request may name its host; null = nowhere. */
  readonly overrideSources: readonly OverrideSource[] | null;
  /** RING_HASH and MAGLEV; null for others. */
  readonly consistentHash: ConsistentHashSettings | null;
}

/** A timed-out endpoint is unhealthy like any other: its host does not tell them apart. */
const OVERRIDE_BITS: Readonly<Record<HealthStatus, number>> = {
  [HealthStatus.UNKNOWN]: OverrideStatus.Healthy,
  [HealthStatus.HEALTHY]: OverrideStatus.Healthy,
  [HealthStatus.UNHEALTHY]: OverrideStatus.Unhealthy,
  [HealthStatus.DRAINING]: OverrideStatus.Draining,
  [HealthStatus.TIMEOUT]: OverrideStatus.Unhealthy,
  [HealthStatus.DEGRADED]: OverrideStatus.Degraded,
};

const CLIENT_SIDE = 'envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin';
const TYPED_PREFIX = 'envoy.extensions.load_balancing_policies.';

export function compileBalancer(message: Cluster, at: CompileContext, usual: PolicySettings): PolicySettings {
  checkHostnameHashing(message, at);
  const statuses = message.commonLbConfig?.overrideHostStatus?.statuses;
  const standard =
    statuses === undefined ? usual : { ...usual, overrideStatus: statuses.reduce((bits, status) => bits | OVERRIDE_BITS[status], 0) };
  if (message.loadBalancingPolicy !== undefined)
    return compileTyped(message.loadBalancingPolicy, at.field('load_balancing_policy'), standard);
  const subset = compileSubset(message.lbSubsetConfig, at.field('lb_subset_config'));
  const defaults = { ...standard, locality: compileLocalityPolicy(message.commonLbConfig), subset };
  if (subset?.localityWeightAware === true && !defaults.locality.weighted) {
    at.field('lb_subset_config')
      .field('locality_weight_aware')
      .error(`Locality weight aware subset LB requires that a locality_weighted_lb_config be set in ${message.name}`);
  }
  const config = message.lbConfig;
  switch (message.lbPolicy) {
    case LbPolicy.ROUND_ROBIN:
      return { ...defaults, slowStart: slowStart(config.case === 'roundRobinLbConfig' ? config.value.slowStartConfig : undefined) };
    case LbPolicy.RANDOM:
      return { ...defaults, policy: 'RANDOM' };
    case LbPolicy.CLUSTER_PROVIDED:
      return { ...defaults, policy: 'CLUSTER_PROVIDED' };
    case LbPolicy.LEAST_REQUEST:
      return config.case === 'leastRequestLbConfig'
        ? leastRequest(config.value, defaults, false)
        : { ...defaults, policy: 'LEAST_REQUEST' };
    case LbPolicy.RING_HASH:
      return { ...defaults, policy: 'RING_HASH', consistentHash: compileLegacyRing(message, at) };
    case LbPolicy.MAGLEV:
      return { ...defaults, policy: 'MAGLEV', consistentHash: compileLegacyMaglev(message, at) };
    case LbPolicy.LOAD_BALANCING_POLICY_CONFIG:
      at.error('field load_balancing_policy needs to be set');
      return defaults;
    default:
      at.unsupported('lb_policy', `${LbPolicy[message.lbPolicy]} is not supported by Outrider yet`);
      return defaults;
  }
}

/** Compilers of typed policies, by the name of the message without its prefix. Null: the message could not be read, which has been reported. */
const TYPED: Readonly<Record<string, (any: Any | undefined, at: CompileContext, defaults: PolicySettings) => PolicySettings | null>> = {
  'random.v3.Random': (any, at, defaults) => {
    const typed = at.unpackAs<RandomPolicy>(any, 'envoy.extensions.load_balancing_policies.random.v3.Random');
    return typed && { ...defaults, policy: 'RANDOM', locality: compileLocalityPolicy(typed.localityLbConfig) };
  },
  'cluster_provided.v3.ClusterProvided': (_any, _at, defaults) => ({ ...defaults, policy: 'CLUSTER_PROVIDED' }),
  'round_robin.v3.RoundRobin': (any, at, defaults) => {
    const typed = at.unpackAs<RoundRobin>(any, 'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin');
    if (typed === null) return null;
    const locality = compileLocalityPolicy(typed.localityLbConfig);
    return { ...defaults, policy: 'ROUND_ROBIN', locality, slowStart: slowStart(typed.slowStartConfig) };
  },
  'least_request.v3.LeastRequest': (any, at, defaults) => {
    const typed = at.unpackAs<LeastRequest>(any, 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest');
    if (typed === null) return null;
    const fullScan = typed.selectionMethod === SelectionMethod.FULL_SCAN || typed.enableFullScan === true;
    return leastRequest(typed, { ...defaults, locality: compileLocalityPolicy(typed.localityLbConfig) }, fullScan);
  },
  'ring_hash.v3.RingHash': (any, at, defaults) => {
    const typed = at.unpackAs<RingHash>(any, 'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash');
    return typed && { ...defaults, policy: 'RING_HASH', consistentHash: compileRing(typed, at) };
  },
  'subset.v3.Subset': (any, at, defaults) => {
    const typed = at.unpackAs<Subset>(any, 'envoy.extensions.load_balancing_policies.subset.v3.Subset');
    if (typed?.subsetLbPolicy === undefined) return null;
    return { ...compileTyped(typed.subsetLbPolicy, at.field('subset_lb_policy'), defaults), subset: compileSubset(typed, at) };
  },
  'wrr_locality.v3.WrrLocality': (any, at, defaults) => {
    const typed = at.unpackAs<WrrLocality>(any, 'envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality');
    if (typed?.endpointPickingPolicy === undefined) return null;
    const here = at.field('endpoint_picking_policy');
    const picked = compileTyped(typed.endpointPickingPolicy, here, defaults);
    if (picked.clientSideWeights === null)
      here.error(
        'Currently WrrLocalityLoadBalancer only supports ClientSideWeightedRoundRobinLoadBalancer as its endpoint picking policy.',
      );
    return { ...picked, locality: { ...picked.locality, weighted: true } };
  },
  'client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin': (any, at, defaults) => {
    const typed = at.unpackAs<ClientSideWeightedRoundRobin>(any, CLIENT_SIDE);
    return (
      typed && {
        ...defaults,
        policy: 'ROUND_ROBIN',
        clientSideWeights: clientSideWeights(typed, at),
        slowStart: slowStart(typed.slowStartConfig),
      }
    );
  },
  'override_host.v3.OverrideHost': (any, at, defaults) => {
    const typed = at.unpackAs<OverrideHost>(any, 'envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost');
    if (typed === null) return null;
    const overrideSources = typed.overrideHostSources.map((source, i) => overrideSource(source, at.field('override_host_sources', i)));
    if (overrideSources.length === 0) at.field('override_host_sources').error('value must contain at least 1 item(s)');
    if (typed.fallbackPolicy === undefined) {
      at.field('fallback_policy').error('value is required');
      return null;
    }
    return { ...compileTyped(typed.fallbackPolicy, at.field('fallback_policy'), defaults), overrideSources };
  },
  'maglev.v3.Maglev': (any, at, defaults) => {
    const typed = at.unpackAs<Maglev>(any, 'envoy.extensions.load_balancing_policies.maglev.v3.Maglev');
    return typed && { ...defaults, policy: 'MAGLEV', consistentHash: compileMaglev(typed, at) };
  },
};

/** The first policy that is known wins, as in Envoy. */
function compileTyped(message: LoadBalancingPolicy, at: CompileContext, defaults: PolicySettings): PolicySettings {
  for (const [i, { typedExtensionConfig }] of message.policies.entries()) {
    const any = typedExtensionConfig?.typedConfig;
    const type = anyTypeName(any);
    if (!type.startsWith(TYPED_PREFIX)) continue;
    const here = at.field('policies', i).field('typed_extension_config').field('typed_config');
    const compile = TYPED[type.slice(TYPED_PREFIX.length)];
    if (compile !== undefined) return compile(any, here, defaults) ?? defaults;
    here.unsupported(type, 'this load balancing policy is not supported by Outrider yet');
    return defaults;
  }
  const names = message.policies.map((p) => p.typedExtensionConfig?.name ?? '').join(', ');
  at.error(`no known load balancing policy among [${names}]`);
  return defaults;
}

function leastRequest(
  config: Pick<Cluster_LeastRequestLbConfig | LeastRequest, 'choiceCount' | 'activeRequestBias' | 'slowStartConfig'>,
  defaults: PolicySettings,
  fullScan: boolean,
): PolicySettings {
  const bias: RuntimeDouble | undefined = config.activeRequestBias;
  return {
    ...defaults,
    policy: 'LEAST_REQUEST',
    choiceCount: config.choiceCount ?? defaults.choiceCount,
    activeRequestBias: bias?.defaultValue ?? defaults.activeRequestBias,
    activeRequestBiasKey: bias?.runtimeKey ?? '',
    fullScan,
    slowStart: slowStart(config.slowStartConfig),
  };
}

function clientSideWeights(config: ClientSideWeightedRoundRobin, at: CompileContext): ClientSideWeightSettings {
  return {
    blackoutMs: milliseconds(config.blackoutPeriod) ?? 10_000,
    expirationMs: milliseconds(config.weightExpirationPeriod) ?? 180_000,
    updateMs: milliseconds(config.weightUpdatePeriod) ?? 1000,
    errorPenalty: config.errorUtilizationPenalty ?? 0,
    metricNames: config.metricNamesForComputingUtilization,
    outOfBand: config.enableOobLoadReport === true ? outOfBand(config, at) : null,
  };
}

function outOfBand(config: ClientSideWeightedRoundRobin, at: CompileContext): OutOfBandSettings {
  const reporting = config.oobReportingConfig;
  const periodMs = milliseconds(config.oobReportingPeriod) ?? 10_000;
  if (periodMs <= 0) at.field('oob_reporting_period').error('value must be greater than 0s');
  return {
    periodMs,
    port: reporting?.portValue ?? 0,
    authority: reporting?.authority ?? '',
    transportSocketCriteria: (reporting?.transportSocketMatchCriteria as Readonly<Record<string, unknown>> | undefined) ?? null,
  };
}

function overrideSource(source: OverrideHost_OverrideHostSource, at: CompileContext): OverrideSource {
  const { header, metadata } = source;
  if ((header === '') === (metadata === undefined))
    at.error(header === '' ? 'Empty override source' : 'Only one override source must be set');
  if (metadata === undefined) return { kind: 'header', name: header.toLowerCase() };
  return { kind: 'metadata', namespace: metadata.key, path: metadata.path.map(({ segment }) => String(segment.value ?? '')) };
}

function milliseconds(duration: Duration | undefined): number | null {
  return duration === undefined ? null : Number(duration.seconds) * 1000 + Math.floor(duration.nanos / 1e6);
}

/** Without a window there is none. */
function slowStart(config: Cluster_SlowStartConfig | SlowStartConfig | undefined): SlowStartSettings | null {
  const windowMs = milliseconds(config?.slowStartWindow) ?? 0;
  if (config === undefined || windowMs <= 0) return null;
  return {
    windowMs,
    aggression: config.aggression?.defaultValue ?? 1,
    aggressionKey: config.aggression?.runtimeKey ?? '',
    minWeightPercent: config.minWeightPercent?.value ?? 10,
  };
}
