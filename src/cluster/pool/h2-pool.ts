/**
 * HTTP/2 connections to one host. Requests share a connection up to the streams that both sides allow; another is opened only when they do
 * not fit, and one that is going away takes no more. Rules: Envoy's ConnPoolImplBase with a concurrency above one.
 */
import { ResetReason } from '../../http/reset-reason.ts';
import type { Host } from '../../lb/host.ts';
import type { Connection } from '../../net/connection.ts';
import type { PoolClient } from '../api.ts';
import { Admission, remove } from './admission.ts';
import { Http2PoolConnection } from './h2-connection.ts';
import type { ClusterPool, PoolOwner, ProtocolChoice } from './pool-owner.ts';
import { NO_NAMES, type ServerNames } from './server-names.ts';
import { type StreamCounts, wantsAhead } from './stream-counts.ts';

/** Envoy's bound on connections opened ahead per event. */
const MAX_PRECONNECTS_PER_TRIGGER = 3;

/** What a handshake asks for, as in Envoy. */
const HTTP2: readonly string[] = ['h2'];

export class Http2Pool implements ClusterPool {
  readonly host: Host;
  readonly names: ServerNames;
  readonly owner: PoolOwner;
  /** Offered in handshakes. */
  readonly alpn: readonly string[];
  /** Set after construction, where handshakes decide. */
  choice: ProtocolChoice | null;
  readonly #admission: Admission;
  /** Told when nothing is left: no connection, no request. */
  readonly #onEmpty: (pool: Http2Pool) => void;
  /** All of them, the oldest first. */
  readonly #connections: Http2PoolConnection[];
  #connecting: number;
  #draining: boolean;
  #reportedEmpty: boolean;

  constructor(
    host: Host,
    priority: 0 | 1,
    owner: PoolOwner,
    onEmpty: (pool: Http2Pool) => void,
    names: ServerNames = NO_NAMES,
    alpn: readonly string[] = HTTP2,
  ) {
    this.host = host;
    this.names = names;
    this.owner = owner;
    this.alpn = alpn;
    this.choice = null;
    this.#admission = new Admission(host, priority, owner);
    this.#onEmpty = onEmpty;
    this.#connections = [];
    this.#connecting = 0;
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
    const connections = this.#connections;
    for (let i = 0; i < connections.length; i++) {
      const connection = connections[i]!;
      if (connection.room <= 0) continue;
      if (!this.#tryAttach(connection, client)) client.onPoolFailure(ResetReason.Overflow, '', this.host);
      else if (this.owner.preconnectRatio > 1) this.#openConnections();
      return;
    }
    if (this.#admission.tryQueue(client, this.#connecting === 0)) this.#openConnections();
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
    for (const connection of this.#connections.slice()) if (connection.connected) connection.retire();
    if (this.#admission.waiting > 0) this.#openConnections();
    this.#checkEmpty();
  }

  close(): void {
    this.#draining = true;
    this.#admission.failWaiting(ResetReason.LocalConnectionFailure, '');
    for (const connection of this.#connections.slice()) connection.close();
    this.#checkEmpty();
  }

  countStreams(sum: StreamCounts): void {
    sum.pending += this.#admission.waiting;
    sum.active += this.#admission.activeRequests;
    sum.spare += this.#spare;
  }

  preconnect(ratio: number): boolean {
    const { host } = this;
    // One that may not be picked much longer is not asked for more.
    if (host.unhealthy || host.degraded) return this.#admission.waiting > this.#connecting * this.#streamsEach && this.#openConnection();
    const own: StreamCounts = { pending: 0, active: 0, spare: 0 };
    this.countStreams(own);
    return wantsAhead(own, ratio) && this.#openConnection();
  }

  // Called by the pool's connections.

  /** @returns true: `socket` has agreed on the other protocol, and `from` is of no use any more */
  givesAway(from: Http2PoolConnection, socket: Connection): boolean {
    if (this.choice === null) return false;
    if (this.choice.agreedOnHttp2(socket) === true) {
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
    const connection = new Http2PoolConnection(this, startedMs);
    this.#connections.push(connection);
    this.#connecting++;
    connection.begin(socket);
    if (this.#admission.waiting > 0) this.#openConnections();
  }

  onConnected(connection: Http2PoolConnection): void {
    this.#connecting--;
    this.onRoom(connection);
  }

  /** `connection` may carry a request, or has become idle. */
  onRoom(connection: Http2PoolConnection): void {
    while (this.#admission.waiting > 0 && connection.room > 0) {
      const next = this.#admission.next()!;
      if (!this.#tryAttach(connection, next)) next.onPoolFailure(ResetReason.Overflow, '', this.host);
    }
    if (this.#admission.waiting > 0) this.#openConnections();
    if (this.#draining && connection.activeStreams === 0) connection.close();
    this.#checkEmpty();
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

  /** `connection` is closed. */
  forget(connection: Http2PoolConnection, wasConnecting: boolean): void {
    if (wasConnecting) this.#connecting--;
    remove(this.#connections, connection);
    this.#admission.onConnectionClosed();
  }

  /** False when the cluster has max_requests in flight. */
  #tryAttach(connection: Http2PoolConnection, client: PoolClient): boolean {
    if (!this.#admission.tryStart()) return false;
    connection.attach(client);
    return true;
  }

  /** One that is on its way is taken to have room for as many streams as the configuration allows. */
  get #streamsEach(): number {
    const streams = this.owner.http.http2!.maxConcurrentStreams;
    const perConnection = this.owner.http.maxRequestsPerConnection;
    return perConnection > 0 ? Math.min(streams, perConnection) : streams;
  }

  get #spare(): number {
    let spare = this.#connecting * this.#streamsEach;
    for (let i = 0; i < this.#connections.length; i++) spare += Math.max(this.#connections[i]!.room, 0);
    return spare;
  }

  #openConnections(): void {
    const each = this.#streamsEach;
    const ratio = this.owner.preconnectRatio;
    // A host that may not be picked much longer is not asked for more.
    if (ratio <= 1 || this.host.unhealthy || this.host.degraded) {
      while (this.#admission.waiting > this.#connecting * each) if (!this.#openConnection()) return;
      return;
    }
    const active = this.#admission.activeRequests;
    for (let i = 0; i < MAX_PRECONNECTS_PER_TRIGGER; i++) {
      if ((this.#admission.waiting + active) * ratio <= this.#spare + active || !this.#openConnection()) return;
    }
  }

  #openConnection(): boolean {
    if (!this.#admission.tryOpenConnection(this.#connections.length === 0)) return false;
    if (this.choice === null) this.owner.stats.upstreamCxHttp2Total.inc();
    const connection = new Http2PoolConnection(this, this.owner.clock.nowMs());
    this.#reportedEmpty = false;
    this.#connections.push(connection);
    this.#connecting++;
    connection.connect();
    return true;
  }

  /** Envoy counts a connection once more when it knows what is spoken. */
  #countProtocol(): void {
    this.owner.stats.upstreamCxTotal.inc();
    this.owner.stats.upstreamCxHttp2Total.inc();
  }

  #checkEmpty(): void {
    if (this.#reportedEmpty || this.#connections.length > 0 || this.#admission.waiting > 0) return;
    this.#reportedEmpty = true;
    this.#onEmpty(this);
  }
}
