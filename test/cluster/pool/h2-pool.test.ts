/** Which connection carries which stream, and when another is opened. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_UPSTREAM_HTTP, type UpstreamHttpSettings } from '../../../src/cluster/settings.ts';
import { DEFAULT_HTTP2_SETTINGS, type Http2Settings } from '../../../src/http/h2/settings.ts';
import { ResetReason } from '../../../src/http/reset-reason.ts';
import { DEFAULT_THRESHOLDS } from '../../../src/resilience/circuit-breaker.ts';
import { describeFrame, fields, frame, parseFrames, word } from '../../http/h2/frames.ts';
import { ClusterRig, type FakeUpstream, RecordingClient, settle } from '../../support/cluster-rig.ts';

function rigOf(http2: Partial<Http2Settings> = {}, http: Partial<UpstreamHttpSettings> = {}, more = {}): ClusterRig {
  return new ClusterRig({ http: { ...DEFAULT_UPSTREAM_HTTP, ...http, http2: { ...DEFAULT_HTTP2_SETTINGS, ...http2 } }, ...more });
}

function sends(upstream: FakeUpstream, ...frames: Buffer[]): void {
  upstream.sends(Buffer.concat(frames).latin1Slice());
}

/** Frames that the proxy has sent, without those of the connection's beginning. */
function received(upstream: FakeUpstream): string[] {
  return parseFrames(Buffer.from(upstream.received(), 'latin1'))
    .map(describeFrame)
    .filter((text) => !/^(SETTINGS|WINDOW_UPDATE) 0/.test(text));
}

const SETTINGS = frame(4, 0, 0);
const maxStreams = (count: number) => frame(4, 0, 0, Buffer.from([0, 3, 0, 0, 0, count]));
const answer = (id: number) => frame(1, 5, id, fields([':status', '200']));

describe('streams and connections', () => {
  test('requests share one connection', () => {
    const rig = rigOf();
    const clients = [rig.request(), rig.request(), rig.request()];
    expect(rig.upstreams).toHaveLength(1);
    rig.upstreams[0]!.connected();
    expect(received(rig.upstreams[0]!)).toEqual(['HEADERS 1 end', 'HEADERS 3 end', 'HEADERS 5 end']);
    expect([rig.stat('upstream_rq_active'), rig.stat('upstream_cx_active'), rig.stat('upstream_cx_http2_total')]).toEqual([3, 1, 1]);
    sends(rig.upstreams[0]!, SETTINGS, answer(3), answer(1), answer(5));
    expect(clients.map((client) => client.events)).toEqual(clients.map(() => ['ready', '200 end']));
    expect([rig.stat('upstream_rq_active'), rig.stat('upstream_rq_total')]).toEqual([0, 3]);
    rig.request();
    expect(rig.upstreams).toHaveLength(1);
  });

  test('streams that do not fit open another connection', () => {
    const rig = rigOf({ maxConcurrentStreams: 2 });
    for (let i = 0; i < 5; i++) rig.request();
    expect(rig.upstreams).toHaveLength(3);
    for (const upstream of rig.upstreams) upstream.connected();
    expect(rig.upstreams.map((upstream) => received(upstream).length)).toEqual([2, 2, 1]);
  });

  test('preconnect_policy: streams of connections that are open or on their way, for each that is in use', () => {
    const rig = rigOf({ maxConcurrentStreams: 2 }, {}, { preconnectRatio: 2 });
    rig.request();
    // Two streams for the one.
    expect(rig.upstreams).toHaveLength(1);
    rig.upstreams[0]!.connected();
    for (const connections of [2, 3, 4, 5]) {
      rig.request();
      expect(rig.upstreams).toHaveLength(connections);
      rig.upstreams.at(-1)!.connected();
    }
    // What has ended leaves room.
    sends(rig.upstreams[0]!, SETTINGS, answer(1), answer(3));
    rig.request();
    expect([rig.upstreams.length, rig.stat('upstream_rq_active'), rig.stat('upstream_rq_pending_total')]).toEqual([5, 4, 1]);
  });

  test('preconnect_policy: a connection that is lost is replaced while others are in use', async () => {
    const rig = rigOf({ maxConcurrentStreams: 2 }, {}, { preconnectRatio: 2 });
    rig.request();
    rig.upstreams[0]!.connected();
    rig.request();
    rig.upstreams[1]!.connected();
    await rig.upstreams[1]!.gone();
    expect(rig.upstreams).toHaveLength(3);
    await rig.upstreams[0]!.gone();
    rig.upstreams[2]!.connected();
    expect(rig.upstreams).toHaveLength(3);
  });

  test("the peer's lower limit holds as soon as it is known; those who wait get the next free stream", () => {
    const rig = rigOf({}, {}, { breakers: [{ ...DEFAULT_THRESHOLDS, maxConnections: 1 }, DEFAULT_THRESHOLDS] });
    rig.request();
    const upstream = rig.upstreams[0]!;
    upstream.connected();
    sends(upstream, maxStreams(1));
    const waiting = rig.request();
    expect(waiting.events).toEqual([]);
    expect(rig.stat('upstream_cx_overflow')).toBeGreaterThan(0);
    upstream.received();
    sends(upstream, answer(1));
    expect(received(upstream)).toEqual(['HEADERS 3 end']);
    expect(waiting.events).toEqual(['ready']);
  });

  test('max_requests_per_connection', async () => {
    const rig = rigOf({}, { maxRequestsPerConnection: 2 });
    for (let i = 0; i < 3; i++) rig.request();
    expect(rig.upstreams).toHaveLength(2);
    rig.upstreams[0]!.connected();
    expect(received(rig.upstreams[0]!)).toEqual(['HEADERS 1 end', 'HEADERS 3 end']);
    sends(rig.upstreams[0]!, SETTINGS, answer(1), answer(3));
    await settle();
    expect(rig.upstreams[0]!.connection!.closed).toBe(true);
    expect(rig.stat('upstream_cx_max_requests')).toBe(1);
  });

  test('max_requests is counted in streams', () => {
    const rig = rigOf({}, {}, { breakers: [{ ...DEFAULT_THRESHOLDS, maxRequests: 1 }, DEFAULT_THRESHOLDS] });
    rig.request();
    rig.upstreams[0]!.connected();
    expect(rig.request().events).toEqual(['failed: overflow']);
    expect(rig.stat('upstream_rq_active_overflow') + rig.stat('upstream_rq_pending_overflow')).toBe(1);
  });
});

