/** TLS settings from their messages, whose certificates are read and tried here. Source: envoy.extensions.transport_sockets.tls.v3. */
import type { CompileContext } from '../config/context.ts';
import type { DataSource } from '../config/gen/envoy/config/core/v3/base_pb.js';
import type { ConfigSource } from '../config/gen/envoy/config/core/v3/config_source_pb.js';
import type { TypedExtensionConfig } from '../config/gen/envoy/config/core/v3/extension_pb.js';
import {
  type CertificateValidationContext,
  TlsParameters_TlsProtocol as Protocol,
  SubjectAltNameMatcher_SanType as SanTypes,
  type TlsCertificate,
  type TlsParameters,
  CertificateValidationContext_TrustChainVerification as TrustChain,
} from '../config/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { SdsSecretConfig, Secret } from '../config/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import type {
  CommonTlsContext,
  DownstreamTlsContext,
  UpstreamTlsContext,
} from '../config/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { SPIFFECertValidatorConfig } from '../config/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js';
import { didYouMean } from '../config/suggest.ts';
import { compileStringMatcher, durationMs } from '../http/config.ts';
import { compileBinaryDataSource, compileDataSource } from '../http/data-source-config.ts';
import { wallTimeMs } from '../runtime/wall-time.ts';
import { checkKey, clientContext, leafOf, ServerContexts } from './context.ts';
import { lintCertificate } from './lint.ts';
import { mergeValidation, namesSecrets, type SecretSettings, type WatchedSecretSettings } from './secrets.ts';
import type {
  CertificateSettings,
  CommonTlsSettings,
  DownstreamTlsSettings,
  SanMatcherSettings,
  SanType,
  TrustDomainSettings,
  UpstreamTlsSettings,
  ValidationSettings,
} from './settings.ts';

export const DOWNSTREAM_TLS = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
export const UPSTREAM_TLS = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';

/** Secrets that contexts may name. */
export interface Secrets {
  /** static_resources.secrets. */
  readonly named: ReadonlyMap<string, Secret>;
  /** A name that is not among them is looked for when it is needed. */
  mayCome: boolean;
  /** Notes a subscription, whose secret comes later. */
  subscribe(name: string, source: ConfigSource, at: CompileContext): void;
  /** Notes files that are watched. */
  watch(files: WatchedSecretSettings): void;
}

const SPIFFE_VALIDATOR = 'envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';

const VERSIONS = {
  [Protocol.TLSv1_0]: 'TLSv1',
  [Protocol.TLSv1_1]: 'TLSv1.1',
  [Protocol.TLSv1_2]: 'TLSv1.2',
  [Protocol.TLSv1_3]: 'TLSv1.3',
} as const;
type Version = CommonTlsSettings['minVersion'];

/** Length of a key of TlsSessionTicketKeys. */
const TICKET_KEY_BYTES = 80;

/** null if it was refused, and reported. */
export function compileDownstreamTls(message: DownstreamTlsContext, secrets: Secrets, at: CompileContext): DownstreamTlsSettings | null {
  const before = at.list.errors;
  const common = compileCommon(message.commonTlsContext, 'TLSv1.3', secrets, at.field('common_tls_context'));
  const keys = message.sessionTicketKeysType;
  let ticketKey = '';
  if (keys.case === 'sessionTicketKeys') {
    const all = keys.value.keys.map((key, i) => ticketKeyBytes(key, at.field('session_ticket_keys').field('keys', i)));
    ticketKey = all[0]?.toString('base64') ?? '';
  } else if (keys.case === 'sessionTicketKeysSdsSecretConfig') {
    at.notImplemented('session ticket keys from SDS are not supported by Outrider yet');
  }
  const settings: DownstreamTlsSettings = {
    common,
    requireClientCertificate: message.requireClientCertificate ?? false,
    requireSni: message.requireSni ?? false,
    ticketKey,
    statelessResumption: !(keys.case === 'disableStatelessSessionResumption' && keys.value),
    statefulResumption: !message.disableStatefulSessionResumption,
    sessionTimeoutS: Math.floor((durationMs(message.sessionTimeout) ?? 0) / 1000),
    fullScanCertificates: message.fullScanCertsOnSniMismatch ?? false,
  };
  if (common.certificates.length + common.certificateSecrets.length === 0 && at.list.errors === before)
    at.error('No TLS certificates found for server context');
  if (
    settings.requireClientCertificate &&
    common.validationSecret === '' &&
    !(common.validation !== null && verifiesAnything(common.validation))
  ) {
    at.field('require_client_certificate').warn(
      'no client certificate is asked for: without trusted_ca or pinned certificates in a validation_context there is nothing to verify it with',
    );
  }
  if (at.list.errors > before) return null;
  if (!namesSecrets(common)) attempt(at, () => new ServerContexts(settings, Buffer.alloc(48)));
  return at.list.errors > before ? null : settings;
}

