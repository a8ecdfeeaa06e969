/** Settings of consistent hashing. Source: ring_hash_lb_config, maglev_lb_config, consistent_hashing_lb_config, and the typed RingHash and Maglev. */
import type { CompileContext } from '../../config/context.ts';
import {
  type Cluster,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_RingHashLbConfig_HashFunction as RingHashFunction,
} from '../../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { ConsistentHashingLbConfig } from '../../config/gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.js';
import type { Maglev } from '../../config/gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js';
import {
  RingHash_HashFunction as HashFunction,
  type RingHash,
} from '../../config/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js';
import type { ConsistentHashSettings, MaglevSettings, RingSettings } from './table.ts';

const MIN_RING_SIZE = 1024;
const MAX_RING_SIZE = 8 * 1024 * 1024;
const MAGLEV_TABLE_SIZE = 65537;

/** Envoy's own condition on common_lb_config, whatever the policy. */
export function checkHostnameHashing(message: Cluster, at: CompileContext): void {
  const type = message.clusterDiscoveryType.case === 'type' ? message.clusterDiscoveryType.value : DiscoveryType.STATIC;
  if (message.commonLbConfig?.consistentHashingLbConfig?.useHostnameForHashing !== true || type === DiscoveryType.STRICT_DNS) return;
  at.field('common_lb_config')
    .field('consistent_hashing_lb_config')
    .field('use_hostname_for_hashing')
    .error(
      `Cannot use hostname for consistent hashing loadbalancing for cluster of type: 'envoy.cluster.${DiscoveryType[type].toLowerCase()}'`,
    );
}

/** lb_policy RING_HASH with what stands beside it. */
export function compileLegacyRing(message: Cluster, at: CompileContext): ConsistentHashSettings {
  const config = message.lbConfig.case === 'ringHashLbConfig' ? message.lbConfig.value : undefined;
  const murmur = config?.hashFunction === RingHashFunction.MURMUR_HASH_2;
  const table = ring(murmur, config?.minimumRingSize, config?.maximumRingSize, at.field('ring_hash_lb_config'));
  return { table, ...legacyCommon(message) };
}

/** lb_policy MAGLEV with what stands beside it. */
export function compileLegacyMaglev(message: Cluster, at: CompileContext): ConsistentHashSettings {
  const config = message.lbConfig.case === 'maglevLbConfig' ? message.lbConfig.value : undefined;
  return { table: maglev(config?.tableSize, at.field('maglev_lb_config')), ...legacyCommon(message) };
}

export function compileRing(message: RingHash, at: CompileContext): ConsistentHashSettings {
  const table = ring(message.hashFunction === HashFunction.MURMUR_HASH_2, message.minimumRingSize, message.maximumRingSize, at);
  const byLocality = message.localityWeightedLbConfig !== undefined;
  if (message.consistentHashingLbConfig !== undefined) return { table, ...common(message.consistentHashingLbConfig), byLocality };
  return { table, useHostname: message.useHostnameForHashing, balanceFactor: message.hashBalanceFactor ?? 0, byLocality };
}

export function compileMaglev(message: Maglev, at: CompileContext): ConsistentHashSettings {
  const byLocality = message.localityWeightedLbConfig !== undefined;
  return { table: maglev(message.tableSize, at), ...common(message.consistentHashingLbConfig), byLocality };
}

function ring(murmur: boolean, min: bigint | undefined, max: bigint | undefined, at: CompileContext): RingSettings {
  const minSize = min === undefined ? MIN_RING_SIZE : Number(min);
  const maxSize = max === undefined ? MAX_RING_SIZE : Number(max);
  if (minSize > maxSize) at.error(`ring hash: minimum_ring_size (${minSize}) > maximum_ring_size (${maxSize})`);
  return { kind: 'ring', murmur, minSize, maxSize };
}

function maglev(size: bigint | undefined, at: CompileContext): MaglevSettings {
  const tableSize = size === undefined ? MAGLEV_TABLE_SIZE : Number(size);
  if (!isPrime(tableSize)) at.field('table_size').error('The table size of maglev must be prime number');
  return { kind: 'maglev', tableSize };
}

function legacyCommon(message: Cluster): Omit<ConsistentHashSettings, 'table'> {
  const lb = message.commonLbConfig;
  return {
    useHostname: lb?.consistentHashingLbConfig?.useHostnameForHashing ?? false,
    balanceFactor: lb?.consistentHashingLbConfig?.hashBalanceFactor ?? 0,
    byLocality: lb?.localityConfigSpecifier.case === 'localityWeightedLbConfig',
  };
}

function common(config: ConsistentHashingLbConfig | undefined): Pick<ConsistentHashSettings, 'useHostname' | 'balanceFactor'> {
  return { useHostname: config?.useHostnameForHashing ?? false, balanceFactor: config?.hashBalanceFactor ?? 0 };
}

function isPrime(n: number): boolean {
  if (n < 2) return false;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return true;
}
