/** TLS in front of a recording upstream: what the proxy offers as a client is shown, what is inside goes to the upstream. */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { type CertificateName, tlsFixture } from './tls-fixture.ts';

export interface TlsUpstreamKind {
  readonly certificate: CertificateName;
  /** Recording upstream behind it. */
  readonly to: string;
  /** A client certificate is asked for; 'require' = the handshake fails without. */
  readonly client?: 'ask' | 'require';
  readonly minVersion?: tls.SecureVersion;
  readonly maxVersion?: tls.SecureVersion;
  readonly ciphers?: string;
  readonly alpn?: readonly string[];
}

export class TlsUpstream {
  readonly #name: string;
  readonly #server: tls.Server;
  readonly #sockets = new Set<net.Socket>();
  #seen: string[] = [];

  constructor(name: string, kind: TlsUpstreamKind, port: number) {
    this.#name = name;
    const fixture = tlsFixture();
    const file = (path: string) => readFileSync(fixture.path(path));
    const options: tls.TlsOptions = {
      cert: file(`${kind.certificate}.pem`),
      key: file(`${kind.certificate}.key`),
      ca: file('ca.pem'),
      requestCert: kind.client !== undefined,
      rejectUnauthorized: kind.client === 'require',
      ...(kind.minVersion === undefined ? {} : { minVersion: kind.minVersion }),
      ...(kind.maxVersion === undefined ? {} : { maxVersion: kind.maxVersion }),
      ...(kind.ciphers === undefined ? {} : { ciphers: kind.ciphers }),
      ...(kind.alpn === undefined ? {} : { ALPNProtocols: [...kind.alpn] }),
    };
    this.#server = tls.createServer(options, (socket) => this.#accept(socket, port));
    this.#server.on('connection', (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as net.AddressInfo).port;
  }

  prepare(): void {
    this.#seen = [];
  }

  report(): string {
    return this.#seen.map((line) => `<- tls ${this.#name}: ${line}`).join('\n');
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #accept(socket: tls.TLSSocket, port: number): void {
    const { servername } = socket as { servername?: string | false };
    const client = socket.getPeerCertificate().subject?.CN ?? '-';
    const facts = [`sni=${servername || '-'}`, `alpn=${socket.alpnProtocol || '-'}`, `client=${client}`];
    const line = `${socket.getProtocol()} ${socket.getCipher().standardName} ${facts.join(' ')}`;
    socket.on('error', () => socket.destroy());
    // A client that does not like the certificate goes before, or after, the handshake is over: Node can do no other than after.
    socket.once('data', (first: Buffer) => {
      this.#seen.push(line);
      const inner = net.connect(port, '127.0.0.1');
      inner.on('error', () => socket.destroy());
      socket.on('error', () => inner.destroy());
      socket.on('close', () => inner.destroy());
      inner.write(first);
      socket.pipe(inner).pipe(socket);
    });
  }
}
