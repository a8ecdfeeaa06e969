/** What the connection manager does otherwise when its client speaks HTTP/2. */
import { describe, expect, test } from 'vitest';
import { describeFrame, field, frame, PREFACE, parseFrames, request, word } from '../../../http/h2/frames.ts';
import { HcmRig, type RigConnection } from '../../../support/hcm-rig.ts';

const START = Buffer.concat([PREFACE, frame(4, 0, 0)]);
const get = (id: number, path = '/') => frame(1, 5, id, request('GET', path));
const post = (id: number) => frame(1, 4, id, request('POST'));

function feed(connection: RigConnection, ...pieces: Buffer[]): void {
  connection.feed(Buffer.concat(pieces).latin1Slice());
}

/** Frames since the last call, without those that every connection begins with. */
function frames(connection: RigConnection): string[] {
  connection.socket.outputSource?.drainOutput();
  return parseFrames(Buffer.from(connection.received(), 'latin1'))
    .map(describeFrame)
    .filter((text) => !/^(SETTINGS|WINDOW_UPDATE) 0/.test(text));
}

describe('which codec', () => {
  test('AUTO: by prior knowledge, whatever way the preface is cut', () => {
    for (let cut = 1; cut < START.length; cut++) {
      const rig = new HcmRig();
      const connection = rig.connect();
      feed(connection, START.subarray(0, cut));
      feed(connection, START.subarray(cut), get(1));
      rig.backend.respond(200, {}, '');
      expect([rig.count('cx_http2_total'), rig.count('cx_http1_total'), rig.count('rq_http2_total')]).toEqual([1, 0, 1]);
    }
  });

  test('AUTO: methods that begin like the preface are HTTP/1', () => {
    const rig = new HcmRig();
    rig.connect().feed('PR').feed('OPFIND / HTTP/1.1\r\nHost: h\r\n\r\n');
    expect([rig.count('cx_http2_total'), rig.count('cx_http1_total')]).toEqual([0, 1]);
  });

  test('AUTO: by what the handshake has agreed on', () => {
    const rig = new HcmRig();
    feed(rig.connect({ applicationProtocols: ['h2'] }), START.subarray(0, 3));
    expect(rig.count('cx_http2_total')).toBe(1);
  });

  test('HTTP1 and HTTP2 leave no choice', () => {
    const one = new HcmRig({ settings: { codecType: 'HTTP1' } });
    feed(one.connect(), START);
    expect([one.count('cx_http1_total'), one.count('rq_4xx')]).toEqual([1, 1]);
    const two = new HcmRig({ settings: { codecType: 'HTTP2' } });
    const connection = two.connect().feed('GET / HTTP/1.1\r\n\r\n');
    expect([two.count('cx_http2_total'), two.count('cx_protocol_error')]).toEqual([1, 1]);
    expect(connection.socket.closes).not.toEqual([]);
  });
});

