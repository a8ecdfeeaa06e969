/** Which ends of an attempt are tried again: the table of retry_on. */
import { describe, expect, test } from 'vitest';
import { RequestHeaders } from '../../src/http/header-map.ts';
import type { HeaderMatcherSettings } from '../../src/http/header-matcher.ts';
import { ResetReason } from '../../src/http/reset-reason.ts';
import type { RetryPolicySettings } from '../../src/resilience/retry-policy.ts';
import { createRetryState, type RetryState, RetryStatus } from '../../src/resilience/retry-state.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from '../support/plain-stats.ts';
import { type HeaderLines, responseHeaders, retryPolicy } from '../support/router-rig.ts';

class Slots {
  used = 0;
  readonly max: number;
  constructor(max: number) {
    this.max = max;
  }
  tryInc(): boolean {
    if (this.used >= this.max) return false;
    this.used++;
    return true;
  }
  dec(): void {
    this.used--;
  }
}

interface Setup {
  readonly policy?: RetryPolicySettings | null;
  readonly headers?: HeaderLines;
  readonly slots?: Slots;
  readonly runtime?: HeaderLines;
}

function setup({ policy = null, headers = {}, slots = new Slots(3), runtime = {} }: Setup) {
  const stats = new PlainStats();
  const request = new RequestHeaders('GET', '/', 'a', 'http');
  for (const [name, value] of Object.entries(headers)) request.add(name, value);
  const counters = {
    upstreamRqRetry: stats.counter('retry'),
    upstreamRqRetrySuccess: stats.counter('success'),
    upstreamRqRetryOverflow: stats.counter('overflow'),
    upstreamRqRetryLimitExceeded: stats.counter('limit'),
    upstreamRqRetryBackoffExponential: stats.counter('exponential'),
    upstreamRqRetryBackoffRatelimited: stats.counter('ratelimited'),
  };
  const clock = new SimulatedClock();
  const deps = { clock, random: seededRandom(5), runtime: new StaticRuntime(new Map(Object.entries(runtime))) };
  return { state: createRetryState(policy, request, slots, counters, deps), request, slots, stats, clock };
}

const on = (retryOn: string, more: Partial<RetryPolicySettings> = {}) => setup({ policy: retryPolicy(retryOn, more) }).state as RetryState;
const header = (name: string, value: string | null = null): HeaderMatcherSettings => ({
  name,
  value: value === null ? null : { kind: 'exact', value, ignoreCase: false },
  present: true,
  invert: false,
  treatMissingAsEmpty: false,
});

describe('a response', () => {
  test.each<[string, number, HeaderLines, boolean]>([
    ['5xx', 500, {}, true],
    ['5xx', 599, {}, true],
    ['5xx', 499, {}, false],
    ['5xx', 503, { 'x-envoy-overloaded': 'true' }, true],
    ['5xx', 503, { 'x-envoy-ratelimited': 'true' }, false],
    ['gateway-error', 502, {}, true],
    ['gateway-error', 503, {}, true],
    ['gateway-error', 504, {}, true],
    ['gateway-error', 500, {}, false],
    ['gateway-error', 505, {}, false],
    ['reset', 503, {}, false],
    ['reset-before-request', 503, {}, false],
    ['connect-failure', 503, {}, false],
    ['refused-stream', 503, {}, false],
    ['retriable-4xx', 409, {}, true],
    ['retriable-4xx', 429, {}, false],
    ['retriable-status-codes', 418, {}, true],
    ['retriable-status-codes', 503, {}, false],
    ['retriable-headers', 200, { 'x-again': 'yes' }, true],
    ['retriable-headers', 200, { 'x-again': 'no' }, false],
    ['envoy-ratelimited', 429, { 'x-envoy-ratelimited': 'true' }, true],
    ['envoy-ratelimited', 429, {}, false],
    ['cancelled', 200, { 'grpc-status': '1' }, true],
    ['deadline-exceeded', 200, { 'grpc-status': '4' }, true],
    ['resource-exhausted', 200, { 'grpc-status': '8' }, true],
    ['internal', 200, { 'grpc-status': '13' }, true],
    ['unavailable', 200, { 'grpc-status': '14' }, true],
    ['unavailable', 200, { 'grpc-status': '13' }, false],
    ['unavailable', 200, {}, false],
    ['cancelled, 5xx ,nonsense', 500, {}, true],
  ])('retry_on %s, %d %j: %s', (retryOn, status, headers, expected) => {
    const state = on(retryOn, { retriableStatusCodes: [418], retriableHeaders: [header('x-again', 'yes')] });
    expect(state.wouldRetryResponse(responseHeaders(status, headers))).toBe(expected);
  });
});

