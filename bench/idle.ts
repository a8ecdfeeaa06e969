/** `node bench/idle.ts [--connections 8000 --only outrider,envoy]`: memory of idle keep-alive connections, each used once before. */
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PROXY_NAMES, startProxy, whyNot } from './proxies.ts';
import { type Bar, print, printBars, table } from './table.ts';
import { startUpstream } from './upstream.ts';

const { values } = parseArgs({
  options: { connections: { type: 'string', default: '8000' }, only: { type: 'string', default: 'outrider,envoy,nginx,haproxy' } },
});
const count = Number(values.connections);
const KIB_BAR = 4;
const AT_ONCE = 32;
const HTTP = { tcp: false, accessLog: false };

const directory = mkdtempSync(join(tmpdir(), 'outrider-idle-'));
const upstream = await startUpstream(directory);
const rows: string[][] = [];
const bars: Bar[] = [];
try {
  for (const name of PROXY_NAMES.filter((n) => values.only.split(',').includes(n))) {
    const reason = whyNot(name, HTTP);
    if (reason !== null) {
      print(`skipped ${name}: ${reason}`);
      continue;
    }
    const proxy = await startProxy(name, HTTP, upstream.port, directory);
    // What is allocated only once (pools, compiled code) must not be charged to the connections.
    for (const socket of await openIdle(proxy.port, 500)) socket.destroy();
    await settled();
    const before = proxy.process.residentKib();
    const sockets = await openIdle(proxy.port, count);
    await settled();
    const after = proxy.process.residentKib();
    const each = (after - before) / count;
    rows.push([name, (before / 1024).toFixed(1), (after / 1024).toFixed(1), each.toFixed(1)]);
    if (name === 'outrider') bars.push({ what: 'an idle connection', value: each, atMost: KIB_BAR, unit: 'KiB' });
    for (const socket of sockets) socket.destroy();
    await proxy.process.stop();
  }
} finally {
  await upstream.process.stop();
  rmSync(directory, { recursive: true, force: true });
}
print(`${count} idle keep-alive connections, one request each`);
print(table(['proxy', 'MiB before', 'MiB after', 'KiB each'], rows));
printBars(bars);

/** Opens connections, a few at a time, and gets one response on each. */
async function openIdle(port: number, total: number): Promise<net.Socket[]> {
  const sockets: net.Socket[] = [];
  let left = total;
  const worker = async (): Promise<void> => {
    while (left-- > 0) sockets.push(await useOnce(port));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return sockets;
}

function useOnce(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: idle.test\r\n\r\n'));
    let text = '';
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.endsWith('x'.repeat(100))) resolve(socket);
    });
  });
}

/** A garbage collector needs a moment and a reason; both proxies get the same time. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3000));
}
