/** A worker's clusters with simulated time and connections that a test opens, fails and speaks for. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { LbContext, PoolClient } from '../../src/cluster/api.ts';
import { type ClusterDeps, WorkerCluster } from '../../src/cluster/cluster.ts';
import type { ConnectAttempt, ConnectListener, Connector } from '../../src/cluster/pool/connect.ts';
import {
  type ClusterSettings,
  DEFAULT_CLUSTER,
  DEFAULT_ENDPOINT,
  DEFAULT_LOCALITY,
  type EndpointSettings,
} from '../../src/cluster/settings.ts';
import type { RequestEncoder } from '../../src/http/codec.ts';
import { type HeaderMap, RequestHeaders, type ResponseHeaders } from '../../src/http/header-map.ts';
import { RESET_REASON_TEXT, type ResetReason } from '../../src/http/reset-reason.ts';
import { StreamInfo } from '../../src/http/stream-info.ts';
import type { Host, HostAddress } from '../../src/lb/host.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { ipAddress } from '../../src/net/address.ts';
import { Connection, type ConnectionHandler, flushConnections } from '../../src/net/connection.ts';
import type { TlsInfo } from '../../src/net/tls-info.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from './plain-stats.ts';

const DEAF: ConnectionHandler = {
  onData: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onAboveWriteBufferHighWatermark: () => undefined,
  onBelowWriteBufferLowWatermark: () => undefined,
};

/** As much of a socket as Connection uses. */
class FakeSocket extends EventEmitter {
  written = '';
  destroyed = false;
  ended = false;
  writableLength = 0;
  write(data: string | Buffer, _encoding?: string): boolean {
    this.written += typeof data === 'string' ? data : data.toString('latin1');
    return true;
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {
    this.ended = true;
  }
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    queueMicrotask(() => this.emit('close'));
  }
  destroySoon(): void {
    this.destroy();
  }
  resetAndDestroy(): void {
    this.destroy();
  }
}

/** One connect under way, and the connection that came of it. */
export class FakeUpstream implements ConnectAttempt {
  readonly target: HostAddress;
  readonly listener: ConnectListener;
  readonly socket = new FakeSocket();
  aborted = false;
  connection: Connection | null = null;

  constructor(target: HostAddress, listener: ConnectListener) {
    this.target = target;
    this.listener = listener;
  }

  abort(): void {
    this.aborted = true;
  }

  /** @param alpn what a TLS handshake has agreed on; null = there was none */
  connected(alpn: string | null = null): void {
    const connection = new Connection(this.socket as unknown as Socket, DEAF, ipAddress('127.0.0.1', 5), ipAddress('127.0.0.1', 6));
    if (alpn !== null) connection.tls = { alpn } as TlsInfo;
    this.connection = connection;
    connection.dispatch(() => this.listener.onConnected(connection));
  }

  failed(reason: ResetReason, text = ''): void {
    this.listener.onConnectFailed(reason, text);
  }

  /** What the proxy has sent since the last call. */
  received(): string {
    flushConnections();
    const text = this.socket.written;
    this.socket.written = '';
    return text;
  }

  sends(text: string): void {
    this.socket.emit('data', Buffer.from(text, 'latin1'));
  }

  sendsFin(): void {
    this.socket.emit('end');
  }

  async gone(): Promise<void> {
    this.socket.destroy();
    await settle();
  }
}

/** Lets closes and other deferred calls happen. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

/** A request that writes down what becomes of it. */
export class RecordingClient implements PoolClient {
  readonly events: string[] = [];
  encoder: RequestEncoder | null = null;
  host: Host | null = null;
  onReady: () => void = () => undefined;
  onFailure: () => void = () => undefined;
  /** Sends a GET as soon as it has a connection. */
  readonly path: string;

  constructor(path = '/') {
    this.path = path;
  }

