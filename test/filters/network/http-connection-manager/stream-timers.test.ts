import { describe, expect, test } from 'vitest';
import { HcmRig, type HcmRigOptions, requestHeaders, responseHeaders } from '../../../support/hcm-rig.ts';

const last = (rig: HcmRig) => rig.log.at(-1)!;

describe('timers', () => {
  interface Case {
    readonly settings: HcmRigOptions['settings'];
    readonly action?: HcmRigOptions['action'];
    readonly body: string;
    readonly details: string;
    readonly flags?: string;
    readonly stat: string;
  }
  const cases: Record<string, Case> = {
    stream_idle_timeout: {
      settings: { streamIdleTimeoutMs: 1000 },
      body: 'stream timeout',
      details: 'stream_idle_timeout',
      flags: 'SI',
      stat: 'rq_idle_timeout',
    },
    'idle_timeout of the route': {
      settings: { streamIdleTimeoutMs: 500 },
      action: { idleTimeoutMs: 1000 },
      body: 'stream timeout',
      details: 'stream_idle_timeout',
      flags: 'SI',
      stat: 'rq_idle_timeout',
    },
    max_stream_duration: {
      settings: { maxStreamDurationMs: 1000 },
      body: 'downstream duration timeout',
      details: 'max_duration_timeout',
      stat: 'rq_max_duration_reached',
    },
    'max_stream_duration of the route': {
      settings: { maxStreamDurationMs: 100 },
      action: { maxStreamDurationMs: 1000 },
      body: 'downstream duration timeout',
      details: 'max_duration_timeout',
      stat: 'rq_max_duration_reached',
    },
  };

  for (const [name, given] of Object.entries(cases)) {
    test(`${name}: 408 while the request comes in, 504 after, a reset once the response has begun`, () => {
      for (const state of ['incoming', 'received', 'answering'] as const) {
        const rig = new HcmRig({ settings: given.settings ?? {}, action: given.action ?? {} });
        const stream = rig.request({}, { end: state !== 'incoming' });
        if (state === 'answering') rig.backend.stream!.respondHeaders(responseHeaders(200), false);
        rig.clock.advance(990);
        expect(rig.log).toEqual([]);
        rig.clock.advance(20);
        if (state === 'answering') expect(stream.encoder.resets).toBe(1);
        else {
          expect(stream.status).toBe(state === 'incoming' ? 408 : 504);
          expect(stream.encoder.body).toBe(given.body);
        }
        expect(last(rig)).toMatchObject({ details: given.details, flags: given.flags ?? '' });
        expect(rig.count(given.stat)).toBe(1);
        expect([rig.log.length, rig.probe.ends, rig.count('rq_active')]).toEqual([1, 1, 0]);
      }
    });
  }

  test('request_timeout runs until the request is complete', () => {
    const rig = new HcmRig({ settings: { requestTimeoutMs: 1000 } });
    const stream = rig.request({}, { end: false });
    rig.clock.advance(600);
    stream.data('moves');
    rig.clock.advance(400);
    expect(stream.status).toBe(408);
    expect(stream.encoder.body).toBe('request timeout');
    expect(last(rig).details).toBe('request_overall_timeout');
    expect(rig.count('rq_timeout')).toBe(1);
  });

  test('request_timeout stops with the request, or with the response', () => {
    const rig = new HcmRig({ settings: { requestTimeoutMs: 1000 } });
    const complete = rig.request({}, { end: false });
    complete.data('', true);
    const answered = rig.request({}, { end: false });
    rig.backend.stream!.respondHeaders(responseHeaders(200), false);
    rig.clock.advance(5000);
    expect([complete.status, answered.encoder.resets, rig.count('rq_timeout')]).toEqual([0, 0, 0]);
  });

  test('request_headers_timeout: 408 to a client that does not finish its head', () => {
    const rig = new HcmRig({ settings: { requestHeadersTimeoutMs: 1000 } });
    const slow = rig.connect().newStream();
    const quick = rig.request();
    rig.clock.advance(1000);
    expect(slow.status).toBe(408);
    expect(slow.encoder.body).toBe('request header timeout');
    expect(last(rig).details).toBe('request_header_timeout');
    expect(rig.count('rq_header_timeout')).toBe(1);
    expect(quick.status).toBe(0);
  });

  test('stream_idle_timeout begins with the first byte: an unfinished head does not hold a connection', () => {
    const rig = new HcmRig({ settings: { streamIdleTimeoutMs: 1000 } });
    const stream = rig.connect().newStream();
    rig.clock.advance(1000);
    expect(stream.status).toBe(408);
    expect(stream.encoder.body).toBe('stream timeout');
  });

  test('every move in either direction begins the idle time anew', () => {
    const rig = new HcmRig({ settings: { streamIdleTimeoutMs: 1000 } });
    const stream = rig.request({}, { end: false });
    for (let i = 0; i < 3; i++) {
      rig.clock.advance(900);
      stream.data('x');
    }
    rig.backend.stream!.respondHeaders(responseHeaders(200), false);
    for (let i = 0; i < 3; i++) {
      rig.clock.advance(900);
      rig.backend.stream!.respondData(Buffer.from('y'), false);
    }
    expect(stream.encoder.resets).toBe(0);
    rig.clock.advance(1000);
    expect(stream.encoder.resets).toBe(1);
  });

  test('a route without idle timeout is left alone by the one of earlier requests', () => {
    const rig = new HcmRig({ settings: { streamIdleTimeoutMs: 1000 }, actions: { '/forever': { idleTimeoutMs: 0 } } });
    const connection = rig.connect();
    connection.newStream().decoder.onRequestHeaders(requestHeaders(), true);
    rig.backend.respond();
    const forever = connection.newStream();
    forever.decoder.onRequestHeaders(requestHeaders({}, 'GET', '/forever'), true);
    rig.clock.advance(10_000);
    expect(forever.status).toBe(0);
    rig.backend.respond();
    const usual = connection.newStream();
    usual.decoder.onRequestHeaders(requestHeaders(), true);
    rig.clock.advance(1000);
    expect(usual.status).toBe(504);
  });

  test('another route after clearRouteCache brings its own timeouts', () => {
    const rig = new HcmRig({
      settings: { streamIdleTimeoutMs: 500 },
      action: { idleTimeoutMs: 1000 },
      actions: { '/long': { idleTimeoutMs: 3000 } },
    });
    const stream = rig.request();
    rig.backend.headers!.path = '/long';
    rig.backend.stream!.clearRouteCache();
    expect(rig.backend.stream!.route!.action!.idleTimeoutMs).toBe(3000);
    rig.clock.advance(2900);
    expect(stream.status).toBe(0);
    rig.clock.advance(100);
    expect(stream.status).toBe(504);
  });

  test('a gRPC deadline that the route honours is capped, told upstream, and ends in grpc-status 4', () => {
    const rig = new HcmRig({ action: { grpcTimeoutHeaderMaxMs: 2000 } });
    const stream = rig.request({ 'content-type': 'application/grpc', 'grpc-timeout': '5S' }, { method: 'POST' });
    expect(rig.backend.headers!.get('grpc-timeout')).toBe('2000m');
    rig.clock.advance(2000);
    expect(stream.status).toBe(200);
    expect(stream.answer).toMatchObject({ 'grpc-status': '4', 'grpc-message': 'downstream duration timeout' });
  });
});
