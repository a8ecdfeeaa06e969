/** Facts of one X.509 certificate, each read when it is asked for. */
import type { X509Certificate } from 'node:crypto';
import type { CertificateInfo } from '../net/tls-info.ts';
import { type OtherName, otherNamesOf } from './extensions.ts';

export class Certificate implements CertificateInfo {
  readonly x509: X509Certificate;
  #sans: ReadonlyMap<string, readonly string[]> | null;

  constructor(x509: X509Certificate) {
    this.x509 = x509;
    this.#sans = null;
  }

  get uriSans(): readonly string[] {
    return this.#names('URI');
  }
  get dnsSans(): readonly string[] {
    return this.#names('DNS');
  }
  get ipSans(): readonly string[] {
    return this.#names('IP Address');
  }
  get emailSans(): readonly string[] {
    return this.#names('email');
  }
  get otherSans(): readonly OtherName[] {
    return otherNamesOf(this.x509);
  }
  /** Subject alternative names of every kind, in the certificate's order. */
  get names(): readonly string[] {
    const others = this.otherSans.values();
    // Of these Node tells next to nothing.
    return [...altNames(this.x509.subjectAltName ?? '')].map(([type, name]) =>
      type === 'othername' ? (others.next().value?.value ?? name) : name,
    );
  }
  get subject(): string {
    return rfc2253(this.x509.subject);
  }
  get issuer(): string {
    return rfc2253(this.x509.issuer);
  }
  get serial(): string {
    return this.x509.serialNumber.toLowerCase();
  }
  get fingerprint256(): string {
    return hexadecimal(this.x509.fingerprint256);
  }
  get fingerprint1(): string {
    return hexadecimal(this.x509.fingerprint);
  }
  get pem(): string {
    return this.x509.toString();
  }
  get validFromMs(): number {
    return Date.parse(this.x509.validFrom);
  }
  get validToMs(): number {
    return Date.parse(this.x509.validTo);
  }

  #names(type: string): readonly string[] {
    this.#sans ??= parseAltNames(this.x509.subjectAltName ?? '');
    return this.#sans.get(type) ?? NONE;
  }
}

const NONE: readonly string[] = [];

function hexadecimal(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}

/** Node's `subjectAltName`: "DNS:a.test, URI:spiffe://x"; names with a comma or quote are JSON strings. */
export function parseAltNames(text: string): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const [type, name] of altNames(text)) {
    const list = names.get(type);
    if (list === undefined) names.set(type, [name]);
    else list.push(name);
  }
  return names;
}

/** Kind and name of each, in order. */
export function* altNames(text: string): Generator<readonly [string, string]> {
  for (const [, type, value] of text.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    yield [type!, value!.startsWith('"') ? (JSON.parse(value!) as string) : value!];
  }
}

/** Node gives one attribute a line, most general first, escaped; RFC 2253 §2.1 wants them the other way round. */
export function rfc2253(lines: string | undefined): string {
  return lines === undefined ? '' : lines.split('\n').reverse().join();
}
