/**
 * The upstream of the comparison: a plain `net` server that keeps every request byte for byte and answers from a script, so
 * that it can also do what a well-behaved server never would (cut off, reset, garbage, early answers).
 */
import net from 'node:net';
import { describe, MessageReader, showBody } from './message-reader.ts';
import { pause, reached } from './patience.ts';

export type Step =
  | { readonly send: string }
  /** Milliseconds; for time-outs only, where waiting is what is tested. */
  | { readonly delay: number }
  /** Wait until the harness opens the gate (see Case.parallel). */
  | { readonly gate: true }
  /** Wait for the whole request; added in front of every script that does not begin with `early`. */
  | { readonly wholeRequest: true }
  | { readonly early: true }
  /** Treat what follows as a tunnel whose bytes are recorded and sent back in upper case. */
  | { readonly tunnel: true }
  | { readonly end: true }
  | { readonly reset: true };

export type Script = readonly Step[];

export interface Recorded {
  readonly connection: number;
  text: string;
  tunnel: (() => string) | null;
}

export interface UpstreamKind {
  /** 'http' answers requests; 'tcp' records all bytes and echoes them in upper case; 'greeter' also speaks first. */
  readonly speak: 'http' | 'tcp' | 'greeter';
}

export class RecordingUpstream {
  readonly name: string;
  readonly #kind: UpstreamKind;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #tunnels = new Set<net.Socket>();
  #connections = 0;
  #records: Recorded[] = [];
  #scripts: Script[] = [];
  #arrived = 0;
  #waiters: { count: number; resolve: () => void }[] = [];
  #gates: (() => void)[] = [];
  #gateOpen = false;

  constructor(name: string, kind: UpstreamKind = { speak: 'http' }) {
    this.name = name;
    this.#kind = kind;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  async listen(host = '127.0.0.1'): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, host, resolve));
    return (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    this.openGates();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Forget what was recorded and take the scripts for the next case. */
  async prepare(scripts: readonly Script[]): Promise<void> {
    if (scripts.some(breaksUnanswered)) await this.#closeIdle();
    this.#records = [];
    this.#scripts = [...scripts];
    this.#arrived = 0;
    this.#gateOpen = false;
  }

  /**
   * A request into a connection that breaks after it was idle for long is sent again by Outrider (docs/decisions/019): whether it was
   * is not to depend on how long the last case took.
   */
  async #closeIdle(): Promise<void> {
    for (const socket of this.#sockets) if (!this.#tunnels.has(socket)) socket.end();
    await reached(() => this.#sockets.size === this.#tunnels.size);
  }

  openGates(): void {
    this.#gateOpen = true;
    for (const open of this.#gates.splice(0)) open();
  }

  /** Resolves when `count` requests have arrived since `prepare`. */
  arrived(count: number): Promise<void> {
    if (this.#arrived >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ count, resolve }));
  }

  /** Resolves when no tunnel or TCP connection is open any more; gives up after a while, then the report shows it. */
  async tunnelsEnded(): Promise<void> {
    const open = [...this.#tunnels].filter((socket) => !socket.destroyed);
    if (open.length === 0) return;
    await reached(() => open.every((socket) => socket.destroyed), 5000);
  }

  get arrivals(): number {
    return this.#arrived;
  }

  report(): string {
    return this.#records
      .map((r) => {
        const tunnel = r.tunnel === null ? '' : `\n[tunnel] ${r.tunnel()}`;
        return `<- ${this.name} #${r.connection}\n${r.text}${tunnel}`;
      })
      .join('\n');
  }

  #accept(socket: net.Socket): void {
    const number = ++this.#connections;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#tunnels.delete(socket);
    });
    if (this.#kind.speak === 'http') this.#serveHttp(socket, number);
    else this.#serveTcp(socket, number);
  }

  #serveTcp(socket: net.Socket, connection: number): void {
    this.#tunnels.add(socket);
    let bytes: Buffer = Buffer.alloc(0);
    let ended = '';
    const record: Recorded = { connection, text: '[connection]', tunnel: () => showBody(bytes) + ended };
    this.#records.push(record);
    this.#note();
    if (this.#kind.speak === 'greeter') socket.write(`220 ${this.name} ready\r\n`);
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      socket.write(chunk.toString('latin1').toUpperCase(), 'latin1');
    });
    socket.on('end', () => {
      ended = ' [end]';
      socket.end('BYE');
    });
  }

  #serveHttp(socket: net.Socket, connection: number): void {
    const reader = new MessageReader('request');
    let current: Recorded | null = null;
    let completed: () => void = () => {};
    let queue = Promise.resolve();
    reader.onHead = (head) => {
      const record: Recorded = { connection, text: head.replaceAll('\r\n', '\n'), tunnel: null };
      current = record;
      this.#records.push(record);
      const whole = new Promise<void>((resolve) => {
        completed = resolve;
      });
      const script = this.#scripts.shift() ?? defaultReply(this.name);
      queue = queue.then(() => this.#play(socket, reader, record, script, whole));
      this.#note();
    };
    reader.onMessage = (message) => {
      if (current === null) this.#records.push({ connection, text: describe(message), tunnel: null });
      else current.text = describe(message);
      current = null;
      completed();
    };
    socket.on('data', (chunk: Buffer) => reader.feed(chunk));
    socket.on('end', () => {
      reader.end();
      socket.end();
    });
    socket.on('close', () => reader.end());
  }

  async #play(socket: net.Socket, reader: MessageReader, record: Recorded, script: Script, whole: Promise<void>): Promise<void> {
    const first = script[0];
    if (first === undefined || !('early' in first)) await whole;
    for (const step of script) {
      if (socket.destroyed) return;
      if ('send' in step) socket.write(step.send, 'latin1');
      else if ('delay' in step) await pause(step.delay);
      else if ('gate' in step) await new Promise<void>((resolve) => (this.#gateOpen ? resolve() : this.#gates.push(resolve)));
      else if ('wholeRequest' in step) await whole;
      else if ('tunnel' in step) this.#echo(socket, reader, record);
      else if ('end' in step) {
        socket.end();
        // The next case starts only when the proxy has seen the end, else it would race for a dying connection.
        await new Promise<void>((resolve) => (socket.destroyed ? resolve() : socket.once('close', () => resolve())));
      } else if ('reset' in step) socket.resetAndDestroy();
    }
  }

  #echo(socket: net.Socket, reader: MessageReader, record: Recorded): void {
    reader.tunnel();
    this.#tunnels.add(socket);
    let ended = '';
    record.tunnel = () => showBody(reader.raw) + ended;
    const shout = (bytes: Buffer) => socket.write(bytes.toString('latin1').toUpperCase(), 'latin1');
    if (reader.raw.length > 0) shout(reader.raw);
    socket.on('data', shout);
    socket.on('end', () => {
      ended = ' [end]';
    });
  }

  #note(): void {
    this.#arrived++;
    this.#waiters = this.#waiters.filter((w) => {
      if (this.#arrived < w.count) return true;
      w.resolve();
      return false;
    });
  }
}

/** Whether the connection ends before anything is sent. */
function breaksUnanswered(script: Script): boolean {
  const first = script.find((step) => 'send' in step || 'end' in step || 'reset' in step);
  return first !== undefined && !('send' in first);
}

function defaultReply(name: string): Script {
  return [{ send: `HTTP/1.1 200 OK\r\ncontent-length: ${name.length + 1}\r\n\r\n${name}\n` }];
}
