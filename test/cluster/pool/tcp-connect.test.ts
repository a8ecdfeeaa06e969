import { describe, expect, test } from 'vitest';
import type { TcpClient } from '../../../src/cluster/api.ts';
import { RESET_REASON_TEXT, ResetReason } from '../../../src/http/reset-reason.ts';
import type { Connection, ConnectionHandler } from '../../../src/net/connection.ts';
import { DEFAULT_THRESHOLDS } from '../../../src/resilience/circuit-breaker.ts';
import { ClusterRig, settle } from '../../support/cluster-rig.ts';

class Client implements TcpClient {
  readonly events: string[] = [];
  connection: Connection | null = null;
  onTcpConnected(connection: Connection): ConnectionHandler {
    this.connection = connection;
    this.events.push('connected');
    return {
      onData: (chunk) => void this.events.push(chunk.toString()),
      onEnd: () => void this.events.push('end'),
      onClose: () => void this.events.push('close'),
      onAboveWriteBufferHighWatermark: () => undefined,
      onBelowWriteBufferLowWatermark: () => undefined,
    };
  }
  onTcpFailure(reason: ResetReason, text: string): void {
    this.events.push('failed: ' + RESET_REASON_TEXT[reason] + (text === '' ? '' : '|' + text));
  }
}

function connect(rig: ClusterRig, client = new Client()) {
  return rig.cluster.connectTcp(rig.cluster.chooseHost(rig.context)!, 0, client, rig.context);
}

const active = (rig: ClusterRig) => ['cx_active', 'rq_active', 'rq_pending_active'].map((name) => rig.stat('upstream_' + name));

describe('a TCP connection', () => {
  test('counts as a connection and as a request of its host until it closes', async () => {
    const rig = new ClusterRig();
    const client = new Client();
    connect(rig, client);
    expect(active(rig)).toEqual([1, 0, 1]);
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends('hello');
    expect(client.events).toEqual(['connected', 'hello']);
    const host = rig.cluster.hostSets[0]!.hosts[0]!;
    expect([active(rig), host.rqActive, host.cxActive]).toEqual([[1, 1, 0], 1, 1]);
    await rig.upstreams[0]!.gone();
    expect(client.events.at(-1)).toBe('close');
    expect([active(rig), host.rqActive, host.cxActive]).toEqual([[0, 0, 0], 0, 0]);
    expect([rig.stat('upstream_cx_destroy_remote'), rig.stat('upstream_cx_rx_bytes_total'), rig.stat('upstream_cx_http1_total')]).toEqual([
      1, 5, 0,
    ]);
    expect(['', '_remote', '_local'].map((by) => rig.stat(`upstream_cx_destroy${by}_with_active_rq`))).toEqual([1, 1, 0]);
  });

  test('counts its bytes while it lives', () => {
    const rig = new ClusterRig();
    const client = new Client();
    connect(rig, client);
    rig.upstreams[0]!.connected();
    rig.upstreams[0]!.sends('hello');
    client.connection!.writeText('hi');
    rig.clock.advance(1010);
    rig.upstreams[0]!.sends('again');
    expect([rig.stat('upstream_cx_rx_bytes_total'), rig.stat('upstream_cx_tx_bytes_total')]).toEqual([5, 2]);
    rig.clock.advance(1010);
    expect([rig.stat('upstream_cx_rx_bytes_total'), rig.stat('upstream_cx_tx_bytes_total')]).toEqual([10, 2]);
  });

  test('that is refused', () => {
    const rig = new ClusterRig();
    const client = new Client();
    connect(rig, client);
    rig.upstreams[0]!.failed(ResetReason.RemoteConnectionFailure, 'delayed connect error: Connection refused');
    expect(client.events).toEqual(['failed: remote connection failure|delayed connect error: Connection refused']);
    expect([rig.stat('upstream_cx_destroy_remote'), rig.stat('upstream_cx_destroy_with_active_rq')]).toEqual([1, 0]);
    expect([active(rig), rig.stat('upstream_cx_connect_fail'), rig.cluster.circuitBreaker(0).connections.count]).toEqual([[0, 0, 0], 1, 0]);
  });

  test('that takes too long', () => {
    const rig = new ClusterRig({ connectTimeoutMs: 100 });
    const client = new Client();
    connect(rig, client);
    rig.clock.advance(120);
    expect(client.events).toEqual(['failed: connection timeout']);
    expect([rig.upstreams[0]!.aborted, rig.stat('upstream_cx_connect_timeout')]).toEqual([true, 1]);
  });

  test('that nobody wants any more', () => {
    const rig = new ClusterRig();
    const client = new Client();
    const attempt = connect(rig, client);
    attempt.cancel();
    attempt.cancel();
    expect([client.events, rig.upstreams[0]!.aborted, active(rig)]).toEqual([[], true, [0, 0, 0]]);
  });

  test.each([
    ['max_connections', { maxConnections: 0 }, 'upstream_cx_overflow'],
    ['max_pending_requests', { maxPendingRequests: 0 }, 'upstream_rq_pending_overflow'],
  ])('that %s forbids: told later, never from inside the call', async (_name, limits, stat) => {
    const rig = new ClusterRig({ breakers: [{ ...DEFAULT_THRESHOLDS, ...limits }, DEFAULT_THRESHOLDS] });
    const client = new Client();
    connect(rig, client);
    expect(client.events).toEqual([]);
    await settle();
    expect([client.events, rig.stat(stat), rig.upstreams.length, active(rig)]).toEqual([['failed: overflow'], 1, 0, [0, 0, 0]]);
    const breaker = rig.cluster.circuitBreaker(0);
    expect([breaker.connections.count, breaker.pendingRequests.count]).toEqual([0, 0]);
  });

  test("over the host's own limit", async () => {
    const rig = new ClusterRig({ perHostMaxConnections: 1 });
    const second = new Client();
    connect(rig);
    connect(rig, second);
    await settle();
    expect([second.events, rig.cluster.circuitBreaker(0).connections.count]).toEqual([['failed: overflow'], 1]);
  });
});
