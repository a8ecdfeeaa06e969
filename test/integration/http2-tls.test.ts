/** HTTP/2 over TLS on both sides of the running proxy: what is offered, what is agreed on, and what is spoken then. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Server, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority, type IssuedCertificate, OPENSSL } from '../support/certificates.ts';
import { call } from '../support/http-call.ts';
import { until } from '../support/poll.ts';
import { type RunningProxy, startProxy } from '../support/running-proxy.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';

let authority: CertificateAuthority;
let proxy: RunningProxy;
/** Speak both; the first agrees on HTTP/2 where it can, the second never does, the third knows nothing of ALPN. */
let servers: Server[];
/** What the clients of each server have offered. */
let offered: (readonly string[])[][];

const serverNames = ['both', 'old', 'silent'] as const;

function upstreamServer(own: IssuedCertificate, kind: (typeof serverNames)[number], offers: (readonly string[])[]): Server {
  const identity = { cert: readFileSync(own.chain), key: readFileSync(own.key) };
  if (kind === 'silent')
    return createServer({ ...identity, ALPNProtocols: [] }, (req, res) => res.end(`${req.httpVersion} ${req.method} ${req.url}`));
  const choose = ({ protocols }: { protocols: string[] }): string | undefined => {
    offers.push(protocols);
    return kind === 'both' && protocols.includes('h2') ? 'h2' : 'http/1.1';
  };
  return http2.createSecureServer({ ...identity, allowHTTP1: true, ALPNCallback: choose }, (req, res) => {
    req.resume();
    req.on('end', () => res.end(`${req.httpVersion} ${req.method} ${req.url}`));
  });
}

function cluster(name: string, port: number, protocol: string, common = ''): string {
  return `  - name: ${name}
    load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}
    transport_socket: {name: tls, typed_config: {"@type": ${EXTENSIONS}.transport_sockets.tls.v3.UpstreamTlsContext, sni: a.test, common_tls_context: {validation_context: {trusted_ca: {filename: ${authority.path}}}${common}}}}
    typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": ${EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions, ${protocol}}}
`;
}

function listener(name: string, own: IssuedCertificate | null, clusters: readonly string[]): string {
  const socket =
    own === null
      ? ''
      : `transport_socket: {name: tls, typed_config: {"@type": ${EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: {alpn_protocols: [h2, http/1.1], tls_certificates: [{certificate_chain: {filename: ${own.chain}}, private_key: {filename: ${own.key}}}]}}}, `;
  return `  - name: ${name}
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - {${socket}filters: [{name: h, typed_config: {"@type": ${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: ${name},
        route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [${clusters.map((to) => `{match: {prefix: /${to}}, route: {cluster: ${to}}}`).join(', ')}]}]},
        http_filters: [{name: r, typed_config: {"@type": ${EXTENSIONS}.filters.http.router.v3.Router}}]}}]}
`;
}

/** One request over HTTP/2 and TLS. */
async function overHttp2(path: string, body = ''): Promise<{ status: number; body: string; protocol: string }> {
  const session = http2.connect(`https://127.0.0.1:${proxy.port('tls')}`, { ca: readFileSync(authority.path), servername: 'a.test' });
  try {
    const stream = session.request({ ':method': body === '' ? 'GET' : 'POST', ':path': path });
    if (body !== '') stream.end(body);
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders];
    let text = '';
    stream.setEncoding('latin1');
    for await (const chunk of stream) text += String(chunk);
    return { status: Number(headers[':status']), body: text, protocol: String((session.socket as TLSSocket).alpnProtocol) };
  } finally {
    session.close();
  }
}

