/** Statistics of one listener on this worker. */
import type { Counter, Gauge, Histogram, StatsScope } from '../stats/scope.ts';

export class ListenerStats {
  readonly cxTotal: Counter;
  readonly cxDestroy: Counter;
  readonly cxActive: Gauge;
  readonly cxLengthMs: Histogram;
  readonly cxOverflow: Counter;
  readonly cxOverloadReject: Counter;
  readonly globalCxOverflow: Counter;
  readonly transportSocketConnectTimeout: Counter;
  readonly preCxTimeout: Counter;
  readonly preCxActive: Gauge;
  readonly listenerFilterRemoteClose: Counter;
  readonly listenerFilterError: Counter;
  readonly noFilterChainMatch: Counter;
  readonly workerCxTotal: Counter;
  readonly workerCxActive: Gauge;

  constructor(scope: StatsScope, workerIndex: number) {
    this.cxTotal = scope.counter('downstream_cx_total');
    this.cxDestroy = scope.counter('downstream_cx_destroy');
    this.cxActive = scope.gauge('downstream_cx_active');
    this.cxLengthMs = scope.histogram('downstream_cx_length_ms', 'ms');
    this.cxOverflow = scope.counter('downstream_cx_overflow');
    this.cxOverloadReject = scope.counter('downstream_cx_overload_reject');
    this.globalCxOverflow = scope.counter('downstream_global_cx_overflow');
    this.transportSocketConnectTimeout = scope.counter('downstream_cx_transport_socket_connect_timeout');
    this.preCxTimeout = scope.counter('downstream_pre_cx_timeout');
    this.preCxActive = scope.gauge('downstream_pre_cx_active');
    this.listenerFilterRemoteClose = scope.counter('downstream_listener_filter_remote_close');
    this.listenerFilterError = scope.counter('downstream_listener_filter_error');
    this.noFilterChainMatch = scope.counter('no_filter_chain_match');
    // Envoy has these names, and here nothing moves them.
    scope.counter('extension_config_missing');
    scope.counter('network_extension_config_missing');
    scope.histogram('connections_accepted_per_socket_event', '');
    const worker = scope.scope(`worker_${workerIndex}`);
    this.workerCxTotal = worker.counter('downstream_cx_total');
    this.workerCxActive = worker.gauge('downstream_cx_active');
  }
}
