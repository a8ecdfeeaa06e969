/** One filter chain as it runs: the factories of its network filters, and the connections that it has. */
import type { NetworkFilter, NetworkFilterFactory } from '../filters/api.ts';
import type { DownstreamTls } from '../tls/downstream-tls.ts';
import type { ActiveConnection } from './active-connection.ts';
import type { DrainSequence } from './drain.ts';
import type { FilterChainSettings } from './settings.ts';

export class FilterChain {
  readonly settings: FilterChainSettings;
  readonly factories: readonly NetworkFilterFactory[];
  /** null = plain text. */
  readonly tls: DownstreamTls | null;
  /** Started when an update has taken this chain away, while its connections live on. */
  readonly drain: DrainSequence;
  connectionCount: number;
  #first: ActiveConnection | null;
  #onEmpty: (() => void) | null;

  constructor(
    settings: FilterChainSettings,
    factories: readonly NetworkFilterFactory[],
    drain: DrainSequence,
    tls: DownstreamTls | null = null,
  ) {
    this.settings = settings;
    this.factories = factories;
    this.tls = tls;
    this.drain = drain;
    this.connectionCount = 0;
    this.#first = null;
    this.#onEmpty = null;
  }

  add(connection: ActiveConnection): void {
    connection.nextInChain = this.#first;
    if (this.#first !== null) this.#first.previousInChain = connection;
    this.#first = connection;
    this.connectionCount++;
  }

  remove(connection: ActiveConnection): void {
    if (connection.previousInChain !== null) connection.previousInChain.nextInChain = connection.nextInChain;
    else this.#first = connection.nextInChain;
    if (connection.nextInChain !== null) connection.nextInChain.previousInChain = connection.previousInChain;
    connection.previousInChain = null;
    connection.nextInChain = null;
    if (--this.connectionCount === 0 && this.#onEmpty !== null) {
      const onEmpty = this.#onEmpty;
      this.#onEmpty = null;
      onEmpty();
    }
  }

  /** Calls `onEmpty` once there are no connections, perhaps at once. */
  whenEmpty(onEmpty: () => void): void {
    if (this.connectionCount === 0) onEmpty();
    else this.#onEmpty = onEmpty;
  }

  /** Tells the filters of every connection that no new work is wanted. */
  notifyDrain(): void {
    this.#forEach((connection) => connection.notifyDrain());
  }

  closeAll(): void {
    this.#forEach((connection) => connection.close('no-flush', ''));
  }

  /** It is not in force any more and has no connection left. */
  close(): void {
    for (const factory of this.factories) factory.close?.();
  }

  /** Adds the filters whose streams keep at least `minBytes` in memory. */
  collectBuffered(minBytes: number, into: { bytes: number; filter: NetworkFilter }[]): void {
    this.#forEach((connection) => {
      for (const filter of connection.filters) {
        const bytes = filter.bufferedBytes?.() ?? 0;
        if (bytes >= minBytes) into.push({ bytes, filter });
      }
    });
  }

  #forEach(visit: (connection: ActiveConnection) => void): void {
    for (let c = this.#first; c !== null; ) {
      const next = c.nextInChain;
      visit(c);
      c = next;
    }
  }
}
