/** Requests at a steady rate, whatever becomes of them: what a crowd of independent clients does. */
import { connect, type Socket } from 'node:net';

const REQUEST = 'GET / HTTP/1.1\r\nhost: chaos\r\n\r\n';
const TICK_MS = 5;
/** A client waits no longer. */
const PATIENCE_MS = 5000;
/** Clients that wait at once; beyond it requests fail unsent. */
const MOST_WAITING = 20_000;

export interface LoadReport {
  readonly sent: number;
  readonly succeeded: number;
  /** Status, or what happened instead → how often. */
  readonly failures: ReadonlyMap<string, number>;
  /** By how much the load's own clock was late at worst, in ms. */
  readonly lateMs: number;
  /** Milliseconds of successful requests, sorted. */
  readonly times: Float64Array;
}

class Client {
  readonly #load: Load;
  readonly #socket: Socket;
  #text = '';
  /** -1 = idle. */
  sentMs = -1;

  constructor(load: Load, port: number) {
    this.#load = load;
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => this.#over('closed'));
    this.#socket.on('data', (chunk) => this.#read(chunk.toString('latin1')));
  }

  send(nowMs: number): void {
    this.sentMs = nowMs;
    this.#socket.write(REQUEST);
  }

  giveUp(): void {
    this.#over('no answer');
    this.#socket.destroy();
  }

  #read(chunk: string): void {
    this.#text += chunk;
    const head = this.#text.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text.slice(0, head + 2))?.[1] ?? 0);
    if (this.#text.length < head + 4 + length) return;
    const status = this.#text.slice(9, 12);
    const closes = /\r\nconnection: *close/i.test(this.#text.slice(0, head + 2));
    this.#text = '';
    const { sentMs } = this;
    this.sentMs = -1;
    this.#load.onAnswer(this, status, sentMs, closes);
    if (closes) this.#socket.destroy();
  }

  #over(what: string): void {
    const { sentMs } = this;
    this.sentMs = -1;
    this.#load.onGone(this, sentMs < 0 ? '' : what);
  }
}

export class Load {
  readonly #port: number;
  readonly #perSecond: number;
  readonly #idle: Client[] = [];
  readonly #waiting = new Set<Client>();
  readonly #failures = new Map<string, number>();
  readonly #times: number[] = [];
  #sent = 0;

  constructor(port: number, perSecond: number) {
    this.#port = port;
    this.#perSecond = perSecond;
  }

  async run(seconds: number): Promise<LoadReport> {
    const start = performance.now();
    let last = start;
    let lateMs = 0;
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const now = performance.now();
        lateMs = Math.max(lateMs, now - last - TICK_MS);
        last = now;
        const elapsed = Math.min(now - start, seconds * 1000);
        const due = Math.floor((elapsed * this.#perSecond) / 1000);
        while (this.#sent < due) this.#send(now);
        for (const client of this.#waiting) {
          // The oldest come first.
          if (now - client.sentMs < PATIENCE_MS) break;
          client.giveUp();
        }
        if (elapsed < seconds * 1000 || this.#waiting.size > 0) return;
        clearInterval(timer);
        resolve();
      }, TICK_MS);
    });
    return {
      sent: this.#sent,
      succeeded: this.#times.length,
      failures: this.#failures,
      lateMs,
      times: Float64Array.from(this.#times).sort(),
    };
  }

  onAnswer(client: Client, status: string, sentMs: number, closes: boolean): void {
    this.#waiting.delete(client);
    if (status === '200') this.#times.push(performance.now() - sentMs);
    else this.#fail(status);
    if (!closes) this.#idle.push(client);
  }

  /** @param what '' = it was idle */
  onGone(client: Client, what: string): void {
    this.#waiting.delete(client);
    const i = this.#idle.indexOf(client);
    if (i >= 0) this.#idle.splice(i, 1);
    if (what !== '') this.#fail(what);
  }

  #send(now: number): void {
    this.#sent++;
    if (this.#waiting.size >= MOST_WAITING) {
      this.#fail('unsent');
      return;
    }
    const client = this.#idle.pop() ?? new Client(this, this.#port);
    this.#waiting.add(client);
    client.send(now);
  }

  #fail(what: string): void {
    this.#failures.set(what, (this.#failures.get(what) ?? 0) + 1);
  }
}
