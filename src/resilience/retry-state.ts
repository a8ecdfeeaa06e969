/**
 * Decides, for one request, whether a failed attempt is made again and after which delay. Conditions, their order and the statistics are
 * Envoy's: spec/resilience.md §2.2. It exists only for requests that may be retried at all, and holds a slot of the cluster's retry
 * breaker from the decision to retry until the outcome of that retry is known.
 */

import type { RequestHeaders, ResponseHeaders } from '../http/header-map.ts';
import { buildHeaderMatcher, type HeaderMatcher, matchesAny } from '../http/header-matcher.ts';
import { ResetReason } from '../http/reset-reason.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { Counter } from '../stats/scope.ts';
import { JitteredExponentialBackOff, jitteredLowerBound } from './back-off.ts';
import { parseDecimal } from './decimal.ts';
import { parseRetryOn, RetryOn, type RetryPolicySettings } from './retry-policy.ts';

export const RetryStatus = { No: 0, Yes: 1, NoOverflow: 2, NoRetryLimitExceeded: 3 } as const;
export type RetryStatus = (typeof RetryStatus)[keyof typeof RetryStatus];

/** Counters of `cluster.<name>.` that retries move. */
export interface RetryStats {
  readonly upstreamRqRetry: Counter;
  readonly upstreamRqRetrySuccess: Counter;
  readonly upstreamRqRetryOverflow: Counter;
  readonly upstreamRqRetryLimitExceeded: Counter;
  readonly upstreamRqRetryBackoffExponential: Counter;
  readonly upstreamRqRetryBackoffRatelimited: Counter;
}

/** The concurrent retries that a cluster allows. */
export interface RetryLimit {
  /** Takes one if there is room. */
  tryInc(): boolean;
  dec(): void;
}

export interface RetryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
}

/** What holds when a header asks for retries and no policy is configured. */
const NO_POLICY: RetryPolicySettings = {
  retryOn: 0,
  numRetries: 1,
  perTryTimeoutMs: 0,
  perTryIdleTimeoutMs: 0,
  baseIntervalMs: 0,
  maxIntervalMs: 0,
  retriableStatusCodes: [],
  retriableHeaders: [],
  retriableRequestHeaders: [],
  hostSelectionRetryMaxAttempts: 1,
  hosts: null,
  rateLimitedBackOff: null,
  refreshCluster: false,
};

const DEFAULT_BASE_INTERVAL_MS = 25;
const GRPC_CONDITIONS =
  RetryOn.GrpcCancelled | RetryOn.GrpcDeadlineExceeded | RetryOn.GrpcResourceExhausted | RetryOn.GrpcInternal | RetryOn.GrpcUnavailable;

/** Bit of the condition for a `grpc-status` value. */
const GRPC_CONDITION: Readonly<Record<string, number>> = {
  '1': RetryOn.GrpcCancelled,
  '4': RetryOn.GrpcDeadlineExceeded,
  '8': RetryOn.GrpcResourceExhausted,
  '13': RetryOn.GrpcInternal,
  '14': RetryOn.GrpcUnavailable,
};

interface PolicyMatchers {
  readonly response: readonly HeaderMatcher[];
  readonly request: readonly HeaderMatcher[];
}

const NO_MATCHERS: PolicyMatchers = { response: [], request: [] };
const compiledMatchers = new WeakMap<RetryPolicySettings, PolicyMatchers>();

/** Policies are immutable and shared by requests: their matchers are compiled when first needed. */
function matchersOf(policy: RetryPolicySettings): PolicyMatchers {
  if (policy.retriableHeaders.length === 0 && policy.retriableRequestHeaders.length === 0) return NO_MATCHERS;
  let matchers = compiledMatchers.get(policy);
  if (matchers === undefined) {
    matchers = {
      response: policy.retriableHeaders.map(buildHeaderMatcher),
      request: policy.retriableRequestHeaders.map(buildHeaderMatcher),
    };
    compiledMatchers.set(policy, matchers);
  }
  return matchers;
}

