/** TLS settings from their messages, whose certificates are read and tried here. Source: envoy.extensions.transport_sockets.tls.v3. */
import { dirname } from 'node:path';
import type { CompileContext } from '../config/context.ts';
import type { CidrRange } from '../config/gen/envoy/config/core/v3/address_pb.js';
import type { DataSource } from '../config/gen/envoy/config/core/v3/base_pb.js';
import type { ConfigSource } from '../config/gen/envoy/config/core/v3/config_source_pb.js';
import {
  type CertificateValidationContext,
  TlsParameters_CompliancePolicy as CompliancePolicy,
  TlsParameters_TlsProtocol as Protocol,
  type TlsCertificate,
  type TlsParameters,
  type TlsSessionTicketKeys,
} from '../config/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { SdsSecretConfig, Secret } from '../config/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import {
  type CommonTlsContext,
  type DownstreamTlsContext,
  DownstreamTlsContext_OcspStaplePolicy as OcspStaplePolicy,
  type TlsKeyLog,
  type UpstreamTlsContext,
} from '../config/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { didYouMean } from '../config/suggest.ts';
import { isCidr } from '../http/address-ranges.ts';
import { durationMs } from '../http/config.ts';
import { compileBinaryDataSource } from '../http/data-source-config.ts';
import { fs } from '../runtime/node-module.ts';
import { wallTimeMs } from '../runtime/wall-time.ts';
import type { Certificate } from './certificate.ts';
import { checkKey, checkPrivateKey, clientContext, leafOf } from './context.ts';
import { lintCertificate } from './lint.ts';
import { mustStaple, parseOcspResponse } from './ocsp.ts';
import { mergeValidation, namesSecrets, type SecretKind, type SecretSettings, type WatchedSecretSettings } from './secrets.ts';
import { ServerContexts } from './server-contexts.ts';
import type {
  CertificateSettings,
  CommonTlsSettings,
  DownstreamTlsSettings,
  KeyLogSettings,
  OcspPolicy,
  UpstreamTlsSettings,
  ValidationSettings,
} from './settings.ts';
import { compileValidation, fileOf, INLINE, text, trustBundlesFile } from './validation-config.ts';

export const DOWNSTREAM_TLS = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
export const UPSTREAM_TLS = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';

/** Secrets that contexts may name. */
export interface Secrets {
  /** static_resources.secrets. */
  readonly named: ReadonlyMap<string, Secret>;
  /** A name that is not among them is looked for when it is needed. */
  mayCome: boolean;
  /** Notes a subscription, whose secret comes later. */
  subscribe(name: string, holds: SecretKind, source: ConfigSource, at: CompileContext): void;
  /** Notes files that are watched. */
  watch(files: WatchedSecretSettings): void;
}

const VERSIONS = {
  [Protocol.TLSv1_0]: 'TLSv1',
  [Protocol.TLSv1_1]: 'TLSv1.1',
  [Protocol.TLSv1_2]: 'TLSv1.2',
  [Protocol.TLSv1_3]: 'TLSv1.3',
} as const;
const OCSP_POLICIES: Readonly<Record<OcspStaplePolicy, OcspPolicy>> = {
  [OcspStaplePolicy.LENIENT_STAPLING]: 'LENIENT_STAPLING',
  [OcspStaplePolicy.STRICT_STAPLING]: 'STRICT_STAPLING',
  [OcspStaplePolicy.MUST_STAPLE]: 'MUST_STAPLE',
};
type Version = CommonTlsSettings['minVersion'];

/** Length of a key of TlsSessionTicketKeys. */
const TICKET_KEY_BYTES = 80;

/** null if it was refused, and reported. */
export function compileDownstreamTls(message: DownstreamTlsContext, secrets: Secrets, at: CompileContext): DownstreamTlsSettings | null {
  const before = at.list.errors;
  const common = {
    ...compileCommon(message.commonTlsContext, 'TLSv1.3', secrets, at.field('common_tls_context')),
    ...ticketKeysOf(message.sessionTicketKeysType, secrets, at),
  };
  const settings: DownstreamTlsSettings = {
    common,
    requireClientCertificate: message.requireClientCertificate ?? false,
    requireSni: message.requireSni ?? false,
    statelessResumption: !(
      message.sessionTicketKeysType.case === 'disableStatelessSessionResumption' && message.sessionTicketKeysType.value
    ),
    statefulResumption: !message.disableStatefulSessionResumption,
    sessionTimeoutS: Math.floor((durationMs(message.sessionTimeout) ?? 0) / 1000),
    fullScanCertificates: message.fullScanCertsOnSniMismatch ?? false,
    ocspPolicy: OCSP_POLICIES[message.ocspStaplePolicy],
    preferClientCiphers: message.preferClientCiphers,
  };
  checkStaples(settings, at.field('common_tls_context'));
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
  if (!namesSecrets(common)) attempt(at, () => new ServerContexts(settings, [Buffer.alloc(48)]));
  return at.list.errors > before ? null : settings;
}

