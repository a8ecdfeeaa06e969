/** Certificates that change under load: no connection fails, none is cut, and new ones see the new certificate. */
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority, type IssuedCertificate, OPENSSL } from '../support/certificates.ts';
import { call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { type RunningProxy, startProxy } from '../support/running-proxy.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const ROUTER = '{name: r, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}';
const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';

let authority: CertificateAuthority;
let directory: string;
let proxy: RunningProxy;
let upstream: Server;

/** As a ConfigMap or a careful writer does it. */
function swap(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function secretFile(certificate: IssuedCertificate): string {
  const tls = `certificate_chain: {filename: ${certificate.chain}}, private_key: {filename: ${certificate.key}}`;
  return `resources: [{"@type": ${TLS}.Secret, name: server, tls_certificate: {${tls}}}]\n`;
}
const trust = (path: string) =>
  `resources: [{"@type": ${TLS}.Secret, name: roots, validation_context: {trusted_ca: {filename: ${path}}}}]\n`;

function listener(name: string, common: string, cluster: string): string {
  const socket =
    common === ''
      ? ''
      : `transport_socket: {name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {${common}}}}, `;
  const routes = `{virtual_hosts: [{name: v, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${cluster}}}]}]}`;
  const filter = `{name: h, typed_config: {"@type": ${HCM}, stat_prefix: s, http_filters: [${ROUTER}], route_config: ${routes}}}`;
  return `  - {name: ${name}, address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{${socket}filters: [${filter}]}]}\n`;
}

function serial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()!.serialNumber);
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

describe.skipIf(OPENSSL === null)('certificates that change', () => {
  let first: IssuedCertificate;
  let second: IssuedCertificate;
  beforeAll(async () => {
    authority = new CertificateAuthority();
    directory = mkdtempSync(join(tmpdir(), 'outrider-rotation-'));
    first = authority.issue();
    second = authority.issue();
    upstream = createServer((_req, res) => res.end('ok'));
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    writeFileSync(join(directory, 'secret.yaml'), secretFile(first));
    writeFileSync(join(directory, 'roots.yaml'), trust(authority.path));
    copyFileSync(first.chain, join(directory, 'tls.pem'));
    copyFileSync(first.key, join(directory, 'tls.key'));
    const sds = (name: string, file: string) => `{name: ${name}, sds_config: {path_config_source: {path: ${join(directory, file)}}}}`;
    const files = `{certificate_chain: {filename: ${directory}/tls.pem}, private_key: {filename: ${directory}/tls.key}, watched_directory: {path: ${directory}}}`;
    const endpoint = (port: number) =>
      `endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]`;
    const port = (upstream.address() as AddressInfo).port;
    const secured = await startProxy(
      `  listeners:\n${listener('inner', `tls_certificates: [{certificate_chain: {filename: ${first.chain}}, private_key: {filename: ${first.key}}}]`, 'plain')}` +
        `  clusters:\n  - {name: plain, load_assignment: {cluster_name: plain, ${endpoint(port)}}}\n`,
    );
    inner = secured;
    proxy = await startProxy(
      `  listeners:\n${listener('sds', `tls_certificate_sds_secret_configs: [${sds('server', 'secret.yaml')}]`, 'plain')}` +
        listener('files', `tls_certificates: [${files}]`, 'plain') +
        listener('out', '', 'secure') +
        `  clusters:\n  - {name: plain, load_assignment: {cluster_name: plain, ${endpoint(port)}}}\n` +
        `  - {name: secure, max_requests_per_connection: 1, load_assignment: {cluster_name: secure, ${endpoint(secured.port('inner'))}}, transport_socket: {name: tls, typed_config: {"@type": ${TLS}.UpstreamTlsContext, ` +
        `common_tls_context: {combined_validation_context: {default_validation_context: {match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: server.test}}]}, ` +
        `validation_context_sds_secret_config: ${sds('roots', 'roots.yaml')}}}}}}\n`,
    );
  });
  let inner: RunningProxy;
  afterAll(async () => {
    await proxy?.stop();
    await inner?.stop();
    upstream?.close();
    authority?.remove();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });

  test.each([
    ['sds', () => swap(join(directory, 'secret.yaml'), secretFile(second))],
    [
      'files',
      () => {
        copyFileSync(second.key, join(directory, 'key.new'));
        renameSync(join(directory, 'key.new'), join(directory, 'tls.key'));
        swap(join(directory, 'tls.pem'), second.pem);
      },
    ],
  ])('%s: handshakes never fail, and see the new certificate; a connection that is there stays', async (name, change) => {
    const port = proxy.port(name);
    const held = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await once(held, 'secureConnect');
    let closed = false;
    held.on('close', () => {
      closed = true;
    });
    const before = await serial(port);
    let running = true;
    let handshakes = 0;
    const load = (async () => {
      while (running) {
        await serial(port);
        handshakes++;
      }
    })();
    change();
    await until('the change is in force', async () => (await serial(port)) !== before);
    running = false;
    await load;
    expect(handshakes).toBeGreaterThan(0);
    expect(closed).toBe(false);
    const reply = new Promise<number>((resolve, reject) => {
      const asked = request({ createConnection: () => held, path: '/', headers: { host: 'x' } }, (res) => resolve(res.statusCode!));
      asked.on('error', reject);
      asked.end();
    });
    expect(await reply).toBe(200);
    held.destroy();
  });

  test('an authority that changes holds for new upstream connections', async () => {
    expect((await call(proxy.port('out'))).status).toBe(200);
    const stranger = new CertificateAuthority('stranger');
    swap(join(directory, 'roots.yaml'), trust(stranger.path));
    await until('the change is in force', async () => (await proxy.stat('sds.roots.update_success')) === 2);
    stranger.remove();
    expect((await call(proxy.port('out'))).status).toBe(503);
    await expect.poll(() => proxy.stat('cluster.secure.ssl.fail_verify_error')).toBe(1);
    await expect.poll(() => proxy.stat('sds.roots.update_rejected')).toBe(0);
  });

  test('a secret that cannot be read leaves the one before in force', async () => {
    const before = await serial(proxy.port('sds'));
    swap(join(directory, 'secret.yaml'), secretFile({ ...second, key: first.key }));
    await until('the change is in force', async () => (await proxy.stat('sds.server.update_rejected')) === 1);
    expect(await serial(proxy.port('sds'))).toBe(before);
  });
});
