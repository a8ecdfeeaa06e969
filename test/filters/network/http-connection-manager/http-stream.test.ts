import { describe, expect, test } from 'vitest';
import { Status } from '../../../../src/filters/api.ts';
import type { HttpStream } from '../../../../src/filters/network/http-connection-manager/http-stream.ts';
import { HeaderMap } from '../../../../src/http/header-map.ts';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { type Random, seededRandom } from '../../../../src/runtime/random.ts';
import { HcmRig, type RigStream, requestHeaders, responseHeaders } from '../../../support/hcm-rig.ts';

const last = (rig: HcmRig) => rig.log.at(-1)!;

describe('a request and its response', () => {
  test('runs through the filters and is counted and logged once', () => {
    const rig = new HcmRig();
    const stream = rig.request({}, { end: false });
    stream.data('abc').data('de', true);
    expect(rig.backend.body).toBe('abcde');
    expect(rig.active()).toEqual({ 'http.p.downstream_cx_active': 1, 'http.p.downstream_rq_active': 1 });
    rig.clock.advance(25);
    rig.backend.respond(201, {}, 'made');
    expect(stream.status).toBe(201);
    expect(stream.encoder.body).toBe('made');
    expect(rig.probe.seen).toEqual(['request', 'data 3', 'data 2 end', 'response 201']);
    expect([rig.probe.ends, rig.backend.ends]).toEqual([1, 1]);
    expect(rig.log).toEqual([{ type: 'DownstreamEnd', code: 201, flags: '', details: '' }]);
    expect(rig.count('rq_active')).toBe(0);
    expect(rig.count('rq_2xx')).toBe(1);
    expect(rig.count('rq_completed')).toBe(1);
    expect(rig.stats.recorded.get('http.p.downstream_rq_time')).toEqual([25]);
  });

  test('trailers end both directions', () => {
    const rig = new HcmRig();
    const stream = rig.request({}, { end: false });
    stream.decoder.onRequestTrailers(new HeaderMap());
    expect(rig.backend.complete).toBe(true);
    const trailers = new HeaderMap();
    trailers.add('x-sum', '1');
    rig.backend.stream!.respondHeaders(responseHeaders(200), false);
    rig.backend.stream!.respondTrailers(trailers);
    expect(stream.encoder.trailers).toBe(trailers);
    expect(stream.encoder.ends).toBe(1);
    expect(rig.log.length).toBe(1);
  });

  test('answered before the request is complete: the connection ends, and that is counted', () => {
    const rig = new HcmRig();
    const stream = rig.request({}, { end: false });
    rig.backend.respond(200, {}, 'early');
    expect(stream.encoder.close).toBe(true);
    expect(stream.answer['connection']).toBe('close');
    expect(rig.count('rq_response_before_rq_complete')).toBe(1);
    // What is left of the request is reset, in Envoy's words.
    expect(rig.count('rq_rx_reset')).toBe(1);
    stream.data('late', true);
    expect(rig.backend.body).toBe('');
    expect(rig.log.length).toBe(1);
  });

  test('with the router as its only filter the response goes to the codec directly', () => {
    const rig = new HcmRig({ bare: true });
    const stream = rig.request();
    rig.backend.respond(204);
    expect(stream.status).toBe(204);
    expect(rig.backend.ends).toBe(1);
  });

  test('interim responses pass only with proxy_100_continue', () => {
    for (const proxy100Continue of [false, true]) {
      const rig = new HcmRig({ settings: { proxy100Continue } });
      const stream = rig.request({ expect: '100-continue' }, { method: 'POST', end: false });
      // Without it the proxy itself tells the client to go on.
      expect(stream.encoder.interim).toEqual(proxy100Continue ? [] : [100]);
      expect(rig.backend.headers!.get('expect')).toBe(proxy100Continue ? '100-continue' : undefined);
      rig.backend.stream!.respond1xx(responseHeaders(103));
      expect(stream.encoder.interim).toEqual(proxy100Continue ? [103] : [100]);
      expect([rig.count('rq_1xx'), rig.count('rq_completed')]).toEqual([1, 1]);
    }
  });

  test('flush_access_log_on_new_request and access_log_flush_interval write lines before the end', () => {
    const rig = new HcmRig({ settings: { accessLogOnNewRequest: true, accessLogFlushIntervalMs: 1000 } });
    rig.request();
    rig.clock.advance(2500);
    rig.backend.respond();
    rig.clock.advance(5000);
    expect(rig.log.map((line) => line.type)).toEqual(['DownstreamStart', 'DownstreamPeriodic', 'DownstreamPeriodic', 'DownstreamEnd']);
  });
});

