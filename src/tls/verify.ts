/** Whether a peer's certificate is what the configuration asks for, beyond the chain that OpenSSL has verified. */

import type { X509Certificate } from 'node:crypto';
import { buildStringMatcher, type StringMatcher } from '../http/string-matcher.ts';
import { isIp } from '../net/address.ts';
import { nodeModule } from '../runtime/node-module.ts';
import type { Certificate } from './certificate.ts';
import type { SanType, ValidationSettings } from './settings.ts';

export type VerifyFailure = 'fail_verify_no_cert' | 'fail_verify_error' | 'fail_verify_san' | 'fail_verify_cert_hash';

/** What OpenSSL says of a certificate whose time is over, or has not come. */
const EXPIRED: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'CRL_HAS_EXPIRED', 'CRL_NOT_YET_VALID']);

interface SanRule {
  readonly type: SanType;
  readonly matcher: StringMatcher;
  /** Of an exact matcher on DNS names: wildcards in the certificate count (RFC 6125 §6.4.3). */
  readonly exactDns: string | null;
}

export class Validator {
  readonly settings: ValidationSettings;
  readonly #rules: readonly SanRule[];

  constructor(settings: ValidationSettings) {
    this.settings = settings;
    this.#rules = settings.sans.map(({ type, matcher }) => ({
      type,
      matcher: buildStringMatcher(matcher),
      exactDns: type === 'DNS' && matcher.kind === 'exact' ? matcher.value.toLowerCase() : null,
    }));
  }

  /** The chain is to be verified: there is something to verify it with. */
  get verifiesChain(): boolean {
    return this.settings.trustedCa !== '' || this.settings.systemRoots;
  }

  /**
   * @param chainError OpenSSL's verdict on the chain, e.g. "CERT_HAS_EXPIRED"; '' = it is good
   * @param sentName a name that must be one of the certificate's besides; ''
   */
  check(certificate: Certificate, chainError: string, sentName: string): VerifyFailure | null {
    const { allowExpired, acceptUntrusted, hashes, spki } = this.settings;
    if (this.verifiesChain && chainError !== '' && !acceptUntrusted && !(allowExpired && EXPIRED.has(chainError)))
      return 'fail_verify_error';
    if (this.#rules.length > 0 && !this.#rules.some((rule) => matchesSan(rule, certificate))) return 'fail_verify_san';
    if (sentName !== '' && !isOwnName(sentName, certificate)) return 'fail_verify_san';
    if (hashes.length + spki.length > 0 && !hashes.includes(certificate.fingerprint256) && !spki.includes(spkiHash(certificate.x509))) {
      return 'fail_verify_cert_hash';
    }
    return null;
  }

  /** The peer counts as validated once `check` has passed: a chain that was accepted untrusted does not. */
  validates(chainError: string): boolean {
    return this.verifiesChain
      ? chainError === '' || !this.settings.acceptUntrusted
      : this.settings.hashes.length + this.settings.spki.length > 0;
  }
}

function isOwnName(sent: string, { dnsSans, ipSans }: Certificate): boolean {
  if (isIp(sent)) return ipSans.includes(sent);
  return dnsSans.some((name) => dnsMatches(name, sent.toLowerCase()));
}

function matchesSan(rule: SanRule, certificate: Certificate): boolean {
  const { exactDns } = rule;
  const names = namesOf(rule.type, certificate);
  return names.some((name) => (exactDns === null ? rule.matcher.matches(name) : dnsMatches(name, exactDns)));
}

function namesOf(type: SanType, certificate: Certificate): readonly string[] {
  switch (type) {
    case 'URI':
      return certificate.uriSans;
    case 'DNS':
      return certificate.dnsSans;
    case 'IP_ADDRESS':
      return certificate.ipSans;
    case 'EMAIL':
      return certificate.emailSans;
  }
}

/** @param pattern of the certificate @param name lower case */
export function dnsMatches(pattern: string, name: string): boolean {
  const lower = pattern.toLowerCase();
  if (lower === name) return true;
  if (!lower.startsWith('*.')) return false;
  const dot = name.indexOf('.');
  return dot > 0 && name.slice(dot) === lower.slice(1);
}

function spkiHash(x509: X509Certificate): string {
  return nodeModule<typeof import('node:crypto')>('node:crypto')
    .createHash('sha256')
    .update(x509.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
}
