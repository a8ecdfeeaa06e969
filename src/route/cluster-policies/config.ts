/** Policies for requests from a Cluster message. */
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import type { Cluster } from '../../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { Maglev } from '../../config/gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.js';
import type { RingHash } from '../../config/gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.js';
import type { HttpProtocolOptions } from '../../config/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { compileRetryPolicy } from '../../resilience/config.ts';
import { compileHashPolicies } from '../action/hash-policy/config.ts';
import { compileMirrors } from '../action/mirror/config.ts';
import type { RouteCompileDeps } from '../config.ts';
import type { HashPolicySettings } from '../settings.ts';
import type { ClusterPolicySettings } from './settings.ts';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const NO_CLUSTERS: RouteCompileDeps = {
  perFilterConfig: () => null,
  httpFilterNames: null,
  clusterExists: () => null,
  clusterNames: [],
};

const TYPED_PREFIX = 'envoy.extensions.load_balancing_policies.';
const RING_HASH = `${TYPED_PREFIX}ring_hash.v3.RingHash`;
const MAGLEV = `${TYPED_PREFIX}maglev.v3.Maglev`;

/** null = the cluster says nothing. */
export function compileClusterPolicies(message: Cluster, at: CompileContext): ClusterPolicySettings | null {
  const ofBalancing = balancingHashPolicies(message, at);
  const typed = Object.entries(message.typedExtensionProtocolOptions).find(([, any]) => anyTypeName(any) === HTTP_OPTIONS);
  const here = typed === undefined ? at : at.key('typed_extension_protocol_options', typed[0]);
  const options = typed === undefined ? null : here.unpackAs<HttpProtocolOptions>(typed[1], HTTP_OPTIONS);
  const { retryPolicy, hashPolicy = [], requestMirrorPolicies = [] } = options ?? {};
  if (retryPolicy === undefined && hashPolicy.length === 0 && requestMirrorPolicies.length === 0 && ofBalancing.length === 0) return null;
  const hashPolicies = compileHashPolicies(hashPolicy, here);
  return {
    retryPolicy: retryPolicy === undefined ? null : compileRetryPolicy(retryPolicy, here.field('retry_policy')),
    hashPolicies: ofBalancing.length > 0 ? ofBalancing : hashPolicies,
    // Which clusters there are is not known yet.
    mirrors: compileMirrors(requestMirrorPolicies, { validateClusters: false, deps: NO_CLUSTERS }, here),
  };
}

/** What a typed RingHash or Maglev hashes by itself, whatever the request's route says. Source: ConsistentHashingLbConfig.hash_policy. */
function balancingHashPolicies(message: Cluster, at: CompileContext): readonly HashPolicySettings[] {
  for (const [i, { typedExtensionConfig }] of (message.loadBalancingPolicy?.policies ?? []).entries()) {
    const any = typedExtensionConfig?.typedConfig;
    const type = anyTypeName(any);
    if (!type.startsWith(TYPED_PREFIX)) continue;
    if (type !== RING_HASH && type !== MAGLEV) return [];
    const here = at.field('load_balancing_policy').field('policies', i).field('typed_extension_config').field('typed_config');
    const common = here.unpackAs<RingHash | Maglev>(any, type)?.consistentHashingLbConfig;
    return compileHashPolicies(common?.hashPolicy ?? [], here.field('consistent_hashing_lb_config'));
  }
  return [];
}
