/** A PROXY header in front of TLS, and in front of health checks. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CertificateAuthority, OPENSSL } from '../support/certificates.ts';
import { until } from '../support/poll.ts';
import { ADMIN, endpoints, httpListener, ProxyProcess, routeTo } from '../support/proxy.ts';

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets';
const headers: string[] = [];
let authority: CertificateAuthority;
let listening: net.Server;
let checked: net.Server;
const answering = http.createServer((_request, response) => response.end('answer'));
let proxy: ProxyProcess;

const listen = async (server: net.Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
};

beforeAll(async () => {
  if (OPENSSL === null) return;
  authority = new CertificateAuthority();
  const own = authority.issue({ sans: 'DNS:a.test' });
  const context = { cert: readFileSync(own.chain), key: readFileSync(own.key) };
  listening = net.createServer((socket) => {
    socket.once('data', (bytes: Buffer) => {
      const end = bytes.indexOf('\r\n') + 2;
      headers.push(bytes.latin1Slice(0, end));
      socket.pause();
      if (end < bytes.length) socket.unshift(bytes.subarray(end));
      const secure = new tls.TLSSocket(socket, { isServer: true, ...context });
      secure.on('error', () => undefined);
      answering.emit('connection', secure);
    });
  });
  const seen: Buffer[] = [];
  checked = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      seen.push(bytes);
      if (Buffer.concat(seen).includes('are you there')) socket.write('yes');
      headers.push(bytes.latin1Slice());
    });
  });
  const [secured, tcp] = [await listen(listening), await listen(checked)];
  const announcing = (version: string, inner: string) =>
    `transport_socket: {name: pp, typed_config: {"@type": ${TYPE}.proxy_protocol.v3.ProxyProtocolUpstreamTransport, config: {version: ${version}}, transport_socket: ${inner}}}`;
  const inTls = `{name: tls, typed_config: {"@type": ${TYPE}.tls.v3.UpstreamTlsContext, sni: a.test, common_tls_context: {validation_context: {trusted_ca: {filename: ${authority.path}}}}}}`;
  const plain = `{name: raw, typed_config: {"@type": ${TYPE}.raw_buffer.v3.RawBuffer}}`;
  const text = (words: string) => `{text: "${Buffer.from(words).toString('hex')}"}`;
  const check = `health_checks: [{timeout: 10s, interval: 10s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {send: ${text('are you there')}, receive: [${text('yes')}]}}]`;
  proxy = await ProxyProcess.start(
    `${ADMIN}static_resources: {listeners: [${httpListener('l', routeTo('secured'))}], clusters: [
      {name: secured, connect_timeout: 10s, load_assignment: ${endpoints('secured', secured)}, ${announcing('V1', inTls)}},
      {name: checked, connect_timeout: 10s, load_assignment: ${endpoints('checked', tcp)}, ${check}, ${announcing('V2', plain)}}]}`,
  );
});

afterAll(async () => {
  await proxy?.stop();
  listening?.close();
  checked?.close();
  answering.closeAllConnections();
  authority?.remove();
});

test.skipIf(OPENSSL === null)('before the TLS handshake', async () => {
  const port = await proxy.port('l');
  const agent = new http.Agent({ keepAlive: true });
  const ask = () =>
    new Promise<[string, number]>((resolve, reject) => {
      const request = http.get({ port, host: '127.0.0.1', agent }, (response) => {
        let body = '';
        const { localPort } = request.socket!;
        response.setEncoding('utf8').on('data', (piece: string) => (body += piece));
        response.on('end', () => resolve([body, localPort!]));
      });
      request.on('error', reject);
    });
  const [body, from] = await ask();
  expect(body).toBe('answer');
  expect(headers.filter((header) => header.startsWith('PROXY'))).toEqual([`PROXY TCP4 127.0.0.1 127.0.0.1 ${from} ${port}\r\n`]);
  expect((await ask())[0]).toBe('answer');
  expect(headers.filter((header) => header.startsWith('PROXY'))).toHaveLength(1);
  agent.destroy();
});

test.skipIf(OPENSSL === null)('before a health check, which is for nobody', async () => {
  await until('the host is healthy', async () => (await proxy.stat('cluster.checked.health_check.success')) > 0);
  const header = headers.find((one) => one.includes('QUIT'))!;
  expect(Buffer.from(header.slice(0, 16), 'latin1').toString('hex')).toBe('0d0a0d0a000d0a515549540a20000000');
});
