/** Sessions that are resumed: what was verified when they began still holds, and opens nothing that was not opened then. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority, type IssuedCertificate, OPENSSL } from '../support/certificates.ts';
import { call } from '../support/http-call.ts';
import { type RunningProxy, startProxy } from '../support/running-proxy.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

function hcm(cluster: string): string {
  return `{name: hcm, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,
    stat_prefix: s, forward_client_cert_details: SANITIZE_SET, set_current_client_cert_details: {uri: true},
    http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}],
    route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${cluster}}}]}]}}}`;
}
function listener(name: string, socket: string, cluster: string): string {
  return `  - {name: ${name}, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{${socket}filters: [${hcm(cluster)}]}]}\n`;
}
function downstream({ chain, key }: IssuedCertificate, validation: string, more = ''): string {
  const own = `tls_certificates: [{certificate_chain: {filename: ${chain}}, private_key: {filename: ${key}}}]`;
  return `transport_socket: {name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {${own}${validation}}${more}}}, `;
}
function cluster(name: string, port: number, more = ''): string {
  return `  - {name: ${name}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}${more}}\n`;
}

describe.skipIf(OPENSSL === null)('resumed sessions', () => {
  let authority: CertificateAuthority;
  let stranger: CertificateAuthority;
  let client: IssuedCertificate;
  let expiredStranger: IssuedCertificate;
  let expired: IssuedCertificate;
  let proxy: RunningProxy;
  let plain: Server;
  const secure: TlsServer[] = [];

  beforeAll(async () => {
    authority = new CertificateAuthority();
    stranger = new CertificateAuthority('test authority');
    const server = authority.issue({ sans: 'DNS:a.test' });
    client = authority.issue({ sans: 'URI:spiffe://acme/client' });
    expired = authority.issue({ sans: 'URI:spiffe://acme/client', expired: true });
    expiredStranger = stranger.issue({ sans: 'URI:spiffe://acme/client', expired: true });
    plain = createServer((req, res) => res.end(String(req.headers['x-forwarded-client-cert'])));
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    // Each answer ends its connection, so that the next request makes a new one.
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const options = { cert: readFileSync(server.chain), key: readFileSync(server.key), maxVersion };
      const one = createTlsServer(options, (_req, res) => res.setHeader('connection', 'close').end('ok'));
      one.listen(0, '127.0.0.1');
      await once(one, 'listening');
      secure.push(one);
    }
    const port = (of: Server) => (of.address() as AddressInfo).port;
    const trust = `validation_context: {trusted_ca: {filename: ${authority.path}}`;
    const required = ', require_client_certificate: true';
    const upstream = (version: string) =>
      `, transport_socket: {name: tls, typed_config: {"@type": ${TLS}.UpstreamTlsContext, common_tls_context: {tls_params: {tls_maximum_protocol_version: ${version}}, ${trust}, match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: a.test}}]}}}}`;
    proxy = await startProxy(
      `  listeners:\n${listener('open', downstream(server, ''), 'plain')}` +
        listener('required', downstream(server, `, ${trust}}`, required), 'plain') +
        listener('expired', downstream(server, `, ${trust}, allow_expired_certificate: true}`, required), 'plain') +
        `${listener('TLSv1.2', '', 'old')}${listener('TLSv1.3', '', 'new')}  clusters:\n${cluster('plain', port(plain))}` +
        cluster('old', port(secure[0]!), upstream('TLSv1_2')) +
        cluster('new', port(secure[1]!), upstream('TLSv1_3')),
    );
  });
  afterAll(async () => {
    await proxy?.stop();
    for (const one of [plain, ...secure]) one?.close();
    authority?.remove();
    stranger?.remove();
  });

  /** @returns the answer, '' if the connection was refused, and the last session */
  async function get(name: string, options: ConnectionOptions): Promise<{ body: string; session: Buffer | undefined; reused: boolean }> {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port: proxy.port(name), rejectUnauthorized: false, ...options });
    let body = '';
    let session: Buffer | undefined;
    let reused = false;
    socket.on('session', (fresh: Buffer) => {
      session = fresh;
    });
    socket.on('secureConnect', () => {
      reused = socket.isSessionReused();
      socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    });
    socket.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    return { body, session, reused };
  }
  const identity = ({ chain, key }: IssuedCertificate) => ({ cert: readFileSync(chain), key: readFileSync(key) });

  describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (maxVersion) => {
    test('a session without a certificate does not get in where one is required', async () => {
      const { session } = await get('open', { maxVersion });
      expect(session).toBeDefined();
      expect((await get('open', { maxVersion, session })).reused).toBe(true);
      const second = await get('required', { maxVersion, session });
      expect(second.body).toBe('');
    });

    test('a session is resumed as often as its client likes, each time with the newest ticket', async () => {
      let { session } = await get('open', { maxVersion });
      for (let i = 0; i < 4; i++) {
        const next = await get('open', { maxVersion, session });
        expect(next.reused).toBe(true);
        // Only with TLS 1.3 is a ticket for one use.
        if (maxVersion === 'TLSv1.3') expect(next.session?.equals(session!)).toBe(false);
        session = next.session ?? session;
      }
    });

    test('a session that stands for a certificate is not made to last longer', async () => {
      const { session } = await get('required', { maxVersion, ...identity(client) });
      const second = await get('required', { maxVersion, session, ...identity(client) });
      expect(second.reused).toBe(true);
      expect(second.session === undefined || second.session.equals(session!)).toBe(true);
    });

    test('the certificate that a session began with is told again', async () => {
      const { session, body } = await get('required', { maxVersion, ...identity(client) });
      expect(body).toContain('spiffe://acme/client');
      const second = await get('required', { maxVersion, session, ...identity(client) });
      expect(second.reused).toBe(true);
      expect(second.body).toContain('spiffe://acme/client');
    });

    test('an upstream that was verified is resumed', async () => {
      const name = maxVersion === 'TLSv1.2' ? 'old' : 'new';
      let resumed = 0;
      // Each ticket comes when it comes: a connection that is closed at once may be gone before.
      for (let i = 0; i < 30 && resumed < 2; i++) {
        expect((await call(proxy.port(maxVersion))).status).toBe(200);
        resumed = await proxy.stat(`cluster.${name}.ssl.session_reused`);
      }
      expect(resumed).toBe(2);
      await expect.poll(() => proxy.stat(`cluster.${name}.ssl.fail_verify_no_cert`)).toBe(0);
    });
  });

  test('that an expired certificate is allowed opens the door to no other authority', async () => {
    expect((await get('expired', identity(expired))).body).toContain('spiffe://acme/client');
    expect((await get('expired', identity(expiredStranger))).body).toBe('');
  });
});
