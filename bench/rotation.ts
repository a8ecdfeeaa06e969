/**
 * `npm run rotation [-- --seconds 20 --every 2 --only outrider]`: certificates that change, by SDS from a file, while wrk opens
 * a new TLS connection for each request. How many connections fail, and how long after a change a handshake still shows the old certificate.
 * Exit code 1 if a connection failed or the old certificate was seen later than a second, 2 if the load was below 1,000 connections a second.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { parseArgs } from 'node:util';
import { CertificateAuthority, type IssuedCertificate } from '../test/support/certificates.ts';
import { applyLoad, type LoadResult } from './load.ts';
import { startProxy } from './proxies.ts';
import { print, table } from './table.ts';
import { startUpstream } from './upstream.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    every: { type: 'string', default: '2' },
    only: { type: 'string', default: 'outrider,envoy' },
  },
});
const seconds = Number(values.seconds);
const everyMs = Number(values.every) * 1000;
const WANTED_PER_SECOND = 1000;
const AT_MOST_MS = 1000;
/** Between looks at the certificate that is shown. */
const LOOK_MS = 10;

interface Rotation {
  readonly load: LoadResult;
  /** Handshakes that were looked at, and those of them that failed. */
  looks: number;
  failures: number;
  /** From each change to the first handshake, begun after it, that showed the new certificate. */
  readonly delaysMs: number[];
  /** Changes that nobody has seen a second later. */
  missed: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function secret({ chain, key }: IssuedCertificate): string {
  return JSON.stringify({
    resources: [
      {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
        name: 'rotating',
        tls_certificate: { certificate_chain: { filename: chain }, private_key: { filename: key } },
      },
    ],
  });
}

/** As a careful writer changes a file. */
function swap(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** SHA-256 of the certificate that is shown; null = the handshake failed. */
function look(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    socket.once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? null);
      socket.destroy();
    });
    socket.once('error', () => resolve(null));
    socket.once('close', () => resolve(null));
  });
}

async function rotate(port: number, file: string, certificates: readonly IssuedCertificate[], directory: string): Promise<Rotation> {
  const seen: Omit<Rotation, 'load'> = { looks: 0, failures: 0, delaysMs: [], missed: 0 };
  let running = true;
  const load = applyLoad('wrk', port, { path: '/', bodyBytes: 0, tls: 'new' }, seconds, directory).finally(() => {
    running = false;
  });
  let shown = await look(port);
  for (let change = 1; running; change++) {
    await pause(everyMs);
    if (!running) break;
    swap(file, secret(certificates[change % certificates.length] as IssuedCertificate));
    const changed = performance.now();
    let begun = changed;
    let now: string | null;
    do {
      begun = performance.now();
      now = await look(port);
      seen.looks++;
      if (now === null) seen.failures++;
      if (now === null || now === shown) await pause(LOOK_MS);
    } while ((now === null || now === shown) && performance.now() - changed < 5 * AT_MOST_MS);
    if (now === null || now === shown) seen.missed++;
    else {
      seen.delaysMs.push(begun - changed);
      shown = now;
    }
  }
  return { load: await load, ...seen };
}

const directory = mkdtempSync(join(tmpdir(), 'outrider-rotation-'));
const authority = new CertificateAuthority();
const upstream = await startUpstream(directory);
const rows: string[][] = [];
let code = 0;
try {
  const certificates = Array.from({ length: 3 }, () => authority.issue({ sans: 'DNS:localhost' }));
  for (const name of ['outrider', 'envoy'] as const) {
    if (!values.only.split(',').includes(name)) continue;
    const file = join(directory, `${name}-secret.json`);
    swap(file, secret(certificates[0] as IssuedCertificate));
    const { chain, key } = certificates[0] as IssuedCertificate;
    const tls = { where: 'downstream', authority: authority.path, chain, key, secret: file } as const;
    const proxy = await startProxy(name, { tcp: false, accessLog: false, tls }, upstream.port, directory);
    try {
      await applyLoad('wrk', proxy.port, { path: '/', bodyBytes: 0, tls: 'new' }, 2, directory);
      const { load, looks, failures, delaysMs, missed } = await rotate(proxy.port, file, certificates, directory);
      const worst = Math.max(...delaysMs, 0);
      rows.push([
        name,
        load.perSecond.toFixed(0),
        String(load.requests),
        String(load.errors + failures),
        String(delaysMs.length + missed),
        String(looks),
        (delaysMs.reduce((sum, ms) => sum + ms, 0) / Math.max(1, delaysMs.length)).toFixed(0),
        worst.toFixed(0),
      ]);
      if (name !== 'outrider') continue;
      if (load.errors + failures + missed > 0 || worst > AT_MOST_MS || delaysMs.length === 0) code = 1;
      else if (load.perSecond < WANTED_PER_SECOND) code = 2;
    } finally {
      await proxy.process.stop();
    }
  }
} finally {
  await upstream.process.stop();
  authority.remove();
  rmSync(directory, { recursive: true, force: true });
}
print(table(['proxy', 'connections/s', 'connections', 'failed', 'changes', 'looks', 'mean ms', 'worst ms'], rows));
process.exit(code);
