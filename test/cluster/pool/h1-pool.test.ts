import { describe, expect, test } from 'vitest';
import { DEFAULT_UPSTREAM_HTTP } from '../../../src/cluster/settings.ts';
import { ResetReason } from '../../../src/http/reset-reason.ts';
import { DEFAULT_THRESHOLDS } from '../../../src/resilience/circuit-breaker.ts';
import { ClusterRig, endpoint, OK, RecordingClient, settle } from '../../support/cluster-rig.ts';

function thresholds(more: Partial<typeof DEFAULT_THRESHOLDS>) {
  return { breakers: [{ ...DEFAULT_THRESHOLDS, ...more }, DEFAULT_THRESHOLDS] as const };
}

describe('connections', () => {
  test('a request waits for its connection and is counted while it lives', () => {
    const rig = new ClusterRig();
    const client = rig.request();
    expect([rig.stat('upstream_rq_pending_active'), rig.stat('upstream_cx_active'), rig.stat('upstream_rq_active')]).toEqual([1, 1, 0]);
    rig.upstreams[0]!.connected();
    expect(rig.upstreams[0]!.received()).toMatch(/^GET \/ HTTP\/1\.1\r\nhost: test\r\n/);
    expect([rig.stat('upstream_rq_pending_active'), rig.stat('upstream_rq_active'), client.host!.rqActive]).toEqual([0, 1, 1]);
    rig.upstreams[0]!.sends(OK);
    expect(client.events).toEqual(['ready', '200', 'ok', 'end']);
    expect([
      rig.stat('upstream_rq_active'),
      client.host!.rqActive,
      rig.stat('upstream_rq_total'),
      rig.stat('upstream_cx_http1_total'),
    ]).toEqual([0, 0, 1, 1]);
    expect(rig.stat('upstream_cx_rx_bytes_total')).toBe(OK.length);
    expect(client.host!.counts()).toMatchObject({ cxActive: 1, cxTotal: 1, rqTotal: 1 });
  });

  test('the connection used last is taken first', () => {
    const rig = new ClusterRig();
    rig.request();
    rig.request();
    rig.upstreams.forEach((u) => void u.connected());
    rig.upstreams[1]!.sends(OK);
    rig.upstreams[0]!.sends(OK);
    rig.upstreams.forEach((u) => void u.received());
    rig.request(new RecordingClient('/third'));
    expect(rig.upstreams[0]!.received()).toContain('/third');
    expect(rig.upstreams).toHaveLength(2);
  });

  test('waiting requests are served in order of arrival', () => {
    const rig = new ClusterRig(thresholds({ maxConnections: 1 }));
    for (const path of ['/a', '/b', '/c']) rig.request(new RecordingClient(path));
    expect(rig.upstreams).toHaveLength(1);
    rig.upstreams[0]!.connected();
    const seen = ['/a', '/b', '/c'].map(() => {
      const path = /GET (\S+)/.exec(rig.upstreams[0]!.received())![1];
      rig.upstreams[0]!.sends(OK);
      return path;
    });
    expect(seen).toEqual(['/a', '/b', '/c']);
  });

  test('no more connections are opened than requests wait for', () => {
    const rig = new ClusterRig();
    for (let i = 0; i < 5; i++) rig.request();
    expect(rig.upstreams).toHaveLength(5);
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(OK);
    // The first took the request of the second, whose connection is still on its way.
    expect(rig.upstreams).toHaveLength(5);
    expect(rig.stat('upstream_rq_pending_active')).toBe(3);
  });

  test('a new request uses a connection on its way that no other needs any more', () => {
    const rig = new ClusterRig();
    const first = rig.request();
    rig.cluster.httpPool(first.host ?? rig.cluster.chooseHost(rig.context)!, 0, rig.context)!.cancel(first);
    const second = rig.request();
    expect(rig.upstreams).toHaveLength(1);
    rig.upstreams[0]!.connected();
    expect([first.events, second.events]).toEqual([[], ['ready']]);
    expect(rig.stat('upstream_rq_cancelled')).toBe(1);
  });
});

