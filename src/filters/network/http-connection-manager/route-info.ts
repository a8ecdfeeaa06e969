/** What the log and the statistics say about the route that a request got. */
import type { ClusterManager } from '../../../cluster/api.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import type { Route } from '../../../route/route.ts';

/** @param clusterName '' = the route leads to no cluster */
export function noteRoute(info: StreamInfo, route: Route, clusterName: string, clusters: ClusterManager): void {
  info.routeName = route.name;
  info.routeMetadata = route.metadata;
  info.virtualHostName = route.virtualHost.name;
  const cluster = clusterName === '' ? null : clusters.get(clusterName);
  if (cluster === null) return;
  info.upstreamCluster = cluster.name;
  info.upstreamClusterObservabilityName = cluster.settings.altStatName === '' ? cluster.name : cluster.settings.altStatName;
  info.clusterMetadata = cluster.metadata;
}
