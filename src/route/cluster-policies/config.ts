/** Policies for requests from a Cluster message. */
import { anyTypeName, type CompileContext } from '../../config/context.ts';
import type { Cluster } from '../../config/gen/envoy/config/cluster/v3/cluster_pb.js';
import type { HttpProtocolOptions } from '../../config/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js';
import { compileRetryPolicy } from '../../resilience/config.ts';
import { compileHashPolicies } from '../action/hash-policy/config.ts';
import { compileMirrors } from '../action/mirror/config.ts';
import type { RouteCompileDeps } from '../config.ts';
import type { ClusterPolicySettings } from './settings.ts';

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

const NO_CLUSTERS: RouteCompileDeps = {
  perFilterConfig: () => null,
  httpFilterNames: null,
  clusterExists: () => null,
  clusterNames: [],
};

/** null = the cluster says nothing. */
export function compileClusterPolicies(message: Cluster, at: CompileContext): ClusterPolicySettings | null {
  const typed = Object.entries(message.typedExtensionProtocolOptions).find(([, any]) => anyTypeName(any) === HTTP_OPTIONS);
  if (typed === undefined) return null;
  const here = at.key('typed_extension_protocol_options', typed[0]);
  const options = here.unpackAs<HttpProtocolOptions>(typed[1], HTTP_OPTIONS);
  if (options === null) return null;
  const { retryPolicy, hashPolicy, requestMirrorPolicies } = options;
  if (retryPolicy === undefined && hashPolicy.length === 0 && requestMirrorPolicies.length === 0) return null;
  return {
    retryPolicy: retryPolicy === undefined ? null : compileRetryPolicy(retryPolicy, here.field('retry_policy')),
    hashPolicies: compileHashPolicies(hashPolicy, here),
    // Which clusters there are is not known yet.
    mirrors: compileMirrors(requestMirrorPolicies, { validateClusters: false, deps: NO_CLUSTERS }, here),
  };
}
