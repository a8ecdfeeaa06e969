/** Connections as they are accepted: what becomes of them, with and without what Node does not document. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type Accepted, acceptFrom } from '../../src/net/accepted.ts';
import { Connection, onSocketRead } from '../../src/net/connection.ts';
import { isReader } from '../../src/net/read-buffers.ts';
import { eventually } from '../support/listener-rig.ts';

interface InnerServer {
  _handle: object;
}

describe.each([
  ['bare handles', true],
  ['sockets, where the listening handle tells nobody', false],
] as const)('%s', (_about, bare) => {
  let server: Server;
  let client: Socket;

  afterEach(() => {
    client.destroy();
    server.close();
  });

  async function accept(): Promise<Accepted> {
    server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const inner = server as unknown as InnerServer;
    const listening = inner._handle;
    if (!bare) inner._handle = {};
    const accepted = new Promise<Accepted>((resolve) => acceptFrom(server, { keepAliveS: 5 }, resolve));
    inner._handle = listening;
    client = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', () => undefined);
    return accepted;
  }

  test('both ends are known before anybody reads', async () => {
    const accepted = await accept();
    await once(client, 'connect');
    expect(accepted.local!.text).toBe(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(accepted.remote!.text).toBe(`127.0.0.1:${client.localPort}`);
    accepted.close();
    await once(client, 'close');
  });

  test('what is read comes through the buffers that all connections share', async () => {
    const accepted = await accept();
    client.write('question');
    let received = '';
    const socket = accepted.read(onSocketRead);
    expect(isReader(socket)).toBe(true);
    const handler = { ...IDLE, onData: (chunk: Buffer) => void (received += chunk.latin1Slice()) };
    const connection = new Connection(socket, handler, accepted.local!, accepted.remote!);
    await eventually(() => received === 'question');
    connection.close('no-flush');
    await eventually(() => connection.closed);
  });

  test("a paused socket is one of Node's", async () => {
    const accepted = await accept();
    client.write('question');
    const socket = accepted.paused();
    expect([isReader(socket), socket.readableFlowing]).toEqual([false, false]);
    socket.resume();
    expect(String((await once(socket, 'data'))[0])).toBe('question');
    socket.destroy();
  });

  test('a connection that is closed before anybody has read from it ends like any other', async () => {
    const accepted = await accept();
    const events: string[] = [];
    const connection = new Connection(
      accepted,
      { ...IDLE, onClose: ({ origin }) => void events.push(origin) },
      accepted.local!,
      accepted.remote!,
    );
    connection.close('no-flush');
    await once(client, 'close');
    await eventually(() => events.length > 0);
    expect(events).toEqual(['local']);
    // Its handle was somebody's: nobody gets it again.
    expect(accepted.takeHandle()).toBeNull();
  });
});

const IDLE = {
  onData: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onAboveWriteBufferHighWatermark: () => undefined,
  onBelowWriteBufferLowWatermark: () => undefined,
};
