/** Whenever a connection ends, whatever its filter was doing, nothing of it is left: no timer armed, nothing counted as active, one log line. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { WorkerCluster } from '../../src/cluster/cluster.ts';
import { connectSocket } from '../../src/cluster/pool/connect.ts';
import { type HttpFilter, type NetworkFilterFactory, PassThroughFilter, Status, type TerminalHttpStream } from '../../src/filters/api.ts';
import { createDirectResponse } from '../../src/filters/network/direct-response/filter.ts';
import { createEcho } from '../../src/filters/network/echo/filter.ts';
import { createHttpConnectionManager } from '../../src/filters/network/http-connection-manager/filter.ts';
import type { TcpProxySettings } from '../../src/filters/network/tcp-proxy/config.ts';
import { createTcpProxy } from '../../src/filters/network/tcp-proxy/filter.ts';
import type { RequestHeaders } from '../../src/http/header-map.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { clusterSettings, endpoint } from '../support/cluster-rig.ts';
import { HCM_SETTINGS, responseHeaders } from '../support/hcm-rig.ts';
import { type Client, chain, eventually, ListenerRig, listener } from '../support/listener-rig.ts';

const TCP_PROXY: TcpProxySettings = {
  statPrefix: 't',
  cluster: 'c',
  weightedClusters: [],
  idleTimeoutMs: 60_000,
  maxConnectAttempts: 1,
  backOff: null,
  maxConnectionDurationMs: 120_000,
  maxConnectionDurationJitter: 0,
  tunneling: null,
  metadataMatch: null,
  hashPolicy: null,
  accessLogs: [],
  accessLogFlushIntervalMs: 30_000,
  flushAccessLogOnConnected: false,
  flushAccessLogOnStart: false,
};

const HCM = {
  ...HCM_SETTINGS,
  idleTimeoutMs: 60_000,
  maxConnectionDurationMs: 120_000,
  maxStreamDurationMs: 50_000,
  requestTimeoutMs: 40_000,
  requestHeadersTimeoutMs: 30_000,
  accessLogFlushIntervalMs: 10_000,
};

/** Answers what asks for it, and lets others wait. */
class Responder extends PassThroughFilter {
  override onRequestHeaders(stream: TerminalHttpStream, headers: RequestHeaders): Status {
    if (headers.path === '/answer') stream.respondHeaders(responseHeaders(200), true);
    else if (headers.path === '/begin') stream.respondHeaders(responseHeaders(200), false);
    return Status.Stop;
  }
}

interface Subject {
  make(rig: ListenerRig, settings: unknown, deps: Parameters<ListenerRig['networkFilters'][string]>[1]): NetworkFilterFactory;
  /** What a client may have sent, in any order and number, when the end comes. */
  readonly says: readonly string[];
  /** It has timers. */
  readonly timed: boolean;
}

const HEAD = 'HTTP/1.1\r\nHost: h\r\n';
const subjects: Record<string, Subject> = {
  echo: { make: () => createEcho(), says: ['a', 'b'.repeat(100_000)], timed: false },
  direct_response: { make: () => createDirectResponse({ response: 'x'.repeat(1000) }), says: ['a'], timed: false },
  tcp_proxy: { make: (_rig, _settings, deps) => createTcpProxy(TCP_PROXY, deps), says: ['a', 'b'.repeat(100_000)], timed: true },
  http_connection_manager: {
    make: (_rig, _settings, deps) =>
      createHttpConnectionManager({ ...HCM, httpFilters: [{ name: 'r', type: 'r', settings: null, disabled: false }] }, deps, {
        newHttpFilter: () => ({ newFilter: () => new Responder() as unknown as HttpFilter }),
        newRouteTable: () => ({ name: 'none', internalOnlyHeaders: [], match: () => null }),
        rdsRouteTable: () => () => null,
      }),
    says: [
      `GET /answer ${HEAD}\r\n`,
      `GET /answer ${HEAD}\r\n`,
      `GET /wait ${HEAD}\r\n`,
      `GET /begin ${HEAD}\r\n`,
      `POST /wait ${HEAD}Content-Length: 9\r\n\r\nhalf`,
      'GET /unfinish',
      'no HTTP\r\n\r\n',
    ],
    timed: true,
  },
};

