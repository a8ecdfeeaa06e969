import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WorkerCluster } from '../../../../src/cluster/cluster.ts';
import { connectSocket } from '../../../../src/cluster/pool/connect.ts';
import type { ClusterSettings, EndpointSettings } from '../../../../src/cluster/settings.ts';
import type { TcpProxySettings } from '../../../../src/filters/network/tcp-proxy/config.ts';
import { createTcpProxy } from '../../../../src/filters/network/tcp-proxy/filter.ts';
import { shortFlags } from '../../../../src/http/response-flags.ts';
import { SharedSlab } from '../../../../src/lb/shared-slab.ts';
import { SimulatedClock } from '../../../../src/runtime/simulated-clock.ts';
import { clusterSettings, endpoint } from '../../../support/cluster-rig.ts';
import { Client, chain, eventually, ListenerRig, listener } from '../../../support/listener-rig.ts';

let rig: ListenerRig;
let upstream: Server;
const clock = new SimulatedClock();
const peers: Client[] = [];

const DEFAULTS: TcpProxySettings = {
  statPrefix: 't',
  cluster: 'c',
  weightedClusters: [],
  idleTimeoutMs: 3_600_000,
  maxConnectAttempts: 1,
  backOff: null,
  maxConnectionDurationMs: 0,
  maxConnectionDurationJitter: 0,
  tunneling: null,
  metadataMatch: null,
  hashPolicy: null,
  accessLogs: ['log'],
  accessLogFlushIntervalMs: 0,
  flushAccessLogOnConnected: false,
  flushAccessLogOnStart: false,
};

interface Options {
  readonly proxy?: Partial<TcpProxySettings>;
  readonly endpoints?: (port: number) => readonly EndpointSettings[];
  readonly cluster?: Partial<ClusterSettings>;
  readonly onPeer?: (socket: Socket) => void;
  readonly bufferLimit?: number;
}

