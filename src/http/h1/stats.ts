/** Counters of the HTTP/1 codecs. Source: Envoy's `http1.` scope. */
import type { Counter, StatsScope } from '../../stats/scope.ts';

export class Http1Stats {
  readonly droppedHeadersWithUnderscores: Counter;
  readonly requestsRejectedWithUnderscores: Counter;
  readonly responseFlood: Counter;
  /** HTTP/1 has no METADATA frames: always 0, but dashboards look for it. */
  readonly metadataNotSupportedError: Counter;

  /** @param scope the scope of a listener's HTTP statistics or of a cluster; `http1.` is added here */
  constructor(scope: StatsScope) {
    const http1 = scope.scope('http1');
    this.droppedHeadersWithUnderscores = http1.counter('dropped_headers_with_underscores');
    this.requestsRejectedWithUnderscores = http1.counter('requests_rejected_with_underscores_in_headers');
    this.responseFlood = http1.counter('response_flood');
    this.metadataNotSupportedError = http1.counter('metadata_not_supported_error');
  }
}
