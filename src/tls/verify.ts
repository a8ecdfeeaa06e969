/** Whether a peer's certificate is what the configuration asks for, beyond the chain that OpenSSL has verified. */

import type { X509Certificate } from 'node:crypto';
import { isIp } from '../net/address.ts';
import { nodeModule } from '../runtime/node-module.ts';
import { wallTimeMs } from '../runtime/wall-time.ts';
import type { Certificate } from './certificate.ts';
import { certificatesIn, depthToTrusted, mayBe, mayIssue } from './chain.ts';
import { tls } from './context.ts';
import { RevocationLists } from './crl.ts';
import { dnsMatches, SanMatcher } from './san-matcher.ts';
import type { ValidationSettings } from './settings.ts';

export type VerifyFailure = 'fail_verify_no_cert' | 'fail_verify_error' | 'fail_verify_san' | 'fail_verify_cert_hash';

/** What OpenSSL says of a certificate whose time is over, or has not come. */
const EXPIRED: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'CRL_HAS_EXPIRED', 'CRL_NOT_YET_VALID']);

const NO_ISSUER = 'X509_verify_cert: certificate verification error at depth 0: unable to get local issuer certificate';

/** What a peer has shown. */
export interface PeerCertificates {
  /** The peer's own first. */
  readonly peerChain: readonly Certificate[];
}

export class Validator {
  readonly settings: ValidationSettings;
  readonly #peerRole: 'server' | 'client';
  /** By trust domain; '' = whatever the peer says that it is. */
  readonly #trusted: Map<string, readonly X509Certificate[]>;
  readonly #names: readonly SanMatcher[];
  /** null = OpenSSL looks at them, or there are none. */
  readonly #revocation: RevocationLists | null;

  /** @param peerRole what the other side is */
  constructor(settings: ValidationSettings, peerRole: 'server' | 'client') {
    this.settings = settings;
    this.#peerRole = peerRole;
    this.#trusted = new Map();
    this.#names = settings.sans.map((matcher) => new SanMatcher(matcher));
    this.#revocation = settings.onlyLeafCrl && settings.crl !== '' ? new RevocationLists(settings.crl) : null;
  }

  /** There is something to judge a certificate by: a context that says nothing asks for none. */
  get judges(): boolean {
    return this.verifiesChain || this.settings.hashes.length + this.settings.spki.length > 0;
  }

  /** Names, pins and trust domains have to be met by somebody: no certificate is as bad as a wrong one. */
  get requires(): boolean {
    const { sans, hashes, spki, trustDomains, acceptUntrusted } = this.settings;
    return sans.length + hashes.length + spki.length + trustDomains.length > 0 && !acceptUntrusted;
  }

  /** The chain is not good, and that is accepted. @param chainError of a certificate that `check` has let pass */
  overlooks(chainError: string): boolean {
    return chainError !== '' && this.verifiesChain && this.settings.acceptUntrusted;
  }

  /** The chain is to be verified: there is something to verify it with. */
  get verifiesChain(): boolean {
    return this.settings.trustedCa !== '' || this.settings.systemRoots;
  }

