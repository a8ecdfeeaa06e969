/** What the pool says of a connection that the peer closed while it was idle, over real sockets: whether the request was read. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WorkerCluster } from '../../../src/cluster/cluster.ts';
import { ResetReason } from '../../../src/http/reset-reason.ts';
import { SharedSlab } from '../../../src/lb/shared-slab.ts';
import { seededRandom } from '../../../src/runtime/random.ts';
import { RealClock } from '../../../src/runtime/real-clock.ts';
import { StaticRuntime } from '../../../src/runtime/runtime.ts';
import { clusterSettings, endpoint, lbContext, RecordingClient } from '../../support/cluster-rig.ts';
import { PlainStats } from '../../support/plain-stats.ts';
import { until } from '../../support/poll.ts';

let server: Server;
let cluster: WorkerCluster;
afterEach(() => {
  cluster.close();
  server.close();
});

class Watching extends RecordingClient {
  reason: ResetReason | null = null;
  override onResponseReset(reason: ResetReason, text: string): void {
    this.reason = reason;
    super.onResponseReset(reason, text);
  }
}

/** The server's side of the proxy's one connection, after one exchange. @param onRequest for the requests after the first */
async function warmUp(onRequest: (socket: Socket) => void): Promise<Socket> {
  let requests = 0;
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => {
      if (requests++ === 0) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      else onRequest(socket);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  const slab = SharedSlab.create(1 << 12, 16);
  const deps = { clock: new RealClock(), random: seededRandom(1), runtime: new StaticRuntime(), rootScope: new PlainStats(), slab };
  cluster = new WorkerCluster(clusterSettings({}, [endpoint('127.0.0.1', port)]), 0, deps);
  const first = ask();
  const [socket] = await accepted;
  await until('the first answer', () => first.events.includes('200 end'));
  return socket;
}

function ask(): Watching {
  const client = new Watching('/');
  cluster.httpPool(cluster.chooseHost(lbContext())!, 0, lbContext())!.acquire(client);
  return client;
}

test('closed before the request came: nobody has read it', async () => {
  const socket = await warmUp(() => undefined);
  // The descriptor is closed at once; the proxy hears of it after it has written.
  socket.destroy();
  const client = ask();
  await until('its end', () => client.reason !== null);
  expect(client.reason).toBe(ResetReason.ConnectionTerminationUnread);
});

test('read, and then closed: nobody knows', async () => {
  await warmUp((socket) => socket.end());
  const client = ask();
  await until('its end', () => client.reason !== null);
  expect(client.reason).toBe(ResetReason.ConnectionTermination);
});

test('read, and then reset: nobody knows', async () => {
  await warmUp((socket) => socket.resetAndDestroy());
  const client = ask();
  await until('its end', () => client.reason !== null);
  expect(client.reason).toBe(ResetReason.ConnectionTermination);
});
