/** The certificates of one filter chain, and which of them a client gets. Behaviour: Envoy's DefaultTlsCertificateSelector. */
import type { SecureContext } from 'node:tls';
import { type Certificate, parseAltNames } from './certificate.ts';
import { leafOf, serverContext, sessionContextOf } from './context.ts';
import type { TlsSocket } from './direct-socket.ts';
import { mustStaple, type OcspResponse, parseOcspResponse } from './ocsp.ts';
import type { CertificateSettings, DownstreamTlsSettings } from './settings.ts';

/** One certificate. */
export interface Offer {
  readonly settings: CertificateSettings;
  /** null = PKCS #12, which Node does not take apart. */
  readonly certificate: Certificate | null;
  readonly ecdsa: boolean;
  readonly ocsp: OcspResponse | null;
  readonly mustStaple: boolean;
}

/** What there is for one name: a certificate of one kind of key, or one of each. */
export class Choice {
  readonly ecdsa: Offer | null;
  readonly rsa: Offer | null;

  constructor(ecdsa: Offer | null, rsa: Offer | null) {
    this.ecdsa = ecdsa;
    this.rsa = rsa;
  }

  get both(): boolean {
    return this.ecdsa !== null && this.rsa !== null;
  }

  /**
   * For a client that has said what it can: to be asked during the handshake. What Envoy would choose comes first.
   * @param ecdsaCiphers offersEcdsaCiphers of its ClientHello
   */
  for(socket: TlsSocket, ecdsaCiphers: boolean | null): readonly Offer[] {
    const { ecdsa, rsa } = this;
    if (ecdsa === null || rsa === null) return [ecdsa ?? rsa!];
    const algorithms = socket.getSharedSigalgs();
    if (!algorithms.some((name) => name.startsWith('ECDSA'))) return [rsa];
    if (!algorithms.some((name) => name.startsWith('RSA'))) return [ecdsa];
    if (socket.getProtocol() === 'TLSv1.3' || ecdsaCiphers === true) return [ecdsa, rsa];
    // Node does not tell the ciphers that a client has for TLS 1.2: those of old ones may all be of RSA.
    return ecdsaCiphers === null ? [rsa, ecdsa] : [rsa];
  }
}

/** Of TLS 1.2 and before, with elliptic curves: AES with CBC and GCM, ChaCha20 (RFC 4492, 5289, 7905). */
const ECDSA_CIPHERS: ReadonlySet<number> = new Set([0xc009, 0xc00a, 0xc023, 0xc024, 0xc02b, 0xc02c, 0xcca9]);

/** @param bytes a connection's first ones, with a ClientHello (RFC 5246 §7.4.1.2) in one record; null = they do not tell */
export function offersEcdsaCiphers(bytes: Buffer): boolean | null {
  // record header 5, handshake header 4, version 2, random 32
  const sessionId = 43;
  if (bytes.length <= sessionId) return null;
  const at = sessionId + 1 + bytes[sessionId]!;
  if (bytes.length < at + 2) return null;
  const end = at + 2 + bytes.readUInt16BE(at);
  if (bytes.length < end) return null;
  for (let i = at + 2; i + 1 < end; i += 2) if (ECDSA_CIPHERS.has(bytes.readUInt16BE(i))) return true;
  return false;
}

export class ServerContexts {
  /** For clients that name nobody, and for those that name somebody else where the configuration wants a full scan: the first certificate of each kind. */
  readonly #first: Choice;
  /** For clients that name somebody else. */
  readonly #other: Choice;
  readonly #named: ReadonlyMap<string, Choice>;
  readonly #make: (offers: readonly Offer[]) => SecureContext;
  readonly #contexts: Map<Offer, SecureContext>;
  readonly fallback: SecureContext;
  /** One of them has an OCSP response, or must have one. */
  readonly staples: boolean;
  /** Names make no difference. */
  readonly single: boolean;

