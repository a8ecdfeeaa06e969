/** Load reports that are asked of hosts apart from requests: real HTTP/2 servers, simulated time. What is expected is what Envoy 1.40 does. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ClusterControl } from '../../../src/cluster/cluster-control.ts';
import { WorkerClusterManager } from '../../../src/cluster/cluster-manager.ts';
import { ClusterRegistry } from '../../../src/cluster/registry.ts';
import {
  type ClusterSettings,
  DEFAULT_BALANCER,
  DEFAULT_CLUSTER,
  DEFAULT_ENDPOINT,
  DEFAULT_LOCALITY,
} from '../../../src/cluster/settings.ts';
import { grpcFrame } from '../../../src/http/grpc-frames.ts';
import type { ToldLoad } from '../../../src/lb/client-side-weights.ts';
import { SharedSlab } from '../../../src/lb/shared-slab.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { StaticRuntime } from '../../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { PlainStats } from '../../support/plain-stats.ts';
import { until } from '../../support/poll.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Stream = http2.ServerHttp2Stream;

class Backend {
  readonly requests: { headers: http2.IncomingHttpHeaders; body: Buffer }[] = [];
  readonly open = new Set<Stream>();
  readonly #answer: (stream: Stream) => void;
  port = 0;

  constructor(answer: (stream: Stream) => void = accept) {
    this.#answer = answer;
  }

  async start(): Promise<this> {
    const server = http2.createServer();
    const sessions = new Set<http2.ServerHttp2Session>();
    server.on('session', (session) => void sessions.add(session.on('error', () => undefined)));
    server.on('stream', (stream: Stream, headers: http2.IncomingHttpHeaders) => {
      const chunks: Buffer[] = [];
      stream.on('error', () => undefined);
      this.open.add(stream);
      stream.on('close', () => void this.open.delete(stream));
      stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
      stream.on('end', () => {
        this.requests.push({ headers, body: Buffer.concat(chunks) });
        this.#answer(stream);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => {
      for (const session of sessions) session.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    this.port = (server.address() as net.AddressInfo).port;
    return this;
  }

  /** Sends a message on every open stream. */
  send(message: Buffer): void {
    for (const stream of this.open) stream.write(grpcFrame(message));
  }
}

function accept(stream: Stream): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
}

/** OrcaLoadReport with cpu_utilization and rps_fractional. */
function report(utilization: number, rps: number): Buffer {
  const bytes = Buffer.alloc(18);
  bytes[0] = 0x09;
  bytes.writeDoubleLE(utilization, 1);
  bytes[9] = 0x31;
  bytes.writeDoubleLE(rps, 10);
  return bytes;
}

const PERIOD_MS = 2500;
const WEIGHTS = { blackoutMs: 1000, expirationMs: 60_000, updateMs: 1000, errorPenalty: 0, metricNames: [] };
const OUT_OF_BAND = { periodMs: PERIOD_MS, port: 0, authority: '', transportSocketCriteria: null };

class Rig {
  readonly clock = new SimulatedClock();
  readonly stats = new PlainStats();
  readonly told: ToldLoad[] = [];
  readonly control: ClusterControl;
  readonly worker: WorkerClusterManager;

  constructor(cluster: ClusterSettings) {
    const registry = ClusterRegistry.of([cluster]);
    const slab = SharedSlab.create(1 << 14, 1 << 8);
    const shared = { clock: this.clock, random: seededRandom(3), runtime: new StaticRuntime(), slab };
    this.worker = new WorkerClusterManager({ ...shared, rootScope: new PlainStats() }, registry.block);
    this.control = new ClusterControl(registry, {
      ...{ ...shared, rootScope: this.stats, publishHealth: () => undefined },
      newResolver: () => {
        throw new Error('no names here');
      },
      publish: (update) => void this.worker.applyHostUpdate(update),
      publishLoads: (name, id, loads) => {
        this.told.push(...loads);
        this.worker.applyLoads(name, id, loads);
      },
    });
    closers.push(() => this.control.stop());
  }

