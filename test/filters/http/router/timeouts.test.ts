/** Timeouts on simulated time: when they run, what they do, what they tell. */
import { describe, expect, test } from 'vitest';
import { formatGrpcTimeout, grpcTimeoutMs } from '../../../../src/http/grpc-timeout.ts';
import { RequestHeaders } from '../../../../src/http/header-map.ts';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { type HeaderLines, RouterRig, retryPolicy } from '../../../support/router-rig.ts';

const TIMED_OUT = { status: 504, body: 'upstream request timeout', flags: 'UT' };

describe("the route's timeout", () => {
  test('runs from the end of the request', () => {
    const rig = new RouterRig({ action: { timeoutMs: 1000 } }).send({ method: 'POST', body: ['a'], end: false });
    rig.clock.advance(5000);
    expect(rig.answer.status).toBe(0);
    rig.data('b', true);
    rig.clock.advance(980);
    expect(rig.answer.status).toBe(0);
    rig.clock.advance(40);
    expect(rig.answer).toMatchObject({ ...TIMED_OUT, details: 'response_timeout' });
    expect(rig.attempt(1).resetBy).toBe(ResetReason.LocalReset);
    expect(rig.count('upstream_rq_timeout')).toBe(1);
    expect(rig.count('upstream_rq_504')).toBe(1);
    expect(rig.hostCounts()).toEqual({ rqError: 1, rqSuccess: 0, rqTimeout: 1 });
  });

  test('cuts off a response that has started', () => {
    const rig = new RouterRig({ action: { timeoutMs: 1000 } }).send();
    rig.attempt(1).respond(200, {}, false);
    rig.clock.advance(1100);
    expect(rig.stream.wasReset).toBe(true);
    expect(rig.answer).toMatchObject({ status: 200, flags: 'UT', details: 'response_timeout' });
    expect(rig.hostCounts()).toEqual({ rqError: 0, rqSuccess: 1, rqTimeout: 1 });
  });

  test('holds while a connection is waited for', () => {
    const rig = new RouterRig({ action: { timeoutMs: 1000 }, pool: 'wait' }).send();
    rig.clock.advance(1100);
    expect(rig.answer).toMatchObject(TIMED_OUT);
    expect(rig.attempt(1).cancelled).toBe(true);
    expect(rig.hostCounts().rqTimeout).toBe(0);
  });

  test('runs on through the back-off', () => {
    const policy = retryPolicy('5xx', { baseIntervalMs: 100_000, maxIntervalMs: 100_000 });
    const rig = new RouterRig({ action: { timeoutMs: 1000, retryPolicy: policy } }).send();
    rig.attempt(1).respond(503);
    expect(rig.breaker.retries.count).toBe(1);
    rig.clock.advance(1100);
    expect(rig.answer).toMatchObject({ ...TIMED_OUT, details: 'response_timeout' });
    expect(rig.breaker.retries.count).toBe(0);
    expect(rig.count('upstream_rq_timeout')).toBe(0);
    expect(rig.count('upstream_rq_retry')).toBe(0);
    rig.clock.advance(200_000);
    expect(rig.attempts).toHaveLength(1);
  });

  test('ends with the response', () => {
    const rig = new RouterRig({ action: { timeoutMs: 1000 } }).send();
    rig.attempt(1).respond(200);
    rig.clock.advance(5000);
    expect(rig.answer.flags).toBe('');
  });

  test('0 is none', () => {
    const rig = new RouterRig({ action: { timeoutMs: 0 } }).send();
    expect(rig.attempt(1).headers!['x-envoy-expected-rq-timeout-ms']).toBeUndefined();
    rig.clock.advance(1e8);
    expect(rig.answer.status).toBe(0);
  });

  test('answers 204 to clients that asked for it', () => {
    const rig = new RouterRig({ action: { timeoutMs: 100 } }).send({ headers: { 'x-envoy-upstream-rq-timeout-alt-response': '' } });
    rig.clock.advance(200);
    expect(rig.answer).toMatchObject({ status: 204, body: '', flags: 'UT', details: 'response_timeout' });
    expect(rig.count('upstream_rq_204')).toBe(1);
    expect(rig.hostCounts()).toEqual({ rqError: 1, rqSuccess: 0, rqTimeout: 1 });
  });
});

