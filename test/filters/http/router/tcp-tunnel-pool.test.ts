import { once } from 'node:events';
import { createServer, connect as netConnect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Cluster, LbContext, PoolClient, TcpClient } from '../../../../src/cluster/api.ts';
import { TcpTunnelPool } from '../../../../src/filters/http/router/tcp-tunnel-pool.ts';
import type { RequestEncoder } from '../../../../src/http/codec.ts';
import { RequestHeaders } from '../../../../src/http/header-map.ts';
import { ResetReason } from '../../../../src/http/reset-reason.ts';
import { HOST_CELLS, Host } from '../../../../src/lb/host.ts';
import { ipAddress } from '../../../../src/net/address.ts';
import { Connection } from '../../../../src/net/connection.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** What an attempt would hear. */
class Client {
  readonly heard: string[] = [];
  encoder: RequestEncoder | null = null;
  onPoolReady(encoder: RequestEncoder): void {
    this.encoder = encoder;
    this.heard.push('ready');
  }
  onPoolFailure(reason: ResetReason, words: string): void {
    this.heard.push(`failed ${reason} ${words}`);
  }
  onResponseHeaders(headers: { status: number }, end: boolean): void {
    this.heard.push(`headers ${headers.status} ${end}`);
  }
  onResponseData(chunk: Buffer, end: boolean): void {
    this.heard.push(`data ${chunk} ${end}`);
  }
  onResponseReset(reason: ResetReason): void {
    this.heard.push(`reset ${reason}`);
  }
}

/** The pool on a real socket to a server of the test. */
async function tunnel(proxyProtocol: 0 | 1 | 2 = 0) {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  closers.push(() => server.close());
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const cluster = {
    connectTcp: (host: Host, _priority: number, client: TcpClient) => {
      const socket = netConnect({ port: host.address.port, host: host.address.ip, allowHalfOpen: true });
      socket.on('connect', () => {
        const address = ipAddress('127.0.0.1', 1);
        const connection = new Connection(socket, null as never, address, address);
        connection.handler = client.onTcpConnected(connection);
      });
      closers.push(() => socket.destroy());
      return { cancel: () => socket.destroy() };
    },
  } as unknown as Cluster;
  const host = new Host(ipAddress('127.0.0.1', port), '', new Int32Array(HOST_CELLS), 0);
  const downstream = { remoteAddress: ipAddress('10.0.0.1', 4660), localAddress: ipAddress('10.0.0.2', 443) };
  const pool = new TcpTunnelPool(cluster, host, 0, { downstream } as unknown as LbContext, proxyProtocol);
  const client = new Client();
  pool.acquire(client as unknown as PoolClient);
  const [peer] = await accepted;
  closers.push(() => peer.destroy());
  await until(() => client.heard.length > 0);
  return { pool, client, peer };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

describe('a CONNECT that ends here', () => {
  test('is answered 200 when the connection stands, and then is bytes both ways', async () => {
    const { client, peer } = await tunnel();
    client.encoder!.encodeHeaders(new RequestHeaders('CONNECT', '', 'a:1'), false);
    expect(client.heard).toEqual(['ready', 'headers 200 false']);
    let got = '';
    peer.on('data', (chunk) => (got += chunk));
    client.encoder!.encodeData(Buffer.from('up'), false);
    await until(() => got === 'up');
    peer.write('down');
    await until(() => client.heard.length === 3);
    expect(client.heard[2]).toBe('data down false');
  });

  test('tells the server whom it is for, before anything else', async () => {
    const { client, peer } = await tunnel(1);
    let got = '';
    peer.on('data', (chunk) => (got += chunk));
    client.encoder!.encodeHeaders(new RequestHeaders('CONNECT', '', 'a:1'), false);
    client.encoder!.encodeData(Buffer.from('up'), false);
    await until(() => got.endsWith('up'));
    expect(got).toBe('PROXY TCP4 10.0.0.1 10.0.0.2 4660 443\r\nup');
  });

  test('passes half-closes on', async () => {
    const { client, peer } = await tunnel();
    client.encoder!.encodeHeaders(new RequestHeaders('CONNECT', '', 'a:1'), false);
    let ended = false;
    peer.on('end', () => (ended = true)).resume();
    client.encoder!.encodeData(Buffer.from('last'), true);
    await until(() => ended);
    peer.end('bye');
    await until(() => client.heard.includes('data  true'));
    expect(client.heard.slice(2)).toEqual(['data bye false', 'data  true']);
  });

  test('tells when the connection breaks', async () => {
    const { client, peer } = await tunnel();
    client.encoder!.encodeHeaders(new RequestHeaders('CONNECT', '', 'a:1'), false);
    peer.resetAndDestroy();
    await until(() => client.heard.length === 3);
    expect(client.heard[2]).toBe(`reset ${ResetReason.ConnectionTermination}`);
  });

  test('is quiet after a reset', async () => {
    const { client, peer } = await tunnel();
    client.encoder!.encodeHeaders(new RequestHeaders('CONNECT', '', 'a:1'), false);
    const ended = once(peer.resume(), 'end');
    client.encoder!.reset(ResetReason.LocalReset);
    await ended;
    expect(client.heard).toEqual(['ready', 'headers 200 false']);
  });
});
