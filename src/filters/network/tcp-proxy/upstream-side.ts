/** The upstream connection of one proxied connection; outlives it while the last bytes are sent. */
import type { CloseEvent, CloseType, Connection, ConnectionHandler } from '../../../net/connection.ts';
import type { TcpProxyFilter } from './filter.ts';

/** Where the bytes of a connection go: a connection of their own, or a tunnel through HTTP. */
export interface TcpUpstream {
  /** Of the upstream connection. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  write(chunk: Buffer): void;
  /** The client has no more to say. */
  endWrite(): void;
  /** Counted. */
  readDisable(disable: boolean): void;
  /**
   * Downstream is gone.
   * @param type 'flush': what it had sent before still goes upstream
   */
  detach(type: CloseType): void;
}

export class UpstreamSide implements ConnectionHandler, TcpUpstream {
  readonly connection: Connection;
  /** null once downstream is gone. */
  #filter: TcpProxyFilter | null;
  readonly #stats: TcpProxyFilter['proxy']['stats'];
  #flushing: boolean;

  constructor(filter: TcpProxyFilter, connection: Connection) {
    this.connection = connection;
    this.#filter = filter;
    this.#stats = filter.proxy.stats;
    this.#flushing = false;
  }

  get bytesReceived(): number {
    return this.connection.bytesReceived;
  }

  get bytesSent(): number {
    return this.connection.bytesSent;
  }

  write(chunk: Buffer): void {
    this.connection.write(chunk);
  }

  endWrite(): void {
    this.connection.endWrite();
  }

  readDisable(disable: boolean): void {
    this.connection.readDisable(disable);
  }

  detach(type: CloseType): void {
    this.#filter = null;
    if (this.connection.closed) return;
    this.connection.close(type);
    if (type !== 'flush' || this.connection.bytesBuffered === 0) return;
    this.#flushing = true;
    this.#stats.upstreamFlushTotal.inc();
    this.#stats.upstreamFlushActive.inc();
  }

  onData(chunk: Buffer): void {
    this.#filter?.onUpstreamData(chunk);
  }

  onEnd(): void {
    this.#filter?.onUpstreamEnd();
  }

  onClose(event: CloseEvent): void {
    if (this.#flushing) this.#stats.upstreamFlushActive.dec();
    const filter = this.#filter;
    this.#filter = null;
    filter?.onUpstreamClosed(event.error === 'ECONNRESET');
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#filter?.holdDownstream(true);
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#filter?.holdDownstream(false);
  }
}
