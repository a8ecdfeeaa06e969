import { mkdtempSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Accepted } from '../../src/net/accepted.ts';
import { ipAddress } from '../../src/net/address.ts';
import { adoptAccepted, Connection, type ConnectionHandler, onSocketRead } from '../../src/net/connection.ts';
import { isReader, keepChunk, markReader, onreadOption, overwriteAfterUse } from '../../src/net/read-buffers.ts';
import { Client, eventually } from '../support/listener-rig.ts';

const HERE = ipAddress('127.0.0.1', 1);

beforeAll(() => overwriteAfterUse(true));
afterAll(() => overwriteAfterUse(false));

const servers: Server[] = [];
const clients: Client[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  for (const client of clients.splice(0)) client.socket.destroy();
});

const SILENT: ConnectionHandler = {
  onData: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onAboveWriteBufferHighWatermark: () => undefined,
  onBelowWriteBufferLowWatermark: () => undefined,
};

/** A server whose accepted sockets read into our buffers. */
async function serve(onConnection: (connection: Connection, socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    const adopted = adoptAccepted(Accepted.socket(socket));
    onConnection(new Connection(adopted, SILENT, HERE, HERE), adopted);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function connect(port: number): Client {
  const client = new Client(createConnection({ host: '127.0.0.1', port, allowHalfOpen: true }));
  clients.push(client);
  return client;
}

/** Bytes that differ at every place, so that any mix-up shows. */
function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, x = seed; i < length; i += 4) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(x, Math.min(i, length - 4));
  }
  return bytes;
}

describe('accepted sockets', () => {
  test('are read through a buffer of ours on this Node, and know their addresses', async () => {
    let seen: Socket | null = null;
    const port = await serve((_connection, socket) => {
      seen = socket;
    });
    connect(port);
    await eventually(() => seen !== null);
    expect(isReader(seen!)).toBe(true);
    expect(seen!.remoteAddress).toBe('127.0.0.1');
    expect(seen!.localPort).toBe(port);
  });

  test('where Node lacks what is needed they work as they are', async () => {
    let received = '';
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      // As in a Node without this method.
      (socket as unknown as { _handle: { useUserBuffer: unknown } })._handle.useUserBuffer = undefined;
      const adopted = adoptAccepted(Accepted.socket(socket));
      expect(isReader(adopted)).toBe(false);
      const connection = new Connection(adopted, SILENT, HERE, HERE);
      connection.handler = { ...SILENT, onData: (chunk) => void (received += keepChunk(chunk).latin1Slice()) };
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    connect((server.address() as AddressInfo).port).send('plain');
    await eventually(() => received === 'plain');
  });

  test('half-close, and closing of the server', async () => {
    const events: string[] = [];
    const port = await serve((connection) => {
      connection.handler = {
        ...SILENT,
        onData: (chunk) => void events.push(chunk.latin1Slice()),
        onEnd: () => {
          events.push('end');
          connection.writeText('bye');
          connection.endWrite();
        },
        onClose: (event) => void events.push(`close ${event.origin}`),
      };
    });
    const client = connect(port);
    client.socket.end('hi');
    expect(await client.untilEnd()).toBe('bye');
    await eventually(() => events.length === 3);
    expect(events).toEqual(['hi', 'end', 'close remote']);
    await new Promise((resolve) => servers[0]!.close(resolve));
  });
});

