/** Weighted clusters from their message. Source: envoy.config.route.v3.WeightedCluster. */
import type { CompileContext } from '../../../config/context.ts';
import type { WeightedCluster, WeightedCluster_ClusterWeight } from '../../../config/gen/envoy/config/route/v3/route_components_pb.js';
import { canonicalName } from '../../../http/header-lookup.ts';
import { wireText } from '../../../http/wire-text.ts';
import { compileHeaderFields } from '../../headers/config.ts';
import { compilePerFilter } from '../../per-filter/config.ts';
import type { Metadata, WeightedEntrySettings, WeightedSettings } from '../../settings.ts';
import { balancingMetadata, type ClusterCheck, checkCluster } from '../cluster/config.ts';

const MAX_TOTAL = 2 ** 32 - 1;

export function compileWeightedClusters(
  message: WeightedCluster,
  routeMetadata: Metadata | null,
  scope: ClusterCheck,
  at: CompileContext,
): WeightedSettings {
  const entries = message.clusters.map((cluster, i) => compileEntry(cluster, routeMetadata, scope, at.field('clusters', i)));
  const total = entries.reduce((sum, entry) => sum + entry.weight, 0);
  if (total === 0) at.error('Sum of weights in the weighted_cluster must be greater than 0.');
  if (total > MAX_TOTAL) at.error(`The sum of weights of all weighted clusters of route exceeds ${MAX_TOTAL}`);
  const random = message.randomValueSpecifier;
  return {
    kind: 'weighted',
    entries,
    headerName: random.case === 'headerName' ? random.value.toLowerCase() : '',
    useHashPolicy: random.case === 'useHashPolicy' && random.value.value,
    runtimeKeyPrefix: message.runtimeKeyPrefix,
  };
}

function compileEntry(
  cluster: WeightedCluster_ClusterWeight,
  routeMetadata: Metadata | null,
  scope: ClusterCheck,
  at: CompileContext,
): WeightedEntrySettings {
  if (cluster.name !== '' && cluster.clusterHeader !== '') at.error('Only one of name or cluster_header can be specified');
  else if (cluster.name === '' && cluster.clusterHeader === '') at.error('At least one of name or cluster_header need to be specified');
  else if (cluster.name !== '') checkCluster(cluster.name, 'weighted cluster', scope, at.field('name'));
  const own = balancingMetadata(cluster.metadataMatch);
  return {
    name: cluster.name,
    header: canonicalName(cluster.clusterHeader),
    weight: cluster.weight ?? 0,
    hostRewrite: cluster.hostRewriteSpecifier.case === 'hostRewriteLiteral' ? wireText(cluster.hostRewriteSpecifier.value) : '',
    metadataMatch: own === null ? routeMetadata : { ...routeMetadata, ...own },
    ...compileHeaderFields(cluster, at),
    perFilter: compilePerFilter(cluster.typedPerFilterConfig, at, scope.deps),
  };
}
