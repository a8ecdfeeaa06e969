/** `cluster.<name>.` statistics of one worker. Made when the cluster is first used; names are Envoy's. */
import type { Counter, Gauge, Histogram, StatsScope } from '../stats/scope.ts';
import { MessageSizeStats, TimeoutBudgetStats } from './tracked-stats.ts';

const FIRST_STATUS = 100;
const STATUS_COUNT = 500;

/** `upstream_rq_completed`, `upstream_rq_<N>xx`, `upstream_rq_<code>` of one sub-tree, made as codes are seen. */
export class ResponseCodeStats {
  readonly #scope: StatsScope;
  readonly #codes: (Counter | null)[];
  readonly #classes: (Counter | null)[];
  #completed: Counter | null;

  constructor(scope: StatsScope) {
    this.#scope = scope;
    this.#codes = new Array<Counter | null>(STATUS_COUNT).fill(null);
    this.#classes = [null, null, null, null, null, null];
    this.#completed = null;
  }

  record(status: number): void {
    this.#completed ??= this.#scope.counter('upstream_rq_completed');
    this.#completed.inc();
    this.recordCode(status);
  }

  /** Without `upstream_rq_completed`: what `retry.` counts. */
  recordCode(status: number): void {
    const i = status - FIRST_STATUS;
    if (i < 0 || i >= STATUS_COUNT) return;
    let code = this.#codes[i]!;
    if (code === null) {
      code = this.#scope.counter('upstream_rq_' + status);
      this.#codes[i] = code;
    }
    code.inc();
    const c = Math.floor(status / 100);
    let group = this.#classes[c]!;
    if (group === null) {
      group = this.#scope.counter('upstream_rq_' + c + 'xx');
      this.#classes[c] = group;
    }
    group.inc();
  }
}

/** `zone.<from>.<to>.`: where answers come from. */
class ZoneStats {
  readonly codes: ResponseCodeStats;
  readonly #scope: StatsScope;
  #time: Histogram | null = null;

  constructor(scope: StatsScope) {
    this.#scope = scope;
    this.codes = new ResponseCodeStats(scope);
  }

  recordTime(ms: number): void {
    (this.#time ??= this.#scope.histogram('upstream_rq_time')).record(ms);
  }
}

export class ClusterStats {
  /** `cluster.<name>.` */
  readonly scope: StatsScope;

  readonly upstreamCxTotal: Counter;
  readonly upstreamCxHttp1Total: Counter;
  readonly upstreamCxHttp2Total: Counter;
  readonly upstreamCxActive: Gauge;
  readonly upstreamCxConnectFail: Counter;
  readonly upstreamCxConnectTimeout: Counter;
  readonly upstreamCxConnectAttemptsExceeded: Counter;
  readonly upstreamCxIdleTimeout: Counter;
  readonly upstreamCxMaxDurationReached: Counter;
  readonly upstreamCxOverflow: Counter;
  readonly upstreamCxPoolOverflow: Counter;
  readonly upstreamCxProtocolError: Counter;
  readonly upstreamCxMaxRequests: Counter;
  readonly upstreamCxNoneHealthy: Counter;
  readonly upstreamCxCloseNotify: Counter;
  readonly upstreamCxDestroy: Counter;
  readonly upstreamCxDestroyLocal: Counter;
  readonly upstreamCxDestroyRemote: Counter;
  readonly upstreamCxDestroyWithActiveRq: Counter;
  readonly upstreamCxDestroyLocalWithActiveRq: Counter;
  readonly upstreamCxDestroyRemoteWithActiveRq: Counter;
  readonly upstreamCxRxBytesTotal: Counter;
  readonly upstreamCxTxBytesTotal: Counter;
  readonly upstreamCxConnectMs: Histogram;
  readonly upstreamCxLengthMs: Histogram;

  readonly upstreamRqTotal: Counter;
  readonly upstreamRqActive: Gauge;
  readonly upstreamRqActiveOverflow: Counter;
  readonly upstreamRqPendingTotal: Counter;
  readonly upstreamRqPendingActive: Gauge;
  readonly upstreamRqPendingOverflow: Counter;
  readonly upstreamRqPendingFailureEject: Counter;
  readonly upstreamRqCancelled: Counter;
  readonly upstreamRqMaintenanceMode: Counter;
  readonly upstreamRqTimeout: Counter;
  readonly upstreamRqMaxDurationReached: Counter;
  readonly upstreamRqPerTryTimeout: Counter;
  readonly upstreamRqPerTryIdleTimeout: Counter;
  readonly upstreamRqRxReset: Counter;
  readonly upstreamRqTxReset: Counter;
  readonly upstreamRqRetry: Counter;
  readonly upstreamRqRetryBackoffExponential: Counter;
  readonly upstreamRqRetryBackoffRatelimited: Counter;
  readonly upstreamRqRetryLimitExceeded: Counter;
  readonly upstreamRqRetryOverflow: Counter;
  readonly upstreamRqRetrySuccess: Counter;
  readonly upstreamRqPerCx: Histogram;
  readonly retryOrShadowAbandoned: Counter;
  readonly upstreamInternalRedirectSucceeded: Counter;
  readonly upstreamInternalRedirectFailed: Counter;
  readonly upstreamFlowControlPausedReading: Counter;
  readonly upstreamFlowControlResumedReading: Counter;
  readonly upstreamFlowControlBackedUp: Counter;
  readonly upstreamFlowControlDrained: Counter;
  readonly bindErrors: Counter;
  readonly originalDstHostInvalid: Counter;
  readonly lbHealthyPanic: Counter;