describe('streams', () => {
  test('each is a request of its own; the connection ends with all of them', () => {
    const rig = new HcmRig();
    const connection = rig.connect();
    feed(connection, START, get(1, '/a'), get(3, '/b'), post(5));
    expect(rig.count('rq_active')).toBe(3);
    rig.backends[1]!.respond(200, {}, 'b');
    expect(frames(connection)).toEqual(['HEADERS 3', 'DATA 3 end 1']);
    connection.gone();
    expect([rig.count('rq_active'), rig.count('cx_http2_active'), rig.count('cx_destroy_remote_active_rq')]).toEqual([0, 0, 1]);
    expect(rig.log.map((line) => line.flags)).toEqual(['', 'DC', 'DC']);
    expect(rig.active()).toEqual({});
  });

  test('RST_STREAM: DR', () => {
    const rig = new HcmRig();
    feed(rig.connect(), START, post(1), frame(3, 0, 1, word(8)));
    expect(rig.log).toMatchObject([{ code: 0, flags: 'DR', details: 'http2.remote_reset' }]);
    expect([rig.count('rq_rx_reset'), rig.backend.ends]).toEqual([1, 1]);
  });

  test('a malformed message costs the connection, all of whose streams are logged with DPE', () => {
    const rig = new HcmRig();
    const connection = rig.connect();
    feed(connection, START, post(1), frame(1, 5, 3, Buffer.concat([request(), field('connection', 'close')])));
    expect(rig.log.map(({ flags, details }) => [flags, details])).toEqual([
      ['DPE', 'codec_error:The_user_callback_function_failed'],
      ['DPE', 'http2.invalid.header.field'],
    ]);
    expect(frames(connection).at(-1)).toMatch(/^GOAWAY 0 code 1/);
    connection.gone(false);
    expect([rig.count('cx_protocol_error'), rig.count('cx_destroy_local_active_rq'), rig.count('rq_active')]).toEqual([1, 1, 0]);
  });

  test('the shared idle timer looks at each stream', () => {
    const rig = new HcmRig({ settings: { streamIdleTimeoutMs: 1000 } });
    const connection = rig.connect();
    feed(connection, START, get(1));
    rig.clock.advance(600);
    feed(connection, get(3));
    rig.clock.advance(500);
    expect(rig.count('rq_idle_timeout')).toBe(1);
    expect(rig.log).toMatchObject([{ code: 504, flags: 'SI' }]);
    rig.clock.advance(600);
    expect(rig.count('rq_idle_timeout')).toBe(2);
  });
});

describe('the end of a connection', () => {
  test('a drain is announced, and over when drain_timeout is and the last stream has ended', () => {
    const rig = new HcmRig({ settings: { drainTimeoutMs: 1000 } });
    const connection = rig.connect();
    feed(connection, START, get(1));
    connection.http.drain();
    expect(frames(connection)).toEqual(['GOAWAY 0 code 0 last 2147483647']);
    feed(connection, get(3));
    rig.clock.advance(1010);
    expect(frames(connection)).toEqual(['GOAWAY 0 code 0 last 3']);
    expect(connection.socket.closes).toEqual([]);
    for (const backend of rig.backends) backend.respond(200, {}, '');
    expect(connection.socket.closes).not.toEqual([]);
    expect(rig.stats.value('http2.goaway_sent')).toBe(1);
  });

  test('max_requests_per_connection begins a drain, and no response speaks of the connection', () => {
    const rig = new HcmRig({ settings: { maxRequestsPerConnection: 1 } });
    const connection = rig.connect();
    feed(connection, START, get(1));
    rig.backend.respond(200, {}, '');
    expect(frames(connection)[0]).toBe('GOAWAY 0 code 0 last 2147483647');
    expect([rig.count('cx_max_requests_reached'), connection.socket.closes.length]).toEqual([1, 0]);
  });

  test('rapid reset (CVE-2023-44487): gone when half of the first 500 cannot be made good any more', () => {
    const rig = new HcmRig();
    const connection = rig.connect();
    feed(connection, START);
    for (let i = 0; i < 400 && connection.socket.closes.length === 0; i++)
      feed(connection, post(1 + 2 * i), frame(3, 0, 1 + 2 * i, word(8)));
    expect([rig.count('rq_total'), rig.count('rq_too_many_premature_resets')]).toEqual([250, 1]);
    expect(connection.socket.closes).toEqual(['no-flush']);
  });

  test('clients that cancel after a while, or now and then, stay', () => {
    const rig = new HcmRig();
    const connection = rig.connect();
    feed(connection, START);
    for (let i = 0; i < 600; i++) {
      feed(connection, post(1 + 2 * i));
      if (i % 3 === 0) {
        if (i % 6 === 0) rig.clock.advance(1100);
        feed(connection, frame(3, 0, 1 + 2 * i, word(8)));
      } else rig.backend.respond(200, {}, '');
    }
    expect(connection.socket.closes).toEqual([]);
  });
});