  static async start(backends: readonly Backend[], more: Partial<typeof OUT_OF_BAND> = {}, hostname = ''): Promise<Rig> {
    const endpoints = backends.map(({ port }) => ({ ...DEFAULT_ENDPOINT, host: '127.0.0.1', port, hostname }));
    const clientSideWeights = { ...WEIGHTS, outOfBand: { ...OUT_OF_BAND, ...more } };
    const rig = new Rig({
      ...{ ...DEFAULT_CLUSTER, name: 'c', localities: [{ ...DEFAULT_LOCALITY, endpoints }] },
      balancer: { ...DEFAULT_BALANCER, clientSideWeights },
    });
    await rig.control.start();
    return rig;
  }

  stat(name: string): number {
    return this.stats.value('cluster.c.lb_orca_oob.' + name);
  }

  get figures(): Record<string, number> {
    const names = ['active_sessions', 'reports_received', 'report_errors', 'stream_failures', 'stream_terminated'];
    return Object.fromEntries(names.map((name) => [name, this.stat(name)]));
  }
}

const NOTHING = { active_sessions: 1, reports_received: 0, report_errors: 0, stream_failures: 0, stream_terminated: 0 };

describe('asking a host', () => {
  test('is a gRPC call with the period in it, at a moment of the first period, to the host under its own name', async () => {
    const backend = await new Backend().start();
    const rig = await Rig.start([backend]);
    expect(rig.figures).toEqual(NOTHING);
    rig.clock.advance(PERIOD_MS);
    await until('it is asked', () => backend.requests.length === 1);
    const [{ headers, body }] = backend.requests as [(typeof backend.requests)[0]];
    expect(headers).toMatchObject({
      ...{ ':method': 'POST', ':path': '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics', ':authority': `127.0.0.1:${backend.port}` },
      ...{ ':scheme': 'http', te: 'trailers', 'content-type': 'application/grpc' },
    });
    expect(headers['grpc-timeout']).toBeUndefined();
    // report_interval: 2 s and 500,000,000 ns.
    expect(body.toString('hex')).toBe('000000000a0a0808021080cab5ee01');
  });

  test('goes to another port and authority where they are configured; the hostname of an endpoint is its authority', async () => {
    const reports = await new Backend().start();
    const rig = await Rig.start([await new Backend().start()], { port: reports.port, authority: 'loads.example' });
    rig.clock.advance(PERIOD_MS);
    await until('it is asked', () => reports.requests.length === 1);
    expect(reports.requests[0]!.headers[':authority']).toBe('loads.example');

    const named = await new Backend().start();
    (await Rig.start([named], {}, 'host.example')).clock.advance(PERIOD_MS);
    await until('it is asked', () => named.requests.length === 1);
    expect(named.requests[0]!.headers[':authority']).toBe('host.example');
  });
});

describe('reports', () => {
  test('make weights on workers, after the blackout since the first of them', async () => {
    const backends = [await new Backend().start(), await new Backend().start(), await new Backend().start()];
    const rig = await Rig.start(backends);
    const hosts = rig.worker.get('c')!.hostSets[0]!.hosts;
    rig.clock.advance(PERIOD_MS);
    await until('all are asked', () => backends.every(({ requests, open }) => requests.length === 1 && open.size === 1));
    backends[0]!.send(report(0.5, 100));
    backends[1]!.send(report(0.1, 100));
    await until('reports have come', () => rig.stat('reports_received') === 2);
    rig.clock.advance(100);
    expect(rig.told.map(({ weight }) => weight).sort()).toEqual([1000, 200]);
    expect(hosts.map(({ weight }) => weight)).toEqual([1, 1, 1]);
    rig.clock.advance(2500);
    // The third has said nothing: the middle of the others.
    expect(hosts.map(({ weight }) => weight)).toEqual([200, 1000, 600]);
  });

  test('that make no weight are counted, and an empty message is none', async () => {
    const backend = await new Backend().start();
    const rig = await Rig.start([backend]);
    rig.clock.advance(PERIOD_MS);
    await until('it is asked', () => backend.open.size === 1 && backend.requests.length === 1);
    backend.send(Buffer.alloc(0));
    backend.send(report(0, 100));
    backend.send(report(0.5, 0));
    await until('reports have come', () => rig.stat('reports_received') === 2);
    expect(rig.figures).toEqual({ ...NOTHING, reports_received: 2, report_errors: 2 });
    rig.clock.advance(100);
    expect(rig.told).toEqual([]);
  });
});

