import { mkdtempSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type ConnectOptions, connectSocket } from '../../../src/cluster/pool/connect.ts';
import { RESET_REASON_TEXT } from '../../../src/http/reset-reason.ts';
import { type Address, ipAddress, pipeAddress } from '../../../src/net/address.ts';
import type { Connection } from '../../../src/net/connection.ts';

const OPTIONS: ConnectOptions = { bufferLimit: 1 << 20, tcpKeepAlive: null, bindAddress: '' };
const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function listen(where: net.ListenOptions): Promise<net.Server> {
  const server = net.createServer((socket) => void socket.on('error', () => undefined).end('from ' + (socket.remoteAddress ?? 'pipe')));
  await new Promise<void>((resolve) => void server.listen(where, resolve));
  open.push(server);
  return server;
}

function connect(target: Address, options: Partial<ConnectOptions> = {}): Promise<Connection | string> {
  return new Promise((resolve) => {
    connectSocket(
      target,
      { ...OPTIONS, ...options },
      {
        onConnected: (connection) => {
          open.push({ close: () => connection.close('no-flush') });
          resolve(connection);
        },
        onConnectFailed: (reason, text) => resolve(RESET_REASON_TEXT[reason] + '|' + text),
      },
    );
  });
}

/** Everything the peer sends, once a handler is in place after the connect. */
function read(connection: Connection): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    connection.handler = {
      onData: (chunk) => {
        text += chunk.toString('latin1');
      },
      onEnd: () => connection.close('flush'),
      onClose: () => resolve(text),
      onAboveWriteBufferHighWatermark: () => undefined,
      onBelowWriteBufferLowWatermark: () => undefined,
    };
  });
}

describe('connects', () => {
  test.each(['127.0.0.1', '::1'])('to %s', async (host) => {
    const server = await listen({ host, port: 0 });
    const target = ipAddress(host, (server.address() as net.AddressInfo).port);
    const connection = (await connect(target)) as Connection;
    expect([connection.remoteAddress.text, connection.localAddress.ip]).toEqual([target.text, host]);
    expect(await read(connection)).toBe('from ' + host);
  });

  test('to a UNIX socket', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'outrider-')), 's');
    await listen({ path });
    expect(await read((await connect(pipeAddress(path))) as Connection)).toBe('from pipe');
  });

  test('to a socket in the abstract namespace', async () => {
    const name = 'outrider-test-' + Math.floor(performance.now() * 1000);
    await listen({ path: '\0' + name });
    expect(await read((await connect(pipeAddress('@' + name))) as Connection)).toBe('from pipe');
  });

  test('from a given address', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0 });
    const target = ipAddress('127.0.0.1', (server.address() as net.AddressInfo).port);
    const connection = (await connect(target, {
      bindAddress: '127.0.0.9:0',
      tcpKeepAlive: { probes: 3, timeS: 10, intervalS: 0 },
    })) as Connection;
    expect(await read(connection)).toBe('from 127.0.0.9');
  });
});

describe("says in Envoy's words why not", () => {
  test('refused', async () => {
    const server = await listen({ host: '127.0.0.1', port: 0 });
    const { port } = server.address() as net.AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    open.length = 0;
    expect(await connect(ipAddress('127.0.0.1', port))).toBe('remote connection failure|delayed connect error: Connection refused');
  });

  test('no such UNIX socket', async () => {
    expect(await connect(pipeAddress('/nonexistent/sock'))).toBe(
      'remote connection failure|immediate connect error: No such file or directory|remote address:/nonexistent/sock',
    );
  });

  test('an address that is not ours', async () => {
    expect(await connect(ipAddress('127.0.0.1', 1), { bindAddress: '192.0.2.1:0' })).toBe(
      'local connection failure|failed to bind to 192.0.2.1:0: Cannot assign requested address',
    );
  });
});

test('after abort nothing is called', async () => {
  const server = await listen({ host: '127.0.0.1', port: 0 });
  const target = ipAddress('127.0.0.1', (server.address() as net.AddressInfo).port);
  let called = 0;
  const count = () => void called++;
  const attempt = connectSocket(target, OPTIONS, { onConnected: count, onConnectFailed: count });
  attempt.abort();
  attempt.abort();
  // A second connection that succeeds shows that the first had its time.
  await read((await connect(target)) as Connection);
  expect(called).toBe(0);
});
