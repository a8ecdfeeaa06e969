/** An HTTP upstream whose answers to paths under /hold wait until they are let go. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export class HeldUpstream {
  readonly #server: http.Server;
  readonly #held: http.ServerResponse[] = [];
  requests = 0;
  connections = 0;

  private constructor(server: http.Server) {
    this.#server = server;
  }

  /** @param body of every answer */
  static async start(body = 'ok'): Promise<HeldUpstream> {
    const server = http.createServer();
    const upstream = new HeldUpstream(server);
    server.keepAliveTimeout = 0;
    server.on('connection', () => upstream.connections++);
    server.on('request', (request, response) => {
      upstream.requests++;
      request.resume();
      request.on('end', () => {
        if (request.url!.startsWith('/hold')) upstream.#held.push(response);
        else response.end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return upstream;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get held(): number {
    return this.#held.length;
  }

  letGo(): void {
    for (const response of this.#held.splice(0)) response.end('held');
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
