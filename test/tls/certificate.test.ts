import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Certificate, parseAltNames, rfc2253 } from '../../src/tls/certificate.ts';
import { lintCertificate } from '../../src/tls/lint.ts';
import { dnsMatches } from '../../src/tls/san-matcher.ts';
import type { ValidationSettings } from '../../src/tls/settings.ts';
import { Validator } from '../../src/tls/verify.ts';
import { CertificateAuthority, OPENSSL } from '../support/certificates.ts';

test('alternative names of every kind, quoted ones too', () => {
  const names = parseAltNames('DNS:a.test, DNS:*.b.test, URI:spiffe://x/y, IP Address:10.0.0.1, URI:"http://a, b\\"c"');
  expect(Object.fromEntries(names)).toEqual({
    DNS: ['a.test', '*.b.test'],
    URI: ['spiffe://x/y', 'http://a, b"c'],
    'IP Address': ['10.0.0.1'],
  });
});

test('the subject stands the other way round', () => {
  expect(rfc2253('C=DE\nO=Acme\\, Inc\nCN=x')).toBe('CN=x,O=Acme\\, Inc,C=DE');
  expect(rfc2253(undefined)).toBe('');
});

test.each([
  ['a.test', 'a.test', true],
  ['*.test', 'a.test', true],
  ['*.test', 'a.b.test', false],
  ['*.test', 'test', false],
  ['A.Test', 'a.test', true],
  ['a*.test', 'ab.test', false],
])('%s for %s: %s', (pattern, name, matches) => {
  expect(dnsMatches(pattern, name)).toBe(matches);
});

const SETTINGS: ValidationSettings = {
  trustedCa: 'a CA',
  systemRoots: false,
  spki: [],
  hashes: [],
  sans: [],
  crl: '',
  onlyLeafCrl: false,
  suppressNames: false,
  allowExpired: false,
  acceptUntrusted: false,
  maxVerifyDepth: -1,
  trustDomains: [],
  name: '',
  path: '',
};

describe.skipIf(OPENSSL === null)('a certificate', () => {
  let authority: CertificateAuthority;
  let certificate: Certificate;
  beforeAll(() => {
    authority = new CertificateAuthority();
    const sans = 'DNS:a.test,DNS:*.b.test,URI:spiffe://acme/a,IP:10.0.0.1,email:x@a.test';
    certificate = new Certificate(
      new X509Certificate(authority.issue({ sans, subject: '/C=DE/O=Acme, Inc/CN=a', extensions: 'keyUsage=digitalSignature' }).pem),
    );
  });
  afterAll(() => authority.remove());

  const check = (settings: Partial<ValidationSettings>, chainError = '', name = '') =>
    new Validator({ ...SETTINGS, ...settings }, 'client').check(certificate, chainError, { peerChain: [certificate] }, name);
  const exact = (type: ValidationSettings['sans'][number]['type'], value: string) => ({
    sans: [{ type, oid: '', matcher: { kind: 'exact', value, ignoreCase: false } as const }],
  });

  test('tells its facts', () => {
    expect(certificate.subject).toBe('CN=a,O=Acme\\, Inc,C=DE');
    expect(certificate.issuer).toBe('CN=test authority');
    expect(certificate.serial).toBe('1000');
    expect(certificate.uriSans).toEqual(['spiffe://acme/a']);
    expect(certificate.emailSans).toEqual(['x@a.test']);
    expect(certificate.ipSans).toEqual(['10.0.0.1']);
    expect(certificate.fingerprint256).toMatch(/^[0-9a-f]{64}$/);
    expect(certificate.validToMs - certificate.validFromMs).toBe(20 * 86_400_000);
  });

  test.each([
    [exact('DNS', 'a.test'), null],
    [exact('DNS', 'x.b.test'), null],
    [exact('DNS', 'spiffe://acme/a'), 'fail_verify_san'],
    [exact('URI', 'spiffe://acme/a'), null],
    [exact('URI', 'spiffe://acme/b'), 'fail_verify_san'],
    [exact('IP_ADDRESS', '10.0.0.1'), null],
    [exact('EMAIL', 'x@a.test'), null],
    [{ hashes: ['00'.repeat(32)] }, 'fail_verify_cert_hash'],
    [{ spki: ['x'] }, 'fail_verify_cert_hash'],
  ] as const)('%j: %s', (settings, verdict) => {
    expect(check(settings)).toBe(verdict);
  });

  test('a pin is enough, whichever it is', () => {
    expect(check({ hashes: [certificate.fingerprint256], spki: ['x'] })).toBeNull();
  });

  test('a bad chain, unless it may be expired or untrusted, or there is no CA', () => {
    expect(check({}, 'CERT_HAS_EXPIRED')).toBe('fail_verify_error');
    expect(check({ allowExpired: true, trustedCa: readFileSync(authority.path, 'utf8') }, 'CERT_HAS_EXPIRED')).toBeNull();
    expect(check({ allowExpired: true }, 'CERT_REVOKED')).toBe('fail_verify_error');
    expect(check({ acceptUntrusted: true }, 'DEPTH_ZERO_SELF_SIGNED_CERT')).toBeNull();
    expect(check({ trustedCa: '' }, 'DEPTH_ZERO_SELF_SIGNED_CERT')).toBeNull();
    expect(new Validator({ ...SETTINGS, acceptUntrusted: true }, 'client').validates('DEPTH_ZERO_SELF_SIGNED_CERT')).toBe(false);
  });

  test('its trust domain says whose authority counts', () => {
    const bundle = readFileSync(authority.path, 'utf8');
    const stranger = new CertificateAuthority('test authority');
    const other = readFileSync(stranger.path, 'utf8');
    stranger.remove();
    const domains = (...list: [string, string][]) => ({
      trustDomains: list.map(([name, pem]) => ({ name, bundle: pem })),
      trustedCa: bundle,
    });
    expect(check(domains(['acme', bundle]))).toBeNull();
    expect(check(domains(['other', bundle]))).toBe('fail_verify_error');
    expect(check(domains(['acme', other], ['other', bundle]))).toBe('fail_verify_error');
    expect(check({ ...domains(['acme', bundle]), maxVerifyDepth: 0 })).toBeNull();
  });

  test('how far away its authority may be', () => {
    const trustedCa = readFileSync(authority.path, 'utf8');
    expect(check({ trustedCa, maxVerifyDepth: 0 })).toBeNull();
  });

  test('what is said of its time', () => {
    const { validFromMs, validToMs } = certificate;
    expect(lintCertificate(certificate, validFromMs)).toBe('');
    expect(lintCertificate(certificate, validFromMs - 1)).toContain('not valid before');
    expect(lintCertificate(certificate, validToMs + 1)).toContain('has expired');
    expect(lintCertificate(certificate, validToMs - 7_300_000)).toBe('the certificate expires in 2 hours');
  });

  test('the name that was sent', () => {
    expect(check({}, '', 'x.b.test')).toBeNull();
    expect(check({}, '', 'c.test')).toBe('fail_verify_san');
  });
});