/** null if it was refused, and reported. */
export function compileUpstreamTls(message: UpstreamTlsContext, secrets: Secrets, at: CompileContext): UpstreamTlsSettings | null {
  const before = at.list.errors;
  // Envoy's clients stay with 1.2 unless told otherwise.
  const common = compileCommon(message.commonTlsContext, 'TLSv1.2', secrets, at.field('common_tls_context'));
  if (common.certificates.length + common.certificateSecrets.length > 1)
    at.field('common_tls_context').field('tls_certificates').error('Multiple TLS certificates are not supported for client contexts');
  const settings: UpstreamTlsSettings = {
    common,
    sni: message.sni,
    autoHostSni: message.autoHostSni,
    autoSniSanValidation: message.autoSniSanValidation,
    maxSessionKeys: message.maxSessionKeys ?? 1,
  };
  const { validation } = common;
  const verifies = common.validationSecret !== '' || (validation !== null && verifiesAnything(validation));
  if (!verifies) at.warn('the server is not verified: without trusted_ca in a validation_context any certificate is accepted');
  else if (settings.sni !== '' && common.validationSecret === '' && validation?.sans.length === 0 && !settings.autoSniSanValidation) {
    at.warn(
      `any name in the server's certificate is accepted, though sni is "${settings.sni}"; match_typed_subject_alt_names says which one is meant`,
    );
  }
  if (at.list.errors > before) return null;
  if (!namesSecrets(common)) attempt(at, () => clientContext(common));
  return at.list.errors > before ? null : settings;
}

function verifiesAnything({ trustedCa, systemRoots, hashes, spki }: ValidationSettings): boolean {
  return trustedCa !== '' || systemRoots || hashes.length + spki.length > 0;
}

function attempt(at: CompileContext, make: () => unknown): void {
  try {
    make();
  } catch (error) {
    // OpenSSL's words name no secret.
    at.field('common_tls_context').error((error as Error).message);
  }
}

function compileCommon(
  message: CommonTlsContext | undefined,
  maxVersion: Version,
  secrets: Secrets,
  at: CompileContext,
): CommonTlsSettings {
  if (message?.customHandshaker !== undefined) at.unsupported('custom_handshaker');
  if (message?.keyLog !== undefined) at.unsupported('key_log');
  const certificates: CertificateSettings[] = [];
  const certificateSecrets: string[] = [];
  (message?.tlsCertificates ?? []).forEach((certificate, i) => {
    const here = at.field('tls_certificates', i);
    const settings = compileCertificate(certificate, '', here);
    if (settings === null) return;
    if (certificate.watchedDirectory === undefined) certificates.push(settings);
    else certificateSecrets.push(watchCertificate(certificate, certificate.watchedDirectory.path, settings, secrets, here));
  });
  (message?.tlsCertificateSdsSecretConfigs ?? []).forEach((config, i) => {
    const here = at.field('tls_certificate_sds_secret_configs', i);
    const secret = find(config, secrets, here);
    if (secret === 'later') certificateSecrets.push(config.name);
    else if (secret?.type.case === 'tlsCertificate') {
      const settings = compileCertificate(secret.type.value, secret.name, here);
      if (settings !== null) certificates.push(settings);
    } else if (secret !== null) here.error(`secret '${config.name}' is no certificate`);
  });
  return {
    ...parameters(message?.tlsParams, maxVersion),
    certificates,
    certificateSecrets,
    ...validationOf(message?.validationContextType, secrets, at),
    alpn: message?.alpnProtocols ?? [],
  };
}

