/** The server role, frame by frame. */
import { describe, expect, test } from 'vitest';
import { HeaderMap, ResponseHeaders } from '../../../src/http/header-map.ts';
import { ResetReason } from '../../../src/http/reset-reason.ts';
import { field, fields, frame, PREFACE, request, word } from './frames.ts';
import { serverRig } from './rig.ts';

const START = Buffer.concat([PREFACE, frame(4, 0, 0)]);
const FIRST = ['SETTINGS 0', 'WINDOW_UPDATE 0 +25100289'];

function answer(status = 200, ...pairs: readonly (readonly [string, string])[]): ResponseHeaders {
  const headers = new ResponseHeaders(status);
  for (const [name, value] of pairs) headers.add(name, value);
  return headers;
}

describe('a request and its response', () => {
  test('settings first, then the response with its body and trailers', () => {
    const { socket, user, receive, codec } = serverRig();
    receive(START, frame(1, 4, 1, request('POST', '/a', ['x', 'y'])), frame(0, 0, 1, 'hello'), frame(1, 5, 1, field('t', '1')));
    const stream = user.streams[0]!;
    expect(stream.seen).toEqual(['POST /a', 'data 5', 'trailers']);
    expect(stream.headers!.authority).toBe('h');
    expect(stream.headers!.get('x')).toBe('y');
    expect(stream.trailers!.get('t')).toBe('1');
    expect(codec.activeStreams).toBe(1);
    stream.encoder.encode1xx(answer(103));
    stream.encoder.encodeHeaders(answer(200, ['content-type', 'text/plain']), false);
    stream.encoder.encodeText('abc', false);
    const trailers = new HeaderMap();
    trailers.add('grpc-status', '0');
    stream.encoder.encodeTrailers(trailers);
    expect(socket.frames()).toEqual([...FIRST, 'SETTINGS 0 ack', 'HEADERS 1', 'HEADERS 1', 'DATA 1 3', 'HEADERS 1 end']);
    expect(codec.activeStreams).toBe(0);
    expect(stream.done).toBe(1);
  });

  test('streams are answered in any order', () => {
    const { socket, user, receive } = serverRig();
    receive(START, frame(1, 5, 1, request('GET', '/1')), frame(1, 5, 3, request('GET', '/3')));
    socket.take();
    user.streams[1]!.encoder.encodeHeaders(answer(), true);
    user.streams[0]!.encoder.encodeHeaders(answer(), true);
    expect(socket.frames()).toEqual(['HEADERS 3 end', 'HEADERS 1 end']);
  });

  test('whatever way the bytes are cut', () => {
    const bytes = Buffer.concat([
      START,
      frame(1, 0x2c, 1, Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 7]), request('POST', '/p'), Buffer.alloc(3)])),
      frame(0, 8, 1, Buffer.concat([Buffer.from([4]), Buffer.from('hello'), Buffer.alloc(4)])),
      frame(1, 0, 3, request().subarray(0, 7)),
      frame(9, 0, 3, request().subarray(7, 9)),
      frame(9, 4, 3, request().subarray(9)),
      frame(0, 9, 1, Buffer.concat([Buffer.from([2]), Buffer.from('!'), Buffer.alloc(2)])),
      frame(6, 0, 0, '12345678'),
      frame(0, 1, 3, ''),
    ]);
    for (let size = 1; size < 40; size++) {
      const { socket, user, codec } = serverRig();
      for (let at = 0; at < bytes.length; at += size) codec.onData(bytes.subarray(at, at + size));
      expect(user.streams.map((stream) => [stream.headers!.path, stream.body.toString(), stream.ended])).toEqual([
        ['/p', 'hello!', true],
        ['/', '', true],
      ]);
      expect(socket.frames().at(-1)).toBe('PING 0 ack');
    }
  });

  test('an answer before the request is complete resets the rest with NO_ERROR', () => {
    const { socket, user, receive } = serverRig();
    receive(START, frame(1, 4, 1, request('POST')));
    socket.take();
    user.streams[0]!.encoder.encodeHeaders(answer(), true);
    expect(socket.frames()).toEqual(['HEADERS 1 end', 'RST_STREAM 1 code 0']);
    receive(frame(0, 1, 1, 'late'));
    expect(user.errors).toEqual([]);
    expect(user.streams[0]!.seen).toEqual(['POST /']);
  });

  test('cookie crumbs are put together, other repetitions as Envoy keeps them', () => {
    const { user, receive } = serverRig();
    receive(
      START,
      frame(1, 5, 1, request('GET', '/', ['cookie', 'a=1'], ['x', '1'], ['cookie', 'b=2'], ['x', '2'], ['accept', 'a'], ['accept', 'b'])),
    );
    const headers = user.streams[0]!.headers!;
    expect(headers.getAll('cookie')).toEqual(['a=1; b=2']);
    expect(headers.getAll('x')).toEqual(['1', '2']);
    expect(headers.getAll('accept')).toEqual(['a,b']);
  });

  test('host stands in for :authority, and gives way to it', () => {
    const { user, receive } = serverRig();
    const plain = fields([':method', 'GET'], [':scheme', 'http'], [':path', '/'], ['host', 'b.com']);
    receive(START, frame(1, 5, 1, plain), frame(1, 5, 3, request('GET', '/', ['host', 'other'])));
    expect(user.streams.map((stream) => [stream.headers!.authority, stream.headers!.has('host')])).toEqual([
      ['b.com', false],
      ['h', false],
    ]);
  });

  test('an extended CONNECT looks like an upgrade, its 101 like 200', () => {
    const connect = frame(
      1,
      4,
      1,
      fields([':method', 'CONNECT'], [':protocol', 'websocket'], [':scheme', 'http'], [':path', '/chat'], [':authority', 'h']),
    );
    const first = serverRig();
    first.receive(START, connect);
    expect(first.user.errors).toHaveLength(1);
    const second = serverRig({ allowConnect: true });
    second.receive(START, connect);
    const headers = second.user.streams[0]!.headers!;
    expect([headers.method, headers.get('upgrade'), headers.get('connection')]).toEqual(['GET', 'websocket', 'upgrade']);
    second.socket.take();
    second.user.streams[0]!.encoder.encodeHeaders(answer(101, ['upgrade', 'websocket'], ['connection', 'upgrade']), false);
    expect(second.socket.take().subarray(9).toString('hex')).toBe('88');
  });
});

