/** Listeners and clusters whose secrets are not there yet wait for them, and hold up nobody else; secrets that nobody names any more are let go. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CertificateAuthority, type IssuedCertificate, OPENSSL } from '../support/certificates.ts';
import { accepts, call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { freePort } from '../support/ports.ts';
import { ADMIN, hcm, newFolder, ProxyProcess } from '../support/proxy.ts';

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3';
const WORD = '[{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: here}}}]';

let folder: string;
let proxy: ProxyProcess;
let authority: CertificateAuthority;
let issued: IssuedCertificate;
let writes = 0;

function put(file: string, text: string): void {
  const temporary = join(folder, `.${file}.${++writes}`);
  writeFileSync(temporary, text);
  renameSync(temporary, join(folder, file));
}
function putResources(file: string, type: string, resources: readonly string[]): void {
  put(
    file,
    `resources: [${resources.map((resource) => resource.replace('{', `{"@type": type.googleapis.com/envoy.config.${type}, `)).join(', ')}]\n`,
  );
}
const putListeners = (...list: readonly string[]) => putResources('lds.yaml', 'listener.v3.Listener', list);
const putClusters = (...list: readonly string[]) => putResources('cds.yaml', 'cluster.v3.Cluster', list);
const putCertificate = (name: string) =>
  put(
    `${name}.yaml`,
    `resources: [{"@type": ${TLS}.Secret, name: ${name}, tls_certificate: {certificate_chain: {filename: ${issued.chain}}, private_key: {filename: ${issued.key}}}}]\n`,
  );

/** @param wait how long it is waited for; 0s = for ever, as slow as the machine may be */
const source = (name: string, wait = '0s') =>
  `{name: ${name}, sds_config: {path_config_source: {path: "${join(folder, name)}.yaml"}, initial_fetch_timeout: ${wait}}}`;

function listener(name: string, port: number, secret: string, routes: string): string {
  const socket =
    secret === ''
      ? ''
      : `transport_socket: {name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {tls_certificate_sds_secret_configs: [${secret}]}}}, `;
  const filters = hcm(`stat_prefix: ${name}, route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: ${routes}}]}`);
  return `{name: ${name}, address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}, filter_chains: [{${socket}filters: [${filters}]}]}`;
}

/** Common name that the server shows; '' = it ends the connection. */
function shown(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', () => resolve(''));
    socket.on('close', () => resolve(''));
  });
}

describe.skipIf(OPENSSL === null)('secrets that come late', () => {
  beforeAll(() => {
    authority = new CertificateAuthority();
    issued = authority.issue({ sans: 'DNS:a.test', subject: '/CN=late' });
  });
  afterAll(() => authority.remove());

  beforeEach(async () => {
    folder = newFolder();
    putListeners();
    putClusters();
    const lists = ['lds', 'cds'].map((list) => `${list}_config: {path_config_source: {path: "${join(folder, list)}.yaml"}}`);
    proxy = await ProxyProcess.start(`${ADMIN}node: {id: test, cluster: test}\ndynamic_resources: {${lists.join(', ')}}\n`, {
      folder,
      args: ['-l', 'error'],
    });
  });
  afterEach(() => proxy.stop());

  const stat = (name: string) => proxy.stat(name);

  test('a listener waits, while others come; when nobody names its secret any more it is let go', async () => {
    const [port, other] = [await freePort(), await freePort()];
    const waiting = listener('waiting', port, source('late'), WORD);
    putListeners(waiting, listener('other', other, '', WORD));
    await until('the other listener', () => accepts(other));
    await expect.poll(() => stat('listener_manager.total_listeners_warming')).toBe(1);
    expect(await accepts(port)).toBe(false);
    // A further list does not wait for it either, and changes nothing about it.
    putListeners(waiting);
    await until('the other listener is gone', async () => !(await accepts(other)));
    await expect.poll(() => stat('listener_manager.total_listeners_warming')).toBe(1);

    putCertificate('late');
    await until('the listener', async () => (await shown(port)) === 'late');
    await expect.poll(() => stat('listener_manager.total_listeners_warming')).toBe(0);
    await expect.poll(() => stat('sds.late.update_success')).toBe(1);
    await expect.poll(() => stat(`listener.127.0.0.1_${port}.server_ssl_socket_factory.ssl_context_update_by_sds`)).toBe(1);
    expect((await proxy.admin('/config_dump')).body).toContain('"name": "late"');

    putListeners();
    await until('the secret is gone', async () => !(await proxy.admin('/config_dump')).body.includes('late'));
    const attempts = await stat('sds.late.update_attempt');
    putCertificate('late');
    putListeners(listener('other', other, '', WORD));
    await until('the other listener', () => accepts(other));
    await expect.poll(() => stat('sds.late.update_attempt')).toBe(attempts);
  });

  test('an update that waits leaves what runs alone, and is forgotten when it is taken back', async () => {
    const port = await freePort();
    const plain = listener('l', port, '', WORD);
    putListeners(plain);
    await until('the listener', () => accepts(port));
    putListeners(listener('l', port, source('never'), WORD));
    await until('it waits', async () => (await stat('listener_manager.total_listeners_warming')) === 1);
    expect((await call(port)).body).toBe('here');
    putListeners(plain);
    await until('it waits no more', async () => (await stat('listener_manager.total_listeners_warming')) === 0);
    expect((await call(port)).body).toBe('here');
  });

  test('nobody waits longer than initial_fetch_timeout says', async () => {
    const port = await freePort();
    putListeners(listener('l', port, source('late', '0.1s'), WORD));
    await until('the listener', () => accepts(port));
    await expect.poll(() => stat('sds.late.init_fetch_timeout')).toBe(1);
    const refused = `listener.127.0.0.1_${port}.server_ssl_socket_factory.downstream_context_secrets_not_ready`;
    const before = await stat(refused);
    expect(await shown(port)).toBe('');
    await expect.poll(() => stat(refused)).toBeGreaterThan(before);
    putCertificate('late');
    await until('the certificate', async () => (await shown(port)) === 'late');
  });

  test('a cluster waits for its authorities, and holds up no other', async () => {
    const server: Server = createServer({ cert: readFileSync(issued.chain), key: readFileSync(issued.key) }, (_req, res) =>
      res.end('secure'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = (name: string) =>
      `load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${(server.address() as AddressInfo).port}}}}}]}]}`;
    const secure = (name: string, validation: string) =>
      `{name: ${name}, transport_socket: {name: tls, typed_config: {"@type": ${TLS}.UpstreamTlsContext, common_tls_context: {${validation}}}}, ${endpoint(name)}}`;
    const port = await freePort();
    putListeners(
      listener('l', port, '', `[{match: {prefix: /late}, route: {cluster: late}}, {match: {prefix: /}, route: {cluster: other}}]`),
    );
    putClusters(secure('late', `validation_context_sds_secret_config: ${source('roots')}`), secure('other', ''));
    await until('the other cluster', async () => (await call(port, '/')).body === 'secure');
    await expect.poll(() => stat('cluster_manager.warming_clusters')).toBe(1);
    expect((await call(port, '/late')).status).toBe(503);
    put(
      'roots.yaml',
      `resources: [{"@type": ${TLS}.Secret, name: roots, validation_context: {trusted_ca: {filename: ${authority.path}}}}]\n`,
    );
    await until('the cluster', async () => (await call(port, '/late')).body === 'secure');
    await expect.poll(() => stat('cluster_manager.warming_clusters')).toBe(0);
    server.close();
  });
});
