import { describe, expect, test } from 'vitest';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { RouterRig, retryPolicy } from '../../../support/router-rig.ts';

const { ConnectionTermination, ConnectionTerminationUnread } = ResetReason;

describe('a connection that ends under a request after it was idle', () => {
  test('nobody has read the request: it is sent again, whatever it is', () => {
    const rig = new RouterRig({ idleForMs: 0 }).send({ method: 'POST' });
    rig.attempt(1).drop(ConnectionTerminationUnread);
    expect(rig.attempt(2).headers![':method']).toBe('POST');
    expect(rig.closedIdle).toBe(1);
    rig.attempt(2).respond(200);
    expect(rig.answer.status).toBe(200);
    expect(rig.count('upstream_cx_stale_reuse_replayed')).toBe(1);
    expect(rig.count('upstream_rq_retry')).toBe(0);
    expect(rig.hostCounts()).toEqual({ rqError: 0, rqSuccess: 1, rqTimeout: 0 });
  });

  test('its body goes with it, if the connection had been idle for long enough to expect that', () => {
    const rig = new RouterRig({ idleForMs: 500 }).send({ method: 'POST', body: ['bo', 'dy'] });
    rig.attempt(1).drop(ConnectionTerminationUnread);
    expect(rig.attempt(2).data.join('')).toBe('body');
    expect(rig.attempt(2).ended).toBe(true);

    const busy = new RouterRig({ idleForMs: 5 }).send({ method: 'POST', body: ['body'] });
    busy.attempt(1).drop(ConnectionTerminationUnread);
    expect(busy.attempts).toHaveLength(1);
    expect(busy.answer).toMatchObject({
      status: 503,
      flags: 'UC',
      details: 'upstream_reset_before_response_started{connection_termination|stale_connection,_request_not_executed}',
    });
  });

  test('half of a body is continued', () => {
    const rig = new RouterRig({ idleForMs: 900 }).send({ method: 'POST', body: ['one'], end: false });
    rig.attempt(1).drop(ConnectionTerminationUnread);
    rig.data('two', true);
    expect(rig.attempt(2).data).toEqual(['one', 'two']);
  });

  test('a body that is too large is not kept, and not counted as abandoned', () => {
    const rig = new RouterRig({ idleForMs: 900 }).send({ method: 'PUT', body: ['x'.repeat(65_000), 'x'.repeat(65_000)] });
    rig.attempt(1).drop(ConnectionTermination);
    expect(rig.attempts).toHaveLength(1);
    expect(rig.count('retry_or_shadow_abandoned')).toBe(0);
  });

  test('somebody may have read it: only what may be done twice is sent again', () => {
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      const rig = new RouterRig({ idleForMs: 600 }).send({ method });
      rig.attempt(1).drop(ConnectionTermination);
      expect([method, rig.attempts.length]).toEqual([method, 2]);
    }
    const post = new RouterRig({ idleForMs: 600 }).send({ method: 'POST' });
    post.attempt(1).drop(ConnectionTermination);
    expect(post.attempts).toHaveLength(1);
    expect(post.answer.details).toBe('upstream_reset_before_response_started{connection_termination|stale_connection}');
  });

  test('a connection that was in use all the time did not die of age', () => {
    for (const idleForMs of [-1, 0, 499]) {
      const rig = new RouterRig({ idleForMs }).send();
      rig.attempt(1).drop(ConnectionTermination);
      expect(rig.attempts).toHaveLength(1);
      expect(rig.answer.details).toBe('upstream_reset_before_response_started{connection_termination}');
    }
  });

  test('other ends of it are no signs of age', () => {
    for (const reason of [ResetReason.ProtocolError, ResetReason.RemoteReset, ResetReason.LocalReset]) {
      const rig = new RouterRig({ idleForMs: 600 }).send();
      rig.attempt(1).drop(reason);
      expect(rig.attempts).toHaveLength(1);
    }
  });

  test('once', () => {
    const rig = new RouterRig({ idleForMs: 600 }).send();
    rig.attempt(1).drop(ConnectionTermination);
    rig.attempt(2).drop(ConnectionTerminationUnread);
    expect(rig.attempts).toHaveLength(2);
    expect(rig.answer.status).toBe(503);
  });

  test('not once something of the answer went to the client', () => {
    const rig = new RouterRig({ idleForMs: 600 }).send();
    rig.attempt(1).respond(200, {}, false);
    rig.attempt(1).drop(ConnectionTermination);
    expect(rig.attempts).toHaveLength(1);
  });

  test('reset-before-request retries what nobody has read, too', () => {
    const rig = new RouterRig({ idleForMs: 0, action: { retryPolicy: retryPolicy('reset-before-request', { numRetries: 2 }) } }).send();
    rig.attempt(1).drop(ConnectionTerminationUnread);
    rig.attempt(2).drop(ConnectionTerminationUnread);
    rig.backOff();
    expect(rig.attempts).toHaveLength(3);
    expect(rig.count('upstream_rq_retry')).toBe(1);
  });
});