describe('malformed input', () => {
  const head = (...pairs: readonly (readonly [string, string])[]) => frame(1, 5, 1, fields(...pairs));
  const m = [':method', 'GET'] as const;
  const s = [':scheme', 'http'] as const;
  const p = [':path', '/'] as const;
  const a = [':authority', 'h'] as const;
  /** name → bytes after the first SETTINGS, code of GOAWAY */
  const table: Record<string, [Buffer, number]> = {
    'an upper-case name': [head(m, s, p, a, ['Foo', 'x']), 1],
    connection: [head(m, s, p, a, ['connection', 'close']), 1],
    'transfer-encoding': [head(m, s, p, a, ['transfer-encoding', 'chunked']), 1],
    'keep-alive': [head(m, s, p, a, ['keep-alive', '1']), 1],
    'proxy-connection': [head(m, s, p, a, ['proxy-connection', 'close']), 1],
    upgrade: [head(m, s, p, a, ['upgrade', 'x']), 1],
    'te other than trailers': [head(m, s, p, a, ['te', 'gzip']), 1],
    'a control character': [head(m, s, p, a, ['foo', 'a\x01']), 1],
    'a line feed in a value': [head(m, s, p, a, ['foo', 'a\nb: c']), 1],
    'no :method': [head(s, p, a), 1],
    'no :path': [head(m, s, a), 1],
    'an empty :path': [head(m, s, [':path', ''], a), 1],
    'no :scheme': [head(m, p, a), 1],
    'two :path': [head(m, s, p, p, a), 1],
    'an unknown pseudo header': [head(m, s, p, a, [':foo', 'x']), 1],
    ':status in a request': [head(m, s, p, a, [':status', '200']), 1],
    'a pseudo header after a field': [head(m, s, p, ['x', 'y'], a), 1],
    'CONNECT with a path': [head([':method', 'CONNECT'], s, p, a), 1],
    'an authority with a slash': [head(m, s, p, [':authority', 'a/b']), 1],
    'two lengths': [frame(1, 4, 1, request('POST', '/', ['content-length', '1'], ['content-length', '2'])), 1],
    'a length that is none': [frame(1, 4, 1, request('POST', '/', ['content-length', '+1'])), 1],
    'a length without a body': [head([':method', 'POST'], s, p, a, ['content-length', '1']), 1],
    'trailers without END_STREAM': [Buffer.concat([frame(1, 4, 1, request('POST')), frame(1, 4, 1, field('a', 'b'))]), 1],
    'a pseudo header in trailers': [Buffer.concat([frame(1, 4, 1, request('POST')), frame(1, 5, 1, fields(p))]), 1],
    'a broken header block': [frame(1, 5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff])), 9],
    'an even stream': [frame(1, 5, 2, request()), 1],
    'HEADERS on stream 0': [frame(1, 5, 0, request()), 1],
    'DATA on stream 0': [frame(0, 1, 0, 'x'), 1],
    'DATA on an idle stream': [frame(0, 1, 1, 'x'), 1],
    'RST_STREAM on an idle stream': [frame(3, 0, 1, word(8)), 1],
    'WINDOW_UPDATE on an idle stream': [frame(8, 0, 1, word(8)), 1],
    'DATA after END_STREAM': [Buffer.concat([frame(1, 5, 1, request()), frame(0, 1, 1, 'x')]), 5],
    'HEADERS after END_STREAM': [Buffer.concat([frame(1, 5, 1, request()), frame(1, 5, 1, field('a', 'b'))]), 5],
    'a frame too large': [frame(0, 0, 1, Buffer.alloc(16_385)), 6],
    'SETTINGS of a wrong size': [frame(4, 0, 0, '12345'), 6],
    'SETTINGS on a stream': [frame(4, 0, 1), 1],
    'an acknowledgement with content': [frame(4, 1, 0, '123456'), 6],
    'a frame size below the minimum': [frame(4, 0, 0, Buffer.from([0, 5, 0, 0, 0, 1])), 1],
    'a window too large': [frame(4, 0, 0, Buffer.from([0, 4, 0x80, 0, 0, 0])), 3],
    'ENABLE_PUSH of 2': [frame(4, 0, 0, Buffer.from([0, 2, 0, 0, 0, 2])), 1],
    'PING of a wrong size': [frame(6, 0, 0, '1234567'), 6],
    'PING on a stream': [frame(6, 0, 1, '12345678'), 1],
    'PRIORITY of a wrong size': [frame(2, 0, 1, '1234'), 6],
    'RST_STREAM of a wrong size': [Buffer.concat([frame(1, 4, 1, request('POST')), frame(3, 0, 1, '123')]), 6],
    'WINDOW_UPDATE of a wrong size': [frame(8, 0, 0, '123'), 6],
    'WINDOW_UPDATE by nothing': [frame(8, 0, 0, word(0)), 1],
    'WINDOW_UPDATE past the largest window': [frame(8, 0, 0, word(0x7fffffff)), 3],
    'the same on a stream': [Buffer.concat([frame(1, 4, 1, request('POST')), frame(8, 0, 1, word(0x7fffffff))]), 3],
    PUSH_PROMISE: [frame(5, 4, 1, Buffer.concat([word(2), request()])), 1],
    'GOAWAY of a wrong size': [frame(7, 0, 0, '1234'), 6],
    'CONTINUATION alone': [frame(9, 4, 1, request()), 1],
    'a frame between HEADERS and CONTINUATION': [Buffer.concat([frame(1, 1, 1, request()), frame(6, 0, 0, '12345678')]), 1],
    'CONTINUATION of another stream': [Buffer.concat([frame(1, 1, 1, request()), frame(9, 4, 3, '')]), 1],
    'HEADERS that depend on themselves': [frame(1, 0x25, 1, Buffer.concat([Buffer.from([0, 0, 0, 1, 0]), request()])), 1],
    'PRIORITY that depends on itself': [frame(2, 0, 1, Buffer.from([0, 0, 0, 1, 0])), 1],
    'padding longer than the frame': [Buffer.concat([frame(1, 4, 1, request('POST')), frame(0, 8, 1, Buffer.from([9, 1, 2]))]), 1],
    'padding longer than the header block': [frame(1, 0xd, 1, Buffer.from([9, 1, 2])), 1],
  };
  for (const [name, [bytes, code]] of Object.entries(table)) {
    test(name, () => {
      const { socket, user, receive } = serverRig();
      receive(START, bytes, frame(6, 0, 0, 'ignored!'));
      const frames = socket.frames();
      expect(frames.at(-1)).toMatch(new RegExp(`^GOAWAY 0 code ${code} `));
      expect(frames).not.toContain('PING 0 ack');
      expect(user.errors).toHaveLength(1);
      expect(user.errors[0]!.protocolError).toBe(true);
      expect(socket.closes).toEqual(['flush']);
    });
  }

  test('bytes that are no preface', () => {
    const { socket, user, codec } = serverRig();
    codec.onData(Buffer.from('GET / HTTP/1.1\r\n'));
    expect(user.errors).toHaveLength(1);
    expect(socket.closes).toEqual(['flush']);
  });

  test('a first frame that is not SETTINGS', () => {
    const { user, receive } = serverRig();
    receive(PREFACE, frame(6, 0, 0, '12345678'));
    expect(user.errors).toHaveLength(1);
  });

  test('a body that is not as long as it said costs its stream only', () => {
    for (const [length, body, flags] of [
      ['1', 'ab', 0],
      ['3', 'ab', 1],
    ] as const) {
      const { socket, user, receive } = serverRig();
      receive(START, frame(1, 4, 1, request('POST', '/', ['content-length', length])), frame(0, flags, 1, body));
      expect(socket.frames().at(-1)).toBe('RST_STREAM 1 code 1');
      expect(user.streams[0]!.seen.at(-1)).toMatch(/^reset 10 /);
      expect(user.errors).toEqual([]);
    }
  });

  test('stream_error_on_invalid_http_message spares the connection', () => {
    const { socket, user, stats, receive } = serverRig({ streamErrorOnInvalid: true });
    receive(START, frame(1, 5, 1, request('GET', '/', ['connection', 'close'])), frame(1, 5, 3, request('GET', '/3')));
    expect(socket.frames().filter((each) => each.startsWith('RST'))).toEqual(['RST_STREAM 1 code 1']);
    expect(user.errors).toEqual([]);
    expect(user.streams[0]!.seen).toEqual([`reset ${ResetReason.ProtocolError} http2.invalid.header.field`]);
    expect(user.streams[1]!.seen).toEqual(['GET /3 end']);
    expect(stats.value('http2.rx_messaging_error')).toBe(1);
  });

  test('unknown frames, flags and settings are ignored', () => {
    const { user, receive } = serverRig();
    receive(START, frame(77, 0xff, 5, 'x'), frame(4, 0, 0, Buffer.from([0x12, 0x34, 0, 0, 0, 1])), frame(1, 5, 1, request()));
    expect(user.streams[0]!.seen).toEqual(['GET / end']);
  });

  test('names with underscores', () => {
    const dropping = serverRig({ headersWithUnderscores: 'drop' });
    dropping.receive(START, frame(1, 5, 1, request('GET', '/', ['a_b', 'x'])));
    expect(dropping.user.streams[0]!.headers!.has('a_b')).toBe(false);
    expect(dropping.stats.value('http2.dropped_headers_with_underscores')).toBe(1);
    const rejecting = serverRig({ headersWithUnderscores: 'reject' });
    rejecting.receive(START, frame(1, 5, 1, request('GET', '/', ['a_b', 'x'])));
    expect(rejecting.socket.frames().at(-1)).toBe('RST_STREAM 1 code 2');
    expect(rejecting.user.streams[0]!.seen).toEqual([`reset ${ResetReason.RemoteReset} http2.unexpected_underscore`]);
    expect(rejecting.stats.value('http2.requests_rejected_with_underscores_in_headers')).toBe(1);
  });
});