/** The secret's name: files that are read again need one. */
function watchCertificate(
  message: TlsCertificate,
  directory: string,
  certificate: CertificateSettings,
  secrets: Secrets,
  at: CompileContext,
): string {
  const chain = fileOf(message.certificateChain);
  const key = fileOf(message.privateKey);
  if (chain === '' || key === '') at.field('watched_directory').error('only certificates and keys from files can be watched');
  const name = `${directory} ${chain} ${key}`;
  secrets.watch({ directory, secret: { name, certificate, validation: null }, paths: { chain, key, trustedCa: '', crl: '' } });
  return name;
}

/** Where Envoy has no path to show. */
const INLINE = '<inline>';

function fileOf(source: DataSource | undefined): string {
  return source?.specifier.case === 'filename' ? source.specifier.value : '';
}

/** A secret of a discovery service. null if it was refused, and reported. */
export function compileSecret(message: Secret, at: CompileContext): SecretSettings | null {
  const before = at.list.errors;
  const { name, type } = message;
  switch (type.case) {
    case 'tlsCertificate': {
      const certificate = compileCertificate(type.value, name, at.field('tls_certificate'));
      if (certificate === null) return null;
      attempt(at, () => checkKey(certificate));
      return at.list.errors > before ? null : { name, certificate, validation: null };
    }
    case 'validationContext': {
      const validation = compileValidation(type.value, name, at.field('validation_context'));
      return at.list.errors > before ? null : { name, certificate: null, validation };
    }
    default:
      at.notImplemented(`${type.case ?? 'a secret without a type'} is not supported by Outrider yet`);
      return null;
  }
}

/** 'later' = there is a subscription for it. */
function find(config: SdsSecretConfig | undefined, secrets: Secrets, at: CompileContext): Secret | 'later' | null {
  if (config === undefined) return null;
  if (config.sdsConfig !== undefined) {
    secrets.subscribe(config.name, config.sdsConfig, at.field('sds_config'));
    return 'later';
  }
  if (secrets.mayCome) return 'later';
  const secret = secrets.named.get(config.name);
  if (secret === undefined) at.field('name').error(`Unknown static secret: ${config.name}${didYouMean(config.name, secrets.named.keys())}`);
  return secret ?? null;
}

function parameters(message: TlsParameters | undefined, maxVersion: Version) {
  const version = (value: Protocol | undefined, fallback: Version): Version =>
    value === undefined || value === Protocol.TLS_AUTO ? fallback : VERSIONS[value];
  // Groups of equal preference, [A|B], are lists to OpenSSL.
  const suites = (message?.cipherSuites ?? []).map((suite) => suite.replace(/[[\]]/g, '').replaceAll('|', ':'));
  return {
    minVersion: version(message?.tlsMinimumProtocolVersion, 'TLSv1.2'),
    maxVersion: version(message?.tlsMaximumProtocolVersion, maxVersion),
    ciphers: suites.join(':'),
    curves: (message?.ecdhCurves ?? []).join(':'),
    signatureAlgorithms: (message?.signatureAlgorithms ?? []).join(':'),
  };
}

