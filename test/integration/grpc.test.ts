/** gRPC as @grpc/grpc-js speaks it, through one proxy in plain text and with TLS, and through two with mutual TLS between them. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Client, Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CertificateAuthority, OPENSSL } from '../support/certificates.ts';
import { type GrpcPeer, grpcClient, METHODS, type PeerCertificates, startGrpcServer } from '../support/grpc-peer.ts';
import { until } from '../support/poll.ts';
import { type RunningProxy, startProxy } from '../support/running-proxy.ts';

const EXTENSIONS = 'type.googleapis.com/envoy.extensions';
const TLS = `${EXTENSIONS}.transport_sockets.tls.v3`;

function listener(name: string, socket: string, cluster: string): string {
  return `  - name: ${name}
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - {${socket}filters: [{name: h, typed_config: {"@type": ${EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: ${name},
        route_config: {virtual_hosts: [{name: a, domains: ["*"], routes: [{match: {prefix: /test.Echo, grpc: {}}, route: {cluster: ${cluster}, timeout: 0s, max_stream_duration: {grpc_timeout_header_max: 0s}}}]}]},
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

/** The cluster, and its proxy, that calls of a setup go through first. */
const POOLS = [
  ['plain', 0],
  ['tls', 0],
  ['next', 1],
] as const;
const SETUPS = ['plain text', 'TLS on both sides', 'mutual TLS between two proxies'] as const;

let authority: CertificateAuthority | null = null;
let identity: PeerCertificates | null = null;
const servers: GrpcPeer[] = [];
const proxies: RunningProxy[] = [];
/** Filled in by `beforeAll`, in the order of SETUPS. */
const clients: Client[] = [];

beforeAll(async () => {
  const plainServer = await startGrpcServer(null);
  servers.push(plainServer);
  let listeners = listener('plain', '', 'plain');
  let clusters = cluster('plain', plainServer.port, '');
  if (OPENSSL === null) {
    const proxy = await startProxy(`  listeners:\n${listeners}  clusters:\n${clusters}`);
    proxies.push(proxy);
    clients.push(grpcClient(proxy.port('plain'), null));
    return;
  }
  authority = new CertificateAuthority();
  const own = authority.issue({ sans: 'DNS:a.test' });
  identity = { authority: readFileSync(authority.path), chain: readFileSync(own.chain), key: readFileSync(own.key) };
  const secureServer = await startGrpcServer(identity);
  servers.push(secureServer);
  const shown = `tls_certificates: [{certificate_chain: {filename: ${own.chain}}, private_key: {filename: ${own.key}}}]`;
  const trusted = `validation_context: {trusted_ca: {filename: ${authority.path}}}`;
  const down = (more: string) =>
    `transport_socket: {name: tls, typed_config: {"@type": ${TLS}.DownstreamTlsContext, common_tls_context: {alpn_protocols: [h2], ${shown}${more}}}, `;
  const up = `transport_socket: {name: tls, typed_config: {"@type": ${TLS}.UpstreamTlsContext, sni: a.test, common_tls_context: {${shown}, ${trusted}}}}`;
  listeners += listener('tls', down('}'), 'tls') + listener('mtls', down(`, ${trusted}}, require_client_certificate: true`), 'plain');
  clusters += cluster('tls', secureServer.port, up);
  const inner = await startProxy(`  listeners:\n${listeners}  clusters:\n${clusters}`);
  proxies.push(inner);
  const outer = await startProxy(`  listeners:\n${listener('outer', '', 'next')}  clusters:\n${cluster('next', inner.port('mtls'), up)}`);
  proxies.push(outer);
  servers.push(plainServer);
  clients.push(grpcClient(inner.port('plain'), null), grpcClient(inner.port('tls'), identity), grpcClient(outer.port('outer'), null));
});

afterAll(async () => {
  for (const client of clients) client.close();
  for (const proxy of proxies) await proxy.stop();
  for (const server of servers) server.stop();
  authority?.remove();
});

interface Outcome {
  readonly error: ServiceError | null;
  readonly reply: Buffer | undefined;
  readonly initial: Metadata | null;
  readonly status: StatusObject | null;
}

