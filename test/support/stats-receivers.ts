/** Whatever a statistics sink can talk to: statsd over UDP and TCP, an OpenTelemetry collector over gRPC and HTTP, a metrics service. */
import dgram from 'node:dgram';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { Fields, grpcMessages } from './protobuf-reader.ts';

/** One metric of one report, with its labels in their order. */
export interface ReceivedMetric {
  readonly name: string;
  readonly labels: string;
  readonly kind: string;
  readonly value: string;
}

export class StatsReceivers {
  /** One for each that sends datagrams: a socket holds a few hundred that are not read yet. */
  readonly #udp = [0, 1, 2].map(() => dgram.createSocket('udp4'));
  readonly #tcp: net.Server;
  readonly #grpc: http2.Http2Server;
  readonly #http: http.Server;
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  readonly #sockets = new Set<net.Socket>();
  /** Each as it came. */
  readonly datagrams: string[] = [];
  tcpText = '';
  /** By path of the method: each request's or stream's body so far. */
  readonly calls = new Map<string, { readonly headers: http2.IncomingHttpHeaders; body: Buffer }[]>();
  readonly posts: { readonly headers: http.IncomingHttpHeaders; readonly path: string; readonly body: Buffer }[] = [];
  ports = { udp: [0, 0, 0], tcp: 0, grpc: 0, http: 0 };

  constructor() {
    for (const socket of this.#udp) socket.on('message', (message) => this.datagrams.push(message.toString()));
    this.#tcp = net.createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        this.tcpText += chunk.toString();
      });
    });
    this.#grpc = http2.createServer();
    this.#grpc.on('session', (session) => this.#sessions.add(session));
    this.#grpc.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      const path = headers[':path'] ?? '';
      const call = { headers, body: Buffer.alloc(0) as Buffer };
      this.calls.set(path, [...(this.calls.get(path) ?? []), call]);
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => {
        call.body = Buffer.concat([call.body, chunk]);
      });
      stream.on('end', () => {
        if (stream.destroyed) return;
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(Buffer.alloc(5));
      });
    });
    this.#http = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        this.posts.push({ headers: request.headers, path: request.url ?? '', body: Buffer.concat(chunks) });
        response.end();
      });
    });
  }

  async listen(): Promise<this> {
    for (const socket of this.#udp) await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    for (const server of [this.#tcp, this.#grpc, this.#http])
      await new Promise<void>((resolve) => (server as net.Server).listen(0, '127.0.0.1', () => resolve()));
    const port = (server: { address(): unknown }) => (server.address() as net.AddressInfo).port;
    this.ports = { udp: this.#udp.map(port), tcp: port(this.#tcp), grpc: port(this.#grpc), http: port(this.#http) };
    return this;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    this.#http.closeAllConnections();
    for (const socket of this.#udp) socket.close();
    for (const server of [this.#tcp, this.#grpc, this.#http])
      await new Promise<void>((resolve) => (server as net.Server).close(() => resolve()));
  }

  /** Lines of datagrams that begin with the prefix. */
  lines(prefix: string): string[] {
    return this.datagrams.flatMap((datagram) => datagram.split('\n')).filter((line) => line.startsWith(prefix));
  }

  get otlpRequests(): Fields[] {
    const calls = this.calls.get('/opentelemetry.proto.collector.metrics.v1.MetricsService/Export') ?? [];
    return calls.flatMap(({ body }) => grpcMessages(body).map((message) => new Fields(message)));
  }

  get metricsMessages(): Fields[] {
    const calls = this.calls.get('/envoy.service.metrics.v3.MetricsService/StreamMetrics') ?? [];
    return calls.flatMap(({ body }) => grpcMessages(body).map((message) => new Fields(message)));
  }
}

/** The metrics of an ExportMetricsServiceRequest. */
export function otlpMetrics(request: Fields): ReceivedMetric[] {
  const metrics = request.messages(1).flatMap((resource) => resource.messages(2).flatMap((scope) => scope.messages(2)));
  return metrics.flatMap((metric) => {
    const [field, kind] = metric.has(5) ? ([5, 'gauge'] as const) : metric.has(7) ? ([7, 'sum'] as const) : ([9, 'histogram'] as const);
    const data = metric.message(field);
    const how = field === 5 ? '' : ` temporality ${data.number(2)}${field === 7 ? ` monotonic ${data.number(3)}` : ''}`;
    return data.messages(1).map((point) => ({
      name: metric.text(1),
      labels: point
        .messages(field === 9 ? 9 : 7)
        .map((label) => `${label.text(1)}=${label.message(2).text(1)}`)
        .join(','),
      kind: kind + how,
      value:
        field === 9
          ? `count ${point.fixed64(4)} sum ${point.double(5)} buckets ${point.packedFixed64(6)} bounds ${point.packedDoubles(7)}`
          : String(point.fixed64(6)),
    }));
  });
}

const FAMILY_KINDS = ['counter', 'gauge', 'summary', 'untyped', 'histogram'];

/** The metric families of a StreamMetricsMessage. */
export function familyMetrics(message: Fields): ReceivedMetric[] {
  return message.messages(2).flatMap((family) => {
    const kind = FAMILY_KINDS[family.number(3)]!;
    return family.messages(4).map((metric) => ({
      name: family.text(1),
      labels: metric
        .messages(1)
        .map((label) => `${label.text(1)}=${label.text(2)}`)
        .join(','),
      kind,
      value: familyValue(kind, metric),
    }));
  });
}

function familyValue(kind: string, metric: Fields): string {
  if (kind === 'counter') return String(metric.message(3).double(1));
  if (kind === 'gauge') return String(metric.message(2).double(1));
  const data = metric.message(kind === 'summary' ? 4 : 7);
  const parts = data.messages(3).map((p) => (kind === 'summary' ? `${p.double(1)}:${p.double(2)}` : `${p.double(2)}:${p.number(1)}`));
  return `count ${data.number(1)} sum ${data.double(2)} ${parts.join(' ')}`;
}
