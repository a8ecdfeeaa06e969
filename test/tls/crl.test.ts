import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certificatesIn } from '../../src/tls/chain.ts';
import { RevocationLists } from '../../src/tls/crl.ts';
import { CertificateAuthority, OPENSSL } from '../support/certificates.ts';

const DAY_MS = 86_400_000;

describe.skipIf(OPENSSL === null)('revocation lists', () => {
  let authority: CertificateAuthority;
  let stranger: CertificateAuthority;
  let good: X509Certificate;
  let revoked: X509Certificate;
  let issuers: readonly X509Certificate[];
  let list: string;
  let others: string;
  beforeAll(() => {
    authority = new CertificateAuthority();
    // Of the same name, with another key.
    stranger = new CertificateAuthority();
    good = new X509Certificate(authority.issue().pem);
    const bad = authority.issue();
    revoked = new X509Certificate(bad.pem);
    list = readFileSync(authority.revoke(bad), 'utf8');
    others = readFileSync(stranger.revoke(stranger.issue()), 'utf8');
    issuers = certificatesIn(readFileSync(authority.path, 'utf8'));
  });
  afterAll(() => {
    authority.remove();
    stranger.remove();
  });

  const now = () => Date.parse(good.validFrom) + DAY_MS;

  test('tell of the certificates in them', () => {
    expect(new RevocationLists(list).check(good, issuers, now())).toBe('');
    expect(new RevocationLists(list).check(revoked, issuers, now())).toBe('CERT_REVOKED');
  });

  test('have to be of the time', () => {
    expect(new RevocationLists(list).check(good, issuers, now() - 2 * DAY_MS)).toBe('CRL_NOT_YET_VALID');
    expect(new RevocationLists(list).check(good, issuers, now() + 10 * DAY_MS)).toBe('CRL_HAS_EXPIRED');
    expect(new RevocationLists(list).check(revoked, issuers, now() + 10 * DAY_MS)).toBe('CERT_REVOKED');
  });

  test('have to be signed by the authority of the certificate', () => {
    expect(new RevocationLists(others).check(good, issuers, now())).toBe('CRL_SIGNATURE_FAILURE');
    expect(new RevocationLists(list).check(good, certificatesIn(readFileSync(stranger.path, 'utf8')), now())).toBe('CRL_SIGNATURE_FAILURE');
    const base64 = list.replace(/-----[^-]+-----/g, '').replace(/\s/g, '');
    const bytes = Buffer.from(base64, 'base64');
    bytes[bytes.length - 1]! ^= 1;
    const forged = `-----BEGIN X509 CRL-----\n${bytes.toString('base64')}\n-----END X509 CRL-----\n`;
    expect(new RevocationLists(forged).check(good, issuers, now())).toBe('CRL_SIGNATURE_FAILURE');
    expect(new RevocationLists(forged + list).check(good, issuers, now())).toBe('');
    expect(new RevocationLists(others + list).check(revoked, issuers, now())).toBe('CERT_REVOKED');
  });

  test('have to be about the authority', () => {
    const somebody = new CertificateAuthority('somebody else');
    try {
      const leaf = new X509Certificate(somebody.issue().pem);
      expect(new RevocationLists(list).check(leaf, issuers, now())).toBe('UNABLE_TO_GET_CRL');
    } finally {
      somebody.remove();
    }
  });

  test('have to be some', () => {
    expect(() => new RevocationLists('')).toThrow('malformed');
    expect(() => new RevocationLists('-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----')).toThrow('malformed');
  });
});