async function start(options: Options = {}): Promise<Client> {
  peers.length = 0;
  upstream = createServer({ allowHalfOpen: true }, (socket) => {
    options.onPeer?.(socket);
    peers.push(new Client(socket));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const clusters = new Map<string, WorkerCluster>();
  rig = new ListenerRig({ clock, clusters: { get: (name) => clusters.get(name) ?? null } });
  const { port } = upstream.address() as AddressInfo;
  const endpoints = options.endpoints?.(port) ?? [endpoint('127.0.0.1', port)];
  const slab = SharedSlab.create(1 << 16, 64);
  const deps = { ...rig.filterDeps, slab, connect: connectSocket };
  clusters.set('c', new WorkerCluster(clusterSettings(options.cluster ?? {}, endpoints), 0, deps));
  rig.networkFilters['tcp'] = (settings, filterDeps) => createTcpProxy(settings as TcpProxySettings, filterDeps);
  const settings = { ...DEFAULTS, ...options.proxy };
  await rig.manager.addOrUpdate(
    'l',
    listener({ filterChains: [chain('c', [['tcp', settings]])], bufferLimit: options.bufferLimit ?? 1 << 20 }),
  );
  return rig.connect('l');
}

async function peer(): Promise<Client> {
  await eventually(() => peers.length > 0);
  return peers[0]!;
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function logged(): Promise<string> {
  await eventually(() => rig.log.some((line) => line.type === 'TcpConnectionEnd'));
  return shortFlags(rig.log.find((line) => line.type === 'TcpConnectionEnd')!.info.flags);
}

afterEach(() => {
  rig.stop();
  for (const p of peers) p.socket.destroy();
  upstream.close();
});

describe('tcp_proxy', () => {
  test('carries bytes both ways and counts them', async () => {
    const client = await start();
    client.send('ping');
    const p = await peer();
    expect(await p.untilText('ping')).toBe('ping');
    p.send('pong!');
    expect(await client.untilText('pong!')).toBe('pong!');
    client.socket.end();
    await p.untilEnd();
    p.socket.end();
    await client.untilEnd();
    expect(await logged()).toBe('');
    expect(rig.log[0]!.info).toMatchObject({
      bytesReceived: 4,
      bytesSent: 5,
      upstreamCluster: 'c',
      upstreamBytes: { wireBytesSent: 4, wireBytesReceived: 5 },
    });
    expect(rig.stats.nonZero()).toMatchObject({
      'tcp.t.downstream_cx_total': 1,
      'tcp.t.downstream_cx_rx_bytes_total': 4,
      'tcp.t.downstream_cx_tx_bytes_total': 5,
      'cluster.c.upstream_cx_total': 1,
    });
    await eventually(() => rig.stats.value('cluster.c.upstream_cx_active') === 0);
  });

  test('a FIN from downstream goes on alone; the answer still comes back', async () => {
    const client = await start();
    client.send('question');
    client.socket.end();
    const p = await peer();
    expect(await p.untilEnd()).toBe('question');
    expect(client.ended).toBe(false);
    p.send('answer');
    expect(await client.untilText('answer')).toBe('answer');
    p.socket.end();
    await client.untilEnd();
  });

  test('a FIN from upstream goes on alone; what downstream sends still arrives', async () => {
    const client = await start();
    const p = await peer();
    p.send('banner');
    p.socket.end();
    expect(await client.untilEnd()).toBe('banner');
    client.send('late');
    expect(await p.untilText('late')).toBe('late');
    client.socket.end();
    await p.untilEnd();
    expect(await logged()).toBe('');
  });

  test('a server that speaks first is heard', async () => {
    const client = await start({ onPeer: (socket) => socket.write('220 hello') });
    expect(await client.untilText('hello')).toBe('220 hello');
  });

  test('a reset from downstream is a reset upstream', async () => {
    const client = await start();
    client.send('x');
    const p = await peer();
    await p.untilText('x');
    client.socket.resetAndDestroy();
    await p.until((c) => c.closed);
    expect(p.error).toBe('ECONNRESET');
    expect(await logged()).toBe('');
  });

  test('a reset from upstream is a reset downstream: UR', async () => {
    const client = await start();
    client.send('x');
    const p = await peer();
    await p.untilText('x');
    p.socket.resetAndDestroy();
    await client.until((c) => c.closed);
    expect(client.error).toBe('ECONNRESET');
    expect(await logged()).toBe('UR');
  });

  test('refused: UF and URX, no byte to the client', async () => {
    const dead = await closedPort();
    const client = await start({ endpoints: () => [endpoint('127.0.0.1', dead)] });
    expect(await client.untilEnd()).toBe('');
    expect(await logged()).toBe('UF,URX');
    expect(rig.log[0]!.info.upstreamTransportFailureReason).toBe('delayed connect error: Connection refused');
    expect(rig.stats.value('cluster.c.upstream_cx_connect_attempts_exceeded')).toBe(1);
    expect(rig.stats.value('cluster.c.upstream_cx_connect_fail')).toBe(1);
  });

  test('max_connect_attempts tries that often', async () => {
    const dead = await closedPort();
    const client = await start({ endpoints: () => [endpoint('127.0.0.1', dead)], proxy: { maxConnectAttempts: 3 } });
    await client.untilEnd();
    expect(rig.stats.value('cluster.c.upstream_cx_connect_fail')).toBe(3);
    expect(rig.stats.value('cluster.c.upstream_cx_connect_attempts_exceeded')).toBe(1);
  });

  test('an attempt that fails is followed by one that succeeds', async () => {
    const dead = await closedPort();
    const client = await start({
      endpoints: (port) => [endpoint('127.0.0.1', dead), endpoint('127.0.0.1', port)],
      proxy: { maxConnectAttempts: 20 },
    });
    client.send('x');
    const first = await peer();
    expect(await first.untilText('x')).toBe('x');
    // Of two hosts one is dead: a few connections are enough to begin at it, and all of them arrive.
    for (let i = 1; rig.stats.value('cluster.c.upstream_cx_connect_fail') === 0; i++) {
      const next = rig.connect('l').send('y');
      await eventually(() => peers.length === i + 1);
      expect(await peers[i]!.untilText('y')).toBe('y');
      expect(next.closed).toBe(false);
    }
  });

  test.each([
    ['unknown cluster', { proxy: { cluster: 'nope' } }, 'NC', { 'tcp.t.downstream_cx_no_route': 1 }],
    ['no host', { endpoints: () => [] }, 'UH', { 'cluster.c.upstream_cx_none_healthy': 1 }],
  ] as const)('%s', async (_name, options, flags, stats) => {
    const client = await start(options);
    expect(await client.untilEnd()).toBe('');
    expect(await logged()).toBe(flags);
    expect(rig.stats.nonZero()).toMatchObject(stats);
  });

  test('bytes put the idle timeout off; silence ends both sides', async () => {
    const client = await start({ proxy: { idleTimeoutMs: 1000 } });
    const p = await peer();
    clock.advance(900);
    client.send('a');
    await p.untilText('a');
    clock.advance(900);
    p.send('b');
    await client.untilText('b');
    clock.advance(900);
    expect(rig.stats.value('tcp.t.idle_timeout')).toBe(0);
    clock.advance(200);
    await client.untilEnd();
    await p.untilEnd();
    expect(rig.stats.value('tcp.t.idle_timeout')).toBe(1);
  });

  test('max_downstream_connection_duration: DT', async () => {
    const client = await start({ proxy: { maxConnectionDurationMs: 500 } });
    await peer();
    clock.advance(600);
    await client.untilEnd();
    expect(await logged()).toBe('DT');
    expect(rig.stats.value('tcp.t.max_downstream_connection_duration')).toBe(1);
  });

  test('log entries while the connection lives', async () => {
    await start({ proxy: { flushAccessLogOnStart: true, flushAccessLogOnConnected: true, accessLogFlushIntervalMs: 100 } });
    await peer();
    await eventually(() => rig.log.length === 2);
    clock.advance(120);
    expect(rig.log.map((line) => line.type)).toEqual(['TcpConnectionStart', 'TcpUpstreamConnected', 'TcpPeriodic']);
  });

  test('weighted clusters: each gets its share', async () => {
    const weightedClusters = [
      { name: 'a', weight: 1 },
      { name: 'b', weight: 3 },
    ];
    await start();
    const proxy = createTcpProxy(
      { ...DEFAULTS, cluster: '', weightedClusters },
      { ...rig.filterDeps, listenerScope: rig.stats, bufferLimit: 0, newAccessLogger: () => ({ log: () => undefined }) },
    );
    const picked = { a: 0, b: 0 };
    for (let i = 0; i < 4000; i++) picked[(proxy as unknown as { pickCluster(): 'a' | 'b' }).pickCluster()]++;
    expect(picked.b / 4000).toBeCloseTo(0.75, 1);
  });

  test('a reader that stops holds the writer back, and nothing is lost', async () => {
    const client = await start({ bufferLimit: 65_536 });
    const p = await peer();
    client.socket.pause();
    const total = 64 << 20;
    const block = Buffer.alloc(1 << 16, 7);
    let sent = 0;
    const pump = () => {
      while (sent < total) {
        sent += block.length;
        if (!p.socket.write(block)) return;
      }
      p.socket.end();
    };
    p.socket.on('drain', pump);
    pump();
    await eventually(() => rig.stats.value('cluster.c.upstream_flow_control_paused_reading_total') > 0);
    // Kernel buffers and two watermarks hold a few megabytes; the rest has to wait at its source.
    for (let i = 0; i < 200; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(rig.stats.value('tcp.t.downstream_cx_tx_bytes_total')).toBeLessThan(total / 2);
    expect(rig.stats.value('tcp.t.downstream_cx_tx_bytes_buffered')).toBeLessThan(1 << 20);
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    client.socket.resume();
    await client.untilEnd();
    expect(received).toBe(total);
    expect(rig.stats.value('cluster.c.upstream_flow_control_resumed_reading_total')).toBeGreaterThan(0);
  });

  test('an upstream that does not read holds downstream back', async () => {
    const client = await start({
      bufferLimit: 65_536,
      cluster: { bufferLimitBytes: 65_536 } as Partial<ClusterSettings>,
      onPeer: (socket) => void socket.pause(),
    });
    const p = await peer();
    p.socket.pause();
    const total = 32 << 20;
    client.socket.end(Buffer.alloc(total, 1));
    await eventually(() => rig.stats.value('tcp.t.downstream_flow_control_paused_reading_total') > 0);
    let received = 0;
    p.socket.removeAllListeners('data');
    p.socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    p.socket.resume();
    await p.untilEnd();
    expect(received).toBe(total);
    expect(rig.stats.value('cluster.c.upstream_flow_control_backed_up_total')).toBeGreaterThan(0);
  });
});

describe('tunneling_config', () => {
  const TUNNEL = {
    hostname: 'target.test:443',
    usePost: false,
    postPath: '/',
    headers: { add: [], remove: [] },
    propagateResponseHeaders: false,
    propagateResponseTrailers: false,
  };

  test('bytes wait until the upstream accepts, and pass as they are from then on', async () => {
    const client = await start({ proxy: { tunneling: TUNNEL } });
    client.send('secret');
    const p = await peer();
    expect(await p.untilText('\r\n\r\n')).toBe('CONNECT target.test:443 HTTP/1.1\r\nhost: target.test:443\r\n\r\n');
    p.send('HTTP/1.1 200 OK\r\n\r\nhi');
    expect(await client.untilText('hi')).toBe('hi');
    expect(await p.untilText('secret')).toContain('\r\n\r\nsecret');
    client.socket.end();
    await p.untilEnd();
    await client.untilEnd();
    expect(await logged()).toBe('');
    expect(rig.log.at(-1)!.info).toMatchObject({ bytesReceived: 6, bytesSent: 2 });
  });

  test('a refusal is a failed connection: nothing of the client has left, and the next attempt may do better', async () => {
    const client = await start({
      proxy: { tunneling: TUNNEL, maxConnectAttempts: 2 },
      onPeer: (socket) => {
        const answer = peers.length === 0 ? '403 No\r\nContent-Length: 0' : '200 OK';
        socket.once('data', () => socket.write(`HTTP/1.1 ${answer}\r\n\r\n`));
      },
    });
    client.send('secret');
    await eventually(() => peers.length === 2);
    expect(await peers[1]!.untilText('secret')).toContain('secret');
    expect(await peers[0]!.untilEnd()).not.toContain('secret');
    client.socket.destroy();
    expect(await logged()).toBe('UF');
    expect(rig.log.at(-1)!.info.attemptCount).toBe(2);
  });

  test('a POST carries the bytes as its body, framed', async () => {
    const client = await start({ proxy: { tunneling: { ...TUNNEL, usePost: true, postPath: '/t' } } });
    const p = await peer();
    expect(await p.untilText('\r\n\r\n')).toContain('POST /t HTTP/1.1\r\nhost: target.test:443\r\ntransfer-encoding: chunked');
    p.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
    expect(await client.untilText('abc')).toBe('abc');
    client.send('hello');
    expect(await p.untilText('5\r\nhello\r\n')).toContain('5\r\nhello\r\n');
  });
});