describe('no response', () => {
  const R = ResetReason;
  const connecting = [R.LocalConnectionFailure, R.RemoteConnectionFailure, R.ConnectionTimeout];
  const all = Object.values(R).filter((reason) => reason !== R.Overflow);
  test.each<[string, boolean, readonly number[]]>([
    ['5xx', true, all],
    ['gateway-error', true, all],
    ['reset', true, all],
    ['reset-before-request', false, all],
    ['reset-before-request', true, [R.ConnectionTerminationUnread]],
    ['connect-failure', false, connecting],
    ['refused-stream', true, [R.RemoteRefusedStreamReset]],
    ['retriable-4xx', true, []],
    ['retriable-status-codes', true, []],
    ['unavailable', true, []],
  ])('retry_on %s, request written: %s', (retryOn, written, expected) => {
    const state = on(retryOn);
    expect(Object.values(R).filter((reason) => state.wouldRetryReset(reason, written))).toEqual(expected);
  });
});

describe('the decision', () => {
  const fail = responseHeaders(503);
  const fine = responseHeaders(200);

  test('holds a slot until the outcome of the retry is known', () => {
    const { state, slots, stats } = setup({ policy: retryPolicy('5xx') });
    expect(state!.onResponseHeaders(fail)).toBe(RetryStatus.Yes);
    expect(slots.used).toBe(1);
    expect(stats.nonZero()).toEqual({});
    state!.onRetryStart();
    expect(state!.onResponseHeaders(fine)).toBe(RetryStatus.No);
    expect(slots.used).toBe(0);
    expect(stats.nonZero()).toEqual({ retry: 1, exponential: 1, success: 1 });
  });

  test('num_retries bounds it', () => {
    const { state, stats, slots } = setup({ policy: retryPolicy('5xx', { numRetries: 2 }) });
    const outcomes = [1, 2, 3].map(() => state!.onReset(ResetReason.ConnectionTermination, true));
    expect(outcomes).toEqual([RetryStatus.Yes, RetryStatus.Yes, RetryStatus.NoRetryLimitExceeded]);
    expect(stats.value('limit')).toBe(1);
    expect(slots.used).toBe(0);
  });

  test('the breaker bounds it', () => {
    const { state, stats } = setup({ policy: retryPolicy('5xx'), slots: new Slots(0) });
    expect(state!.onResponseHeaders(fail)).toBe(RetryStatus.NoOverflow);
    expect(stats.nonZero()).toEqual({ overflow: 1 });
  });

  test('runtime can switch retries off', () => {
    const { state, slots } = setup({ policy: retryPolicy('5xx'), runtime: { 'upstream.use_retry': '0' } });
    expect(state!.onResponseHeaders(fail)).toBe(RetryStatus.No);
    expect(slots.used).toBe(0);
  });

  test('dispose gives the slot back once', () => {
    const { state, slots } = setup({ policy: retryPolicy('5xx') });
    state!.onResponseHeaders(fail);
    state!.dispose();
    state!.dispose();
    expect(slots.used).toBe(0);
  });
});

