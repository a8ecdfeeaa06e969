/**
 * Ports for processes that cannot tell which one they got. Taken below the kernel's ephemeral range, so that no outgoing
 * connection takes one between our look and the proxy's bind, and always five digits long, so that lengths do not vary.
 * Each belongs to the process that asked until it ends: proxies share ports (SO_REUSEPORT) without a word, and whoever
 * looks before another's proxy has opened its port would find it free.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FIRST = 12_000;
const SPAN = 20_000;
/** A file a port, with the process that has it. */
const TAKEN = join(tmpdir(), 'outrider-test-ports');
const mine: string[] = [];
let next = FIRST + ((process.pid * 97) % SPAN);

export async function freePort(): Promise<number> {
  for (let i = 0; i < SPAN; i++) {
    const port = next;
    next = next + 1 >= FIRST + SPAN ? FIRST : next + 1;
    if (take(port) && (await canBind(port))) return port;
  }
  throw new Error('no free port found');
}

function take(port: number): boolean {
  if (mine.length === 0) {
    mkdirSync(TAKEN, { recursive: true });
    process.once('exit', () => {
      for (const file of mine) rmSync(file, { force: true });
    });
  }
  const file = join(TAKEN, String(port));
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    if (isHeld(file)) return false;
    writeFileSync(file, String(process.pid));
  }
  mine.push(file);
  return true;
}

/** False: whoever had it has ended without giving it back. */
function isHeld(file: string): boolean {
  try {
    const holder = Number(readFileSync(file, 'utf8'));
    // Empty: it is being written.
    if (holder === 0) return true;
    process.kill(holder, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
