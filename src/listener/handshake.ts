/** A TLS handshake of an accepted connection: bounded in time, and noted where the connection's log looks. */
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import type { HandshakeListener } from '../tls/downstream-tls.ts';
import type { ActiveConnection } from './active-connection.ts';
import type { TcpListener } from './tcp-listener.ts';

export class Handshake implements HandshakeListener, TimerTarget {
  readonly #listener: TcpListener;
  readonly #active: ActiveConnection;
  readonly #timeout: Timer;

  /** @param timeoutMs transport_socket_connect_timeout; 0 = none */
  constructor(listener: TcpListener, active: ActiveConnection, timeoutMs: number) {
    this.#listener = listener;
    this.#active = active;
    this.#timeout = new Timer(this, 0);
    if (timeoutMs > 0) listener.clock.arm(this.#timeout, timeoutMs);
  }

  onHandshakeDone(): void {
    this.#disarm();
    const { info } = this.#active;
    // The name that the client asks for is known to whoever asks tls_inspector to look for it, as in Envoy.
    info.transportProtocol = 'tls';
  }

  onHandshakeFailed(reason: string): void {
    this.#disarm();
    this.#active.info.transportFailureReason = reason;
  }

  onTimer(): void {
    this.#listener.stats.transportSocketConnectTimeout.inc();
    this.#active.close('no-flush', 'transport socket timeout was reached');
  }

  #disarm(): void {
    if (this.#timeout.armed) this.#listener.clock.disarm(this.#timeout);
  }
}
