/** Each kind of probe against servers that are not ours. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { CheckConnector } from '../../../src/cluster/health-check/check-connector.ts';
import { CheckedHost } from '../../../src/cluster/health-check/checked-host.ts';
import { GrpcCheckParts, GrpcProbe } from '../../../src/cluster/health-check/grpc-probe.ts';
import { HttpCheckParts } from '../../../src/cluster/health-check/http-check-parts.ts';
import { Http1Probe } from '../../../src/cluster/health-check/http1-probe.ts';
import { Http2CheckProbe } from '../../../src/cluster/health-check/http2-probe.ts';
import type { Probe, ProbeListener } from '../../../src/cluster/health-check/probe.ts';
import { RedisProbe } from '../../../src/cluster/health-check/redis-probe.ts';
import type { EndpointCheckSettings, HttpCheckSettings } from '../../../src/cluster/health-check/settings.ts';
import { TcpProbe } from '../../../src/cluster/health-check/tcp-probe.ts';
import { DEFAULT_HTTP1_CLIENT_SETTINGS } from '../../../src/http/h1/settings.ts';
import { DEFAULT_HTTP2_SETTINGS } from '../../../src/http/h2/settings.ts';
import { Http2Stats } from '../../../src/http/h2/stats.ts';
import { HOST_CELLS } from '../../../src/lb/host.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { StaticRuntime } from '../../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../../src/runtime/simulated-clock.ts';
import { record } from '../../support/health-rig.ts';
import { PlainStats } from '../../support/plain-stats.ts';
import { requireTool } from '../../support/tool.ts';

const OPTIONS = { bufferLimit: 1 << 20, tcpKeepAlive: null, bindAddress: '' };
const CONNECTOR = new CheckConnector(OPTIONS);
const HTTP2 = {
  settings: DEFAULT_HTTP2_SETTINGS,
  stats: new Http2Stats(new PlainStats()),
  clock: new SimulatedClock(),
  random: seededRandom(2),
};
const ENV = { clock: new SimulatedClock(), random: seededRandom(1), hostname: 'h', variable: () => undefined };
const stats = new PlainStats();
const counter = stats.counter('n');
const HTTP: HttpCheckSettings = {
  ...{ kind: 'HTTP', http2: false, method: 'GET', host: '', path: '/hc', addHeaders: [], removeHeaders: [], send: '', receive: [] },
  ...{ responseBufferSize: 1024, expected: [{ start: 200, end: 201 }], retriable: [], serviceName: null },
};

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Closes with all its connections after the test. */
async function listening(server: net.Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => void sockets.add(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as net.AddressInfo).port;
}

function target(port: number, check: EndpointCheckSettings | null = null): CheckedHost {
  return new CheckedHost(new Int32Array(HOST_CELLS), 0, record(0, { ip: '127.0.0.1', port, check }));
}

class Asker implements ProbeListener {
  readonly probe: Probe;
  #answer: (text: string) => void = () => undefined;

  constructor(make: (listener: ProbeListener) => Probe) {
    this.probe = make(this);
    closers.push(() => this.probe.close());
  }
  ask(): Promise<string> {
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.probe.start();
    });
  }
  onPassed(degraded: boolean): void {
    this.#answer(degraded ? 'degraded' : 'passed');
  }
  onFailed(retriable: boolean, exclude: boolean, status: number): void {
    this.#answer(`failed ${status}${retriable ? ' retriable' : ''}${exclude ? ' exclude' : ''}`);
  }
  onNetworkFailure(): void {
    this.#answer('network failure');
  }
}

const parts = (more: Partial<HttpCheckSettings>) => new HttpCheckParts({ ...HTTP, ...more }, 'c', ENV, new StaticRuntime(), counter);
const http1 = (port: number, more: Partial<HttpCheckSettings> = {}, reuse = true) =>
  new Asker((listener) => new Http1Probe(target(port), listener, CONNECTOR, parts(more), DEFAULT_HTTP1_CLIENT_SETTINGS, reuse));

