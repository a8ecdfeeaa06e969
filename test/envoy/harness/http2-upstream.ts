/** An HTTP/2 upstream of the comparison: Node's own server, which writes down what it got and answers as it is told. */
import http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { showBody } from './message-reader.ts';
import { pause, reached } from './patience.ts';

export interface Http2Reply {
  /** 200 */
  readonly status?: number;
  readonly headers?: http2.OutgoingHttpHeaders;
  /** A 1xx response first. */
  readonly interim?: http2.OutgoingHttpHeaders;
  /** Its name by default. */
  readonly body?: string;
  readonly trailers?: http2.OutgoingHttpHeaders;
  /** RST_STREAM instead of an answer, or after headers. */
  readonly reset?: { readonly code: number; readonly when: 'at once' | 'after headers' };
  /** GOAWAY with this last stream, counted from the stream of the request, and then nothing. */
  readonly goAway?: { readonly last: 'this' | 'before' };
  /** Answers before the request has ended. */
  readonly early?: boolean;
  /** Bytes come back in upper case. */
  readonly tunnel?: boolean;
  /** After the first bytes that came back. */
  readonly tunnelEnds?: 'half-close' | 'reset';
  readonly silent?: boolean;
}

export class Http2Upstream {
  readonly name: string;
  readonly #server: http2.Http2Server;
  readonly #sockets = new Set<Socket>();
  readonly #numbers = new WeakMap<http2.Http2Session, number>();
  #sessions = 0;
  #replies: Http2Reply[] = [];
  #records: { text: string }[] = [];
  readonly #open = new Set<http2.ServerHttp2Stream>();

  constructor(name: string, settings: http2.Settings = {}) {
    this.name = name;
    this.#server = http2.createServer({ settings: { enableConnectProtocol: true, ...settings } });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('session', (session: http2.Http2Session) => {
      this.#numbers.set(session, ++this.#sessions);
      session.on('error', () => undefined);
    });
    this.#server.on('stream', (stream: http2.ServerHttp2Stream, headers, _flags, raw) =>
      this.#serve(stream, headers, raw as unknown as string[]),
    );
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  prepare(replies: readonly Http2Reply[]): void {
    this.#replies = [...replies];
    this.#records = [];
  }

  /** Streams that somebody is about to end have ended, or a while has passed. */
  async settled(): Promise<void> {
    await reached(() => this.#open.size === 0, 5000);
  }

  report(): string {
    return this.#records.map((record) => record.text).join('\n');
  }

  #serve(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, raw: readonly string[]): void {
    const lines: string[] = [];
    for (let i = 0; i < raw.length; i += 2) lines.push(`${raw[i]}: ${raw[i + 1]}`);
    // The order of pseudo headers means nothing.
    const pseudo = lines.filter((line) => line.startsWith(':')).sort();
    lines.splice(0, pseudo.length, ...pseudo);
    const number = this.#numbers.get(stream.session!) ?? 0;
    const record = { text: '' };
    this.#records.push(record);
    const reply = this.#replies.shift() ?? {};
    const chunks: Buffer[] = [];
    const note = (): void => {
      const body = Buffer.concat(chunks);
      const reset = stream.rstCode !== undefined && stream.rstCode !== 0 ? [`[reset ${stream.rstCode}]`] : [];
      const content = body.length > 0 ? ['', showBody(body, String(headers['content-encoding'] ?? ''))] : [];
      record.text = [`<- ${this.name} #${number}`, ...lines, ...content, ...reset].join('\n');
    };
    const session = stream.session!;
    this.#open.add(stream);
    note();
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (reply.tunnel !== true) {
        note();
        return;
      }
      stream.write(chunk.toString('latin1').toUpperCase());
      if (reply.tunnelEnds === 'half-close') stream.end();
      else if (reply.tunnelEnds === 'reset') void pause(20).then(() => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
    });
    stream.on('trailers', (trailers) => {
      for (const [name, value] of Object.entries(trailers)) chunks.push(Buffer.from(`\n[trailer ${name}: ${value}]`));
    });
    stream.on('close', () => {
      this.#open.delete(stream);
      note();
    });
    const answer = (): void => {
      if (stream.destroyed || reply.silent === true) return;
      if (reply.interim !== undefined) stream.additionalHeaders(reply.interim);
      if (reply.goAway !== undefined) {
        (session as http2.ServerHttp2Session).goaway(0, reply.goAway.last === 'this' ? (stream.id ?? 0) : (stream.id ?? 0) - 2);
        if (reply.goAway.last === 'before') return;
      }
      if (reply.reset?.when === 'at once') {
        stream.close(reply.reset.code);
        return;
      }
      stream.respond(
        { ':status': reply.status ?? 200, date: 'Mon, 01 Jan 2024 00:00:00 GMT', ...(reply.headers ?? {}) },
        {
          waitForTrailers: reply.trailers !== undefined,
          endStream: reply.body === '' && reply.trailers === undefined && reply.tunnel !== true,
        },
      );
      stream.on('wantTrailers', () => stream.sendTrailers(reply.trailers ?? {}));
      if (reply.reset?.when === 'after headers') void pause(20).then(() => stream.close(reply.reset?.code));
      else if (reply.tunnel !== true && !stream.writableEnded)
        stream.end(headers[':method'] === 'HEAD' ? '' : Buffer.from(reply.body ?? this.name, 'latin1'));
    };
    if (reply.tunnel === true || reply.early === true) answer();
    else stream.on('end', answer);
    if (reply.early !== true && reply.tunnel !== true) stream.resume();
  }
}
