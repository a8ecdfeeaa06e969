/** The certificates of the comparison: made once for a process, the same for both proxies. */
import { createHash, X509Certificate } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { CertificateAuthority, type IssuedCertificate } from '../../support/certificates.ts';

/** Names of what is in `{{certs}}`, each NAME.pem with NAME.key. */
export type CertificateName =
  | 'a'
  | 'a-rsa'
  | 'b'
  | 'must'
  | 'client'
  | 'svid'
  | 'stranger-svid'
  | 'stranger-client'
  | 'other-client'
  | 'rsa-encipher'
  | 'rsa-sign'
  | 'ec-agree'
  | 'ec-sign'
  | 'deep-client'
  | 'deep-revoked'
  | 'upn'
  | 'revoked'
  | 'expired';

export interface TlsFixture {
  readonly directory: string;
  path(name: string): string;
}

let made: TlsFixture | null = null;

/** Besides the certificates: OCSP responses about `a`, `a-rsa` and `must` (`a.ocsp`, `a-over.ocsp` that has expired), `ca.pem`, `stranger.pem` (an authority that signed only `stranger-client`), `crl.pem` (names `revoked`), `deep-crl.pem` (an authority's that `authority` has signed; names `deep-revoked`), `both-crl.pem`, `bundles.json` (SPIFFE: `acme` is of `ca`, `other` of `stranger`). */
export function tlsFixture(): TlsFixture {
  made ??= make();
  return made;
}

function make(): TlsFixture {
  const authority = new CertificateAuthority('authority');
  const stranger = new CertificateAuthority('stranger');
  process.once('exit', () => {
    authority.remove();
    stranger.remove();
  });
  const { directory } = authority;
  const path = (name: string) => `${directory}/${name}`;
  const a = authority.issue({ as: path('a'), sans: 'DNS:a.test', subject: '/O=Acme/CN=a' });
  const aRsa = authority.issue({ as: path('a-rsa'), sans: 'DNS:a.test', subject: '/O=Acme/CN=a-rsa', key: 'RSA' });
  // Keys that may be used for one thing only.
  const usage = (name: CertificateName, keyOf: IssuedCertificate, what: string) =>
    authority.issue({ as: path(name), sans: 'DNS:a.test', subject: `/CN=${name}`, keyOf, extensions: `keyUsage=critical,${what}` });
  usage('rsa-encipher', aRsa, 'keyEncipherment');
  usage('rsa-sign', aRsa, 'digitalSignature');
  usage('ec-agree', a, 'keyAgreement');
  usage('ec-sign', a, 'digitalSignature');
  const must = authority.issue({ as: path('must'), sans: 'DNS:must.test', subject: '/CN=must', extensions: 'tlsfeature=status_request' });
  for (const [name, certificate] of Object.entries({ a, 'a-rsa': aRsa, must })) {
    authority.status(certificate, 5, path(`${name}.ocsp`));
    authority.status(certificate, -1, path(`${name}-over.ocsp`));
  }
  authority.issue({ as: path('b'), sans: 'DNS:b.test,DNS:*.b.test,IP:127.0.0.1', subject: '/CN=b', key: 'RSA' });
  authority.issue({ as: path('client'), sans: 'URI:spiffe://acme/client,DNS:client.test', subject: '/O=Acme, Inc/CN=client' });
  stranger.issue({ as: path('stranger-client'), sans: 'URI:spiffe://acme/client', subject: '/CN=stranger' });
  authority.issue({ as: path('other-client'), sans: 'URI:spiffe://other/client,email:x@other.test', subject: '/CN=other' });
  const svid = { sans: 'URI:spiffe://acme/svid', subject: '/CN=svid', extensions: 'keyUsage=critical,digitalSignature' };
  authority.issue({ ...svid, as: path('svid') });
  stranger.issue({ ...svid, as: path('stranger-svid') });
  const revoked = authority.issue({ as: path('revoked'), sans: 'URI:spiffe://acme/revoked', subject: '/CN=revoked' });
  authority.issue({ as: path('expired'), sans: 'DNS:a.test,URI:spiffe://acme/expired', subject: '/CN=expired', expired: true });
  authority.revoke(revoked, path('crl.pem'));
  // An authority beneath the first, whose own certificate no revocation list is about.
  const deep = new CertificateAuthority('deep authority', authority);
  const deeply = (name: CertificateName) => {
    const issued = deep.issue({ as: path(name), sans: `URI:spiffe://acme/${name}`, subject: `/CN=${name}` });
    appendFileSync(issued.chain, readFileSync(deep.path));
    return issued;
  };
  deeply('deep-client');
  deep.revoke(deeply('deep-revoked'), path('deep-crl.pem'));
  deep.remove();
  writeFileSync(path('both-crl.pem'), Buffer.concat([readFileSync(path('crl.pem')), readFileSync(path('deep-crl.pem'))]));
  const others = ['UTF8:client@acme', 'IA5:ia5', 'INT:-42', 'BOOL:true', 'OID:1.2.3.4', 'BMP:wide'];
  authority.issue({
    as: path('upn'),
    sans: ['DNS:upn.test', ...others.map((value, i) => `otherName:1.3.6.1.4.1.311.20.2.${i + 3};${value}`)].join(','),
    subject: '/CN=upn',
  });
  stranger.copyTo(path('stranger.pem'));
  const x5c = (file: string) => [new X509Certificate(readFileSync(path(file))).raw.toString('base64')];
  const domain = (file: string) => ({ spiffe_sequence: 1, keys: [{ kty: 'EC', use: 'x509-svid', x5c: x5c(file) }] });
  const bundles = { trust_domains: { acme: domain('ca.pem'), other: domain('stranger.pem') } };
  writeFileSync(path('bundles.json'), JSON.stringify(bundles));
  return { directory, path };
}

/** `hash-NAME` and `spki-NAME` of the clients' certificates, as a configuration pins them. */
export function pinTokens(): Map<string, string> {
  const tokens = new Map<string, string>();
  for (const name of ['client', 'expired']) {
    const x509 = new X509Certificate(readFileSync(tlsFixture().path(`${name}.pem`)));
    tokens.set(`hash-${name}`, x509.fingerprint256);
    const key = x509.publicKey.export({ type: 'spki', format: 'der' });
    tokens.set(`spki-${name}`, createHash('sha256').update(key).digest('base64'));
  }
  return tokens;
}
