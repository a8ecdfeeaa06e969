/** The three upstream services of the built-in example: one flaky, one slow, one in two versions. */
import { createServer, type RequestListener, type Server } from 'node:http';
import { sleep } from '../../runtime/sleep.ts';

const PORTS = { flaky: 10101, slow: 10102, reviewsV1: 10103, reviewsV2: 10104 } as const;
const SLOWEST_MS = 400;
const FASTEST_MS = 50;

/** @throws if one of the ports is taken */
export async function startExampleServices(): Promise<{ stop(): void }> {
  let flakyCalls = 0;
  let slowCalls = 0;
  const servers = await Promise.all([
    listen(PORTS.flaky, (_request, response) => {
      const fails = ++flakyCalls % 3 === 0;
      response
        .writeHead(fails ? 503 : 200, { 'content-type': 'text/plain' })
        .end(fails ? 'not now\n' : `flaky service, call ${flakyCalls}\n`);
    }),
    listen(PORTS.slow, async (_request, response) => {
      // A fixed pattern of delays, so that every run of the example shows the same.
      const delayMs = FASTEST_MS + ((slowCalls++ * 97) % (SLOWEST_MS - FASTEST_MS));
      await sleep(delayMs);
      response.writeHead(200, { 'content-type': 'text/plain' }).end(`slow service, ${delayMs} ms\n`);
    }),
    listen(PORTS.reviewsV1, answer('reviews v1\n')),
    listen(PORTS.reviewsV2, answer('reviews v2\n')),
  ]);
  return {
    stop: () => {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

function answer(body: string): RequestListener {
  return (_request, response) => void response.writeHead(200, { 'content-type': 'text/plain' }).end(body);
}

function listen(port: number, listener: RequestListener): Promise<Server> {
  const server = createServer(listener);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
