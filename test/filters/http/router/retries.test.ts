/** Attempts after the first: what triggers them, what they send, what is kept for them, what the client gets in the end. */
import { describe, expect, test } from 'vitest';
import { HeaderMap } from '../../../../src/http/header-map.ts';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { RouterRig, responseHeaders, retryPolicy } from '../../../support/router-rig.ts';

const on = (retryOn: string, more = {}) => ({ action: { retryPolicy: retryPolicy(retryOn, more) } });

const PREVIOUS_HOSTS = { previousHosts: true, canaries: false, metadata: null, priorityUpdateFrequency: 0 };

describe('a retry', () => {
  test('goes to the next host and answers for the request', () => {
    const rig = new RouterRig({
      ...on('5xx'),
      virtualHost: { includeRequestAttemptCount: true, includeAttemptCountInResponse: true, includeIsTimeoutRetryHeader: true },
    }).send();
    rig.attempt(1).respond(503);
    expect(rig.attempts).toHaveLength(1);
    rig.backOff();
    expect(rig.attempt(2).host).toBe(rig.hosts[1]);
    expect(rig.attempt(2).headers).toMatchObject({ 'x-envoy-attempt-count': '2', 'x-envoy-is-timeout-retry': 'false' });
    rig.attempt(2).respond(200);
    expect(rig.answer).toMatchObject({ status: 200, flags: '', details: 'via_upstream', headers: { 'x-envoy-attempt-count': '2' } });
    expect(rig.stream.info.attemptCount).toBe(2);
    expect(rig.hostCounts(1)).toEqual({ rqError: 1, rqSuccess: 0, rqTimeout: 0 });
    expect(rig.hostCounts(2)).toEqual({ rqError: 0, rqSuccess: 1, rqTimeout: 0 });
    expect(rig.count('retry.upstream_rq_503')).toBe(1);
    expect(rig.count('upstream_rq_503')).toBe(0);
    expect(rig.count('upstream_rq_retry')).toBe(1);
    expect(rig.count('upstream_rq_retry_success')).toBe(1);
    expect(rig.breaker.retries.count).toBe(0);
  });

  test('avoids the hosts that were tried, where it is told to', () => {
    const plain = new RouterRig(on('5xx')).send();
    plain.attempt(1).respond(503);
    plain.backOff();
    expect(plain.hosts.map((host) => plain.lastContext?.shouldSelectAnotherHost(host))).toEqual([false, false]);
    const avoiding = new RouterRig(on('5xx', { hosts: PREVIOUS_HOSTS, hostSelectionRetryMaxAttempts: 5 })).send();
    avoiding.attempt(1).respond(503);
    expect(avoiding.hosts.map((host) => avoiding.lastContext?.shouldSelectAnotherHost(host))).toEqual([true, false]);
    avoiding.backOff();
    expect(avoiding.hosts.map((host) => avoiding.lastContext?.shouldSelectAnotherHost(host))).toEqual([true, true]);
    expect(avoiding.lastContext?.hostSelectionRetries).toBe(5);
  });

  test('takes the upstream connection back only if something is left on it', () => {
    const whole = new RouterRig(on('5xx')).send();
    whole.attempt(1).respond(503);
    expect(whole.attempt(1).resetBy).toBeNull();
    const cut = new RouterRig(on('5xx')).send();
    cut.attempt(1).respond(503, {}, false);
    expect(cut.attempt(1).resetBy).toBe(ResetReason.LocalReset);
  });

  test('that fails too passes the last response on, flagged', () => {
    const rig = new RouterRig(on('5xx')).send();
    rig.attempt(1).respond(500);
    rig.backOff().attempt(2).respond(503, { 'x-last': '1' });
    expect(rig.answer).toMatchObject({ status: 503, flags: 'URX', headers: { 'x-last': '1' } });
    expect(rig.count('upstream_rq_retry_limit_exceeded')).toBe(1);
    expect(rig.count('upstream_rq_503')).toBe(1);
  });

  test('is not made when the breaker is full', () => {
    const rig = new RouterRig({ ...on('5xx'), thresholds: { maxRetries: 0 } }).send();
    rig.attempt(1).respond(503);
    expect(rig.answer).toMatchObject({ status: 503, flags: 'UO', details: 'via_upstream' });
    expect(rig.count('upstream_rq_retry_overflow')).toBe(1);
  });

  test('is never made for an overflow of our own', () => {
    const rig = new RouterRig({ ...on('5xx,reset,connect-failure'), pool: { reason: ResetReason.Overflow } }).send();
    expect(rig.answer).toMatchObject({ status: 503, flags: 'UO' });
    expect(rig.attempts).toHaveLength(1);
  });

  test('of a connection that could not be made', () => {
    const rig = new RouterRig({
      ...on('connect-failure'),
      pool: { reason: ResetReason.RemoteConnectionFailure, transport: 'refused' },
    }).send();
    rig.pool = 'ready';
    rig.backOff().attempt(2).respond(200);
    expect(rig.answer).toMatchObject({ status: 200, flags: '' });
    expect(rig.hostCounts(1).rqError).toBe(1);
  });

  test('is not made after a 1xx', () => {
    const rig = new RouterRig(on('5xx')).send();
    rig.attempt(1).client.on1xxHeaders(responseHeaders(103));
    rig.attempt(1).respond(503);
    expect(rig.answer).toMatchObject({ status: 503, flags: '' });
  });

  test('is given up with the client', () => {
    const rig = new RouterRig(on('5xx')).send();
    rig.attempt(1).respond(503);
    rig.stream.hangUp();
    expect(rig.breaker.retries.count).toBe(0);
    rig.backOff();
    expect(rig.attempts).toHaveLength(1);
  });

  test('finds no host, or no cluster any more', () => {
    for (const gone of ['hosts', 'cluster'] as const) {
      const rig = new RouterRig(on('5xx')).send();
      rig.attempt(1).respond(503);
      if (gone === 'hosts') rig.hostsExist = false;
      else rig.clusterExists = false;
      rig.backOff();
      expect(rig.answer).toMatchObject({ status: 503, body: 'no healthy upstream', flags: 'UH', details: 'no_healthy_upstream' });
      expect(rig.breaker.retries.count).toBe(0);
    }
  });

  test('is counted for virtual clusters and routes', () => {
    const rig = new RouterRig({ ...on('5xx'), virtualHost: { virtualCluster: () => 'vc' }, route: { statPrefix: 'p' } }).send();
    rig.attempt(1).respond(503);
    rig.backOff().attempt(2).respond(503);
    for (const prefix of ['vhost.vh.vcluster.vc.', 'vhost.vh.route.p.']) {
      expect(rig.stats.value(prefix + 'upstream_rq_retry')).toBe(1);
      expect(rig.stats.value(prefix + 'upstream_rq_retry_limit_exceeded')).toBe(1);
    }
  });
});

