/**
 * A deliberately small HTTP/1 reader for the tests' two ends (client and upstream): it keeps the head byte for byte and only
 * understands as much framing as is needed to know where a message ends. It shares no code with the proxy under test.
 */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';

export interface Message {
  /** Start line and header lines exactly as received, without the empty line. */
  readonly head: string;
  readonly body: Buffer;
  /** Trailer lines of a chunked message, as received. */
  readonly trailers: string;
  readonly framing: 'none' | 'length' | 'chunked' | 'until-close';
  /** False when the connection ended before the message did. */
  readonly complete: boolean;
}

export type Role = 'request' | 'response';
type State = 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'trailers' | 'until-close' | 'raw';

export class MessageReader {
  /** Called with each finished message; `rest` bytes may follow it. */
  onMessage: (message: Message) => void = () => {};
  /** Called when a head is complete, before the body. */
  onHead: (head: string) => void = () => {};
  /** Method of the request that the next response answers, for HEAD and CONNECT (RFC 9112 §6.3). */
  requestMethod = 'GET';
  /** Bytes that came after the switch to a tunnel, or that are no HTTP. */
  raw: Buffer = Buffer.alloc(0);

  readonly #role: Role;
  #pending: Buffer = Buffer.alloc(0);
  #state: State = 'head';
  #head = '';
  #parts: Buffer[] = [];
  #left = 0;
  #trailers = '';
  #framing: Message['framing'] = 'none';

  constructor(role: Role) {
    this.#role = role;
  }

  get inTunnel(): boolean {
    return this.#state === 'raw';
  }