  readonly #codes: ResponseCodeStats;
  #canary: ResponseCodeStats | null = null;
  #internal: ResponseCodeStats | null = null;
  #external: ResponseCodeStats | null = null;
  #retry: ResponseCodeStats | null = null;
  /** The proxy's own zone; '' = not told, and then zones are not counted. */
  ownZone = '';
  /** What track_cluster_stats asks for; null = it does not. */
  budgets: TimeoutBudgetStats | null = null;
  sizes: MessageSizeStats | null = null;
  #zones: Map<string, ZoneStats> | null = null;
  #staleReplays: Counter | null = null;
  #time: Histogram | null = null;
  #canaryTime: Histogram | null = null;
  #internalTime: Histogram | null = null;
  #externalTime: Histogram | null = null;

  constructor(scope: StatsScope) {
    this.scope = scope;
    this.upstreamCxTotal = scope.counter('upstream_cx_total');
    this.upstreamCxHttp1Total = scope.counter('upstream_cx_http1_total');
    this.upstreamCxHttp2Total = scope.counter('upstream_cx_http2_total');
    this.upstreamCxActive = scope.gauge('upstream_cx_active');
    this.upstreamCxConnectFail = scope.counter('upstream_cx_connect_fail');
    this.upstreamCxConnectTimeout = scope.counter('upstream_cx_connect_timeout');
    this.upstreamCxConnectAttemptsExceeded = scope.counter('upstream_cx_connect_attempts_exceeded');
    this.upstreamCxIdleTimeout = scope.counter('upstream_cx_idle_timeout');
    this.upstreamCxMaxDurationReached = scope.counter('upstream_cx_max_duration_reached');
    this.upstreamCxOverflow = scope.counter('upstream_cx_overflow');
    this.upstreamCxPoolOverflow = scope.counter('upstream_cx_pool_overflow');
    this.upstreamCxProtocolError = scope.counter('upstream_cx_protocol_error');
    this.upstreamCxMaxRequests = scope.counter('upstream_cx_max_requests');
    this.upstreamCxNoneHealthy = scope.counter('upstream_cx_none_healthy');
    this.upstreamCxCloseNotify = scope.counter('upstream_cx_close_notify');
    this.upstreamCxDestroy = scope.counter('upstream_cx_destroy');
    this.upstreamCxDestroyLocal = scope.counter('upstream_cx_destroy_local');
    this.upstreamCxDestroyRemote = scope.counter('upstream_cx_destroy_remote');
    this.upstreamCxDestroyWithActiveRq = scope.counter('upstream_cx_destroy_with_active_rq');
    this.upstreamCxDestroyLocalWithActiveRq = scope.counter('upstream_cx_destroy_local_with_active_rq');
    this.upstreamCxDestroyRemoteWithActiveRq = scope.counter('upstream_cx_destroy_remote_with_active_rq');
    this.upstreamCxRxBytesTotal = scope.counter('upstream_cx_rx_bytes_total');
    this.upstreamCxTxBytesTotal = scope.counter('upstream_cx_tx_bytes_total');
    this.upstreamCxConnectMs = scope.histogram('upstream_cx_connect_ms');
    this.upstreamCxLengthMs = scope.histogram('upstream_cx_length_ms');
    this.upstreamRqTotal = scope.counter('upstream_rq_total');
    this.upstreamRqActive = scope.gauge('upstream_rq_active');
    this.upstreamRqActiveOverflow = scope.counter('upstream_rq_active_overflow');
    this.upstreamRqPendingTotal = scope.counter('upstream_rq_pending_total');
    this.upstreamRqPendingActive = scope.gauge('upstream_rq_pending_active');
    this.upstreamRqPendingOverflow = scope.counter('upstream_rq_pending_overflow');
    this.upstreamRqPendingFailureEject = scope.counter('upstream_rq_pending_failure_eject');
    this.upstreamRqCancelled = scope.counter('upstream_rq_cancelled');
    this.upstreamRqMaintenanceMode = scope.counter('upstream_rq_maintenance_mode');
    this.upstreamRqTimeout = scope.counter('upstream_rq_timeout');
    this.upstreamRqMaxDurationReached = scope.counter('upstream_rq_max_duration_reached');
    this.upstreamRqPerTryTimeout = scope.counter('upstream_rq_per_try_timeout');
    this.upstreamRqPerTryIdleTimeout = scope.counter('upstream_rq_per_try_idle_timeout');
    this.upstreamRqRxReset = scope.counter('upstream_rq_rx_reset');
    this.upstreamRqTxReset = scope.counter('upstream_rq_tx_reset');
    this.upstreamRqRetry = scope.counter('upstream_rq_retry');
    this.upstreamRqRetryBackoffExponential = scope.counter('upstream_rq_retry_backoff_exponential');
    this.upstreamRqRetryBackoffRatelimited = scope.counter('upstream_rq_retry_backoff_ratelimited');
    this.upstreamRqRetryLimitExceeded = scope.counter('upstream_rq_retry_limit_exceeded');
    this.upstreamRqRetryOverflow = scope.counter('upstream_rq_retry_overflow');
    this.upstreamRqRetrySuccess = scope.counter('upstream_rq_retry_success');
    this.upstreamRqPerCx = scope.histogram('upstream_rq_per_cx', '');
    this.retryOrShadowAbandoned = scope.counter('retry_or_shadow_abandoned');
    this.upstreamInternalRedirectSucceeded = scope.counter('upstream_internal_redirect_succeeded_total');
    this.upstreamInternalRedirectFailed = scope.counter('upstream_internal_redirect_failed_total');
    this.upstreamFlowControlPausedReading = scope.counter('upstream_flow_control_paused_reading_total');
    this.upstreamFlowControlResumedReading = scope.counter('upstream_flow_control_resumed_reading_total');
    this.upstreamFlowControlBackedUp = scope.counter('upstream_flow_control_backed_up_total');
    this.upstreamFlowControlDrained = scope.counter('upstream_flow_control_drained_total');
    this.bindErrors = scope.counter('bind_errors');
    this.originalDstHostInvalid = scope.counter('original_dst_host_invalid');
    this.lbHealthyPanic = scope.counter('lb_healthy_panic');
    this.#codes = new ResponseCodeStats(scope);
  }

