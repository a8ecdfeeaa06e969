/** TLS towards one cluster's hosts: handshake, verification, and sessions for the next handshake. */
import type { Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import { isIp } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import type { Certificate } from './certificate.ts';
import { TlsConnectionInfo } from './connection-info.ts';
import { clientContext, leafOf, tls } from './context.ts';
import type { HandshakeListener } from './downstream-tls.ts';
import { handshakeFailure, verificationFailure } from './failure.ts';
import { namesSecrets, resolveSecrets, SECRET_MISSING, type SecretSource } from './secrets.ts';
import type { CommonTlsSettings, UpstreamTlsSettings } from './settings.ts';
import type { TlsStats } from './stats.ts';
import { Validator } from './verify.ts';

const EMPTY = Buffer.alloc(0);

export class UpstreamTls {
  readonly settings: UpstreamTlsSettings;
  readonly #stats: TlsStats;
  readonly #secrets: SecretSource;
  /** null = a secret has not come yet. */
  #ready: Ready | null;
  /** Of the secrets that `#ready` was made of. */
  #version: number;
  /** Sessions by the name that was sent, oldest first; `maxSessionKeys` of them in all. */
  readonly #sessions: Map<string, Buffer[]>;
  #sessionCount: number;

  /** @throws OpenSSL's error for bad certificates */
  constructor(settings: UpstreamTlsSettings, stats: TlsStats, secrets: SecretSource) {
    this.settings = settings;
    this.#stats = stats;
    this.#secrets = secrets;
    this.#ready = namesSecrets(settings.common) ? null : prepare(settings.common);
    this.#version = -1;
    this.#sessions = new Map();
    this.#sessionCount = 0;
  }

  #current(): Ready | null {
    const { common } = this.settings;
    if (namesSecrets(common) && this.#version !== this.#secrets.version) {
      this.#version = this.#secrets.version;
      const resolved = resolveSecrets(common, this.#secrets);
      if (resolved !== null) {
        this.#ready = prepare(resolved);
        // A session would go on with what the old certificates have shown.
        this.#sessions.clear();
        this.#sessionCount = 0;
      }
    }
    return this.#ready;
  }

  /**
   * @param serverName to send instead of the configured one; ''
   * @param alpn to offer unless protocols are configured; null
   * @returns null when the connection is being closed, because a secret is missing
   */
  start(connection: Connection, serverName: string, alpn: readonly string[] | null, listener: HandshakeListener): TlsConnectionInfo | null {
    const ready = this.#current();
    if (ready === null) {
      listener.onHandshakeFailed(SECRET_MISSING);
      connection.close('no-flush');
      return null;
    }
    const name = serverName === '' ? this.settings.sni : serverName;
    const protocols = this.settings.common.alpn.length > 0 ? this.settings.common.alpn : (alpn ?? []);
    const session = this.#takeSession(name);
    let socket!: TLSSocket;
    connection.wrapSocket(EMPTY, (inner: Socket) => {
      socket = tls().connect({
        socket: inner,
        secureContext: ready.context,
        // Judged below, by the configuration's rules.
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
        // RFC 6066 §3: an address is no server name. It may be the name that the certificate has to have all the same.
        ...(name === '' || isIp(name) ? {} : { servername: name }),
        ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
        ...(session === null ? {} : { session }),
      });
      return socket;
    });
    const info = new TlsConnectionInfo(socket);
    let done = false;
    socket.on('session', (fresh: Buffer) => this.#keepSession(name, fresh));
    socket.once('secureConnect', () => {
      if (done) return;
      done = true;
      info.established(ready.local);
      connection.dispatch(() => this.#onSecure(connection, socket, info, name, ready.validator, listener));
    });
    const onFailed = (error: Error | null) => {
      if (done) return;
      done = true;
      this.#stats.connectionError.inc();
      listener.onHandshakeFailed(error === null ? '' : handshakeFailure(error));
    };
    socket.once('error', onFailed);
    socket.once('close', () => onFailed(null));
    return info;
  }

  #onSecure(
    connection: Connection,
    socket: TLSSocket,
    info: TlsConnectionInfo,
    name: string,
    validator: Validator | null,
    listener: HandshakeListener,
  ): void {
    const reason = this.#judge(socket, info, name, validator);
    if (reason !== '') {
      // To Envoy the verdict is part of the handshake: it has not taken place.
      listener.onHandshakeFailed(reason);
      connection.close('no-flush');
      return;
    }
    const stats = this.#stats;
    stats.handshake.inc();
    if (socket.isSessionReused()) stats.sessionReused.inc();
    stats.agreed('ciphers', info.cipher);
    stats.agreed('versions', info.version);
    const curve = socket.getEphemeralKeyInfo() as { name?: string } | null;
    if (curve?.name !== undefined) stats.agreed('curves', CURVES[curve.name] ?? curve.name);
    listener.onHandshakeDone();
  }

  /** @returns '' if the connection may be used */
  #judge(socket: TLSSocket, info: TlsConnectionInfo, name: string, validator: Validator | null): string {
    if (validator === null) return '';
    const { peer } = info;
    if (peer === null) {
      this.#stats.refused('fail_verify_no_cert');
      return verificationFailure('fail_verify_no_cert', '');
    }
    const chainError = socket.authorized ? '' : String(socket.authorizationError ?? '');
    const failure = validator.check(peer, chainError, this.settings.autoSniSanValidation ? name : '');
    if (failure === null) {
      info.peerValidated = validator.validates(chainError);
      return '';
    }
    this.#stats.refused(failure);
    return verificationFailure(failure, chainError, peer.names);
  }

  #takeSession(name: string): Buffer | null {
    const list = this.#sessions.get(name);
    return list === undefined ? null : list[list.length - 1]!;
  }

  #keepSession(name: string, session: Buffer): void {
    const max = this.settings.maxSessionKeys;
    if (max === 0) return;
    let list = this.#sessions.get(name);
    if (list === undefined) {
      list = [];
      this.#sessions.set(name, list);
    }
    list.push(session);
    if (++this.#sessionCount <= max) return;
    this.#sessionCount--;
    const [oldest, sessions] = this.#sessions.entries().next().value!;
    sessions.shift();
    if (sessions.length === 0) this.#sessions.delete(oldest);
  }
}

interface Ready {
  readonly context: SecureContext;
  readonly local: Certificate | null;
  readonly validator: Validator | null;
}

function prepare(common: CommonTlsSettings): Ready {
  const own = common.certificates[0];
  return {
    context: clientContext(common),
    local: own === undefined ? null : leafOf(own),
    validator: common.validation === null ? null : new Validator(common.validation),
  };
}

/** OpenSSL's names → those that BoringSSL, and so Envoy's statistics, have. */
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };
