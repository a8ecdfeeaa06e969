/** What goes upstream, what comes back, and how it is counted. */
import { describe, expect, test } from 'vitest';
import { HeaderMap } from '../../../../src/http/header-map.ts';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { RouterRig } from '../../../support/router-rig.ts';

const trailers = (name: string, value: string): HeaderMap => {
  const map = new HeaderMap();
  map.add(name, value);
  return map;
};

describe('forwarding', () => {
  test('a request and its response', () => {
    const rig = new RouterRig().send({ path: '/cart' });
    const attempt = rig.attempt(1);
    expect(attempt.headers).toEqual({
      ':method': 'GET',
      ':path': '/cart',
      ':authority': 'shop.test',
      'x-envoy-expected-rq-timeout-ms': '15000',
    });
    expect(attempt.ended).toBe(true);
    rig.clock.advance(20);
    attempt.respond(200, { 'x-a': 'b' }, false);
    attempt.respondData('hel', false);
    attempt.respondData('lo', true);
    expect(rig.answer).toEqual({
      status: 200,
      headers: { 'x-a': 'b', 'x-envoy-upstream-service-time': '20', 'x-from-route': 'yes' },
      body: 'hello',
      flags: '',
      details: 'via_upstream',
    });
    expect(attempt.resetBy).toBeNull();
    expect(rig.hostCounts()).toEqual({ rqError: 0, rqSuccess: 1, rqTimeout: 0 });
    expect(rig.stats.nonZero()).toEqual({
      'http.test.rq_total': 1,
      'cluster.a.upstream_rq_completed': 1,
      'cluster.a.upstream_rq_200': 1,
      'cluster.a.upstream_rq_2xx': 1,
      'cluster.a.external.upstream_rq_completed': 1,
      'cluster.a.external.upstream_rq_200': 1,
      'cluster.a.external.upstream_rq_2xx': 1,
    });
    expect(rig.stats.recorded.get('cluster.a.upstream_rq_time')).toEqual([20]);
    expect(rig.clock.nowMs()).toBe(20);
  });

  test('body and trailers both ways', () => {
    const rig = new RouterRig().send({ method: 'POST', body: ['a', 'b'], end: false });
    rig.requestTrailers(trailers('x-sum', '1'));
    const attempt = rig.attempt(1);
    expect(attempt.data).toEqual(['a', 'b']);
    expect(attempt.trailers!.get('x-sum')).toBe('1');
    attempt.respond(200, {}, false);
    attempt.client.onResponseTrailers(trailers('x-end', '2'));
    expect(rig.stream.trailers!.get('x-end')).toBe('2');
  });

  test('what comes before the connection is there waits for it, and holds the client back at the limit', () => {
    const rig = new RouterRig({ pool: 'wait', bufferLimit: 4 }).send({ method: 'POST', body: ['abc'], end: false });
    expect(rig.stream.pauses).toBe(0);
    rig.data('def', true);
    expect(rig.stream.pauses).toBe(1);
    rig.attempt(1).ready();
    expect(rig.attempt(1).data).toEqual(['abc', 'def']);
    expect(rig.attempt(1).ended).toBe(true);
    expect(rig.stream.pauses).toBe(0);
    expect(rig.count('upstream_flow_control_backed_up_total')).toBe(1);
    expect(rig.count('upstream_flow_control_drained_total')).toBe(1);
  });

  test('a slow upstream holds the client back, until it is gone', () => {
    const rig = new RouterRig().send({ method: 'POST', body: ['a'], end: false });
    rig.attempt(1).client.onAboveWriteBufferHighWatermark();
    expect(rig.stream.pauses).toBe(1);
    rig.attempt(1).client.onBelowWriteBufferLowWatermark();
    expect(rig.stream.pauses).toBe(0);
    rig.attempt(1).client.onAboveWriteBufferHighWatermark();
    rig.attempt(1).drop(ResetReason.ConnectionTermination);
    expect(rig.stream.pauses).toBe(0);
  });

  test('a slow client holds the upstream back, and never leaves its connection paused', () => {
    const rig = new RouterRig().send();
    const attempt = rig.attempt(1);
    attempt.respond(200, {}, false);
    rig.stream.watermarks!.onDownstreamBelowLowWatermark();
    expect(attempt.readDisables).toBe(0);
    rig.stream.watermarks!.onDownstreamAboveHighWatermark();
    expect(attempt.readDisables).toBe(1);
    attempt.respondData('rest', true);
    expect(attempt.readDisables).toBe(0);
  });

  test('a client that goes away takes its attempt with it', () => {
    const rig = new RouterRig().send();
    rig.stream.hangUp();
    expect(rig.attempt(1).resetBy).toBe(ResetReason.LocalReset);
    const waiting = new RouterRig({ pool: 'wait' }).send();
    waiting.stream.hangUp();
    expect(waiting.attempt(1).cancelled).toBe(true);
    waiting.attempt(1).ready();
    expect(waiting.attempt(1).headers).toBeNull();
  });

  test('a response before the end of the request costs the upstream connection, and has no service time', () => {
    const rig = new RouterRig().send({ method: 'POST', body: ['a'], end: false });
    rig.attempt(1).respond(200);
    expect(rig.attempt(1).resetBy).toBe(ResetReason.LocalReset);
    expect(rig.answer.headers).toEqual({ 'x-from-route': 'yes' });
    expect(rig.stats.recorded.get('cluster.a.upstream_rq_time') ?? []).toEqual([]);
  });

  test('the first 1xx is passed on and counted, others are not', () => {
    const rig = new RouterRig().send();
    rig.attempt(1).client.on1xxHeaders(Object.assign(rig.stream.requestHeaders.clone(), { status: 103 }) as never);
    rig.attempt(1).client.on1xxHeaders(Object.assign(rig.stream.requestHeaders.clone(), { status: 100 }) as never);
    rig.attempt(1).respond(199, {}, false);
    rig.attempt(1).respond(204);
    expect(rig.stream.informational).toEqual([103]);
    expect(rig.answer.status).toBe(204);
    expect(rig.count('upstream_rq_103')).toBe(1);
  });

  test('after a 1xx a failure is told as one after the response has started', () => {
    const rig = new RouterRig().send();
    rig.attempt(1).client.on1xxHeaders(Object.assign(rig.stream.requestHeaders.clone(), { status: 103 }) as never);
    rig.attempt(1).drop(ResetReason.ConnectionTermination);
    expect(rig.answer).toMatchObject({
      status: 503,
      flags: 'UC',
      details: 'upstream_reset_after_response_started{connection_termination}',
    });
    expect(rig.count('upstream_rq_503')).toBe(0);
  });
});