  /**
   * @param chainError OpenSSL's verdict on the chain, e.g. "CERT_HAS_EXPIRED"; '' = it is good
   * @param shown looked at only where the chain's length or its way past an expired certificate matters
   * @param sentName a name that must be one of the certificate's besides; ''
   */
  check(certificate: Certificate, chainError: string, shown: PeerCertificates, sentName: string): VerifyFailure | null {
    const { acceptUntrusted, hashes, spki } = this.settings;
    if (this.verifiesChain && !acceptUntrusted && !this.#chainIsGood(chainError, shown)) return 'fail_verify_error';
    if (sentName !== '' && !hasName(certificate, sentName)) return 'fail_verify_san';
    if (this.#names.length > 0 && !this.#names.some((matcher) => matcher.matches(certificate))) return 'fail_verify_san';
    if (hashes.length + spki.length > 0 && !hashes.includes(certificate.fingerprint256) && !spki.includes(spkiHash(certificate.x509))) {
      return 'fail_verify_cert_hash';
    }
    return null;
  }

  /** Why a peer has no place in any of the trust domains, in Envoy's words; '' = that is not why, or there are none. @param failure that `check` found */
  outsideDomains(failure: VerifyFailure, chainError: string, shown: PeerCertificates): string {
    const { trustDomains } = this.settings;
    if (trustDomains.length === 0) return '';
    const leaf = shown.peerChain[0];
    if (leaf === undefined || leaf.x509.ca || mayIssue(leaf.x509)) return 'cert precheck';
    const domain = trustDomainOf(leaf);
    if (domain === null || !trustDomains.some(({ name }) => name === domain)) return 'no trust bundle store';
    if (failure === 'fail_verify_san') return 'SAN match';
    // OpenSSL knows the authorities of all domains, Envoy only those of the one that the peer says it is of.
    return chainError === '' && this.#depth(shown, domain) < 0 ? NO_ISSUER : '';
  }

  /** @param chainError OpenSSL's verdict @returns it, with what a list says of the peer's own certificate where only that one is looked for */
  withRevocation(chainError: string, shown: PeerCertificates): string {
    const lists = this.#revocation;
    if (lists === null || (chainError !== '' && !this.#mayOverlook(chainError))) return chainError;
    const chain = shown.peerChain.map(({ x509 }) => x509);
    const [leaf] = chain;
    if (leaf === undefined) return chainError;
    const revocation = lists.check(leaf, [...chain.slice(1), ...this.#trustedIn('')], wallTimeMs());
    return revocation === '' ? chainError : revocation;
  }

  #mayOverlook(chainError: string): boolean {
    const { allowExpired, crl, onlyLeafCrl } = this.settings;
    // Times are what OpenSSL looks at last: that one is over says nothing of the chain before it, nor of revocation.
    return allowExpired && EXPIRED.has(chainError) && (crl === '' || onlyLeafCrl);
  }

  #chainIsGood(chainError: string, shown: PeerCertificates): boolean {
    const { maxVerifyDepth, trustDomains } = this.settings;
    const domain = trustDomains.length === 0 ? '' : trustDomainOf(shown.peerChain[0]);
    if (domain === null) return false;
    if (chainError === '') {
      if (domain === '' && maxVerifyDepth < 0) return true;
      const depth = this.#depth(shown, domain);
      return depth >= 0 && (maxVerifyDepth < 0 || depth <= maxVerifyDepth);
    }
    if (!this.#mayOverlook(chainError)) return false;
    const depth = this.#depth(shown, domain);
    const [leaf] = shown.peerChain;
    return depth >= 0 && (maxVerifyDepth < 0 || depth <= maxVerifyDepth) && leaf !== undefined && mayBe(this.#peerRole, leaf.x509);
  }

  #depth(shown: PeerCertificates, domain: string): number {
    return depthToTrusted(
      shown.peerChain.map(({ x509 }) => x509),
      this.#trustedIn(domain),
    );
  }

  #trustedIn(domain: string): readonly X509Certificate[] {
    const { systemRoots, trustedCa, trustDomains } = this.settings;
    let trusted = this.#trusted.get(domain);
    if (trusted === undefined) {
      const roots = systemRoots ? tls().rootCertificates : [];
      const bundle = domain === '' ? trustedCa : (trustDomains.find(({ name }) => name === domain)?.bundle ?? '');
      // A peer may say that it is of any domain: only what is configured is kept.
      if (bundle === '' && domain !== '') return [];
      trusted = certificatesIn([...(domain === '' ? roots : []), bundle].join('\n'));
      this.#trusted.set(domain, trusted);
    }
    return trusted;
  }

  /** The peer counts as validated once `check` has passed: a chain that was accepted untrusted does not. */
  validates(chainError: string): boolean {
    return this.verifiesChain
      ? chainError === '' || !this.settings.acceptUntrusted
      : this.settings.hashes.length + this.settings.spki.length > 0;
  }
}

/** Of an X.509-SVID (SPIFFE's standard, §2 and §5.2): one URI, and not an authority's. null = it is none. */
export function trustDomainOf(leaf: Certificate | undefined): string | null {
  if (leaf === undefined || leaf.x509.ca || mayIssue(leaf.x509) || leaf.uriSans.length !== 1) return null;
  return /^spiffe:\/\/([^/]+)(?:\/|$)/.exec(leaf.uriSans[0]!)?.[1] ?? null;
}

/** DNS names by their rules, all others as they are. */
export function hasName(certificate: Certificate, name: string): boolean {
  if (isIp(name)) return certificate.ipSans.includes(name);
  return certificate.dnsSans.some((pattern) => dnsMatches(pattern, name.toLowerCase())) || certificate.names.includes(name);
}

function spkiHash(x509: X509Certificate): string {
  return nodeModule<typeof import('node:crypto')>('node:crypto')
    .createHash('sha256')
    .update(x509.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}
