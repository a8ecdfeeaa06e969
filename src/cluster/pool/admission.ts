/**
 * Which requests and connections a pool may have: those that wait, the cluster's circuit breaker and the host's limits, and the statistics of
 * all three. The same for every protocol; the pool decides which connection takes a request. Rules: Envoy's ConnPoolImplBase.
 */
import { ResetReason } from '../../http/reset-reason.ts';
import type { Host } from '../../lb/host.ts';
import type { CircuitBreaker } from '../../resilience/circuit-breaker.ts';
import { Overload } from '../../runtime/overload.ts';
import type { PoolClient } from '../api.ts';
import type { PoolOwner } from './pool-owner.ts';

export class Admission {
  readonly #host: Host;
  readonly #owner: PoolOwner;
  readonly #breaker: CircuitBreaker;
  /** Requests that wait, the oldest first. */
  readonly #pending: PoolClient[];
  /** Requests that a failed connect is about to fail. */
  readonly #failing: PoolClient[];
  /** Requests on connections. */
  activeRequests: number;

  constructor(host: Host, priority: 0 | 1, owner: PoolOwner) {
    this.#host = host;
    this.#owner = owner;
    this.#breaker = owner.circuitBreaker(priority);
    this.#pending = [];
    this.#failing = [];
    this.activeRequests = 0;
  }

  get waiting(): number {
    return this.#pending.length;
  }

  /** Counts a request that begins on a connection. @returns false when the cluster has max_requests in flight */
  tryStart(): boolean {
    const stats = this.#owner.stats;
    if (!this.#breaker.requests.tryInc()) {
      stats.upstreamRqActiveOverflow.inc();
      return false;
    }
    this.activeRequests++;
    this.#host.requestStarted();
    stats.upstreamRqTotal.inc();
    stats.upstreamRqActive.inc();
    return true;
  }

  onRequestEnded(): void {
    this.activeRequests--;
    this.#host.requestEnded();
    this.#owner.stats.upstreamRqActive.dec();
    this.#breaker.requests.dec();
  }

  /**
   * Lets `client` wait, or fails it.
   * @param needsConnection no connection on its way will have room for it
   */
  tryQueue(client: PoolClient, needsConnection: boolean): boolean {
    const { stats, overload } = this.#owner;
    if (!this.#breaker.pendingRequests.tryInc()) {
      stats.upstreamRqPendingOverflow.inc();
      client.onPoolFailure(ResetReason.Overflow, '', null);
      return false;
    }
    stats.upstreamRqPendingTotal.inc();
    stats.upstreamRqPendingActive.inc();
    this.#host.requestQueued();
    if (overload.any && needsConnection && overload.shed(Overload.NewUpstreamConnection)) {
      this.#leftQueue();
      stats.upstreamRqCancelled.inc();
      client.onPoolFailure(ResetReason.Overflow, '', null);
      return false;
    }
    this.#pending.push(client);
    return true;
  }

  /** The request that has waited longest; it waits no more. */
  next(): PoolClient | undefined {
    const client = this.#pending.shift();
    if (client !== undefined) this.#leftQueue();
    return client;
  }

  /** @returns whether `client` was waiting */
  cancel(client: PoolClient): boolean {
    if (!remove(this.#pending, client)) {
      remove(this.#failing, client);
      return false;
    }
    this.#leftQueue();
    this.#owner.stats.upstreamRqCancelled.inc();
    return true;
  }

  failWaiting(reason: ResetReason, text: string): void {
    // Those who wait now; one that comes back for another try is not failed with them.
    for (let client = this.next(); client !== undefined; client = this.next()) this.#failing.push(client);
    for (let client = this.#failing.shift(); client !== undefined; client = this.#failing.shift()) {
      this.#owner.stats.upstreamRqPendingFailureEject.inc();
      client.onPoolFailure(reason, text, this.#host);
    }
  }

  /** Takes those who wait out of here, for another pool of this host: they stay counted. */
  giveAwayWaiting(): PoolClient[] {
    return this.#pending.splice(0);
  }

  adoptWaiting(clients: readonly PoolClient[]): void {
    for (const client of clients) this.#pending.push(client);
  }

  /**
   * Counts a connection that is going to be opened.
   * @param first the host has none: it always gets one, since nothing else would ever serve its requests
   */
  tryOpenConnection(first: boolean): boolean {
    const stats = this.#owner.stats;
    const connections = this.#breaker.connections;
    if (!connections.tryInc()) {
      stats.upstreamCxOverflow.inc();
      if (!first) return false;
      connections.inc();
      this.#host.connectionOpened();
    } else if (!this.#host.tryOpenConnection(this.#owner.perHostMaxConnections)) {
      stats.upstreamCxOverflow.inc();
      if (!first) {
        connections.dec();
        return false;
      }
      this.#host.connectionOpened();
    }
    stats.upstreamCxTotal.inc();
    stats.upstreamCxActive.inc();
    return true;
  }

  onConnectionClosed(): void {
    this.#host.connectionClosed();
    this.#owner.stats.upstreamCxActive.dec();
    this.#breaker.connections.dec();
  }

  #leftQueue(): void {
    this.#breaker.pendingRequests.dec();
    this.#host.requestUnqueued();
    this.#owner.stats.upstreamRqPendingActive.dec();
  }
}

/** @returns whether `item` was in `list`, of which it is taken out */
export function remove<T>(list: T[], item: T): boolean {
  const i = list.lastIndexOf(item);
  if (i < 0) return false;
  list.splice(i, 1);
  return true;
}
