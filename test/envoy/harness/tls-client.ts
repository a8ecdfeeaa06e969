/** A client that speaks TLS to the proxies: what was agreed on, what came back, or how it was refused. */
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { pause } from './patience.ts';
import { type CertificateName, tlsFixture } from './tls-fixture.ts';

export interface TlsSend {
  /** SNI; none by default. */
  readonly serverName?: string;
  /** The client's own. */
  readonly certificate?: CertificateName;
  readonly minVersion?: tls.SecureVersion;
  readonly maxVersion?: tls.SecureVersion;
  /** OpenSSL list, of TLS 1.2. */
  readonly ciphers?: string;
  readonly curves?: string;
  readonly signatureAlgorithms?: string;
  readonly alpn?: readonly string[];
  /** Asks for the server's certificate status. */
  readonly ocsp?: boolean;
  /** Path of a GET request, after which the connection is closed; "/" by default. */
  readonly path?: string;
  readonly host?: string;
  /** Shows the alert about the client's certificate too. */
  readonly alert?: boolean;
}

/** What Envoy says of a certificate. Node judges when the handshake is over, and cannot send alerts: the connection just closes. */
const VERDICT = /ALERT_(UNKNOWN_CA|CERTIFICATE_UNKNOWN|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED)|BAD_CERTIFICATE_HASH_VALUE/;

const GIVE_UP_MS = 15_000;

/** For a server without tickets, or one that is about to refuse. */
const UNSURE_MS = 200;

/** One connection with one request. */
export function playTls(port: number, send: TlsSend): Promise<string> {
  const fixture = tlsFixture();
  const file = (name: string) => readFileSync(fixture.path(name));
  const { serverName, certificate, minVersion, maxVersion, ciphers, curves, signatureAlgorithms, alpn, ocsp } = send;
  return new Promise((resolve) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port,
      ca: file('ca.pem'),
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(certificate === undefined ? {} : { cert: file(`${certificate}.pem`), key: file(`${certificate}.key`) }),
      ...(minVersion === undefined ? {} : { minVersion }),
      ...(maxVersion === undefined ? {} : { maxVersion }),
      ...(ciphers === undefined ? {} : { ciphers }),
      ...(curves === undefined ? {} : { ecdhCurve: curves }),
      ...(signatureAlgorithms === undefined ? {} : { sigalgs: signatureAlgorithms }),
      ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      ...(ocsp === undefined ? {} : { requestOCSP: ocsp }),
    });
    const seen: string[] = [];
    let body = '';
    let asked = false;
    const ask = () => {
      if (asked) return;
      asked = true;
      socket.write(`GET ${send.path ?? '/'} HTTP/1.1\r\nhost: ${send.host ?? 'a.test'}\r\nconnection: close\r\n\r\n`);
    };
    const done = () => {
      asked = true;
      clearTimeout(timer);
      socket.destroy();
      if (body !== '') seen.push(body.replaceAll('\r\n', '\n'));
      resolve([`-> tls ${JSON.stringify(send)}`, ...seen].join('\n'));
    };
    const timer = setTimeout(done, GIVE_UP_MS);
    socket.on('OCSPResponse', (response: Buffer | null) => seen.push(`[OCSP] ${response === null ? 'none' : `${response.length} bytes`}`));
    socket.once('secureConnect', () => {
      const peer = socket.getPeerCertificate();
      const key = socket.getEphemeralKeyInfo() as { name?: string };
      const facts = [socket.getProtocol(), socket.getCipher().standardName, key.name ?? '-', `alpn=${socket.alpnProtocol || '-'}`];
      seen.push(`${facts.join(' ')} server=${peer.subject?.CN ?? '-'} ${socket.authorized ? 'trusted' : 'untrusted'}`);
      // With TLS 1.3 the server judges afterwards, and tickets tell that it has: a request that crosses its alert would be answered by RST.
      if (socket.getProtocol() !== 'TLSv1.3') ask();
      else {
        socket.once('session', ask);
        void pause(UNSURE_MS).then(ask);
      }
    });
    socket.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // Whether it ended by FIN or RST depends on what was still unread.
      const shown = error.code?.startsWith('ERR_SSL') && (send.alert === true || !VERDICT.test(error.code));
      const reason = shown ? error.code : 'closed';
      seen.push(`[refused] ${reason}`);
      done();
    });
    socket.once('close', () => {
      if (body === '') seen.push('[refused] closed');
      done();
    });
  });
}
