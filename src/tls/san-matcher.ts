/** Matches subject alternative names. Source: envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher. */
import { buildStringMatcher, type StringMatcher } from '../http/string-matcher.ts';
import type { CertificateInfo } from '../net/tls-info.ts';
import type { SanMatcherSettings, SanType } from './settings.ts';

export class SanMatcher {
  readonly #type: SanType;
  readonly #oid: string;
  readonly #matcher: StringMatcher;
  /** Of an exact matcher on DNS names: wildcards in the certificate count (RFC 6125 §6.4.3). */
  readonly #exactDns: string | null;

  constructor({ type, matcher, oid }: SanMatcherSettings) {
    this.#type = type;
    this.#oid = oid;
    this.#matcher = buildStringMatcher(matcher);
    this.#exactDns = type === 'DNS' && matcher.kind === 'exact' ? matcher.value.toLowerCase() : null;
  }

  /** One of the names of its kind is enough. */
  matches(certificate: CertificateInfo): boolean {
    const exactDns = this.#exactDns;
    const names = namesOf(this.#type, this.#oid, certificate);
    for (let i = 0; i < names.length; i++) {
      const name = names[i]!;
      if (exactDns === null ? this.#matcher.matches(name) : dnsMatches(name, exactDns)) return true;
    }
    return false;
  }
}

function namesOf(type: SanType, oid: string, certificate: CertificateInfo): readonly string[] {
  switch (type) {
    case 'URI':
      return certificate.uriSans;
    case 'DNS':
      return certificate.dnsSans;
    case 'IP_ADDRESS':
      return certificate.ipSans;
    case 'EMAIL':
      return certificate.emailSans;
    case 'OTHER_NAME':
      return certificate.otherSans.filter((name) => name.oid === oid).map(({ value }) => value);
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
