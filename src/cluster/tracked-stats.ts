/** `track_cluster_stats`: how much of their time requests use, and how large they and their responses are. Source: Envoy's ClusterTimeoutBudgetStats and ClusterRequestResponseSizeStats. */
import type { Histogram, StatsScope } from '../stats/scope.ts';

export class TimeoutBudgetStats {
  /** Percent of the request's timeout. */
  readonly used: Histogram;
  /** Percent of a try's. */
  readonly perTryUsed: Histogram;

  constructor(scope: StatsScope) {
    this.used = scope.histogram('upstream_rq_timeout_budget_percent_used', '');
    this.perTryUsed = scope.histogram('upstream_rq_timeout_budget_per_try_percent_used', '');
  }
}

/** Whole percent of `limitMs`; 0 where there is no limit. */
export function percentOfTimeout(ms: number, limitMs: number): number {
  return limitMs <= 0 ? 0 : Math.floor((Math.floor(ms) * 100) / limitMs);
}

export class MessageSizeStats {
  readonly requestHeaders: Histogram;
  readonly requestHeaderCount: Histogram;
  readonly requestBody: Histogram;
  readonly responseHeaders: Histogram;
  readonly responseHeaderCount: Histogram;
  readonly responseBody: Histogram;

  constructor(scope: StatsScope) {
    this.requestHeaders = scope.histogram('upstream_rq_headers_size', 'bytes');
    this.requestHeaderCount = scope.histogram('upstream_rq_headers_count', '');
    this.requestBody = scope.histogram('upstream_rq_body_size', 'bytes');
    this.responseHeaders = scope.histogram('upstream_rs_headers_size', 'bytes');
    this.responseHeaderCount = scope.histogram('upstream_rs_headers_count', '');
    this.responseBody = scope.histogram('upstream_rs_body_size', 'bytes');
  }
}