/** Responses have to be there where they are asked for. */
function checkStaples({ common, ocspPolicy }: DownstreamTlsSettings, at: CompileContext): void {
  common.certificates.forEach((certificate, i) => {
    if (certificate.ocspStaple !== '') return;
    const here = at.field('tls_certificates', i);
    const leaf = leafOf(certificate);
    if (leaf !== null && mustStaple(leaf.x509.raw)) here.error('OCSP response is required for must-staple certificate');
    else if (ocspPolicy === 'MUST_STAPLE') here.error('Required OCSP response is missing from TLS context');
  });
}

function checkPair(certificate: CertificateSettings, leaf: Certificate | null, at: CompileContext): void {
  try {
    if (leaf !== null) checkPrivateKey(certificate, leaf);
  } catch (error) {
    at.error(`Failed to load private key: ${(error as Error).message}`);
  }
}

/** @param leaf whose status it has to be; null = Node does not tell */
function checkStaple({ ocspStaple }: CertificateSettings, leaf: Certificate | null, at: CompileContext): void {
  if (ocspStaple === '') return;
  try {
    const { serial, thisUpdateMs } = parseOcspResponse(Buffer.from(ocspStaple, 'base64'));
    if (leaf !== null && serial !== leaf.serial) at.error('OCSP response does not match its TLS certificate');
    if (thisUpdateMs > wallTimeMs()) at.warn("OCSP response's thisUpdate is in the future");
  } catch (error) {
    at.error((error as Error).message);
  }
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
    allowRenegotiation: message.allowRenegotiation,
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
  if (!namesSecrets(common)) attempt(at, () => clientContext(common, settings.allowRenegotiation));
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
    const secret = find(config, 'certificate', secrets, here);
    if (secret === 'later') certificateSecrets.push(config.name);
    else if (secret?.type.case === 'tlsCertificate') {
      const settings = compileCertificate(secret.type.value, secret.name, here);
      if (settings !== null) certificates.push(settings);
    } else if (secret !== null) here.error(`secret '${config.name}' is no certificate`);
  });
  return {
    ...parameters(message?.tlsParams, maxVersion, at.field('tls_params')),
    certificates,
    certificateSecrets,
    ...validationOf(message?.validationContextType, secrets, at),
    ...NO_TICKET_KEYS,
    alpn: message?.alpnProtocols ?? [],
    keyLog: message?.keyLog === undefined ? null : compileKeyLog(message.keyLog, at.field('key_log')),
  };
}

function compileKeyLog({ path, localAddressRange, remoteAddressRange }: TlsKeyLog, at: CompileContext): KeyLogSettings {
  try {
    fs.accessSync(dirname(path), fs.constants.W_OK);
  } catch (error) {
    at.field('path').error(`unable to open file '${path}': ${(error as Error).message}`);
  }
  const ranges = (list: readonly CidrRange[], field: string) =>
    list.map(({ addressPrefix, prefixLen }, i) => {
      const text = `${addressPrefix}/${prefixLen ?? 0}`;
      if (!isCidr(text)) at.field(field, i).error(`malformed IP address: ${addressPrefix}`);
      return text;
    });
  return {
    path,
    localRanges: ranges(localAddressRange, 'local_address_range'),
    remoteRanges: ranges(remoteAddressRange, 'remote_address_range'),
  };
}

const NO_PATHS = { chain: '', key: '', ocspStaple: '', trustedCa: '', crl: '', trustBundles: '' } as const;

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
  secrets.watch({
    directory,
    secret: { name, certificate, validation: null, ticketKeys: null },
    paths: { ...NO_PATHS, chain, key, ocspStaple: fileOf(message.ocspStaple) },
  });
  return name;
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
      return at.list.errors > before ? null : { name, certificate, validation: null, ticketKeys: null };
    }
    case 'validationContext': {
      const validation = compileValidation(type.value, name, at.field('validation_context'));
      return at.list.errors > before ? null : { name, certificate: null, validation, ticketKeys: null };
    }
    case 'sessionTicketKeys': {
      const ticketKeys = compileTicketKeys(type.value, at.field('session_ticket_keys'));
      return at.list.errors > before ? null : { name, certificate: null, validation: null, ticketKeys };
    }
    default:
      at.notImplemented(`${type.case ?? 'a secret without a type'} is not supported by Outrider yet`);
      return null;
  }
}

