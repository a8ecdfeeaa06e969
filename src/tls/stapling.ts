/** Certificate status in the handshake (RFC 6066 §8), for clients that ask. Behaviour: Envoy's DefaultTlsCertificateSelector. */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { Clock } from '../runtime/clock.ts';
import { nodeModule } from '../runtime/node-module.ts';
import { isExpired } from './ocsp.ts';
import type { Offer, ServerContexts } from './server-contexts.ts';
import { SessionCache } from './session-cache.ts';
import type { DownstreamTlsSettings, OcspPolicy } from './settings.ts';
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

  constructor(shared: SecureContext, sessions: SessionCache | null, onRequest: (done: Done) => void) {
    super();
    this._sharedCreds = shared;
    sessions?.serve(this);
    this.on('OCSPRequest', (_certificate, _issuer, done: Done) => onRequest(done));
  }
}

/** Of one connection. */
export interface Stapling {
  /** For the TLS socket's option `server`. */
  readonly server: EventEmitter;
  /** To be set when they are made: TLS, and what is under it. */
  socket: TLSSocket | null;
  inner: Socket | null;
  readonly ecdsaCiphers: boolean | null;
  /** The policy lets no certificate be used. */
  refused: boolean;
}

/** Fatal alert handshake_failure in a record of its own. The server has said nothing before, so nothing is encrypted yet. */
const HANDSHAKE_FAILURE = Buffer.from('15030300020228', 'hex');

export class Stapler {
  readonly #contexts: ServerContexts;
  readonly #policy: OcspPolicy;
  readonly #stats: TlsStats;
  readonly #clock: Clock;
  readonly #sessions: SessionCache | null;
  /** For connections that have nothing of their own: nothing can be stapled, and no certificate may be withheld. */
  readonly counting: EventEmitter;

  constructor(contexts: ServerContexts, settings: DownstreamTlsSettings, stats: TlsStats, clock: Clock) {
    this.#contexts = contexts;
    this.#policy = settings.ocspPolicy;
    this.#sessions = settings.statefulResumption && !settings.statelessResumption ? new SessionCache() : null;
    this.#stats = stats;
    this.#clock = clock;
    this.counting = new StatusRequests(contexts.fallback, this.#sessions, (done) => {
      stats.ocspRequests.inc();
      stats.ocspOmitted.inc();
      done(null);
    });
  }

  /** Nothing can be stapled, no certificate may be withheld, and no session be kept: Node's events have nothing to say but who asks. */
  get passive(): boolean {
    return !this.#contexts.staples && this.#sessions === null;
  }

  /** null = `counting` will do. @param ecdsaCiphers offersEcdsaCiphers of its ClientHello */
  forConnection(ecdsaCiphers: boolean | null): Stapling | null {
    if (!this.#contexts.staples) return null;
    const stapling: Stapling = {
      server: new StatusRequests(this.#contexts.fallback, this.#sessions, (done) => this.#answer(stapling, done)),
      socket: null,
      inner: null,
      ecdsaCiphers,
      refused: false,
    };
    return stapling;
  }

  #answer(stapling: Stapling, done: Done): void {
    const stats = this.#stats;
    const socket = stapling.socket!;
    const { servername } = socket as { servername?: string | false | null };
    const choice = this.#contexts.select(typeof servername === 'string' ? servername : '');
    stats.ocspRequests.inc();
    const nowMs = this.#clock.wallMs();
    const offer = choice.for(socket, stapling.ecdsaCiphers).find((candidate) => this.#mayUse(candidate, nowMs));
    if (offer === undefined) {
      stats.ocspFailed.inc();
      stapling.refused = true;
      stapling.inner!.write(HANDSHAKE_FAILURE);
      done(new Error('no certificate may be used'));
      return;
    }
    // Where OpenSSL could choose between kinds of keys, it must not choose the other one.
    const handle = (socket as unknown as InnerTlsSocket)._handle;
    if (choice.both && handle !== null) handle.sni_context = this.#contexts.contextOf(offer).context;
    if (offer.ocsp === null || isExpired(offer.ocsp, nowMs)) {
      stats.ocspOmitted.inc();
      done(null);
    } else {
      stats.ocspResponses.inc();
      done(null, offer.ocsp.der);
    }
  }

  #mayUse({ ocsp, mustStaple }: Offer, nowMs: number): boolean {
    if (ocsp !== null && !isExpired(ocsp, nowMs)) return true;
    // A certificate that asks for it itself is treated so under any policy.
    const policy = mustStaple ? 'MUST_STAPLE' : this.#policy;
    return policy === 'LENIENT_STAPLING' || (policy === 'STRICT_STAPLING' && ocsp === null);
  }
}