describe('ends and drains', () => {
  test('RST_STREAM reaches the user', () => {
    const { user, stats, receive, codec } = serverRig();
    receive(START, frame(1, 4, 1, request('POST')), frame(3, 0, 1, word(8)));
    expect(user.streams[0]!.seen).toEqual(['POST /', `reset ${ResetReason.RemoteReset} http2.remote_reset`]);
    expect(codec.activeStreams).toBe(0);
    expect(stats.value('http2.rx_reset')).toBe(1);
    expect(stats.value('http2.streams_active')).toBe(0);
  });

  test('two GOAWAYs: streams between them are served, later ones are not', () => {
    const { socket, user, stats, receive, codec } = serverRig();
    receive(START, frame(1, 5, 1, request()));
    codec.shutdownNotice();
    receive(frame(1, 5, 3, request()));
    codec.goAway();
    receive(frame(1, 5, 5, request()));
    expect(user.streams).toHaveLength(2);
    expect(user.done).toBe(0);
    for (const stream of user.streams) stream.encoder.encodeHeaders(answer(), true);
    expect(user.done).toBe(1);
    expect(socket.frames().filter((each) => each.startsWith('GOAWAY'))).toEqual([
      'GOAWAY 0 code 0 last 2147483647',
      'GOAWAY 0 code 0 last 3',
    ]);
    expect(stats.value('http2.goaway_sent')).toBe(1);
  });

  test('the body of a stream that came after the final GOAWAY is ignored', () => {
    const { user, receive, codec } = serverRig();
    receive(START, frame(1, 4, 1, request('POST')));
    codec.goAway();
    receive(frame(1, 4, 3, request('POST')), frame(0, 1, 3, 'x'), frame(0, 1, 1, 'y'));
    expect(user.errors).toEqual([]);
    expect(user.streams.map((stream) => stream.body.toString())).toEqual(['y']);
  });

  test('frames on a stream that both sides have ended are a fault, late ones on a stream that was reset are not', () => {
    const ended = serverRig();
    ended.receive(START, frame(1, 5, 1, request()));
    ended.user.streams[0]!.encoder.encodeHeaders(answer(), true);
    ended.receive(frame(0, 1, 1, 'x'));
    expect(ended.user.errors).toHaveLength(1);
    const reset = serverRig();
    reset.receive(START, frame(1, 4, 1, request('POST')));
    reset.user.streams[0]!.encoder.reset(ResetReason.LocalReset);
    reset.receive(frame(0, 0, 1, 'x'), frame(1, 5, 1, field('a', 'b')), frame(8, 0, 1, word(1)));
    expect(reset.user.errors).toEqual([]);
  });

  test('a connection that goes takes its streams along', () => {
    const { user, receive, codec } = serverRig();
    receive(START, frame(1, 4, 1, request('POST')), frame(1, 5, 3, request()));
    codec.onConnectionClosed();
    expect(user.streams.map((stream) => stream.seen.at(-1))).toEqual([
      `reset ${ResetReason.ConnectionTermination} `,
      `reset ${ResetReason.ConnectionTermination} `,
    ]);
    expect(user.streams.map((stream) => stream.done)).toEqual([1, 1]);
  });

  test('streams over the limit are refused', () => {
    const { socket, user, receive } = serverRig({ maxConcurrentStreams: 2 });
    receive(START, frame(1, 5, 1, request()), frame(1, 5, 3, request()), frame(1, 5, 5, request()));
    expect(user.streams).toHaveLength(2);
    expect(socket.frames().at(-1)).toBe('RST_STREAM 5 code 7');
  });
});