describe('per-try timeouts', () => {
  test('give the try up, and count', () => {
    const retry = retryPolicy('5xx', { perTryTimeoutMs: 200 });
    const rig = new RouterRig({ action: { retryPolicy: retry }, virtualHost: { includeIsTimeoutRetryHeader: true } }).send();
    rig.clock.advance(220);
    expect(rig.attempt(1).resetBy).toBe(ResetReason.LocalReset);
    rig.clock.advance(40);
    expect(rig.attempt(2).headers!['x-envoy-is-timeout-retry']).toBe('true');
    rig.clock.advance(220);
    expect(rig.answer).toMatchObject({ ...TIMED_OUT, flags: 'URX,UT', details: 'upstream_per_try_timeout' });
    expect(rig.count('upstream_rq_per_try_timeout')).toBe(2);
    expect(rig.hostCounts(1)).toEqual({ rqError: 1, rqSuccess: 0, rqTimeout: 1 });
  });

  test('without a condition that covers them end the request', () => {
    const rig = new RouterRig({ action: { retryPolicy: retryPolicy('connect-failure', { perTryTimeoutMs: 200 }) } }).send();
    rig.clock.advance(220);
    expect(rig.answer).toMatchObject({ ...TIMED_OUT, details: 'upstream_per_try_timeout' });
  });

  test('start when the connection is there and the request complete', () => {
    const action = { retryPolicy: retryPolicy('', { perTryTimeoutMs: 200 }) };
    const rig = new RouterRig({ action, pool: 'wait' }).send({ method: 'POST', body: ['a'], end: false });
    rig.clock.advance(1000);
    rig.attempt(1).ready();
    rig.clock.advance(1000);
    rig.data('', true);
    rig.clock.advance(190);
    expect(rig.answer.status).toBe(0);
    rig.clock.advance(30);
    expect(rig.answer).toMatchObject(TIMED_OUT);
    const late = new RouterRig({ action, pool: 'wait' }).send();
    late.clock.advance(1000);
    late.attempt(1).ready();
    late.clock.advance(220);
    expect(late.answer).toMatchObject(TIMED_OUT);
  });

  test('mean nothing once the response has started', () => {
    const rig = new RouterRig({ action: { retryPolicy: retryPolicy('5xx', { perTryTimeoutMs: 200 }) } }).send();
    rig.attempt(1).respond(200, {}, false);
    rig.clock.advance(1000);
    expect(rig.stream.ended).toBe(false);
  });

  test('idle: every piece of the response starts it again, and it goes on to the end', () => {
    const rig = new RouterRig({ action: { retryPolicy: retryPolicy('5xx', { perTryIdleTimeoutMs: 200 }) } }).send();
    rig.clock.advance(150);
    rig.attempt(1).respond(200, {}, false);
    rig.clock.advance(150);
    rig.attempt(1).respondData('a', false);
    rig.clock.advance(150);
    expect(rig.stream.ended).toBe(false);
    rig.clock.advance(80);
    expect(rig.stream.wasReset).toBe(true);
    expect(rig.answer).toMatchObject({ flags: 'UT', details: 'upstream_per_try_idle_timeout' });
    expect(rig.count('upstream_rq_per_try_idle_timeout')).toBe(1);
  });
});

describe('max stream duration', () => {
  test('of the cluster', () => {
    const rig = new RouterRig({ maxStreamDurationMs: 300 }).send();
    rig.clock.advance(320);
    expect(rig.answer).toMatchObject({
      status: 504,
      body: 'upstream max stream duration reached',
      flags: 'UMSDR',
      details: 'upstream_max_stream_duration_reached',
    });
    expect(rig.count('upstream_rq_max_duration_reached')).toBe(1);
    expect(rig.count('upstream_rq_504')).toBe(0);
    expect(rig.hostCounts().rqError).toBe(0);
  });

  test('by header, while the request is still coming', () => {
    const rig = new RouterRig({ maxStreamDurationMs: 1e6 }).send({ headers: { 'x-envoy-upstream-stream-duration-ms': '300' }, end: false });
    rig.clock.advance(320);
    expect(rig.answer.status).toBe(408);
  });

  test('0 in the header takes the bound away', () => {
    const rig = new RouterRig({ maxStreamDurationMs: 300 }).send({ headers: { 'x-envoy-upstream-stream-duration-ms': '0' } });
    rig.clock.advance(1000);
    expect(rig.answer.status).toBe(0);
  });

  test('is retried like a local reset', () => {
    const rig = new RouterRig({ maxStreamDurationMs: 300, action: { retryPolicy: retryPolicy('reset') } }).send();
    rig.clock.advance(400);
    expect(rig.attempts).toHaveLength(2);
  });
});