describe('local replies', () => {
  test('before the response: status, body, flag and details', () => {
    const rig = new HcmRig();
    const stream = rig.request();
    rig.backend.stream!.localReply(503, 'no healthy upstream', 1 << 1, 'no_healthy_upstream');
    expect(stream.status).toBe(503);
    expect(stream.encoder.body).toBe('no healthy upstream');
    expect(stream.answer).toMatchObject({ 'content-length': '19', 'content-type': 'text/plain', server: 'envoy' });
    expect(last(rig)).toEqual({ type: 'DownstreamEnd', code: 503, flags: 'UH', details: 'no_healthy_upstream' });
    expect(rig.probe.seen).toEqual(['request end', 'response 503']);
  });

  test('details never hold a space', () => {
    const rig = new HcmRig();
    rig.request();
    rig.backend.stream!.localReply(500, '', 0, 'a b c');
    expect(last(rig).details).toBe('a_b_c');
  });

  test('after the response has begun: the stream is reset', () => {
    const rig = new HcmRig();
    const stream = rig.request();
    rig.backend.stream!.respondHeaders(responseHeaders(200), false);
    rig.backend.stream!.localReply(504, 'late', 0, 'x');
    expect(stream.encoder.resets).toBe(1);
    expect(stream.encoder.body).toBe('');
    expect(last(rig)).toMatchObject({ code: 200, details: 'x' });
    expect(rig.count('rq_tx_reset')).toBe(1);
  });

  test('a HEAD gets the headers only', () => {
    const rig = new HcmRig();
    const stream = rig.request({}, { method: 'HEAD' });
    rig.backend.stream!.localReply(503, 'sorry', 0, 'x');
    expect(stream.answer['content-length']).toBe('5');
    expect(stream.encoder.body).toBe('');
    expect(stream.encoder.ends).toBe(1);
  });

  test('400 ends the connection, unless stream_error_on_invalid_http_message', () => {
    for (const streamErrorOnInvalid of [false, true]) {
      const rig = new HcmRig({ http1: { streamErrorOnInvalid } });
      const stream = rig.request();
      rig.backend.stream!.localReply(400, '', 0, 'x');
      expect(stream.encoder.close).toBe(!streamErrorOnInvalid);
      expect(stream.answer['connection']).toBe(streamErrorOnInvalid ? undefined : 'close');
    }
  });

  test('replaces a response that a filter holds, past the filters', () => {
    const rig = new HcmRig({ settings: { streamIdleTimeoutMs: 1000 } });
    rig.prepare = (probe) => (probe.onAnswer = Status.StopAllAndWatermark);
    const stream = rig.request();
    rig.backend.stream!.respondHeaders(responseHeaders(200), false);
    expect(stream.status).toBe(0);
    rig.clock.advance(1000);
    expect(stream.status).toBe(504);
    expect(stream.encoder.body).toBe('stream timeout');
    expect(rig.probe.seen.filter((seen) => seen.startsWith('response'))).toEqual(['response 200']);
    // What the filter and the upstream do afterwards reaches nobody.
    rig.backend.stream!.respondData(Buffer.from('x'), true);
    rig.backend.stream!.continueResponse(rig.probe);
    expect(stream.encoder.ends).toBe(1);
    expect(rig.log.length).toBe(1);
  });
});

