/** The HTTP/2 client of the comparison: Node's own for requests as they should be, hand-made frames for those that should not. */
import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import type tls from 'node:tls';
import { describeFrame, type Frame, frame, PREFACE, parseFrames } from '../../http/h2/frames.ts';
import { showBody } from './message-reader.ts';
import { type Agree, pause } from './patience.ts';
import { type CertificateName, tlsFixture } from './tls-fixture.ts';

const GIVE_UP_MS = 15_000;

export interface Http2Request {
  /** With pseudo headers; what is missing of them is filled in. */
  readonly headers: http2.OutgoingHttpHeaders;
  readonly body?: string;
  readonly trailers?: http2.OutgoingHttpHeaders;
  /** Sent when the response has begun: what follows is a tunnel. */
  readonly tunnel?: string;
  /** What happens when as much has come back: RST_STREAM (the default), END_STREAM, or nothing. */
  readonly tunnelEnds?: 'half-close' | 'never';
  /** RST_STREAM with this code: at once, or when the response has begun. */
  readonly reset?: { readonly code: number; readonly when: 'sent' | 'answered' };
  /** The request is never ended. */
  readonly open?: boolean;
}

export interface Http2Send {
  /** One after the other, or all at once. */
  readonly requests: readonly Http2Request[];
  readonly together?: boolean;
  readonly settings?: http2.Settings;
  /** Over TLS, with ALPN h2. */
  readonly tls?: { readonly serverName?: string; readonly certificate?: CertificateName };
  /** Wait for the end of the connection after the last answer. */
  readonly closes?: boolean;
}

export interface Http2Frames {
  /** Written after the preface and SETTINGS, in pieces with a short pause between them. */
  readonly frames: readonly Buffer[];
  /** Milliseconds between the pieces (30). */
  readonly pause?: number;
  /** Kinds of frames that are shown; "RST_STREAM", "HEADERS" and "DATA" by default: others depend on when something is flushed. */
  readonly shows?: RegExp;
  /** The proxy has to close the connection. */
  readonly closes?: boolean;
}

export async function playHttp2(port: number, send: Http2Send, agree: Agree): Promise<string> {
  const session =
    send.tls === undefined
      ? http2.connect(`http://127.0.0.1:${port}`, { settings: send.settings ?? {} })
      : http2.connect(`https://127.0.0.1:${port}`, { settings: send.settings ?? {}, ...tlsOptions(send.tls) });
  const notes: string[] = [];
  session.on('error', (error) => notes.push(`[error ${(error as NodeJS.ErrnoException).code}]`));
  session.on('goaway', (code) => notes.push(`[GOAWAY ${code}]`));
  const closed = new Promise<void>((resolve) => session.on('close', resolve));
  const seen: string[] = [];
  if (send.together === true) seen.push(...(await Promise.all(send.requests.map((request) => one(session, request)))));
  else for (const request of send.requests) seen.push(await one(session, request));
  if (send.closes === true) await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, GIVE_UP_MS))]);
  else await pause(send.requests.some((request) => request.reset !== undefined) ? 50 : 5);
  await agree(() => `${session.closed} ${[...new Set(notes)].join(' ')}`);
  const fate = session.closed ? '[connection closed]' : '[connection open]';
  session.destroy();
  return [...seen, ...new Set(notes), fate].join('\n');
}

function tlsOptions({ serverName, certificate }: NonNullable<Http2Send['tls']>): tls.ConnectionOptions {
  const file = (name: string) => readFileSync(tlsFixture().path(name));
  return {
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(certificate === undefined ? {} : { cert: file(`${certificate}.pem`), key: file(`${certificate}.key`) }),
  };
}