describe('which timeout holds', () => {
  const EXPECTED = 'x-envoy-expected-rq-timeout-ms';
  test.each<[string, HeaderLines, object, string | undefined]>([
    ["the route's", {}, {}, '1000'],
    ["the request's own", { 'x-envoy-upstream-rq-timeout-ms': '50' }, {}, '50'],
    ['one that is no number does not count', { 'x-envoy-upstream-rq-timeout-ms': '50s' }, {}, '1000'],
    ['0 takes it away', { 'x-envoy-upstream-rq-timeout-ms': '0' }, {}, undefined],
    ['per try', { 'x-envoy-upstream-rq-per-try-timeout-ms': '70' }, {}, '70'],
    ['a try as long as the request has no timeout of its own', { 'x-envoy-upstream-rq-per-try-timeout-ms': '1000' }, {}, '1000'],
    ['expected by the proxy before, not respected', { [EXPECTED]: '77' }, {}, '1000'],
    [
      'expected by the proxy before, respected',
      { [EXPECTED]: '77', 'x-envoy-upstream-rq-timeout-ms': '50' },
      { respectExpectedRqTimeout: true },
      '77',
    ],
    ['respected, but absent', { 'x-envoy-upstream-rq-timeout-ms': '50' }, { respectExpectedRqTimeout: true }, '50'],
  ])('%s', (_name, headers, settings, expected) => {
    const rig = new RouterRig({ action: { timeoutMs: 1000 }, settings }).send({ headers });
    expect(rig.attempt(1).headers![EXPECTED]).toBe(expected);
  });

  test('a retry is told what is left', () => {
    const rig = new RouterRig({ action: { timeoutMs: 1000, retryPolicy: retryPolicy('5xx') } }).send();
    rig.clock.advance(600);
    rig.attempt(1).respond(503);
    rig.clock.advance(100);
    const left = Number(rig.attempt(2).headers![EXPECTED]);
    expect(left).toBeGreaterThan(360);
    expect(left).toBeLessThanOrEqual(400);
  });

  const grpc = (timeout: string | null): HeaderLines => ({
    'content-type': 'application/grpc',
    ...(timeout === null ? {} : { 'grpc-timeout': timeout }),
  });
  test.each<[string, string | null, object, string | undefined]>([
    ['capped', '9S', { maxGrpcTimeoutMs: 500 }, '500'],
    ['below the cap', '200m', { maxGrpcTimeoutMs: 500 }, '200'],
    ['no deadline is cut to the cap', null, { maxGrpcTimeoutMs: 500 }, '500'],
    ['no cap, no deadline', null, { maxGrpcTimeoutMs: 0 }, undefined],
    ['minus the offset', '200m', { maxGrpcTimeoutMs: 0, grpcTimeoutOffsetMs: 30 }, '170'],
    ['an offset that leaves nothing is not applied', '200m', { maxGrpcTimeoutMs: 0, grpcTimeoutOffsetMs: 200 }, '200'],
    ["without max_grpc_timeout the route's", '200m', {}, '1000'],
    ['max_stream_duration switches it off', '200m', { maxStreamDurationMs: 0, maxGrpcTimeoutMs: 500 }, undefined],
  ])('gRPC: %s', (_name, timeout, action, expected) => {
    const rig = new RouterRig({ action: { timeoutMs: 1000, ...action } }).send({ headers: grpc(timeout) });
    expect(rig.attempt(1).headers![EXPECTED]).toBe(expected);
    if ('maxGrpcTimeoutMs' in action && expected !== undefined) expect(rig.attempt(1).headers!['grpc-timeout']).toBe(expected + 'm');
  });
});

test.each([
  ['1H', 3_600_000],
  ['2M', 120_000],
  ['3S', 3000],
  ['4m', 4],
  ['1u', 1],
  ['1001u', 2],
  ['1n', 1],
  ['99999999m', 99_999_999],
  ['123456789m', -1],
  ['5x', -1],
  ['m', -1],
  ['', -1],
])('grpc-timeout %s is %d ms', (text, ms) => {
  const headers = new RequestHeaders();
  headers.add('grpc-timeout', text);
  expect(grpcTimeoutMs(headers)).toBe(ms);
});

test.each([
  [5, '5m'],
  [99_999_999, '99999999m'],
  [100_000_000, '100000S'],
  [100_000_000_000, '1666666M'],
])('%d ms is written as %s', (ms, text) => expect(formatGrpcTimeout(ms)).toBe(text));
