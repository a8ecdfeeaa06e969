/** TLS over a socket that has been opened: a connection counts as connected when its handshake is over. */
import { ResetReason } from '../../http/reset-reason.ts';
import type { HostAddress } from '../../lb/host.ts';
import type { Connection } from '../../net/connection.ts';
import type { HandshakeListener } from '../../tls/downstream-tls.ts';
import type { UpstreamTls } from '../../tls/upstream-tls.ts';
import type { ConnectAttempt, ConnectListener, ConnectOptions, Connector } from './connect.ts';
import type { ServerNames } from './server-names.ts';

export interface SecureOptions {
  readonly tls: UpstreamTls;
  /** `sni` is sent instead of the configured name. */
  readonly names: ServerNames;
  /** Offered unless the context names protocols; empty = none. */
  readonly alpn: readonly string[];
}

export class SecureAttempt implements ConnectAttempt, ConnectListener, HandshakeListener {
  readonly #secure: SecureOptions;
  readonly #listener: ConnectListener;
  readonly #attempt: ConnectAttempt;
  #connection: Connection | null;
  #settled: boolean;

  constructor(connect: Connector, target: HostAddress, options: ConnectOptions, secure: SecureOptions, listener: ConnectListener) {
    this.#secure = secure;
    this.#listener = listener;
    this.#connection = null;
    this.#settled = false;
    this.#attempt = connect(target, options, this);
  }

  abort(): void {
    this.#settled = true;
    if (this.#connection === null) this.#attempt.abort();
    else this.#connection.close('no-flush');
  }

  onConnected(connection: Connection): void {
    this.#connection = connection;
    const { tls, names, alpn } = this.#secure;
    connection.tls = tls.start(connection, names.sni, names.san, alpn, this);
  }

  onConnectFailed(reason: ResetReason, text: string): void {
    this.#listener.onConnectFailed(reason, text);
  }

  onHandshakeDone(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#listener.onConnected(this.#connection!);
  }

  onHandshakeFailed(reason: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#listener.onConnectFailed(ResetReason.RemoteConnectionFailure, reason);
  }
}
