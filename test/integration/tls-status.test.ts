/** OCSP responses in the handshake, certificates by kind of key, sessions without tickets, and secrets for packet analysers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority, type IssuedCertificate, OPENSSL } from '../support/certificates.ts';
import { type RunningProxy, startProxy } from '../support/running-proxy.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const HCM = `{name: hcm, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: s,
    http_filters: [{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}],
    route_config: {virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, direct_response: {status: 200}}]}]}}}`;

interface Outcome {
  readonly shown: string;
  /** Bytes of the OCSP response. */
  readonly status: number;
  readonly reused: boolean;
  readonly session: Buffer | undefined;
}

describe.skipIf(OPENSSL === null)('what servers tell', () => {
  let authority: CertificateAuthority;
  let proxy: RunningProxy;

  beforeAll(async () => {
    authority = new CertificateAuthority();
    const good = authority.issue({ subject: '/CN=good' });
    const rsa = authority.issue({ subject: '/CN=rsa', key: 'RSA' });
    const other = authority.issue({ subject: '/CN=other', sans: 'DNS:other.test', key: 'RSA' });
    authority.status(good);
    const over = authority.status(good, -1, join(authority.directory, 'over.ocsp'));
    const certificate = ({ chain, key }: IssuedCertificate, ocsp = '') =>
      `{certificate_chain: {filename: ${chain}}, private_key: {filename: ${key}}${ocsp === '' ? '' : `, ocsp_staple: {filename: ${ocsp}}`}}`;
    const listener = (name: string, certificates: readonly string[], more = '', common = '') =>
      `  - {name: ${name}, stat_prefix: ${name}, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{transport_socket: {name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {tls_certificates: [${certificates.join(', ')}]${common}}${more}}}, filters: [${HCM}]}]}\n`;
    proxy = await startProxy(
      '  listeners:\n' +
        listener('stapled', [certificate(good, `${good.chain}.ocsp`)]) +
        listener('lenient', [certificate(good, over)]) +
        listener('strict', [certificate(good, over)], ', ocsp_staple_policy: STRICT_STAPLING') +
        listener('kinds', [certificate(other), certificate(good), certificate(rsa)]) +
        listener('numbered', [certificate(good)], ', disable_stateless_session_resumption: true') +
        listener(
          'logged',
          [certificate(good)],
          '',
          `, key_log: {path: ${join(authority.directory, 'keys')}, remote_address_range: [{address_prefix: 127.0.0.0, prefix_len: 8}]}`,
        ) +
        listener(
          'unlogged',
          [certificate(good)],
          '',
          `, key_log: {path: ${join(authority.directory, 'no-keys')}, remote_address_range: [{address_prefix: 10.0.0.0, prefix_len: 8}]}`,
        ),
    );
  });
  afterAll(async () => {
    await proxy?.stop();
    authority?.remove();
  });

  function meet(listener: string, options: ConnectionOptions = {}): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      let status = 0;
      const all = { host: '127.0.0.1', port: proxy.port(listener), rejectUnauthorized: false, requestOCSP: true, ...options };
      const socket: TLSSocket = connect(all, () => {
        // A session that goes on shows nothing again.
        const shown = String(socket.getPeerCertificate().subject?.CN ?? '');
        resolve({ shown, status, reused: socket.isSessionReused(), session: socket.getSession() });
        socket.end();
      });
      socket.on('OCSPResponse', (response: Buffer | null) => {
        status = response?.length ?? 0;
      });
      socket.on('error', reject);
    });
  }
  const stat = async (listener: string, name: string) => proxy.stat(`listener.${listener}.ssl.${name}`);

  test('a response that holds is given to whoever asks', async () => {
    expect((await meet('stapled')).status).toBeGreaterThan(100);
    expect((await meet('stapled', { requestOCSP: false })).status).toBe(0);
    await expect
      .poll(async () => [await stat('stapled', 'ocsp_staple_requests'), await stat('stapled', 'ocsp_staple_responses')])
      .toEqual([1, 1]);
  });

  test('with one that is over the policy decides', async () => {
    expect((await meet('lenient')).status).toBe(0);
    await expect.poll(() => stat('lenient', 'ocsp_staple_omitted')).toBe(1);
    await expect(meet('strict')).rejects.toThrow(/handshake failure/);
    await expect.poll(async () => [await stat('strict', 'ocsp_staple_failed'), await stat('strict', 'connection_error')]).toEqual([1, 1]);
    expect((await meet('strict', { requestOCSP: false })).shown).toBe('good');
  });

  test('a name has a certificate for each kind of key', async () => {
    const servername = 'server.test';
    expect((await meet('kinds', { servername })).shown).toBe('good');
    expect((await meet('kinds', { servername, sigalgs: 'rsa_pss_rsae_sha256' })).shown).toBe('rsa');
    expect((await meet('kinds', { servername, sigalgs: 'ecdsa_secp256r1_sha256', maxVersion: 'TLSv1.2' })).shown).toBe('good');
    expect((await meet('kinds', { servername: 'other.test' })).shown).toBe('other');
    // Nobody's name: the first certificate, whatever the client can do.
    expect((await meet('kinds', { servername: 'nobody.test' })).shown).toBe('other');
    await expect(meet('kinds', { servername: 'nobody.test', sigalgs: 'ecdsa_secp256r1_sha256' })).rejects.toThrow(/handshake failure/);
  });

  test('sessions come back by their number where there are no tickets', async () => {
    const first = await meet('numbered', { maxVersion: 'TLSv1.2' });
    const second = await meet('numbered', { maxVersion: 'TLSv1.2', session: first.session! });
    expect([first.reused, second.reused]).toEqual([false, true]);
    await expect.poll(() => stat('numbered', 'session_reused')).toBe(1);
  });

  test('the key log has the secrets of connections between the addresses that are meant', async () => {
    await meet('logged', { maxVersion: 'TLSv1.2' });
    await meet('unlogged', { maxVersion: 'TLSv1.2' });
    await expect
      .poll(() => readFileSync(join(authority.directory, 'keys'), 'latin1'))
      .toMatch(/^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}\n$/);
    expect(() => readFileSync(join(authority.directory, 'no-keys'))).toThrow('ENOENT');
  });
});
