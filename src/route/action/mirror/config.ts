/** Mirror policies from their messages. Source: envoy.config.route.v3.RouteAction.RequestMirrorPolicy. */
import type { CompileContext } from '../../../config/context.ts';
import type { RouteAction_RequestMirrorPolicy } from '../../../config/gen/envoy/config/route/v3/route_components_pb.js';
import { compileRuntimeFraction } from '../../../http/config.ts';
import { canonicalName } from '../../../http/header-lookup.ts';
import { wireText } from '../../../http/wire-text.ts';
import { compileHeaderSteps } from '../../headers/config.ts';
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
    ...(policy.traceSampled === undefined ? {} : { traceSampled: policy.traceSampled }),
    headerChanges: compileHeaderSteps(policy.requestHeadersMutations, at, 'request_headers_mutations'),
  };
}
