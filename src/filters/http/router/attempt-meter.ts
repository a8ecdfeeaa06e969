/** Sizes and time of one try, where its cluster tracks them (`track_cluster_stats`). Source: Envoy's UpstreamRequest::cleanUp. */
import type { MessageSizeStats, TimeoutBudgetStats } from '../../../cluster/tracked-stats.ts';
import { percentOfTimeout } from '../../../cluster/tracked-stats.ts';
import type { RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { Clock } from '../../../runtime/clock.ts';

export class AttemptMeter {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #perTryTimeoutMs: number;
  readonly #sizes: MessageSizeStats | null;
  #budgets: TimeoutBudgetStats | null;
  #responseHeaders: number;
  #responseHeaderCount: number;
  requestBody: number;
  responseBody: number;

  constructor(clock: Clock, perTryTimeoutMs: number, sizes: MessageSizeStats | null, budgets: TimeoutBudgetStats | null) {
    this.#clock = clock;
    this.#startMs = clock.nowMs();
    this.#perTryTimeoutMs = perTryTimeoutMs;
    this.#sizes = sizes;
    this.#budgets = budgets;
    this.#responseHeaders = -1;
    this.#responseHeaderCount = 0;
    this.requestBody = 0;
    this.responseBody = 0;
  }

  /** As they came: the router has not added to them yet. */
  onHeaders(headers: ResponseHeaders): void {
    this.#responseHeaders = headers.byteSize();
    this.#responseHeaderCount = headers.size + 1;
  }

  /** The request's time is up: nobody is told how much of the try's was used. */
  ignoreBudget(): void {
    this.#budgets = null;
  }

  onEnd(headers: RequestHeaders): void {
    if (this.#budgets !== null) {
      this.#budgets.perTryUsed.record(percentOfTimeout(this.#clock.nowMs() - this.#startMs, this.#perTryTimeoutMs));
    }
    const sizes = this.#sizes;
    if (sizes === null) return;
    sizes.requestHeaders.record(headers.byteSize());
    sizes.requestHeaderCount.record(headerCount(headers));
    sizes.requestBody.record(this.requestBody);
    if (this.#responseHeaders < 0) return;
    sizes.responseHeaders.record(this.#responseHeaders);
    sizes.responseHeaderCount.record(this.#responseHeaderCount);
    sizes.responseBody.record(this.responseBody);
  }
}

/** With pseudo headers. */
function headerCount(headers: RequestHeaders): number {
  const pseudo = 1 + (headers.path === '' ? 0 : 1) + (headers.authority === '' ? 0 : 1) + (headers.scheme === '' ? 0 : 1);
  return headers.size + pseudo + (headers.protocol === '' ? 0 : 1);
}
