/** What an OCSP response (RFC 6960 §4.2.1) says about itself. Its signature is for clients to check, as with Envoy. */

export interface OcspResponse {
  /** Of the certificate that it is about: lower-case hexadecimal. */
  readonly serial: string;
  readonly thisUpdateMs: number;
  /** 0 = it does not say until when it holds: it counts as expired. */
  readonly nextUpdateMs: number;
  readonly der: Buffer;
}

const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const ENUMERATED = 0x0a;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const CONTEXT_0 = 0xa0;

/** Elements of DER, one after the other. */
class Der {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  is(tag: number): boolean {
    return this.#bytes[this.#at] === tag;
  }

  /** Contents of the next element. @param tag that it must have; -1 = any */
  next(tag: number): Buffer {
    const bytes = this.#bytes;
    if (this.#at + 2 > bytes.length || (tag >= 0 && bytes[this.#at] !== tag)) throw new Error('OCSP response is malformed');
    let length = bytes[this.#at + 1]!;
    let start = this.#at + 2;
    if (length >= 0x80) {
      const size = length & 0x7f;
      if (size === 0 || size > 4 || start + size > bytes.length) throw new Error('OCSP response is malformed');
      length = bytes.readUIntBE(start, size);
      start += size;
    }
    if (start + length > bytes.length) throw new Error('OCSP response is malformed');
    this.#at = start + length;
    return bytes.subarray(start, start + length);
  }

  sequence(): Der {
    return new Der(this.next(SEQUENCE));
  }
}

/** @throws Error if it is none, or not a successful one for a single certificate */
export function parseOcspResponse(der: Buffer): OcspResponse {
  const response = new Der(der).sequence();
  if (response.next(ENUMERATED)[0] !== 0) throw new Error('OCSP response was unsuccessful');
  if (response.done) throw new Error('OCSP response has no body');
  const body = new Der(response.next(CONTEXT_0)).sequence();
  // responseType: id-pkix-ocsp-basic is the only one there is.
  body.next(-1);
  const data = new Der(body.next(OCTET_STRING)).sequence().sequence();
  if (data.is(CONTEXT_0)) data.next(CONTEXT_0);
  // responderID, producedAt
  data.next(-1);
  data.next(GENERALIZED_TIME);
  const all = data.sequence();
  const single = all.sequence();
  if (!all.done) throw new Error('OCSP Response must be for one certificate only');
  const id = single.sequence();
  // hashAlgorithm, issuerNameHash, issuerKeyHash
  id.next(SEQUENCE);
  id.next(OCTET_STRING);
  id.next(OCTET_STRING);
  const serial = id
    .next(INTEGER)
    .toString('hex')
    .replace(/^(?:00)+(?=..)/, '');
  // certStatus
  single.next(-1);
  const thisUpdateMs = timeOf(single.next(GENERALIZED_TIME));
  const nextUpdateMs = single.is(CONTEXT_0) ? timeOf(new Der(single.next(CONTEXT_0)).next(GENERALIZED_TIME)) : 0;
  return { serial, thisUpdateMs, nextUpdateMs, der };
}

/** @param bytes "20260102030405Z": RFC 5280 §4.1.2.5.2 */
function timeOf(bytes: Buffer): number {
  const digits = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(bytes.toString('latin1'));
  if (digits === null) throw new Error('OCSP response is malformed');
  const [year, month, day, hour, minute, second] = digits.slice(1).map(Number);
  return Date.UTC(year!, month! - 1, day, hour, minute, second);
}

export function isExpired({ nextUpdateMs }: OcspResponse, nowMs: number): boolean {
  return nextUpdateMs === 0 || nextUpdateMs < nowMs;
}

/** Extension TLS Feature with status_request (RFC 7633): OID 1.3.6.1.5.5.7.1.24, then SEQUENCE { INTEGER 5 } in an OCTET STRING. */
const MUST_STAPLE = Buffer.from('06082b0601050507011804053003020105', 'hex');

/** @param raw DER of a certificate */
export function mustStaple(raw: Buffer): boolean {
  return raw.includes(MUST_STAPLE);
}
