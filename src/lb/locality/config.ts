/** Locality balancing. Source: Cluster.common_lb_config, or `locality_lb_config` of a typed policy. */
import type { Cluster_CommonLbConfig } from '../../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import {
  LocalityLbConfig_ZoneAwareLbConfig_LocalityBasis as LocalityBasis,
  type LocalityLbConfig,
} from '../../config/gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js';
import { DEFAULT_LOCALITY_POLICY, type LocalityPolicy } from './policy.ts';

export function compileLocalityPolicy(message: LocalityLbConfig | Cluster_CommonLbConfig | undefined): LocalityPolicy {
  const spec = message?.localityConfigSpecifier;
  if (spec?.case === 'localityWeightedLbConfig') return { ...DEFAULT_LOCALITY_POLICY, weighted: true };
  if (spec?.case !== 'zoneAwareLbConfig') return DEFAULT_LOCALITY_POLICY;
  const config = spec.value;
  const policy = {
    ...DEFAULT_LOCALITY_POLICY,
    failTrafficOnPanic: config.failTrafficOnPanic,
    // Envoy rounds the percentage to an integer.
    routingEnabled: Math.round(config.routingEnabled?.value ?? DEFAULT_LOCALITY_POLICY.routingEnabled),
    minClusterSize: Number(config.minClusterSize ?? DEFAULT_LOCALITY_POLICY.minClusterSize),
  };
  if (!('localityBasis' in config)) return policy;
  const forced = config.forceLocalZone;
  // The older flag stands for a zone that always suffices.
  const minSize = forced === undefined ? (config.forceLocalityDirectRouting ? 1 : 0) : (forced.minSize ?? 1);
  return { ...policy, forceLocalZoneMinSize: minSize, byHostWeight: config.localityBasis === LocalityBasis.HEALTHY_HOSTS_WEIGHT };
}