function overHttp1(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const where = { host: '127.0.0.1', port: proxy.port('tls'), path, agent: false };
    const options = { ...where, ca: readFileSync(authority.path), servername: 'a.test', ALPNProtocols: ['http/1.1'] };
    const sent = request(options, (res) => {
      let text = '';
      res.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      res.on('end', () => resolve(text));
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe.skipIf(OPENSSL === null)('HTTP/2 over TLS', () => {
  beforeAll(async () => {
    authority = new CertificateAuthority();
    const own = authority.issue({ sans: 'DNS:a.test' });
    offered = serverNames.map(() => []);
    servers = serverNames.map((kind, i) => upstreamServer(own, kind, offered[i]!));
    for (const server of servers) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    const [both, old, silent] = servers.map((server) => (server.address() as AddressInfo).port) as [number, number, number];
    const one = 'explicit_http_config: {http_protocol_options: {}}';
    const two = 'explicit_http_config: {http2_protocol_options: {}}';
    const clusters =
      cluster('one', both, one) +
      cluster('two', both, two) +
      cluster('named', both, two, ', alpn_protocols: [h2, x]') +
      cluster('same', both, 'use_downstream_protocol_config: {http2_protocol_options: {}}') +
      cluster('auto-both', both, 'auto_config: {http2_protocol_options: {max_concurrent_streams: 50}}') +
      cluster('auto-old', old, 'auto_config: {}') +
      cluster('auto-silent', silent, 'auto_config: {}');
    const names = ['one', 'two', 'named', 'same', 'auto-both', 'auto-old', 'auto-silent'];
    proxy = await startProxy(`  listeners:\n${listener('plain', null, names)}${listener('tls', own, names)}  clusters:\n${clusters}`);
  });

  afterAll(async () => {
    await proxy?.stop();
    for (const server of servers ?? []) server.close();
    authority?.remove();
  });

  test.each([
    ['one', '1.1', ['http/1.1']],
    ['two', '2.0', ['h2']],
    ['named', '2.0', ['h2', 'x']],
  ])('towards a cluster: %s speaks HTTP/%s and offers %j', async (name, version, offer) => {
    offered[0]!.length = 0;
    const { status, body } = await call(proxy.port('plain'), `/${name}`);
    expect([status, body]).toEqual([200, `${version} GET /${name}`]);
    expect(offered[0]).toEqual([offer]);
  });

  test('from a client: HTTP/2 where it is agreed on', async () => {
    const { status, body, protocol } = await overHttp2('/two');
    expect([status, body, protocol]).toEqual([200, '2.0 GET /two', 'h2']);
    expect((await overHttp2('/two', 'x'.repeat(100_000))).body).toBe('2.0 POST /two');
    await expect.poll(() => proxy.stat('http.tls.downstream_cx_http2_total')).toBeGreaterThan(1);
  });

  test('from a client: HTTP/1 where that is what is agreed on', async () => {
    expect(await overHttp1('/two')).toBe('2.0 GET /two');
    await expect.poll(() => proxy.stat('http.tls.downstream_cx_http1_total')).toBe(1);
  });

  // Envoy counts a connection twice: before it knows what is spoken, and then.
  test.each([
    ['auto-both', 0, '2.0'],
    ['auto-old', 1, '1.1'],
    ['auto-silent', 2, '1.1'],
  ])('auto_config: %s', async (name, server, version) => {
    offered[server]!.length = 0;
    expect((await call(proxy.port('plain'), `/${name}`)).body).toBe(`${version} GET /${name}`);
    if (name !== 'auto-silent') expect(offered[server]).toEqual([['h2', 'http/1.1']]);
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(proxy.port('plain'), `/${name}`)));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`))).toEqual(new Set([`200 ${version} GET /${name}`]));
    let [one, two] = [0, 0];
    // A connection whose request another one has taken may still be shaking hands.
    await until('every connection has been counted twice', async () => {
      const all = await proxy.stat(`cluster.${name}.upstream_cx_total`);
      one = await proxy.stat(`cluster.${name}.upstream_cx_http1_total`);
      two = await proxy.stat(`cluster.${name}.upstream_cx_http2_total`);
      return all === 2 * (one + two);
    });
    expect([one > 0, two > 0]).toEqual([version === '1.1', version === '2.0']);
    await expect.poll(() => proxy.stat(`cluster.${name}.upstream_rq_pending_active`)).toBe(0);
    await expect.poll(() => proxy.stat(`cluster.${name}.upstream_rq_total`)).toBe(21);
  });

  test("use_downstream_protocol_config offers what the client's connection speaks", async () => {
    offered[0]!.length = 0;
    expect((await overHttp2('/same')).body).toBe('2.0 GET /same');
    expect(await overHttp1('/same')).toBe('1.1 GET /same');
    expect(offered[0]).toEqual([['h2'], ['http/1.1']]);
  });
});
