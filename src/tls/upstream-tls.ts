/** TLS towards one cluster's hosts: handshake, verification, and sessions for the next handshake. */
import type { SecureContext, TLSSocket } from 'node:tls';
import { isIp } from '../net/address.ts';
import type { Connection } from '../net/connection.ts';
import type { Certificate } from './certificate.ts';
import { TlsConnectionInfo } from './connection-info.ts';
import { clientContext, leafOf, tls } from './context.ts';
import type { HandshakeListener } from './downstream-tls.ts';
import { KEY_USAGE, mayUseKey } from './extensions.ts';
import { agreedOnVersion, handshakeFailure, KEY_USAGE_INCORRECT, verificationFailure } from './failure.ts';
import { KeyLog } from './key-log.ts';
import { namesSecrets, resolveSecrets, SECRET_MISSING, type SecretSource } from './secrets.ts';
import type { CommonTlsSettings, UpstreamTlsSettings } from './settings.ts';
import type { TlsStats } from './stats.ts';
import { hasName, Validator } from './verify.ts';

function ignore(): void {}

export class UpstreamTls {
  readonly settings: UpstreamTlsSettings;
  readonly #stats: TlsStats;
  readonly #secrets: SecretSource;
  readonly #keyLog: KeyLog | null;
  /** null = a secret has not come yet. */
  #ready: Ready | null;
  /** Of the secrets that `#ready` was made of. */
  #version: number;
  /** Sessions by the names that were sent and asked for, oldest first; `maxSessionKeys` of them in all. */
  readonly #sessions: Map<string, KeptSession[]>;
  #sessionCount: number;

