/** Authorities of SPIFFE trust domains from one JSON document (SPIFFE Trust Domain and Bundle, §4), as SPIFFECertValidatorConfig.trust_bundles has it. */
import type { X509Certificate as X509 } from 'node:crypto';
import { nodeModule } from '../runtime/node-module.ts';
import type { TrustDomainSettings, ValidationSettings } from './settings.ts';

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @param text `{"trust_domains": {"acme": {"keys": [{"use": "x509-svid", "x5c": [base64 of DER]}]}}}` @throws Error that says what is wrong with it */
export function parseTrustBundles(text: string): TrustDomainSettings[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new Error(`Invalid JSON found in SPIFFE bundle: ${(error as Error).message}`);
  }
  const domains = isObject(document) ? document['trust_domains'] : undefined;
  if (!isObject(domains) || Object.keys(domains).length === 0) throw new Error('No trust domains found in SPIFFE bundle');
  return Object.entries(domains).map(([name, domain]) => ({ name, bundle: authoritiesOf(name, domain) }));
}

/** The fields that say whom to trust. */
export function ofTrustDomains(trustDomains: readonly TrustDomainSettings[]): Pick<ValidationSettings, 'trustDomains' | 'trustedCa'> {
  return { trustDomains, trustedCa: trustDomains.map(({ bundle }) => bundle).join('\n') };
}

function authoritiesOf(name: string, domain: unknown): string {
  const keys = isObject(domain) ? domain['keys'] : undefined;
  if (!Array.isArray(keys) || keys.length === 0) throw new Error(`No keys found in SPIFFE bundle for domain '${name}'`);
  return keys.map((key) => certificatesOf(name, key)).join('');
}

function certificatesOf(name: string, key: unknown): string {
  const { use, x5c } = isObject(key) ? key : {};
  if (use !== 'x509-svid') throw new Error(`missing or invalid 'use' field found in cert for domain '${name}'`);
  if (!Array.isArray(x5c) || x5c.length === 0) throw new Error(`missing or empty 'x5c' field found in keys for domain: '${name}'`);
  return x5c.map((der) => pemOf(name, der)).join('');
}

function pemOf(name: string, der: unknown): string {
  const { X509Certificate } = nodeModule<{ X509Certificate: typeof X509 }>('node:crypto');
  try {
    return new X509Certificate(Buffer.from(String(der), 'base64')).toString();
  } catch {
    throw new Error(`Invalid x509 object in certs for domain '${name}'`);
  }
}
