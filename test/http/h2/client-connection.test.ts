/** The client role, frame by frame. */
import { describe, expect, test } from 'vitest';
import { RequestHeaders } from '../../../src/http/header-map.ts';
import { ResetReason } from '../../../src/http/reset-reason.ts';
import { fields, frame, parseFrames, word } from './frames.ts';
import { clientRig, ResponseUser } from './rig.ts';

const START = frame(4, 0, 0);
const status = (code: number, ...more: readonly (readonly [string, string])[]) => fields([':status', String(code)], ...more);

function start(change: Parameters<typeof clientRig>[0] = {}, method = 'GET', end = true) {
  const rig = clientRig(change);
  rig.receive(START);
  const user = new ResponseUser();
  const encoder = rig.codec.newStream(user);
  encoder.encodeHeaders(new RequestHeaders(method, '/', 'h', 'http'), end);
  return { ...rig, user, encoder };
}

describe('client role', () => {
  test('preface, SETTINGS without push, window', () => {
    const rig = clientRig();
    const bytes = rig.socket.take();
    expect(bytes.subarray(0, 24).toString()).toBe('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const [settings, window] = parseFrames(bytes);
    expect(settings!.payload.toString('hex')).toContain('000200000000');
    expect(window!.payload.readUInt32BE(0)).toBe(25_100_289);
  });

  test('interim, headers, data, trailers; the connection is told when the stream is over', () => {
    const { receive, user, heard, codec } = start();
    receive(frame(1, 4, 1, status(103)), frame(1, 4, 1, status(200)), frame(0, 0, 1, 'ab'), frame(1, 5, 1, fields(['grpc-status', '0'])));
    expect(user.seen).toEqual(['interim 103', '200', 'data 2', 'trailers']);
    expect(heard.at(-1)).toBe('complete');
    expect(codec.activeStreams).toBe(0);
  });

  const malformed: Record<string, Buffer> = {
    'no :status': frame(1, 4, 1, fields(['a', 'b'])),
    'status 101': frame(1, 4, 1, status(101)),
    'a status of four digits': frame(1, 4, 1, status(2000)),
    'a request pseudo header': frame(1, 4, 1, status(200, [':path', '/'])),
    'an interim response that ends the stream': frame(1, 5, 1, status(103)),
    'a connection header': frame(1, 4, 1, status(200, ['connection', 'close'])),
    'DATA before HEADERS of a stream that is not there': frame(0, 1, 3, 'x'),
    'HEADERS of a stream that is not there': frame(1, 5, 7, status(200)),
    PUSH_PROMISE: frame(5, 4, 1, Buffer.concat([word(2), status(200)])),
  };
  for (const [name, bytes] of Object.entries(malformed)) {
    test(`protocol error: ${name}`, () => {
      const { receive, user, heard, codec, socket } = start();
      receive(bytes);
      expect(heard).toContain('protocol error');
      expect(socket.closes).toEqual(['no-flush']);
      codec.onConnectionClosed();
      expect(user.seen.at(-1)).toMatch(/^reset/);
      expect(codec.activeStreams).toBe(0);
    });
  }

  test('a length in the answer to HEAD says nothing about its body', () => {
    const { receive, user, heard } = start({}, 'HEAD');
    receive(frame(1, 5, 1, status(200, ['content-length', '500'])));
    expect(user.seen).toEqual(['200 end']);
    expect(heard.at(-1)).toBe('complete');
  });

  test('REFUSED_STREAM and CONNECT_ERROR have reasons of their own', () => {
    for (const [code, reason] of [
      [7, ResetReason.RemoteRefusedStreamReset],
      [10, ResetReason.ConnectError],
      [8, ResetReason.RemoteReset],
    ] as const) {
      const { receive, user } = start();
      receive(frame(3, 0, 1, word(code)));
      expect(user.seen).toEqual([`reset ${reason}`]);
    }
  });

  test('GOAWAY: streams above the last one were not processed', () => {
    const rig = clientRig();
    rig.receive(START);
    const users = [1, 2, 3].map(() => {
      const user = new ResponseUser();
      rig.codec.newStream(user).encodeHeaders(new RequestHeaders('GET', '/', 'h', 'http'), true);
      return user;
    });
    rig.receive(frame(7, 0, 0, Buffer.concat([word(3), word(0)])));
    expect(users.map((user) => user.seen)).toEqual([[], [], [`reset ${ResetReason.RemoteRefusedStreamReset}`]]);
    expect(rig.heard).toContain('goaway');
    rig.receive(frame(1, 5, 1, status(200)), frame(1, 5, 3, status(200)));
    expect(users.map((user) => user.seen.at(-1))).toEqual(['200 end', '200 end', `reset ${ResetReason.RemoteRefusedStreamReset}`]);
  });

  test('a response that has come whole is handed on, whatever becomes of stream and connection', async () => {
    for (const end of ['RST_STREAM', 'close'] as const) {
      const { receive, user, encoder, codec, heard } = start();
      encoder.readDisable(true);
      receive(frame(1, 4, 1, status(200)), frame(0, 0, 1, 'ab'), frame(0, 1, 1, 'c'));
      if (end === 'close') codec.onConnectionClosed();
      else receive(frame(3, 0, 1, word(0)));
      expect(user.seen).toEqual(['200']);
      encoder.readDisable(false);
      await Promise.resolve();
      expect(user.seen).toEqual(['200', 'data 2', 'data 1 end']);
      expect(heard.at(-1)).toBe('complete');
      expect(codec.activeStreams).toBe(0);
    }
  });

  test('deferred_stream_close: what waits for its reader alone', async () => {
    const gauge = 'http2.deferred_stream_close';
    const { receive, encoder, stats, codec } = start({}, 'POST', false);
    encoder.readDisable(true);
    const trailers = frame(1, 5, 1, fields(['x-t', '1']));
    receive(frame(1, 4, 1, status(200)), frame(0, 0, 1, 'ab'), trailers);
    expect(stats.value(gauge)).toBe(0);
    encoder.encodeText('end', true);
    expect(stats.value(gauge)).toBe(1);
    encoder.readDisable(false);
    await Promise.resolve();
    expect(stats.value(gauge)).toBe(0);
    expect(codec.activeStreams).toBe(0);

    const dropped = start();
    dropped.encoder.readDisable(true);
    dropped.receive(frame(1, 4, 1, status(200)), frame(0, 1, 1, 'ab'));
    expect(dropped.stats.value(gauge)).toBe(1);
    dropped.encoder.reset(ResetReason.LocalReset);
    expect(dropped.stats.value(gauge)).toBe(0);
  });

  test('its own reset, before and after the stream is on the wire', () => {
    const { socket, encoder, user, heard, codec } = start();
    socket.take();
    encoder.reset(ResetReason.LocalReset);
    expect(socket.frames()).toEqual(['RST_STREAM 1 code 2']);
    expect(user.seen).toEqual([]);
    const unsent = codec.newStream(new ResponseUser());
    unsent.reset(ResetReason.LocalReset);
    unsent.encodeHeaders(new RequestHeaders('GET', '/', 'h', 'http'), true);
    expect(socket.frames()).toEqual([]);
    expect(codec.activeStreams).toBe(0);
    expect(heard.filter((each) => each === 'cut')).toHaveLength(2);
  });

  test('an upgrade becomes an extended CONNECT, its 200 a 101', () => {
    const rig = clientRig();
    rig.receive(START);
    const user = new ResponseUser();
    const headers = new RequestHeaders('GET', '/chat', 'h', 'http');
    headers.add('connection', 'Upgrade');
    headers.add('upgrade', 'websocket');
    rig.codec.newStream(user).encodeHeaders(headers, false);
    rig.receive(frame(1, 4, 1, status(200)));
    expect(user.seen).toEqual(['101']);
    expect(user.headers!.get('upgrade')).toBe('websocket');
  });

  test('keep-alive: a PING each interval, and the end when it is not answered', () => {
    const rig = clientRig({ keepalive: { intervalMs: 1000, timeoutMs: 200, jitterPercent: 0, idleIntervalMs: 0 } });
    rig.receive(START);
    rig.socket.take();
    rig.clock.advance(1000);
    expect(rig.socket.frames()).toEqual(['PING 0']);
    rig.receive(frame(6, 1, 0, '12345678'));
    rig.clock.advance(1000);
    expect(rig.socket.frames()).toEqual(['PING 0']);
    rig.clock.advance(200);
    expect(rig.socket.closes).toEqual(['no-flush']);
    expect(rig.stats.value('http2.keepalive_timeout')).toBe(1);
  });

  test('keep-alive: a PING before a stream after an idle time', () => {
    const rig = clientRig({ keepalive: { intervalMs: 0, timeoutMs: 200, jitterPercent: 0, idleIntervalMs: 500 } });
    rig.receive(START);
    rig.socket.take();
    rig.codec.newStream(new ResponseUser());
    expect(rig.socket.frames()).toEqual([]);
    rig.clock.advance(500);
    rig.codec.newStream(new ResponseUser());
    expect(rig.socket.frames()).toEqual(['PING 0']);
  });
});