describe('buffer limits', () => {
  test('a request above the limit: 413', () => {
    const rig = new HcmRig({ bufferLimit: 10 });
    rig.prepare = (probe) => {
      probe.onHeaders = Status.Stop;
      probe.onBody = Status.StopAndBuffer;
    };
    const stream = rig.request({}, { end: false });
    stream.data('12345678');
    expect(stream.status).toBe(0);
    stream.data('9ab');
    expect(stream.status).toBe(413);
    expect(stream.encoder.body).toBe('Payload Too Large');
    expect(last(rig).details).toBe('request_payload_too_large');
    expect(rig.count('rq_too_large')).toBe(1);
    expect(rig.backends).toEqual([]);
  });

  test('a response above the limit: 500, or a reset when its headers are out', () => {
    for (const headersHeld of [true, false]) {
      const rig = new HcmRig({ bufferLimit: 10 });
      rig.prepare = (probe) => {
        if (headersHeld) probe.onAnswer = Status.Stop;
        probe.onAnswerBody = Status.StopAndBuffer;
      };
      const stream = rig.request();
      rig.backend.stream!.respondHeaders(responseHeaders(200), false);
      rig.backend.stream!.respondData(Buffer.alloc(11), false);
      expect(rig.stats.value('http.p.rs_too_large')).toBe(1);
      if (headersHeld) {
        expect(stream.status).toBe(500);
        expect(stream.encoder.body).toBe('Internal Server Error');
        expect(last(rig).details).toBe('response_payload_too_large');
      } else expect(stream.encoder.resets).toBe(1);
      expect(rig.log.length).toBe(1);
    }
  });

  test('a filter that watermarks holds the client back, and lets it go on', () => {
    const rig = new HcmRig({ bufferLimit: 10 });
    rig.prepare = (probe) => (probe.onHeaders = Status.StopAllAndWatermark);
    const stream = rig.request({}, { end: false });
    stream.data('123456789abc');
    expect(stream.encoder.pauses).toBe(1);
    stream.data('the rest', true);
    (stream.decoder as HttpStream).continueRequest(rig.probe);
    expect(rig.backend.body).toBe('123456789abcthe rest');
    // The request is complete, but the client must be read from all the same: it may hang up.
    expect(stream.encoder.pauses).toBe(0);
  });

  test('the upstream pauses the client, and a resume without a pause does nothing', () => {
    const rig = new HcmRig();
    const stream = rig.request({}, { end: false });
    const backend = rig.backend.stream!;
    backend.pauseRequest(false);
    backend.pauseRequest(true);
    backend.pauseRequest(true);
    expect(stream.encoder.pauses).toBe(2);
    stream.data('', true);
    backend.pauseRequest(true);
    backend.pauseRequest(false);
    backend.pauseRequest(false);
    backend.pauseRequest(false);
    expect(stream.encoder.pauses).toBe(0);
  });

  test('a client that reads too slowly is told to the response source, late ones included', () => {
    const rig = new HcmRig();
    const stream = rig.request();
    const told: string[] = [];
    const listener = {
      onDownstreamAboveHighWatermark: () => void told.push('above'),
      onDownstreamBelowLowWatermark: () => void told.push('below'),
    };
    stream.decoder.onAboveWriteBufferHighWatermark();
    rig.backend.stream!.setWatermarkListener(listener);
    stream.decoder.onBelowWriteBufferLowWatermark();
    expect(told).toEqual(['above', 'below']);
    expect(rig.count('flow_control_paused_reading_total')).toBe(1);
    expect(rig.count('flow_control_resumed_reading_total')).toBe(1);
  });
});

describe('upgrades', () => {
  const WEBSOCKET = { connection: 'Upgrade', upgrade: 'websocket' };

  test('not allowed: 403 and the end of the connection', () => {
    const rig = new HcmRig();
    const stream = rig.request(WEBSOCKET);
    expect(stream.status).toBe(403);
    expect(stream.encoder.close).toBe(true);
    expect(last(rig).details).toBe('upgrade_failed');
    expect(rig.count('rq_ws_on_non_ws_route')).toBe(1);
    expect(rig.backends).toEqual([]);
  });

  test('the route decides before the connection manager', () => {
    expect(
      new HcmRig({ settings: { upgrades: { websocket: true } }, action: { upgrades: new Map([['WEBSOCKET', false]]) } }).request(WEBSOCKET)
        .status,
    ).toBe(403);
    expect(new HcmRig({ action: { upgrades: new Map([['WEBSOCKET', true]]) } }).request(WEBSOCKET).status).toBe(0);
  });

  test('allowed and accepted: a tunnel both ways, and the gauge goes back', () => {
    const rig = new HcmRig({ settings: { upgrades: { websocket: true } } });
    const stream = rig.request(WEBSOCKET, { end: false });
    const backend = rig.backend.stream!;
    backend.respondHeaders(responseHeaders(101, WEBSOCKET), false);
    expect(stream.answer).toMatchObject({ connection: 'Upgrade', upgrade: 'websocket' });
    expect(stream.encoder.close).toBe(false);
    expect(stream.connection.http.tunnel).toBe(true);
    expect(rig.count('cx_upgrades_active')).toBe(1);
    stream.data('ping');
    backend.respondData(Buffer.from('pong'), false);
    expect([rig.backend.body, stream.encoder.body]).toEqual(['ping', 'pong']);
    backend.respondData(Buffer.alloc(0), true);
    expect(rig.count('cx_upgrades_active')).toBe(0);
    expect(rig.count('cx_upgrades_total')).toBe(1);
  });

  test('refused by the upstream: counted as an upgrade nevertheless', () => {
    const rig = new HcmRig({ settings: { upgrades: { websocket: true } } });
    const stream = rig.request(WEBSOCKET, { end: false });
    rig.backend.respond(403);
    expect(stream.encoder.close).toBe(true);
    expect([rig.count('cx_upgrades_total'), rig.count('cx_upgrades_active')]).toEqual([1, 0]);
  });

  test('a CONNECT without a route is not a refused upgrade', () => {
    const rig = new HcmRig({ action: null });
    const stream = rig.request({}, { method: 'CONNECT', path: '', authority: 'a:443', end: false });
    expect(stream.status).toBe(0);
    expect(rig.backend.headers!.method).toBe('CONNECT');
  });
});