  onPoolReady(encoder: RequestEncoder, host: Host): void {
    this.events.push('ready');
    this.encoder = encoder;
    this.host = host;
    encoder.encodeHeaders(new RequestHeaders('GET', this.path, 'test', 'http'), true);
    this.onReady();
  }
  onPoolFailure(reason: ResetReason, text: string, host: Host | null): void {
    this.host = host;
    this.events.push('failed: ' + RESET_REASON_TEXT[reason] + (text === '' ? '' : '|' + text));
    this.onFailure();
  }
  on1xxHeaders(headers: ResponseHeaders): void {
    this.events.push(String(headers.status));
  }
  onResponseHeaders(headers: ResponseHeaders, end: boolean): void {
    this.events.push(headers.status + (end ? ' end' : ''));
  }
  onResponseData(chunk: Buffer, end: boolean): void {
    if (chunk.length > 0) this.events.push(chunk.toString('latin1'));
    if (end) this.events.push('end');
  }
  onResponseTrailers(_trailers: HeaderMap): void {
    this.events.push('trailers');
  }
  onResponseReset(reason: ResetReason, text: string): void {
    this.events.push('reset: ' + RESET_REASON_TEXT[reason] + (text === '' ? '' : '|' + text));
  }
  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}
}

export function endpoint(host: string, port = 80, more: Partial<EndpointSettings> = {}): EndpointSettings {
  return { ...DEFAULT_ENDPOINT, host, port, ...more };
}

export function clusterSettings(
  more: Partial<ClusterSettings> = {},
  endpoints: readonly EndpointSettings[] = [endpoint('10.0.0.1')],
): ClusterSettings {
  return { ...DEFAULT_CLUSTER, name: 'c', localities: [{ ...DEFAULT_LOCALITY, endpoints }], ...more };
}

export class ClusterRig {
  readonly clock = new SimulatedClock();
  readonly stats = new PlainStats();
  readonly slab = SharedSlab.create(1 << 16, 64);
  readonly upstreams: FakeUpstream[] = [];
  readonly deps: ClusterDeps;
  readonly cluster: WorkerCluster;
  readonly context: LbContext;

  constructor(settings: Partial<ClusterSettings> = {}, endpoints?: readonly EndpointSettings[], runtime: Record<string, string> = {}) {
    const connect: Connector = (target, _options, listener) => {
      const upstream = new FakeUpstream(target, listener);
      this.upstreams.push(upstream);
      return upstream;
    };
    this.deps = {
      clock: this.clock,
      random: seededRandom(1),
      runtime: new StaticRuntime(new Map(Object.entries(runtime))),
      rootScope: this.stats,
      slab: this.slab,
      connect,
    };
    this.cluster = new WorkerCluster(clusterSettings(settings, endpoints), 0, this.deps);
    this.context = lbContext();
  }

  /** Sends a GET to a host that balancing picks, or to `host`. */
  request(client = new RecordingClient(), host = this.cluster.chooseHost(this.context)!, priority: 0 | 1 = 0): RecordingClient {
    const pool = this.cluster.httpPool(host, priority, this.context);
    if (pool === null) client.events.push('no pool');
    else pool.acquire(client);
    return client;
  }

  /** Value of `cluster.c.<name>`. */
  stat(name: string): number {
    return this.stats.value('cluster.c.' + name);
  }
}

export const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

export function lbContext(more: Partial<LbContext> = {}): LbContext {
  const here = ipAddress('127.0.0.1', 15001);
  const downstream = {
    id: 1,
    localAddress: here,
    remoteAddress: ipAddress('127.0.0.1', 4),
    directLocalAddress: here,
    directRemoteAddress: ipAddress('127.0.0.1', 4),
    requestedServerName: '',
    transportProtocol: 'raw_buffer',
    applicationProtocols: [],
    filterChainName: '',
    listenerName: '',
    trafficDirection: 0,
    localAddressRestored: false,
    tls: null,
    transportFailureReason: '',
    upstreamSource: null,
    proxyTlvs: null,
  };
  return {
    hash: null,
    requestHeaders: null,
    streamInfo: new StreamInfo(downstream, 0, 0, 0),
    downstream,
    shouldSelectAnotherHost: () => false,
    hostSelectionRetries: 0,
    metadataMatch: null,
    ...more,
  };
}
