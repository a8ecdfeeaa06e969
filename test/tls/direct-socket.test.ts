/** TLS over the handle of an accepted connection: what is read, held back, and how it ends. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type ConnectionOptions, connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Accepted } from '../../src/net/accepted.ts';
import { ipAddress } from '../../src/net/address.ts';
import { adoptAccepted, Connection, type ConnectionHandler, keepChunk } from '../../src/net/connection.ts';
import { isReader } from '../../src/net/read-buffers.ts';
import { type DirectSocket, directSocket, type HandshakeTarget, wrapped } from '../../src/tls/direct-socket.ts';
import { CertificateAuthority, OPENSSL } from '../support/certificates.ts';
import { eventually } from '../support/listener-rig.ts';

const EMPTY = Buffer.alloc(0);

class Recorder implements ConnectionHandler {
  received = '';
  readonly events: string[] = [];
  data: () => void = () => undefined;

  onData(chunk: Buffer): void {
    this.received += keepChunk(chunk).latin1Slice();
    this.data();
  }
  onEnd(): void {
    this.events.push('end');
  }
  onClose(): void {
    this.events.push('close');
  }
  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}
}

describe.skipIf(OPENSSL === null)('TLS over the handle of an accepted connection', () => {
  let authority: CertificateAuthority;
  let secureContext: SecureContext;
  let server: Server;
  let client: TLSSocket;

  beforeAll(() => {
    authority = new CertificateAuthority();
    const { chain, key } = authority.issue();
    secureContext = createSecureContext({ cert: readFileSync(chain), key: readFileSync(key) });
  });
  afterAll(() => authority.remove());
  afterEach(() => {
    client?.destroy();
    server?.close();
  });

  const told: string[] = [];
  const target: HandshakeTarget = {
    onClientHello: (name, wantsStatus) => {
      told.push(`hello ${name} ${wantsStatus}`);
      return null;
    },
    onSecure: () => told.push('secure'),
    onEnded: (error) => told.push(`ended ${(error as NodeJS.ErrnoException | null)?.code ?? ''}`),
  };

  /** @param peeks bytes that are read before TLS begins @param asUsual Node's own socket, over the accepted one */
  async function accept(
    peeks = 0,
    asUsual = false,
    options: ConnectionOptions = {},
  ): Promise<{ connection: Connection; recorder: Recorder; ready: Promise<void> }> {
    told.length = 0;
    const recorder = new Recorder();
    let wrapping!: (value: Connection) => void;
    const accepted = new Promise<Connection>((resolve) => {
      wrapping = resolve;
    });
    server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      const connection = new Connection(
        peeks > 0 ? adoptAccepted(Accepted.socket(socket)) : socket,
        recorder,
        ipAddress('127.0.0.1', 1),
        ipAddress('127.0.0.1', 2),
      );
      let peeked = EMPTY;
      const start = () => {
        let direct: DirectSocket | null = null;
        connection.wrapSocket((inner) => {
          if (asUsual) return wrapped(inner.paused(), peeked, { isServer: true, secureContext });
          direct = directSocket(inner, { context: secureContext, requestCert: false, rejectUnauthorized: false, alpn: null }, target);
          return direct!;
        });
        (direct as DirectSocket | null)?.begin(peeked);
        wrapping(connection);
      };
      if (peeks === 0) start();
      else {
        connection.handler = {
          ...IDLE,
          onData: (chunk) => {
            peeked = Buffer.concat([peeked, keepChunk(chunk)]);
            if (peeked.length < peeks) return;
            connection.handler = recorder;
            start();
          },
        };
        connection.socket.resume();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    client.on('error', () => undefined);
    const ready = once(client, 'secureConnect').then(() => undefined);
    ready.catch(() => undefined);
    const connection = await accepted;
    return { connection, recorder, ready };
  }

  test('bytes go both ways, through the buffers that all connections share', async () => {
    const { connection, recorder, ready } = await accept();
    expect(isReader(connection.socket)).toBe(true);
    await ready;
    client.write('question');
    await eventually(() => recorder.received === 'question');
    connection.writeText('answer');
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toBe('answer');
  });

  test('what the handshake says is told once, and can be asked for', async () => {
    const { connection, ready } = await accept(0, false, { servername: 'some.test', requestOCSP: true });
    await ready;
    await eventually(() => told.includes('secure'));
    expect(told).toEqual(['hello some.test true', 'secure']);
    const socket = connection.socket as DirectSocket;
    expect(socket.getProtocol()).toBe('TLSv1.3');
    expect(socket.getCipher().name).toBe('TLS_AES_256_GCM_SHA384');
    expect([socket.servername, socket.alpnProtocol, socket.isSessionReused()]).toEqual(['some.test', false, false]);
    expect(socket.getSession()!.length).toBeGreaterThan(50);
    expect(socket.getPeerX509Certificate()).toBeUndefined();
    expect(socket.getX509Certificate()!.subject).toContain('CN=');
    connection.close('no-flush');
    await eventually(() => connection.closed);
    expect(told.length).toBe(2);
    // Whoever asks late is told nothing.
    expect([socket.getProtocol(), socket.getSession(), socket.isSessionReused(), socket.getSharedSigalgs()]).toEqual([
      null,
      undefined,
      false,
      [],
    ]);
  });

  test('a handshake that fails tells why before the connection is closed', async () => {
    const { connection, recorder } = await accept(0, false, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-SHA' });
    await eventually(() => recorder.events.includes('close'));
    expect(told.at(-1)).toBe('ended ERR_SSL_NO_SHARED_CIPHER');
    expect(connection.closeError).toBe('ERR_SSL_NO_SHARED_CIPHER');
  });

  test('bytes that are no TLS end a connection whose handshake is over', async () => {
    const { connection, recorder, ready } = await accept();
    await ready;
    await eventually(() => told.includes('secure'));
    client.on('close', () => undefined);
    // Beneath TLS: a record that nothing decrypts.
    const raw = (client as unknown as { _handle: { _parent: { writeBuffer(req: null, bytes: Buffer): unknown } } })._handle._parent;
    raw.writeBuffer(null, Buffer.concat([Buffer.from('1703030020', 'hex'), Buffer.alloc(32, 7)]));
    await eventually(() => recorder.events.includes('close'));
    expect(connection.closeError).toMatch(/^ERR_SSL_/);
    expect(told).toEqual(['hello  false', 'secure']);
  });

  test('with TLS 1.2 too', async () => {
    const { connection, recorder, ready } = await accept(0, false, { maxVersion: 'TLSv1.2' });
    await ready;
    client.write('question');
    await eventually(() => recorder.received === 'question');
    expect((connection.socket as DirectSocket).getProtocol()).toBe('TLSv1.2');
    client.end();
    await eventually(() => recorder.events.includes('end'));
  });

  test('what listener filters have looked at belongs to the handshake', async () => {
    const { recorder, ready } = await accept(64);
    await ready;
    client.write('question');
    await eventually(() => recorder.received === 'question');
  });

  test('a refusal can be written beneath a socket that is wrapped as usual', async () => {
    const { connection, recorder, ready } = await accept(64, true);
    expect(isReader(connection.socket)).toBe(false);
    await ready;
    client.write('question');
    await eventually(() => recorder.received === 'question');
  });

  test('a pause before the handshake lets it go on, and holds what comes after it', async () => {
    const { connection, recorder, ready } = await accept();
    connection.readDisable(true);
    await ready;
    client.write('one ');
    client.write('two');
    client.write('x'.repeat(40_000));
    // What is sent to the client after it had a chance to be read shows that the loop has turned.
    connection.writeText('turn');
    await once(client, 'data');
    expect(recorder.received).toBe('');
    connection.readDisable(false);
    await eventually(() => recorder.received.length === 40_007);
    expect(recorder.received.startsWith('one two')).toBe(true);
  });

  test('a pause amid records that have been read holds the rest, in order', async () => {
    const { connection, recorder, ready } = await accept();
    await ready;
    let reads = 0;
    recorder.data = () => {
      reads++;
      connection.readDisable(true);
      setImmediate(() => connection.readDisable(false));
    };
    const text = Array.from({ length: 40 }, (_v, i) => String(i % 10).repeat(5000));
    for (const part of text) client.write(part);
    client.end();
    await eventually(() => recorder.events.includes('end'));
    expect(recorder.received).toBe(text.join(''));
    expect(reads).toBeGreaterThan(1);
  });

  test('large writes arrive whole, also when the client reads late', async () => {
    const { connection, ready } = await accept();
    await ready;
    const body = Buffer.alloc(3_000_000, 'abcdefghij');
    connection.write(body);
    connection.close('flush');
    const parts: Buffer[] = [];
    for await (const part of client) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(body)).toBe(true);
  });

  test('each way of closing ends it, once', async () => {
    for (const type of ['flush', 'flush-delay', 'no-flush', 'reset'] as const) {
      const { connection, recorder, ready } = await accept();
      await ready;
      connection.tls = { version: 'TLSv1.3' } as never;
      client.resume();
      connection.close(type);
      client.on('end', () => client.end());
      await eventually(() => recorder.events.includes('close'));
      expect(recorder.events).toEqual(['close']);
      expect(connection.closed).toBe(true);
      server.close();
    }
  });

  test('a client that goes away during the handshake', async () => {
    const { connection, recorder } = await accept();
    client.destroy();
    await eventually(() => recorder.events.length > 0);
    connection.close('no-flush');
    await eventually(() => connection.closed);
    expect(recorder.received).toBe('');
  });
});

const IDLE: ConnectionHandler = {
  onData: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onAboveWriteBufferHighWatermark: () => undefined,
  onBelowWriteBufferLowWatermark: () => undefined,
};
