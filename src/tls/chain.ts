/** Where a peer's chain leads: what Node's verdict on a chain, which is only the last thing that OpenSSL found, does not tell. */
import type { X509Certificate } from 'node:crypto';
import { nodeModule } from '../runtime/node-module.ts';
import { KEY_USAGE, keyUsageOf } from './extensions.ts';

const PEM = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/** Each certificate's PEM. */
export function pemsIn(text: string): readonly string[] {
  return text.match(PEM) ?? [];
}

/** @param text PEM of any number of certificates @throws if one of them is none */
export function certificatesIn(text: string): readonly X509Certificate[] {
  const { X509Certificate } = nodeModule<typeof import('node:crypto')>('node:crypto');
  return pemsIn(text).map((pem) => new X509Certificate(pem));
}

/**
 * Signatures and authorities only: neither times nor revocation.
 * @param chain the peer's certificate first, then others in any order
 * @returns certificates between the peer's and the trusted one; -1 = it does not lead to a trusted one
 */
export function depthToTrusted(chain: readonly X509Certificate[], trusted: readonly X509Certificate[]): number {
  let [current] = chain;
  if (current === undefined) return -1;
  for (let depth = 0; depth <= chain.length; depth++) {
    const { fingerprint256 } = current;
    if (trusted.some((anchor) => anchor.fingerprint256 === fingerprint256)) return Math.max(0, depth - 1);
    if (issuerAmong(trusted, current) !== undefined) return depth;
    const next = issuerAmong(chain.slice(1), current);
    if (next === undefined || next.fingerprint256 === fingerprint256) return -1;
    current = next;
  }
  return -1;
}

function issuerAmong(candidates: readonly X509Certificate[], certificate: X509Certificate): X509Certificate | undefined {
  return candidates.find((issuer) => issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey));
}

/** OIDs of RFC 5280 §4.2.1.12: any, serverAuth, clientAuth. */
const ANY_USE = '2.5.29.37.0';
const USES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };

/** A certificate that does not say what it is for is for everything. */
export function mayBe(role: 'server' | 'client', certificate: X509Certificate): boolean {
  const uses = certificate.keyUsage as readonly string[] | undefined;
  return uses === undefined || uses.length === 0 || uses.includes(USES[role]) || uses.includes(ANY_USE);
}

/** As Envoy takes it, whoever does not say what its key is for may issue certificates or revocation lists. */
export function mayIssue(certificate: X509Certificate): boolean {
  const usage = keyUsageOf(certificate);
  return usage < 0 || (usage & (KEY_USAGE.keyCertSign | KEY_USAGE.crlSign)) !== 0;
}
