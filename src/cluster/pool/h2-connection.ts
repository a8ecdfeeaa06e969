/** One upstream HTTP/2 connection of a pool, from connect to close. Carries many requests at a time. */
import type { Http2ClientCallbacks, Http2ClientConnection } from '../../http/h2/client-connection.ts';
import { ResetReason } from '../../http/reset-reason.ts';
import type { CloseEvent, Connection, ConnectionHandler } from '../../net/connection.ts';
import { Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { ConnectionTimes, PoolClient } from '../api.ts';
import type { Metered } from './byte-meter.ts';
import type { ConnectAttempt, ConnectListener } from './connect.ts';
import type { Http2Pool } from './h2-pool.ts';

/** Connect timeout while connecting, max_connection_duration afterwards. */
const TIMER_LIFE = 0;
const TIMER_IDLE = 1;

export class Http2PoolConnection
  implements ConnectionHandler, ConnectListener, Http2ClientCallbacks, TimerTarget, Metered, ConnectionTimes
{
  readonly #pool: Http2Pool;
  readonly startedMs: number;
  /** -1 while it is not connected. */
  connectedMs: number;
  connection: Connection | null;
  readonly #timer: Timer;
  readonly #idleTimer: Timer;
  #codec: Http2ClientConnection | null;
  #attempt: ConnectAttempt | null;
  #closed: boolean;
  /** It takes no further requests, and closes with its last one. */
  #draining: boolean;
  #requests: number;
  /** Streams that the pool has been told of, and not of their end. */
  #active: number;
  /** Streams ended while the codec was reading: what follows waits until it has returned. */
  #reading: boolean;
  #changedInRead: boolean;
  #remoteEnded: boolean;
  #rxCounted: number;
  #txCounted: number;

  constructor(pool: Http2Pool, startedMs: number) {
    this.#pool = pool;
    this.startedMs = startedMs;
    this.connectedMs = -1;
    this.connection = null;
    this.#timer = new Timer(this, TIMER_LIFE);
    this.#idleTimer = new Timer(this, TIMER_IDLE);
    this.#codec = null;
    this.#attempt = null;
    this.#closed = false;
    this.#draining = false;
    this.#requests = 0;
    this.#active = 0;
    this.#reading = false;
    this.#changedInRead = false;
    this.#remoteEnded = false;
    this.#rxCounted = 0;
    this.#txCounted = 0;
  }

  get connected(): boolean {
    return this.connection !== null;
  }

  get activeStreams(): number {
    return this.#active;
  }

  /** Further requests that it can take now. */
  get room(): number {
    const codec = this.#codec;
    if (codec === null || this.#draining || this.#closed || codec.connection.closing) return 0;
    return codec.maxStreams - this.#active;
  }

  connect(): void {
    const owner = this.#pool.owner;
    if (owner.connectTimeoutMs > 0) owner.clock.arm(this.#timer, owner.connectTimeoutMs);
    this.#attempt = owner.connectHost(this.#pool.host, this, this.#pool.names, this.#pool.alpn);
  }

  onConnected(connection: Connection): void {
    const owner = this.#pool.owner;
    this.#attempt = null;
    owner.clock.disarm(this.#timer);
    owner.stats.upstreamCxConnectMs.record(owner.clock.nowMs() - this.startedMs);
    if (this.#pool.givesAway(this, connection)) this.#closed = true;
    else this.begin(connection);
  }

  /** Speaks HTTP over what is connected. */
  begin(connection: Connection): void {
    const owner = this.#pool.owner;
    this.connectedMs = owner.clock.nowMs();
    this.connection = connection;
    connection.handler = this;
    this.#codec = owner.newHttp2Codec(connection, this);
    owner.byteMeter.add(this);
    if (owner.http.maxConnectionDurationMs > 0) owner.clock.arm(this.#timer, owner.http.maxConnectionDurationMs);
    this.#pool.onConnected(this);
    if (this.#active === 0) this.#watchIdle();
  }

  onConnectFailed(reason: ResetReason, text: string): void {
    this.#attempt = null;
    if (reason === ResetReason.LocalConnectionFailure) this.#pool.owner.stats.bindErrors.inc();
    this.#connectFailed(reason, text);
  }

  onTimer(timer: Timer): void {
    const stats = this.#pool.owner.stats;
    if (timer.kind === TIMER_IDLE) {
      if (this.#active > 0 || this.#closed) return;
      stats.upstreamCxIdleTimeout.inc();
      this.close();
      this.#pool.onConnectionGone();
      return;
    }
    if (this.connection === null) {
      stats.upstreamCxConnectTimeout.inc();
      this.#attempt?.abort();
      this.#attempt = null;
      this.#connectFailed(ResetReason.ConnectionTimeout, '');
      return;
    }
    stats.upstreamCxMaxDurationReached.inc();
    this.retire();
    this.#pool.onConnectionGone();
  }

  #connectFailed(reason: ResetReason, text: string): void {
    const pool = this.#pool;
    this.#release(reason === ResetReason.RemoteConnectionFailure);
    pool.owner.stats.upstreamCxConnectFail.inc();
    pool.host.connectFailed();
    pool.onConnectFailed(reason, text);
  }

  /** Gives `client` a stream. The pool has counted the request. */
  attach(client: PoolClient): void {
    const owner = this.#pool.owner;
    this.#active++;
    this.#requests++;
    const max = owner.http.maxRequestsPerConnection;
    if (max > 0 && this.#requests >= max) {
      owner.stats.upstreamCxMaxRequests.inc();
      this.#draining = true;
    }
    if (this.#idleTimer.armed) owner.clock.disarm(this.#idleTimer);
    client.onPoolReady(this.#codec!.newStream(client), this.#pool.host, this.#requests === 1 ? this : null);
  }

  /** No further request: closes now if idle, else after those in flight. */
  retire(): void {
    if (this.#closed) return;
    this.#draining = true;
    if (this.#active === 0) this.close();
  }

  close(): void {
    if (this.#closed) return;
    const connection = this.connection;
    if (connection === null) {
      this.#attempt?.abort();
      this.#attempt = null;
      this.#release(false);
      return;
    }
    this.#release(this.#remoteEnded);
    connection.close('flush');
  }

  // ConnectionHandler

  onData(chunk: Buffer): void {
    this.#reading = true;
    this.#codec!.onData(chunk);
    this.#reading = false;
    if (this.#changedInRead) this.#afterChange();
  }

  onEnd(): void {
    this.#remoteEnded = true;
    this.#draining = true;
    // A peer that has ended its side answers no stream any more.
    this.connection!.close('flush');
  }

  onClose(event: CloseEvent): void {
    const wasActive = this.#active > 0;
    this.#reading = true;
    this.#codec!.onConnectionClosed();
    this.#reading = false;
    if (this.#closed) return;
    this.#release(this.#remoteEnded || event.origin === 'remote', wasActive);
    this.#pool.onConnectionGone();
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#pool.owner.stats.upstreamFlowControlBackedUp.inc();
    this.#codec!.onAboveWriteBufferHighWatermark();
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#pool.owner.stats.upstreamFlowControlDrained.inc();
    this.#codec!.onBelowWriteBufferLowWatermark();
  }

  // Http2ClientCallbacks

  onStreamClosed(reset: ResetReason | -1): void {
    this.#active--;
    const stats = this.#pool.owner.stats;
    if (reset === ResetReason.LocalReset) stats.upstreamRqTxReset.inc();
    else if (reset === ResetReason.RemoteReset) stats.upstreamRqRxReset.inc();
    // So Envoy counts what its connection pool loses with a connection.
    else if (reset === ResetReason.ConnectionTermination) stats.upstreamRqPendingFailureEject.inc();
    this.countBytes();
    this.#pool.onRequestEnded();
    this.#changed();
  }

  onGoAway(): void {
    this.#pool.owner.stats.upstreamCxCloseNotify.inc();
    this.#draining = true;
    this.#changed();
  }

  onMaxStreamsChanged(): void {
    this.#changed();
  }

  onProtocolError(): void {
    this.#pool.owner.stats.upstreamCxProtocolError.inc();
    this.#draining = true;
  }

  #changed(): void {
    if (this.#reading) this.#changedInRead = true;
    else this.#afterChange();
  }

  #afterChange(): void {
    this.#changedInRead = false;
    if (this.#closed || this.connection!.closing) return;
    if (this.#active === 0) {
      if (this.#draining) {
        this.close();
        this.#pool.onConnectionGone();
        return;
      }
      this.#watchIdle();
    }
    this.#pool.onRoom(this);
  }

  #watchIdle(): void {
    const idleMs = this.#pool.owner.http.idleTimeoutMs;
    if (idleMs > 0 && !this.#closed) this.#pool.owner.clock.arm(this.#idleTimer, idleMs);
  }

  /** At the end of each request, and once a second while some go on. */
  countBytes(): void {
    const connection = this.connection;
    if (connection === null) return;
    const stats = this.#pool.owner.stats;
    stats.upstreamCxRxBytesTotal.add(connection.bytesReceived - this.#rxCounted);
    stats.upstreamCxTxBytesTotal.add(connection.bytesSent - this.#txCounted);
    this.#rxCounted = connection.bytesReceived;
    this.#txCounted = connection.bytesSent;
  }

  /** Leaves the pool and gives back what it held. */
  #release(remote: boolean, wasActive = this.#active > 0): void {
    const wasConnecting = this.connection === null;
    this.#closed = true;
    const { stats, clock } = this.#pool.owner;
    clock.disarm(this.#timer);
    clock.disarm(this.#idleTimer);
    stats.upstreamCxDestroy.inc();
    (remote ? stats.upstreamCxDestroyRemote : stats.upstreamCxDestroyLocal).inc();
    if (wasActive) {
      stats.upstreamCxDestroyWithActiveRq.inc();
      (remote ? stats.upstreamCxDestroyRemoteWithActiveRq : stats.upstreamCxDestroyLocalWithActiveRq).inc();
    }
    this.countBytes();
    this.#pool.owner.byteMeter.remove(this);
    stats.upstreamCxLengthMs.record(clock.nowMs() - this.startedMs);
    if (!wasConnecting) stats.upstreamRqPerCx.record(this.#requests);
    this.#pool.forget(this, wasConnecting);
  }
}
