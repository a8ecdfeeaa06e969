/** `http.<stat_prefix>.` statistics of a connection manager, and the `listener.<address>.http.<stat_prefix>.` ones beside them. */
import type { Counter, Gauge, Histogram, StatsScope } from '../../../stats/scope.ts';

/** What nothing here moves: shown as 0, since dashboards ask for it. */
const ALWAYS_ZERO: readonly string[] = [
  ...['downstream_cx_http3_total'],
  ...['downstream_rq_http3_total'],
  ...['tracing.client_enabled', 'tracing.health_check', 'tracing.not_traceable', 'tracing.random_sampling', 'tracing.service_forced'],
];
const ALWAYS_ZERO_GAUGES: readonly string[] = [
  ...['downstream_cx_http1_soft_drain', 'downstream_cx_http3_active'],
  ...['downstream_cx_rx_bytes_buffered', 'downstream_cx_tx_bytes_buffered'],
];

export class HcmStats {
  readonly cxTotal: Counter;
  readonly cxSslTotal: Counter;
  readonly cxHttp1Total: Counter;
  readonly cxHttp2Total: Counter;
  readonly cxUpgradesTotal: Counter;
  readonly cxDestroy: Counter;
  readonly cxDestroyRemote: Counter;
  readonly cxDestroyLocal: Counter;
  readonly cxDestroyActiveRq: Counter;
  readonly cxDestroyLocalActiveRq: Counter;
  readonly cxDestroyRemoteActiveRq: Counter;
  readonly cxProtocolError: Counter;
  readonly cxRxBytes: Counter;
  readonly cxTxBytes: Counter;
  readonly cxDrainClose: Counter;
  readonly cxIdleTimeout: Counter;
  readonly cxMaxDurationReached: Counter;
  readonly cxMaxRequestsReached: Counter;
  readonly cxDelayedCloseTimeout: Counter;
  readonly cxOverloadDisableKeepalive: Counter;
  readonly flowControlPaused: Counter;
  readonly flowControlResumed: Counter;
  readonly rqTotal: Counter;
  readonly rqHttp1Total: Counter;
  readonly rqHttp2Total: Counter;
  readonly rqTooManyPrematureResets: Counter;
  readonly rqCompleted: Counter;
  readonly rqClass: readonly Counter[];
  readonly rqRxReset: Counter;
  readonly rqTxReset: Counter;
  readonly rqNonRelativePath: Counter;
  readonly rqTooLarge: Counter;
  readonly rqTimeout: Counter;
  readonly rqHeaderTimeout: Counter;
  readonly rqIdleTimeout: Counter;
  readonly rqMaxDurationReached: Counter;
  readonly rqOverloadClose: Counter;
  readonly rqResponseBeforeRqComplete: Counter;
  readonly rqWsOnNonWsRoute: Counter;
  readonly rqFailedPathNormalization: Counter;
  readonly rqRedirectedWithNormalizedPath: Counter;
  readonly rqRejectedViaIpDetection: Counter;
  readonly rsTooLarge: Counter;
  readonly cxActive: Gauge;
  readonly cxSslActive: Gauge;
  readonly cxHttp1Active: Gauge;
  readonly cxHttp2Active: Gauge;
  readonly cxUpgradesActive: Gauge;
  readonly rqActive: Gauge;
  readonly cxLengthMs: Histogram;
  readonly rqTime: Histogram;
  readonly listenerRqCompleted: Counter;
  readonly listenerRqClass: readonly Counter[];

