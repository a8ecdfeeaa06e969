/** What one configuration, of the filter or of a route, wants injected into which requests. Behaviour: Envoy's FaultSettings and FaultFilter. */
import type { RequestHeaders } from '../../../http/header-map.ts';
import { buildHeaderMatcher, type HeaderMatcher, matchesAll } from '../../../http/header-matcher.ts';
import type { Random } from '../../../runtime/random.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';
import type { FaultPercentage, FaultSettings } from './settings.ts';

/** None of that kind is to be injected. */
export const NO_FAULT = -1;

const WHOLE = /^\s*[+-]?\d+\s*$/;

/** As absl::SimpleAtoi reads an unsigned number; -1 if it is none. */
function wholeNumber(text: string | undefined): number {
  return text === undefined || !WHOLE.test(text) ? -1 : Number(text);
}

export class FaultRules {
  readonly settings: FaultSettings;
  readonly #headers: readonly HeaderMatcher[];
  readonly #nodes: ReadonlySet<string>;
  readonly #runtime: RuntimeSnapshot;
  readonly #random: Random;

  constructor(settings: FaultSettings, runtime: RuntimeSnapshot, random: Random) {
    this.settings = settings;
    this.#headers = settings.headers.map(buildHeaderMatcher);
    this.#nodes = new Set(settings.downstreamNodes);
    this.#runtime = runtime;
    this.#random = random;
  }

  /** @param clusterName of the request's route */
  appliesTo(headers: RequestHeaders, clusterName: string): boolean {
    const { upstreamCluster } = this.settings;
    if (upstreamCluster !== '' && upstreamCluster !== clusterName) return false;
    if (this.#nodes.size > 0) {
      const node = headers.get('x-envoy-downstream-service-node');
      if (node === undefined || !this.#nodes.has(node)) return false;
    }
    return matchesAll(this.#headers, headers);
  }

  get maxActiveFaults(): number {
    return this.#runtime.integer(this.settings.keys.maxActiveFaults, this.settings.maxActiveFaults);
  }

  /** Milliseconds, or NO_FAULT. @param from x-envoy-downstream-service-cluster, or '' */
  delayMs(headers: RequestHeaders, from: string): number {
    const delay = this.settings.delay;
    if (delay === null) return NO_FAULT;
    const keys = this.settings.keys;
    const percentage = from === '' ? keys.delayPercent : `fault.http.${from}.delay.fixed_delay_percent`;
    const byHeader = delay.fixedMs === null ? 'x-envoy-fault-delay-request-percentage' : '';
    if (!this.#drawn(percentage, delay.percentage, headers, byHeader)) return NO_FAULT;
    const ms = delay.fixedMs ?? wholeNumber(headers.get('x-envoy-fault-delay-request'));
    if (ms < 0) return NO_FAULT;
    const set = this.#runtime.integer(keys.delayDuration, ms);
    const own = from === '' ? set : this.#runtime.integer(`fault.http.${from}.delay.fixed_duration_ms`, set);
    return own > 0 ? own : NO_FAULT;
  }

  /** Whether the request is one of those to abort; how is said by `abortHttpStatus`, else by `abortGrpcStatus`. */
  aborts(headers: RequestHeaders, from: string): boolean {
    const abort = this.settings.abort;
    if (abort === null) return false;
    const percentage = from === '' ? this.settings.keys.abortPercent : `fault.http.${from}.abort.abort_percent`;
    return this.#drawn(percentage, abort.percentage, headers, abort.byHeader ? 'x-envoy-fault-abort-request-percentage' : '');
  }

  abortHttpStatus(headers: RequestHeaders, from: string): number {
    const abort = this.settings.abort!;
    let status = abort.httpStatus === 0 ? NO_FAULT : abort.httpStatus;
    if (abort.byHeader) {
      status = wholeNumber(headers.get('x-envoy-fault-abort-request'));
      if (status < 200 || status >= 600) status = NO_FAULT;
    }
    return this.#statusOf(status, this.settings.keys.abortHttpStatus, from, 'http_status');
  }

  abortGrpcStatus(headers: RequestHeaders, from: string): number {
    const abort = this.settings.abort!;
    const status = abort.byHeader ? wholeNumber(headers.get('x-envoy-fault-abort-grpc-request')) : abort.grpcStatus;
    return this.#statusOf(status, this.settings.keys.abortGrpcStatus, from, 'grpc_status');
  }

  #statusOf(status: number, key: string, from: string, last: string): number {
    if (status < 0) return NO_FAULT;
    const set = this.#runtime.integer(key, status);
    return from === '' ? set : this.#runtime.integer(`fault.http.${from}.abort.${last}`, status);
  }

  /** KiB a second at which the response is to go, or NO_FAULT. */
  responseKbps(headers: RequestHeaders): number {
    const limit = this.settings.rateLimit;
    if (limit === null) return NO_FAULT;
    const byHeader = limit.kbps === null ? 'x-envoy-fault-throughput-response-percentage' : '';
    if (!this.#drawn(this.settings.keys.rateLimitPercent, limit.percentage, headers, byHeader)) return NO_FAULT;
    const kbps = limit.kbps ?? wholeNumber(headers.get('x-envoy-fault-throughput-response'));
    return kbps > 0 ? kbps : NO_FAULT;
  }

  /** @param header may lower the configured share; '' = none */
  #drawn(key: string, { numerator, denominator }: FaultPercentage, headers: RequestHeaders, header: string): boolean {
    const asked = header === '' ? -1 : wholeNumber(headers.get(header));
    const share = asked < 0 ? numerator : Math.min(asked, numerator);
    return this.#runtime.fraction(key, share, denominator, this.#random.nextU32());
  }
}
