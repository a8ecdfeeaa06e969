/** Certificates, validation contexts and ticket keys that have a name and change while the proxy runs: from SDS, or from files that are watched. */
import type { CertificateSettings, CommonTlsSettings, ValidationSettings } from './settings.ts';

export type SecretKind = 'certificate' | 'validation' | 'ticketKeys';

/** Exactly one of the three is set. Source: envoy.extensions.transport_sockets.tls.v3.Secret. */
export interface SecretSettings {
  readonly name: string;
  readonly certificate: CertificateSettings | null;
  readonly validation: ValidationSettings | null;
  /** As CommonTlsSettings.ticketKeys. */
  readonly ticketKeys: readonly string[] | null;
}

/** Files that are read again when their directory says so. Source: watched_directory. */
export interface WatchedSecretSettings {
  readonly directory: string;
  /** As first read. */
  readonly secret: SecretSettings;
  /** '' = not from a file. */
  readonly paths: {
    readonly chain: string;
    readonly key: string;
    readonly ocspStaple: string;
    readonly trustedCa: string;
    readonly crl: string;
    readonly trustBundles: string;
  };
}

/** What contexts read. They look at `version` when a connection comes, and build themselves anew when it has changed. */
export interface SecretSource {
  readonly version: number;
  /** null = it has not come yet. */
  get(name: string): SecretSettings | null;
}

export class SecretStore implements SecretSource {
  readonly #secrets = new Map<string, SecretSettings>();
  version = 0;

  get(name: string): SecretSettings | null {
    return this.#secrets.get(name) ?? null;
  }

  set(secret: SecretSettings): void {
    this.#secrets.set(secret.name, secret);
    this.version++;
  }

  /** Whoever is on the way out goes on with what it has. */
  remove(name: string): void {
    this.#secrets.delete(name);
  }
}

export const NO_SECRETS: SecretSource = new SecretStore();

/** %DOWNSTREAM_TRANSPORT_FAILURE_REASON% of a connection that needs a secret that has not come. */
export const SECRET_MISSING = 'TLS_error: Secret is not supplied by SDS';

export function namesSecrets(common: CommonTlsSettings): boolean {
  return common.certificateSecrets.length > 0 || common.validationSecret !== '' || common.ticketKeysSecret !== '';
}

export function secretNames({ certificateSecrets, validationSecret, ticketKeysSecret }: CommonTlsSettings): readonly string[] {
  return [...certificateSecrets, validationSecret, ticketKeysSecret].filter((name) => name !== '');
}

/** With the secrets put in where they are named; null while one of them is missing. */
export function resolveSecrets(common: CommonTlsSettings, secrets: SecretSource): CommonTlsSettings | null {
  const certificates = [...common.certificates];
  for (const name of common.certificateSecrets) {
    const certificate = secrets.get(name)?.certificate ?? null;
    if (certificate === null) return null;
    certificates.push(certificate);
  }
  let { validation, ticketKeys } = common;
  if (common.validationSecret !== '') {
    const more = secrets.get(common.validationSecret)?.validation ?? null;
    if (more === null) return null;
    validation = validation === null ? more : mergeValidation(validation, more);
  }
  if (common.ticketKeysSecret !== '') {
    const keys = secrets.get(common.ticketKeysSecret)?.ticketKeys ?? null;
    if (keys === null) return null;
    ticketKeys = keys;
  }
  return { ...common, certificates, validation, ticketKeys };
}

/** As protobuf messages merge: what `more` says wins, lists are joined. Source: CombinedCertificateValidationContext. */
export function mergeValidation(base: ValidationSettings, more: ValidationSettings): ValidationSettings {
  return {
    trustedCa: more.trustedCa === '' ? base.trustedCa : more.trustedCa,
    name: more.name === '' ? base.name : more.name,
    path: more.trustedCa === '' ? base.path : more.path,
    trustDomains: more.trustDomains.length > 0 ? more.trustDomains : base.trustDomains,
    systemRoots: base.systemRoots || more.systemRoots,
    spki: [...base.spki, ...more.spki],
    hashes: [...base.hashes, ...more.hashes],
    sans: [...base.sans, ...more.sans],
    crl: more.crl === '' ? base.crl : more.crl,
    onlyLeafCrl: base.onlyLeafCrl || more.onlyLeafCrl,
    suppressNames: base.suppressNames || more.suppressNames,
    allowExpired: base.allowExpired || more.allowExpired,
    acceptUntrusted: base.acceptUntrusted || more.acceptUntrusted,
    maxVerifyDepth: more.maxVerifyDepth < 0 ? base.maxVerifyDepth : more.maxVerifyDepth,
  };
}
