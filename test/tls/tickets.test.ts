/** Several ticket keys in one context: the first encrypts, all of them decrypt. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { connect, createSecureContext, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { handleTickets, nodeTicketKey } from '../../src/tls/tickets.ts';
import { CertificateAuthority, type IssuedCertificate, OPENSSL } from '../support/certificates.ts';

const key = (letter: string) => nodeTicketKey(Buffer.from(letter.repeat(80)).toString('base64'));

test("Envoy's keys give name, HMAC and AES key their leading bytes", () => {
  const bytes = Buffer.from(Array.from({ length: 80 }, (_, i) => i));
  expect([...nodeTicketKey(bytes.toString('base64'))]).toEqual([...bytes.subarray(0, 32), ...bytes.subarray(48, 64)]);
});

describe.skipIf(OPENSSL === null)('with several keys', () => {
  let authority: CertificateAuthority;
  let own: IssuedCertificate;
  const servers: Server[] = [];

  beforeAll(() => {
    authority = new CertificateAuthority();
    own = authority.issue();
  });
  afterAll(() => {
    for (const server of servers) server.close();
    authority?.remove();
  });

  async function serve(letters: string, renew: boolean): Promise<number> {
    const keys = [...letters].map(key);
    const secureContext = createSecureContext({ cert: own.pem, key: readFileSync(own.key), sessionIdContext: 'x', ticketKeys: keys[0] });
    handleTickets(secureContext, keys, renew);
    const server = createServer((inner) => {
      const socket = new TLSSocket(inner, { isServer: true, secureContext });
      socket.on('error', () => undefined);
      socket.on('secure', () => socket.end('hello'));
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  async function visit(
    port: number,
    maxVersion: 'TLSv1.2' | 'TLSv1.3',
    session?: Buffer,
  ): Promise<{ session: Buffer; reused: boolean; fresh: number }> {
    const socket = connect({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      maxVersion,
      ...(session === undefined ? {} : { session }),
    });
    let last = session ?? Buffer.alloc(0);
    let fresh = 0;
    socket.on('session', (bytes: Buffer) => {
      last = bytes;
      fresh++;
    });
    let reused = false;
    socket.on('secureConnect', () => {
      reused = socket.isSessionReused();
    });
    socket.resume();
    // With TLS 1.2 a renewed ticket is told by no event.
    if (maxVersion === 'TLSv1.2')
      socket.on('secureConnect', () => {
        last = socket.getSession()!;
      });
    await once(socket, 'close');
    return { session: last, reused, fresh };
  }

  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
    test('tickets outlive the key that comes first, and end with their own', async () => {
      const before = await serve('a', true);
      const between = await serve('ba', true);
      const after = await serve('b', true);
      const first = await visit(before, version);
      expect((await visit(after, version, first.session)).reused).toBe(false);
      const second = await visit(between, version, first.session);
      expect(second.reused).toBe(true);
      // Renewed under the new key.
      expect((await visit(after, version, second.session)).reused).toBe(true);
    });

    test('where tickets are not renewed the new key takes over with new sessions only', async () => {
      const before = await serve('a', false);
      const between = await serve('ba', false);
      const first = await visit(before, version);
      const second = await visit(between, version, first.session);
      expect(second.reused).toBe(true);
      if (version === 'TLSv1.3') expect(second.fresh).toBe(0);
      const third = await visit(between, version);
      expect((await visit(await serve('b', false), version, third.session)).reused).toBe(true);
    });
  });
});