  /** @param scope `http.<stat_prefix>.` @param listenerScope `listener.<address>.http.<stat_prefix>.` */
  constructor(scope: StatsScope, listenerScope: StatsScope) {
    const cx = (name: string) => scope.counter('downstream_cx_' + name);
    const rq = (name: string) => scope.counter('downstream_rq_' + name);
    this.cxTotal = cx('total');
    this.cxSslTotal = cx('ssl_total');
    this.cxHttp1Total = cx('http1_total');
    this.cxHttp2Total = cx('http2_total');
    this.cxUpgradesTotal = cx('upgrades_total');
    this.cxDestroy = cx('destroy');
    this.cxDestroyRemote = cx('destroy_remote');
    this.cxDestroyLocal = cx('destroy_local');
    this.cxDestroyActiveRq = cx('destroy_active_rq');
    this.cxDestroyLocalActiveRq = cx('destroy_local_active_rq');
    this.cxDestroyRemoteActiveRq = cx('destroy_remote_active_rq');
    this.cxProtocolError = cx('protocol_error');
    this.cxRxBytes = cx('rx_bytes_total');
    this.cxTxBytes = cx('tx_bytes_total');
    this.cxDrainClose = cx('drain_close');
    this.cxIdleTimeout = cx('idle_timeout');
    this.cxMaxDurationReached = cx('max_duration_reached');
    this.cxMaxRequestsReached = cx('max_requests_reached');
    this.cxDelayedCloseTimeout = cx('delayed_close_timeout');
    this.cxOverloadDisableKeepalive = cx('overload_disable_keepalive');
    this.flowControlPaused = scope.counter('downstream_flow_control_paused_reading_total');
    this.flowControlResumed = scope.counter('downstream_flow_control_resumed_reading_total');
    this.rqTotal = rq('total');
    this.rqHttp1Total = rq('http1_total');
    this.rqHttp2Total = rq('http2_total');
    this.rqTooManyPrematureResets = rq('too_many_premature_resets');
    this.rqCompleted = rq('completed');
    this.rqClass = ['1xx', '2xx', '3xx', '4xx', '5xx'].map(rq);
    this.rqRxReset = rq('rx_reset');
    this.rqTxReset = rq('tx_reset');
    this.rqNonRelativePath = rq('non_relative_path');
    this.rqTooLarge = rq('too_large');
    this.rqTimeout = rq('timeout');
    this.rqHeaderTimeout = rq('header_timeout');
    this.rqIdleTimeout = rq('idle_timeout');
    this.rqMaxDurationReached = rq('max_duration_reached');
    this.rqOverloadClose = rq('overload_close');
    this.rqResponseBeforeRqComplete = rq('response_before_rq_complete');
    this.rqWsOnNonWsRoute = rq('ws_on_non_ws_route');
    this.rqFailedPathNormalization = rq('failed_path_normalization');
    this.rqRedirectedWithNormalizedPath = rq('redirected_with_normalized_path');
    this.rqRejectedViaIpDetection = rq('rejected_via_ip_detection');
    this.rsTooLarge = scope.counter('rs_too_large');
    this.cxActive = scope.gauge('downstream_cx_active');
    this.cxSslActive = scope.gauge('downstream_cx_ssl_active');
    this.cxHttp1Active = scope.gauge('downstream_cx_http1_active');
    this.cxHttp2Active = scope.gauge('downstream_cx_http2_active');
    this.cxUpgradesActive = scope.gauge('downstream_cx_upgrades_active');
    this.rqActive = scope.gauge('downstream_rq_active');
    this.cxLengthMs = scope.histogram('downstream_cx_length_ms');
    this.rqTime = scope.histogram('downstream_rq_time');
    for (const name of ALWAYS_ZERO) scope.counter(name);
    for (const name of ALWAYS_ZERO_GAUGES) scope.gauge(name);
    this.listenerRqCompleted = listenerScope.counter('downstream_rq_completed');
    this.listenerRqClass = ['1xx', '2xx', '3xx', '4xx', '5xx'].map((name) => listenerScope.counter('downstream_rq_' + name));
  }

  /** Counts a response by its class; statuses outside 100–599 count as completed only. */
  recordResponse(status: number): void {
    this.rqCompleted.inc();
    this.listenerRqCompleted.inc();
    const index = ((status / 100) | 0) - 1;
    if (index < 0 || index > 4) return;
    this.rqClass[index]!.inc();
    this.listenerRqClass[index]!.inc();
  }
}