describe('failures', () => {
  test('a failed connect fails everyone who waits, and not who comes back for another try', () => {
    const rig = new ClusterRig();
    const again = new RecordingClient('/again');
    const first = new RecordingClient();
    first.onFailure = () => rig.request(again);
    rig.request(first);
    const second = rig.request();
    rig.upstreams[0]!.failed(ResetReason.RemoteConnectionFailure, 'delayed connect error: Connection refused');
    const failure = 'failed: remote connection failure|delayed connect error: Connection refused';
    expect([first.events, second.events, again.events]).toEqual([[failure], [failure], []]);
    expect([
      rig.stat('upstream_rq_pending_failure_eject'),
      rig.stat('upstream_cx_connect_fail'),
      rig.stat('upstream_cx_destroy_remote'),
    ]).toEqual([2, 1, 1]);
    rig.upstreams[1]!.connected();
    expect(again.events).toEqual(['ready']);
  });

  test('a connect that takes too long', () => {
    const rig = new ClusterRig({ connectTimeoutMs: 250 });
    const client = rig.request();
    rig.clock.advance(240);
    expect(client.events).toEqual([]);
    rig.clock.advance(20);
    expect(client.events).toEqual(['failed: connection timeout']);
    expect(rig.upstreams[0]!.aborted).toBe(true);
    expect([
      rig.stat('upstream_cx_connect_timeout'),
      rig.stat('upstream_cx_connect_fail'),
      rig.stat('upstream_cx_destroy_local'),
      rig.stat('upstream_cx_active'),
    ]).toEqual([1, 1, 1, 0]);
  });

  test('a source address that cannot be bound', () => {
    const rig = new ClusterRig();
    const client = rig.request();
    rig.upstreams[0]!.failed(ResetReason.LocalConnectionFailure, 'failed to bind to 9.9.9.9:0: Cannot assign requested address');
    expect(client.events[0]).toBe('failed: local connection failure|failed to bind to 9.9.9.9:0: Cannot assign requested address');
    expect([rig.stat('bind_errors'), rig.stat('upstream_cx_destroy_local')]).toEqual([1, 1]);
  });

  test('the upstream goes away before it answers', async () => {
    const rig = new ClusterRig();
    const client = rig.request();
    rig.upstreams[0]!.connected();
    await rig.upstreams[0]!.gone();
    expect(client.events).toEqual(['ready', 'reset: connection termination']);
    expect([
      rig.stat('upstream_cx_destroy_remote_with_active_rq'),
      rig.stat('upstream_cx_destroy_with_active_rq'),
      rig.stat('upstream_rq_active'),
      rig.stat('upstream_cx_active'),
    ]).toEqual([1, 1, 0, 0]);
    expect(client.host!.counts()).toMatchObject({ cxActive: 0, rqActive: 0 });
  });

  test('an idle connection that the upstream ends is not used again', async () => {
    const rig = new ClusterRig();
    rig.request();
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(OK);
    rig.upstreams[0]!.sendsFin();
    await settle();
    expect([
      rig.stat('upstream_cx_active'),
      rig.stat('upstream_cx_destroy_remote'),
      rig.stat('upstream_cx_destroy_with_active_rq'),
    ]).toEqual([0, 1, 0]);
    rig.request();
    expect(rig.upstreams).toHaveLength(2);
  });

  test('bytes that nobody asked for end the connection', async () => {
    const rig = new ClusterRig();
    rig.request();
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(OK);
    rig.upstreams[0]!.sends(OK);
    await settle();
    expect([rig.stat('upstream_cx_protocol_error'), rig.stat('upstream_cx_active')]).toEqual([1, 0]);
  });

  test('a second answer in the same packet never becomes the answer of the next request', async () => {
    const rig = new ClusterRig(thresholds({ maxConnections: 1 }));
    const first = rig.request();
    const second = rig.request();
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(OK + OK);
    await settle();
    expect(first.events).toEqual(['ready', '200', 'ok', 'end']);
    expect(second.events).toEqual([]);
    rig.upstreams[1]!.connected();
    expect(second.events).toEqual(['ready']);
  });

  test('a request reset by its owner costs the connection', async () => {
    const rig = new ClusterRig();
    const client = rig.request();
    rig.upstreams[0]!.connected();
    client.encoder!.reset(ResetReason.LocalReset);
    await settle();
    expect(client.events).toEqual(['ready']);
    expect([rig.stat('upstream_cx_active'), rig.stat('upstream_rq_active'), rig.stat('upstream_cx_destroy_local')]).toEqual([0, 0, 1]);
    expect([rig.stat('upstream_cx_destroy_with_active_rq'), rig.stat('upstream_cx_destroy_local_with_active_rq')]).toEqual([1, 1]);
  });

  test('a request reset from inside onPoolReady', async () => {
    const rig = new ClusterRig();
    const client = new RecordingClient();
    client.onReady = () => client.encoder!.reset(ResetReason.LocalReset);
    rig.request(client);
    const second = rig.request();
    rig.upstreams[0]!.connected();
    rig.upstreams[1]!.connected();
    await settle();
    expect(second.events).toEqual(['ready']);
    expect([rig.stat('upstream_cx_active'), rig.stat('upstream_rq_active')]).toEqual([1, 1]);
  });

  test('cancelling another waiting request from inside a failure', () => {
    const rig = new ClusterRig();
    const first = new RecordingClient();
    const second = new RecordingClient();
    first.onFailure = () => rig.cluster.httpPool(rig.cluster.chooseHost(rig.context)!, 0, rig.context)!.cancel(second);
    rig.request(first);
    rig.request(second);
    rig.upstreams[0]!.failed(ResetReason.RemoteConnectionFailure);
    expect(first.events).toHaveLength(1);
    expect(rig.stat('upstream_rq_pending_active')).toBe(0);
    expect(second.events).toEqual([]);
  });
});

