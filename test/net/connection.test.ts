import { type AddressInfo, createConnection, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ipAddress } from '../../src/net/address.ts';
import { type CloseEvent, Connection, type ConnectionHandler, keepChunk, onUnexpectedException } from '../../src/net/connection.ts';
import { Client, eventually } from '../support/listener-rig.ts';

/** Writes down what happens; a test overrides what it wants done. */
class Recorder implements ConnectionHandler {
  readonly events: string[] = [];
  received = '';
  data: (text: string) => void = () => undefined;
  end: () => void = () => undefined;

  onData(chunk: Buffer): void {
    const text = keepChunk(chunk).latin1Slice();
    this.received += text;
    this.data(text);
  }
  onEnd(): void {
    this.events.push('end');
    this.end();
  }
  onClose(event: CloseEvent): void {
    this.events.push(`close ${event.origin}${event.error === '' ? '' : ` ${event.error}`}`);
  }
  onAboveWriteBufferHighWatermark(): void {
    this.events.push('above');
  }
  onBelowWriteBufferLowWatermark(): void {
    this.events.push('below');
  }
}

let server: Server;
let client: Client;

/** A connection as the proxy holds it, with its far end in `client`. */
async function pair(): Promise<{ connection: Connection; recorder: Recorder }> {
  const recorder = new Recorder();
  const accepted = new Promise<Connection>((resolve) => {
    server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      resolve(new Connection(socket, recorder, ipAddress('127.0.0.1', 1), ipAddress('127.0.0.1', 2)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = new Client(createConnection({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true }));
  return { connection: await accepted, recorder };
}

afterEach(() => {
  client.socket.destroy();
  server.close();
});

describe('half-close', () => {
  test('after the peer has ended its side we still write', async () => {
    const { connection, recorder } = await pair();
    client.socket.end('question');
    await eventually(() => recorder.events.length > 0);
    expect(connection.readEnded).toBe(true);
    connection.writeText('answer');
    connection.endWrite();
    expect(await client.untilEnd()).toBe('answer');
    await eventually(() => recorder.events.length > 1);
    expect(recorder.events).toEqual(['end', 'close remote']);
  });

  test('after we have ended our side we still read', async () => {
    const { connection, recorder } = await pair();
    connection.writeText('bye');
    connection.endWrite();
    connection.writeText('too late');
    expect(await client.untilEnd()).toBe('bye');
    client.send('more');
    await eventually(() => recorder.received === 'more');
    expect(connection.closed).toBe(false);
    client.socket.end();
    await eventually(() => connection.closed);
    expect(recorder.events).toEqual(['end', 'close remote']);
  });
});

describe('close', () => {
  test('flush sends what is pending, however much, and closes', async () => {
    const { connection, recorder } = await pair();
    connection.write(Buffer.alloc(4 << 20, 65));
    connection.close('flush');
    connection.close('flush');
    expect((await client.untilEnd()).length).toBe(4 << 20);
    await eventually(() => connection.closed);
    expect(recorder.events).toEqual(['close local']);
  });

  test('flush-delay waits for the peer', async () => {
    const { connection, recorder } = await pair();
    connection.writeText('x');
    connection.close('flush-delay');
    await client.untilEnd();
    client.send('ignored');
    await new Promise((resolve) => setImmediate(resolve));
    expect(connection.closed).toBe(false);
    client.socket.end();
    await eventually(() => connection.closed);
    expect(recorder.events).toEqual(['close local']);
    expect(recorder.received).toBe('');
  });

  test('flush-delay can be cut short', async () => {
    const { connection, recorder } = await pair();
    connection.close('flush-delay');
    await client.untilEnd();
    connection.close('no-flush');
    await eventually(() => connection.closed);
    expect(recorder.events).toEqual(['close local']);
  });

  test('no-flush drops what is pending', async () => {
    const { connection } = await pair();
    connection.writeText('x');
    connection.close('no-flush');
    expect(await client.untilEnd()).toBe('');
  });

  test('reset is a reset', async () => {
    const { connection, recorder } = await pair();
    connection.close('reset');
    await client.until((c) => c.closed);
    expect(client.error).toBe('ECONNRESET');
    await eventually(() => connection.closed);
    expect(recorder.events).toEqual(['close local']);
  });

  test('from inside onData: nothing more is delivered, and onClose comes later', async () => {
    const { connection, recorder } = await pair();
    recorder.data = () => {
      connection.close('no-flush');
      expect(recorder.events).toEqual([]);
    };
    client.send('a');
    await eventually(() => connection.closed);
    expect(recorder.events).toEqual(['close local']);
  });

  test('a reset by the peer names the error', async () => {
    const { connection, recorder } = await pair();
    client.socket.resetAndDestroy();
    await eventually(() => connection.closed);
    expect(recorder.events).toEqual(['close remote ECONNRESET']);
  });
});

describe('reading', () => {
  test('pauses are counted', async () => {
    const { connection, recorder } = await pair();
    connection.readDisable(true);
    connection.readDisable(true);
    client.send('a');
    connection.readDisable(false);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(recorder.received).toBe('');
    expect(connection.readDisabled).toBe(true);
    connection.readDisable(false);
    await eventually(() => recorder.received === 'a');
  });

  test('unread bytes come again, before newer ones', async () => {
    const { connection, recorder } = await pair();
    let handedBack = false;
    recorder.data = (text) => {
      if (handedBack) return;
      handedBack = true;
      recorder.received = '';
      connection.unread(Buffer.from(text, 'latin1'));
    };
    client.send('first');
    await eventually(() => handedBack);
    client.send('|second');
    await eventually(() => recorder.received === 'first|second');
    expect(connection.bytesReceived).toBe(12);
  });

  test('unread bytes wait while reading is paused, and FIN waits for them', async () => {
    const { connection, recorder } = await pair();
    let handedBack = false;
    recorder.data = (text) => {
      if (handedBack) return;
      handedBack = true;
      recorder.received = '';
      connection.unread(Buffer.from(text, 'latin1'));
      connection.readDisable(true);
    };
    client.socket.end('bytes');
    await eventually(() => handedBack);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(recorder.events).toEqual([]);
    expect(recorder.received).toBe('');
    connection.readDisable(false);
    await eventually(() => recorder.events.includes('end'));
    expect(recorder.received).toBe('bytes');
  });
});

describe('writing', () => {
  test('what one turn writes leaves in one write', async () => {
    const { connection, recorder } = await pair();
    let writes = 0;
    const { socket } = connection;
    const original = socket.write.bind(socket) as (data: string | Buffer, encoding: BufferEncoding) => boolean;
    socket.write = ((data: string | Buffer, encoding: BufferEncoding) => {
      writes++;
      return original(data, encoding);
    }) as typeof socket.write;
    recorder.data = () => {
      connection.writeText('head;');
      connection.write(Buffer.from('body\xff;', 'latin1'));
      connection.writeText('tail');
      expect(writes).toBe(0);
    };
    client.send('go');
    expect(await client.untilText('tail')).toBe('head;body\xff;tail');
    expect(writes).toBe(1);
    connection.writeText('outside of a turn');
    connection.writeText('!');
    await client.untilText('!');
    expect(writes).toBe(2);
  });

  test('order holds between text and buffers of any size', async () => {
    const { connection } = await pair();
    let expected = '';
    for (let i = 0; i < 30; i++) {
      const text = `<${i}>`;
      const block = Buffer.alloc((i * 2311) % 40_000, 97 + (i % 26));
      connection.writeText(text);
      connection.write(block);
      expected += text + block.latin1Slice();
    }
    connection.endWrite();
    expect(await client.untilEnd()).toBe(expected);
    expect(connection.bytesSent).toBe(expected.length);
  });

  test('watermarks: above once, below once the peer has read', async () => {
    const { connection, recorder } = await pair();
    connection.setBufferLimit(1 << 20);
    client.socket.pause();
    const block = Buffer.alloc(1 << 20);
    for (let i = 0; i < 16; i++) connection.write(block);
    connection.flush();
    expect(recorder.events).toEqual(['above']);
    expect(connection.aboveHighWatermark).toBe(true);
    connection.write(block);
    connection.flush();
    expect(recorder.events).toEqual(['above']);
    client.socket.resume();
    await eventually(() => recorder.events.length === 2);
    expect(recorder.events).toEqual(['above', 'below']);
    expect(connection.bytesBuffered).toBe(0);
  });

  test('without limit there is no watermark', async () => {
    const { connection, recorder } = await pair();
    connection.setBufferLimit(0);
    connection.write(Buffer.alloc(8 << 20));
    connection.flush();
    expect(recorder.events).toEqual([]);
  });
});

describe('an exception', () => {
  test('costs the connection it happened on and nothing else', async () => {
    const seen: unknown[] = [];
    onUnexpectedException((error, connection) => {
      seen.push(error, connection);
    });
    const { connection, recorder } = await pair();
    const failure = new Error('broken filter');
    recorder.data = () => {
      throw failure;
    };
    client.send('x');
    await client.until((c) => c.closed);
    expect(seen).toEqual([failure, connection]);
    expect(recorder.events).toEqual(['close local']);
    onUnexpectedException((error) => {
      throw error;
    });
  });
});
