/** Names of Envoy's cluster statistics that nothing here moves, or not yet for a cluster that nobody has used: shown as 0, since dashboards ask for them. */

import { OutlierStats } from '../resilience/outlier/outlier-stats.ts';
import type { StatsScope } from '../stats/scope.ts';
import { TlsStats } from '../tls/stats.ts';
import { ClusterStats } from './cluster-stats.ts';

const COUNTERS: readonly string[] = [
  ...['assignment_stale', 'assignment_timeout_received', 'assignment_use_cached'],
  ...[
    'lb_local_cluster_not_ok',
    'lb_recalculate_zone_structures',
    'lb_subsets_created',
    'lb_subsets_fallback',
    'lb_subsets_fallback_panic',
  ],
  ...['lb_subsets_removed', 'lb_subsets_selected', 'lb_zone_cluster_too_small', 'lb_zone_no_capacity_left', 'lb_zone_routing_all_directly'],
  ...['lb_zone_routing_cross_zone', 'lb_zone_routing_sampled'],
  ...['update_attempt', 'update_empty', 'update_failure', 'update_no_rebuild', 'update_success'],
  ...['upstream_cx_connect_with_0_rtt', 'upstream_cx_http3_total', 'upstream_cx_preconnect_skipped', 'upstream_http3_broken'],
  ...['upstream_queue_overloaded', 'upstream_rq_0rtt', 'upstream_rq_rx_reset_no_error'],
];
const GAUGES: readonly string[] = ['lb_subsets_active', 'upstream_cx_rx_bytes_buffered', 'upstream_cx_tx_bytes_buffered', 'version'];

/** @param used workers have made the names that they move themselves @param tls the cluster, or a part of it, speaks TLS */
export function nameUnmoved(scope: StatsScope, used: boolean, outlierDetection: boolean, tls: boolean): void {
  if (tls) new TlsStats(scope, 'client');
  if (outlierDetection) new OutlierStats(scope);
  for (const name of COUNTERS) scope.counter(name);
  for (const name of GAUGES) scope.gauge(name);
  if (used) return;
  new ClusterStats(scope);
  scope.counter('upstream_rq_completed');
}
