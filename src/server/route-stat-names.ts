/** Statistics of routes with a `stat_prefix` and of virtual clusters are there, at zero, as soon as their route table is. */
import type { RouteTableSettings } from '../route/settings.ts';
import type { StatsScope } from '../stats/scope.ts';

const COUNTERS = ['retry', 'retry_limit_exceeded', 'retry_overflow', 'retry_success', 'timeout', 'total'].map((n) => 'upstream_rq_' + n);

export function nameRouteStats(root: StatsScope, { virtualHosts }: RouteTableSettings): void {
  for (const host of virtualHosts) {
    const name = (segment: string, tag: string, value: string) => {
      const scope = root.tagged('vhost', 'envoy.virtual_host', host.name).tagged(segment, tag, value);
      for (const counter of COUNTERS) scope.counter(counter);
    };
    for (const cluster of host.virtualClusters) name('vcluster', 'envoy.virtual_cluster', cluster.name);
    // What matches none of them.
    if (host.virtualClusters.length > 0) name('vcluster', 'envoy.virtual_cluster', 'other');
    for (const route of host.routes) if (route.statPrefix !== '') name('route', 'envoy.route', route.statPrefix);
  }
}
