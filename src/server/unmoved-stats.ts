/** Names of Envoy's process-wide statistics that nothing here moves: shown as 0, since dashboards and alerts ask for them. */
import { RouterStats } from '../filters/http/router/router-stats.ts';
import type { StatsScope } from '../stats/scope.ts';

const COUNTERS: readonly string[] = [
  ...['listener_manager.listener_stopped', 'server.debug_assertion_failures', 'server.dropped_stat_flushes'],
  ...['server.dynamic_unknown_fields', 'server.envoy_notifications', 'server.static_unknown_fields', 'server.wip_protos'],
];
const GAUGES: readonly string[] = [
  ...['listener_manager.workers_pinned', 'server.compilation_settings.fips_mode'],
  ...['server.parent_connections', 'server.stats_recent_lookups'],
];

/** What Envoy shows when there is no certificate. */
const NO_CERTIFICATE = 4294967295;

export function nameUnmoved(root: StatsScope, workers: number): void {
  for (const name of COUNTERS) root.counter(name);
  for (const name of GAUGES) root.gauge(name);
  root.gauge('server.days_until_first_cert_expiring').set(NO_CERTIFICATE);
  root.histogram('overload.refresh_interval_delay');
  const watched = ['main_thread', 'workers', 'server.main_thread'];
  for (let i = 0; i < workers; i++) watched.push('server.worker_' + i);
  for (const thread of watched) for (const what of ['mega_miss', 'miss']) root.counter(`${thread}.watchdog_${what}`);
  new RouterStats(root.tagged('http', 'envoy.http_conn_manager_prefix', 'async-client'));
}
