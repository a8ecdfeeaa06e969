/** What a hostile peer may not do for long. Source: Envoy's http2/protocol_constraints.cc; the CVEs are named with each. */
import { describe, expect, test } from 'vitest';
import { ResponseHeaders } from '../../../src/http/header-map.ts';
import { field, frame, PREFACE, request, word } from './frames.ts';
import { serverRig } from './rig.ts';

const START = Buffer.concat([PREFACE, frame(4, 0, 0)]);
const post = (id: number) => frame(1, 4, id, request('POST'));

function closedFor(rig: ReturnType<typeof serverRig>, stat: string): void {
  expect(rig.socket.closes).toEqual(['flush']);
  expect(rig.stats.value('http2.' + stat)).toBe(1);
  expect(rig.socket.frames().at(-1)).toMatch(/^GOAWAY 0 code 11 /);
}

describe('floods', () => {
  test('empty DATA frames (CVE-2019-9518)', () => {
    const rig = serverRig();
    rig.receive(START, post(1), frame(0, 0, 1), frame(0, 0, 1, 'x'), frame(0, 0, 1));
    expect(rig.socket.closes).toEqual([]);
    rig.receive(frame(0, 0, 1));
    closedFor(rig, 'inbound_empty_frames_flood');
    expect(rig.user.streams[0]!.seen.at(-1)).toBe('reset 10 http2.inbound_empty_frames_flood');
  });

  test('empty CONTINUATION frames (CVE-2024-24549 and its kind)', () => {
    const rig = serverRig();
    rig.receive(START, frame(1, 1, 1, request()), frame(9, 0, 1), frame(9, 0, 1));
    closedFor(rig, 'inbound_empty_frames_flood');
  });

  test('CONTINUATION frames without end: bytes are bounded, and so are frames', () => {
    const big = serverRig();
    big.receive(START, frame(1, 1, 1, request()));
    let sent = 0;
    for (; big.socket.closes.length === 0 && sent < 100; sent++) big.receive(frame(9, 0, 1, field('x', 'y'.repeat(16_000))));
    expect(sent).toBeLessThan(14);
    const small = serverRig();
    small.receive(START, frame(1, 1, 1, request()));
    sent = 0;
    for (; small.socket.closes.length === 0 && sent < 1000; sent++) small.receive(frame(9, 0, 1, field('x', 'y')));
    expect(sent).toBeLessThan(140);
    expect(small.socket.frames().at(-1)).toMatch(/^GOAWAY 0 code 11/);
  });

  test('PRIORITY frames (CVE-2019-9513)', () => {
    const rig = serverRig({ maxPriorityFramesPerStream: 3 });
    const priority = frame(2, 0, 1, Buffer.from([0, 0, 0, 0, 1]));
    rig.receive(START, post(1), ...Array.from({ length: 6 }, () => priority));
    expect(rig.socket.closes).toEqual([]);
    rig.receive(priority);
    closedFor(rig, 'inbound_priority_frames_flood');
  });

  test('WINDOW_UPDATE frames (CVE-2019-9511)', () => {
    const rig = serverRig();
    rig.receive(START, post(1), ...Array.from({ length: 7 }, () => frame(8, 0, 0, word(1))));
    expect(rig.socket.closes).toEqual([]);
    rig.receive(frame(8, 0, 0, word(1)));
    closedFor(rig, 'inbound_window_update_frames_flood');
  });

  test('window updates that answer data are no flood', () => {
    const rig = serverRig();
    rig.receive(START, post(1));
    rig.user.streams[0]!.encoder.encodeHeaders(new ResponseHeaders(200), false);
    for (let i = 0; i < 200; i++) {
      rig.user.streams[0]!.encoder.encodeText('x', false);
      rig.receive(...Array.from({ length: 10 }, () => frame(8, 0, 0, word(1))));
    }
    expect(rig.socket.closes).toEqual([]);
  });

  test('PINGs and SETTINGS whose answers nobody reads (CVE-2019-9512, CVE-2019-9515)', () => {
    for (const [type, payload] of [
      [6, '12345678'],
      [4, ''],
    ] as const) {
      const rig = serverRig();
      rig.socket.stuck = true;
      rig.receive(START);
      for (let i = 0; i < 2000 && rig.socket.closes.length === 0; i++) {
        rig.receive(frame(type, 0, 0, payload));
        rig.socket.take();
      }
      expect(rig.socket.closes).toEqual(['flush']);
      expect(rig.stats.value('http2.outbound_control_flood')).toBe(1);
    }
  });

  test('a peer that reads may ping for ever', () => {
    const rig = serverRig();
    rig.receive(START);
    for (let i = 0; i < 5000; i++) {
      rig.receive(frame(6, 0, 0, '12345678'));
      rig.socket.take();
    }
    expect(rig.socket.closes).toEqual([]);
  });

  test('resets provoked on purpose (CVE-2019-9514)', () => {
    const rig = serverRig({ maxConcurrentStreams: 1 });
    rig.socket.stuck = true;
    rig.receive(START, post(1));
    for (let i = 0; i < 2000 && rig.socket.closes.length === 0; i++) {
      rig.receive(frame(1, 5, 3 + 2 * i, request()));
      rig.socket.take();
    }
    expect(rig.stats.value('http2.outbound_control_flood')).toBe(1);
  });

  test('answers that nobody reads', () => {
    const rig = serverRig({ maxOutboundFrames: 100 });
    rig.socket.stuck = true;
    rig.receive(START);
    for (let i = 0; i < 200 && rig.socket.closes.length === 0; i++) {
      rig.receive(frame(1, 5, 1 + 2 * i, request()));
      rig.user.streams.at(-1)!.encoder.encodeHeaders(new ResponseHeaders(200), true);
      rig.socket.take();
    }
    expect(rig.socket.closes).toEqual(['flush']);
    expect(rig.stats.value('http2.outbound_flood')).toBe(1);
  });

  test('frames that wait are shown while they do', () => {
    const rig = serverRig();
    const shown = () => [rig.stats.value('http2.outbound_frames_active'), rig.stats.value('http2.outbound_control_frames_active')];
    rig.receive(START);
    rig.socket.take();
    rig.socket.stuck = true;
    const pings = (count: number) => {
      for (let i = 0; i < count; i++) rig.receive(frame(6, 0, 0, '12345678'));
      rig.socket.take();
    };
    pings(3);
    rig.receive(frame(1, 5, 1, request()));
    rig.user.streams[0]!.encoder.encodeHeaders(new ResponseHeaders(200), true);
    rig.socket.take();
    pings(1);
    rig.clock.advance(300);
    expect(shown()).toEqual([5, 4]);
    rig.socket.stuck = false;
    rig.socket.bytesUnsent = 0;
    rig.clock.advance(300);
    expect(shown()).toEqual([0, 0]);
    rig.socket.stuck = true;
    pings(2);
    pings(1);
    rig.clock.advance(300);
    expect(shown()[0]).toBeGreaterThan(0);
    rig.codec.onConnectionClosed();
    expect(shown()).toEqual([0, 0]);
  });

  test('a long answer to a reader that is merely slow is none', () => {
    const rig = serverRig({ maxOutboundFrames: 100, initialConnectionWindow: 65_535 });
    rig.receive(START, frame(8, 0, 0, word(1 << 30)), frame(1, 5, 1, request()), frame(8, 0, 1, word(1 << 30)));
    const { encoder } = rig.user.streams[0]!;
    encoder.encodeHeaders(new ResponseHeaders(200), false);
    // There are always some 20 frames on their way.
    for (let i = 0; i < 1000; i++) {
      encoder.encodeData(Buffer.alloc(1000), false);
      rig.socket.take();
      rig.socket.bytesUnsent = Math.min(rig.socket.bytesSent, 20_000);
    }
    expect(rig.socket.closes).toEqual([]);
  });

  test('fields over the limit: the stream is reset, the connection goes on', () => {
    const rig = serverRig();
    const many = Buffer.concat(Array.from({ length: 101 }, (_, i) => field('x' + i, 'y')));
    rig.receive(START, frame(1, 5, 1, Buffer.concat([request(), many])), frame(1, 5, 3, request('GET', '/3')));
    expect(rig.user.streams[0]!.seen).toEqual(['reset 2 http2.too_many_headers']);
    expect(rig.user.streams[1]!.seen).toEqual(['GET /3 end']);
    expect(rig.socket.frames().at(-1)).toBe('RST_STREAM 1 code 2');
    expect(rig.stats.value('http2.header_overflow')).toBe(1);
    expect(rig.stats.value('http2.header_list_size_too_large')).toBe(0);
  });

  test('an HPACK bomb', () => {
    const rig = serverRig({ maxHeadersCount: 100_000 });
    const planted = Buffer.from(field('bomb', 'x'.repeat(4000)));
    planted[0] = 0x40;
    const block = Buffer.concat([request(), planted, Buffer.alloc(12_000, 0xbe)]);
    rig.receive(START, frame(1, 5, 1, block));
    expect(rig.user.streams[0]!.seen).toEqual(['reset 2 http2.header_list_size_too_large']);
    expect(rig.stats.value('http2.header_list_size_too_large')).toBe(1);
    expect(rig.socket.closes).toEqual([]);
  });

  test('streams opened and reset at once are let go of at once (CVE-2023-44487)', () => {
    const rig = serverRig();
    rig.receive(START);
    for (let i = 0; i < 5000; i++) rig.receive(frame(1, 5, 1 + 2 * i, request()), frame(3, 0, 1 + 2 * i, word(8)));
    expect(rig.codec.activeStreams).toBe(0);
    expect(rig.stats.value('http2.rx_reset')).toBe(5000);
  });
});
