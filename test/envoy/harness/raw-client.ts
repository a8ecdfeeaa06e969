/** The client of the comparison: writes exact bytes and reads until the response is complete or the proxy closes. */
import net from 'node:net';
import { describe, type Message, MessageReader, showBody } from './message-reader.ts';
import { type Agree, pause } from './patience.ts';

const GIVE_UP_MS = 15_000;

export class RawClient {
  readonly #socket: net.Socket;
  readonly #reader = new MessageReader('response');
  readonly #methods: string[] = [];
  #messages: Message[] = [];
  #closed: 'no' | 'end' | 'reset' = 'no';
  #changed: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#reader.onMessage = (message) => {
      this.#messages.push(message);
      const status = Number(message.head.slice(9, 12));
      if (status >= 200 || status === 101) this.#methods.shift();
      this.#reader.requestMethod = this.#methods[0] ?? 'GET';
    };
    socket.on('data', (chunk: Buffer) => {
      this.#reader.feed(chunk);
      this.#changed();
    });
    socket.on('end', () => this.#close('end'));
    socket.on('error', () => this.#close('reset'));
    socket.on('close', () => this.#close('end'));
  }

  static async connect(port: number, host = '127.0.0.1'): Promise<RawClient> {
    const socket = net.connect({ port, host, noDelay: true, allowHalfOpen: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawClient(socket);
  }

  /** Local port, which the proxy's logs and headers may show. */
  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  get closed(): boolean {
    return this.#closed !== 'no';
  }

  write(bytes: string): void {
    if (!this.#socket.destroyed) this.#socket.write(bytes, 'latin1');
  }

  /** Methods of requests about to be sent; tells HEAD's bodyless response from others. */
  expect(method: string): void {
    this.#methods.push(method);
    this.#reader.requestMethod = this.#methods[0] ?? 'GET';
  }

  treatAsTcp(): void {
    this.#reader.tunnel();
  }

  halfClose(): void {
    this.#socket.end();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Waits for `count` final responses (1xx come along), or the end of the connection. */
  async responses(count: number): Promise<string> {
    await this.#until(() => this.#messages.filter(isFinal).length >= count);
    const taken: Message[] = [];
    let finals = 0;
    while (this.#messages.length > 0 && finals < count) {
      const message = this.#messages.shift() as Message;
      taken.push(message);
      if (isFinal(message)) finals++;
    }
    const text = taken.map(describe).join('\n--\n');
    return finals < count ? `${text === '' ? '' : `${text}\n`}[${this.#ending()}]` : text;
  }

  /** Waits until at least `length` payload bytes have come in a tunnel. */
  async payload(length: number): Promise<string> {
    await this.#until(() => this.#reader.raw.length >= length);
    const text = `[tunnel] ${showBody(this.#reader.raw)}`;
    this.#reader.raw = Buffer.alloc(0);
    return text;
  }

  /** What became of the connection: waits for the close when one has to come, and until both sides agree when not. */
  async fate(mustClose: boolean, agree: Agree): Promise<string> {
    if (mustClose) await this.#until(() => this.closed);
    else if (!this.closed) await pause(4);
    await agree(() => `${this.closed} ${this.#messages.length} ${this.#reader.raw.length}`);
    const rest = this.#messages.splice(0).map(describe).join('\n--\n');
    const raw = this.#reader.raw.length > 0 ? `\n[tunnel] ${showBody(this.#reader.raw)}` : '';
    const extra = rest === '' ? '' : `\n[unasked] ${rest}`;
    return `[${this.#ending()}]${extra}${raw}`;
  }

  async destroy(): Promise<void> {
    if (this.#socket.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.destroy();
    });
  }

  #ending(): string {
    if (this.#closed === 'no') return 'connection open';
    return 'connection closed'; // by FIN or RST: which one depends on what the kernel still held unread
  }

  #close(how: 'end' | 'reset'): void {
    if (this.#closed !== 'no') return;
    this.#closed = how;
    this.#reader.end();
    this.#changed();
  }

  #until(done: () => boolean, giveUpMs = GIVE_UP_MS): Promise<void> {
    if (done() || this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#changed = () => {};
        resolve();
      }, giveUpMs);
      this.#changed = () => {
        if (!done() && !this.closed) return;
        clearTimeout(timer);
        this.#changed = () => {};
        resolve();
      };
    });
  }
}

function isFinal(message: Message): boolean {
  const status = Number(message.head.slice(9, 12));
  return !(status >= 100 && status < 200 && status !== 101);
}

/** Whether a response says, or means, that the connection ends after it. */
export function announcesClose(text: string): boolean {
  return /^connection: close$/im.test(text) || text.includes('[body until close]') || /^HTTP\/1\.0 /m.test(text);
}
