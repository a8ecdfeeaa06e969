/** An accepted connection while listener filters look at it: what comes in is kept, and handed on when the filters are done. */
import { type AcceptedConnection, type ListenerFilter, type ListenerFilterFactory, ListenerFilterStatus } from '../filters/api.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { Address } from '../net/address.ts';
import type { CloseEvent, Connection, ConnectionHandler } from '../net/connection.ts';
import { keepChunk } from '../net/connection.ts';
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import type { DownstreamConnectionInfo } from './connection-info.ts';
import type { TcpListener } from './tcp-listener.ts';

/** A listener filter as a listener keeps it. */
export interface ListenerFilterEntry {
  readonly factory: ListenerFilterFactory;
  /** filter_disabled: true = leave it out for a connection to this address. */
  readonly disabled: ((destination: Address) => boolean) | null;
}

const EMPTY = Buffer.alloc(0);

export class PendingConnection implements ConnectionHandler, AcceptedConnection, TimerTarget {
  readonly connection: Connection;
  readonly info: DownstreamConnectionInfo;
  readonly startMs: number;
  /** Whose filters run; changes at the hand-off. */
  listener: TcpListener;
  /** False after a hand-off: there is never a second one. */
  mayHandOff: boolean;
  /** What has come in and was not consumed. */
  bytes: Buffer;
  #filters: readonly ListenerFilterEntry[];
  #next: number;
  /** The filter that waits for bytes. */
  #waiting: ListenerFilter | null;
  readonly #timeout: Timer;
  #streamInfo: StreamInfo | null;

  constructor(listener: TcpListener, connection: Connection, info: DownstreamConnectionInfo, startMs: number) {
    this.connection = connection;
    this.info = info;
    this.startMs = startMs;
    this.listener = listener;
    this.mayHandOff = true;
    this.bytes = EMPTY;
    this.#filters = [];
    this.#next = 0;
    this.#waiting = null;
    this.#timeout = new Timer(this, 0);
    this.#streamInfo = null;
  }

  /** The connection's stream info if anything has asked for it. */
  get madeStreamInfo(): StreamInfo | null {
    return this.#streamInfo;
  }

  get streamInfo(): StreamInfo {
    return (this.#streamInfo ??= this.listener.newStreamInfo(this.info, this.startMs));
  }

  /** Runs `filters` from the first on; ends in `listener.onListenerFiltersDone`, or in the end of the connection. */
  start(filters: readonly ListenerFilterEntry[]): void {
    this.#filters = filters;
    this.#next = 0;
    this.#waiting = null;
    this.#run();
  }

  onData(chunk: Buffer): void {
    this.bytes = this.bytes.length === 0 ? keepChunk(chunk) : Buffer.concat([this.bytes, chunk]);
    const filter = this.#waiting;
    if (filter !== null && this.#goesOn(filter, filter.onData(this, this.bytes))) this.#run();
  }

  onEnd(): void {
    // Nothing more will come, so the waiting filter can never be satisfied.
    this.listener.stats.listenerFilterRemoteClose.inc();
    this.connection.close('no-flush');
  }

  onClose(event: CloseEvent): void {
    if (event.origin === 'remote') {
      if (event.error === '') this.listener.stats.listenerFilterRemoteClose.inc();
      else this.listener.stats.listenerFilterError.inc();
    }
    this.#disarm();
    this.listener.onPendingClosed(this);
  }

  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}

  onTimer(): void {
    this.listener.stats.preCxTimeout.inc();
    if (!this.listener.settings.continueOnListenerFiltersTimeout) {
      this.connection.close('no-flush');
      return;
    }
    this.#waiting = null;
    this.connection.dispatch(() => this.listener.onListenerFiltersDone(this));
  }

  consume(count: number): void {
    this.bytes = this.bytes.subarray(count);
    this.connection.bytesReceived -= count;
  }

  originalDestination(): Address | null {
    return this.listener.originalDestination(this.connection);
  }

  restoreLocalAddress(address: Address): void {
    this.info.localAddress = address;
    this.info.localAddressRestored = true;
    this.connection.localAddress = address;
  }

  setRemoteAddress(address: Address): void {
    this.info.remoteAddress = address;
    this.connection.remoteAddress = address;
    if (this.#streamInfo !== null) this.#streamInfo.remoteAddress = address;
  }

  #run(): void {
    while (this.#next < this.#filters.length) {
      const entry = this.#filters[this.#next++]!;
      if (entry.disabled?.(this.info.localAddress)) continue;
      const filter = entry.factory.newFilter();
      let status = filter.onAccept(this);
      // An earlier filter may have waited for bytes: they are there already.
      if (status === ListenerFilterStatus.NeedData && this.bytes.length > 0) status = filter.onData(this, this.bytes);
      if (!this.#goesOn(filter, status)) return;
    }
    this.#disarm();
    this.listener.onListenerFiltersDone(this);
  }

  #goesOn(filter: ListenerFilter, status: ListenerFilterStatus): boolean {
    this.#waiting = null;
    if (status === ListenerFilterStatus.Done) return true;
    if (status === ListenerFilterStatus.Close) {
      this.#disarm();
      this.connection.close('no-flush');
      return false;
    }
    this.#waiting = filter;
    const timeoutMs = this.listener.settings.listenerFiltersTimeoutMs;
    if (timeoutMs > 0 && !this.#timeout.armed) this.listener.clock.arm(this.#timeout, timeoutMs);
    return false;
  }

  #disarm(): void {
    if (this.#timeout.armed) this.listener.clock.disarm(this.#timeout);
  }
}