export class RetryState {
  readonly #policy: RetryPolicySettings;
  readonly #matchers: PolicyMatchers;
  #limit: RetryLimit;
  #stats: RetryStats;
  readonly #deps: RetryDeps;
  #retryOn: number;
  #retriesLeft: number;
  #extraStatusCodes: number[] | null;
  #extraHeaderNames: string[] | null;
  #backOff: JitteredExponentialBackOff | null;
  /** A slot of the retry breaker is held: a retry waits or is under way. */
  #holdsSlot: boolean;
  /** Whose slot. */
  #held: RetryLimit;
  #rateLimited: boolean;
  /** Delay of the retry that was just decided. */
  delayMs: number;

  constructor(policy: RetryPolicySettings, limit: RetryLimit, stats: RetryStats, deps: RetryDeps) {
    this.#policy = policy;
    this.#matchers = matchersOf(policy);
    this.#limit = limit;
    this.#stats = stats;
    this.#deps = deps;
    this.#retryOn = policy.retryOn;
    this.#retriesLeft = policy.numRetries;
    this.#extraStatusCodes = null;
    this.#extraHeaderNames = null;
    this.#backOff = null;
    this.#holdsSlot = false;
    this.#held = limit;
    this.#rateLimited = false;
    this.delayMs = 0;
  }

  /** A retry waits or is under way. */
  get retrying(): boolean {
    return this.#holdsSlot;
  }

  /** Some condition is active: the request body has to be kept. */
  get enabled(): boolean {
    return this.#retryOn !== 0;
  }

  /** Bits of RetryOn that are active, the policy's and those that request headers asked for. */
  get conditions(): number {
    return this.#retryOn;
  }

  get retriesLeft(): number {
    return this.#retriesLeft;
  }

  /** The response headers of an attempt are there. */
  onResponseHeaders(response: ResponseHeaders): RetryStatus {
    if (!this.wouldRetryResponse(response)) return this.#decide(false, -1);
    return this.#decide(true, this.#policy.rateLimitedBackOff === null ? -1 : this.#resetIntervalMs(response));
  }

  /** An attempt ended without response headers. `requestStarted`: something of the request was written upstream. */
  onReset(reason: ResetReason, requestStarted: boolean): RetryStatus {
    return this.#decide(this.wouldRetryReset(reason, requestStarted), -1);
  }

