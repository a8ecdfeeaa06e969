import { describe, expect, test } from 'vitest';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { type RigOptions, RouterRig, retryPolicy } from '../../../support/router-rig.ts';

const PER_TRY = 100;

function rig(more: Partial<NonNullable<RigOptions['action']>> = {}, options: RigOptions = {}): RouterRig {
  const action = { hedgeOnPerTryTimeout: true, timeoutMs: 1000, retryPolicy: retryPolicy('5xx', { perTryTimeoutMs: PER_TRY }), ...more };
  return new RouterRig({ ...options, action: { ...action, ...options.action } });
}

/** The first try has become slow, and the second is under way. */
function hedged(options: RigOptions = {}): RouterRig {
  const both = rig({}, options).send();
  both.clock.advance(PER_TRY + 30);
  expect(both.attempts).toHaveLength(2);
  return both;
}

describe('hedge_on_per_try_timeout', () => {
  test('the first answer wins, whichever try it is of', () => {
    const first = hedged();
    expect(first.attempt(1).resetBy).toBeNull();
    first.attempt(1).respond(200);
    expect(first.answer.status).toBe(200);
    expect(first.attempt(2).resetBy).toBe(ResetReason.LocalReset);

    const second = hedged();
    second.attempt(2).respond(201, {}, false);
    expect(second.attempt(1).resetBy).toBe(ResetReason.LocalReset);
    second.attempt(2).respondData('x', true);
    expect(second.answer).toMatchObject({ status: 201, body: 'x' });
    expect(second.count('upstream_rq_retry_success')).toBe(1);
    expect(second.count('upstream_rq_per_try_timeout')).toBe(0);
  });

  test('a failure is not passed on while the other try may do better', () => {
    const response = hedged();
    response.attempt(1).respond(500);
    expect(response.answer.status).toBe(0);
    response.attempt(2).respond(200);
    expect(response.answer.status).toBe(200);

    const reset = hedged();
    reset.attempt(2).drop(ResetReason.ConnectionTermination);
    expect(reset.answer.status).toBe(0);
    reset.attempt(1).drop(ResetReason.ConnectionTermination);
    expect(reset.answer).toMatchObject({ status: 503, flags: 'URX,UC' });
  });

  test('a failure that comes while the next try waits for its back-off is not passed on either', () => {
    const policy = retryPolicy('5xx', { perTryTimeoutMs: PER_TRY, baseIntervalMs: 400, maxIntervalMs: 400 });
    const waiting = rig({ retryPolicy: policy }).send();
    waiting.clock.advance(PER_TRY + 10);
    expect(waiting.attempts).toHaveLength(1);
    waiting.attempt(1).respond(500);
    expect(waiting.answer.status).toBe(0);
    waiting.backOff();
    waiting.attempt(2).respond(200);
    expect(waiting.answer.status).toBe(200);
  });

  test('no try outlives the request, and no slot of the retry breaker', () => {
    const timeout = hedged();
    timeout.clock.advance(2000);
    expect(timeout.answer).toMatchObject({ status: 504, details: 'response_timeout' });
    expect(timeout.attempts.map((attempt) => attempt.resetBy)).toEqual([ResetReason.LocalReset, ResetReason.LocalReset]);
    expect(timeout.count('upstream_rq_timeout')).toBe(2);
    expect(timeout.breaker.retries.count).toBe(0);

    const gone = hedged();
    gone.stream.hangUp();
    expect(gone.attempts.map((attempt) => attempt.resetBy)).toEqual([ResetReason.LocalReset, ResetReason.LocalReset]);
    expect(gone.breaker.retries.count).toBe(0);
  });

  test('a client that reads slowly holds back the try whose answer it gets', () => {
    const slow = hedged();
    slow.attempt(1).respond(200, {}, false);
    slow.stream.watermarks!.onDownstreamAboveHighWatermark();
    expect(slow.attempt(1).readDisables).toBe(1);
    expect(slow.attempt(2).readDisables).toBe(0);
  });
});