  /** @param ticketKeys of 48 bytes each, the same in all threads @throws OpenSSL's error for bad certificates */
  constructor(settings: DownstreamTlsSettings, ticketKeys: readonly Buffer[]) {
    const offers = settings.common.certificates.map(offerOf);
    const session = sessionContextOf(settings);
    this.#make = (list) =>
      serverContext(
        settings,
        list.map((offer) => offer.settings),
        ticketKeys,
        session,
      );
    this.#contexts = new Map();
    this.#first = firstOfEach(offers);
    const [first] = offers;
    this.#other = settings.fullScanCertificates || first === undefined ? this.#first : firstOfEach([first]);
    this.#named = byName(offers);
    this.fallback = this.#make([this.#first.ecdsa, this.#first.rsa].filter((offer) => offer !== null));
    this.staples = offers.some(({ ocsp, mustStaple: must }) => ocsp !== null || must);
    this.single = offers.length < 2 || [this.#other, ...this.#named.values()].every((choice) => this.#same(choice));
    // All of them are tried at once, so that a bad one is found when configuration is applied.
    if (!this.single) for (const offer of offers) this.contextOf(offer);
  }

  /** Exact name, then wildcard. @param serverName as sent: Envoy compares bytes; '' */
  select(serverName: string): Choice {
    if (serverName === '' || this.single) return this.#first;
    const dot = serverName.indexOf('.');
    return this.#named.get(serverName) ?? this.#named.get(`*${serverName.slice(Math.max(0, dot))}`) ?? this.#other;
  }

  /** For Node's SNICallback. null = the one that the socket has. */
  forName(serverName: string, socket: TlsSocket, ecdsaCiphers: boolean | null): SecureContext | null {
    const choice = this.select(serverName);
    // OpenSSL chooses by itself there.
    return this.#same(choice) ? null : this.contextOf(choice.for(socket, ecdsaCiphers)[0]!);
  }

  /** Holds that certificate only. */
  contextOf(offer: Offer): SecureContext {
    let context = this.#contexts.get(offer);
    if (context === undefined) {
      context = this.#make([offer]);
      this.#contexts.set(offer, context);
    }
    return context;
  }

  /** What a client that asked for that name was shown, when the handshake is over. */
  certificateFor(serverName: string, socket: TlsSocket): Certificate | null {
    const { ecdsa, rsa, both } = this.select(serverName);
    if (!both) return (ecdsa ?? rsa)?.certificate ?? null;
    const shown = socket.getX509Certificate()?.fingerprint256;
    return (shown === ecdsa!.certificate?.x509.fingerprint256 ? ecdsa : rsa)!.certificate;
  }

  #same({ ecdsa, rsa }: Choice): boolean {
    return ecdsa === this.#first.ecdsa && rsa === this.#first.rsa;
  }
}

function firstOfEach(offers: readonly Offer[]): Choice {
  return new Choice(offers.find(({ ecdsa }) => ecdsa) ?? null, offers.find(({ ecdsa }) => !ecdsa) ?? null);
}

function byName(offers: readonly Offer[]): Map<string, Choice> {
  const lists = new Map<string, Offer[]>();
  for (const offer of offers) {
    for (const name of offer.certificate === null ? [] : namesOf(offer.certificate)) {
      const list = lists.get(name);
      if (list === undefined) lists.set(name, [offer]);
      else list.push(offer);
    }
  }
  return new Map([...lists].map(([name, list]) => [name, firstOfEach(list)]));
}

function offerOf(settings: CertificateSettings): Offer {
  const certificate = leafOf(settings);
  return {
    settings,
    certificate,
    ecdsa: certificate?.x509.publicKey.asymmetricKeyType === 'ec',
    ocsp: settings.ocspStaple === '' ? null : parseOcspResponse(Buffer.from(settings.ocspStaple, 'base64')),
    mustStaple: certificate !== null && mustStaple(certificate.x509.raw),
  };
}

/** DNS names, lower case; the common name if there are none. */
function namesOf(certificate: Certificate): string[] {
  const sans = parseAltNames(certificate.x509.subjectAltName ?? '').get('DNS');
  if (sans !== undefined) return sans.map((name) => name.toLowerCase());
  const common = /^CN=(.*)$/m.exec(certificate.x509.subject)?.[1];
  return common === undefined ? [] : [common.toLowerCase()];
}
