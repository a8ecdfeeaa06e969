/** Statistics of the admin interface itself, under the names that Envoy's own connection manager for it has: `http.admin.*`, `listener.admin.*`. */
import type { Counter, Gauge, Histogram, StatsScope } from '../stats/scope.ts';

/** What Envoy's connection manager counts and this one never does: shown as 0, since dashboards ask for them. */
const NEVER_HTTP: readonly string[] = [
  ...['cx_delayed_close_timeout', 'cx_destroy_active_rq', 'cx_destroy_local_active_rq', 'cx_destroy_remote_active_rq', 'cx_drain_close'],
  ...[
    'cx_http2_total',
    'cx_http3_total',
    'cx_idle_timeout',
    'cx_max_duration_reached',
    'cx_max_requests_reached',
    'cx_overload_disable_keepalive',
  ],
  ...['cx_protocol_error', 'cx_ssl_total', 'cx_upgrades_total', 'flow_control_paused_reading_total', 'flow_control_resumed_reading_total'],
  ...[
    'rq_failed_path_normalization',
    'rq_header_timeout',
    'rq_http2_total',
    'rq_http3_total',
    'rq_idle_timeout',
    'rq_max_duration_reached',
  ],
  ...['rq_non_relative_path', 'rq_overload_close', 'rq_redirected_with_normalized_path', 'rq_rejected_via_ip_detection'],
  ...[
    'rq_response_before_rq_complete',
    'rq_rx_reset',
    'rq_timeout',
    'rq_too_large',
    'rq_too_many_premature_resets',
    'rq_tx_reset',
    'rq_ws_on_non_ws_route',
  ],
];
const NEVER_HTTP_GAUGES: readonly string[] = [
  ...[
    'cx_http1_soft_drain',
    'cx_http2_active',
    'cx_http3_active',
    'cx_rx_bytes_buffered',
    'cx_ssl_active',
    'cx_tx_bytes_buffered',
    'cx_upgrades_active',
  ],
];
const NEVER_LISTENER: readonly string[] = [
  ...[
    'downstream_cx_overflow',
    'downstream_cx_overload_reject',
    'downstream_cx_transport_socket_connect_timeout',
    'downstream_global_cx_overflow',
  ],
  ...['downstream_listener_filter_error', 'downstream_listener_filter_remote_close', 'downstream_pre_cx_timeout', 'no_filter_chain_match'],
];

class ResponseCodes {
  readonly #classes: Counter[];
  readonly #completed: Counter;
  constructor(scope: StatsScope) {
    this.#classes = [1, 2, 3, 4, 5].map((c) => scope.counter(`downstream_rq_${c}xx`));
    this.#completed = scope.counter('downstream_rq_completed');
  }
  count(status: number): void {
    this.#classes[Math.floor(status / 100) - 1]?.inc();
    this.#completed.inc();
  }
}

class ConnectionCounters {
  readonly total: Counter;
  readonly active: Gauge;
  readonly destroy: Counter;
  readonly lengthMs: Histogram;
  constructor(scope: StatsScope) {
    this.total = scope.counter('downstream_cx_total');
    this.active = scope.gauge('downstream_cx_active');
    this.destroy = scope.counter('downstream_cx_destroy');
    this.lengthMs = scope.histogram('downstream_cx_length_ms');
  }
}

export class AdminStats {
  readonly #connections: ConnectionCounters[];
  readonly #codes: ResponseCodes[];
  readonly #mainThreadTotal: Counter;
  readonly #mainThreadActive: Gauge;
  readonly #destroyLocal: Counter;
  readonly #destroyRemote: Counter;
  readonly #rqTotal: Counter;
  readonly #rqHttp1Total: Counter;
  readonly #rqActive: Gauge;
  readonly #rqTime: Histogram;
  readonly #http1Total: Counter;
  readonly #http1Active: Gauge;
  readonly #rxBytes: Counter;
  readonly #txBytes: Counter;

  constructor(root: StatsScope) {
    const http = root.tagged('http', 'envoy.http_conn_manager_prefix', 'admin');
    // Envoy does not make a label of the listener name "admin".
    const listener = root.scope('listener.admin');
    this.#connections = [new ConnectionCounters(http), new ConnectionCounters(listener)];
    this.#mainThreadTotal = listener.counter('main_thread.downstream_cx_total');
    this.#mainThreadActive = listener.gauge('main_thread.downstream_cx_active');
    this.#destroyLocal = http.counter('downstream_cx_destroy_local');
    this.#destroyRemote = http.counter('downstream_cx_destroy_remote');
    for (const name of NEVER_HTTP) http.counter(`downstream_${name}`);
    for (const name of NEVER_HTTP_GAUGES) http.gauge(`downstream_${name}`);
    http.counter('rs_too_large');
    for (const name of NEVER_LISTENER) listener.counter(name);
    listener.gauge('downstream_pre_cx_active');
    listener.histogram('connections_accepted_per_socket_event', '');
    this.#codes = [new ResponseCodes(http), new ResponseCodes(listener.tagged('http', 'envoy.http_conn_manager_prefix', 'admin'))];
    this.#rqTotal = http.counter('downstream_rq_total');
    this.#rqHttp1Total = http.counter('downstream_rq_http1_total');
    this.#rqActive = http.gauge('downstream_rq_active');
    this.#rqTime = http.histogram('downstream_rq_time');
    this.#http1Total = http.counter('downstream_cx_http1_total');
    this.#http1Active = http.gauge('downstream_cx_http1_active');
    this.#rxBytes = http.counter('downstream_cx_rx_bytes_total');
    this.#txBytes = http.counter('downstream_cx_tx_bytes_total');
  }

  connectionOpened(): void {
    for (const c of this.#connections) {
      c.total.inc();
      c.active.inc();
    }
    this.#mainThreadTotal.inc();
    this.#mainThreadActive.inc();
    this.#http1Total.inc();
    this.#http1Active.inc();
  }

  connectionClosed(byPeer: boolean, lengthMs: number, bytesRead: number, bytesWritten: number): void {
    for (const c of this.#connections) {
      c.active.dec();
      c.destroy.inc();
      c.lengthMs.record(lengthMs);
    }
    (byPeer ? this.#destroyRemote : this.#destroyLocal).inc();
    this.#mainThreadActive.dec();
    this.#http1Active.dec();
    this.#rxBytes.add(bytesRead);
    this.#txBytes.add(bytesWritten);
  }

  requestStarted(): void {
    this.#rqTotal.inc();
    this.#rqHttp1Total.inc();
    this.#rqActive.inc();
  }

  /** The answer's status is known: Envoy counts it before the body is made, so `/stats` shows its own request. */
  answered(status: number): void {
    for (const codes of this.#codes) codes.count(status);
  }

  requestEnded(durationMs: number): void {
    this.#rqActive.dec();
    this.#rqTime.record(durationMs);
  }
}
