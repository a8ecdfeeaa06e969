/** Terminates TLS on accepted connections of one filter chain. */
import type { Server, Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { Connection } from '../net/connection.ts';
import type { Clock } from '../runtime/clock.ts';
import { TlsConnectionInfo } from './connection-info.ts';
import {
  type DirectSocket,
  directSocket,
  type HandshakeTarget,
  type ServerSocketOptions,
  type TlsSocket,
  wrapped,
} from './direct-socket.ts';
import { KEY_USAGE, mayUseKey } from './extensions.ts';
import { agreedOnVersion, failureText, handshakeFailure, KEY_USAGE_INCORRECT, saidTwice, verificationFailure } from './failure.ts';
import { KeyLog } from './key-log.ts';
import { namesSecrets, resolveSecrets, SECRET_MISSING, type SecretSource } from './secrets.ts';
import { offersEcdsaCiphers, ServerContexts } from './server-contexts.ts';
import type { CommonTlsSettings, DownstreamTlsSettings } from './settings.ts';
import { Stapler, type Stapling } from './stapling.ts';
import type { TlsStats } from './stats.ts';
import { nodeTicketKey } from './tickets.ts';
import { Validator } from './verify.ts';

/** Told how a handshake went; exactly one of the two is called, unless the connection ends before. */
export interface HandshakeListener {
  onHandshakeDone(): void;
  /** The connection is being closed. @param reason for %DOWNSTREAM_TRANSPORT_FAILURE_REASON%; '' = the peer just went away */
  onHandshakeFailed(reason: string): void;
}

/** Parts of Node's TLS sockets that are not documented: verdict on the peer's chain. */
interface InnerTlsSocket {
  readonly _handle: { verifyError?(): (Error & { code?: string }) | null | undefined } | null;
}

export class DownstreamTls {
  readonly #settings: DownstreamTlsSettings;
  readonly #stats: TlsStats;
  readonly #ticketKey: Buffer;
  readonly #secrets: SecretSource;
  readonly #clock: Clock;
  readonly #keyLog: KeyLog | null;
  /** null = a secret has not come yet. */
  #ready: Ready | null;
  /** Of the secrets that `#ready` was made of. */
  #version: number;

  /** @param ticketKey 48 bytes, the same in all threads @throws OpenSSL's error for bad certificates */
  constructor(settings: DownstreamTlsSettings, stats: TlsStats, ticketKey: Buffer, secrets: SecretSource, clock: Clock) {
    this.#settings = settings;
    this.#stats = stats;
    this.#ticketKey = ticketKey;
    this.#secrets = secrets;
    this.#clock = clock;
    this.#keyLog = settings.common.keyLog === null ? null : new KeyLog(settings.common.keyLog);
    this.#ready = null;
    this.#version = -1;
    if (!namesSecrets(settings.common)) this.#ready = this.#prepare(settings.common);
  }

  /** What connections get from now on; null = a secret has not come yet. */
  #current(): Ready | null {
    const { common } = this.#settings;
    if (namesSecrets(common) && this.#version !== this.#secrets.version) {
      this.#version = this.#secrets.version;
      const resolved = resolveSecrets(common, this.#secrets);
      if (resolved !== null) this.#ready = this.#prepare(resolved);
    }
    return this.#ready;
  }

  #prepare(common: CommonTlsSettings): Ready {
    const { ticketKeys } = common;
    const contexts = new ServerContexts(
      { ...this.#settings, common },
      ticketKeys.length === 0 ? [this.#ticketKey] : ticketKeys.map(nodeTicketKey),
    );
    const validator = common.validation === null ? null : new Validator(common.validation, 'client');
    // As in Envoy nothing is asked for where nothing says what to judge it by.
    const requestCert = validator?.judges === true;
    return {
      contexts,
      stapler: new Stapler(contexts, this.#settings, this.#stats, this.#clock),
      validator,
      socketOptions: {
        context: contexts.fallback,
        requestCert,
        // What a client must show is judged here; OpenSSL would not ask the configuration.
        rejectUnauthorized: requestCert && (this.#settings.requireClientCertificate || validator.requires),
        alpn: alpnList(common.alpn),
      },
    };
  }

  /**
   * @param peeked bytes of the handshake that listener filters have looked at
   * @returns null when the connection is being closed, because a secret is missing
   */
  start(connection: Connection, peeked: Buffer, listener: HandshakeListener): TlsConnectionInfo | null {
    const ready = this.#current();
    if (ready === null) {
      this.#stats.secretsNotReady.inc();
      listener.onHandshakeFailed(SECRET_MISSING);
      connection.closeAsPeer();
      return null;
    }
    const { contexts, stapler } = ready;
    const ecdsaCiphers = contexts.single && !contexts.staples ? null : offersEcdsaCiphers(peeked);
    const handshake = new Negotiation(this, ready, connection, listener, ecdsaCiphers);
    let direct: DirectSocket | null = null;
    connection.wrapSocket((accepted) => {
      if (this.#keyLog === null && stapler.passive) direct = directSocket(accepted, ready.socketOptions, handshake);
      const socket: TlsSocket = direct ?? this.#wrapped(connection, accepted.paused(), peeked, ready, handshake);
      handshake.info = new TlsConnectionInfo(socket);
      return socket;
    });
    (direct as DirectSocket | null)?.begin(peeked);
    return handshake.info;
  }

  /** Where Node's own events are wanted. */
  #wrapped(connection: Connection, inner: Socket, peeked: Buffer, ready: Ready, handshake: Negotiation): TLSSocket {
    const { contexts, stapler, socketOptions } = ready;
    const { alpn } = this.#settings.common;
    const stapling = stapler.forConnection(handshake.ecdsaCiphers);
    const socket = wrapped(inner, peeked, {
      isServer: true,
      secureContext: contexts.fallback,
      server: (stapling?.server ?? stapler.counting) as Server,
      requestCert: socketOptions.requestCert,
      rejectUnauthorized: socketOptions.rejectUnauthorized,
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
      ...(contexts.single
        ? {}
        : {
            SNICallback: (name: string, done: SniDone) => done(null, contexts.forName(name, socket, handshake.ecdsaCiphers) ?? undefined),
          }),
    });
    // A refusal is written beneath the TLS socket.
    if (stapling !== null) {
      stapling.socket = socket;
      stapling.inner = inner;
    }
    handshake.stapling = stapling;
    this.#keyLog?.follow(connection, socket);
    socket.once('secure', () => handshake.onSecure());
    socket.once('error', (error) => handshake.onEnded(error));
    socket.once('close', () => handshake.onEnded(null));
    return socket;
  }

  /** @internal The client has asked for the status of a certificate, where none has one. */
  countStatusRequest(): void {
    this.#stats.ocspRequests.inc();
    this.#stats.ocspOmitted.inc();
  }

  /** @internal */
  onFailed(reason: string, version: string, listener: HandshakeListener): void {
    if (reason.includes('PEER_DID_NOT_RETURN_A_CERTIFICATE')) this.#stats.failVerifyNoCert.inc();
    else if (reason !== '') this.#stats.connectionError.inc();
    listener.onHandshakeFailed(saidTwice(reason, version));
  }

  /** @internal */
  onSecure(connection: Connection, info: TlsConnectionInfo, validator: Validator | null, listener: HandshakeListener): void {
    const { socket } = info;
    const reason = this.#judge(socket, info, validator);
    if (reason !== '') {
      // To Envoy the verdict is part of the handshake: it has not taken place.
      listener.onHandshakeFailed(reason);
      connection.closeAsPeer();
      return;
    }
    const stats = this.#stats;
    stats.handshake.inc();
    if (socket.isSessionReused()) stats.sessionReused.inc();
    stats.agreed('ciphers', info.cipher);
    stats.agreed('versions', info.version);
    const { group } = info;
    if (group !== '') stats.agreed('curves', group);
    if (!info.peerPresented) stats.noCertificate.inc();
    listener.onHandshakeDone();
  }

  /** @returns '' if the connection may go on */
  #judge(socket: TlsSocket, info: TlsConnectionInfo, validator: Validator | null): string {
    const peer = info.peer;
    if (this.#settings.requireSni && info.serverName === '') return verificationFailure('no_sni', '');
    if (validator === null) return '';
    if (peer === null) {
      // OpenSSL has seen to it, but for sessions that were begun elsewhere: nobody gets in with one of those.
      if (!(this.#settings.requireClientCertificate || validator.requires) || !validator.judges) return '';
      this.#stats.refused('fail_verify_no_cert');
      return verificationFailure('fail_verify_no_cert', '');
    }
    // Clients sign. With TLS 1.3 that is looked at first.
    const maySign = mayUseKey(peer.x509, KEY_USAGE.digitalSignature);
    if (!maySign && info.version === 'TLSv1.3') return this.#keyMayNotSign();
    const chainError = validator.withRevocation((socket as unknown as InnerTlsSocket)._handle?.verifyError?.()?.code ?? '', info);
    const failure = validator.check(peer, chainError, info, '');
    if (failure === null && !maySign) return this.#keyMayNotSign();
    if (failure === null) {
      info.peerValidated = validator.validates(chainError);
      if (validator.overlooks(chainError)) this.#stats.failVerifyError.inc();
      return '';
    }
    this.#stats.refused(failure);
    return verificationFailure(failure, chainError, info, '', validator.outsideDomains(failure, chainError, info));
  }

  #keyMayNotSign(): string {
    this.#stats.connectionError.inc();
    return KEY_USAGE_INCORRECT;
  }
}

interface Ready {
  readonly contexts: ServerContexts;
  readonly stapler: Stapler;
  readonly validator: Validator | null;
  readonly socketOptions: ServerSocketOptions;
}

/** One connection's handshake, as long as it lasts. */
class Negotiation implements HandshakeTarget {
  readonly ecdsaCiphers: boolean | null;
  /** Set before anything is told. */
  info!: TlsConnectionInfo;
  stapling: Stapling | null;
  readonly #tls: DownstreamTls;
  readonly #ready: Ready;
  readonly #connection: Connection;
  readonly #listener: HandshakeListener;
  #done: boolean;

  /** @param ecdsaCiphers offersEcdsaCiphers of its ClientHello */
  constructor(tls: DownstreamTls, ready: Ready, connection: Connection, listener: HandshakeListener, ecdsaCiphers: boolean | null) {
    this.ecdsaCiphers = ecdsaCiphers;
    this.stapling = null;
    this.#tls = tls;
    this.#ready = ready;
    this.#connection = connection;
    this.#listener = listener;
    this.#done = false;
  }

  onClientHello(serverName: string, wantsStatus: boolean): SecureContext | null {
    if (wantsStatus) this.#tls.countStatusRequest();
    const { contexts } = this.#ready;
    return contexts.single || serverName === '' ? null : contexts.forName(serverName, this.info.socket, this.ecdsaCiphers);
  }

  onSecure(): void {
    if (this.#done) return;
    this.#done = true;
    const { info } = this;
    info.established(this.#ready.contexts.certificateFor(info.serverName, info.socket));
    this.#connection.dispatch(() => this.#tls.onSecure(this.#connection, info, this.#ready.validator, this.#listener));
  }

  onEnded(error: Error | null): void {
    if (this.#done) return;
    this.#done = true;
    const reason = this.stapling?.refused === true ? failureText('connection rejected') : error === null ? '' : handshakeFailure(error);
    // Of a client that just went nothing is said.
    if (reason !== '') this.info.failed(agreedOnVersion(reason));
    this.#tls.onFailed(reason, this.info.version, this.#listener);
  }
}

/** As it goes over the wire; null = none. */
function alpnList(protocols: readonly string[]): Buffer | null {
  if (protocols.length === 0) return null;
  return Buffer.from(protocols.map((name) => String.fromCharCode(name.length) + name).join(''), 'latin1');
}

type SniDone = (error: Error | null, context?: SecureContext) => void;
