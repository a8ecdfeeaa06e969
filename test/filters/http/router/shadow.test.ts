import { describe, expect, test } from 'vitest';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { type RigOptions, RouterRig } from '../../../support/router-rig.ts';

const MIRROR = {
  cluster: 'mirror',
  clusterHeader: '',
  clusterFor: () => 'mirror',
  editHeaders: (headers: { authority: string }) => {
    headers.authority += '-shadow';
  },
};

/** The first attempt is the request itself, the second its copy. */
function rig(options: RigOptions = {}): RouterRig {
  return new RouterRig({ ...options, action: { mirrors: [MIRROR], timeoutMs: 1000, ...options.action } });
}

describe('request_mirror_policies', () => {
  test('a copy has headers of its own, and its body comes along as it arrives', () => {
    const posted = rig().send({ method: 'POST', headers: { 'x-forwarded-for': '1.2.3.4' }, end: false });
    expect(posted.attempt(1).headers![':authority']).toBe('shop.test');
    expect(posted.attempt(2).headers).toMatchObject({
      ':authority': 'shop.test-shadow',
      'x-envoy-internal': 'true',
      'x-forwarded-for': '1.2.3.4,10.9.9.9',
    });
    posted.data('one', false);
    expect(posted.attempt(2).data).toEqual(['one']);
    posted.data('two', true);
    expect(posted.attempt(2).data).toEqual(['one', 'two']);
    expect(posted.attempt(2).ended).toBe(true);
  });

  test('nobody gets the answer to a copy', () => {
    const both = rig().send();
    both.attempt(2).respond(500);
    expect(both.answer.status).toBe(0);
    both.attempt(1).respond(200);
    expect(both.answer.status).toBe(200);
    expect(both.count('internal.upstream_rq_500')).toBe(1);
    expect(both.stats.value('http.async-client.rq_total')).toBe(1);
  });

  test('a copy that was sent completely outlives the request, until its own timeout', () => {
    const both = rig().send();
    both.attempt(1).respond(200);
    expect(both.attempt(2).resetBy).toBeNull();
    both.clock.advance(1100);
    expect(both.attempt(2).resetBy).toBe(ResetReason.LocalReset);
    expect(both.count('upstream_rq_timeout')).toBe(1);
  });

  test('a copy whose request was given up half-way is given up, too', () => {
    const both = rig().send({ method: 'POST', body: ['part'], end: false });
    both.stream.hangUp();
    expect(both.attempt(2).resetBy).toBe(ResetReason.LocalReset);
  });

  test('a mirror that takes nothing more loses its copy once the buffer is full, and never holds the client back', () => {
    const both = rig({ bufferLimit: 10 }).send({ method: 'POST', end: false });
    both.attempt(2).client.onAboveWriteBufferHighWatermark();
    both.data('12345', false).data('67890', false);
    expect(both.stream.pauses).toBe(0);
    expect(both.attempt(2).resetBy).toBeNull();
    both.data('x', false);
    expect(both.attempt(2).resetBy).toBe(ResetReason.LocalReset);
    expect(both.count('retry_or_shadow_abandoned')).toBe(1);
    both.data('y', true);
    expect(both.attempt(1).data.join('')).toBe('1234567890xy');
    both.attempt(1).respond(200);
    expect(both.answer.status).toBe(200);
  });

  test('one that catches up in time keeps its copy', () => {
    const both = rig({ bufferLimit: 10 }).send({ method: 'POST', end: false });
    both.attempt(2).client.onAboveWriteBufferHighWatermark();
    both.data('1234567890', false);
    both.attempt(2).client.onBelowWriteBufferLowWatermark();
    both.data('1234567890', true);
    expect(both.attempt(2).data.join('')).toBe('12345678901234567890');
  });

  test('a mirror whose connection does not come about harms nothing', () => {
    const both = rig().send({ method: 'POST', end: false });
    both.attempt(2).drop(ResetReason.ConnectionTermination);
    both.data('all', true);
    both.attempt(1).respond(200);
    expect(both.answer.status).toBe(200);
    expect(both.attempts).toHaveLength(2);
  });

  test('CONNECT is not copied', () => {
    const none = rig().send({ method: 'CONNECT' });
    expect(none.attempts).toHaveLength(1);
  });
});
