/** Mirror policies from their messages. Source: envoy.config.route.v3.RouteAction.RequestMirrorPolicy. */
import type { CompileContext } from '../../../config/context.ts';
import type { HeaderMutation } from '../../../config/gen/envoy/config/common/mutation_rules/v3/mutation_rules_pb.js';
import type { RouteAction_RequestMirrorPolicy } from '../../../config/gen/envoy/config/route/v3/route_components_pb.js';
import { compileRuntimeFraction, compileStringMatcher } from '../../../http/config.ts';
import { canonicalName } from '../../../http/header-lookup.ts';
import { wireText } from '../../../http/wire-text.ts';
import { compileHeaderAdds } from '../../headers/config.ts';
import type { MirrorPolicySettings } from '../../settings.ts';
import { type ClusterCheck, checkCluster } from '../cluster/config.ts';

const NONE: readonly MirrorPolicySettings[] = [];

export function compileMirrors(
  policies: readonly RouteAction_RequestMirrorPolicy[],
  scope: ClusterCheck,
  at: CompileContext,
): readonly MirrorPolicySettings[] {
  return policies.length === 0 ? NONE : policies.map((policy, i) => compileMirror(policy, scope, at.field('request_mirror_policies', i)));
}

function compileMirror(policy: RouteAction_RequestMirrorPolicy, scope: ClusterCheck, at: CompileContext): MirrorPolicySettings {
  if (policy.cluster !== '' && policy.clusterHeader !== '') {
    at.error(
      `Only one of cluster '${policy.cluster}' or cluster_header '${policy.clusterHeader}' in request mirror policy can be specified`,
    );
  } else if (policy.cluster === '' && policy.clusterHeader === '') {
    at.error('Exactly one of cluster or cluster_header in request mirror policy need to be specified');
  } else if (policy.cluster !== '') checkCluster(policy.cluster, 'shadow cluster', scope, at.field('cluster'));
  return {
    cluster: policy.cluster,
    clusterHeader: canonicalName(policy.clusterHeader),
    fraction: policy.runtimeFraction === undefined ? null : compileRuntimeFraction(policy.runtimeFraction),
    disableShadowHostSuffixAppend: policy.disableShadowHostSuffixAppend,
    hostRewrite: wireText(policy.hostRewriteLiteral),
    headerChanges: policy.requestHeadersMutations.map((mutation, i) => compileChange(mutation, at.field('request_headers_mutations', i))),
  };
}

function compileChange(mutation: HeaderMutation, at: CompileContext): MirrorPolicySettings['headerChanges'][number] {
  const action = mutation.action;
  switch (action.case) {
    case 'append':
      return { remove: [], add: compileHeaderAdds([action.value], at, 'append') };
    case 'removeOnMatch':
      return { removeMatching: compileStringMatcher(action.value.keyMatcher, at.field('remove_on_match').field('key_matcher')) };
    default:
      return { remove: action.case === 'remove' ? [action.value.toLowerCase()] : [], add: [] };
  }
}