describe('a stream', () => {
  const end = (headers: http2.OutgoingHttpHeaders) => (stream: Stream) => stream.respond(headers, { endStream: true });
  const failing: Record<string, (stream: Stream) => void> = {
    'that ends with a status': end({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' }),
    'that is answered with another HTTP status': end({ ':status': 500 }),
    'that is no gRPC': (stream) => stream.respond({ ':status': 200, 'content-type': 'text/plain' }),
    'with a message that is none': (stream) => {
      accept(stream);
      stream.write(grpcFrame(Buffer.from([0xff, 0xff, 0xff])));
    },
    'that is reset': (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
  };

  for (const [what, answer] of Object.entries(failing)) {
    test(`${what} is opened again, on another connection, later and later`, async () => {
      const backend = await new Backend(answer).start();
      const rig = await Rig.start([backend]);
      rig.clock.advance(PERIOD_MS);
      await until('it has failed', () => rig.stat('stream_failures') === 1);
      // Full jitter below 1 s, then below 2 s.
      rig.clock.advance(1000);
      await until('it has failed again', () => rig.stat('stream_failures') === 2);
      rig.clock.advance(2000);
      await until('it has failed a third time', () => rig.stat('stream_failures') === 3);
      expect(backend.requests.length).toBe(3);
      expect(rig.figures).toEqual({ ...NOTHING, stream_failures: 3 });
      expect(rig.stats.value('cluster.c.http2.streams_active')).toBe(0);
    });
  }

  test('of a host that cannot be reached is opened again', async () => {
    const backend = new Backend();
    backend.port = 1;
    const rig = await Rig.start([backend]);
    rig.clock.advance(PERIOD_MS);
    await until('it has failed', () => rig.stat('stream_failures') === 1);
    rig.clock.advance(1000);
    await until('it has failed again', () => rig.stat('stream_failures') === 2);
  });

  test('that is not known to the host is its last', async () => {
    const backend = await new Backend(end({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' })).start();
    const rig = await Rig.start([backend]);
    rig.clock.advance(PERIOD_MS);
    await until('it is given up', () => rig.stat('stream_terminated') === 1);
    expect(rig.figures).toEqual({ ...NOTHING, active_sessions: 0, stream_terminated: 1 });
    expect(rig.clock.armed).toBe(0);
  });

  test('that has been silent for three periods is opened again; reports keep it', async () => {
    const backend = await new Backend().start();
    const rig = await Rig.start([backend]);
    rig.clock.advance(PERIOD_MS);
    await until('it is asked', () => backend.requests.length === 1 && backend.open.size === 1);
    rig.clock.advance(2 * PERIOD_MS);
    backend.send(report(0.5, 100));
    await until('a report has come', () => rig.stat('reports_received') === 1);
    rig.clock.advance(3 * PERIOD_MS - 100);
    expect(rig.stat('stream_failures')).toBe(0);
    rig.clock.advance(200);
    expect(rig.stat('stream_failures')).toBe(1);
    rig.clock.advance(1000);
    await until('it is asked again', () => backend.requests.length === 2);
  });

  test('ends with the cluster', async () => {
    const backend = await new Backend().start();
    const rig = await Rig.start([backend]);
    rig.clock.advance(PERIOD_MS);
    await until('it is asked', () => backend.open.size === 1 && backend.requests.length === 1);
    rig.control.remove('c');
    await until('its stream is closed', () => backend.open.size === 0);
    expect(rig.stat('active_sessions')).toBe(0);
  });
});
