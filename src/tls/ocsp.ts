/** What an OCSP response (RFC 6960 §4.2.1) says about itself. Its signature is for clients to check, as with Envoy. */
import { CONTEXT_0, Der, ENUMERATED, GENERALIZED_TIME, INTEGER, OCTET_STRING, SEQUENCE, serialOf, timeOf } from './der.ts';

export interface OcspResponse {
  /** Of the certificate that it is about: lower-case hexadecimal. */
  readonly serial: string;
  readonly thisUpdateMs: number;
  /** 0 = it does not say until when it holds: it counts as expired. */
  readonly nextUpdateMs: number;
  readonly der: Buffer;
}

const WHAT = 'OCSP response';

/** @throws Error if it is none, or not a successful one for a single certificate */
export function parseOcspResponse(der: Buffer): OcspResponse {
  const response = new Der(der, WHAT).sequence();
  if (response.next(ENUMERATED)[0] !== 0) throw new Error('OCSP response was unsuccessful');
  if (response.done) throw new Error('OCSP response has no body');
  const body = response.inside(CONTEXT_0).sequence();
  // responseType: id-pkix-ocsp-basic is the only one there is.
  body.next(-1);
  const data = body.inside(OCTET_STRING).sequence().sequence();
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
  const serial = serialOf(id.next(INTEGER));
  // certStatus
  single.next(-1);
  const thisUpdateMs = generalizedTime(single);
  const nextUpdateMs = single.is(CONTEXT_0) ? generalizedTime(single.inside(CONTEXT_0)) : 0;
  return { serial, thisUpdateMs, nextUpdateMs, der };
}

function generalizedTime(der: Der): number {
  const ms = timeOf(der.next(GENERALIZED_TIME).toString('latin1'));
  if (ms === null) throw der.malformed();
  return ms;
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