describe('bytes', () => {
  test.each([1, 64, 2048, 10_240, 15_000, 15_001, 50_000, 70_000, 3 << 20])(
    '%i echoed by many connections at once arrive unchanged',
    async (length) => {
      const port = await serve((connection) => {
        connection.handler = {
          ...SILENT,
          onData: (chunk) => connection.write(chunk),
          onEnd: () => connection.endWrite(),
          onAboveWriteBufferHighWatermark: () => connection.readDisable(true),
          onBelowWriteBufferLowWatermark: () => connection.readDisable(false),
        };
      });
      await Promise.all(
        Array.from({ length: 24 }, async (_, i) => {
          const sent = pattern(Math.max(4, length), i + 1);
          const client = connect(port);
          client.socket.end(sent);
          expect(Buffer.from(await client.untilEnd(), 'latin1').equals(sent)).toBe(true);
        }),
      );
    },
  );

  test('that are kept stay, whatever comes after them', async () => {
    const kept: Buffer[] = [];
    const port = await serve((connection) => {
      connection.handler = { ...SILENT, onData: (chunk) => void kept.push(keepChunk(chunk)) };
    });
    const sent = pattern(8 << 20, 3);
    connect(port).socket.end(sent);
    await eventually(() => kept.reduce((n, chunk) => n + chunk.length, 0) === sent.length);
    expect(Buffer.concat(kept).equals(sent)).toBe(true);
  });

  test('that go to two places, one of them slow, arrive at both', async () => {
    const targets: Connection[] = [];
    const port = await serve((connection) => {
      targets.push(connection);
    });
    const slow = connect(port);
    const fast = connect(port);
    slow.socket.pause();
    await eventually(() => targets.length === 2);
    const sourcePort = await serve((connection) => {
      connection.handler = {
        ...SILENT,
        onData: (chunk) => {
          targets[0]!.write(chunk);
          targets[1]!.write(chunk);
        },
        onEnd: () => {
          targets[0]!.endWrite();
          targets[1]!.endWrite();
        },
      };
    });
    const sent = pattern(16 << 20, 9);
    connect(sourcePort).socket.end(sent);
    await fast.untilEnd();
    slow.socket.resume();
    await slow.untilEnd();
    expect(Buffer.from(fast.received, 'latin1').equals(sent)).toBe(true);
    expect(Buffer.from(slow.received, 'latin1').equals(sent)).toBe(true);
  });

  test('in small pieces, each after a line of text, to three places of which two are slow', async () => {
    const targets: Connection[] = [];
    // UNIX sockets: the kernel holds a fifth of a megabyte for each, not ten.
    const path = join(mkdtempSync(join(tmpdir(), 'read-buffers-')), 'socket');
    const server = createServer((socket) => targets.push(new Connection(socket, SILENT, HERE, HERE)));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const readers = [1, 2, 3].map(() => new Client(createConnection(path)));
    clients.push(...readers);
    readers[1]!.socket.pause();
    readers[2]!.socket.pause();
    await eventually(() => targets.length === 3);
    const expected: Buffer[] = [];
    const sourcePort = await serve((connection) => {
      connection.handler = {
        ...SILENT,
        onData: (chunk) => {
          for (let i = 0; i < chunk.length; i += 3000) {
            const piece = chunk.subarray(i, i + 3000);
            expected.push(Buffer.from(`${piece.length}\r\n`), Buffer.from(piece));
            for (const target of targets) {
              target.writeText(`${piece.length}\r\n`);
              target.write(piece);
            }
            if (i % 2 === 0) for (const target of targets) target.flush();
          }
        },
        onEnd: () => connection.endWrite(),
      };
    });
    // None fills the shared buffer in one read: all that they send lies in it.
    for (let i = 0; i < 30; i++) {
      const source = connect(sourcePort);
      source.socket.end(pattern(40_000, i));
      await source.untilEnd();
    }
    for (const target of targets) target.endWrite();
    await readers[0]!.untilEnd();
    for (const slow of readers.slice(1)) {
      slow.socket.resume();
      await slow.untilEnd();
    }
    const sent = Buffer.concat(expected);
    for (const reader of readers) expect(Buffer.from(reader.received, 'latin1').equals(sent)).toBe(true);
  });

  test('of a connection of our own making too', async () => {
    const port = await serve((connection) => {
      connection.write(pattern(2 << 20, 5));
      connection.endWrite();
    });
    const socket = createConnection({ host: '127.0.0.1', port, allowHalfOpen: true, onread: onreadOption(onSocketRead) });
    markReader(socket);
    const connection = new Connection(socket, SILENT, HERE, HERE);
    const kept: Buffer[] = [];
    let ended = false;
    connection.handler = { ...SILENT, onData: (chunk) => void kept.push(keepChunk(chunk)), onEnd: () => void (ended = true) };
    await eventually(() => ended);
    expect(Buffer.concat(kept).equals(pattern(2 << 20, 5))).toBe(true);
    connection.close('no-flush');
  });
});
