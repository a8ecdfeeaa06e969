/** TLS settings from their messages, whose certificates are read and tried here. Source: envoy.extensions.transport_sockets.tls.v3. */
import type { CompileContext } from '../config/context.ts';
import type { DataSource } from '../config/gen/envoy/config/core/v3/base_pb.js';
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
import { didYouMean } from '../config/suggest.ts';
import { compileStringMatcher, durationMs } from '../http/config.ts';
import { compileBinaryDataSource, compileDataSource } from '../http/data-source-config.ts';
import { clientContext, leafOf, ServerContexts } from './context.ts';
import type {
  CertificateSettings,
  CommonTlsSettings,
  DownstreamTlsSettings,
  SanMatcherSettings,
  SanType,
  UpstreamTlsSettings,
  ValidationSettings,
} from './settings.ts';

export const DOWNSTREAM_TLS = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
export const UPSTREAM_TLS = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';

/** Secrets that contexts may name. */
export type Secrets = ReadonlyMap<string, Secret>;

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
  if (common.certificates.length === 0 && at.list.errors === before) at.error('No TLS certificates found for server context');
  if (at.list.errors > before) return null;
  attempt(at, () => new ServerContexts(settings, Buffer.alloc(48)));
  return at.list.errors > before ? null : settings;
}

/** null if it was refused, and reported. */
export function compileUpstreamTls(message: UpstreamTlsContext, secrets: Secrets, at: CompileContext): UpstreamTlsSettings | null {
  const before = at.list.errors;
  // Envoy's clients stay with 1.2 unless told otherwise.
  const common = compileCommon(message.commonTlsContext, 'TLSv1.2', secrets, at.field('common_tls_context'));
  if (common.certificates.length > 1)
    at.field('common_tls_context').field('tls_certificates').error('Multiple TLS certificates are not supported for client contexts');
  const settings: UpstreamTlsSettings = {
    common,
    sni: message.sni,
    autoHostSni: message.autoHostSni,
    autoSniSanValidation: message.autoSniSanValidation,
    maxSessionKeys: message.maxSessionKeys ?? 1,
  };
  const { validation } = common;
  const verifies =
    validation !== null && (validation.trustedCa !== '' || validation.systemRoots || validation.hashes.length + validation.spki.length > 0);
  if (!verifies) at.warn('the server is not verified: without trusted_ca in a validation_context any certificate is accepted');
  else if (settings.sni !== '' && validation.sans.length === 0 && !settings.autoSniSanValidation) {
    at.warn(
      `any name in the server's certificate is accepted, though sni is "${settings.sni}"; match_typed_subject_alt_names says which one is meant`,
    );
  }
  if (at.list.errors > before) return null;
  attempt(at, () => clientContext(common));
  return at.list.errors > before ? null : settings;
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
  const certificates = (message?.tlsCertificates ?? []).map((certificate, i) =>
    compileCertificate(certificate, at.field('tls_certificates', i)),
  );
  (message?.tlsCertificateSdsSecretConfigs ?? []).forEach((config, i) => {
    const secret = find(config, secrets, at.field('tls_certificate_sds_secret_configs', i));
    if (secret?.type.case === 'tlsCertificate')
      certificates.push(compileCertificate(secret.type.value, at.field('tls_certificate_sds_secret_configs', i)));
  });
  return {
    ...parameters(message?.tlsParams, maxVersion),
    certificates: certificates.filter((certificate) => certificate !== null),
    validation: validationOf(message?.validationContextType, secrets, at),
    alpn: message?.alpnProtocols ?? [],
  };
}

