/** Balancing settings. Source: envoy.config.cluster.v3.Cluster (lb_policy and its companions) and load_balancing_policy's typed policies. */
import { anyTypeName, type CompileContext } from '../config/context.ts';
import {
  type Cluster,
  type Cluster_LeastRequestLbConfig,
  Cluster_LbPolicy as LbPolicy,
} from '../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { RuntimeDouble } from '../config/gen/envoy/config/core/v3/base_pb.js';
import {
  type LeastRequest,
  LeastRequest_SelectionMethod as SelectionMethod,
} from '../config/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js';
import type { Random as RandomPolicy } from '../config/gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.js';
import type { RoundRobin } from '../config/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js';
import type { LeastRequestSettings } from './least-request.ts';
import { compileLocalityPolicy } from './locality/config.ts';
import type { LocalityPolicy } from './locality/policy.ts';

export type PolicyName = 'ROUND_ROBIN' | 'LEAST_REQUEST' | 'RANDOM' | 'CLUSTER_PROVIDED';

export interface PolicySettings extends LeastRequestSettings {
  readonly policy: PolicyName;
  readonly locality: LocalityPolicy;
}

const TYPED_PREFIX = 'envoy.extensions.load_balancing_policies.';
const LEAST_REQUEST = 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest';
const TYPED: Readonly<Record<string, PolicyName>> = {
  [TYPED_PREFIX + 'round_robin.v3.RoundRobin']: 'ROUND_ROBIN',
  [LEAST_REQUEST]: 'LEAST_REQUEST',
  [TYPED_PREFIX + 'random.v3.Random']: 'RANDOM',
  [TYPED_PREFIX + 'cluster_provided.v3.ClusterProvided']: 'CLUSTER_PROVIDED',
};

export function compileBalancer(message: Cluster, at: CompileContext, standard: PolicySettings): PolicySettings {
  const defaults = { ...standard, locality: compileLocalityPolicy(message.commonLbConfig) };
  if (message.loadBalancingPolicy !== undefined) return compileTyped(message, at.field('load_balancing_policy'), standard);
  switch (message.lbPolicy) {
    case LbPolicy.ROUND_ROBIN:
      return { ...defaults, policy: 'ROUND_ROBIN' };
    case LbPolicy.RANDOM:
      return { ...defaults, policy: 'RANDOM' };
    case LbPolicy.CLUSTER_PROVIDED:
      return { ...defaults, policy: 'CLUSTER_PROVIDED' };
    case LbPolicy.LEAST_REQUEST:
      return message.lbConfig.case === 'leastRequestLbConfig'
        ? leastRequest(message.lbConfig.value, defaults, false)
        : { ...defaults, policy: 'LEAST_REQUEST' };
    case LbPolicy.LOAD_BALANCING_POLICY_CONFIG:
      at.error('field load_balancing_policy needs to be set');
      return defaults;
    default:
      at.unsupported('lb_policy', `${LbPolicy[message.lbPolicy]} is not supported by Outrider yet`);
      return defaults;
  }
}

/** The first policy that is known wins, as in Envoy. */
function compileTyped(message: Cluster, at: CompileContext, defaults: PolicySettings): PolicySettings {
  const policies = message.loadBalancingPolicy?.policies ?? [];
  for (const [i, { typedExtensionConfig }] of policies.entries()) {
    const any = typedExtensionConfig?.typedConfig;
    const type = anyTypeName(any);
    const here = at.field('policies', i).field('typed_extension_config').field('typed_config');
    const policy = TYPED[type];
    if (policy === 'CLUSTER_PROVIDED') return { ...defaults, policy };
    if (policy !== undefined) {
      const typed = here.unpack(any) as LeastRequest | RoundRobin | RandomPolicy | null;
      if (typed === null) return defaults;
      const local = { ...defaults, locality: compileLocalityPolicy(typed.localityLbConfig) };
      if (typed.$typeName !== LEAST_REQUEST) return { ...local, policy };
      return leastRequest(typed, local, typed.selectionMethod === SelectionMethod.FULL_SCAN || typed.enableFullScan === true);
    }
    if (type.startsWith(TYPED_PREFIX)) {
      here.unsupported(type, 'this load balancing policy is not supported by Outrider yet');
      return defaults;
    }
  }
  const names = policies.map((p) => p.typedExtensionConfig?.name ?? '').join(', ');
  at.error(`no known load balancing policy among [${names}]`);
  return defaults;
}

function leastRequest(
  config: Pick<Cluster_LeastRequestLbConfig | LeastRequest, 'choiceCount' | 'activeRequestBias'>,
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
  };
}
