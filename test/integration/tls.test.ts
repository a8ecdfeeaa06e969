/** TLS on both sides, through the whole proxy: who gets in, who is trusted, and what is told of it. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AgentOptions, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority, type IssuedCertificate, OPENSSL } from '../support/certificates.ts';
import { call as plainCall } from '../support/http-call.ts';
import { type RunningProxy, startProxy } from '../support/running-proxy.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';

let authority: CertificateAuthority;
let stranger: CertificateAuthority;
let proxy: RunningProxy;
let upstream: Server;
let a: IssuedCertificate;
let b: IssuedCertificate;
let client: IssuedCertificate;
let revoked: IssuedCertificate;
let expired: IssuedCertificate;

function downstream(common: string, more = ''): string {
  return `{name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {${common}}${more}}}`;
}
function towards(common: string, more = ''): string {
  return `{name: tls, typed_config: {"@type": ${TLS}.UpstreamTlsContext, common_tls_context: {${common}}${more}}}`;
}
const certificates = (...list: IssuedCertificate[]) =>
  `tls_certificates: [${list.map(({ chain, key }) => `{certificate_chain: {filename: ${chain}}, private_key: {filename: ${key}}}`).join(', ')}]`;
const trusting = (path: string, more = '') => `validation_context: {trusted_ca: {filename: ${path}}${more}}`;
const sans = (type: string, matcher: string) => `, match_typed_subject_alt_names: [{san_type: ${type}, matcher: ${matcher}}]`;

function hcm(cluster: string): string {
  return `{name: hcm, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager,
    stat_prefix: s, forward_client_cert_details: SANITIZE_SET, set_current_client_cert_details: {subject: true, uri: true, dns: true},
    http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}],
    route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${cluster}}}]}]}}}`;
}
function listener(name: string, socket: string | null, cluster: string, more = ''): string {
  const transport = socket === null ? '' : `transport_socket: ${socket}, `;
  return `  - {name: ${name}, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{${transport}filters: [${hcm(cluster)}]}]${more}}\n`;
}
function cluster(name: string, port: number, socket: string | null): string {
  const transport = socket === null ? '' : `, transport_socket: ${socket}`;
  return `  - {name: ${name}, load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}${transport}}\n`;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly socket: TLSSocket;
}

function get(name: string, options: AgentOptions & { servername?: string | undefined } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const port = proxy.port(name);
    const call = request(
      { host: '127.0.0.1', port, path: '/', agent: false, ca: readFileSync(authority.path), servername: 'a.test', ...options },
      (res) => {
        const socket = res.socket as TLSSocket;
        let body = '';
        res.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        res.on('end', () => resolve({ status: res.statusCode!, body, socket }));
      },
    );
    call.on('error', reject);
    call.end();
  });
}

function withCertificate({ chain, key }: IssuedCertificate): AgentOptions {
  return { cert: readFileSync(chain), key: readFileSync(key) };
}

describe.skipIf(OPENSSL === null)('TLS', () => {
  let inner: RunningProxy;

  beforeAll(async () => {
    authority = new CertificateAuthority();
    stranger = new CertificateAuthority('stranger');
    a = authority.issue({ sans: 'DNS:a.test', subject: '/CN=a' });
    b = authority.issue({ sans: 'DNS:b.test,DNS:*.b.test', subject: '/CN=b', key: 'RSA' });
    client = authority.issue({ sans: 'URI:spiffe://acme/client,DNS:client.test', subject: '/O=Acme, Inc/CN=client' });
    revoked = authority.issue({ sans: 'URI:spiffe://acme/revoked' });
    expired = authority.issue({ sans: 'DNS:a.test', expired: true });
    const crl = authority.revoke(revoked);
    upstream = createServer((req, res) => res.end(JSON.stringify(req.headers)));
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const port = (upstream.address() as AddressInfo).port;
    const plain = cluster('plain', port, null);
    inner = await startProxy(
      `  listeners:\n${listener('mtls', downstream(`${certificates(a)}, ${trusting(authority.path)}`, ', require_client_certificate: true'), 'plain')}` +
        `${listener('expired', downstream(certificates(expired)), 'plain')}  clusters:\n${plain}`,
    );
    const mine = certificates(client);
    const named = (name: string) => trusting(authority.path, sans('DNS', `{exact: ${name}}`));
    proxy = await startProxy(
      `  listeners:\n` +
        listener('plain', null, 'secure') +
        listener('wrong-name', null, 'wrong-name') +
        listener('wrong-authority', null, 'wrong-authority') +
        listener('anonymous', null, 'anonymous') +
        listener('to-expired', null, 'to-expired') +
        listener('to-expired-allowed', null, 'to-expired-allowed') +
        listener('unverified', null, 'unverified') +
        listener('names', downstream(`${certificates(a, b)}, alpn_protocols: [http/1.1]`), 'plain') +
        listener('optional', downstream(`${certificates(a)}, ${trusting(authority.path)}`), 'plain') +
        listener(
          'required',
          downstream(
            `${certificates(a)}, ${trusting(authority.path, `, crl: {filename: ${crl}}${sans('URI', '{prefix: "spiffe://acme/"}')}`)}`,
            ', require_client_certificate: true',
          ),
          'plain',
        ) +
        listener(
          'old',
          downstream(
            `${certificates(a)}, tls_params: {tls_maximum_protocol_version: TLSv1_2, cipher_suites: [ECDHE-ECDSA-AES256-GCM-SHA384]}`,
          ),
          'plain',
        ) +
        listener(
          'inspected',
          downstream(certificates(a)),
          'plain',
          `, listener_filters: [{name: i, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}]`,
        ) +
        `  clusters:\n${plain}` +
        cluster('secure', inner.port('mtls'), towards(`${mine}, ${named('a.test')}`, ', sni: a.test')) +
        cluster('wrong-name', inner.port('mtls'), towards(`${mine}, ${named('other.test')}`)) +
        cluster('wrong-authority', inner.port('mtls'), towards(`${mine}, ${trusting(stranger.path)}`)) +
        cluster('anonymous', inner.port('mtls'), towards(trusting(authority.path))) +
        cluster('to-expired', inner.port('expired'), towards(trusting(authority.path))) +
        cluster('to-expired-allowed', inner.port('expired'), towards(trusting(authority.path, ', allow_expired_certificate: true'))) +
        cluster('unverified', inner.port('expired'), towards('')),
    );
  });
  afterAll(async () => {
    await proxy?.stop();
    await inner?.stop();
    upstream?.close();
    authority?.remove();
    stranger?.remove();
  });

  test('the certificate follows the name that the client asks for', async () => {
    for (const [servername, subject] of [
      ['a.test', 'a'],
      ['b.test', 'b'],
      ['x.b.test', 'b'],
    ] as const) {
      const { status, socket } = await get('names', { servername });
      expect(status).toBe(200);
      expect(socket.getPeerCertificate().subject.CN).toBe(subject);
    }
  });

  test('requests are https, and say nothing of a client that has no certificate', async () => {
    const { body } = await get('names');
    const headers = JSON.parse(body) as Record<string, string>;
    expect(headers['x-forwarded-proto']).toBe('https');
    expect(headers['x-forwarded-client-cert']).toBeUndefined();
  });

  test('ALPN', async () => {
    const socket = connect({
      host: '127.0.0.1',
      port: proxy.port('names'),
      ALPNProtocols: ['h3', 'http/1.1'],
      rejectUnauthorized: false,
    } as ConnectionOptions);
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.destroy();
  });

  test('versions and ciphers', async () => {
    const { socket } = await get('old');
    expect(socket.getProtocol()).toBe('TLSv1.2');
    expect(socket.getCipher().name).toBe('ECDHE-ECDSA-AES256-GCM-SHA384');
    await expect(get('old', { minVersion: 'TLSv1.3' })).rejects.toThrow(/alert/);
  });

  test('what the inspector has looked at reaches the handshake', async () => {
    expect((await get('inspected')).status).toBe(200);
  });

  test('sessions are resumed', async () => {
    const before = await proxy.stat('listener.s.ssl.session_reused').catch(() => 0);
    expect(before).toBe(0);
    const options = { host: '127.0.0.1', port: proxy.port('names'), rejectUnauthorized: false };
    const first = connect(options);
    const [session] = (await once(first, 'session')) as [Buffer];
    first.destroy();
    const second = connect({ ...options, session });
    await once(second, 'secureConnect');
    expect(second.isSessionReused()).toBe(true);
    second.destroy();
  });

  describe('client certificates', () => {
    test('one that is trusted is told upstream', async () => {
      const { body } = await get('required', withCertificate(client));
      const xfcc = (JSON.parse(body) as Record<string, string>)['x-forwarded-client-cert']!;
      expect(xfcc).toMatch(/^Hash=[0-9a-f]{64};Subject="CN=client,O=Acme\\, Inc";URI=spiffe:\/\/acme\/client;DNS=client\.test$/);
    });

    test('none where one is required', async () => {
      await expect(get('required')).rejects.toThrow(/certificate required|ECONNRESET|socket hang up/);
    });

    test('none where one is optional', async () => {
      expect((await get('optional')).status).toBe(200);
    });

    test.each([
      ['of another authority', () => stranger.issue({ sans: 'URI:spiffe://acme/x' }), 'required'],
      ['of another authority, where none was required', () => stranger.issue({ sans: 'URI:spiffe://acme/x' }), 'optional'],
      ['of another name', () => authority.issue({ sans: 'URI:spiffe://other/x' }), 'required'],
      ['revoked', () => revoked, 'required'],
    ])('%s', async (_about, issue, name) => {
      await expect(get(name, withCertificate(issue()))).rejects.toThrow(/ECONNRESET|socket hang up|disconnected/);
    });
  });

  describe('towards upstream', () => {
    const call = (name: string) => plainCall(proxy.port(name));

    test('both sides show certificates', async () => {
      const { status, body } = await call('plain');
      expect(status).toBe(200);
      expect((JSON.parse(body) as Record<string, string>)['x-forwarded-client-cert']).toContain('URI=spiffe://acme/client');
      await expect.poll(() => proxy.stat('cluster.secure.ssl.handshake')).toBe(1);
      await expect.poll(() => proxy.stat('cluster.secure.ssl.versions.TLSv1.2')).toBe(1);
    });

    test.each([
      ['wrong-name', 'fail_verify_san'],
      ['wrong-authority', 'fail_verify_error'],
      ['to-expired', 'fail_verify_error'],
    ])('%s: 503, %s', async (name, counter) => {
      const { status, body } = await call(name);
      expect(status).toBe(503);
      expect(body).toBe('upstream connect error or disconnect/reset before headers. reset reason: remote connection failure');
      await expect.poll(() => proxy.stat(`cluster.${name}.ssl.${counter}`)).toBe(1);
      await expect.poll(() => proxy.stat(`cluster.${name}.upstream_cx_connect_fail`)).toBe(1);
      await expect.poll(() => proxy.stat(`cluster.${name}.ssl.handshake`)).toBe(0);
    });

    test('no certificate where one is required', async () => {
      expect((await call('anonymous')).status).toBe(503);
    });

    test.each(['to-expired-allowed', 'unverified'])('%s: accepted', async (name) => {
      expect((await call(name)).status).toBe(200);
    });
  });
});