  /** From here on everything is payload: after 101, a CONNECT, or for plain TCP. */
  tunnel(): void {
    this.#state = 'raw';
    this.raw = Buffer.concat([this.raw, this.#pending]);
    this.#pending = Buffer.alloc(0);
  }

  feed(chunk: Buffer): void {
    if (this.#state === 'raw') {
      this.raw = Buffer.concat([this.raw, chunk]);
      return;
    }
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#step()) {
      // one step per syntactic element until more bytes are needed
    }
  }

  /** The peer has closed: what is unfinished is reported as such. */
  end(): void {
    if (this.#state === 'until-close') this.#finish(true);
    else if (this.#state === 'head') {
      if (this.#pending.length > 0) {
        this.#head = this.#pending.toString('latin1');
        this.#pending = Buffer.alloc(0);
        this.#framing = 'none';
        this.#finish(false);
      }
    } else if (this.#state !== 'raw') {
      this.#parts.push(this.#pending);
      this.#pending = Buffer.alloc(0);
      this.#finish(false);
    }
  }

  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead();
      case 'length': {
        const take = Math.min(this.#left, this.#pending.length);
        this.#take(take);
        this.#left -= take;
        if (this.#left > 0) return false;
        this.#finish(true);
        return true;
      }
      case 'chunk-size': {
        const line = this.#line();
        if (line === null) return false;
        this.#left = Number.parseInt(line, 16);
        if (this.#left === 0 || Number.isNaN(this.#left)) this.#state = 'trailers';
        else this.#state = 'chunk-data';
        return true;
      }
      case 'chunk-data': {
        if (this.#left > 0) {
          const take = Math.min(this.#left, this.#pending.length);
          this.#take(take);
          this.#left -= take;
          if (this.#left > 0) return false;
        }
        if (this.#line() === null) return false;
        this.#state = 'chunk-size';
        return true;
      }
      case 'trailers': {
        const line = this.#line();
        if (line === null) return false;
        if (line === '') this.#finish(true);
        else this.#trailers += `${line}\n`;
        return true;
      }
      case 'until-close':
        this.#take(this.#pending.length);
        return false;
      case 'raw':
        return false;
    }
  }

  #readHead(): boolean {
    // An upstream may legally see empty lines before a request (RFC 9112 §2.2); the proxy never sends any, so they are kept visible.
    const at = this.#pending.indexOf('\r\n\r\n');
    if (at < 0) return false;
    this.#head = this.#pending.subarray(0, at).toString('latin1');
    this.#pending = this.#pending.subarray(at + 4);
    const head = this.#head;
    this.#frame();
    this.onHead(head);
    if (this.inTunnel) return false;
    if (this.#state === 'head') this.#finish(true);
    return this.#pending.length > 0;
  }

  #frame(): void {
    const lines = this.#head.split('\r\n');
    const start = lines[0] ?? '';
    let length: number | null = null;
    let chunked = false;
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      if (name === 'content-length') length = Number(value);
      else if (name === 'transfer-encoding' && /chunked/i.test(value)) chunked = true;
    }
    this.#framing = 'none';
    this.#state = 'head';
    this.#left = 0;
    if (this.#role === 'response') {
      const status = Number(start.split(' ')[1]);
      const tunnels = status === 101 || (this.requestMethod === 'CONNECT' && status >= 200 && status < 300);
      if (tunnels) {
        this.#finish(true);
        this.tunnel();
        return;
      }
      if (status < 200 || status === 204 || status === 304 || this.requestMethod === 'HEAD') return;
    }
    if (chunked) {
      this.#framing = 'chunked';
      this.#state = 'chunk-size';
    } else if (length !== null) {
      this.#framing = 'length';
      this.#left = length;
      if (length > 0) this.#state = 'length';
    } else if (this.#role === 'response') {
      this.#framing = 'until-close';
      this.#state = 'until-close';
    }
  }

  #line(): string | null {
    const at = this.#pending.indexOf('\r\n');
    if (at < 0) return null;
    const line = this.#pending.subarray(0, at).toString('latin1');
    this.#pending = this.#pending.subarray(at + 2);
    return line;
  }

  #take(count: number): void {
    if (count === 0) return;
    this.#parts.push(this.#pending.subarray(0, count));
    this.#pending = this.#pending.subarray(count);
  }

  #finish(complete: boolean): void {
    const message: Message = {
      head: this.#head,
      body: Buffer.concat(this.#parts),
      trailers: this.#trailers,
      framing: this.#framing,
      complete,
    };
    this.#head = '';
    this.#parts = [];
    this.#trailers = '';
    this.#state = 'head';
    this.onMessage(message);
  }
}

/** Text form of a message for comparison: the head's lines, then how the body was framed, then the body. */
export function describe(message: Message): string {
  const lines = [message.head.replaceAll('\r\n', '\n')];
  if (!message.complete) lines.push('[message cut off]');
  if (message.framing === 'until-close') lines.push('[body until close]');
  if (message.body.length > 0) lines.push('', showBody(message.body, /^content-encoding: *(.*)$/im.exec(message.head)?.[1] ?? ''));
  if (message.trailers !== '') lines.push('[trailers]', message.trailers.trimEnd());
  return lines.join('\n');
}

/** Long bodies are shown by size and both ends, so that a difference is found without filling the screen. */
/** @param encoding value of content-encoding: a body that is coded so is shown decoded, since libraries differ in the bytes */
export function showBody(body: Buffer, encoding = ''): string {
  const decoded = encoding === '' ? null : decode(body, encoding.trim());
  if (decoded !== null) return `[${encoding.trim()}] ${showBody(decoded)}`;
  const text = body.toString('latin1').replace(/[^\n\x20-\x7e]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  if (text.length <= 600) return text;
  return `[${body.length} bytes] ${text.slice(0, 80)} … ${text.slice(-80)}`;
}

function decode(body: Buffer, encoding: string): Buffer | null {
  try {
    if (encoding === 'gzip') return gunzipSync(body);
    if (encoding === 'br') return brotliDecompressSync(body);
    return encoding === 'zstd' ? zstdDecompressSync(body) : null;
  } catch {
    return null;
  }
}
