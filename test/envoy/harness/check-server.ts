/**
 * What health checks of both proxies ask, apart from the recording upstreams, since checks come when they like. Speaks whatever it is
 * asked in: HTTP/1, gRPC (over HTTP/2 without TLS), Redis, or plain bytes, which it sends back in upper case.
 */
import http2 from 'node:http2';
import net from 'node:net';

/** What `/state` answers from now on, e.g. "200", "503", "200 x-envoy-degraded", "silence", "close". */
export type CheckState = string;

const ENCODED_SERVING = '00000000020801';
const ENCODED_NOT_SERVING = '00000000020802';

export class CheckServer {
  state: CheckState = '200';
  readonly #server: net.Server;
  readonly #http2: http2.Http2Server;
  readonly #sockets = new Set<net.Socket>();
  /** Last request by path (HTTP), service (gRPC) or first word (Redis). */
  readonly #seen = new Map<string, string>();

  constructor() {
    this.#server = net.createServer((socket) => this.#accept(socket));
    this.#http2 = http2.createServer();
    this.#http2.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => this.#grpc(stream, headers));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => this.#http2.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await new Promise<void>((resolve) => this.#http2.close(() => resolve()));
  }

  /** The last check that asked for `what`. */
  seen(what: string): string {
    return `<- check ${what}\n${this.#seen.get(what) ?? '[none]'}`;
  }

  #accept(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    socket.once('data', (first: Buffer) => {
      if (first.subarray(0, 3).toString() === 'PRI') {
        const inner = net.connect((this.#http2.address() as net.AddressInfo).port, '127.0.0.1');
        inner.on('error', () => socket.destroy());
        inner.write(first);
        socket.pipe(inner).pipe(socket);
        return;
      }
      let text = '';
      const more = (chunk: Buffer): void => {
        text += chunk.toString('latin1');
        if (text.startsWith('*')) {
          this.#redis(socket, text);
          text = '';
        } else if (!/^[A-Z]+ \//.test(text)) {
          socket.write(text.toUpperCase(), 'latin1');
          text = '';
        } else if (text.includes('\r\n\r\n')) {
          this.#http(socket, text);
          text = '';
        }
      };
      more(first);
      socket.on('data', more);
    });
  }

  #redis(socket: net.Socket, command: string): void {
    const words = command.split('\r\n').filter((_, i) => i > 0 && i % 2 === 0);
    this.#seen.set(words[0] ?? '', command);
    socket.write(words[0] === 'PING' ? '+PONG\r\n' : words[1] === 'busy' ? ':1\r\n' : ':0\r\n');
  }

  #http(socket: net.Socket, request: string): void {
    const path = request.split(' ')[1] ?? '';
    this.#seen.set(path, request.replaceAll('\r\n', '\n'));
    // "/503", "/200/x-envoy-degraded", "/200/x-name=value", "/200/body=text", "/state".
    const [status = '', ...words] = path === '/state' ? this.state.split(' ') : path.slice(1).split('/');
    if (status === 'silence') return;
    if (status === 'close') {
      socket.destroy();
      return;
    }
    let body = 'hello';
    let head = '';
    for (const word of words) {
      const [name, value = 'true'] = word.split('=');
      if (name === 'body') body = value;
      else head += `${name}: ${value}\r\n`;
    }
    socket.write(`HTTP/1.1 ${status} Said\r\n${head}content-length: ${body.length}\r\n\r\n${request.startsWith('HEAD') ? '' : body}`);
  }

  #grpc(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const path = String(headers[':path']);
    if (!path.startsWith('/grpc.')) {
      const shown = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      this.#seen.set(path, shown.sort().join('\n'));
      stream.respond({ ':status': Number(path.split('/')[1]) });
      stream.end('hello');
      return;
    }
    const chunks: Buffer[] = [];
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const body = Buffer.concat(chunks);
      const service = body.subarray(7).toString();
      const shown = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      this.#seen.set(service, [...shown.sort(), '', body.toString('hex')].join('\n'));
      const status = service === 'unknown' ? '5' : '0';
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
      stream.end(Buffer.from(service === 'sick' ? ENCODED_NOT_SERVING : service === 'unknown' ? '' : ENCODED_SERVING, 'hex'));
    });
  }
}
