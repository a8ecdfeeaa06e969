/** What checks over HTTP/2 share: a `node:http2` session to the host, opened when a check needs it. Checks over HTTP/2 are rare enough not to need the proxy's own codec. */
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import type net from 'node:net';
import { HeaderMap, type RequestHeaders } from '../../http/header-map.ts';
import { nodeModule } from '../../runtime/node-module.ts';
import { type ConnectOptions, socketOptions } from '../pool/connect.ts';
import type { CheckedHost } from './checked-host.ts';
import type { HttpCheckParts } from './http-check-parts.ts';
import type { Probe, ProbeListener } from './probe.ts';

export interface Http2Answer {
  readonly status: number;
  readonly headers: HeaderMap;
  /** Empty without trailers. */
  readonly trailers: HeaderMap;
  readonly body: Buffer;
}

export abstract class Http2Probe implements Probe {
  protected readonly host: CheckedHost;
  protected readonly listener: ProbeListener;
  readonly #options: ConnectOptions;
  readonly #reuse: boolean;
  #session: ClientHttp2Session | null = null;
  #target = '';
  /** The check under way; what comes from another is late. */
  #stream: ClientHttp2Stream | null = null;
  #busy = false;

  constructor(host: CheckedHost, listener: ProbeListener, options: ConnectOptions, reuse: boolean) {
    this.host = host;
    this.listener = listener;
    this.#options = options;
    this.#reuse = reuse;
  }

  start(): void {
    this.#busy = true;
    const session = this.#connected();
    const { headers, body, keep } = this.request();
    const stream = session.request(fields(headers), { endStream: body.length === 0 });
    this.#stream = stream;
    let head: IncomingHttpHeaders = {};
    let trailers: IncomingHttpHeaders = {};
    const chunks: Buffer[] = [];
    let kept = 0;
    let ended = false;
    stream.on('response', (h) => {
      head = h;
    });
    stream.on('trailers', (h) => {
      trailers = h;
    });
    stream.on('data', (chunk: Buffer) => {
      if (kept < keep) chunks.push(chunk.subarray(0, keep - kept));
      kept += chunk.length;
    });
    stream.on('end', () => {
      ended = head[':status'] !== undefined;
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      if (this.#stream !== stream) return;
      this.#stream = null;
      if (!this.#busy) return;
      if (!ended || stream.rstCode !== 0) {
        this.#fail();
        return;
      }
      this.#busy = false;
      if (!this.#reuse) this.#disconnect();
      this.answered({
        status: Number(head[':status']),
        headers: toHeaderMap(head),
        trailers: toHeaderMap(trailers),
        body: Buffer.concat(chunks),
      });
    });
    if (body.length > 0) stream.end(body);
  }

  abort(): void {
    this.#busy = false;
    this.#disconnect();
  }

  close(): void {
    this.abort();
  }

  protected abstract request(): { readonly headers: RequestHeaders; readonly body: Buffer; readonly keep: number };
  protected abstract answered(answer: Http2Answer): void;

  #connected(): ClientHttp2Session {
    const address = this.host.checkAddress;
    const known = this.#session;
    if (known !== null && !known.closed && !known.destroyed && this.#target === address.text) return known;
    this.#disconnect();
    this.#target = address.text;
    const http2 = nodeModule<typeof import('node:http2')>('node:http2');
    const { connect } = nodeModule<typeof net>('node:net');
    const session = http2.connect('http://health', {
      createConnection: () => connect({ ...socketOptions(address, this.#options), allowHalfOpen: false }),
    });
    this.#session = session;
    const gone = (): void => {
      if (this.#session !== session) return;
      this.#session = null;
      if (this.#stream === null) this.#fail();
    };
    session.on('error', gone);
    session.on('close', gone);
    // The peer wants no further requests: the one under way ends, the next check connects anew.
    session.on('goaway', () => session.close());
    return session;
  }

  #fail(): void {
    if (!this.#busy) return;
    this.#busy = false;
    this.#disconnect();
    this.listener.onNetworkFailure();
  }

  #disconnect(): void {
    const session = this.#session;
    this.#session = null;
    this.#stream = null;
    session?.destroy();
  }
}

/** Over HTTP/2 as over HTTP/1: codec_client_type decides. */
export class Http2CheckProbe extends Http2Probe {
  readonly #parts: HttpCheckParts;

  constructor(host: CheckedHost, listener: ProbeListener, options: ConnectOptions, parts: HttpCheckParts, reuse: boolean) {
    super(host, listener, options, reuse);
    this.#parts = parts;
  }

  protected request() {
    return { headers: this.#parts.requestHeaders(this.host, 'HTTP/2'), body: this.#parts.send, keep: this.#parts.verdict.wanted(0) };
  }

  protected answered(answer: Http2Answer): void {
    this.#parts.verdict.report(answer.status, answer.headers, answer.body, this.listener);
  }
}

function fields(headers: RequestHeaders): OutgoingHttpHeaders {
  const all: OutgoingHttpHeaders = {
    ':method': headers.method,
    ':path': headers.path,
    ':authority': headers.authority,
    ':scheme': headers.scheme,
  };
  for (const name of new Set(headers.names)) {
    const values = headers.getAll(name);
    all[name] = values.length === 1 ? values[0]! : values;
  }
  return all;
}

function toHeaderMap(fields: IncomingHttpHeaders): HeaderMap {
  const map = new HeaderMap();
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(':')) continue;
    for (const one of Array.isArray(value) ? value : [value ?? '']) map.add(name, one);
  }
  return map;
}