/** How a connection may end. */
const ends: Record<string, (client: Client, rig: ListenerRig, clock: SimulatedClock, upstream: readonly Socket[]) => void> = {
  'the client closes': (client) => void client.socket.end(),
  'the client resets': (client) => void client.socket.resetAndDestroy(),
  'the client vanishes': (client) => void client.socket.destroy(),
  'the worker stops': (_client, rig) => rig.manager.shutdown(),
  'the upstream resets': (client, _rig, _clock, upstream) => {
    for (const socket of upstream) socket.resetAndDestroy();
    client.socket.destroy();
  },
  'time runs out': (client, _rig, clock) => {
    clock.advance(200_000);
    client.socket.destroy();
  },
};

let rig: ListenerRig;
let upstream: Server;
let upstreamSockets: Socket[] = [];
afterEach(() => {
  rig.stop();
  upstream.close();
  for (const socket of upstreamSockets) socket.destroy();
});

function active(): Record<string, number> {
  return Object.fromEntries(Object.entries(rig.stats.nonZero()).filter(([name]) => /(_active|\.active_connections)$/.test(name)));
}

describe.each(Object.keys(subjects))('%s', (name) => {
  const subject = subjects[name]!;
  /** What was seen while connections lived: without it the end would prove nothing. */
  let wasActive = false;
  let wasArmed = false;

  test.each(Object.keys(ends))('%s', async (how) => {
    const clock = new SimulatedClock();
    upstreamSockets = [];
    wasActive = false;
    wasArmed = false;
    upstream = createServer({ allowHalfOpen: false }, (socket) => {
      upstreamSockets.push(socket);
      socket.on('error', () => undefined).on('data', (bytes) => void socket.write(bytes));
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const clusters = new Map<string, WorkerCluster>();
    rig = new ListenerRig({ clock, clusters: { get: (cluster) => clusters.get(cluster) ?? null } });
    const settings = clusterSettings({}, [endpoint('127.0.0.1', (upstream.address() as AddressInfo).port)]);
    clusters.set('c', new WorkerCluster(settings, 0, { ...rig.filterDeps, slab: SharedSlab.create(1 << 16, 64), connect: connectSocket }));
    rig.networkFilters['it'] = (own, deps) => subject.make(rig, own, deps);
    await rig.manager.addOrUpdate('l', listener({ accessLogs: ['log'], filterChains: [chain('c', ['it'])] }));

    const random = seededRandom(name.length * 31 + how.length);
    const lives = 12;
    for (let life = 1; life <= lives && how !== 'the worker stops'; life++) await liveAndEnd(how, clock, random.below(4), random);
    if (how === 'the worker stops') await liveAndEnd(how, clock, 2, random);
    expect(wasArmed).toBe(subject.timed);
    // direct_response may be done before anyone looks.
    if (name !== 'direct_response') expect(wasActive).toBe(true);
    expect(active()).toEqual({});
    expect(clock.armed).toBe(0);
    const { 'listener.l.downstream_cx_total': total, 'listener.l.downstream_cx_destroy': gone } = rig.stats.nonZero();
    expect([gone, rig.log.length]).toEqual([total, total]);
  });

  async function liveAndEnd(how: string, clock: SimulatedClock, pieces: number, random: { below(bound: number): number }): Promise<void> {
    const logged = rig.log.length;
    const client = rig.connect('l');
    await eventually(() => rig.stats.value('listener.l.downstream_cx_total') > logged);
    for (let i = 0; i < pieces; i++) {
      client.send(subject.says[random.below(subject.says.length)]!);
      // Some lives end before, some after this has arrived.
      for (let turn = random.below(4); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
    }
    wasActive ||= Object.keys(active()).length > 0;
    wasArmed ||= clock.armed > 0;
    ends[how]!(client, rig, clock, upstreamSockets);
    await eventually(() => rig.log.length > logged && Object.keys(active()).length === 0);
  }
});
