/** A connection that has found its filter chain: runs its network filters over what comes in. */
import { type NetworkFilter, type NetworkFilterCallbacks, Status } from '../filters/api.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { CloseEvent, CloseType, Connection, ConnectionHandler } from '../net/connection.ts';
import { keepChunk } from '../net/connection.ts';
import type { StatsScope } from '../stats/scope.ts';
import type { DownstreamConnectionInfo } from './connection-info.ts';
import type { FilterChain } from './filter-chain.ts';

/** What a connection asks of the listener that accepted it. */
export interface ConnectionOwner {
  readonly scope: StatsScope;
  newStreamInfo(info: DownstreamConnectionInfo, startMs: number): StreamInfo;
  /** The listener or the server drains, and this connection's turn has come. */
  shouldDrain(): boolean;
  onConnectionClosed(connection: ActiveConnection): void;
}

const NO_FILTERS: readonly NetworkFilter[] = [];

export class ActiveConnection implements ConnectionHandler, NetworkFilterCallbacks {
  readonly connection: Connection;
  readonly info: DownstreamConnectionInfo;
  readonly chain: FilterChain;
  readonly startMs: number;
  previousInChain: ActiveConnection | null;
  nextInChain: ActiveConnection | null;
  readonly #owner: ConnectionOwner;
  #filters: readonly NetworkFilter[];
  /** Filters before this index have had their onConnection. */
  #opened: number;
  /** Filter that said Stop, and what came since for the filters after it; -1 = none. */
  #stoppedAt: number;
  #held: Buffer[] | null;
  #heldEnd: boolean;
  #streamInfo: StreamInfo | null;
  #drainListeners: (() => void)[] | null;
  #protocol: string;

  constructor(
    owner: ConnectionOwner,
    connection: Connection,
    info: DownstreamConnectionInfo,
    chain: FilterChain,
    startMs: number,
    streamInfo: StreamInfo | null,
  ) {
    this.connection = connection;
    this.info = info;
    this.chain = chain;
    this.startMs = startMs;
    this.previousInChain = null;
    this.nextInChain = null;
    this.#owner = owner;
    this.#filters = NO_FILTERS;
    this.#opened = 0;
    this.#stoppedAt = -1;
    this.#held = null;
    this.#heldEnd = false;
    this.#streamInfo = streamInfo;
    this.#drainListeners = null;
    this.#protocol = '';
  }

  /** Made when first asked for: an HTTP connection without listener access log has no need of one. */
  get streamInfo(): StreamInfo {
    return (this.#streamInfo ??= this.#owner.newStreamInfo(this.info, this.startMs));
  }

  get filters(): readonly NetworkFilter[] {
    return this.#filters;
  }

  get bufferLimit(): number {
    return this.connection.bufferLimit;
  }

  get listenerScope(): StatsScope {
    return this.#owner.scope;
  }

  /** Makes the filters and tells them of the connection. */
  start(): void {
    const factories = this.chain.factories;
    const filters: NetworkFilter[] = [];
    for (let i = 0; i < factories.length; i++) filters.push(factories[i]!.newFilter(this));
    this.#filters = filters;
    this.#run(0, null, false);
  }

  onData(chunk: Buffer): void {
    this.#run(0, chunk, false);
  }

  onEnd(): void {
    this.#run(0, EMPTY, true);
  }

  onClose(event: CloseEvent): void {
    this.#held = null;
    this.#drainListeners = null;
    // Also those that an earlier filter kept from starting: they have counted the connection, and log it.
    for (let i = 0; i < this.#filters.length; i++) this.#filters[i]!.onClose(event.origin === 'remote');
    this.#owner.onConnectionClosed(this);
  }

  onAboveWriteBufferHighWatermark(): void {
    for (let i = 0; i < this.#opened; i++) this.#filters[i]!.onAboveWriteBufferHighWatermark?.();
  }

  onBelowWriteBufferLowWatermark(): void {
    for (let i = 0; i < this.#opened; i++) this.#filters[i]!.onBelowWriteBufferLowWatermark?.();
  }

  continueReading(): void {
    const next = this.#stoppedAt + 1;
    if (next === 0 || this.connection.closing) return;
    this.#stoppedAt = -1;
    const held = this.#held;
    const end = this.#heldEnd;
    this.#held = null;
    this.#heldEnd = false;
    if (held === null) this.#run(next, end ? EMPTY : null, end);
    else this.#run(next, held.length === 1 ? held[0]! : Buffer.concat(held), end);
  }

  close(type: CloseType, details: string): void {
    if (details !== '') this.streamInfo.connectionTerminationDetails = details;
    this.connection.close(type);
  }

  get draining(): boolean {
    return this.chain.drain.shouldClose() || this.#owner.shouldDrain();
  }

  onDrain(listener: () => void): void {
    this.#drainListeners ??= [];
    this.#drainListeners.push(listener);
  }

  noteProtocol(protocol: string): void {
    this.#protocol = protocol;
  }

  /** Sums up the connection of a filter that keeps its own record of what went over it. */
  get endInfo(): StreamInfo {
    const info = this.streamInfo;
    if (this.#protocol !== '') {
      info.protocol = this.#protocol;
      info.bytesReceived = this.connection.bytesReceived;
      info.bytesSent = this.connection.bytesSent;
    }
    return info;
  }

  notifyDrain(): void {
    const listeners = this.#drainListeners;
    if (listeners === null || this.connection.closing) return;
    this.connection.dispatch(() => {
      for (const listener of listeners) listener();
    });
  }

  /** @param chunk null = nothing came; only the filters that have not seen the connection yet are to be told of it */
  #run(from: number, chunk: Buffer | null, end: boolean): void {
    const filters = this.#filters;
    for (let i = from; i < filters.length; i++) {
      if (i === this.#opened) {
        this.#opened++;
        if (filters[i]!.onConnection() !== Status.Continue) {
          this.#hold(i, chunk, end);
          return;
        }
        if (this.connection.closing) return;
      }
      if (chunk === null) continue;
      if (filters[i]!.onData(chunk, end) !== Status.Continue) {
        // The last filter consumes what it stops.
        if (i < filters.length - 1) this.#hold(i, chunk, end);
        return;
      }
      if (this.connection.closing) return;
    }
  }

  #hold(index: number, chunk: Buffer | null, end: boolean): void {
    this.#stoppedAt = index;
    if (end) this.#heldEnd = true;
    if (chunk === null || chunk.length === 0) return;
    this.#held ??= [];
    this.#held.push(keepChunk(chunk));
  }
}

const EMPTY = Buffer.alloc(0);
