import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../src/runtime/random.ts';
import { settle } from '../../../support/cluster-rig.ts';
import { HcmRig, type RigConnection, responseHeaders } from '../../../support/hcm-rig.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

/** A complete request with its answer. */
function exchange(rig: HcmRig, connection: RigConnection, request = GET): string {
  connection.feed(request);
  rig.backend.respond(200, {}, 'ok');
  return connection.received();
}

describe('connection counts', () => {
  test('a connection with one request, closed by the client', () => {
    const rig = new HcmRig();
    const connection = rig.connect();
    expect(rig.count('cx_active')).toBe(1);
    const answer = exchange(rig, connection);
    rig.clock.advance(40);
    connection.gone();
    expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    expect(rig.active()).toEqual({});
    expect(
      ['cx_total', 'cx_http1_total', 'cx_destroy', 'cx_destroy_remote', 'cx_destroy_local', 'cx_destroy_active_rq'].map((name) =>
        rig.count(name),
      ),
    ).toEqual([1, 1, 1, 1, 0, 0]);
    expect(rig.count('cx_rx_bytes_total')).toBe(GET.length);
    expect(rig.count('cx_tx_bytes_total')).toBe(answer.length);
    expect(rig.stats.recorded.get('http.p.downstream_cx_length_ms')).toEqual([40]);
  });

  test('closed while a request is under way, by either side', () => {
    for (const byPeer of [true, false]) {
      const rig = new HcmRig();
      const connection = rig.connect().feed(GET);
      connection.gone(byPeer);
      connection.gone(byPeer);
      const side = byPeer ? 'remote' : 'local';
      expect(rig.count('cx_destroy_active_rq')).toBe(1);
      expect(rig.count(`cx_destroy_${side}`)).toBe(1);
      expect(rig.count(`cx_destroy_${side}_active_rq`)).toBe(1);
      expect(rig.count('cx_destroy')).toBe(1);
      expect([rig.log.length, rig.backend.ends]).toEqual([1, 1]);
      expect(rig.active()).toEqual({});
    }
  });

  test('a client that ends its side is gone: there is no half-close', () => {
    const rig = new HcmRig();
    const connection = rig.connect().feed(GET, true);
    expect(connection.socket.closes.length).toBeGreaterThan(0);
    connection.gone(false);
    expect(rig.count('cx_destroy_remote')).toBe(1);
    expect(rig.log[0]).toMatchObject({ flags: 'DC', details: 'downstream_remote_disconnect' });
  });
});

