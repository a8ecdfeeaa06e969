/** The upstreams of the chaos run, all in one process of their own; the run tells it which of them are in trouble. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Trouble } from './schedule.ts';

export interface Order {
  readonly upstream: number;
  /** null: it is well again. */
  readonly trouble: Trouble | null;
}

const SLOW_MS = 500;
const BODY = 'x'.repeat(100);
const OK = `HTTP/1.1 200 OK\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;
const ERROR = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n';

class Upstream {
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  #trouble: Trouble | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  listen(): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    this.#server = server;
    return new Promise((resolve) => server.listen(this.#port, '127.0.0.1', 4096, resolve));
  }

  order(trouble: Trouble | null): void {
    const before = this.#trouble;
    this.#trouble = trouble;
    if (trouble === 'kill') {
      this.#server?.close();
      this.#server = null;
      for (const socket of this.#sockets) socket.resetAndDestroy();
    } else if (before === 'kill') void this.listen();
    else if (before === 'stall') for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      for (let end = text.indexOf('\r\n\r\n'); end >= 0; end = text.indexOf('\r\n\r\n')) {
        text = text.slice(end + 4);
        this.#answer(socket);
      }
    });
  }

  #answer(socket: Socket): void {
    switch (this.#trouble) {
      case 'stall':
        return;
      case 'reset':
        socket.resetAndDestroy();
        return;
      case 'slow':
        setTimeout(() => socket.write(OK), SLOW_MS);
        return;
      case 'error':
        socket.write(ERROR);
        return;
      default:
        socket.write(OK);
    }
  }
}

const upstreams = process.argv.slice(2).map((port) => new Upstream(Number(port)));
process.on('message', ({ upstream, trouble }: Order) => upstreams[upstream]!.order(trouble));
process.on('disconnect', () => process.exit());
await Promise.all(upstreams.map((upstream) => upstream.listen()));
process.send!('ready');
