/**
 * HTTP/1.1 connections to one host. A request takes the connection used last, or waits in order of arrival; a connection is opened when
 * more requests wait than connections are on their way. Rules: Envoy's ConnPoolImplBase.
 */
import { ResetReason } from '../../http/reset-reason.ts';
import type { Host } from '../../lb/host.ts';
import type { Connection } from '../../net/connection.ts';
import { Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { PoolClient } from '../api.ts';
import { Admission, remove } from './admission.ts';
import { Http1PoolConnection, State } from './h1-connection.ts';
import type { ClusterPool, PoolOwner, ProtocolChoice } from './pool-owner.ts';
import { NO_NAMES, type ServerNames } from './server-names.ts';
import { type StreamCounts, wantsAhead } from './stream-counts.ts';

/** Connections opened at most per event; Envoy's bound. */
const MAX_CONNECTS_PER_TRIGGER = 3;

/** What a handshake asks for, as in Envoy. */
const HTTP1: readonly string[] = ['http/1.1'];

export class Http1Pool implements ClusterPool, TimerTarget {
  readonly host: Host;
  readonly names: ServerNames;
  readonly owner: PoolOwner;
  /** Offered in handshakes. */
  readonly alpn: readonly string[];
  /** Set after construction, where handshakes decide. */
  choice: ProtocolChoice | null;
  readonly #admission: Admission;
  /** Told when nothing is left: no connection, no request. */
  readonly #onEmpty: (pool: Http1Pool) => void;
  /** Idle connections, the one used last at the end. */
  readonly #ready: Http1PoolConnection[];
  readonly #connections: Http1PoolConnection[];
  #connecting: number;
  readonly #idleTimer: Timer;
  #idleTimerDueMs: number;
  #draining: boolean;
  #reportedEmpty: boolean;

  constructor(
    host: Host,
    priority: 0 | 1,
    owner: PoolOwner,
    onEmpty: (pool: Http1Pool) => void,
    names: ServerNames = NO_NAMES,
    alpn: readonly string[] = HTTP1,
  ) {
    this.host = host;
    this.names = names;
    this.owner = owner;
    this.alpn = alpn;
    this.choice = null;
    this.#admission = new Admission(host, priority, owner);
    this.#onEmpty = onEmpty;
    this.#ready = [];
    this.#connections = [];
    this.#connecting = 0;
    this.#idleTimer = new Timer(this, 0);
    this.#idleTimerDueMs = Number.POSITIVE_INFINITY;
    this.#draining = false;
    this.#reportedEmpty = false;
  }

  /** Neither requests in flight nor waiting. */
  get idle(): boolean {
    return this.#admission.activeRequests === 0 && this.#admission.waiting === 0;
  }

  /** Neither requests nor connections. */
  get empty(): boolean {
    return this.#connections.length === 0 && this.#admission.waiting === 0;
  }

  acquire(client: PoolClient): void {
    const ready = this.#ready.pop();
    if (ready !== undefined) {
      if (this.#tryAttach(ready, client)) {
        if (this.owner.preconnectRatio > 1) this.#openConnections();
        return;
      }
      this.#ready.push(ready);
      client.onPoolFailure(ResetReason.Overflow, '', this.host);
      return;
    }
    if (this.#admission.tryQueue(client, this.#admission.waiting >= this.#connecting)) this.#openConnections();
  }

  cancel(client: PoolClient): void {
    if (this.#admission.cancel(client)) this.#checkEmpty();
  }

  drain(): void {
    this.#draining = true;
    this.drainConnections();
    this.#checkEmpty();
  }

  /** Present connections take no further requests; new ones may be opened. */
  drainConnections(): void {
    for (const connection of this.#connections.slice()) if (connection.state !== State.Connecting) connection.retire();
    if (this.#admission.waiting > 0) this.#openConnections();
    this.#checkEmpty();
  }

  close(): void {
    this.#draining = true;
    this.#admission.failWaiting(ResetReason.LocalConnectionFailure, '');
    for (const connection of this.#connections.slice()) connection.close();
    this.#checkEmpty();
  }

  closeIdle(sinceMs: number): void {
    for (const connection of this.#ready.slice()) if (connection.idleSinceMs >= 0 && connection.idleSinceMs <= sinceMs) connection.close();
  }

  countStreams(sum: StreamCounts): void {
    sum.pending += this.#admission.waiting;
    sum.active += this.#admission.activeRequests;
    sum.spare += this.#connecting + this.#ready.length;
  }

  preconnect(ratio: number): boolean {
    const { host } = this;
    // One that may not be picked much longer is not asked for more.
    if (host.unhealthy || host.degraded) return this.#admission.waiting > this.#connecting && this.#openConnection();
    const own: StreamCounts = { pending: 0, active: 0, spare: 0 };
    this.countStreams(own);
    return wantsAhead(own, ratio) && this.#openConnection();
  }

  // Called by the pool's connections.

  /** @returns true: `socket` has agreed on the other protocol, and `from` is of no use any more */
  givesAway(from: Http1PoolConnection, socket: Connection): boolean {
    if (this.choice === null) return false;
    if (this.choice.agreedOnHttp2(socket) === false) {
      this.#countProtocol();
      return false;
    }
    this.#connecting--;
    remove(this.#connections, from);
    this.choice.changePool(socket, from.startedMs, this.#admission.giveAwayWaiting());
    return true;
  }

  /** What the pool of the other protocol gives away; all of it is counted already, but for the protocol. */
  adopt(socket: Connection, startedMs: number, pending: readonly PoolClient[]): void {
    this.#reportedEmpty = false;
    this.#admission.adoptWaiting(pending);
    this.#countProtocol();
    const connection = new Http1PoolConnection(this, startedMs);
    this.#connections.push(connection);
    this.#connecting++;
    connection.begin(socket);
    if (this.#admission.waiting > 0) this.#openConnections();
  }

  onConnected(connection: Http1PoolConnection): void {
    this.#connecting--;
    this.onIdle(connection);
  }

  /** `connection` can carry a request. */
  onIdle(connection: Http1PoolConnection): void {
    for (let next = this.#admission.next(); next !== undefined; next = this.#admission.next()) {
      if (this.#tryAttach(connection, next)) return;
      next.onPoolFailure(ResetReason.Overflow, '', this.host);
      if (connection.state === State.Closed) return;
    }
    if (this.#draining) {
      connection.close();
      this.#checkEmpty();
      return;
    }
    connection.state = State.Ready;
    this.#ready.push(connection);
    this.#watchIdle(connection);
  }

  onConnectFailed(reason: ResetReason, text: string): void {
    this.#admission.failWaiting(reason, text);
    if (this.#admission.waiting > 0) this.#openConnections();
    this.#checkEmpty();
  }

  onConnectionGone(): void {
    if (this.#admission.waiting > 0 || (this.owner.preconnectRatio > 1 && !this.#draining)) this.#openConnections();
    this.#checkEmpty();
  }

  onRequestEnded(): void {
    this.#admission.onRequestEnded();
  }

  /** `connection` is closed. @param before the state it was in */
  forget(connection: Http1PoolConnection, before: State): void {
    if (before === State.Connecting) this.#connecting--;
    else if (before === State.Ready) remove(this.#ready, connection);
    remove(this.#connections, connection);
    this.#admission.onConnectionClosed();
  }

  onTimer(): void {
    this.#idleTimerDueMs = Number.POSITIVE_INFINITY;
    const now = this.owner.clock.nowMs();
    for (const connection of this.#ready.slice()) {
      if (connection.idleDeadlineMs > now) continue;
      this.owner.stats.upstreamCxIdleTimeout.inc();
      connection.close();
    }
    for (const connection of this.#ready) this.#armIdle(connection.idleDeadlineMs, now);
    this.#checkEmpty();
  }

  /** False when the cluster has max_requests in flight. */
  #tryAttach(connection: Http1PoolConnection, client: PoolClient): boolean {
    if (!this.#admission.tryStart()) return false;
    connection.attach(client);
    return true;
  }

  #openConnections(): void {
    for (let i = 0; i < MAX_CONNECTS_PER_TRIGGER; i++) {
      if (!this.#wantsConnection() || !this.#openConnection()) return;
    }
  }

  #wantsConnection(): boolean {
    const ratio = this.owner.preconnectRatio;
    // A host that may not be picked much longer is not asked for more.
    if (ratio <= 1 || this.host.unhealthy || this.host.degraded) return this.#admission.waiting > this.#connecting;
    const active = this.#admission.activeRequests;
    return (this.#admission.waiting + active) * ratio > this.#connecting + this.#ready.length + active;
  }

  #openConnection(): boolean {
    if (!this.#admission.tryOpenConnection(this.#connections.length === 0)) return false;
    if (this.choice === null) this.owner.stats.upstreamCxHttp1Total.inc();
    const connection = new Http1PoolConnection(this, this.owner.clock.nowMs());
    this.#reportedEmpty = false;
    this.#connections.push(connection);
    this.#connecting++;
    connection.connect();
    return true;
  }

  /** Envoy counts a connection once more when it knows what is spoken. */
  #countProtocol(): void {
    this.owner.stats.upstreamCxTotal.inc();
    this.owner.stats.upstreamCxHttp1Total.inc();
  }

  #watchIdle(connection: Http1PoolConnection): void {
    const limit = connection.idleLimitMs;
    const now = this.owner.clock.nowMs();
    if (connection.used) connection.idleSinceMs = now;
    connection.idleDeadlineMs = now + limit;
    if (limit !== Number.POSITIVE_INFINITY) this.#armIdle(connection.idleDeadlineMs, now);
  }

  /** One timer for all idle connections, due when the first of them is. It is not taken back when a connection gets to work. */
  #armIdle(deadlineMs: number, nowMs: number): void {
    if (deadlineMs >= this.#idleTimerDueMs) return;
    this.#idleTimerDueMs = deadlineMs;
    this.owner.clock.arm(this.#idleTimer, deadlineMs - nowMs);
  }

  #checkEmpty(): void {
    if (this.#reportedEmpty || this.#connections.length > 0 || this.#admission.waiting > 0) return;
    this.#reportedEmpty = true;
    this.owner.clock.disarm(this.#idleTimer);
    this.#onEmpty(this);
  }
}
