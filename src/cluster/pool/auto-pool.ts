/**
 * Connections to one host, each of which speaks what its handshake agrees on: HTTP/2 or HTTP/1.1. As nothing is known before, connections
 * are opened as for HTTP/1.1. Source: HttpProtocolOptions.auto_config, Envoy's HttpConnPoolImplMixed.
 */
import type { Host } from '../../lb/host.ts';
import type { Connection } from '../../net/connection.ts';
import type { PoolClient } from '../api.ts';
import { Http1Pool } from './h1-pool.ts';
import { Http2Pool } from './h2-pool.ts';
import type { ClusterPool, PoolOwner, ProtocolChoice } from './pool-owner.ts';
import { NO_NAMES, type ServerNames } from './server-names.ts';
import type { StreamCounts } from './stream-counts.ts';

const EITHER: readonly string[] = ['h2', 'http/1.1'];

export class AutoPool implements ClusterPool, ProtocolChoice {
  readonly host: Host;
  readonly #http1: Http1Pool;
  readonly #http2: Http2Pool;
  /** What the last handshake was for: requests go there. */
  #speaksHttp2: boolean;

  constructor(host: Host, priority: 0 | 1, owner: PoolOwner, onEmpty: (pool: AutoPool) => void, names: ServerNames = NO_NAMES) {
    const onOneEmpty = (): void => {
      if (this.#http1.empty && this.#http2.empty) onEmpty(this);
    };
    this.host = host;
    this.#http1 = new Http1Pool(host, priority, owner, onOneEmpty, names, EITHER);
    this.#http2 = new Http2Pool(host, priority, owner, onOneEmpty, names, EITHER);
    this.#http1.choice = this;
    this.#http2.choice = this;
    this.#speaksHttp2 = false;
  }

  get idle(): boolean {
    return this.#http1.idle && this.#http2.idle;
  }

  acquire(client: PoolClient): void {
    if (this.#speaksHttp2) this.#http2.acquire(client);
    else this.#http1.acquire(client);
  }

  cancel(client: PoolClient): void {
    // It may have changed from one to the other; where it does not wait, nothing happens.
    this.#http1.cancel(client);
    this.#http2.cancel(client);
  }

  drain(): void {
    this.#http1.drain();
    this.#http2.drain();
  }

  drainConnections(): void {
    this.#http1.drainConnections();
    this.#http2.drainConnections();
  }

  countStreams(sum: StreamCounts): void {
    this.#http1.countStreams(sum);
    this.#http2.countStreams(sum);
  }

  preconnect(ratio: number): boolean {
    return this.#speaksHttp2 ? this.#http2.preconnect(ratio) : this.#http1.preconnect(ratio);
  }

  close(): void {
    this.#http1.close();
    this.#http2.close();
  }

  closeIdle(sinceMs: number): void {
    this.#http1.closeIdle(sinceMs);
  }

  agreedOnHttp2(connection: Connection): boolean {
    this.#speaksHttp2 = connection.tls !== null && connection.tls.alpn === 'h2';
    return this.#speaksHttp2;
  }

  changePool(connection: Connection, startedMs: number, pending: readonly PoolClient[]): void {
    if (this.#speaksHttp2) this.#http2.adopt(connection, startedMs, pending);
    else this.#http1.adopt(connection, startedMs, pending);
  }
}