describe('HTTP/1', () => {
  async function server(answer: http.RequestListener): Promise<{ port: number; connections: () => number; seen: http.IncomingMessage[] }> {
    const seen: http.IncomingMessage[] = [];
    let connections = 0;
    const it = http.createServer((request, response) => {
      seen.push(request);
      answer(request, response);
    });
    it.on('connection', () => connections++);
    return { port: await listening(it), connections: () => connections, seen };
  }

  test('one connection serves all checks, or each has its own', async () => {
    const { port, connections, seen } = await server((_, response) => response.end('ok'));
    const reusing = http1(port);
    expect([await reusing.ask(), await reusing.ask(), await reusing.ask()]).toEqual(['passed', 'passed', 'passed']);
    expect(connections()).toBe(1);
    const fresh = http1(port, {}, false);
    expect([await fresh.ask(), await fresh.ask()]).toEqual(['passed', 'passed']);
    expect(connections()).toBe(3);
    expect([seen[0]!.method, seen[0]!.url, seen[0]!.headers.host, seen[0]!.headers['user-agent']]).toEqual(['GET', '/hc', 'c', 'Envoy/HC']);
  });

  test('a connection that the server closes is replaced', async () => {
    const { port, connections } = await server((_, response) => response.setHeader('connection', 'close').end('ok'));
    const asker = http1(port);
    expect([await asker.ask(), await asker.ask()]).toEqual(['passed', 'passed']);
    expect(connections()).toBe(2);
  });

  test('a status, a body that comes in pieces, and one cut short', async () => {
    const { port } = await server((request, response) => {
      if (request.url === '/503') response.writeHead(503, { 'x-envoy-immediate-health-check-fail': '1' }).end();
      else if (request.url === '/cut') response.writeHead(200, { 'content-length': 10 }).write('abc', () => response.destroy());
      else {
        response.write('he');
        setImmediate(() => response.end('llo'));
      }
    });
    expect(await http1(port, { path: '/503' }).ask()).toBe('failed 503 exclude');
    expect(await http1(port, { path: '/503', retriable: [{ start: 500, end: 600 }] }).ask()).toBe('failed 503 retriable exclude');
    expect(await http1(port, { receive: ['656c'] }).ask()).toBe('passed');
    expect(await http1(port, { path: '/cut' }).ask()).toBe('network failure');
  });

  test('a server that is not there, that leaves, and that speaks something else', async () => {
    const gone = net.createServer();
    const port = await listening(gone);
    await closers.pop()!();
    expect(await http1(port).ask()).toBe('network failure');
    const rude = await listening(net.createServer((socket) => socket.once('data', () => socket.end())));
    expect(await http1(rude).ask()).toBe('network failure');
    const babble = await listening(net.createServer((socket) => socket.once('data', () => socket.write('hello\r\n\r\n'))));
    expect(await http1(babble).ask()).toBe('network failure');
  });

  test('what comes after an abort is not heard, and the next check has a connection of its own', async () => {
    const held: http.ServerResponse[] = [];
    const { port, connections } = await server((_, response) => void held.push(response));
    const asker = http1(port);
    const first = asker.ask();
    while (held.length < 1) await new Promise((resolve) => setImmediate(resolve));
    asker.probe.abort();
    held[0]!.end('late');
    const second = asker.ask();
    while (held.length < 2) await new Promise((resolve) => setImmediate(resolve));
    held[1]!.end('ok');
    expect(await second).toBe('passed');
    expect(connections()).toBe(2);
    expect(await Promise.race([first, Promise.resolve('nothing')])).toBe('nothing');
  });

  test('a place and a name of its own', async () => {
    const { port, seen } = await server((_, response) => response.end());
    const check = { disabled: false, port, ip: '127.0.0.1', path: '', hostname: 'own.test' };
    const asker = new Asker(
      (listener) => new Http1Probe(target(1, check), listener, CONNECTOR, parts({ host: 'all.test' }), DEFAULT_HTTP1_CLIENT_SETTINGS, true),
    );
    expect(await asker.ask()).toBe('passed');
    expect(seen[0]!.headers.host).toBe('own.test');
  });
});