describe('the end of a stream', () => {
  test('the client goes away: DC, once', () => {
    const rig = new HcmRig();
    const stream = rig.request();
    stream.decoder.onRequestReset(ResetReason.ConnectionTermination, '');
    stream.decoder.onRequestReset(ResetReason.ConnectionTermination, '');
    rig.backend.respond(200);
    expect(rig.log).toEqual([{ type: 'DownstreamEnd', code: 0, flags: 'DC', details: 'downstream_remote_disconnect' }]);
    expect(stream.encoder.headers).toBe(null);
    expect(rig.count('rq_rx_reset')).toBe(1);
  });

  test('a pipelined request begins only when the one before is over', () => {
    const rig = new HcmRig();
    const connection = rig.connect();
    const first = connection.newStream();
    first.decoder.onRequestHeaders(requestHeaders(), true);
    let activeAtSecond = -1;
    first.encoder.onComplete = () => {
      first.decoder.onCodecStreamDone?.();
      activeAtSecond = rig.count('rq_active');
      connection.newStream().decoder.onRequestHeaders(requestHeaders({}, 'GET', '#'), true);
    };
    rig.backend.respond(201);
    expect(activeAtSecond).toBe(0);
    expect(rig.log.map((line) => line.code)).toEqual([201, 404]);
  });

  test('an internal redirect ends one request and begins another', () => {
    const rig = new HcmRig({ settings: { streamIdleTimeoutMs: 1000 } });
    const stream = rig.request();
    const { stream: old } = rig.backend;
    rig.clock.advance(500);
    expect(old!.recreate(requestHeaders({}, 'GET', '/elsewhere'), null, null)).toBe(true);
    expect(rig.backends.length).toBe(2);
    expect([rig.probes[0]!.ends, rig.backends[0]!.ends]).toEqual([1, 1]);
    expect(rig.backend.headers!.path).toBe('/elsewhere');
    rig.backend.respond(200);
    expect(stream.status).toBe(200);
    expect(rig.probes.map((probe) => probe.ends)).toEqual([1, 1]);
    expect(rig.log.length).toBe(2);
    expect([rig.count('rq_total'), rig.count('rq_active')]).toEqual([2, 0]);
  });

  test('a response that has begun, or an unfinished request, cannot be redirected', () => {
    const rig = new HcmRig();
    rig.request({}, { end: false });
    expect(rig.backend.stream!.recreate(requestHeaders(), null, null)).toBe(false);
    rig.request();
    rig.backend.stream!.respondHeaders(responseHeaders(200), false);
    expect(rig.backend.stream!.recreate(requestHeaders(), null, null)).toBe(false);
  });

  const SEEDS = 400;
  test(`in ${SEEDS} random orders of events everything ends exactly once`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = seededRandom(seed);
      const rig = randomRig(random);
      const connection = rig.connect();
      const streams: RigStream[] = [];
      const requests = 1 + random.below(3);
      for (let i = 0; i < requests; i++) {
        const stream = connection.newStream();
        streams.push(stream);
        play(rig, stream, random);
        // The codec gives one request at a time; the next one begins when this one is over.
        if (rig.log.length !== streams.length) break;
      }
      if (rig.log.length < streams.length) streams.at(-1)!.decoder.onRequestReset(ResetReason.ConnectionTermination, '');
      connection.gone(random.below(2) === 0);
      expect(rig.clock.armed, `seed ${seed}`).toBe(0);
      // Nothing may come of what is late.
      rig.clock.advance(4_000_000);
      rig.backends.at(-1)?.stream?.respondHeaders(responseHeaders(200), true);
      const where = `seed ${seed}`;
      expect(rig.log.filter((line) => line.type === 'DownstreamEnd').length, where).toBe(streams.length);
      expect(rig.probes.filter((probe) => probe.ends !== 1).length, where).toBe(0);
      expect(rig.backends.filter((backend) => backend.ends !== 1).length, where).toBe(0);
      expect(rig.active(), where).toEqual({});
      expect(rig.count('rq_total'), where).toBe(streams.length);
      for (const stream of streams) expect(stream.encoder.ends + stream.encoder.resets, where).toBeLessThanOrEqual(1);
    }
  });
});