/** Until the server has been told of so many cancelled calls. */
function cancelled(server: GrpcPeer, count: number): Promise<true> {
  return until(`${count} calls are cancelled`, () => server.cancelled() >= count);
}

describe.each(SETUPS.map((name, i) => [name, i] as const))('%s', (_name, i) => {
  const applies = i === 0 || OPENSSL !== null;

  function unary(of: keyof typeof METHODS, message: Buffer, metadata = new Metadata(), deadlineMs = 0): Promise<Outcome> {
    const { path, requestSerialize, responseDeserialize } = METHODS[of];
    return new Promise((resolve) => {
      let initial: Metadata | null = null;
      let reply: Buffer | undefined;
      let error: ServiceError | null = null;
      const options = deadlineMs === 0 ? {} : { deadline: Date.now() + deadlineMs };
      const call = clients[i]!.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        message,
        metadata,
        options,
        (failure, value) => {
          error = failure;
          reply = value;
        },
      );
      call.on('metadata', (got: Metadata) => {
        initial = got;
      });
      call.on('status', (got: StatusObject) => setImmediate(() => resolve({ error, reply, initial, status: got })));
    });
  }

  test.runIf(applies).each([0, 1, 100, 65_535, 4 << 20])('unary, %i bytes', async (size) => {
    const message = randomBytes(size);
    const { error, reply } = await unary('unary', message);
    expect(error).toBeNull();
    expect(reply!.equals(message)).toBe(true);
  });

  test.runIf(applies)('many unary calls at a time share a connection', async () => {
    const messages = Array.from({ length: 200 }, (_, n) => Buffer.from(`call ${n}`));
    const outcomes = await Promise.all(messages.map((message) => unary('unary', message)));
    expect(outcomes.map(({ reply }) => String(reply))).toEqual(messages.map(String));
    const [name, proxy] = POOLS[i]!;
    await expect.poll(async () => await proxies[proxy]!.stat(`cluster.${name}.upstream_cx_http2_total`)).toBe(1);
  });

  test.runIf(applies)('metadata both ways, of text and of bytes', async () => {
    const metadata = new Metadata();
    metadata.add('x-text', 'one');
    metadata.add('x-text', 'two');
    const bytes = Buffer.from([0, 255, 10, 13, 128, 7]);
    metadata.add('x-data-bin', bytes);
    const { initial, status: last } = await unary('unary', Buffer.from('m'), metadata);
    for (const [got, text, data] of [
      [initial!, 'x-text', 'x-data-bin'],
      [last!.metadata, 'x-t-text', 'x-t-data-bin'],
    ] as const) {
      expect(got.get(text).join(', ')).toBe('one, two');
      expect(got.get(data)).toEqual([bytes]);
    }
  });

  test.runIf(applies)('a stream of the client', async () => {
    const parts = Array.from({ length: 50 }, (_, n) => randomBytes(n * 400));
    const { path, requestSerialize, responseDeserialize } = METHODS.collect;
    const reply = await new Promise<Buffer>((resolve, reject) => {
      const call = clients[i]!.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error, value) =>
        error === null ? resolve(value!) : reject(error),
      );
      for (const part of parts) call.write(part);
      call.end();
    });
    expect(reply.equals(Buffer.concat(parts))).toBe(true);
  });

  test.runIf(applies)('a stream of the server', async () => {
    const { path, requestSerialize, responseDeserialize } = METHODS.expand;
    const call = clients[i]!.makeServerStreamRequest(path, requestSerialize, responseDeserialize, Buffer.from('40 50000'));
    let count = 0;
    for await (const message of call) expect((message as Buffer).equals(Buffer.alloc(50_000, count++))).toBe(true);
    expect(count).toBe(40);
  });

  test.runIf(applies && process.platform === 'linux')('a stream of the server that is read slowly', async () => {
    const { path, requestSerialize, responseDeserialize } = METHODS.expand;
    const before = proxies.map((proxy) => proxy.resident());
    const [count, size] = [2600, 50_000] as const;
    const [name, at] = POOLS[i]!;
    const moved = () => proxies[at]!.stat(`cluster.${name}.upstream_cx_rx_bytes_total`);
    const start = await moved();
    const call = clients[i]!.makeServerStreamRequest(path, requestSerialize, responseDeserialize, Buffer.from(`${count} ${size}`));
    await new Promise((resolve) => call.once('data', resolve));
    call.pause();
    // 130 MB are on their way. Nobody reads: each proxy may keep what the windows of one stream allow, and soon nothing moves any more.
    for (let same = 0, last = -1; same < 10; ) {
      const now = await moved();
      same = now === last ? same + 1 : 0;
      last = now;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await moved()) - start).toBeLessThan(count * size - (32 << 20));
    for (const [n, proxy] of proxies.entries()) expect(proxy.resident() - before[n]!).toBeLessThan(96 << 20);
    let got = 1;
    call.on('data', () => got++);
    call.resume();
    await new Promise((resolve) => call.on('end', resolve));
    expect(got).toBe(count);
  });

  test.runIf(applies)('streams of both, message by message', async () => {
    const { path, requestSerialize, responseDeserialize } = METHODS.chat;
    const call = clients[i]!.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const messages = call[Symbol.asyncIterator]();
    for (let n = 0; n < 30; n++) {
      call.write(Buffer.from(`message ${n}`));
      // The next one is sent only when this one has come back: nothing on the way may wait for more.
      expect(String((await messages.next()).value)).toBe(`message ${n}`);
    }
    call.end();
    expect((await messages.next()).done).toBe(true);
  });

  test.runIf(applies)('an empty stream', async () => {
    const { path, requestSerialize, responseDeserialize } = METHODS.chat;
    const call = clients[i]!.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    call.end();
    const got: unknown[] = [];
    for await (const message of call) got.push(message);
    expect(got).toEqual([]);
  });

  test.runIf(applies).each([
    [status.NOT_FOUND, 'no such thing'],
    [status.UNKNOWN, ''],
    [status.RESOURCE_EXHAUSTED, '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \u{1f608}\t\n'],
    [status.UNAUTHENTICATED, '100% refused'],
  ])('status %i with its message', async (code, details) => {
    const { error } = await unary('fail', Buffer.from(`${code} ${details}`));
    expect([error!.code, error!.details]).toEqual([code, details]);
  });

  test.runIf(applies)('a failure after the first message', async () => {
    const { path, requestSerialize, responseDeserialize } = METHODS.failLate;
    const call = clients[i]!.makeServerStreamRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0));
    const got: string[] = [];
    call.on('data', (message: Buffer) => got.push(String(message)));
    const failure = await new Promise<ServiceError>((resolve) => call.on('error', (error) => resolve(error as ServiceError)));
    expect([got, failure.code, failure.details]).toEqual([['first'], status.DATA_LOSS, 'the rest is lost']);
  });

  test.runIf(applies)('a method that the service has not, and a service that there is not', async () => {
    const ask = (path: string) =>
      new Promise<ServiceError>((resolve) => {
        const { requestSerialize, responseDeserialize } = METHODS.unary;
        clients[i]!.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0), (error) => resolve(error!));
      });
    expect((await ask('/test.Echo/Nothing')).code).toBe(status.UNIMPLEMENTED);
    // No route: the proxy's own 404 becomes a status of gRPC.
    expect((await ask('/other.Service/Unary')).code).toBe(status.UNIMPLEMENTED);
  });

  test.runIf(applies)('the deadline passes', async () => {
    const before = servers[i]!.cancelled();
    const { error } = await unary('hang', Buffer.from('x'), new Metadata(), 500);
    expect(error!.code).toBe(status.DEADLINE_EXCEEDED);
    await cancelled(servers[i]!, before + 1);
  });

  test.runIf(applies)('the client cancels a stream under way', async () => {
    const before = servers[i]!.cancelled();
    const { path, requestSerialize, responseDeserialize } = METHODS.chat;
    const call = clients[i]!.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const failed = new Promise<ServiceError>((resolve) => call.on('error', (error) => resolve(error as ServiceError)));
    await new Promise((resolve) => {
      call.once('data', resolve);
      call.write(Buffer.from('hello'));
    });
    call.cancel();
    expect((await failed).code).toBe(status.CANCELLED);
    await cancelled(servers[i]!, before + 1);
  });
});
