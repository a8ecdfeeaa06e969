/** `openssl s_client` towards the proxies: an implementation that is neither's own. */
import { spawn } from 'node:child_process';
import { OPENSSL } from '../../support/certificates.ts';
import { pause } from './patience.ts';
import { tlsFixture } from './tls-fixture.ts';

/** What both sides decide together; not what is random, nor what each library says of itself. */
const SHOWN =
  /^(?:subject=|Peer signing digest|Peer signature type|Server Temp Key|New, |Reused, |Secure Renegotiation|ALPN protocol|No ALPN|OCSP response:|OCSP Response Status|Acceptable client|No client certificate CA|Verify return code|HTTP\/1\.1 )/;
/** Names of authorities follow this line, one each. */
const NAMES = /^Acceptable client/;
const ALERT = /SSL routines:[^:]*:([^:]+):/;
/** What Envoy says of a client's certificate. Node judges when the handshake is over, and cannot send alerts: the connection just closes, by FIN or by RST. */
const VERDICT = /unknown ca|certificate unknown|certificate revoked|certificate expired|bad certificate|handshake failure|unexpected eof/;

/** The handshake is over for the client. */
const OVER = /Verify return code/;
/**
 * And for the server too: with TLS 1.3 it judges a client's certificate afterwards. A request that crosses its alert would be answered by RST,
 * and the alert be lost with it.
 */
const ACCEPTED = /^New, TLSv1\.[012]|^Reused, TLSv1\.[012]|Post-Handshake New Session Ticket/m;
/** For a server without tickets, or one that is about to refuse. */
const UNSURE_MS = 200;

const REQUEST = 'GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n';
const GIVE_UP_MS = 20_000;

/** One connection with one request. @param args besides the address and the trusted authority, e.g. `-tls1_2 -servername a.test` */
export function playSClient(port: number, args: readonly string[]): Promise<string> {
  const all = ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', tlsFixture().path('ca.pem'), '-ign_eof', ...args];
  return new Promise((resolve) => {
    const child = spawn(OPENSSL!, all, { stdio: 'pipe', timeout: GIVE_UP_MS });
    let output = '';
    let asked = false;
    let unsure = false;
    const ask = () => {
      if (asked) return;
      asked = true;
      child.stdin.end(REQUEST);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (asked || !OVER.test(output)) return;
      if (ACCEPTED.test(output)) ask();
      else if (!unsure) {
        unsure = true;
        void pause(UNSURE_MS).then(ask);
      }
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
    });
    child.stdin.on('error', () => undefined);
    child.once('close', () =>
      resolve([`-> s_client ${args.map((arg) => arg.replace(tlsFixture().directory, '')).join(' ')}`, ...shown(output)].join('\n')),
    );
  });
}

function shown(output: string): string[] {
  const lines: string[] = [];
  const alerts = new Set<string>();
  let names = false;
  for (const line of output.split(/\r?\n/)) {
    if (names && /^(?:[A-Z]+ ?= ?|O = )/.test(line)) {
      lines.push(`  ${line}`);
      continue;
    }
    names = NAMES.test(line);
    const alert = ALERT.exec(line)?.[1];
    if (alert !== undefined && !VERDICT.test(alert)) alerts.add(alert);
    // TLS 1.3 tells of each ticket once more; whether it comes before the request's answer is chance.
    if (SHOWN.test(line) && !lines.includes(line)) lines.push(line);
  }
  if (!lines.some((line) => line.startsWith('HTTP/1.1'))) lines.push('[refused]');
  return [...lines, ...[...alerts].map((alert) => `[alert] ${alert}`)];
}
