/**
 * Ports for processes that cannot tell which one they got. Taken below the kernel's ephemeral range, so that no outgoing
 * connection takes one between our look and the proxy's bind, and always five digits long, so that lengths do not vary.
 */
import net from 'node:net';

const SPAN = 5000;
const SLOTS = 4;
/** Test files that run at the same time have ranges of their own: what one has looked at and not opened yet is not found free by another. */
const FIRST = 12_000 + (Number(process.env['VITEST_POOL_ID'] ?? process.pid) % SLOTS) * SPAN;
let next = FIRST + ((process.pid * 97) % SPAN);

export async function freePort(): Promise<number> {
  for (let i = 0; i < 200; i++) {
    const port = next;
    next = next + 1 >= FIRST + SPAN ? FIRST : next + 1;
    if (await canBind(port)) return port;
  }
  throw new Error('no free port found');
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
