/** A CONNECT that ends here (connect_config): its payload goes to a host as plain TCP, and the 200 is ours once the connection stands. */
import type { Cluster, HttpPool, LbContext, PoolClient, TcpClient, TcpConnect } from '../../../cluster/api.ts';
import type { RequestEncoder } from '../../../http/codec.ts';
import { type HeaderMap, type RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import { ResetReason } from '../../../http/reset-reason.ts';
import type { Host } from '../../../lb/host.ts';
import type { Connection, ConnectionHandler } from '../../../net/connection.ts';
import { proxyProtocolHeader } from '../../../net/proxy-protocol.ts';

const EMPTY = Buffer.alloc(0);

/** Whether a request of that method ends here, on a route with connect_config. */
export function terminates(action: { readonly connectTerminatesPost: boolean }, method: string): boolean {
  return method === 'CONNECT' || (method === 'POST' && action.connectTerminatesPost);
}

/** Pool, connection handler and encoder of one tunnel. */
export class TcpTunnelPool implements HttpPool, TcpClient, ConnectionHandler, RequestEncoder {
  readonly host: Host;
  readonly protocol = '';
  readonly #cluster: Cluster;
  readonly #priority: 0 | 1;
  readonly #context: LbContext;
  readonly #proxyProtocol: 0 | 1 | 2;
  #client: PoolClient | null;
  #connecting: TcpConnect | null;
  #connection: Connection | null;
  wireBytesReceived: number;
  wireBytesSent: number;
  headerBytesReceived: number;
  headerBytesSent: number;

  /** @param proxyProtocol version of the PROXY header that goes first; 0 = none */
  constructor(cluster: Cluster, host: Host, priority: 0 | 1, context: LbContext, proxyProtocol: 0 | 1 | 2) {
    this.host = host;
    this.#cluster = cluster;
    this.#priority = priority;
    this.#context = context;
    this.#proxyProtocol = proxyProtocol;
    this.#client = null;
    this.#connecting = null;
    this.#connection = null;
    this.wireBytesReceived = 0;
    this.wireBytesSent = 0;
    this.headerBytesReceived = 0;
    this.headerBytesSent = 0;
  }

  get connection(): Connection {
    return this.#connection!;
  }

  acquire(client: PoolClient): void {
    this.#client = client;
    this.#connecting = this.#cluster.connectTcp(this.host, this.#priority, this, this.#context);
  }

  cancel(_client: PoolClient): void {
    this.#client = null;
    this.#connecting?.cancel();
  }

  drain(): void {}
  close(): void {}

  onTcpConnected(connection: Connection): ConnectionHandler {
    this.#connecting = null;
    this.#connection = connection;
    connection.handler = this;
    this.#client?.onPoolReady(this, this.host);
    return this;
  }

  onTcpFailure(reason: ResetReason, transportFailure: string): void {
    this.#connecting = null;
    this.#client?.onPoolFailure(reason, transportFailure, this.host);
  }

  encodeHeaders(_headers: RequestHeaders, end: boolean): void {
    if (this.#proxyProtocol !== 0) {
      const { remoteAddress, localAddress } = this.#context.downstream;
      this.#connection!.write(proxyProtocolHeader(this.#proxyProtocol, remoteAddress, localAddress));
    }
    this.#client?.onResponseHeaders(new ResponseHeaders(200), false);
    if (end) this.#connection!.endWrite();
  }

  encodeData(chunk: Buffer, end: boolean): void {
    this.wireBytesSent += chunk.length;
    this.#connection!.write(chunk);
    if (end) this.#connection!.endWrite();
  }

  encodeTrailers(_trailers: HeaderMap): void {
    this.#connection!.endWrite();
  }

  readDisable(disable: boolean): void {
    this.#connection!.readDisable(disable);
  }

  reset(_reason: ResetReason): void {
    this.#client = null;
    this.#connection!.close('no-flush');
  }

  onData(chunk: Buffer): void {
    this.wireBytesReceived += chunk.length;
    this.#client?.onResponseData(chunk, false);
  }

  onEnd(): void {
    this.#client?.onResponseData(EMPTY, true);
  }

  onClose(): void {
    this.#client?.onResponseReset(ResetReason.ConnectionTermination, '');
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#client?.onAboveWriteBufferHighWatermark();
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#client?.onBelowWriteBufferLowWatermark();
  }
}
