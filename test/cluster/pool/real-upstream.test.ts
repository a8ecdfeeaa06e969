/** The pool over real sockets, with a server that is not ours: node:http. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WorkerCluster } from '../../../src/cluster/cluster.ts';
import { SharedSlab } from '../../../src/lb/shared-slab.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { RealClock } from '../../../src/runtime/real-clock.ts';
import { StaticRuntime } from '../../../src/runtime/runtime.ts';
import { clusterSettings, endpoint, lbContext, RecordingClient } from '../../support/cluster-rig.ts';
import { PlainStats } from '../../support/plain-stats.ts';

let server: http.Server;
let cluster: WorkerCluster;
afterEach(() => {
  cluster.close();
  server.close();
  server.closeAllConnections();
});

async function start(listener: http.RequestListener): Promise<PlainStats> {
  server = http.createServer(listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const stats = new PlainStats();
  const deps = {
    clock: new RealClock(),
    random: seededRandom(1),
    runtime: new StaticRuntime(),
    rootScope: stats,
    slab: SharedSlab.create(1 << 12, 16),
  };
  const { port } = server.address() as AddressInfo;
  cluster = new WorkerCluster(clusterSettings({}, [endpoint('127.0.0.1', port)]), 0, deps);
  return stats;
}

/** One request; settles when it is over, with what became of it. */
function request(path: string): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const client = new RecordingClient(path);
    const finish = (event: string) => {
      if (event === 'end' || event.startsWith('failed') || event.startsWith('reset')) resolve(client.events);
    };
    const push = client.events.push.bind(client.events);
    client.events.push = (...events) => {
      const length = push(...events);
      events.forEach(finish);
      return length;
    };
    const host = cluster.chooseHost(lbContext())!;
    cluster.httpPool(host, 0, lbContext())!.acquire(client);
  });
}

test('one after the other: one connection', async () => {
  const ports = new Set<number>();
  const stats = await start((q, r) => {
    ports.add(q.socket.remotePort!);
    r.end('answer to ' + q.url);
  });
  for (let i = 0; i < 50; i++) {
    const events = await request('/' + i);
    expect(events.join('')).toContain('answer to /' + i);
    // The pool has the connection back once the response has been handled.
    await new Promise(setImmediate);
  }
  expect([ports.size, stats.value('cluster.c.upstream_cx_total'), stats.value('cluster.c.upstream_rq_total')]).toEqual([1, 1, 50]);
});

test('many at once: each gets its own answer', async () => {
  const stats = await start((q, r) => void setImmediate(() => r.end('answer to ' + q.url)));
  const all = await Promise.all(Array.from({ length: 100 }, (_, i) => request('/' + i)));
  expect(all.map((events) => events.slice(2, -1).join(''))).toEqual(all.map((_, i) => 'answer to /' + i));
  await new Promise(setImmediate);
  expect([stats.value('cluster.c.upstream_rq_active'), stats.value('cluster.c.upstream_rq_pending_active')]).toEqual([0, 0]);
  expect(cluster.hostSets[0]!.hosts[0]!.counts()).toMatchObject({ rqActive: 0, rqTotal: 100 });
});

test('a server that cuts every third connection: the others are served, and nothing is left over', async () => {
  let n = 0;
  const stats = await start((q, r) => {
    if (++n % 3 === 0) q.socket.destroy();
    else r.end('ok');
  });
  const all = await Promise.all(Array.from({ length: 60 }, () => request('/')));
  const served = all.filter((events) => events.at(-1) === 'end').length;
  expect(served).toBe(40);
  expect(all.filter((events) => events.at(-1) === 'reset: connection termination')).toHaveLength(20);
  await new Promise(setImmediate);
  expect([stats.value('cluster.c.upstream_rq_active'), stats.value('cluster.c.upstream_cx_destroy_remote_with_active_rq')]).toEqual([
    0, 20,
  ]);
});
