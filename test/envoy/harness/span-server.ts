/** The collector of both proxies' spans: takes Zipkin v2 JSON and OTLP over HTTP and gRPC, and shows what came as comparable text. */
import http from 'node:http';
import http2 from 'node:http2';
import type net from 'node:net';
import { GrpcFrameDecoder, grpcFrame } from '../../../src/http/grpc-frames.ts';
import { readOtlp } from '../../support/otlp-reader.ts';
import { pause, reached } from './patience.ts';

interface Shown {
  /** What spans are sorted by: nothing that is random. */
  readonly key: string;
  readonly text: string;
}

interface ZipkinSpan {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly kind: string;
  readonly name: string;
  readonly timestamp: number;
  readonly duration: number;
  readonly shared?: boolean;
  readonly localEndpoint: Readonly<Record<string, unknown>>;
  readonly annotations?: readonly { readonly value: string; readonly timestamp: number }[];
  readonly tags?: Readonly<Record<string, string>>;
}

export class SpanServer {
  readonly #server: http.Server;
  readonly #grpc: http2.Http2Server;
  readonly #sessions = new Set<http2.Http2Session>();
  #spans: Shown[] = [];

  constructor() {
    this.#server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        const otlp = request.url?.startsWith('/v1/traces') === true;
        const head = [`${request.method} ${request.url}`, ...shownHeaders(request.headers)].join('\n');
        this.#take(head, otlp ? fromOtlp(body) : fromZipkin(body));
        response.statusCode = otlp ? 200 : 202;
        response.end();
      });
    });
    this.#grpc = http2.createServer();
    this.#grpc.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => undefined);
    });
    this.#grpc.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      const frames = new GrpcFrameDecoder(1 << 24);
      const head = shownHeaders(headers).sort().join('\n');
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => {
        for (const { message } of frames.decode(chunk)!) this.#take(head, fromOtlp(message));
      });
      stream.on('end', () => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.end(grpcFrame(Buffer.alloc(0)));
      });
    });
  }

  /** @returns the ports for HTTP and for gRPC */
  async listen(): Promise<[number, number]> {
    for (const server of [this.#server, this.#grpc]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return [(this.#server.address() as net.AddressInfo).port, (this.#grpc.address() as net.AddressInfo).port];
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    for (const session of this.#sessions) session.destroy();
    for (const server of [this.#server, this.#grpc]) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #take(head: string, spans: readonly Shown[]): void {
    this.#spans.push(...spans.map(({ key, text }) => ({ key, text: `${head}\n${text}` })));
  }

  forget(): void {
    this.#spans = [];
  }

  /** All spans, once that many have come, or what there is. */
  async report(count: number): Promise<string> {
    await reached(() => this.#spans.length >= count);
    // One too many would come at once.
    if (count === 0) await pause(40);
    const sorted = [...this.#spans].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    return sorted.map((span) => span.text).join('\n');
  }
}

/** Names ids by the order in which they are met; those that the client sent stay. */
export function nameIds(text: string, sent: string): string {
  const names = new Map<string, string>();
  return text.replace(/\b(?:[0-9a-f]{32}|[0-9a-f]{16})\b/g, (id) => {
    if (sent.includes(id)) return id;
    // A short trace id is written with zeros before it where it has to be long, and is the first span's id.
    const [zeros, bare] = id.startsWith('0'.repeat(16)) ? ['0…', id.slice(16)] : ['', id];
    const name = names.get(bare) ?? `{id ${names.size + 1}, ${bare.length}}`;
    names.set(bare, name);
    return zeros + name;
  });
}

function shownHeaders(headers: http.IncomingHttpHeaders): string[] {
  return Object.entries(headers)
    .filter(([name]) => name !== 'user-agent')
    .map(([name, value]) => `${name}: ${value}`);
}

function fromZipkin(body: Buffer): Shown[] {
  return (JSON.parse(body.toString()) as ZipkinSpan[]).map((span) => {
    const tags = Object.entries(span.tags ?? {}).sort();
    const endpoint = Object.entries(span.localEndpoint).sort();
    const ordered = (span.annotations ?? []).map((one) => one.value);
    const inTime = span.timestamp > 0 && span.duration > 0;
    return {
      key: `${span.name} ${span.kind} ${span.tags?.['retry.count'] ?? ''}`,
      text: [
        `span "${span.name}" ${span.kind} trace ${span.traceId} id ${span.id} parent ${span.parentId ?? '-'}${span.shared === true ? ' shared' : ''}`,
        `  of ${endpoint.map(([name, value]) => `${name}=${value}`).join(' ')}${inTime ? '' : ' [no time]'}`,
        `  annotations ${ordered.join(' ')}`,
        ...tags.map(([name, value]) => `  ${name}=${value}`),
      ].join('\n'),
    };
  });
}

/** Who has encoded it is told by whoever did. */
function shownResource(resource: Readonly<Record<string, string>>): string {
  return Object.entries(resource)
    .filter(([name]) => !name.startsWith('telemetry.sdk.'))
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(' ');
}

function fromOtlp(body: Buffer): Shown[] {
  return readOtlp(body).map((span) => ({
    key: `${span.name} ${span.kind} ${span.attributes['retry.count'] ?? ''}`,
    text: [
      `span "${span.name}" kind ${span.kind} trace ${span.traceId} id ${span.id} parent ${span.parentId || '-'} state "${span.traceState}"`,
      `  of ${shownResource(span.resource)} in ${span.scope || '-'} flags ${span.flags} status ${span.status}${span.endNanos > span.startNanos ? '' : ' [no time]'}`,
      `  events ${span.events.join(' ')}`,
      ...Object.entries(span.attributes).map(([name, value]) => `  ${name}=${value}`),
    ].join('\n'),
  }));
}
