/**
 * gRPC's interoperability tests between implementations that are not ours: every case without authentication, each peer as client and as
 * server, through one proxy in plain text and with TLS, and through two with mutual TLS between them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority, OPENSSL } from '../support/certificates.ts';
import { PEERS, type ServerProcess } from '../support/interop/peers.ts';
import { until } from '../support/poll.ts';
import { type RunningProxy, startProxy } from '../support/running-proxy.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const TLS = `${EXTENSIONS}.transport_sockets.tls.v3`;
const SETUPS = ['plain text', 'TLS on both sides', 'mutual TLS between two proxies'] as const;
/** Listener that the client of each setup speaks to, without the server's name. */
const LISTENERS = ['plain', 'tls', 'outer'] as const;

function listener(name: string, socket: string, cluster: string): string {
  return `  - name: ${name}
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - {${socket}filters: [{name: h, typed_config: {"@type": ${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: ${name},
        route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: ${cluster}, timeout: 0s, max_stream_duration: {grpc_timeout_header_max: 0s}}}]}]},
        http_filters: [{name: r, typed_config: {"@type": ${EXTENSIONS}.filters.http.router.v3.Router}}]}}]}
`;
}

function cluster(name: string, port: number, socket: string): string {
  return `  - name: ${name}
    load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}
    ${socket}
    typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {"@type": ${EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: {http2_protocol_options: {}}}}
`;
}

const present = PEERS.filter(({ missing }) => missing === null);
const applies = present.length > 0 && OPENSSL !== null;
const servers = new Map<string, ServerProcess>();
const proxies: RunningProxy[] = [];
let authority: CertificateAuthority | null = null;
const ports = new Map<string, number>();

beforeAll(async () => {
  if (!applies) return;
  authority = new CertificateAuthority();
  const own = authority.issue({ sans: 'DNS:a.test' });
  const shown = `tls_certificates: [{certificate_chain: {filename: ${own.chain}}, private_key: {filename: ${own.key}}}]`;
  const trusted = `validation_context: {trusted_ca: {filename: ${authority.path}}}`;
  const down = (more: string) =>
    `transport_socket: {name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {alpn_protocols: [h2], ${shown}${more}}}, `;
  const up = `transport_socket: {name: tls, typed_config: {"@type": ${TLS}.UpstreamTlsContext, sni: a.test, common_tls_context: {alpn_protocols: [h2], ${shown}, ${trusted}}}}`;
  let listeners = '';
  let clusters = '';
  await Promise.all(
    present.map(async (peer) => {
      const [plain, secure] = await Promise.all([peer.startServer(null), peer.startServer(own)]);
      servers.set(`plain-${peer.name}`, plain).set(`tls-${peer.name}`, secure).set(`outer-${peer.name}`, plain);
      listeners += listener(`plain-${peer.name}`, '', `plain-${peer.name}`) + listener(`tls-${peer.name}`, down('}'), `tls-${peer.name}`);
      listeners += listener(`inner-${peer.name}`, down(`, ${trusted}}, require_client_certificate: true`), `plain-${peer.name}`);
      clusters += cluster(`plain-${peer.name}`, plain.port, '') + cluster(`tls-${peer.name}`, secure.port, up);
    }),
  );
  const inner = await startProxy(`  listeners:\n${listeners}  clusters:\n${clusters}`);
  proxies.push(inner);
  const outer = await startProxy(
    `  listeners:\n${present.map(({ name }) => listener(`outer-${name}`, '', `next-${name}`)).join('')}  clusters:\n${present.map(({ name }) => cluster(`next-${name}`, inner.port(`inner-${name}`), up)).join('')}`,
  );
  proxies.push(outer);
  for (const { name } of present) {
    for (const kind of ['plain', 'tls']) ports.set(`${kind}-${name}`, inner.port(`${kind}-${name}`));
    ports.set(`outer-${name}`, outer.port(`outer-${name}`));
  }
});

afterAll(async () => {
  for (const proxy of proxies) await proxy.stop();
  for (const server of servers.values()) server.stop();
  authority?.remove();
});

describe.each(SETUPS.map((setup, i) => [setup, LISTENERS[i]!] as const))('%s', (_setup, kind) => {
  for (const client of PEERS) {
    for (const server of PEERS) {
      test.runIf(OPENSSL !== null && client.missing === null && server.missing === null)(
        `${client.name} asks, ${server.name} answers`,
        { timeout: 300_000 },
        async () => {
          const name = `${kind}-${server.name}`;
          const before = servers.get(name)!.givenUp();
          const cases = client.cases.filter((each) => server.answers.includes(each));
          const answers = await client.ask(ports.get(name)!, kind === 'tls' ? authority!.path : null, cases);
          expect(answers).toEqual(cases.map(() => 'ok'));
          // The stream that its client cancels ends at the server as well.
          if (before >= 0) await until('the server has given it up', () => servers.get(name)!.givenUp() > before);
        },
      );
    }
  }
});

const grpcio = PEERS[0]!;

test.runIf(applies && grpcio.missing === null)('messages that are compressed by a peer pass as they are', async () => {
  const proxy = proxies[0]!;
  const bytes = async (of: 'tx' | 'rx') => proxy.stat(`cluster.plain-grpcio.upstream_cx_${of}_bytes_total`);
  // 271,828 bytes out and 314,159 in, of which one side is compressed.
  for (const [name, small, large, size] of [
    ['client_compressed_unary', 'tx', 'rx', 314_159],
    ['server_compressed_unary', 'rx', 'tx', 271_828],
  ] as const) {
    const before = [await bytes(small), await bytes(large)] as const;
    expect(await grpcio.ask(ports.get('plain-grpcio')!, null, [name])).toEqual(['ok']);
    expect((await bytes(small)) - before[0]).toBeLessThan(20_000);
    expect((await bytes(large)) - before[1]).toBeGreaterThan(size);
  }
});