describe('HTTP/2 and gRPC', () => {
  async function server(answer: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, body: Buffer) => void) {
    let sessions = 0;
    const it = http2.createServer();
    it.on('session', () => sessions++);
    it.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      const chunks: Buffer[] = [];
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => answer(stream, headers, Buffer.concat(chunks)));
    });
    return { port: await listening(it as unknown as net.Server), sessions: () => sessions };
  }

  test('HTTP checks with codec_client_type HTTP2', async () => {
    const seen: http2.IncomingHttpHeaders[] = [];
    const { port, sessions } = await server((stream, headers) => {
      seen.push(headers);
      stream.respond({ ':status': headers[':path'] === '/bad' ? 500 : 200, 'x-envoy-degraded': '' });
      stream.end('hello');
    });
    const make = (more: Partial<HttpCheckSettings>) =>
      new Asker((listener) => new Http2CheckProbe(target(port), listener, CONNECTOR, parts(more), HTTP2, true));
    const asker = make({ receive: ['6c6c'] });
    expect([await asker.ask(), await asker.ask()]).toEqual(['degraded', 'degraded']);
    expect(sessions()).toBe(1);
    expect(await make({ path: '/bad' }).ask()).toBe('failed 500');
    expect(seen[0]).toMatchObject({ ':method': 'GET', ':path': '/hc', ':authority': 'c', ':scheme': 'http', 'user-agent': 'Envoy/HC' });
  });

  const SERVING = Buffer.from('00000000020801', 'hex');
  const grpc = (port: number, service: string, reuse = true) =>
    new Asker((listener) => {
      const shared = new GrpcCheckParts({ kind: 'GRPC', service, authority: 'auth.test', addHeaders: [] }, 'c', 1500, ENV);
      return new GrpcProbe(target(port), listener, CONNECTOR, shared, HTTP2, reuse);
    });

  test('what a gRPC health server may say', async () => {
    const asked: string[] = [];
    const { port, sessions } = await server((stream, headers, body) => {
      const service = body.subarray(7).toString();
      asked.push(`${headers[':path']} ${headers[':authority']} ${headers['grpc-timeout']} ${service}`);
      const type = service === 'html' ? 'text/html' : 'application/grpc+proto';
      if (service === 'refused') {
        stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
        return;
      }
      if (service === 'trailers-only') {
        stream.respond({ ':status': 200, 'content-type': type, 'grpc-status': '5' }, { endStream: true });
        return;
      }
      stream.respond({ ':status': service === 'http-503' ? 503 : 200, 'content-type': type }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': service === 'error' ? '2' : '0' }));
      const answers: Record<string, string> = {
        down: '00000000020802',
        unknown: '0000000000',
        cut: '000000000208',
        compressed: '01000000020801',
        more: '0000000008' + '1203616263' + '0801' + '00',
        longer: '0000000007' + '1203616263' + '0801',
      };
      stream.end(answers[service] === undefined ? SERVING : Buffer.from(answers[service], 'hex'));
    });
    const verdicts: Record<string, string> = {};
    for (const service of [
      '',
      'svc',
      'longer',
      'down',
      'unknown',
      'cut',
      'compressed',
      'more',
      'error',
      'html',
      'http-503',
      'trailers-only',
      'refused',
    ])
      verdicts[service] = await grpc(port, service).ask();
    expect(verdicts).toEqual({
      ...{ '': 'passed', svc: 'passed', longer: 'passed', down: 'failed 0', unknown: 'failed 0', cut: 'failed 0', compressed: 'failed 0' },
      ...{
        more: 'failed 0',
        error: 'failed 0',
        html: 'failed 0',
        'http-503': 'failed 0',
        'trailers-only': 'failed 0',
        refused: 'network failure',
      },
    });
    expect(asked[1]).toBe('/grpc.health.v1.Health/Check auth.test 1500m svc');
    const before = sessions();
    const reusing = grpc(port, 'svc');
    expect([await reusing.ask(), await reusing.ask()]).toEqual(['passed', 'passed']);
    const fresh = grpc(port, 'svc', false);
    expect([await fresh.ask(), await fresh.ask()]).toEqual(['passed', 'passed']);
    expect(sessions() - before).toBe(3);
  });

  test('a server that goes away between checks, and one that is no HTTP/2 server', async () => {
    const { port } = await server((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(SERVING);
      stream.on('close', () => stream.session?.goaway());
    });
    const asker = grpc(port, '');
    expect(await asker.ask()).toBe('passed');
    expect(await asker.ask()).toBe('passed');
    const rude = await listening(net.createServer((socket) => socket.once('data', () => socket.destroy())));
    expect(await grpc(rude, '').ask()).toBe('network failure');
    const dead = net.createServer();
    const free = await listening(dead);
    await closers.pop()!();
    expect(await grpc(free, '').ask()).toBe('network failure');
  });
});