describe('the body', () => {
  const post = (body: readonly string[], end = true) => ({ method: 'POST', body, end });

  test('is sent again as far as it has come, and the rest follows', () => {
    const rig = new RouterRig(on('5xx')).send(post(['ab', 'cd'], false));
    rig.attempt(1).drop(ResetReason.ConnectionTermination);
    rig.data('ef', false);
    rig.backOff();
    expect(rig.attempt(2).data).toEqual(['ab', 'cd', 'ef']);
    expect(rig.attempt(2).ended).toBe(false);
    rig.data('gh', true);
    expect(rig.attempt(2).data).toEqual(['ab', 'cd', 'ef', 'gh']);
    expect(rig.attempt(2).ended).toBe(true);
    rig.attempt(2).respond(200);
    expect(rig.answer.status).toBe(200);
  });

  test('complete, with trailers', () => {
    const rig = new RouterRig(on('5xx')).send(post(['ab'], false));
    rig.requestTrailers(new HeaderMap());
    rig.attempt(1).respond(503);
    rig.backOff();
    expect(rig.attempt(2).data).toEqual(['ab']);
    expect(rig.attempt(2).trailers).not.toBeNull();
  });

  test('an empty one ends with the headers', () => {
    const rig = new RouterRig(on('5xx')).send(post([''], true));
    rig.attempt(1).respond(503);
    rig.backOff();
    expect(rig.attempt(2).ended).toBe(true);
    expect(rig.attempt(2).data).toEqual([]);
  });

  test('over the limit ends retries, not the request', () => {
    const rig = new RouterRig({ action: { retryPolicy: retryPolicy('5xx'), requestBufferLimit: 4 } }).send(post(['abc', 'def'], true));
    expect(rig.attempt(1).data).toEqual(['abc', 'def']);
    expect(rig.count('retry_or_shadow_abandoned')).toBe(1);
    rig.attempt(1).respond(503);
    expect(rig.answer).toMatchObject({ status: 503, flags: '', details: 'via_upstream' });
  });

  test('over the limit while a retry waits ends the request', () => {
    const rig = new RouterRig({ action: { retryPolicy: retryPolicy('5xx'), requestBufferLimit: 4 } }).send(post(['abc'], false));
    rig.attempt(1).drop(ResetReason.ConnectionTermination);
    rig.data('def', true);
    expect(rig.answer).toMatchObject({
      status: 507,
      body: 'exceeded request buffer limit while retrying upstream',
      flags: '',
      details: 'request_payload_exceeded_retry_buffer_limit',
    });
    rig.backOff();
    expect(rig.attempts).toHaveLength(1);
    expect(rig.breaker.retries.count).toBe(0);
  });

  test("is bounded by the listener's limit where the route says nothing", () => {
    const rig = new RouterRig({ ...on('5xx'), bufferLimit: 4 }).send(post(['abc', 'def'], true));
    expect(rig.count('retry_or_shadow_abandoned')).toBe(1);
  });

  test('is not kept without retries', () => {
    const rig = new RouterRig({ bufferLimit: 4 }).send(post(['abc', 'def'], true));
    expect(rig.count('retry_or_shadow_abandoned')).toBe(0);
  });
});
