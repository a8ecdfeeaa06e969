/** The access-log service of both proxies: takes Envoy's own gRPC service and OpenTelemetry logs over gRPC and HTTP, and shows what came as comparable text. */
import http2 from 'node:http2';
import type net from 'node:net';
import { fromBinary, type Registry, toJson } from '@bufbuild/protobuf';
import { apiRegistry } from '../../../src/config/api-registry.ts';
import { GrpcFrameDecoder, grpcFrame } from '../../../src/http/grpc-frames.ts';
import { readOtlpLogs } from '../../support/otlp-log-reader.ts';
import { pause, reached } from './patience.ts';

type Json = null | string | number | boolean | Json[] | { readonly [key: string]: Json };

const ALS = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';

export class LogServer {
  readonly #server: http2.Http2Server;
  readonly #sessions = new Set<http2.Http2Session>();
  #seen: string[] = [];
  #entries = 0;

  constructor() {
    this.#server = http2.createServer();
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => undefined);
    });
    this.#server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      const path = headers[':path'] ?? '';
      const frames = new GrpcFrameDecoder(1 << 24);
      const http = headers['content-type'] !== 'application/grpc';
      const body: Buffer[] = [];
      let first = true;
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => {
        if (http) body.push(chunk);
        for (const { message } of http ? [] : frames.decode(chunk)!) {
          if (first) this.#seen.push(shownHead(headers));
          first = false;
          this.#take(path, message);
        }
      });
      stream.on('end', () => {
        if (http) {
          this.#seen.push(shownHead(headers));
          this.#take(path, Buffer.concat(body));
        }
        if (stream.destroyed) return;
        if (!stream.headersSent) stream.respond({ ':status': 200, 'content-type': headers['content-type']! }, { waitForTrailers: !http });
        if (!http) {
          stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
          if (path !== ALS) stream.write(grpcFrame(Buffer.alloc(0)));
        }
        stream.end();
      });
      if (path === ALS) stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  forget(): void {
    this.#seen = [];
    this.#entries = 0;
  }

  /** All entries, once that many have come, or what there is. */
  async report(count: number): Promise<string> {
    await reached(() => this.#entries >= count);
    if (count === 0) await pause(40);
    return this.#seen.join('\n');
  }

  #take(path: string, message: Buffer): void {
    if (path !== ALS) {
      const records = readOtlpLogs(message);
      this.#entries += records.length;
      this.#seen.push(...records);
      return;
    }
    const registry = apiRegistry();
    const desc = registry.getMessage('envoy.service.accesslog.v3.StreamAccessLogsMessage')!;
    const json = toJson(desc, fromBinary(desc, message), { registry: registry as unknown as Registry }) as Record<string, Json>;
    const { identifier, ...logs } = json as { identifier?: { logName: string; node: Record<string, Json> } };
    if (identifier !== undefined) {
      const { id, cluster, metadata, locality } = identifier.node;
      this.#seen.push(`log ${identifier.logName} of ${JSON.stringify(comparable('', { id, cluster, metadata, locality } as Json))}`);
    }
    for (const [kind, entries] of Object.entries(logs)) {
      for (const entry of (entries as unknown as { logEntry: Json[] }).logEntry) {
        this.#entries++;
        this.#seen.push(`${kind} ${JSON.stringify(comparable('', entry), null, 1)}`);
      }
    }
  }
}

function shownHead(headers: http2.IncomingHttpHeaders): string {
  const lines = Object.entries(headers).filter(([name]) => name !== 'user-agent' && !name.startsWith('x-b3') && name !== 'traceparent');
  return lines
    .map(([name, value]) => `${name}: ${String(value)}`)
    .sort()
    .join('\n');
}

/** Sorted, addresses in one piece, and without what is chance. */
function comparable(key: string, value: Json): Json {
  if (/^(timeTo|duration|startTime)/.test(key)) return '{time}';
  if (key === 'tlsSessionId') return '{session}';
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => comparable('', item));
  const address = value['socketAddress'] as { address: string; portValue?: number } | undefined;
  if (address !== undefined) return `${address.address}:${address.portValue ?? 0}`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, item]) => [name, comparable(name, item)]));
}