describe('limits', () => {
  test('max_pending_requests counts requests that wait', () => {
    const rig = new ClusterRig(thresholds({ maxPendingRequests: 1 }));
    const first = rig.request();
    const second = rig.request();
    expect([first.events, second.events]).toEqual([[], ['failed: overflow']]);
    expect(second.host).toBeNull();
    expect([rig.stat('upstream_rq_pending_overflow'), rig.stat('upstream_rq_pending_total')]).toEqual([1, 1]);
  });

  test('max_pending_requests 0 fails every request of a cold pool', () => {
    const rig = new ClusterRig(thresholds({ maxPendingRequests: 0 }));
    expect(rig.request().events).toEqual(['failed: overflow']);
    expect(rig.upstreams).toHaveLength(0);
  });

  test('max_requests refuses after a connection was opened, as Envoy does', () => {
    const rig = new ClusterRig(thresholds({ maxRequests: 0 }));
    const client = rig.request();
    rig.upstreams[0]!.connected();
    expect(client.events).toEqual(['failed: overflow']);
    expect(client.host).not.toBeNull();
    expect([rig.stat('upstream_rq_active_overflow'), rig.stat('upstream_rq_total'), rig.stat('upstream_cx_active')]).toEqual([1, 0, 1]);
    expect(rig.request().events).toEqual(['failed: overflow']);
    expect(rig.upstreams).toHaveLength(1);
  });

  test('max_connections keeps requests waiting, but a host without a connection gets one', () => {
    const rig = new ClusterRig(thresholds({ maxConnections: 1 }), [endpoint('10.0.0.1'), endpoint('10.0.0.2')]);
    const [a, b] = rig.cluster.hostSets[0]!.hosts;
    rig.request(undefined, a);
    rig.request(undefined, a);
    rig.request(undefined, b);
    expect(rig.upstreams.map((u) => u.target.text)).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
    expect(rig.stat('upstream_cx_overflow')).toBe(2);
  });

  test('max_connections 0 allows one', () => {
    const rig = new ClusterRig(thresholds({ maxConnections: 0 }));
    rig.request();
    rig.request();
    expect(rig.upstreams).toHaveLength(1);
  });

  test('per-host connections', () => {
    const rig = new ClusterRig({ perHostMaxConnections: 1 });
    rig.request();
    rig.request();
    expect(rig.upstreams).toHaveLength(1);
    expect([rig.stat('upstream_cx_overflow'), rig.cluster.circuitBreaker(0).connections.count]).toEqual([1, 1]);
  });

  test('high priority has its own pool and limits', () => {
    const rig = new ClusterRig(thresholds({ maxPendingRequests: 0 }));
    expect(rig.request(undefined, undefined, 1).events).toEqual([]);
    expect(rig.upstreams).toHaveLength(1);
  });

  test('max_connection_pools: an idle pool makes room, a busy one does not', async () => {
    const rig = new ClusterRig(thresholds({ maxConnectionPools: 1 }), [endpoint('10.0.0.1'), endpoint('10.0.0.2')]);
    const [a, b] = rig.cluster.hostSets[0]!.hosts;
    rig.request(undefined, a);
    expect(rig.request(undefined, b).events).toEqual(['no pool']);
    expect(rig.stat('upstream_cx_pool_overflow')).toBe(1);
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(OK);
    expect(rig.request(undefined, b).events).toEqual([]);
    await settle();
    expect(rig.upstreams[0]!.socket.destroyed).toBe(true);
    expect(rig.cluster.circuitBreaker(0).connectionPools.count).toBe(1);
  });
});

