/** Certificates in files with a watched_directory: read again when they change, put in force when they fit together. */
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { fs } from '../runtime/node-module.ts';
import { checkKey } from '../tls/context.ts';
import type { SecretSettings, WatchedSecretSettings } from '../tls/secrets.ts';
import { ofTrustDomains, parseTrustBundles } from '../tls/spiffe-bundle.ts';
import { WatchedFile } from './watched-file.ts';

export class CertificateFiles {
  readonly #settings: WatchedSecretSettings;
  readonly #logger: Logger;
  readonly #onSecret: (secret: SecretSettings) => void;
  readonly #files: readonly WatchedFile[];

  constructor(settings: WatchedSecretSettings, clock: Clock, logger: Logger, onSecret: (secret: SecretSettings) => void) {
    this.#settings = settings;
    this.#logger = logger;
    this.#onSecret = onSecret;
    this.#files = Object.values(settings.paths)
      .filter((path) => path !== '')
      .map((path) => new WatchedFile(path, settings.directory, clock, () => this.#reload()));
  }

  close(): void {
    for (const file of this.#files) file.close();
  }

  #reload(): void {
    try {
      const secret = this.#read();
      if (secret.certificate !== null) checkKey(secret.certificate);
      this.#onSecret(secret);
    } catch (error) {
      // A key may follow its certificate: the event of its own tries again. What was read before stays in force.
      this.#logger.warn('certificate files refused', { files: Object.values(this.#settings.paths), error: (error as Error).message });
    }
  }

  #read(): SecretSettings {
    const { secret, paths } = this.#settings;
    const text = (path: string, before: string) => (path === '' ? before : fs.readFileSync(path, 'utf8'));
    const { name, certificate, validation, ticketKeys } = secret;
    return {
      name,
      ticketKeys,
      certificate: certificate && {
        ...certificate,
        chain: text(paths.chain, certificate.chain),
        key: text(paths.key, certificate.key),
        ocspStaple: paths.ocspStaple === '' ? certificate.ocspStaple : fs.readFileSync(paths.ocspStaple, 'base64'),
      },
      validation: validation && {
        ...validation,
        trustedCa: text(paths.trustedCa, validation.trustedCa),
        crl: text(paths.crl, validation.crl),
        ...(paths.trustBundles === '' ? {} : ofTrustDomains(parseTrustBundles(fs.readFileSync(paths.trustBundles, 'utf8')))),
      },
    };
  }
}
