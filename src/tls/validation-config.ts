/** How peers are judged, from its message. Source: envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext. */
import { anyTypeName, type CompileContext } from '../config/context.ts';
import type { DataSource } from '../config/gen/envoy/config/core/v3/base_pb.js';
import type { TypedExtensionConfig } from '../config/gen/envoy/config/core/v3/extension_pb.js';
import {
  type CertificateValidationContext,
  SubjectAltNameMatcher_SanType as SanTypes,
  type SubjectAltNameMatcher,
  CertificateValidationContext_TrustChainVerification as TrustChain,
} from '../config/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { SPIFFECertValidatorConfig } from '../config/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import { unpackAny } from '../config/unpack.ts';
import { compileStringMatcher } from '../http/config.ts';
import { compileDataSource } from '../http/data-source-config.ts';
import { RevocationLists } from './crl.ts';
import type { SanMatcherSettings, SanType, TrustDomainSettings, ValidationSettings } from './settings.ts';
import { parseTrustBundles } from './spiffe-bundle.ts';

const SPIFFE_VALIDATOR = 'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';

/** Where Envoy has no path to show. */
export const INLINE = '<inline>';

export function fileOf(source: DataSource | undefined): string {
  return source?.specifier.case === 'filename' ? source.specifier.value : '';
}

/** '' = there is none. */
export function text(source: DataSource | undefined, at: CompileContext): string {
  return source === undefined ? '' : compileDataSource(source, at);
}

const SAN_TYPES: Readonly<Record<number, SanType>> = {
  [SanTypes.EMAIL]: 'EMAIL',
  [SanTypes.DNS]: 'DNS',
  [SanTypes.URI]: 'URI',
  [SanTypes.IP_ADDRESS]: 'IP_ADDRESS',
  [SanTypes.OTHER_NAME]: 'OTHER_NAME',
};

const OID = /^[0-2](?:\.\d+)+$/;

/** null if it was refused, and reported. */
export function compileSanMatcher(matcher: SubjectAltNameMatcher, at: CompileContext): SanMatcherSettings | null {
  const type = SAN_TYPES[matcher.sanType];
  const isOther = type === 'OTHER_NAME';
  if (isOther && !OID.test(matcher.oid)) at.field('oid').error(`malformed OID: ${matcher.oid}`);
  if (type !== undefined)
    return { type, oid: isOther ? matcher.oid : '', matcher: compileStringMatcher(matcher.matcher, at.field('matcher')) };
  at.notImplemented(`SAN type ${SanTypes[matcher.sanType]} is not supported by Outrider yet`);
  return null;
}

/** @param name of the secret that it is; '' @param partial the rest comes with a secret */
export function compileValidation(
  message: CertificateValidationContext,
  name: string,
  at: CompileContext,
  partial = false,
): ValidationSettings {
  const trustDomains =
    message.customValidatorConfig === undefined ? [] : spiffeDomains(message.customValidatorConfig, at.field('custom_validator_config'));
  if (trustDomains.length > 0 && message.trustedCa !== undefined) at.field('trusted_ca').error('trust_domains say whom to trust');
  if (message.caCertificateProviderInstance !== undefined) at.unsupported('ca_certificate_provider_instance');
  if (message.requireSignedCertificateTimestamp === true) at.unsupported('require_signed_certificate_timestamp');
  const sans: SanMatcherSettings[] = [];
  message.matchTypedSubjectAltNames.forEach((matcher, i) => {
    const san = compileSanMatcher(matcher, at.field('match_typed_subject_alt_names', i));
    if (san !== null) sans.push(san);
  });
  message.matchSubjectAltNames.forEach((matcher, i) => {
    const settings = compileStringMatcher(matcher, at.field('match_subject_alt_names', i));
    for (const type of ['DNS', 'URI', 'EMAIL', 'IP_ADDRESS'] as const) sans.push({ type, oid: '', matcher: settings });
  });
  // Names of other kinds are not looked at.
  const meant = trustDomains.length === 0 ? sans : sans.filter(({ type }) => type === 'URI');
  const trustedCa =
    trustDomains.length > 0 ? trustDomains.map(({ bundle }) => bundle).join('\n') : text(message.trustedCa, at.field('trusted_ca'));
  if (!partial && sans.length > 0 && trustedCa === '' && message.trustedCa === undefined && message.systemRootCerts === undefined) {
    at.error('SAN-based verification of peer certificates without trusted CA is insecure and not allowed');
  }
  const crl = text(message.crl, at.field('crl'));
  if (message.onlyVerifyLeafCertCrl && crl !== '') checkLists(crl, fileOf(message.crl) || INLINE, at.field('crl'));
  return {
    trustedCa,
    trustDomains,
    systemRoots: message.systemRootCerts !== undefined,
    spki: message.verifyCertificateSpki,
    hashes: message.verifyCertificateHash.map((hash) => hash.replaceAll(':', '').toLowerCase()),
    sans: meant,
    crl,
    onlyLeafCrl: message.onlyVerifyLeafCertCrl,
    suppressNames: message.suppressClientCaList,
    allowExpired: message.allowExpiredCertificate,
    // Envoy's SPIFFE validator knows no such thing.
    acceptUntrusted: message.trustChainVerification === TrustChain.ACCEPT_UNTRUSTED && trustDomains.length === 0,
    maxVerifyDepth: message.maxVerifyDepth ?? -1,
    name,
    path: fileOf(message.trustedCa) || INLINE,
  };
}

function checkLists(crl: string, path: string, at: CompileContext): void {
  try {
    new RevocationLists(crl);
  } catch {
    at.error(`Failed to load CRL from ${path}`);
  }
}

/** Source: envoy.tls.cert_validator.spiffe. */
function spiffeDomains(extension: TypedExtensionConfig, at: CompileContext): TrustDomainSettings[] {
  const here = at.field('typed_config');
  const message = here.unpackAs<SPIFFECertValidatorConfig>(extension.typedConfig, SPIFFE_VALIDATOR);
  if (message === null) return [];
  // trust_bundles wins, as in Envoy.
  if (message.trustBundles !== undefined) return bundledDomains(message.trustBundles, here.field('trust_bundles'));
  const domains = message.trustDomains.map((domain, i) => {
    const bundle = text(domain.trustBundle, here.field('trust_domains', i).field('trust_bundle'));
    if (message.trustDomains.findIndex(({ name }) => name === domain.name) < i)
      here.field('trust_domains', i).error(`Multiple trust bundles are given for one trust domain for ${domain.name}`);
    return { name: domain.name, bundle };
  });
  // Nobody would be trusted, and without authorities nobody would be asked.
  if (domains.length === 0) here.error('trust_domains is empty');
  return domains;
}

function bundledDomains(source: DataSource, at: CompileContext): TrustDomainSettings[] {
  const before = at.list.errors;
  const document = text(source, at);
  if (at.list.errors > before) return [];
  try {
    return parseTrustBundles(document);
  } catch (error) {
    at.error((error as Error).message);
    return [];
  }
}

/** File of SPIFFECertValidatorConfig.trust_bundles, which is read again whenever it changes; ''. */
export function trustBundlesFile({ customValidatorConfig }: CertificateValidationContext): string {
  const any = customValidatorConfig?.typedConfig;
  if (anyTypeName(any) !== SPIFFE_VALIDATOR) return '';
  const unpacked = unpackAny(any!);
  return 'message' in unpacked ? fileOf((unpacked.message as SPIFFECertValidatorConfig).trustBundles) : '';
}
