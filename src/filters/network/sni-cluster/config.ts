/** Source: envoy.extensions.filters.network.sni_cluster.v3.SniCluster, which has no fields. */
export function compileSniCluster(): object {
  return {};
}