describe('the delay', () => {
  const rateLimitedBackOff = {
    maxIntervalMs: 300_000,
    resetHeaders: [
      { name: 'retry-after', format: 'SECONDS' },
      { name: 'x-reset', format: 'UNIX_TIMESTAMP' },
    ],
  } as const;
  const NOW_S = 1_700_000_000;

  test.each<[HeaderLines, number, number]>([
    [{ 'retry-after': '2' }, 2000, 3000],
    [{ 'x-reset': String(NOW_S + 5) }, 5000, 7500],
    [{ 'retry-after': 'soon', 'x-reset': String(NOW_S + 5) }, 5000, 7500],
    [{ 'retry-after': '301', 'x-reset': String(NOW_S + 5) }, 5000, 7500],
    [{ 'x-reset': String(NOW_S - 5) }, 0, 25],
    [{}, 0, 25],
  ])('%j: from %d to below %d ms', (headers, least, below) => {
    for (let i = 0; i < 20; i++) {
      const state = on('5xx', { rateLimitedBackOff });
      expect(state.onResponseHeaders(responseHeaders(503, headers))).toBe(RetryStatus.Yes);
      expect(state.delayMs).toBeGreaterThanOrEqual(least);
      expect(state.delayMs).toBeLessThan(below);
    }
  });

  test('counts what kind it was', () => {
    const { state, stats } = setup({ policy: retryPolicy('5xx', { rateLimitedBackOff, numRetries: 2 }) });
    state!.onResponseHeaders(responseHeaders(503, { 'retry-after': '1' }));
    state!.onRetryStart();
    state!.onReset(ResetReason.ConnectionTermination, true);
    state!.onRetryStart();
    expect(stats.nonZero()).toEqual({ retry: 2, ratelimited: 1, exponential: 1 });
  });
});

describe('request headers', () => {
  test('without a condition there is no state, and the headers go all the same', () => {
    const { state, request } = setup({
      headers: { 'x-envoy-max-retries': '3', 'x-envoy-hedge-on-per-try-timeout': 'true', 'x-other': '1' },
    });
    expect(state).toBeNull();
    expect(request.names).toEqual(['x-other']);
  });

  test('ask for conditions beside those of the policy', () => {
    const { state, request } = setup({
      policy: retryPolicy('connect-failure'),
      headers: {
        'x-envoy-retry-on': 'retriable-4xx,retriable-status-codes,retriable-headers',
        'x-envoy-retry-grpc-on': 'unavailable',
        'x-envoy-retriable-status-codes': '404, 410',
        'x-envoy-retriable-header-names': 'X-Again, x-more',
        'x-envoy-max-retries': '0',
      },
    });
    expect(request.size).toBe(0);
    expect(state!.wouldRetryReset(ResetReason.ConnectionTimeout, false)).toBe(true);
    expect(state!.wouldRetryResponse(responseHeaders(409))).toBe(true);
    expect(state!.wouldRetryResponse(responseHeaders(410))).toBe(true);
    expect(state!.wouldRetryResponse(responseHeaders(200, { 'x-more': '' }))).toBe(true);
    expect(state!.wouldRetryResponse(responseHeaders(200, { 'grpc-status': '14' }))).toBe(true);
    expect(state!.wouldRetryResponse(responseHeaders(500))).toBe(false);
    expect(state!.onResponseHeaders(responseHeaders(409))).toBe(RetryStatus.NoRetryLimitExceeded);
  });

  test('gRPC conditions count in the gRPC header only', () => {
    const { state } = setup({ headers: { 'x-envoy-retry-on': 'unavailable,5xx' } });
    expect(state!.wouldRetryResponse(responseHeaders(200, { 'grpc-status': '14' }))).toBe(false);
    expect(state!.wouldRetryResponse(responseHeaders(500))).toBe(true);
  });

  test('retriable_request_headers: any of them has to match', () => {
    const policy = retryPolicy('5xx', { retriableRequestHeaders: [header('x-safe'), header(':method', 'PUT')] });
    expect(setup({ policy }).state!.enabled).toBe(false);
    expect(setup({ policy, headers: { 'x-safe': '1' } }).state!.enabled).toBe(true);
  });
});