describe('TCP', () => {
  const tcp = (port: number, send: string, receive: string[], reuse = true) =>
    new Asker((listener) => new TcpProbe(target(port), listener, CONNECTOR, { kind: 'TCP', send, receive }, reuse));

  test('a connection is enough, and nothing is sent on it', async () => {
    const got: unknown[] = [];
    const ended: Promise<unknown>[] = [];
    const port = await listening(
      net.createServer((socket) => {
        socket.on('data', (chunk) => got.push(chunk));
        ended.push(once(socket, 'close'));
      }),
    );
    expect(await tcp(port, 'ffff', []).ask()).toBe('passed');
    await Promise.all(ended);
    expect(got).toEqual([]);
  });

  test('blocks in order, in as many pieces as they come; the connection is kept', async () => {
    let connections = 0;
    const port = await listening(
      net.createServer((socket) => {
        connections++;
        socket.on('data', () => {
          socket.write('junk A');
          setImmediate(() => socket.write('B junk C'));
        });
      }),
    );
    const asker = tcp(port, '00', [Buffer.from('AB').toString('hex'), Buffer.from('C').toString('hex')]);
    expect([await asker.ask(), await asker.ask()]).toEqual(['passed', 'passed']);
    expect(connections).toBe(1);
    const fresh = tcp(port, '00', ['41'], false);
    expect([await fresh.ask(), await fresh.ask()]).toEqual(['passed', 'passed']);
    expect(connections).toBe(3);
  });

  test('closed before the answer', async () => {
    const port = await listening(net.createServer((socket) => socket.once('data', () => socket.end('no'))));
    expect(await tcp(port, '00', ['41']).ask()).toBe('network failure');
  });
});

const redisServer = requireTool('redis-server');
describe('Redis', () => {
  const redis = (port: number, key: string, reuse = true) =>
    new Asker((listener) => new RedisProbe(target(port), listener, CONNECTOR, { kind: 'REDIS', key }, reuse, counter));

  test.skipIf(redisServer === null)('a real server', async () => {
    const probe = net.createServer();
    const port = await listening(probe);
    await closers.pop()!();
    const child: ChildProcess = spawn(redisServer!, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']);
    closers.push(() => {
      child.kill();
      return once(child, 'exit');
    });
    await new Promise<void>((resolve) =>
      child.stdout!.on('data', (chunk: Buffer | string) => (/ready to accept/i.test(String(chunk)) ? resolve() : undefined)),
    );
    const ping = redis(port, '');
    expect([await ping.ask(), await ping.ask()]).toEqual(['passed', 'passed']);
    const exists = redis(port, 'maintenance', false);
    expect(await exists.ask()).toBe('passed');
    const socket = net.connect(port, '127.0.0.1');
    socket.write('SET maintenance 1\r\n');
    await once(socket, 'data');
    socket.destroy();
    const before = stats.value('n');
    expect(await exists.ask()).toBe('failed 0');
    expect(stats.value('n')).toBe(before + 1);
  });

  test.each([
    ['an error', '-LOADING dataset\r\n', 'failed 0'],
    ['another word', '+PUNG\r\n', 'failed 0'],
    ['a longer reply', '$4\r\nPONG\r\n', 'failed 0'],
    ['no Redis', 'HTTP/1.1 400\r\n\r\n', 'network failure'],
  ])('%s', async (_name, answer, verdict) => {
    const port = await listening(net.createServer((socket) => socket.once('data', () => socket.write(answer))));
    expect(await redis(port, '').ask()).toBe(verdict);
  });
});
