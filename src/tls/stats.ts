/** `ssl.` statistics of a listener or a cluster. */
import type { Counter, StatsScope } from '../stats/scope.ts';
import type { VerifyFailure } from './verify.ts';

type AgreedKind = 'ciphers' | 'curves' | 'sigalgs' | 'versions';

export class TlsStats {
  readonly connectionError: Counter;
  readonly handshake: Counter;
  readonly sessionReused: Counter;
  readonly noCertificate: Counter;
  readonly failVerifyNoCert: Counter;
  readonly failVerifyError: Counter;
  readonly failVerifySan: Counter;
  readonly failVerifyCertHash: Counter;
  /** Connections that were refused because a secret had not come yet. */
  readonly secretsNotReady: Counter;
  readonly ocspFailed: Counter;
  readonly ocspOmitted: Counter;
  readonly ocspResponses: Counter;
  readonly ocspRequests: Counter;
  readonly #scope: StatsScope;
  /** By kind and name. */
  readonly #named: Record<AgreedKind, Map<string, Counter>>;

  /** @param scope of the listener or the cluster @param role which side of TLS it is */
  constructor(scope: StatsScope, role: 'server' | 'client') {
    const factory = scope.scope(`${role}_ssl_socket_factory`);
    factory.counter('ssl_context_update_by_sds');
    const upstream = factory.counter('upstream_context_secrets_not_ready');
    const downstream = factory.counter('downstream_context_secrets_not_ready');
    this.secretsNotReady = role === 'server' ? downstream : upstream;
    const ssl = scope.scope('ssl');
    this.#scope = ssl;
    this.#named = { ciphers: new Map(), curves: new Map(), sigalgs: new Map(), versions: new Map() };
    this.connectionError = ssl.counter('connection_error');
    this.handshake = ssl.counter('handshake');
    this.sessionReused = ssl.counter('session_reused');
    this.noCertificate = ssl.counter('no_certificate');
    this.failVerifyNoCert = ssl.counter('fail_verify_no_cert');
    this.failVerifyError = ssl.counter('fail_verify_error');
    this.failVerifySan = ssl.counter('fail_verify_san');
    this.failVerifyCertHash = ssl.counter('fail_verify_cert_hash');
    this.ocspFailed = ssl.counter('ocsp_staple_failed');
    this.ocspOmitted = ssl.counter('ocsp_staple_omitted');
    this.ocspResponses = ssl.counter('ocsp_staple_responses');
    this.ocspRequests = ssl.counter('ocsp_staple_requests');
  }

  /** The peer's certificate is not what is asked for. */
  refused(failure: VerifyFailure): void {
    const counter = {
      fail_verify_no_cert: this.failVerifyNoCert,
      fail_verify_error: this.failVerifyError,
      fail_verify_san: this.failVerifySan,
      fail_verify_cert_hash: this.failVerifyCertHash,
    }[failure];
    counter.inc();
  }

  /** Counts what was agreed on, e.g. `ssl.versions.TLSv1.3`. */
  agreed(kind: AgreedKind, name: string): void {
    const named = this.#named[kind];
    let counter = named.get(name);
    if (counter === undefined) {
      counter = this.#scope.counter(`${kind}.${name}`);
      named.set(name, counter);
    }
    counter.inc();
  }
}