describe('headers', () => {
  test('steer the proxy and are not sent on', () => {
    const steering = {
      'x-envoy-upstream-rq-timeout-ms': '700',
      'x-envoy-upstream-rq-per-try-timeout-ms': '300',
      'x-envoy-upstream-rq-timeout-alt-response': '1',
      'x-envoy-upstream-stream-duration-ms': '900',
      'x-envoy-upstream-alt-stat-name': 'other',
      'x-envoy-max-retries': '4',
      'x-envoy-retry-on': '5xx',
      'x-envoy-hedge-on-per-try-timeout': 'true',
    };
    const rig = new RouterRig().send({ headers: { ...steering, 'x-envoy-internal': 'true' } });
    expect(rig.attempt(1).headers).toEqual({
      ':method': 'GET',
      ':path': '/',
      ':authority': 'shop.test',
      'x-envoy-internal': 'true',
      // A hedged try may use all the time that there is.
      'x-envoy-expected-rq-timeout-ms': '700',
    });
    rig.attempt(1).respond(200);
    expect(rig.count('internal.upstream_rq_200')).toBe(1);
    expect(rig.count('external.upstream_rq_200')).toBe(0);
    expect(rig.count('other.upstream_rq_200')).toBe(1);
    expect(rig.count('other.internal.upstream_rq_200')).toBe(1);
  });

  test('attempt counts where the virtual host wants them', () => {
    const rig = new RouterRig({ virtualHost: { includeRequestAttemptCount: true, includeAttemptCountInResponse: true } }).send();
    expect(rig.attempt(1).headers!['x-envoy-attempt-count']).toBe('1');
    rig.attempt(1).respond(200);
    expect(rig.answer.headers['x-envoy-attempt-count']).toBe('1');
  });

  test('attempt counts stand on local replies once a host is looked for', () => {
    const virtualHost = { includeAttemptCountInResponse: true };
    expect(new RouterRig({ virtualHost, noHosts: true }).send().answer.headers).toEqual({
      'x-from-route': 'yes',
      'x-envoy-attempt-count': '1',
    });
    expect(new RouterRig({ virtualHost, unknownCluster: true }).send().answer.headers).toEqual({ 'x-from-route': 'yes' });
    const overflow = { reason: ResetReason.Overflow } as const;
    expect(new RouterRig({ virtualHost, pool: overflow }).send().answer.headers).toEqual({
      'x-from-route': 'yes',
      'x-envoy-overloaded': 'true',
      'x-envoy-attempt-count': '1',
    });
  });

  test('suppress_envoy_headers', () => {
    const rig = new RouterRig({ settings: { suppressEnvoyHeaders: true } }).send();
    expect(Object.keys(rig.attempt(1).headers!)).toEqual([':method', ':path', ':authority']);
    rig.attempt(1).respond(200);
    expect(rig.answer.headers).toEqual({ 'x-from-route': 'yes' });
  });

  test('auto_host_rewrite takes the name of the host that was picked', () => {
    const rig = new RouterRig({ action: { autoHostRewrite: true, appendXForwardedHost: true }, hostname: 'up.test' }).send();
    expect(rig.attempt(1).headers).toMatchObject({
      ':authority': 'up.test',
      'x-forwarded-host': 'shop.test',
      'x-envoy-original-host': 'shop.test',
    });
  });

  test('a hash policy is asked only by a balancer that hashes, and its cookie is set', () => {
    let asked = 0;
    const hash = () => {
      asked++;
      return { hash: 7n, setCookies: ['c="1"; HttpOnly'] };
    };
    const rig = new RouterRig({ action: { hash } }).send();
    expect(asked).toBe(0);
    expect([rig.lastContext!.hash, rig.lastContext!.hash, asked]).toEqual([7n, 7n, 1]);
    rig.attempt(1).respond(200);
    expect(rig.answer.headers['set-cookie']).toBe('c="1"; HttpOnly');
  });
});