/** 'later' = there is a subscription for it. */
function find(config: SdsSecretConfig | undefined, holds: SecretKind, secrets: Secrets, at: CompileContext): Secret | 'later' | null {
  if (config === undefined) return null;
  if (config.sdsConfig !== undefined) {
    secrets.subscribe(config.name, holds, config.sdsConfig, at.field('sds_config'));
    return 'later';
  }
  if (secrets.mayCome) return 'later';
  const secret = secrets.named.get(config.name);
  if (secret === undefined) at.field('name').error(`Unknown static secret: ${config.name}${didYouMean(config.name, secrets.named.keys())}`);
  return secret ?? null;
}

type Parameters = Pick<CommonTlsSettings, 'minVersion' | 'maxVersion' | 'ciphers' | 'curves' | 'signatureAlgorithms' | 'newCiphers'>;

/** NIST SP 800-52 revision 2, as BoringSSL has it. */
const FIPS: Parameters = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  newCiphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256',
  ciphers: 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384',
  curves: 'P-256:P-384',
  signatureAlgorithms:
    'rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512:ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512',
};

function parameters(message: TlsParameters | undefined, maxVersion: Version, at: CompileContext): Parameters {
  // A policy takes the place of everything else.
  for (const [i, policy] of (message?.compliancePolicies ?? []).entries()) {
    if (policy === CompliancePolicy.FIPS_202205) return FIPS;
    at.field('compliance_policies', i).error(`${CompliancePolicy[policy]} is not supported by Outrider yet`);
  }
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
    newCiphers: '',
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
    checkStaple(certificate, leaf, at.field('ocsp_staple'));
    checkPair(certificate, leaf, at.field('private_key'));
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
      const bundles = trustBundlesFile(type.value);
      const directory = bundles === '' ? (type.value.watchedDirectory?.path ?? '') : dirname(bundles);
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
  const trustBundles = trustBundlesFile(message);
  if (trustedCa === '' && trustBundles === '') at.field('watched_directory').error('only a trusted_ca from a file can be watched');
  const name = `${directory} ${trustedCa} ${crl} ${trustBundles} ${JSON.stringify(validation.sans)}`;
  secrets.watch({
    directory,
    secret: { name, certificate: null, validation, ticketKeys: null },
    paths: { ...NO_PATHS, trustedCa, crl, trustBundles },
  });
  return { validation: null, validationSecret: name };
}

function secretValidation(config: SdsSecretConfig | undefined, secrets: Secrets, at: CompileContext): Validation {
  const secret = find(config, 'validation', secrets, at);
  if (secret === 'later') return { validation: null, validationSecret: config!.name };
  if (secret === null) return NO_VALIDATION;
  if (secret.type.case === 'validationContext')
    return { validation: compileValidation(secret.type.value, secret.name, at), validationSecret: '' };
  at.error(`secret '${secret.name}' is no validation context`);
  return NO_VALIDATION;
}

function base64(source: DataSource | undefined, at: CompileContext): string {
  return source === undefined ? '' : compileBinaryDataSource(source, at).toString('base64');
}

type TicketKeys = Pick<CommonTlsSettings, 'ticketKeys' | 'ticketKeysSecret'>;
const NO_TICKET_KEYS: TicketKeys = { ticketKeys: [], ticketKeysSecret: '' };

function ticketKeysOf(type: DownstreamTlsContext['sessionTicketKeysType'], secrets: Secrets, at: CompileContext): TicketKeys {
  if (type.case === 'sessionTicketKeys') {
    return { ticketKeys: compileTicketKeys(type.value, at.field('session_ticket_keys')), ticketKeysSecret: '' };
  }
  if (type.case !== 'sessionTicketKeysSdsSecretConfig') return NO_TICKET_KEYS;
  const here = at.field('session_ticket_keys_sds_secret_config');
  const secret = find(type.value, 'ticketKeys', secrets, here);
  if (secret === null) return NO_TICKET_KEYS;
  if (secret === 'later') return { ticketKeys: [], ticketKeysSecret: type.value.name };
  if (secret.type.case === 'sessionTicketKeys') return { ticketKeys: compileTicketKeys(secret.type.value, here), ticketKeysSecret: '' };
  here.error(`secret '${secret.name}' holds no session ticket keys`);
  return NO_TICKET_KEYS;
}

function compileTicketKeys({ keys }: TlsSessionTicketKeys, at: CompileContext): readonly string[] {
  return keys.map((key, i) => ticketKeyBytes(key, at.field('keys', i)).toString('base64'));
}

function ticketKeyBytes(source: DataSource, at: CompileContext): Buffer {
  const bytes = compileBinaryDataSource(source, at);
  if (bytes.length !== TICKET_KEY_BYTES)
    at.error(`Incorrect TLS session ticket key length. Length ${bytes.length}, expected length ${TICKET_KEY_BYTES}.`);
  return bytes;
}

/** Of messages that come alone, without a bootstrap around them. */
export const ONLY_OWN_SECRETS: Secrets = { named: new Map(), mayCome: false, subscribe: () => undefined, watch: () => undefined };
