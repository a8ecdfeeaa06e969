/** Statistics of the admin interface itself, under the names that Envoy's own connection manager for it has: `http.admin.*`, `listener.admin.*`. */
import type { Counter, Gauge, Histogram, StatsScope } from '../stats/scope.ts';

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
  readonly #rqTotal: Counter;
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
    this.#codes = [new ResponseCodes(http), new ResponseCodes(listener.tagged('http', 'envoy.http_conn_manager_prefix', 'admin'))];
    this.#rqTotal = http.counter('downstream_rq_total');
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
    this.#http1Total.inc();
    this.#http1Active.inc();
  }

  connectionClosed(lengthMs: number, bytesRead: number, bytesWritten: number): void {
    for (const c of this.#connections) {
      c.active.dec();
      c.destroy.inc();
      c.lengthMs.record(lengthMs);
    }
    this.#http1Active.dec();
    this.#rxBytes.add(bytesRead);
    this.#txBytes.add(bytesWritten);
  }

  requestStarted(): void {
    this.#rqTotal.inc();
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