function randomRig(random: Random): HcmRig {
  const on = (ms: number) => (random.below(2) === 0 ? ms : 0);
  const rig = new HcmRig({
    bufferLimit: 8,
    settings: {
      streamIdleTimeoutMs: on(1000),
      requestTimeoutMs: on(1500),
      requestHeadersTimeoutMs: on(700),
      maxStreamDurationMs: on(2000),
      upgrades: { websocket: random.below(2) === 0 },
    },
    action: random.below(5) === 0 ? null : { idleTimeoutMs: random.below(3) === 0 ? 800 : null },
  });
  const statuses = [Status.Continue, Status.Continue, Status.Stop, Status.StopAllAndWatermark];
  const bodyStatuses = [Status.Continue, Status.Continue, Status.StopAndBuffer];
  rig.prepare = (probe) => {
    probe.onHeaders = statuses[random.below(4)]!;
    probe.onBody = bodyStatuses[random.below(3)]!;
    probe.onAnswer = statuses[random.below(4)]!;
    probe.onAnswerBody = bodyStatuses[random.below(3)]!;
  };
  return rig;
}

/** Lets a codec, a client and an upstream do what they may do, in any order. */
function play(rig: HcmRig, stream: RigStream, random: Random): void {
  const logged = rig.log.length;
  const filtersBefore = rig.backends.length;
  let headersIn = false;
  let requestOver = false;
  const over = () => rig.log.length > logged;
  const chunk = () => Buffer.from('x'.repeat(random.below(6)));
  for (let step = 0; step < 25 && !over(); step++) {
    const backend = rig.backends.length > filtersBefore ? rig.backend : null;
    const answering = backend?.stream ?? null;
    switch (random.below(12)) {
      case 0:
      case 1:
        if (headersIn) break;
        headersIn = true;
        requestOver = random.below(2) === 0;
        stream.decoder.onRequestHeaders(
          requestHeaders(
            random.below(4) === 0 ? { connection: 'upgrade', upgrade: 'websocket' } : {},
            'POST',
            random.below(8) === 0 ? 'x' : '/',
          ),
          requestOver,
        );
        break;
      case 2:
      case 3:
        if (!headersIn || requestOver) break;
        requestOver = random.below(3) === 0;
        stream.decoder.onRequestData(chunk(), requestOver);
        break;
      case 4:
        if (!headersIn || requestOver) break;
        requestOver = true;
        stream.decoder.onRequestTrailers(new HeaderMap());
        break;
      case 5:
        if (answering !== null && answering.responseHeaders === null)
          answering.respondHeaders(responseHeaders(random.below(6) === 0 ? 101 : 200), random.below(3) === 0);
        break;
      case 6:
      case 7:
        if (answering !== null && answering.responseHeaders !== null) answering.respondData(chunk(), random.below(3) === 0);
        break;
      case 8:
        answering?.localReply(503, random.below(2) === 0 ? '' : 'sorry', 0, 'x');
        break;
      case 9:
        if (answering !== null && random.below(3) === 0) answering.reset(ResetReason.LocalReset);
        else if (answering !== null) answering.pauseRequest(random.below(2) === 0);
        break;
      case 10:
        rig.clock.advance(random.below(900));
        break;
      default: {
        const filters = rig.probes.at(-1);
        if (answering !== null && filters !== undefined) {
          if (random.below(2) === 0) answering.continueRequest(filters);
          else answering.continueResponse(filters);
        } else if (random.below(6) === 0) stream.decoder.onRequestReset(ResetReason.RemoteReset, '');
      }
    }
  }
}