describe('the end of a connection', () => {
  test('max_requests_per_connection', async () => {
    const rig = new ClusterRig({ http: { ...DEFAULT_UPSTREAM_HTTP, maxRequestsPerConnection: 2 } });
    for (let i = 0; i < 2; i++) {
      rig.request();
      if (i === 0) rig.upstreams[0]!.connected();
      rig.upstreams[0]!.sends(OK);
    }
    await settle();
    expect(rig.upstreams[0]!.socket.destroyed).toBe(true);
    expect([rig.stat('upstream_cx_max_requests'), rig.stat('upstream_cx_destroy_local')]).toEqual([1, 1]);
    expect(rig.stats.recorded.get('cluster.c.upstream_rq_per_cx')).toEqual([2]);
  });

  test('connection: close', async () => {
    const rig = new ClusterRig();
    rig.request();
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    await settle();
    expect([rig.stat('upstream_cx_close_notify'), rig.stat('upstream_cx_destroy_local'), rig.stat('upstream_cx_active')]).toEqual([
      1, 1, 0,
    ]);
  });

  test('idle_timeout runs from the end of the last request', async () => {
    const rig = new ClusterRig({ http: { ...DEFAULT_UPSTREAM_HTTP, idleTimeoutMs: 1000 } });
    rig.request();
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(OK);
    rig.clock.advance(900);
    rig.request();
    rig.clock.advance(5000);
    expect(rig.stat('upstream_cx_idle_timeout')).toBe(0);
    rig.upstreams[0]!.sends(OK);
    rig.clock.advance(990);
    expect(rig.stat('upstream_cx_active')).toBe(1);
    rig.clock.advance(20);
    await settle();
    expect([rig.stat('upstream_cx_idle_timeout'), rig.stat('upstream_cx_active'), rig.stat('upstream_cx_destroy_local')]).toEqual([
      1, 0, 1,
    ]);
  });

  test('only the connections that were idle long enough are closed', () => {
    const rig = new ClusterRig({ http: { ...DEFAULT_UPSTREAM_HTTP, idleTimeoutMs: 1000 } });
    rig.request();
    rig.request();
    rig.upstreams.forEach((u) => void u.connected());
    rig.upstreams[0]!.sends(OK);
    rig.clock.advance(500);
    rig.upstreams[1]!.sends(OK);
    rig.clock.advance(520);
    expect(rig.upstreams.map((u) => u.socket.destroyed)).toEqual([true, false]);
    rig.clock.advance(500);
    expect(rig.upstreams.map((u) => u.socket.destroyed)).toEqual([true, true]);
  });

  test.each([
    ['timeout=5, max=100', 4000],
    ['max=100, timeout=2', 1000],
    ['timeout=1', 500],
  ])('a connection whose peer announced its own timeout is closed before that: %s', (announced, ms) => {
    const rig = new ClusterRig();
    rig.request();
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(`HTTP/1.1 200 OK\r\nkeep-alive: ${announced}\r\ncontent-length: 0\r\n\r\n`);
    rig.clock.advance(ms - 20);
    expect(rig.upstreams[0]!.socket.destroyed).toBe(false);
    rig.clock.advance(40);
    expect(rig.upstreams[0]!.socket.destroyed).toBe(true);
    expect(rig.stat('upstream_cx_idle_timeout')).toBe(1);
  });

  test.each(['timeout=0', 'timeout=', 'max=3', 'x'])('keep-alive: %s', async (announced) => {
    const rig = new ClusterRig();
    rig.request();
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends(`HTTP/1.1 200 OK\r\nkeep-alive: ${announced}\r\ncontent-length: 0\r\n\r\n`);
    await settle();
    expect(rig.upstreams[0]!.socket.destroyed).toBe(announced === 'timeout=0');
  });

  test('max_connection_duration lets the request in flight end', async () => {
    const rig = new ClusterRig({ http: { ...DEFAULT_UPSTREAM_HTTP, maxConnectionDurationMs: 1000 } });
    const client = rig.request();
    rig.upstreams[0]!.connected();
    rig.clock.advance(1020);
    expect([rig.stat('upstream_cx_max_duration_reached'), rig.stat('upstream_cx_active')]).toEqual([1, 1]);
    rig.upstreams[0]!.sends(OK);
    expect(client.events).toEqual(['ready', '200', 'ok', 'end']);
    await settle();
    expect(rig.stat('upstream_cx_active')).toBe(0);
  });

  test('draining closes idle connections now and busy ones after their request', async () => {
    const rig = new ClusterRig();
    rig.request();
    rig.request();
    rig.upstreams.forEach((u) => void u.connected());
    rig.upstreams[0]!.sends(OK);
    rig.cluster.drain();
    await settle();
    expect(rig.upstreams.map((u) => u.socket.destroyed)).toEqual([true, false]);
    rig.upstreams[1]!.sends(OK);
    await settle();
    expect(rig.upstreams[1]!.socket.destroyed).toBe(true);
    expect(rig.cluster.circuitBreaker(0).connectionPools.count).toBe(0);
  });

  test('closing fails those who wait and resets those in flight', async () => {
    const rig = new ClusterRig(thresholds({ maxConnections: 1 }));
    const first = rig.request();
    const second = rig.request();
    rig.upstreams[0]!.connected();
    rig.cluster.close();
    await settle();
    expect(first.events).toEqual(['ready', 'reset: connection termination']);
    expect(second.events).toEqual(['failed: local connection failure']);
    expect([rig.stat('upstream_cx_active'), rig.stat('upstream_rq_active'), rig.stat('upstream_rq_pending_active')]).toEqual([0, 0, 0]);
  });
});

describe('connections in advance', () => {
  const ahead = (preconnectRatio: number) => new ClusterRig({ preconnectRatio });

  test.each([
    [1, 1],
    [1.5, 2],
    [2, 2],
    [3, 3],
  ])('at a ratio of %d the first request opens %d', (ratio, connections) => {
    const rig = ahead(ratio);
    rig.request();
    expect(rig.upstreams).toHaveLength(connections);
  });

  test('an idle connection counts, and one that is taken is replaced', () => {
    const rig = ahead(2);
    rig.request();
    rig.upstreams.forEach((u) => void u.connected());
    rig.upstreams[0]!.sends(OK);
    rig.request();
    expect(rig.upstreams).toHaveLength(2);
    rig.request();
    // Two in flight want four.
    expect(rig.upstreams).toHaveLength(4);
  });

  test('a drained pool opens none', () => {
    const rig = ahead(3);
    const client = rig.request();
    rig.upstreams.forEach((u) => void u.connected());
    rig.cluster.drain();
    rig.upstreams[0]!.sends(OK);
    expect(client.events).toContain('end');
    expect(rig.upstreams).toHaveLength(3);
  });
});
