import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { leafOf } from '../../src/tls/context.ts';
import { isExpired, mustStaple, type OcspResponse, parseOcspResponse } from '../../src/tls/ocsp.ts';
import { CertificateAuthority, type IssuedCertificate, OPENSSL } from '../support/certificates.ts';

const HOUR_MS = 3_600_000;

describe.skipIf(OPENSSL === null)('OCSP responses', () => {
  let authority: CertificateAuthority;
  let issued: IssuedCertificate;
  let good: Buffer;
  let parsed: OcspResponse;
  beforeAll(() => {
    authority = new CertificateAuthority();
    issued = authority.issue({ sans: 'DNS:a.test', extensions: 'tlsfeature=status_request' });
    good = readFileSync(authority.status(issued, 2));
    parsed = parseOcspResponse(good);
  });
  afterAll(() => authority.remove());

  const leaf = (chain: string) => leafOf({ chain, key: '', password: '', pkcs12: '', ocspStaple: '', name: '', path: '' })!;

  test('say which certificate they are about, and until when they hold', () => {
    expect(parsed.serial).toBe(leaf(issued.pem).serial);
    expect(parsed.nextUpdateMs - parsed.thisUpdateMs).toBe(48 * HOUR_MS);
    expect(isExpired(parsed, parsed.nextUpdateMs)).toBe(false);
    expect(isExpired(parsed, parsed.nextUpdateMs + 1)).toBe(true);
    expect(isExpired({ ...parsed, nextUpdateMs: 0 }, 0)).toBe(true);
  });

  test('what is not one, or cut off anywhere, is refused', () => {
    for (let length = 0; length < good.length; length++) expect(() => parseOcspResponse(good.subarray(0, length))).toThrow('malformed');
    expect(() => parseOcspResponse(Buffer.from('hello'))).toThrow('malformed');
    // responseStatus tryLater
    expect(() => parseOcspResponse(Buffer.from('30030a0103', 'hex'))).toThrow('unsuccessful');
    expect(() => parseOcspResponse(Buffer.from('30030a0100', 'hex'))).toThrow('no body');
  });

  test('a certificate may ask to be shown with one only', () => {
    expect(mustStaple(leaf(issued.pem).x509.raw)).toBe(true);
    expect(mustStaple(leaf(authority.issue({ sans: 'DNS:b.test' }).pem).x509.raw)).toBe(false);
  });
});