/** @param name of the secret that it is; '' */
function compileCertificate(message: TlsCertificate, name: string, at: CompileContext): CertificateSettings | null {
  const before = at.list.errors;
  if (message.privateKeyProvider !== undefined) at.unsupported('private_key_provider');
  const certificate: CertificateSettings = {
    chain: text(message.certificateChain, at.field('certificate_chain')),
    key: text(message.privateKey, at.field('private_key')),
    password: text(message.password, at.field('password')),
    pkcs12: base64(message.pkcs12, at.field('pkcs12')),
    ocspStaple: base64(message.ocspStaple, at.field('ocsp_staple')),
    name,
    path: fileOf(message.certificateChain) || INLINE,
  };
  if (certificate.pkcs12 === '' && message.certificateChain === undefined) at.error('certificate_chain is missing');
  else if (certificate.pkcs12 === '' && message.privateKey === undefined) at.error('private_key is missing');
  if (at.list.errors > before) return null;
  try {
    const leaf = leafOf(certificate);
    const complaint = leaf === null ? '' : lintCertificate(leaf, wallTimeMs());
    if (complaint !== '') at.field('certificate_chain').warn(complaint);
  } catch (error) {
    at.field('certificate_chain').error(`Failed to load certificate chain: ${(error as Error).message}`);
    return null;
  }
  return certificate;
}

type Validation = Pick<CommonTlsSettings, 'validation' | 'validationSecret'>;
const NO_VALIDATION: Validation = { validation: null, validationSecret: '' };

function validationOf(type: CommonTlsContext['validationContextType'] | undefined, secrets: Secrets, at: CompileContext): Validation {
  switch (type?.case) {
    case undefined:
      return NO_VALIDATION;
    case 'validationContext': {
      const here = at.field('validation_context');
      const validation = compileValidation(type.value, '', here);
      const directory = type.value.watchedDirectory?.path ?? '';
      return directory === '' ? { validation, validationSecret: '' } : watchValidation(type.value, directory, validation, secrets, here);
    }
    case 'validationContextSdsSecretConfig':
      return secretValidation(type.value, secrets, at.field('validation_context_sds_secret_config'));
    case 'combinedValidationContext': {
      const here = at.field('combined_validation_context');
      const { defaultValidationContext: own, validationContextSdsSecretConfig: config } = type.value;
      const base = own === undefined ? null : compileValidation(own, '', here.field('default_validation_context'), true);
      const more = secretValidation(config, secrets, here.field('validation_context_sds_secret_config'));
      if (base === null) return more;
      return {
        validation: more.validation === null ? base : mergeValidation(base, more.validation),
        validationSecret: more.validationSecret,
      };
    }
    default:
      at.notImplemented(`${type?.case} is not supported by Outrider yet`);
      return NO_VALIDATION;
  }
}

function watchValidation(
  message: CertificateValidationContext,
  directory: string,
  validation: ValidationSettings,
  secrets: Secrets,
  at: CompileContext,
): Validation {
  const trustedCa = fileOf(message.trustedCa);
  const crl = fileOf(message.crl);
  if (trustedCa === '') at.field('watched_directory').error('only a trusted_ca from a file can be watched');
  const name = `${directory} ${trustedCa} ${crl} ${JSON.stringify(validation.sans)}`;
  secrets.watch({ directory, secret: { name, certificate: null, validation }, paths: { chain: '', key: '', trustedCa, crl } });
  return { validation: null, validationSecret: name };
}

function secretValidation(config: SdsSecretConfig | undefined, secrets: Secrets, at: CompileContext): Validation {
  const secret = find(config, secrets, at);
  if (secret === 'later') return { validation: null, validationSecret: config!.name };
  if (secret === null) return NO_VALIDATION;
  if (secret.type.case === 'validationContext')
    return { validation: compileValidation(secret.type.value, secret.name, at), validationSecret: '' };
  at.error(`secret '${secret.name}' is no validation context`);
  return NO_VALIDATION;
}

const SAN_TYPES: Readonly<Record<number, SanType>> = {
  [SanTypes.EMAIL]: 'EMAIL',
  [SanTypes.DNS]: 'DNS',
  [SanTypes.URI]: 'URI',
  [SanTypes.IP_ADDRESS]: 'IP_ADDRESS',
};

