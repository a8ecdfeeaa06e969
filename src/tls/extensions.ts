/** Extensions of certificates that Node does not show (RFC 5280 §4.2). */
import type { X509Certificate } from 'node:crypto';
import { BIT_STRING, BOOLEAN, CONTEXT_0, CONTEXT_3, Der, ENUMERATED, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING } from './der.ts';

/** The first byte of the bit string of §4.2.1.3. */
export const KEY_USAGE = { digitalSignature: 0x80, keyEncipherment: 0x20, keyCertSign: 0x04, crlSign: 0x02 } as const;

const ID_KEY_USAGE = Buffer.from('551d0f', 'hex');
const ID_SUBJECT_ALT_NAME = Buffer.from('551d11', 'hex');

/** What the key is for, as KEY_USAGE; -1 = it does not say; -2 = that cannot be read. */
export function keyUsageOf(certificate: X509Certificate): number {
  try {
    const value = extensionOf(certificate.raw, ID_KEY_USAGE);
    // The first byte tells how many bits of the last one are not used.
    return value === null ? -1 : (new Der(value, 'keyUsage').next(BIT_STRING)[1] ?? 0);
  } catch {
    return -2;
  }
}

/** A certificate that does not say what its key is for lets it be used for everything. */
export function mayUseKey(certificate: X509Certificate, how: number): boolean {
  const usage = keyUsageOf(certificate);
  return usage === -1 || (usage >= 0 && (usage & how) !== 0);
}

/** Of AlgorithmIdentifiers and the like: tbsCertificate's fields before the extensions, each skipped. @returns its value; null = there is none */
function extensionOf(raw: Buffer, id: Buffer): Buffer | null {
  const certificate = new Der(raw, 'certificate').sequence().sequence();
  while (!certificate.done && !certificate.is(CONTEXT_3)) certificate.next(-1);
  if (certificate.done) return null;
  const extensions = certificate.inside(CONTEXT_3).sequence();
  while (!extensions.done) {
    const extension = extensions.sequence();
    const isIt = extension.next(OBJECT_IDENTIFIER).equals(id);
    if (extension.is(BOOLEAN)) extension.next(BOOLEAN);
    if (isIt) return extension.next(OCTET_STRING);
  }
  return null;
}

/** A name of a kind that its OID says, as text. Source: SAN type OTHER_NAME. */
export interface OtherName {
  readonly oid: string;
  readonly value: string;
}

/** otherName [0] of subjectAltName (§4.2.1.6); what cannot be read is left out. */
export function otherNamesOf(certificate: X509Certificate): readonly OtherName[] {
  const names: OtherName[] = [];
  try {
    const value = extensionOf(certificate.raw, ID_SUBJECT_ALT_NAME);
    if (value === null) return names;
    const all = new Der(value, 'subjectAltName').sequence();
    while (!all.done) {
      if (!all.is(CONTEXT_0)) {
        all.next(-1);
        continue;
      }
      const name = all.inside(CONTEXT_0);
      const oid = oidText(name.next(OBJECT_IDENTIFIER));
      const inner = name.inside(CONTEXT_0);
      names.push({ oid, value: valueText(inner.tag, inner.next(-1)) });
    }
  } catch {
    return names;
  }
  return names;
}

/** "1.3.6.1.4.1.311.20.2.3". @param bytes contents of an OBJECT IDENTIFIER */
export function oidText(bytes: Buffer): string {
  const parts: bigint[] = [];
  let part = 0n;
  for (const byte of bytes) {
    part = (part << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    if (parts.length === 0) {
      const first = part < 80n ? part / 40n : 2n;
      parts.push(first, part - first * 40n);
    } else parts.push(part);
    part = 0n;
  }
  return parts.join('.');
}

const BMP_STRING = 0x1e;
const UNIVERSAL_STRING = 0x1c;
/** UTF8, Numeric, Printable, Teletex, IA5, Visible, General, and times. */
const STRINGS: ReadonlySet<number> = new Set([0x0c, 0x12, 0x13, 0x14, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b]);

/** As Envoy writes a value; ''. */
function valueText(tag: number, bytes: Buffer): string {
  if (STRINGS.has(tag)) return bytes.toString('utf8');
  switch (tag) {
    case BOOLEAN:
      return bytes[0] === 0 ? 'false' : 'true';
    case INTEGER:
    case ENUMERATED:
      return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex') || '0'}`)).toString();
    case OBJECT_IDENTIFIER:
      return oidText(bytes);
    case OCTET_STRING:
      return bytes.toString('latin1');
    case BMP_STRING:
      return Buffer.from(bytes).swap16().toString('utf16le');
    case UNIVERSAL_STRING:
      return [...Array(bytes.length >> 2).keys()].map((i) => String.fromCodePoint(bytes.readUInt32BE(i * 4))).join('');
    default:
      return '';
  }
}
