import { expect, test } from 'vitest';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { type RigOptions, RouterRig, retryPolicy } from '../../../support/router-rig.ts';

function rig(options: RigOptions = {}): RouterRig {
  return new RouterRig({ ...options, settings: { upstreamLogs: [{}], ...options.settings } });
}

test('each try has its line, with its own status, bytes and flags', () => {
  const retried = rig({ action: { retryPolicy: retryPolicy('5xx', { numRetries: 2 }) } }).send({ method: 'POST', body: ['four'] });
  retried.attempt(1).respond(503);
  retried.backOff().attempt(2).drop(ResetReason.ConnectionTermination);
  retried.backOff().attempt(3).respond(200, {}, false);
  retried.attempt(3).respondData('answer', true);
  expect(retried.logged).toEqual(['UpstreamEnd 503 0/4 ', 'UpstreamEnd 0 0/4 UC', 'UpstreamEnd 200 6/4 ']);
});

test('a client that goes away ends the line', () => {
  const gone = rig().send();
  expect(gone.logged).toEqual([]);
  gone.stream.hangUp();
  expect(gone.logged).toEqual(['UpstreamEnd 0 0/0 ']);
});

test('upstream_log_options: lines at the beginning, and from time to time', () => {
  const slow = rig({ settings: { logUpstreamReady: true, upstreamLogIntervalMs: 1000 }, action: { timeoutMs: 0 } }).send();
  slow.clock.advance(2500);
  slow.attempt(1).respond(200);
  slow.clock.advance(5000);
  expect(slow.logged).toEqual(['UpstreamPoolReady 0 0/0 ', 'UpstreamPeriodic 0 0/0 ', 'UpstreamPeriodic 0 0/0 ', 'UpstreamEnd 200 0/0 ']);
});