  /** A response (or local reply in its place) is final: upstream_rq_completed, _<N>xx, _<code>, and the same under canary./internal./external. */
  recordResponse(status: number, internalRequest = false, canary = false): void {
    this.#codes.record(status);
    if (canary) (this.#canary ??= new ResponseCodeStats(this.scope.scope('canary'))).record(status);
    if (internalRequest) (this.#internal ??= new ResponseCodeStats(this.scope.scope('internal'))).record(status);
    else (this.#external ??= new ResponseCodeStats(this.scope.scope('external'))).record(status);
  }

  /** Only while `ownZone` is known. @param zone of the host that answered; not '' */
  zone(zone: string): ZoneStats {
    this.#zones ??= new Map();
    let stats = this.#zones.get(zone);
    if (stats === undefined) {
      stats = new ZoneStats(this.scope.scope('zone').scope(this.ownZone).scope(zone));
      this.#zones.set(zone, stats);
    }
    return stats;
  }

  /** `upstream_cx_stale_reuse_replayed`, which Envoy has not: there from the first time on. */
  recordStaleReplay(): void {
    (this.#staleReplays ??= this.scope.counter('upstream_cx_stale_reuse_replayed')).inc();
  }

  /** track_cluster_stats. */
  track(timeoutBudgets: boolean, sizes: boolean): void {
    if (timeoutBudgets) this.budgets = new TimeoutBudgetStats(this.scope);
    if (sizes) this.sizes = new MessageSizeStats(this.scope);
  }

  /** A response that is thrown away for a retry: under `retry.` only. */
  recordRetriedResponse(status: number): void {
    (this.#retry ??= new ResponseCodeStats(this.scope.scope('retry'))).record(status);
  }

  /** upstream_rq_time, and the same under canary./internal./external. */
  recordResponseTime(ms: number, internalRequest = false, canary = false): void {
    (this.#time ??= this.scope.histogram('upstream_rq_time')).record(ms);
    if (canary) (this.#canaryTime ??= this.scope.histogram('canary.upstream_rq_time')).record(ms);
    if (internalRequest) (this.#internalTime ??= this.scope.histogram('internal.upstream_rq_time')).record(ms);
    else (this.#externalTime ??= this.scope.histogram('external.upstream_rq_time')).record(ms);
  }
}
