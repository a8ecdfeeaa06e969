/** Certificate status in the handshake (RFC 6066 §8), for clients that ask. Behaviour: Envoy's DefaultTlsCertificateSelector. */
import type { EventEmitter } from 'node:events';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { Clock } from '../runtime/clock.ts';
import { nodeModule } from '../runtime/node-module.ts';
import { emptyServerContext, type OfferedCertificate, type ServerContexts } from './context.ts';
import { isExpired } from './ocsp.ts';
import type { OcspPolicy } from './settings.ts';
import type { TlsStats } from './stats.ts';

const { EventEmitter: Emitter } = nodeModule<typeof import('node:events')>('node:events');

type Done = (error: Error | null, response?: Buffer) => void;

/** Parts of Node's TLS sockets that are not documented: the context that the handshake goes on with. */
interface InnerTlsSocket {
  readonly _handle: { sni_context?: unknown } | null;
}

/**
 * What a TLS socket takes for its server: Node asks it, and only for clients that want the status. `_sharedCreds` is what Node looks for
 * before it asks.
 */
class StatusRequests extends Emitter {
  readonly _sharedCreds: SecureContext;

  constructor(shared: SecureContext, onRequest: (done: Done) => void) {
    super();
    this._sharedCreds = shared;
    this.on('OCSPRequest', (_certificate, _issuer, done: Done) => onRequest(done));
  }
}

/** Of one connection. */
export interface Stapling {
  /** For the TLS socket's option `server`. */
  readonly server: EventEmitter;
  /** To be set when it is made. */
  socket: TLSSocket | null;
  /** The policy does not let the certificate be used. */
  refused: boolean;
}

export class Stapler {
  readonly #contexts: ServerContexts;
  readonly #policy: OcspPolicy;
  readonly #stats: TlsStats;
  readonly #clock: Clock;
  /** For connections that have nothing of their own: nothing can be stapled, and no certificate may be withheld. */
  readonly counting: EventEmitter;

  constructor(contexts: ServerContexts, policy: OcspPolicy, stats: TlsStats, clock: Clock) {
    this.#contexts = contexts;
    this.#policy = policy;
    this.#stats = stats;
    this.#clock = clock;
    this.counting = new StatusRequests(contexts.fallback, (done) => {
      stats.ocspRequests.inc();
      stats.ocspOmitted.inc();
      done(null);
    });
  }

  /** null = `counting` will do. */
  forConnection(): Stapling | null {
    if (!this.#contexts.staples) return null;
    const stapling: Stapling = {
      server: new StatusRequests(this.#contexts.fallback, (done) => this.#answer(stapling, done)),
      socket: null,
      refused: false,
    };
    return stapling;
  }

  #answer(stapling: Stapling, done: Done): void {
    const stats = this.#stats;
    stats.ocspRequests.inc();
    const socket = stapling.socket!;
    const offered = this.#choose(socket);
    const response = offered?.ocsp ?? null;
    const valid = response !== null && !isExpired(response, this.#clock.wallMs());
    const policy = offered?.mustStaple === true ? 'MUST_STAPLE' : this.#policy;
    if (valid) {
      stats.ocspResponses.inc();
      done(null, response.der);
    } else if (policy === 'MUST_STAPLE' || (policy === 'STRICT_STAPLING' && response !== null)) {
      stats.ocspFailed.inc();
      stapling.refused = true;
      // With nothing to show, OpenSSL ends the handshake with the alert that Envoy sends.
      const handle = (socket as unknown as InnerTlsSocket)._handle;
      if (handle !== null) handle.sni_context = emptyServerContext().context;
      done(null);
    } else {
      stats.ocspOmitted.inc();
      done(null);
    }
  }

  /** What OpenSSL is about to choose among certificates of the same names: the one whose kind of signature comes first. */
  #choose(socket: TLSSocket): OfferedCertificate | null {
    const { servername } = socket as { servername?: string | false | null };
    const all = this.#contexts.offered(typeof servername === 'string' ? servername : '');
    if (all.length < 2) return all[0] ?? null;
    for (const algorithm of socket.getSharedSigalgs()) {
      const kind = /ecdsa/i.test(algorithm) ? 'ec' : 'rsa';
      const found = all.find((offered) => offered.keyType === kind);
      if (found !== undefined) return found;
    }
    return all[0]!;
  }
}
