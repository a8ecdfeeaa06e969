/** Cluster specifier plugins. Source: envoy.config.route.v3.ClusterSpecifierPlugin and its one built-in kind that needs no script. */
import { anyTypeName, type CompileContext } from '../../../../config/context.ts';
import type { ClusterSpecifierPlugin } from '../../../../config/gen/envoy/config/route/v3/route_components_pb.js';
import type {
  ClusterAction,
  MatcherClusterSpecifier,
} from '../../../../config/gen/envoy/extensions/router/cluster_specifiers/matcher/v3/matcher_pb.js';
import { compileMatcher } from '../../../../http/matching/config.ts';
import type { ClusterMatcherSettings } from '../cluster-matcher.ts';

const MATCHER = 'envoy.extensions.router.cluster_specifiers.matcher.v3.MatcherClusterSpecifier';
const CLUSTER_ACTION = 'envoy.extensions.router.cluster_specifiers.matcher.v3.ClusterAction';

/** null when it is no plugin that is known: optional, or refused and reported. */
export function compileClusterPlugin(plugin: ClusterSpecifierPlugin, at: CompileContext): ClusterMatcherSettings | null {
  const any = plugin.extension?.typedConfig;
  const here = at.field('extension').field('typed_config');
  if (anyTypeName(any) !== MATCHER) {
    if (!plugin.isOptional) here.notImplemented(`cluster specifier plugin ${anyTypeName(any)} is not supported by Outrider yet`);
    return null;
  }
  const config = here.unpackAs<MatcherClusterSpecifier>(any, MATCHER);
  if (config?.clusterMatcher === undefined) return null;
  const clusters: string[] = [];
  const owner = {
    action: (action: typeof any, place: CompileContext) =>
      clusters.push(place.unpackAs<ClusterAction>(action, CLUSTER_ACTION)?.cluster ?? '') - 1,
    inputRefused: () => null,
  };
  const tree = compileMatcher(config.clusterMatcher, owner, here.field('cluster_matcher'));
  return tree === null ? null : { kind: 'matched', tree, clusters };
}
