/** A peer that was verified cannot become another one on the same connection (TLS 1.2). */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority, type IssuedCertificate, OPENSSL } from '../support/certificates.ts';
import { call } from '../support/http-call.ts';
import { type RunningProxy, startProxy } from '../support/running-proxy.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const ANSWER = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok';

/** Parts of Node's TLS sockets that are not documented: a server's HelloRequest. */
interface InnerTlsSocket {
  readonly _handle: { renegotiate(): void };
}

function listener(name: string, socket: string): string {
  return `  - {name: ${name}, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{${socket}filters: [{name: hcm, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,
    stat_prefix: s, http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}],
    route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${name}}}]}]}}}]}]}\n`;
}

describe.skipIf(OPENSSL === null)('renegotiation', () => {
  let authority: CertificateAuthority;
  let proxy: RunningProxy;
  const servers: Server[] = [];

  /** Answers a request after another handshake. */
  async function serve(own: IssuedCertificate): Promise<number> {
    const server = createServer({ cert: own.pem, key: readFileSync(own.key), maxVersion: 'TLSv1.2' });
    const known = new WeakSet<TLSSocket>();
    server.on('secureConnection', (socket) => {
      // Node tells of each handshake.
      if (known.has(socket)) return;
      known.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.once('secure', () => socket.end(ANSWER));
        (socket as unknown as InnerTlsSocket)._handle.renegotiate();
      });
    });
    server.on('tlsClientError', () => undefined);
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  beforeAll(async () => {
    authority = new CertificateAuthority();
    const own = authority.issue({ sans: 'DNS:a.test' });
    const port = await serve(own);
    const cluster = (name: string, more: string) =>
      `  - {name: ${name}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}, transport_socket: {name: tls, typed_config: {"@type": ${TLS}.UpstreamTlsContext, sni: a.test${more}, common_tls_context: {validation_context: {trusted_ca: {filename: ${authority.path}}, match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: a.test}}]}}}}}\n`;
    const server = `transport_socket: {name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {tls_certificates: [{certificate_chain: {filename: ${own.chain}}, private_key: {filename: ${own.key}}}]}}}, `;
    proxy = await startProxy(
      `  listeners:\n${listener('refused', '')}${listener('allowed', '')}${listener('secure', server)}  clusters:\n` +
        cluster('refused', '') +
        cluster('allowed', ', allow_renegotiation: true') +
        cluster('secure', ''),
    );
  });
  afterAll(async () => {
    await proxy?.stop();
    for (const server of servers) server.close();
    authority?.remove();
  });

  test('a server may not ask for it', async () => {
    expect((await call(proxy.port('refused'))).status).toBe(503);
  });

  test('a server may ask for it where allow_renegotiation says so', async () => {
    const { status, body } = await call(proxy.port('allowed'));
    expect([status, body]).toEqual([200, 'ok']);
  });

  test('a client may never ask for it', async () => {
    const socket = connect({ host: '127.0.0.1', port: proxy.port('secure'), rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
    await once(socket, 'secureConnect');
    socket.resume();
    const again = await new Promise<Error | null>((resolve) => {
      socket.on('error', resolve);
      socket.renegotiate({}, resolve);
    });
    expect(again).not.toBeNull();
    socket.destroy();
  });
});