describe('statistics', () => {
  test('of virtual clusters and routes with a prefix', () => {
    const rig = new RouterRig({ virtualHost: { virtualCluster: () => 'vc' }, route: { statPrefix: 'pre' } }).send();
    rig.attempt(1).respond(404);
    for (const prefix of ['vhost.vh.vcluster.vc.', 'vhost.vh.route.pre.']) {
      expect(rig.stats.value(prefix + 'upstream_rq_total')).toBe(1);
      expect(rig.stats.value(prefix + 'upstream_rq_404')).toBe(1);
    }
    expect(rig.stream.info.virtualClusterName).toBe('vc');
  });

  test('not of health checks, nor without dynamic_stats', () => {
    const rig = new RouterRig();
    rig.stream.info.isHealthCheck = true;
    rig.send().attempt(1).respond(200);
    const off = new RouterRig({ settings: { dynamicStats: false } }).send();
    off.attempt(1).respond(200);
    for (const r of [rig, off]) expect(r.stats.nonZero()).toEqual({ 'http.test.rq_total': 1 });
  });

  const grpc = { method: 'POST', headers: { 'content-type': 'application/grpc' }, body: ['x'] };
  test.each<[string, (rig: RouterRig) => void, 'rqSuccess' | 'rqError']>([
    ['trailers-only OK', (rig) => rig.attempt(1).respond(200, { 'grpc-status': '0' }), 'rqSuccess'],
    ["trailers-only INVALID_ARGUMENT is the caller's fault", (rig) => rig.attempt(1).respond(200, { 'grpc-status': '3' }), 'rqSuccess'],
    ['trailers-only UNAVAILABLE', (rig) => rig.attempt(1).respond(200, { 'grpc-status': '14' }), 'rqError'],
    ['no status at all', (rig) => rig.attempt(1).respond(200), 'rqError'],
    ['OK in trailers', (rig) => inTrailers(rig, '0'), 'rqSuccess'],
    ['INTERNAL in trailers', (rig) => inTrailers(rig, '13'), 'rqError'],
    ['nonsense in trailers', (rig) => inTrailers(rig, 'x'), 'rqError'],
    ['body without trailers', (rig) => inBody(rig), 'rqError'],
  ])('gRPC host results: %s', (_name, act, expected) => {
    const rig = new RouterRig().send(grpc);
    act(rig);
    expect(rig.hostCounts()).toEqual({ rqError: 0, rqSuccess: 0, rqTimeout: 0, [expected]: 1 });
  });

  test('a gRPC response that is cut off', () => {
    const rig = new RouterRig().send(grpc);
    rig.attempt(1).respond(200, {}, false);
    rig.attempt(1).drop(ResetReason.ConnectionTermination);
    expect(rig.hostCounts().rqError).toBe(1);
    expect(rig.stats.value('http.test.rq_reset_after_downstream_response_started')).toBe(1);
  });
});

function inTrailers(rig: RouterRig, status: string): void {
  rig.attempt(1).respond(200, {}, false);
  rig.attempt(1).client.onResponseTrailers(trailers('grpc-status', status));
}

function inBody(rig: RouterRig): void {
  rig.attempt(1).respond(200, {}, false);
  rig.attempt(1).respondData('x', true);
}
