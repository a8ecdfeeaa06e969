/** The certificates of the comparison: made once for a process, the same for both proxies. */
import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { CertificateAuthority } from '../../support/certificates.ts';

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
  | 'revoked'
  | 'expired';

export interface TlsFixture {
  readonly directory: string;
  path(name: string): string;
}

let made: TlsFixture | null = null;

/** Besides the certificates: OCSP responses about `a`, `a-rsa` and `must` (`a.ocsp`, `a-over.ocsp` that has expired), `ca.pem`, `stranger.pem` (an authority that signed only `stranger-client`), `crl.pem` (names `revoked`), `bundles.json` (SPIFFE: `acme` is of `ca`, `other` of `stranger`). */
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
