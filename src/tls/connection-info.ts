/** TlsInfo of a real socket: each fact is asked of OpenSSL when it is needed. */
import type { TlsInfo } from '../net/tls-info.ts';
import { Certificate } from './certificate.ts';
import type { TlsSocket } from './direct-socket.ts';

/** Nobody has asked for the certificate yet. */
const UNKNOWN = Symbol('unknown');

export class TlsConnectionInfo implements TlsInfo {
  readonly socket: TlsSocket;
  /** As BoringSSL has it, "TLSv1.2" before anything has been agreed on. */
  version: string;
  #established: boolean;
  alpn: string;
  peerValidated: boolean;
  #peer: Certificate | null | typeof UNKNOWN;
  #local: Certificate | null;

  constructor(socket: TlsSocket) {
    this.socket = socket;
    this.version = 'TLSv1.2';
    this.#established = false;
    this.alpn = '';
    this.peerValidated = false;
    this.#peer = UNKNOWN;
    this.#local = null;
  }

  /** The handshake is over. @param local the certificate that was shown; null = none */
  established(local: Certificate | null): void {
    this.version = this.socket.getProtocol() ?? '';
    this.#established = true;
    const { alpnProtocol } = this.socket;
    this.alpn = typeof alpnProtocol === 'string' ? alpnProtocol : '';
    this.#local = local;
  }

  /** The peer has shown its certificate when the session began. */
  resumed(peer: Certificate | null, peerValidated: boolean): void {
    this.#peer = peer;
    this.peerValidated = peerValidated;
  }

  /** The handshake has failed: what it had come to is told. @param agreed on a version, which is TLS 1.2 before, to Envoy */
  failed(agreed: boolean): void {
    this.version = agreed ? (this.socket.getProtocol() ?? '') : 'TLSv1.2';
  }

  get cipher(): string {
    return !this.#established ? '' : (this.socket.getCipher()?.name ?? '');
  }

  get sessionId(): string {
    const session = !this.#established ? undefined : this.socket.getSession();
    return session === undefined ? '' : sessionIdOf(session).toString('hex');
  }

  get group(): string {
    if (!this.#established) return '';
    // A client is told by Node what has been exchanged, if it has not gone on with a session of TLS 1.2.
    const own = this.socket.getEphemeralKeyInfo() as { name?: string } | null;
    if (own?.name !== undefined) return CURVES[own.name] ?? own.name;
    const session = this.socket.getSession();
    return session === undefined ? '' : (GROUPS[groupOf(session)] ?? '');
  }

  get serverName(): string {
    const { servername } = this.socket as { servername?: string | false | null };
    return typeof servername === 'string' ? servername : '';
  }

  get peerPresented(): boolean {
    return this.peer !== null;
  }

  get peer(): Certificate | null {
    if (this.#peer !== UNKNOWN) return this.#peer;
    if (!this.#established) return null;
    const x509 = this.socket.getPeerX509Certificate();
    this.#peer = x509 === undefined ? null : new Certificate(x509);
    return this.#peer;
  }

  get peerChain(): readonly Certificate[] {
    const chain: Certificate[] = [];
    const seen = new Set<string>();
    for (let x509 = this.peer?.x509; x509 !== undefined && !seen.has(x509.fingerprint256); x509 = x509.issuerCertificate) {
      seen.add(x509.fingerprint256);
      chain.push(new Certificate(x509));
    }
    return chain;
  }

  get local(): Certificate | null {
    return this.#local;
  }
}

const OCTET_STRING = 0x04;

/** SSLSession ::= SEQUENCE { version INTEGER, protocol INTEGER, cipher OCTET STRING, sessionID OCTET STRING, … }, as OpenSSL writes it. */
export function sessionIdOf(session: Buffer): Buffer {
  let at = session[1]! < 0x80 ? 2 : 2 + (session[1]! & 0x7f);
  for (let strings = 0; at + 1 < session.length; ) {
    const length = session[at + 1]!;
    // All of these are shorter than 128 bytes.
    if (length >= 0x80) break;
    if (session[at] === OCTET_STRING && ++strings === 2) return session.subarray(at + 2, at + 2 + length);
    at += 2 + length;
  }
  return Buffer.alloc(0);
}

/** OpenSSL's names of curves, and BoringSSL's. */
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** IANA's numbers of TLS groups. */
const GROUPS: Readonly<Record<number, string>> = { 23: 'P-256', 24: 'P-384', 25: 'P-521', 29: 'X25519', 4588: 'X25519MLKEM768' };

/** The last part of a session is kex_group [19] EXPLICIT INTEGER: Node tells a server's key exchange nowhere else. 0 = it is not there. */
export function groupOf(session: Buffer): number {
  const { length } = session;
  if (length > 5 && session[length - 5] === 0xb3 && session[length - 4] === 3) return session[length - 1]!;
  if (length > 6 && session[length - 6] === 0xb3 && session[length - 5] === 4) return session.readUInt16BE(length - 2);
  return 0;
}
