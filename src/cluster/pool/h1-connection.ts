/** One upstream HTTP/1.1 connection of a pool, from connect to close. Carries one request at a time. */
import type { ClientCallbacks, ClientConnection, RequestEncoder } from '../../http/codec.ts';
import { ResetReason } from '../../http/reset-reason.ts';
import type { CloseEvent, Connection, ConnectionHandler } from '../../net/connection.ts';
import { Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { ConnectionTimes, PoolClient } from '../api.ts';
import type { Metered } from './byte-meter.ts';
import type { ConnectAttempt, ConnectListener } from './connect.ts';
import type { Http1Pool } from './h1-pool.ts';

export const State = {
  Connecting: 0,
  /** Idle, waits for a request. */
  Ready: 1,
  Busy: 2,
  /** Closes when its request is done. */
  Draining: 3,
  Closed: 4,
} as const;
export type State = (typeof State)[keyof typeof State];

export class Http1PoolConnection implements ConnectionHandler, ConnectListener, ClientCallbacks, TimerTarget, Metered, ConnectionTimes {
  readonly #pool: Http1Pool;
  readonly startedMs: number;
  /** -1 while it is not connected. */
  connectedMs: number;
  /** Connect timeout while connecting, max_connection_duration afterwards. */
  readonly #timer: Timer;
  state: State;
  connection: Connection | null;
  #codec: ClientConnection | null;
  #attempt: ConnectAttempt | null;
  /** A request is attached. */
  active: boolean;
  #requests: number;
  /** The stream ended while the codec was reading: what follows waits until it has returned. */
  #doneInRead: boolean;
  #reading: boolean;
  #reusable: boolean;
  /** The last request did not come to its regular end. */
  #incomplete: boolean;
  /** The peer ended the connection first. */
  #remoteEnded: boolean;
  #rxCounted: number;
  #txCounted: number;
  /** Clock time at which it became idle; -1 = it has carried no request yet. */
  idleSinceMs: number;
  /** Clock time at which it is closed if it is still idle. */
  idleDeadlineMs: number;
  /** What the peer's `Keep-Alive: timeout=N` leaves us, in ms; Infinity when it said nothing. */
  #peerIdleMs: number;

  constructor(pool: Http1Pool, startedMs: number) {
    this.#pool = pool;
    this.startedMs = startedMs;
    this.connectedMs = -1;
    this.#timer = new Timer(this, 0);
    this.state = State.Connecting;
    this.connection = null;
    this.#codec = null;
    this.#attempt = null;
    this.active = false;
    this.#requests = 0;
    this.#doneInRead = false;
    this.#reading = false;
    this.#reusable = false;
    this.#incomplete = false;
    this.#remoteEnded = false;
    this.#rxCounted = 0;
    this.#txCounted = 0;
    this.idleSinceMs = -1;
    this.idleDeadlineMs = Number.POSITIVE_INFINITY;
    this.#peerIdleMs = Number.POSITIVE_INFINITY;
  }

  /** It has carried a request. */
  get used(): boolean {
    return this.#requests > 0;
  }

  connect(): void {
    const owner = this.#pool.owner;
    if (owner.connectTimeoutMs > 0) owner.clock.arm(this.#timer, owner.connectTimeoutMs);
    owner.nameHttp1Stats();
    this.#attempt = owner.connectHost(this.#pool.host, this, this.#pool.names, this.#pool.alpn);
  }

  onConnected(connection: Connection): void {
    const owner = this.#pool.owner;
    this.#attempt = null;
    owner.clock.disarm(this.#timer);
    owner.stats.upstreamCxConnectMs.record(owner.clock.nowMs() - this.startedMs);
    if (this.#pool.givesAway(this, connection)) this.state = State.Closed;
    else this.begin(connection);
  }

  /** Speaks HTTP over what is connected. */
  begin(connection: Connection): void {
    const owner = this.#pool.owner;
    this.connectedMs = owner.clock.nowMs();
    this.connection = connection;
    connection.handler = this;
    this.#codec = owner.newHttp1Codec(connection, this);
    owner.byteMeter.add(this);
    if (owner.http.maxConnectionDurationMs > 0) owner.clock.arm(this.#timer, owner.http.maxConnectionDurationMs);
    this.#pool.onConnected(this);
  }

  onConnectFailed(reason: ResetReason, text: string): void {
    this.#attempt = null;
    if (reason === ResetReason.LocalConnectionFailure) this.#pool.owner.stats.bindErrors.inc();
    this.#connectFailed(reason, text);
  }

  onTimer(): void {
    const stats = this.#pool.owner.stats;
    if (this.state === State.Connecting) {
      stats.upstreamCxConnectTimeout.inc();
      this.#attempt?.abort();
      this.#attempt = null;
      this.#connectFailed(ResetReason.ConnectionTimeout, '');
      return;
    }
    stats.upstreamCxMaxDurationReached.inc();
    this.retire();
  }

  #connectFailed(reason: ResetReason, text: string): void {
    const pool = this.#pool;
    this.#release(reason === ResetReason.RemoteConnectionFailure);
    pool.owner.stats.upstreamCxConnectFail.inc();
    pool.host.connectFailed();
    pool.onConnectFailed(reason, text);
  }

  /** Hands the connection to `client`. The pool has counted the request. */
  attach(client: PoolClient): void {
    this.active = true;
    this.#requests++;
    this.#doneInRead = false;
    this.#reusable = false;
    const max = this.#pool.owner.http.maxRequestsPerConnection;
    if (max > 0 && this.#requests >= max) {
      this.#pool.owner.stats.upstreamCxMaxRequests.inc();
      this.state = State.Draining;
    } else this.state = State.Busy;
    const encoder: RequestEncoder = this.#codec!.newStream(client);
    client.onPoolReady(encoder, this.#pool.host, this.#requests === 1 ? this : null, this.idleSinceMs);
  }

  /** Gives up a connection that is not connected yet. */
  abandon(): void {
    this.#attempt?.abort();
    this.#attempt = null;
    this.#release(false);
  }

  /** No further request: closes now if idle, else after the one in flight. */
  retire(): void {
    if (this.state === State.Closed) return;
    if (this.active) this.state = State.Draining;
    else this.close();
  }

  close(): void {
    if (this.state === State.Closed) return;
    if (this.connection === null) this.abandon();
    else {
      const connection = this.connection;
      this.#release(this.#remoteEnded);
      connection.close('no-flush');
    }
  }

  // ConnectionHandler

  onData(chunk: Buffer): void {
    this.#reading = true;
    this.#codec!.onData(chunk);
    this.#reading = false;
    if (this.#doneInRead) this.#afterStream();
  }

  onEnd(): void {
    this.#remoteEnded = true;
    this.#reading = true;
    this.#codec!.onEnd();
    this.#reading = false;
    if (this.#doneInRead) this.#afterStream();
    // An upstream that has ended its side takes no further request (half-open upstreams are no use to HTTP/1).
    if (this.state !== State.Closed && !this.active) this.close();
  }

  onClose(event: CloseEvent): void {
    const wasActive = this.active;
    this.#codec!.onConnectionClosed();
    if (this.state === State.Closed) return;
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

  // ClientCallbacks

  onStreamDone(reusable: boolean, complete: boolean): void {
    if (!this.active) return;
    this.#endRequest();
    this.#incomplete = !complete;
    this.#reusable = reusable;
    if (this.#reading) this.#doneInRead = true;
    else this.#afterStream();
  }

  onGoAway(): void {
    this.retire();
  }

  onProtocolError(): void {
    this.#pool.owner.stats.upstreamCxProtocolError.inc();
  }

  /**
   * `Keep-Alive: timeout=N`: closed a second before the peer closes (half the time when it gives less than two), so that no request is
   * sent into a closing connection.
   */
  onKeepAliveTimeout(seconds: number): void {
    this.#peerIdleMs = Math.max(seconds / 2, seconds - 1) * 1000;
  }

  onCloseAnnounced(): void {
    this.#pool.owner.stats.upstreamCxCloseNotify.inc();
  }

  /** The time for which it may lie idle from now on. */
  get idleLimitMs(): number {
    const own = this.#pool.owner.http.idleTimeoutMs;
    return Math.min(own === 0 ? Number.POSITIVE_INFINITY : own, this.#peerIdleMs);
  }

  #afterStream(): void {
    this.#doneInRead = false;
    if (this.state === State.Closed) return;
    if (!this.#reusable || this.state === State.Draining || this.#remoteEnded || this.connection!.closing || this.idleLimitMs === 0) {
      this.close();
      this.#pool.onConnectionGone();
    } else this.#pool.onIdle(this);
  }

  #endRequest(): void {
    this.active = false;
    this.countBytes();
    this.#pool.onRequestEnded();
  }

  /** At the end of each request, and once a second while one goes on. */
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
  #release(remote: boolean, wasActive = this.active): void {
    const before = this.state;
    this.state = State.Closed;
    const { stats, clock } = this.#pool.owner;
    clock.disarm(this.#timer);
    stats.upstreamCxDestroy.inc();
    (remote ? stats.upstreamCxDestroyRemote : stats.upstreamCxDestroyLocal).inc();
    if (wasActive || this.#incomplete) {
      stats.upstreamCxDestroyWithActiveRq.inc();
      (remote ? stats.upstreamCxDestroyRemoteWithActiveRq : stats.upstreamCxDestroyLocalWithActiveRq).inc();
    }
    if (this.active) this.#endRequest();
    this.#pool.owner.byteMeter.remove(this);
    stats.upstreamCxLengthMs.record(clock.nowMs() - this.startedMs);
    if (this.connection !== null) stats.upstreamRqPerCx.record(this.#requests);
    this.#pool.forget(this, before);
  }
}