  /** A try is slow: whether another one is made beside it, whatever the conditions are. */
  onHedge(): RetryStatus {
    if (this.#retriesLeft > 0) return this.#decide(true, -1);
    // The slow try, perhaps a retry itself, goes on: what it holds stays held.
    this.#stats.upstreamRqRetryLimitExceeded.inc();
    return RetryStatus.NoRetryLimitExceeded;
  }

  wouldRetryResponse(response: ResponseHeaders): boolean {
    const on = this.#retryOn;
    // A rate limiter that said no is asked again only by those who said so, whatever the status is.
    if (response.has('x-envoy-ratelimited')) return (on & RetryOn.EnvoyRateLimited) !== 0;
    const status = response.status;
    if (on & RetryOn.FiveXX && status >= 500 && status < 600) return true;
    if (on & RetryOn.GatewayError && status >= 502 && status <= 504) return true;
    if (on & RetryOn.Retriable4xx && status === 409) return true;
    if (on & RetryOn.RetriableStatusCodes && this.#isRetriableStatus(status)) return true;
    if (on & RetryOn.RetriableHeaders && this.#hasRetriableHeader(response)) return true;
    if (on & GRPC_CONDITIONS) {
      const grpcStatus = response.get('grpc-status');
      if (grpcStatus !== undefined && (on & (GRPC_CONDITION[grpcStatus] ?? 0)) !== 0) return true;
    }
    return false;
  }

  wouldRetryReset(reason: ResetReason, requestStarted: boolean): boolean {
    // Our own breaker refused: another attempt would only add to the load.
    if (reason === ResetReason.Overflow) return false;
    const on = this.#retryOn;
    // A request that got no answer counts as a 5xx, since it ends as one.
    if (on & (RetryOn.Reset | RetryOn.FiveXX | RetryOn.GatewayError)) return true;
    if (on & RetryOn.ResetBeforeRequest && (!requestStarted || reason === ResetReason.ConnectionTerminationUnread)) return true;
    if (on & RetryOn.RefusedStream && reason === ResetReason.RemoteRefusedStreamReset) return true;
    return (on & RetryOn.ConnectFailure) !== 0 && isConnectFailure(reason);
  }

  /** The back-off is over. A retry that is given up while it waits is not counted. */
  onRetryStart(): void {
    this.#stats.upstreamRqRetry.inc();
    if (this.#rateLimited) this.#stats.upstreamRqRetryBackoffRatelimited.inc();
    else this.#stats.upstreamRqRetryBackoffExponential.inc();
  }

  /** Gives back the breaker's slot; nothing is retried any more. */
  dispose(): void {
    if (!this.#holdsSlot) return;
    this.#holdsSlot = false;
    this.#held.dec();
  }

  /** Tries go to another cluster from now on: its limits and statistics hold. */
  retarget(limit: RetryLimit, stats: RetryStats): void {
    this.#limit = limit;
    this.#stats = stats;
  }

  /** Conditions and limits that the request's own headers ask for, united with the policy's. */
  readHeaders(headers: RequestHeaders): void {
    const retryOn = headers.get('x-envoy-retry-on');
    if (retryOn !== undefined) this.#retryOn |= parseRetryOn(retryOn) & ~GRPC_CONDITIONS;
    const grpcOn = headers.get('x-envoy-retry-grpc-on');
    if (grpcOn !== undefined) this.#retryOn |= parseRetryOn(grpcOn) & GRPC_CONDITIONS;
    const maxRetries = headers.get('x-envoy-max-retries');
    if (maxRetries !== undefined && this.#retryOn !== 0) {
      const parsed = parseDecimal(maxRetries);
      if (parsed >= 0) this.#retriesLeft = parsed;
    }
    const codes = headers.get('x-envoy-retriable-status-codes');
    if (codes !== undefined) {
      this.#extraStatusCodes = [];
      for (const code of codes.split(',')) {
        const parsed = parseDecimal(code.trim());
        if (parsed >= 0) this.#extraStatusCodes.push(parsed);
      }
    }
    const names = headers.get('x-envoy-retriable-header-names');
    if (names !== undefined) {
      this.#extraHeaderNames = [];
      for (const name of names.split(',')) if (name.trim() !== '') this.#extraHeaderNames.push(name.trim().toLowerCase());
    }
  }

  /** Where the policy names request headers, a request with none of them is never retried. */
  applyRequestMatchers(headers: RequestHeaders): void {
    const matchers = this.#matchers.request;
    if (matchers.length > 0 && !matchesAny(matchers, headers)) this.#retryOn = 0;
  }

  #decide(wanted: boolean, rateLimitedMs: number): RetryStatus {
    if (this.#holdsSlot) {
      // The retry that held the slot has its outcome now; one that needs no further retry was worth it.
      if (!wanted) this.#stats.upstreamRqRetrySuccess.inc();
      this.dispose();
    }
    if (!wanted) return RetryStatus.No;
    if (this.#retriesLeft === 0) {
      this.#stats.upstreamRqRetryLimitExceeded.inc();
      return RetryStatus.NoRetryLimitExceeded;
    }
    this.#retriesLeft--;
    if (!this.#limit.tryInc()) {
      this.#stats.upstreamRqRetryOverflow.inc();
      return RetryStatus.NoOverflow;
    }
    this.#holdsSlot = true;
    this.#held = this.#limit;
    if (!this.#deps.runtime.fraction('upstream.use_retry', 100, 100, this.#deps.random.nextU32())) {
      this.dispose();
      return RetryStatus.No;
    }
    this.#setDelay(rateLimitedMs);
    return RetryStatus.Yes;
  }

  #setDelay(rateLimitedMs: number): void {
    if (rateLimitedMs > 1) {
      this.delayMs = jitteredLowerBound(rateLimitedMs, this.#deps.random);
      this.#rateLimited = true;
      return;
    }
    if (this.#backOff === null) {
      const policy = this.#policy;
      const base =
        policy.baseIntervalMs > 0
          ? policy.baseIntervalMs
          : Math.max(1, this.#deps.runtime.integer('upstream.base_retry_backoff_ms', DEFAULT_BASE_INTERVAL_MS));
      this.#backOff = new JitteredExponentialBackOff(base, policy.maxIntervalMs > 0 ? policy.maxIntervalMs : base * 10, this.#deps.random);
    }
    this.delayMs = this.#backOff.nextMs();
    this.#rateLimited = false;
  }

  #isRetriableStatus(status: number): boolean {
    return this.#policy.retriableStatusCodes.includes(status) || this.#extraStatusCodes?.includes(status) === true;
  }

  #hasRetriableHeader(response: ResponseHeaders): boolean {
    if (matchesAny(this.#matchers.response, response)) return true;
    const names = this.#extraHeaderNames;
    if (names !== null) for (let i = 0; i < names.length; i++) if (response.has(names[i]!)) return true;
    return false;
  }

  /** The wait that the first usable reset header names; -1 = none. */
  #resetIntervalMs(response: ResponseHeaders): number {
    const settings = this.#policy.rateLimitedBackOff!;
    for (const header of settings.resetHeaders) {
      const text = response.get(header.name);
      const value = text === undefined ? -1 : parseDecimal(text);
      if (value < 0) continue;
      const seconds = header.format === 'SECONDS' ? value : value - Math.floor(this.#deps.clock.wallMs() / 1000);
      if (seconds > 0 && seconds * 1000 <= settings.maxIntervalMs) return seconds * 1000;
    }
    return -1;
  }
}

function isConnectFailure(reason: ResetReason): boolean {
  return (
    reason === ResetReason.LocalConnectionFailure ||
    reason === ResetReason.RemoteConnectionFailure ||
    reason === ResetReason.ConnectionTimeout
  );
}

const RETRY_HEADERS = [
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-hedge-on-per-try-timeout',
];
/** Third words of those names begin with one of these; those of the headers that the proxy adds itself do not. */
const R = 0x72;
const M = 0x6d;
const H = 0x68;

function hasRetryHeaders(names: readonly string[]): boolean {
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    const third = name.length > 15 ? name.charCodeAt(8) : 0;
    if ((third === R || third === M || third === H) && RETRY_HEADERS.includes(name)) return true;
  }
  return false;
}

/** The retry state of a request, or null if nothing can make it be retried. The headers that steer retries are read and removed, used or not. */
export function createRetryState(
  policy: RetryPolicySettings | null,
  headers: RequestHeaders,
  limit: RetryLimit,
  stats: RetryStats,
  deps: RetryDeps,
): RetryState | null {
  const steered = hasRetryHeaders(headers.names);
  const asked = steered && (headers.has('x-envoy-retry-on') || headers.has('x-envoy-retry-grpc-on'));
  let state: RetryState | null = null;
  if (asked || (policy !== null && policy.retryOn !== 0)) {
    state = new RetryState(policy ?? NO_POLICY, limit, stats, deps);
    if (steered) state.readHeaders(headers);
    state.applyRequestMatchers(headers);
  }
  if (steered) for (let i = 0; i < RETRY_HEADERS.length; i++) headers.remove(RETRY_HEADERS[i]!);
  return state;
}