/** @param name of the secret that it is; '' @param partial the rest comes with a secret */
function compileValidation(message: CertificateValidationContext, name: string, at: CompileContext, partial = false): ValidationSettings {
  const trustDomains =
    message.customValidatorConfig === undefined ? [] : spiffeDomains(message.customValidatorConfig, at.field('custom_validator_config'));
  if (trustDomains.length > 0 && message.trustedCa !== undefined) at.field('trusted_ca').error('trust_domains say whom to trust');
  if (message.caCertificateProviderInstance !== undefined) at.unsupported('ca_certificate_provider_instance');
  if (message.requireSignedCertificateTimestamp === true) at.unsupported('require_signed_certificate_timestamp');
  const sans: SanMatcherSettings[] = [];
  message.matchTypedSubjectAltNames.forEach((matcher, i) => {
    const here = at.field('match_typed_subject_alt_names', i);
    const type = SAN_TYPES[matcher.sanType];
    if (type === undefined) here.notImplemented(`SAN type ${SanTypes[matcher.sanType]} is not supported by Outrider yet`);
    else sans.push({ type, matcher: compileStringMatcher(matcher.matcher, here.field('matcher')) });
  });
  message.matchSubjectAltNames.forEach((matcher, i) => {
    const settings = compileStringMatcher(matcher, at.field('match_subject_alt_names', i));
    for (const type of ['DNS', 'URI', 'EMAIL', 'IP_ADDRESS'] as const) sans.push({ type, matcher: settings });
  });
  const trustedCa =
    trustDomains.length > 0 ? trustDomains.map(({ bundle }) => bundle).join('\n') : text(message.trustedCa, at.field('trusted_ca'));
  if (!partial && sans.length > 0 && trustedCa === '' && message.trustedCa === undefined && message.systemRootCerts === undefined) {
    at.error('SAN-based verification of peer certificates without trusted CA is insecure and not allowed');
  }
  return {
    trustedCa,
    trustDomains,
    systemRoots: message.systemRootCerts !== undefined,
    spki: message.verifyCertificateSpki,
    hashes: message.verifyCertificateHash.map((hash) => hash.replaceAll(':', '').toLowerCase()),
    sans,
    crl: text(message.crl, at.field('crl')),
    allowExpired: message.allowExpiredCertificate,
    acceptUntrusted: message.trustChainVerification === TrustChain.ACCEPT_UNTRUSTED,
    maxVerifyDepth: message.maxVerifyDepth ?? -1,
    name,
    path: fileOf(message.trustedCa) || INLINE,
  };
}

/** Source: envoy.tls.cert_validator.spiffe. */
function spiffeDomains(extension: TypedExtensionConfig, at: CompileContext): TrustDomainSettings[] {
  const here = at.field('typed_config');
  const message = here.unpackAs<SPIFFECertValidatorConfig>(extension.typedConfig, SPIFFE_VALIDATOR);
  if (message === null) return [];
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

function text(source: DataSource | undefined, at: CompileContext): string {
  return source === undefined ? '' : compileDataSource(source, at);
}

function base64(source: DataSource | undefined, at: CompileContext): string {
  return source === undefined ? '' : compileBinaryDataSource(source, at).toString('base64');
}

function ticketKeyBytes(source: DataSource, at: CompileContext): Buffer {
  const bytes = compileBinaryDataSource(source, at);
  if (bytes.length !== TICKET_KEY_BYTES)
    at.error(`Incorrect TLS session ticket key length. Length ${bytes.length}, expected length ${TICKET_KEY_BYTES}.`);
  return bytes;
}

/** Of messages that come alone, without a bootstrap around them. */
export const ONLY_OWN_SECRETS: Secrets = { named: new Map(), mayCome: false, subscribe: () => undefined, watch: () => undefined };
