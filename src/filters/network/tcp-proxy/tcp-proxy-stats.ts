/** `tcp.<stat_prefix>.` statistics. */
import type { Counter, Gauge, StatsScope } from '../../../stats/scope.ts';

export class TcpProxyStats {
  readonly cxTotal: Counter;
  readonly cxNoRoute: Counter;
  readonly rxBytesTotal: Counter;
  readonly rxBytesBuffered: Gauge;
  readonly txBytesTotal: Counter;
  readonly txBytesBuffered: Gauge;
  readonly flowControlPaused: Counter;
  readonly flowControlResumed: Counter;
  readonly idleTimeout: Counter;
  readonly maxConnectionDuration: Counter;
  readonly upstreamFlushTotal: Counter;
  readonly upstreamFlushActive: Gauge;

  constructor(root: StatsScope, prefix: string) {
    const scope = root.tagged('tcp', 'envoy.tcp_prefix', prefix);
    this.cxTotal = scope.counter('downstream_cx_total');
    this.cxNoRoute = scope.counter('downstream_cx_no_route');
    this.rxBytesTotal = scope.counter('downstream_cx_rx_bytes_total');
    this.rxBytesBuffered = scope.gauge('downstream_cx_rx_bytes_buffered');
    this.txBytesTotal = scope.counter('downstream_cx_tx_bytes_total');
    this.txBytesBuffered = scope.gauge('downstream_cx_tx_bytes_buffered');
    this.flowControlPaused = scope.counter('downstream_flow_control_paused_reading_total');
    this.flowControlResumed = scope.counter('downstream_flow_control_resumed_reading_total');
    this.idleTimeout = scope.counter('idle_timeout');
    this.maxConnectionDuration = scope.counter('max_downstream_connection_duration');
    this.upstreamFlushTotal = scope.counter('upstream_flush_total');
    this.upstreamFlushActive = scope.gauge('upstream_flush_active');
    // Envoy shows these from the start too; nothing here ever raises them.
    scope.counter('early_data_received_count_total');
    for (const outcome of ['attempt', 'missing', 'timeout', 'success']) scope.counter(`on_demand_cluster_${outcome}`);
  }
}