function find(config: SdsSecretConfig | undefined, secrets: Secrets, at: CompileContext): Secret | null {
  if (config === undefined) return null;
  if (config.sdsConfig !== undefined) {
    at.field('sds_config').notImplemented('secrets from SDS are not supported by Outrider yet; static_resources.secrets are');
    return null;
  }
  const secret = secrets.get(config.name);
  if (secret === undefined) at.field('name').error(`Unknown static secret: ${config.name}${didYouMean(config.name, secrets.keys())}`);
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

function compileCertificate(message: TlsCertificate, at: CompileContext): CertificateSettings | null {
  const before = at.list.errors;
  if (message.privateKeyProvider !== undefined) at.unsupported('private_key_provider');
  const certificate: CertificateSettings = {
    chain: text(message.certificateChain, at.field('certificate_chain')),
    key: text(message.privateKey, at.field('private_key')),
    password: text(message.password, at.field('password')),
    pkcs12: base64(message.pkcs12, at.field('pkcs12')),
    ocspStaple: base64(message.ocspStaple, at.field('ocsp_staple')),
  };
  if (certificate.pkcs12 === '' && message.certificateChain === undefined) at.error('certificate_chain is missing');
  else if (certificate.pkcs12 === '' && message.privateKey === undefined) at.error('private_key is missing');
  if (at.list.errors > before) return null;
  try {
    leafOf(certificate);
  } catch (error) {
    at.field('certificate_chain').error(`Failed to load certificate chain: ${(error as Error).message}`);
    return null;
  }
  return certificate;
}

function validationOf(
  type: CommonTlsContext['validationContextType'] | undefined,
  secrets: Secrets,
  at: CompileContext,
): ValidationSettings | null {
  switch (type?.case) {
    case undefined:
      return null;
    case 'validationContext':
      return compileValidation(type.value, at.field('validation_context'));
    case 'validationContextSdsSecretConfig':
      return secretValidation(type.value, secrets, at.field('validation_context_sds_secret_config'));
    case 'combinedValidationContext': {
      const here = at.field('combined_validation_context');
      const own = type.value.defaultValidationContext;
      const base = own === undefined ? null : compileValidation(own, here.field('default_validation_context'));
      const more = secretValidation(
        type.value.validationContextSdsSecretConfig,
        secrets,
        here.field('validation_context_sds_secret_config'),
      );
      return base === null || more === null ? (base ?? more) : merge(base, more);
    }
    default:
      at.notImplemented(`${type?.case} is not supported by Outrider yet`);
      return null;
  }
}

function secretValidation(config: SdsSecretConfig | undefined, secrets: Secrets, at: CompileContext): ValidationSettings | null {
  const secret = find(config, secrets, at);
  return secret?.type.case === 'validationContext' ? compileValidation(secret.type.value, at) : null;
}

/** As protobuf messages merge: what `more` says wins, lists are joined. */
function merge(base: ValidationSettings, more: ValidationSettings): ValidationSettings {
  return {
    trustedCa: more.trustedCa === '' ? base.trustedCa : more.trustedCa,
    systemRoots: base.systemRoots || more.systemRoots,
    spki: [...base.spki, ...more.spki],
    hashes: [...base.hashes, ...more.hashes],
    sans: [...base.sans, ...more.sans],
    crl: more.crl === '' ? base.crl : more.crl,
    allowExpired: base.allowExpired || more.allowExpired,
    acceptUntrusted: base.acceptUntrusted || more.acceptUntrusted,
    maxVerifyDepth: more.maxVerifyDepth < 0 ? base.maxVerifyDepth : more.maxVerifyDepth,
  };
}

const SAN_TYPES: Readonly<Record<number, SanType>> = {
  [SanTypes.EMAIL]: 'EMAIL',
  [SanTypes.DNS]: 'DNS',
  [SanTypes.URI]: 'URI',
  [SanTypes.IP_ADDRESS]: 'IP_ADDRESS',
};

function compileValidation(message: CertificateValidationContext, at: CompileContext): ValidationSettings {
  if (message.customValidatorConfig !== undefined) at.unsupported('custom_validator_config');
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
  const trustedCa = text(message.trustedCa, at.field('trusted_ca'));
  if (sans.length > 0 && message.trustedCa === undefined && message.systemRootCerts === undefined) {
    at.error('SAN-based verification of peer certificates without trusted CA is insecure and not allowed');
  }
  return {
    trustedCa,
    systemRoots: message.systemRootCerts !== undefined,
    spki: message.verifyCertificateSpki,
    hashes: message.verifyCertificateHash.map((hash) => hash.replaceAll(':', '').toLowerCase()),
    sans,
    crl: text(message.crl, at.field('crl')),
    allowExpired: message.allowExpiredCertificate,
    acceptUntrusted: message.trustChainVerification === TrustChain.ACCEPT_UNTRUSTED,
    maxVerifyDepth: message.maxVerifyDepth ?? -1,
  };
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
