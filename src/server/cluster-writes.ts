/** TCP connections through clusters that carry what the control thread has to say, one to a cluster: statsd over TCP. Source: Envoy's TcpStatsdSink. */
import type { Cluster, LbContext, TcpClient, TcpConnect } from '../cluster/api.ts';
import type { FilterDeps } from '../filters/api.ts';
import { noConnection } from '../filters/http/router/async-client.ts';
import { StreamInfo } from '../http/stream-info.ts';
import type { Connection, ConnectionHandler } from '../net/connection.ts';

/** Bytes that wait for the peer at most (MAX_BUFFERED_STATS_BYTES). */
const MAX_BUFFERED = 16 * 1024 * 1024;

export class ClusterWrites {
  readonly #deps: FilterDeps;
  readonly #links = new Map<string, Link>();

  constructor(deps: FilterDeps) {
    this.#deps = deps;
  }

  /** @returns false if too much was waiting: the connection has been closed, the text is lost */
  write(cluster: string, text: string): boolean {
    let link = this.#links.get(cluster);
    if (link === undefined) {
      link = new Link(this.#deps, cluster);
      this.#links.set(cluster, link);
    }
    return link.write(text);
  }

  /** What is pending is sent. */
  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
  }
}

class Link implements TcpClient, ConnectionHandler, LbContext {
  readonly #deps: FilterDeps;
  readonly #name: string;
  readonly hash = null;
  readonly requestHeaders = null;
  readonly hostSelectionRetries = 0;
  readonly metadataMatch = null;
  readonly downstream = noConnection();
  readonly streamInfo: StreamInfo;
  #connecting: TcpConnect | null = null;
  #connection: Connection | null = null;
  #early: Buffer[] = [];
  #earlyBytes = 0;

  constructor(deps: FilterDeps, name: string) {
    this.#deps = deps;
    this.#name = name;
    this.streamInfo = new StreamInfo(this.downstream, deps.clock.nowMs(), deps.clock.wallMs(), deps.random.nextU32());
  }

  write(text: string): boolean {
    const bytes = Buffer.from(text);
    if (this.#connection !== null) {
      if (this.#connection.bytesBuffered > MAX_BUFFERED) {
        this.#connection.close('no-flush');
        return false;
      }
      this.#connection.write(bytes);
      return true;
    }
    if (this.#connecting === null && !this.#connect()) return true;
    if (this.#earlyBytes + bytes.length > MAX_BUFFERED) return false;
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    return true;
  }

  close(): void {
    this.#connecting?.cancel();
    this.#connection?.close('flush');
  }

  shouldSelectAnotherHost(): boolean {
    return false;
  }

  onTcpConnected(connection: Connection): ConnectionHandler {
    this.#connecting = null;
    this.#connection = connection;
    for (const bytes of this.#early) connection.write(bytes);
    this.#forgetEarly();
    return this;
  }

  onTcpFailure(): void {
    this.#connecting = null;
    this.#forgetEarly();
  }

  onClose(): void {
    this.#connection = null;
  }

  /** A receiver of statistics has nothing to say. */
  onData(): void {}

  onEnd(): void {
    this.#connection?.close('no-flush');
  }

  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}

  /** False if there is nowhere to write to: the text is lost, as in Envoy. */
  #connect(): boolean {
    const cluster: Cluster | null = this.#deps.clusters.get(this.#name);
    const host = cluster?.chooseHost(this) ?? null;
    if (cluster === null || host === null) return false;
    this.#connecting = cluster.connectTcp(host, 0, this, this);
    return true;
  }

  #forgetEarly(): void {
    this.#early = [];
    this.#earlyBytes = 0;
  }
}