describe('ends', () => {
  test('GOAWAY: no further streams, those above the last one were refused, the others end in peace', async () => {
    const rig = rigOf();
    const clients = [rig.request(), rig.request()];
    const first = rig.upstreams[0]!;
    first.connected();
    sends(first, SETTINGS, frame(7, 0, 0, Buffer.concat([word(1), word(0)])));
    expect(clients[1]!.events.at(-1)).toBe('reset: remote refused stream reset');
    rig.request();
    expect(rig.upstreams).toHaveLength(2);
    sends(first, answer(1));
    expect(clients[0]!.events.at(-1)).toBe('200 end');
    await settle();
    expect(first.connection!.closed).toBe(true);
    expect(rig.stat('upstream_cx_close_notify')).toBe(1);
  });

  test('resets by either side are told apart', () => {
    const rig = rigOf();
    const clients = [rig.request(), rig.request(), rig.request()];
    const upstream = rig.upstreams[0]!;
    upstream.connected();
    sends(upstream, SETTINGS, frame(3, 0, 1, word(8)), frame(3, 0, 3, word(7)));
    clients[2]!.encoder!.reset(ResetReason.LocalReset);
    expect(clients.map((client) => client.events.at(-1))).toEqual(['reset: remote reset', 'reset: remote refused stream reset', 'ready']);
    expect([rig.stat('upstream_rq_rx_reset'), rig.stat('upstream_rq_tx_reset'), rig.stat('upstream_rq_active')]).toEqual([1, 1, 0]);
    expect(rig.stat('upstream_cx_active')).toBe(1);
  });

  test('a connection that is lost takes its streams along, and no others', async () => {
    const rig = rigOf({ maxConcurrentStreams: 1 });
    const clients = [rig.request(), rig.request()];
    for (const upstream of rig.upstreams) upstream.connected();
    await rig.upstreams[0]!.gone();
    expect(clients.map((client) => client.events.at(-1))).toEqual(['reset: connection termination', 'ready']);
    expect([rig.stat('upstream_cx_destroy_remote_with_active_rq'), rig.stat('upstream_cx_active'), rig.stat('upstream_rq_active')]).toEqual(
      [1, 1, 1],
    );
  });

  test('a protocol error ends the connection', async () => {
    const rig = rigOf();
    const client = rig.request();
    rig.upstreams[0]!.connected();
    sends(rig.upstreams[0]!, SETTINGS, frame(1, 5, 1, fields(['no-status', 'x'])));
    await settle();
    expect(client.events.at(-1)).toBe('reset: protocol error');
    expect([rig.stat('upstream_cx_protocol_error'), rig.stat('upstream_cx_active')]).toEqual([1, 0]);
  });

  test('a failed connect fails those who wait', () => {
    const rig = rigOf();
    const clients = [rig.request(), rig.request()];
    rig.upstreams[0]!.failed(ResetReason.RemoteConnectionFailure, 'delayed connect error: Connection refused');
    for (const client of clients) expect(client.events.at(-1)).toMatch(/^failed: remote connection failure/);
    expect([rig.stat('upstream_cx_connect_fail'), rig.stat('upstream_cx_active'), rig.stat('upstream_rq_pending_active')]).toEqual([
      1, 0, 0,
    ]);
  });

  test('idle_timeout', async () => {
    const rig = rigOf({}, { idleTimeoutMs: 1000 });
    rig.request();
    rig.upstreams[0]!.connected();
    sends(rig.upstreams[0]!, SETTINGS);
    rig.clock.advance(5000);
    expect(rig.stat('upstream_cx_active')).toBe(1);
    sends(rig.upstreams[0]!, answer(1));
    rig.clock.advance(1010);
    await settle();
    expect([rig.stat('upstream_cx_idle_timeout'), rig.stat('upstream_cx_active')]).toEqual([1, 0]);
  });

  test('max_connection_duration: streams end first', async () => {
    const rig = rigOf({}, { maxConnectionDurationMs: 1000 });
    rig.request();
    rig.upstreams[0]!.connected();
    sends(rig.upstreams[0]!, SETTINGS);
    rig.clock.advance(1010);
    rig.request();
    expect(rig.upstreams).toHaveLength(2);
    sends(rig.upstreams[0]!, answer(1));
    await settle();
    expect(rig.upstreams[0]!.connection!.closed).toBe(true);
    expect(rig.stat('upstream_cx_max_duration_reached')).toBe(1);
  });

  test('a client that gives up while it waits is forgotten', () => {
    const rig = rigOf();
    const client = new RecordingClient('/x');
    rig.request(client);
    rig.cluster.httpPool(rig.cluster.chooseHost(rig.context)!, 0, rig.context)!.cancel(client);
    rig.upstreams[0]!.connected();
    expect(client.events).toEqual([]);
    expect([rig.stat('upstream_rq_cancelled'), rig.stat('upstream_rq_pending_active')]).toEqual([1, 0]);
  });
});
