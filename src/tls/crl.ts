/**
 * Revocation lists (RFC 5280 §5) of which only the one about the peer's own certificate counts: OpenSSL, as Node asks it, wants one about each
 * certificate of the chain. What is not understood here revokes.
 */
import type { X509Certificate } from 'node:crypto';
import { nodeModule } from '../runtime/node-module.ts';
import {
  BIT_STRING,
  BOOLEAN,
  CONTEXT_0,
  Der,
  GENERALIZED_TIME,
  INTEGER,
  OBJECT_IDENTIFIER,
  SEQUENCE,
  serialOf,
  timeOf,
  UTC_TIME,
} from './der.ts';
import { KEY_USAGE, mayUseKey, oidText } from './extensions.ts';

type Crypto = typeof import('node:crypto');

/** OpenSSL's names. */
export type RevocationError = 'UNABLE_TO_GET_CRL' | 'CRL_SIGNATURE_FAILURE' | 'CRL_HAS_EXPIRED' | 'CRL_NOT_YET_VALID' | 'CERT_REVOKED';

interface RevocationList {
  readonly issuer: Buffer;
  readonly thisUpdateMs: number;
  /** 0 = it does not say. */
  readonly nextUpdateMs: number;
  readonly revoked: ReadonlySet<string>;
  readonly signed: Buffer;
  readonly signature: Buffer;
  /** node:crypto's; null = the key says. */
  readonly digest: string | null;
  /** It has a critical extension, or an algorithm, that is not known here. */
  readonly strange: boolean;
}

const WHAT = 'revocation list';
const PEM = /-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/g;

/** Signature algorithms by OID; null = the key says which digest. */
const DIGESTS: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.5': 'sha1',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
};

export class RevocationLists {
  readonly #lists: readonly RevocationList[];

  /** @param text PEM of any number of lists @throws Error if one of them is none, or there are none */
  constructor(text: string) {
    this.#lists = [...text.matchAll(PEM)].map(([, base64]) => parse(Buffer.from(base64!, 'base64')));
    if (this.#lists.length === 0) throw new Error(`${WHAT} is malformed`);
  }

  /** @param issuers candidates @returns '' = it has not been revoked */
  check(leaf: X509Certificate, issuers: readonly X509Certificate[], nowMs: number): RevocationError | '' {
    const { issuer: name, serial } = identityOf(leaf);
    let verdict: RevocationError | '' = 'UNABLE_TO_GET_CRL';
    for (const list of this.#lists) {
      if (!list.issuer.equals(name)) continue;
      const signer = issuers.find((issuer) => leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey));
      if (signer === undefined || list.strange || !mayUseKey(signer, KEY_USAGE.crlSign) || !isSigned(list, signer)) {
        verdict = 'CRL_SIGNATURE_FAILURE';
        continue;
      }
      if (list.revoked.has(serial)) return 'CERT_REVOKED';
      if (list.thisUpdateMs > nowMs) verdict = 'CRL_NOT_YET_VALID';
      else if (list.nextUpdateMs !== 0 && list.nextUpdateMs < nowMs) verdict = 'CRL_HAS_EXPIRED';
      // The best one counts, as with OpenSSL.
      else return this.#revokedByAnother(name, serial, signer);
    }
    return verdict;
  }

  /** A good list does not clear what another one of the same authority has revoked. */
  #revokedByAnother(name: Buffer, serial: string, signer: X509Certificate): 'CERT_REVOKED' | '' {
    const also = this.#lists.some((list) => list.issuer.equals(name) && list.revoked.has(serial) && isSigned(list, signer));
    return also ? 'CERT_REVOKED' : '';
  }
}

function isSigned({ signed, signature, digest }: RevocationList, signer: X509Certificate): boolean {
  try {
    return nodeModule<Crypto>('node:crypto').verify(digest, signed, signer.publicKey, signature);
  } catch {
    return false;
  }
}

function parse(der: Buffer): RevocationList {
  const outer = new Der(der, WHAT).sequence();
  const signed = outer.whole(SEQUENCE);
  const algorithm = oidText(outer.sequence().next(OBJECT_IDENTIFIER));
  // The first byte tells how many bits of the last one are not used: none.
  const signature = outer.next(BIT_STRING).subarray(1);
  const list = new Der(signed, WHAT).sequence();
  if (list.is(INTEGER)) list.next(INTEGER);
  list.next(SEQUENCE);
  const issuer = list.next(SEQUENCE);
  const thisUpdateMs = time(list);
  const nextUpdateMs = list.is(UTC_TIME) || list.is(GENERALIZED_TIME) ? time(list) : 0;
  const revoked = new Set<string>();
  let strange = DIGESTS[algorithm] === undefined;
  if (list.is(SEQUENCE)) {
    const entries = list.sequence();
    while (!entries.done) {
      const entry = entries.sequence();
      revoked.add(serialOf(entry.next(INTEGER)));
      entry.next(-1);
      // Of a certificate of another authority, perhaps (§5.3.3).
      if (entry.is(SEQUENCE)) strange ||= hasCritical(entry.sequence());
    }
  }
  if (list.is(CONTEXT_0)) strange ||= hasCritical(list.inside(CONTEXT_0).sequence());
  return { issuer, thisUpdateMs, nextUpdateMs, revoked, signed, signature, digest: DIGESTS[algorithm] ?? null, strange };
}

function hasCritical(extensions: Der): boolean {
  while (!extensions.done) {
    const extension = extensions.sequence();
    extension.next(OBJECT_IDENTIFIER);
    if (extension.is(BOOLEAN) && extension.next(BOOLEAN)[0] !== 0) return true;
  }
  return false;
}

function time(der: Der): number {
  const ms = timeOf(der.next(-1).toString('latin1'));
  if (ms === null) throw der.malformed();
  return ms;
}

/** TBSCertificate: version, serialNumber, signature, issuer (§4.1). */
function identityOf({ raw }: X509Certificate): { readonly issuer: Buffer; readonly serial: string } {
  const certificate = new Der(raw, 'certificate').sequence().sequence();
  if (certificate.is(CONTEXT_0)) certificate.next(CONTEXT_0);
  const serial = serialOf(certificate.next(INTEGER));
  certificate.next(SEQUENCE);
  return { serial, issuer: certificate.next(SEQUENCE) };
}