describe('pipelined requests', () => {
  test('are served, counted and logged one after the other', async () => {
    const rig = new HcmRig();
    const connection = rig.connect().feed(GET);
    // The second one is refused at once, as soon as the first is answered.
    connection.feed('OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n').feed(GET);
    expect([rig.backends.length, rig.count('rq_active'), rig.count('rq_total')]).toEqual([1, 1, 1]);
    rig.backend.respond(201, {}, 'first');
    await settle();
    expect(rig.log.map((line) => line.code)).toEqual([201, 404]);
    expect(rig.backends.length).toBe(2);
    rig.backend.respond(202);
    expect(rig.log.map((line) => line.code)).toEqual([201, 404, 202]);
    expect(connection.received().match(/^HTTP\/1.1 \d+/gm)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 404', 'HTTP/1.1 202']);
    connection.gone();
    expect(rig.active()).toEqual({});
  });
});

describe('bytes that are no HTTP', () => {
  const cases: [string, string, number, string][] = [
    ['garbage', 'garbage\r\n\r\n', 400, 'http1.codec_error'],
    ['an old version', 'GET / HTTP/1.0\r\n\r\n', 426, 'low_version'],
    [
      'CL with TE',
      'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
      'http1.content_length_and_chunked_not_allowed',
    ],
    ['a head that is too large', `GET / HTTP/1.1\r\nHost: h\r\nx: ${'a'.repeat(70_000)}\r\n\r\n`, 431, 'http1.headers_too_large'],
  ];
  for (const [name, bytes, status, details] of cases) {
    test(`${name}: ${status}, and the end`, () => {
      const rig = new HcmRig();
      const connection = rig.connect().feed(bytes);
      const answer = connection.received();
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(answer).toContain('connection: close\r\n');
      expect(connection.socket.closes).toEqual(['flush-delay']);
      expect(rig.log.map((line) => [line.code, line.details])).toEqual([[status, details]]);
      // What still comes is not looked at.
      connection.feed(GET);
      expect([rig.count('rq_total'), connection.received()]).toEqual([1, '']);
      connection.gone();
      expect(rig.active()).toEqual({});
    });
  }

  test('in the middle of a body: the stream ends, and the connection', () => {
    const rig = new HcmRig();
    const connection = rig.connect().feed('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
    rig.backend.stream!.respondHeaders(responseHeaders(200), false);
    connection.feed('zz\r\n');
    expect(rig.log).toEqual([{ type: 'DownstreamEnd', code: 200, flags: 'DPE', details: 'http1.codec_error' }]);
    expect(rig.count('cx_protocol_error')).toBe(1);
    expect(connection.socket.closes.length).toBeGreaterThan(0);
  });
});

describe('the end of a connection', () => {
  test('idle_timeout begins a drain, which closes after drain_timeout', () => {
    const rig = new HcmRig({ settings: { idleTimeoutMs: 10_000, drainTimeoutMs: 5_000 } });
    const connection = rig.connect();
    exchange(rig, connection);
    rig.clock.advance(9_990);
    expect(rig.count('cx_idle_timeout')).toBe(0);
    rig.clock.advance(10);
    expect(rig.count('cx_idle_timeout')).toBe(1);
    rig.clock.advance(4_980);
    expect(connection.socket.closes).toEqual([]);
    rig.clock.advance(20);
    expect(connection.socket.closes.length).toBe(1);
  });

  test('a request under way is not idle, and its end begins the idle time', () => {
    const rig = new HcmRig({ settings: { idleTimeoutMs: 10_000, streamIdleTimeoutMs: 0 } });
    const connection = rig.connect();
    rig.clock.advance(9_000);
    connection.feed(GET);
    rig.clock.advance(50_000);
    rig.backend.respond();
    rig.clock.advance(9_900);
    expect(rig.count('cx_idle_timeout')).toBe(0);
    rig.clock.advance(10_100);
    expect(rig.count('cx_idle_timeout')).toBe(1);
  });

  test('max_connection_duration drains: connection: close on what is answered then', () => {
    const rig = new HcmRig({ settings: { maxConnectionDurationMs: 10_000 } });
    const connection = rig.connect();
    expect(exchange(rig, connection)).not.toContain('connection: close');
    rig.clock.advance(10_000);
    expect(rig.count('cx_max_duration_reached')).toBe(1);
    expect(exchange(rig, connection)).toContain('connection: close');
    expect(connection.socket.closes).toEqual([]);
    rig.clock.advance(5_000);
    expect(connection.socket.closes.length).toBe(1);
  });

  test('a drain that ends under a request waits for its answer', () => {
    const rig = new HcmRig({ settings: { maxConnectionDurationMs: 1_000 } });
    const connection = rig.connect().feed(GET);
    rig.clock.advance(60_000);
    expect(connection.socket.closes).toEqual([]);
    rig.backend.respond(200, {}, 'ok');
    expect(connection.received()).toContain('connection: close');
    expect(connection.socket.closes).toEqual(['flush-delay']);
  });

  test('a draining listener says so on the next response', () => {
    const rig = new HcmRig();
    const connection = rig.connect();
    expect(exchange(rig, connection)).not.toContain('connection: close');
    connection.draining = true;
    expect(exchange(rig, connection)).toContain('connection: close');
    expect(exchange(rig, connection)).toContain('connection: close');
    expect(rig.count('cx_drain_close')).toBe(1);
    rig.clock.advance(5_000);
    expect(connection.socket.closes.length).toBe(1);
  });

  test('told to drain, an idle connection ends with the drain time', () => {
    for (const used of [false, true]) {
      const rig = new HcmRig();
      const connection = rig.connect();
      if (used) exchange(rig, connection);
      connection.notifyDrain();
      connection.notifyDrain();
      rig.clock.advance(5_000);
      expect(connection.socket.closes.length).toBe(1);
    }
  });

  test('max_requests_per_connection closes with the last response', () => {
    const rig = new HcmRig({ settings: { maxRequestsPerConnection: 2 } });
    const connection = rig.connect();
    expect(exchange(rig, connection)).not.toContain('connection: close');
    expect(exchange(rig, connection)).toContain('connection: close');
    expect(rig.count('cx_max_requests_reached')).toBe(1);
    expect(connection.socket.closes).toEqual(['flush-delay']);
    connection.feed(GET);
    expect(rig.count('rq_total')).toBe(2);
  });

  test('delayed_close_timeout bounds how long the client may take to close', () => {
    const rig = new HcmRig({ settings: { maxRequestsPerConnection: 1 } });
    const connection = rig.connect();
    exchange(rig, connection, GET);
    expect(connection.socket.closes).toEqual(['flush-delay']);
    rig.clock.advance(1_000);
    expect(connection.socket.closes).toEqual(['flush-delay', 'no-flush']);
    expect(rig.count('cx_delayed_close_timeout')).toBe(1);
  });

  test.each([
    ['asks for it', 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n', 'flush'],
    ['asks for it, but is not done', 'POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab', 'flush-delay'],
  ])('a client that %s: nobody waits in vain', (_what, request, close) => {
    const rig = new HcmRig();
    const connection = rig.connect();
    exchange(rig, connection, request);
    expect(connection.socket.closes).toEqual([close]);
  });

  test('the delayed close begins when a slow client has been sent everything', () => {
    const rig = new HcmRig();
    const connection = rig.connect();
    connection.socket.bytesBuffered = 300_000;
    exchange(rig, connection, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    rig.clock.advance(60_000);
    connection.socket.bytesBuffered = 100;
    rig.clock.advance(60_000);
    connection.socket.bytesBuffered = 0;
    rig.clock.advance(1_000);
    expect(connection.socket.closes).toEqual(['flush']);
    rig.clock.advance(1_000);
    expect(connection.socket.closes).toEqual(['flush', 'no-flush']);
  });

  test('a client that takes nothing more is given up after the idle time of a stream', () => {
    const rig = new HcmRig({ settings: { streamIdleTimeoutMs: 10_000 } });
    const connection = rig.connect();
    connection.socket.bytesBuffered = 300_000;
    exchange(rig, connection, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    rig.clock.advance(9_900);
    expect(connection.socket.closes).toEqual(['flush']);
    rig.clock.advance(200);
    expect(connection.socket.closes).toEqual(['flush', 'no-flush']);
  });

  test('delayed_close_timeout 0 closes at once', () => {
    const rig = new HcmRig({ settings: { delayedCloseTimeoutMs: 0 } });
    const connection = rig.connect();
    exchange(rig, connection, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    rig.clock.advance(100_000);
    expect(connection.socket.closes).toEqual(['flush']);
    expect(rig.count('cx_delayed_close_timeout')).toBe(0);
  });

  test('a drain that ends during the delayed close does not begin another', () => {
    const rig = new HcmRig({ settings: { drainTimeoutMs: 500 } });
    const connection = rig.connect();
    connection.notifyDrain();
    exchange(rig, connection, 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    rig.clock.advance(600);
    connection.gone();
    rig.clock.advance(10_000);
    expect(rig.count('cx_delayed_close_timeout')).toBe(0);
    expect(connection.socket.closes).toEqual(['flush']);
  });

  const SEEDS = 200;
  test(`closed at any point of ${SEEDS} random lives: nothing is armed, active or said afterwards`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = seededRandom(seed);
      const rig = new HcmRig({
        settings: {
          idleTimeoutMs: 3_000,
          drainTimeoutMs: 700,
          delayedCloseTimeoutMs: random.below(2) * 500,
          maxConnectionDurationMs: random.below(2) * 4_000,
          maxRequestsPerConnection: random.below(4),
          streamIdleTimeoutMs: 900,
          requestTimeoutMs: random.below(2) * 600,
          requestHeadersTimeoutMs: random.below(2) * 400,
        },
      });
      const connection = rig.connect();
      const bytes = [
        GET,
        GET + GET,
        GET.slice(0, 9),
        GET.slice(9),
        'POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 4\r\n\r\nab',
        'cd',
        '\0\r\n\r\n',
      ];
      const closed = () => connection.socket.closes.includes('flush') || connection.socket.closes.includes('no-flush');
      for (let step = random.below(14); step > 0 && !closed(); step--) {
        switch (random.below(5)) {
          case 0:
          case 1:
            connection.feed(bytes[random.below(bytes.length)]!);
            break;
          case 2:
            if (rig.backends.length > 0 && rig.backend.stream!.responseHeaders === null)
              rig.backend.respond(200, {}, random.below(2) === 0 ? '' : 'ok');
            break;
          case 3:
            if (random.below(4) === 0) connection.notifyDrain();
            else connection.draining = random.below(4) === 0;
            break;
          default:
            rig.clock.advance(random.below(1_000));
        }
      }
      connection.gone(random.below(2) === 0);
      expect(rig.clock.armed, `seed ${seed}`).toBe(0);
      const after = JSON.stringify(rig.stats.nonZero());
      const lines = rig.log.length;
      rig.clock.advance(10_000_000);
      expect(JSON.stringify(rig.stats.nonZero()), `seed ${seed}`).toBe(after);
      expect(rig.active(), `seed ${seed}`).toEqual({});
      expect([lines, rig.log.length], `seed ${seed}`).toEqual([rig.count('rq_total'), rig.count('rq_total')]);
      expect(
        rig.backends.every((backend) => backend.ends === 1),
        `seed ${seed}`,
      ).toBe(true);
      expect(connection.socket.pauses, `seed ${seed}`).toBe(0);
    }
  });
});
