import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTrustBundles } from '../../src/tls/spiffe-bundle.ts';
import { CertificateAuthority, OPENSSL } from '../support/certificates.ts';

test.each([
  ['x', 'Invalid JSON found in SPIFFE bundle'],
  ['{}', 'No trust domains found in SPIFFE bundle'],
  ['{"trust_domains":{}}', 'No trust domains found in SPIFFE bundle'],
  ['{"trust_domains":{"a":{}}}', "No keys found in SPIFFE bundle for domain 'a'"],
  ['{"trust_domains":{"a":{"keys":[]}}}', "No keys found in SPIFFE bundle for domain 'a'"],
  ['{"trust_domains":{"a":{"keys":[{"use":"jwt-svid"}]}}}', "missing or invalid 'use' field found in cert for domain 'a'"],
  ['{"trust_domains":{"a":{"keys":[{"use":"x509-svid","x5c":[]}]}}}', "missing or empty 'x5c' field found in keys for domain: 'a'"],
  ['{"trust_domains":{"a":{"keys":[{"use":"x509-svid","x5c":["AAAA"]}]}}}', "Invalid x509 object in certs for domain 'a'"],
])('%s is refused in the words of Envoy', (text, message) => {
  expect(() => parseTrustBundles(text)).toThrow(message);
});

describe.skipIf(OPENSSL === null)('a bundle', () => {
  let authority: CertificateAuthority;
  beforeAll(() => {
    authority = new CertificateAuthority();
  });
  afterAll(() => authority.remove());

  test('gives each domain its authorities', () => {
    const pem = readFileSync(authority.path, 'latin1');
    const x5c = [new X509Certificate(pem).raw.toString('base64')];
    const keys = [{ use: 'x509-svid', x5c }];
    const domains = parseTrustBundles(JSON.stringify({ trust_domains: { one: { keys }, two: { keys: [...keys, ...keys] } } }));
    expect(domains.map(({ name, bundle }) => [name, bundle])).toEqual([
      ['one', pem],
      ['two', pem + pem],
    ]);
  });
});