  /** @throws OpenSSL's error for bad certificates */
  constructor(settings: UpstreamTlsSettings, stats: TlsStats, secrets: SecretSource) {
    this.settings = settings;
    this.#stats = stats;
    this.#secrets = secrets;
    this.#keyLog = settings.common.keyLog === null ? null : new KeyLog(settings.common.keyLog);
    this.#ready = namesSecrets(settings.common) ? null : prepare(settings.common, settings.allowRenegotiation);
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
        this.#ready = prepare(resolved, this.settings.allowRenegotiation);
        // A session would go on with what the old certificates have shown.
        this.#sessions.clear();
        this.#sessionCount = 0;
      }
    }
    return this.#ready;
  }

  /**
   * @param serverName to send instead of the configured one; ''
   * @param subjectName must be one of the certificate's names; ''
   * @param alpn to offer unless protocols are configured
   * @returns null when the connection is being closed, because a secret is missing
   */
  start(
    connection: Connection,
    serverName: string,
    subjectName: string,
    alpn: readonly string[],
    listener: HandshakeListener,
  ): TlsConnectionInfo | null {
    const ready = this.#current();
    if (ready === null) {
      this.#stats.secretsNotReady.inc();
      listener.onHandshakeFailed(SECRET_MISSING);
      connection.close('no-flush');
      return null;
    }
    const name = serverName === '' ? this.settings.sni : serverName;
    const protocols = this.settings.common.alpn.length > 0 ? this.settings.common.alpn : alpn;
    const mustHold = subjectName === '' && this.settings.autoSniSanValidation ? name : subjectName;
    const sessionKey = `${name} ${mustHold}`;
    const session = this.#takeSession(sessionKey);
    let socket!: TLSSocket;
    connection.wrapSocket((plain) => {
      const inner = plain.paused();
      // Its errors are the outer one's too; unheard they would end the process.
      inner.on('error', ignore);
      socket = tls().connect({
        socket: inner,
        secureContext: ready.context,
        // Judged below, by the configuration's rules.
        rejectUnauthorized: false,
        checkServerIdentity: () => undefined,
        // RFC 6066 §3: an address is no server name. It may be the name that the certificate has to have all the same.
        ...(name === '' || isIp(name) ? {} : { servername: name }),
        ...(protocols.length === 0 ? {} : { ALPNProtocols: [...protocols] }),
        ...(session === null ? {} : { session: session.bytes }),
      });
      this.#keyLog?.follow(connection, socket);
      return socket;
    });
    const info = new TlsConnectionInfo(socket);
    let done = false;
    let accepted = false;
    // With TLS 1.2 they come before the verdict, and count only after a good one.
    const early: Buffer[] = [];
    const keep = (bytes: Buffer) => this.#keepSession(sessionKey, { bytes, peer: info.peer, peerValidated: info.peerValidated, ready });
    socket.on('session', (fresh: Buffer) => {
      if (accepted) keep(fresh);
      else early.push(fresh);
    });
    socket.once('secureConnect', () => {
      if (done) return;
      done = true;
      info.established(ready.local);
      if (session !== null && socket.isSessionReused()) info.resumed(session.peer, session.peerValidated);
      connection.dispatch(() => {
        accepted = this.#onSecure(connection, socket, info, mustHold, ready.validator, listener);
        if (accepted) for (const bytes of early) keep(bytes);
      });
      socket.on('secureConnect', () => this.#onAgain(connection, socket, info));
    });
    const onFailed = (error: Error | null) => {
      if (done) return;
      done = true;
      const reason = error === null ? '' : handshakeFailure(error);
      if (reason !== '') this.#stats.connectionError.inc();
      info.failed(agreedOnVersion(reason));
      listener.onHandshakeFailed(reason);
    };
    socket.once('error', onFailed);
    socket.once('close', () => onFailed(null));
    return info;
  }

  #onSecure(
    connection: Connection,
    socket: TLSSocket,
    info: TlsConnectionInfo,
    mustHold: string,
    validator: Validator | null,
    listener: HandshakeListener,
  ): boolean {
    const reason = this.#judge(socket, info, mustHold, validator);
    if (reason !== '') {
      // To Envoy the verdict is part of the handshake: it has not taken place.
      listener.onHandshakeFailed(reason);
      connection.close('no-flush');
      return false;
    }
    const stats = this.#stats;
    stats.handshake.inc();
    if (socket.isSessionReused()) stats.sessionReused.inc();
    stats.agreed('ciphers', info.cipher);
    stats.agreed('versions', info.version);
    const { group } = info;
    if (group !== '') stats.agreed('curves', group);
    listener.onHandshakeDone();
    return true;
  }

  /** @returns '' if the connection may be used */
  #judge(socket: TLSSocket, info: TlsConnectionInfo, mustHold: string, validator: Validator | null): string {
    // A session is kept when its server has been found good.
    if (socket.isSessionReused()) return '';
    const { peer } = info;
    // Whatever enforce_rsa_key_usage says, as in Envoy.
    if (peer !== null && !mayUseKey(peer.x509, signs(info) ? KEY_USAGE.digitalSignature : KEY_USAGE.keyEncipherment)) {
      this.#stats.connectionError.inc();
      return KEY_USAGE_INCORRECT;
    }
    if (validator === null) return '';
    if (peer === null) {
      this.#stats.refused('fail_verify_no_cert');
      return verificationFailure('fail_verify_no_cert', '');
    }
    const chainError = validator.withRevocation(socket.authorized ? '' : String(socket.authorizationError ?? ''), info);
    const failure = validator.check(peer, chainError, info, mustHold);
    if (failure === null) {
      info.peerValidated = validator.validates(chainError);
      if (validator.overlooks(chainError)) this.#stats.failVerifyError.inc();
      return '';
    }
    this.#stats.refused(failure);
    const missing = mustHold !== '' && !hasName(peer, mustHold) ? mustHold : '';
    return verificationFailure(failure, chainError, info, missing, validator.outsideDomains(failure, chainError, info));
  }

  /** The server has asked for another handshake, which has taken place if that is allowed. It has to be the server that was verified, as in BoringSSL. */
  #onAgain(connection: Connection, socket: TLSSocket, { version, peer }: TlsConnectionInfo): void {
    if (version === 'TLSv1.3') return;
    const same = this.settings.allowRenegotiation && socket.getPeerX509Certificate()?.fingerprint256 === peer?.x509.fingerprint256;
    if (!same) connection.dispatch(() => connection.close('no-flush'));
  }

  #takeSession(name: string): KeptSession | null {
    const list = this.#sessions.get(name);
    return list === undefined ? null : list[list.length - 1]!;
  }

  #keepSession(name: string, session: KeptSession): void {
    const max = this.settings.maxSessionKeys;
    // One that was begun with certificates that have been replaced meanwhile is of no use.
    if (max === 0 || session.ready !== this.#ready) return;
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

/** The server's key signs; with the oldest ciphers secrets are encrypted with it. */
function signs({ version, cipher }: TlsConnectionInfo): boolean {
  return version === 'TLSv1.3' || cipher.startsWith('ECDHE-') || cipher.startsWith('DHE-');
}

/** What a handshake that is resumed does not show again is kept beside its session. */
interface KeptSession {
  readonly bytes: Buffer;
  readonly peer: Certificate | null;
  readonly peerValidated: boolean;
  readonly ready: Ready;
}

interface Ready {
  readonly context: SecureContext;
  readonly local: Certificate | null;
  readonly validator: Validator | null;
}

function prepare(common: CommonTlsSettings, allowRenegotiation: boolean): Ready {
  const own = common.certificates[0];
  return {
    context: clientContext(common, allowRenegotiation),
    local: own === undefined ? null : leafOf(own),
    validator: common.validation === null ? null : new Validator(common.validation, 'server'),
  };
}