function one(session: http2.ClientHttp2Session, request: Http2Request): Promise<string> {
  return new Promise((resolve) => {
    const lines: string[] = [];
    const chunks: Buffer[] = [];
    const headers = { ':method': 'GET', ':path': '/', ':authority': 'h', ...request.headers };
    const ended = request.body === undefined && request.trailers === undefined && request.tunnel === undefined && request.open !== true;
    if (session.closed || session.destroyed) {
      resolve('[no connection]');
      return;
    }
    const stream = session.request(headers, { endStream: ended, waitForTrailers: request.trailers !== undefined });
    const timer = setTimeout(() => {
      lines.push('[no end]');
      stream.destroy();
    }, GIVE_UP_MS);
    stream.on('wantTrailers', () => stream.sendTrailers(request.trailers ?? {}));
    stream.on('headers', (_headers, _flags, raw) => lines.push('[interim]', ...pairs(raw as unknown as string[])));
    stream.on('response', (_headers, _flags, raw) => {
      lines.push(...pairs(raw as unknown as string[]));
      if (request.tunnel !== undefined) stream.write(request.tunnel);
      if (request.reset?.when === 'answered') stream.close(request.reset.code);
    });
    stream.on('trailers', (_headers, _flags, raw) => lines.push('[trailers]', ...pairs(raw as unknown as string[])));
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (request.tunnel === undefined || Buffer.concat(chunks).length < request.tunnel.length) return;
      if (request.tunnelEnds === 'half-close') stream.end();
      else if (request.tunnelEnds === undefined) stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      clearTimeout(timer);
      const body = Buffer.concat(chunks);
      if (body.length > 0) lines.push('', showBody(body));
      // NO_ERROR after the response says only that the rest of the request is not wanted.
      if (stream.rstCode !== undefined && stream.rstCode !== 0) lines.push(`[reset ${stream.rstCode}]`);
      resolve(lines.join('\n'));
    });
    if (request.body !== undefined) stream.write(request.body);
    if (request.body !== undefined && request.open !== true) stream.end();
    else if (request.trailers !== undefined) stream.end();
    if (request.reset?.when === 'sent') void pause(30).then(() => stream.close(request.reset?.code ?? 8));
  });
}

/** Name and value by turns, in the order of the wire. */
function pairs(raw: readonly string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < raw.length; i += 2) lines.push(`${raw[i]}: ${raw[i + 1]}`);
  return lines;
}

export async function playFrames(port: number, send: Http2Frames, agree: Agree): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const chunks: Buffer[] = [];
  let closed = false;
  const end = new Promise<void>((resolve) => {
    const stop = (): void => {
      closed = true;
      resolve();
    };
    socket.on('end', stop);
    socket.on('close', stop);
    socket.on('error', stop);
  });
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.write(Buffer.concat([PREFACE, frame(4, 0, 0)]));
  for (const piece of send.frames) {
    socket.write(piece);
    await pause(send.pause ?? 30);
  }
  await Promise.race([end, send.closes === true ? new Promise((resolve) => setTimeout(resolve, GIVE_UP_MS)) : pause(80)]);
  // Upstreams learn of the end a little later.
  if (send.closes === true) await pause(30);
  const shows = send.shows ?? /^(RST_STREAM|HEADERS|DATA)/;
  const seen = () => {
    const frames = joinData(parseFrames(Buffer.concat(chunks))).map(describeFrame);
    return [...frames.filter((text) => shows.test(text)), closed ? '[connection closed]' : '[connection open]'].join('\n');
  };
  await agree(() => {
    try {
      return seen();
    } catch {
      return `half a frame of ${chunks.length} pieces`;
    }
  });
  socket.destroy();
  return seen();
}

/** Where a body is cut into frames is nobody's business. */
function joinData(frames: readonly Frame[]): Frame[] {
  const joined: Frame[] = [];
  for (const next of frames) {
    const last = joined.at(-1);
    if (next.type === 0 && last?.type === 0 && last.streamId === next.streamId) {
      joined[joined.length - 1] = { ...next, payload: Buffer.concat([last.payload, next.payload]) };
    } else joined.push(next);
  }
  return joined;
}
