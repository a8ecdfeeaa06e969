import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/poll.ts';
import { FakeServer } from './fake-server.ts';

const TEXT = 'text/plain; charset=UTF-8';
let server: FakeServer;
beforeAll(async () => {
  server = await new FakeServer().start();
});
afterAll(() => server.stop());

/** Everything that comes back on one connection, until the server closes it. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(server.port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      received += chunk;
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
}

describe('HTTP', () => {
  test("the head is Envoy's, field for field", async () => {
    const head = (await raw('GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')).split('\r\n\r\n')[0]!;
    expect(
      head
        .replace(/^date: .*GMT$/m, 'date: D')
        .split('\r\n')
        .filter((l) => l !== 'connection: close'),
    ).toEqual([
      'HTTP/1.1 200 OK',
      'content-type: text/plain; charset=UTF-8',
      'cache-control: no-cache, max-age=0',
      'x-content-type-options: nosniff',
      'date: D',
      'server: envoy',
      'transfer-encoding: chunked',
    ]);
  });

  test('a connection serves several requests, also pipelined ones', async () => {
    const one = 'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n';
    const answer = await raw(`${one}${one}${one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')}`);
    expect(answer.match(/LIVE\n/g)).toHaveLength(3);
  });

  test.each([
    ['GET /ready HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 426 Upgrade Required\r\n[\s\S]*Upgrade Required$/],
    ['GET /ready HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 Bad Request\r\n/],
    ['RUBBISH\r\n\r\n', /^HTTP\/1\.1 400 Bad Request\r\n/],
  ])('%j', async (bytes, expected) => {
    expect(await raw(bytes)).toMatch(expected);
  });

  test('allow_paths decides by path and query', async () => {
    expect(await server.ask('GET /secret?x=1')).toEqual({ status: 403, type: TEXT, body: 'request to path /secret?x=1 not allowed' });
  });

  test('HEAD has no body', async () => {
    expect(await server.ask('HEAD /stats')).toEqual({ status: 200, type: TEXT, body: '' });
  });
});

describe('methods and paths', () => {
  test.each(['GET', 'PUT', 'DELETE'])('what changes something refuses %s', async (method) => {
    for (const path of [
      '/quitquitquit',
      '/reset_counters',
      '/healthcheck/fail',
      '/logging',
      '/drain_listeners',
      '/runtime_modify',
      '/cpuprofiler',
    ])
      expect(await server.ask(`${method} ${path}`)).toEqual({
        status: 405,
        type: TEXT,
        body: `Method ${method} not allowed, POST required.`,
      });
    expect(server.calls).toEqual([]);
  });

  test('workers are asked only for what shows them', async () => {
    const before = server.refreshed;
    await server.ask('/ready');
    expect(server.refreshed).toBe(before);
    for (const path of ['/clusters', '/stats?filter=none', '/stats/prometheus?filter=none']) await server.ask(path);
    expect(server.refreshed).toBe(before + 3);
  });

  test('what changes nothing takes any method', async () => {
    for (const method of ['POST', 'PUT', 'OPTIONS']) expect((await server.ask(`${method} /ready`)).body).toBe('LIVE\n');
  });

  test.each(['/nothing', '/ready/', '/Ready', '/stats/'])('%s is no path', async (path) => {
    const answer = await server.ask(path);
    expect(answer.status).toBe(404);
    expect(answer.body).toMatch(/^invalid path\. admin commands are:\n {2}\/: Admin home page\n/);
  });

  test('the help lists every endpoint, others and their parameters too', async () => {
    const { body } = await server.ask('/help');
    expect(body).toContain('  /quitquitquit (POST): exit the server\n');
    expect(body).toContain('  /extra: from elsewhere\n');
    expect(body).toContain('      type: kind of statistics; One of (All, Counters, Histograms, Gauges, TextReadouts)\n');
    const paths = [...body.matchAll(/^ {2}(\/\S*)(?: \(POST\))?: /gm)].map((m) => m[1]!);
    expect(paths).toEqual([...paths].sort());
    expect((await server.ask('/extra')).body).toBe('x');
  });

  test('without a browser the home page is the list', async () => {
    const home = await server.ask('/');
    expect(home).toEqual(await server.ask('/help'));
    expect(home.type).toBe(TEXT);
  });
});

test('its own connections and requests are counted and logged', async () => {
  const own = await new FakeServer().start();
  await own.ask('/ready');
  await own.ask('/nothing?x');
  const { body } = await own.ask('/stats?filter=admin.*(rq_.xx|rq_active|cx_total)');
  expect(body.split('\n').filter((l) => !l.endsWith(': 0'))).toEqual([
    'http.admin.downstream_cx_total: 3',
    'http.admin.downstream_rq_2xx: 2',
    'http.admin.downstream_rq_4xx: 1',
    'http.admin.downstream_rq_active: 1',
    'listener.admin.downstream_cx_total: 3',
    'listener.admin.http.admin.downstream_rq_2xx: 2',
    'listener.admin.http.admin.downstream_rq_4xx: 1',
    'listener.admin.main_thread.downstream_cx_total: 3',
    '',
  ]);
  await own.stop();
  expect(own.accessLog.map((r) => [r.method, r.path, r.protocol, r.responseCode, r.bytesSent > 0])).toEqual([
    ['GET', '/ready', 'HTTP/1.1', 200, true],
    ['GET', '/nothing?x', 'HTTP/1.1', 404, true],
    ['GET', '/stats?filter=admin.*(rq_.xx|rq_active|cx_total)', 'HTTP/1.1', 200, true],
  ]);
});

test("its statistics have Envoy's names, also those that stay 0", async () => {
  const names = (await server.ask('/stats?filter=admin')).body
    .trimEnd()
    .split('\n')
    .map((l) => l.split(': ')[0]);
  expect(names).toHaveLength(83);
  expect(names).toEqual(expect.arrayContaining(['http.admin.downstream_cx_idle_timeout', 'listener.admin.no_filter_chain_match']));
});

test('an address in use is an error that says so', async () => {
  await expect(new FakeServer().startAt(server.port)).rejects.toThrow(/EADDRINUSE/);
});

test('a long answer lets other work go on and reaches its end', async () => {
  const own = await new FakeServer().start();
  for (let i = 0; i < 1000; i++) {
    const scope = own.stats.local.root.tagged('cluster', 'envoy.cluster_name', `c${i}`);
    for (let j = 0; j < 50; j++) scope.counter(`upstream_stat_${j}`).add(j);
  }
  let turns = 0;
  let running = true;
  const count = () => {
    turns++;
    if (running) setImmediate(count);
  };
  setImmediate(count);
  const { body } = await own.ask('/stats?filter=%5Ecluster');
  running = false;
  expect(body.trimEnd().split('\n')).toHaveLength(50_000);
  expect(body.endsWith('cluster.c999.upstream_stat_9: 9\n')).toBe(true);
  // 50,000 lines in one slice would leave only the turns of reading and connecting.
  expect(turns).toBeGreaterThan(10);
  await own.stop();
});

test('a client that goes away in the middle of an answer ends it', async () => {
  const own = await new FakeServer().start();
  const some = [...own.clusters];
  const ended = new Promise<void>((resolve) => {
    own.clusters = (function* () {
      try {
        for (;;) yield* some;
      } finally {
        resolve();
      }
    })();
  });
  const socket = connect(own.port, '127.0.0.1', () => socket.write('GET /clusters HTTP/1.1\r\nHost: x\r\n\r\n'));
  socket.once('data', () => socket.destroy());
  await ended;
  await own.stop();
});

test('stopping ends idle connections at once and busy ones with their answer', async () => {
  const own = await new FakeServer().start();
  const idle = connect(own.port, '127.0.0.1');
  const idleClosed = new Promise((resolve) => idle.on('close', resolve));
  await new Promise((resolve) => idle.write('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n', resolve));
  await new Promise((resolve) => idle.once('data', resolve));

  own.onQuit = () => own.stop();
  const answer = await new Promise<string>((resolve, reject) => {
    let received = '';
    // Keep-alive: nobody but the server ends it.
    const socket = connect(own.port, '127.0.0.1', () =>
      socket.write('POST /quitquitquit HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'),
    );
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });
  expect(answer).toContain('OK\n');
  await idleClosed;
  await own.stop();
});

describe('a stream of events', () => {
  /** Gives what is pushed, one piece at a time. */
  class Events {
    readonly asked: (() => void)[] = [];
    given = 0;
    ended = false;

    async *body(): AsyncGenerator<string> {
      try {
        for (;;) {
          await new Promise<void>((resolve) => this.asked.push(resolve));
          yield `data: ${++this.given}\n\n`;
        }
      } finally {
        this.ended = true;
      }
    }
  }

  async function streaming(): Promise<{ own: FakeServer; events: Events; socket: Socket; received: () => string }> {
    const events = new Events();
    const endpoint = {
      path: '/events',
      help: 'made up',
      mutates: false,
      parameters: [],
      handle: () => ({ status: 200, contentType: 'text/event-stream', endless: true, body: events.body() }),
    };
    const own = await new FakeServer({ extraEndpoints: [endpoint] }).start();
    let received = '';
    const socket = connect(own.port, '127.0.0.1', () => socket.write('GET /events HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.on('data', (chunk: Buffer) => (received += chunk.toString()));
    await until('the head is here', () => received.includes('text/event-stream') && events.asked.length === 1);
    return { own, events, socket, received: () => received };
  }

  test('each event leaves as it comes, the head before the first', async () => {
    const { own, events, socket, received } = await streaming();
    expect(received()).not.toContain('data:');
    for (const n of [1, 2, 3]) {
      events.asked.shift()!();
      await until('the event is here', () => received().includes(`data: ${n}\n`) && events.asked.length === 1);
    }
    socket.destroy();
    await own.stop();
  });

  test('does not keep the interface from stopping', async () => {
    const { own, socket } = await streaming();
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await own.stop();
    await closed;
  });

  test('ends with the viewer who leaves', async () => {
    const { own, events, socket } = await streaming();
    socket.destroy();
    await until('the server has seen it', async () =>
      (await own.ask('/stats?filter=listener.admin.downstream_cx_active')).body.endsWith(': 1\n'),
    );
    events.asked.shift()!();
    await until('it has ended', () => events.ended);
    await own.stop();
  });
});
