/** One upstream TCP connection for one downstream one, as tcp_proxy wants it. Envoy's TCP pool, without reuse: a used connection cannot be used again. */
import { ResetReason } from '../../http/reset-reason.ts';
import type { Host } from '../../lb/host.ts';
import type { Connection } from '../../net/connection.ts';
import type { CircuitBreaker } from '../../resilience/circuit-breaker.ts';
import { Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { TcpClient, TcpConnect } from '../api.ts';
import type { Metered } from './byte-meter.ts';
import type { ConnectAttempt, ConnectListener } from './connect.ts';
import type { PoolOwner } from './pool-owner.ts';
import type { ServerNames } from './server-names.ts';

/** The answer never comes from inside the constructor. */
export class TcpConnecting implements TcpConnect, ConnectListener, TimerTarget, Metered {
  readonly #host: Host;
  readonly #owner: PoolOwner;
  readonly #breaker: CircuitBreaker;
  readonly #startedMs: number;
  readonly #timer: Timer;
  #client: TcpClient | null;
  #attempt: ConnectAttempt | null;
  #connection: Connection | null;
  #rxCounted: number;
  #txCounted: number;
  /** Connections of the host that end with its health; null: this one does not. */
  #siblings: Set<TcpConnecting> | null;

  constructor(host: Host, priority: 0 | 1, owner: PoolOwner, client: TcpClient, names: ServerNames) {
    this.#host = host;
    this.#owner = owner;
    this.#breaker = owner.circuitBreaker(priority);
    this.#startedMs = owner.clock.nowMs();
    this.#timer = new Timer(this, 0);
    this.#client = client;
    this.#attempt = null;
    this.#connection = null;
    this.#rxCounted = 0;
    this.#txCounted = 0;
    this.#siblings = null;
    const stats = owner.stats;
    if (!this.#breaker.connections.tryInc()) {
      stats.upstreamCxOverflow.inc();
      this.#refuse();
      return;
    }
    if (!host.tryOpenConnection(owner.perHostMaxConnections)) {
      stats.upstreamCxOverflow.inc();
      this.#breaker.connections.dec();
      this.#refuse();
      return;
    }
    if (!this.#breaker.pendingRequests.tryInc()) {
      stats.upstreamRqPendingOverflow.inc();
      this.#breaker.connections.dec();
      host.connectionClosed();
      this.#refuse();
      return;
    }
    stats.upstreamRqPendingTotal.inc();
    stats.upstreamRqPendingActive.inc();
    host.requestQueued();
    stats.upstreamCxTotal.inc();
    stats.upstreamCxActive.inc();
    if (owner.connectTimeoutMs > 0) owner.clock.arm(this.#timer, owner.connectTimeoutMs);
    this.#attempt = owner.connectHost(host, this, names, []);
  }

  /** The connection ends with the host's health. */
  joinHost(host: { tcp: Set<TcpConnecting> | null }): void {
    host.tcp ??= new Set();
    this.#siblings = host.tcp;
    this.#siblings.add(this);
  }

  /** The host has become unhealthy. */
  close(): void {
    if (this.#connection !== null) this.#connection.close('no-flush');
    else if (this.#attempt !== null) {
      this.#attempt.abort();
      this.#fail(ResetReason.LocalConnectionFailure, '');
    }
  }

  cancel(): void {
    if (this.#client === null) return;
    this.#client = null;
    if (this.#attempt === null) return;
    this.#owner.stats.upstreamRqCancelled.inc();
    this.#attempt.abort();
    this.#leavePending();
    this.#closed(false);
  }

  onConnected(connection: Connection): void {
    const { stats, clock } = this.#owner;
    this.#leavePending();
    stats.upstreamCxConnectMs.record(clock.nowMs() - this.#startedMs);
    stats.upstreamRqTotal.inc();
    stats.upstreamRqActive.inc();
    this.#breaker.requests.inc();
    this.#host.requestStarted();
    this.#connection = connection;
    this.#owner.byteMeter.add(this);
    connection.handler = this.#client!.onTcpConnected(connection);
    this.#client = null;
    connection.socket.once('close', () => {
      stats.upstreamRqActive.dec();
      this.#breaker.requests.dec();
      this.#host.requestEnded();
      // Whoever sent FIN first ended it; our own close comes after the peer's FIN when that was forwarded.
      this.#closed(connection.readEnded || !connection.closing);
    });
  }

  onConnectFailed(reason: ResetReason, text: string): void {
    if (reason === ResetReason.LocalConnectionFailure) this.#owner.stats.bindErrors.inc();
    this.#fail(reason, text);
  }

  onTimer(): void {
    this.#owner.stats.upstreamCxConnectTimeout.inc();
    this.#attempt?.abort();
    this.#fail(ResetReason.ConnectionTimeout, '');
  }

  #fail(reason: ResetReason, text: string): void {
    const client = this.#client!;
    this.#client = null;
    this.#leavePending();
    this.#owner.stats.upstreamCxConnectFail.inc();
    this.#host.connectFailed();
    this.#owner.stats.upstreamRqPendingFailureEject.inc();
    this.#closed(reason === ResetReason.RemoteConnectionFailure);
    client.onTcpFailure(reason, text);
  }

  #leavePending(): void {
    this.#attempt = null;
    this.#owner.clock.disarm(this.#timer);
    this.#breaker.pendingRequests.dec();
    this.#host.requestUnqueued();
    this.#owner.stats.upstreamRqPendingActive.dec();
  }

  countBytes(): void {
    const connection = this.#connection!;
    const stats = this.#owner.stats;
    stats.upstreamCxRxBytesTotal.add(connection.bytesReceived - this.#rxCounted);
    stats.upstreamCxTxBytesTotal.add(connection.bytesSent - this.#txCounted);
    this.#rxCounted = connection.bytesReceived;
    this.#txCounted = connection.bytesSent;
  }

  #closed(remote: boolean): void {
    this.#owner.byteMeter.remove(this);
    this.#siblings?.delete(this);
    const stats = this.#owner.stats;
    stats.upstreamCxActive.dec();
    stats.upstreamCxDestroy.inc();
    (remote ? stats.upstreamCxDestroyRemote : stats.upstreamCxDestroyLocal).inc();
    if (this.#connection !== null) {
      // It never goes back to the pool: its one stream lasts until its end.
      stats.upstreamCxDestroyWithActiveRq.inc();
      (remote ? stats.upstreamCxDestroyRemoteWithActiveRq : stats.upstreamCxDestroyLocalWithActiveRq).inc();
    }
    stats.upstreamCxLengthMs.record(this.#owner.clock.nowMs() - this.#startedMs);
    this.#breaker.connections.dec();
    this.#host.connectionClosed();
  }

  #refuse(): void {
    queueMicrotask(() => {
      const client = this.#client;
      this.#client = null;
      client?.onTcpFailure(ResetReason.Overflow, '');
    });
  }
}