describe('flow control', () => {
  const smallWindow = frame(4, 0, 0, Buffer.from([0, 4, 0, 0, 0, 10]));

  test('a response waits for the window, its producer is held back', () => {
    const { socket, user, stats, receive } = serverRig({ initialStreamWindow: 65_535 });
    receive(PREFACE, smallWindow, frame(1, 5, 1, request()));
    const stream = user.streams[0]!;
    socket.take();
    stream.encoder.encodeHeaders(answer(), false);
    stream.encoder.encodeData(Buffer.alloc(100_000), false);
    expect(socket.frames()).toEqual(['HEADERS 1', 'DATA 1 10']);
    expect(stream.above).toBe(1);
    expect(stats.value('http2.pending_send_bytes')).toBe(99_990);
    stream.encoder.encodeText('end', true);
    receive(frame(8, 0, 1, word(99_990)));
    // 65,535 is what the connection's own window allows.
    expect(socket.frames()).toEqual(['DATA 1 16384', 'DATA 1 16384', 'DATA 1 16384', 'DATA 1 16373']);
    receive(frame(8, 0, 0, word(1_000_000)));
    expect(socket.frames().slice(0, 3)).toEqual(['DATA 1 16384', 'DATA 1 16384', 'DATA 1 1697']);
    receive(frame(8, 0, 1, word(3)));
    expect(socket.frames()).toEqual(['DATA 1 end 3']);
    expect(stream.above).toBe(0);
    expect(stats.value('http2.pending_send_bytes')).toBe(0);
  });

  test('a window made smaller by SETTINGS goes below zero, and END_STREAM needs no window', () => {
    const { socket, user, receive } = serverRig();
    receive(START, frame(1, 5, 1, request()));
    const stream = user.streams[0]!;
    stream.encoder.encodeHeaders(answer(), false);
    stream.encoder.encodeData(Buffer.alloc(1000), false);
    receive(smallWindow);
    socket.take();
    stream.encoder.encodeData(Buffer.alloc(0), true);
    expect(socket.frames()).toEqual(['DATA 1 end 0']);
  });

  test('no trailers at all end the body', () => {
    const { socket, user, receive } = serverRig();
    receive(PREFACE, smallWindow, frame(1, 5, 1, request()));
    socket.take();
    user.streams[0]!.encoder.encodeHeaders(answer(), false);
    user.streams[0]!.encoder.encodeTrailers(new HeaderMap());
    expect(socket.frames()).toEqual(['HEADERS 1', 'DATA 1 end 0']);
  });

  test('trailers wait behind the body', () => {
    const { socket, user, receive } = serverRig();
    receive(PREFACE, smallWindow, frame(1, 5, 1, request()));
    socket.take();
    user.streams[0]!.encoder.encodeHeaders(answer(), false);
    user.streams[0]!.encoder.encodeText('a'.repeat(20), false);
    const trailers = new HeaderMap();
    trailers.add('x-t', '1');
    user.streams[0]!.encoder.encodeTrailers(trailers);
    expect(socket.frames()).toEqual(['HEADERS 1', 'DATA 1 10']);
    receive(frame(8, 0, 1, word(10)));
    expect(socket.frames()).toEqual(['DATA 1 10', 'HEADERS 1 end']);
  });

  test('a paused reader gets nothing, keeps at most a window, and the peer no more of it', async () => {
    const { socket, user, receive } = serverRig({ initialStreamWindow: 65_535, initialConnectionWindow: 65_535 });
    receive(START, frame(1, 4, 1, request('POST')));
    const stream = user.streams[0]!;
    stream.encoder.readDisable(true);
    socket.take();
    for (let i = 0; i < 3; i++) receive(frame(0, 0, 1, Buffer.alloc(16_384, 97 + i)));
    expect(stream.seen).toEqual(['POST /']);
    expect(socket.frames()).toEqual([]);
    stream.encoder.readDisable(false);
    await Promise.resolve();
    expect(stream.body.length).toBe(49_152);
    expect(socket.frames()).toEqual(['WINDOW_UPDATE 0 +49152', 'WINDOW_UPDATE 1 +49152'].map((text) => text.replace('49152', '32768')));
    receive(frame(0, 1, 1, 'end'));
    expect(stream.ended).toBe(true);
  });

  test('more than the window allows ends the connection', () => {
    const { socket, user, receive } = serverRig({ initialStreamWindow: 65_535 });
    receive(START, frame(1, 4, 1, request('POST')));
    user.streams[0]!.encoder.readDisable(true);
    for (let i = 0; i < 4; i++) receive(frame(0, 0, 1, Buffer.alloc(16_384)));
    expect(socket.frames().at(-1)).toMatch(/^GOAWAY 0 code 3/);
  });

  test('a finished response that its client does not take is given up', () => {
    const { socket, user, stats, clock, receive, codec } = serverRig({}, 1000);
    receive(PREFACE, smallWindow, frame(1, 5, 1, request()));
    user.streams[0]!.encoder.encodeHeaders(answer(), false);
    user.streams[0]!.encoder.encodeText('a'.repeat(100), true);
    clock.advance(900);
    receive(frame(8, 0, 1, word(1)));
    clock.advance(900);
    expect(codec.activeStreams).toBe(1);
    clock.advance(200);
    expect(codec.activeStreams).toBe(0);
    expect(socket.frames().at(-1)).toBe('RST_STREAM 1 code 0');
    expect(stats.value('http2.tx_flush_timeout')).toBe(1);
  });
});
