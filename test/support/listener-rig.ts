/** A worker's listeners with everything around them replaced by what a test sets: filters by name, statistics, clock, resolver. */
import { createConnection, type Socket } from 'node:net';
import type { ClusterManager } from '../../src/cluster/api.ts';
import type { FilterDeps, ListenerFilterFactory, NetworkFilterDeps, NetworkFilterFactory } from '../../src/filters/api.ts';
import type { StreamInfo } from '../../src/http/stream-info.ts';
import { SharedBlocks } from '../../src/lb/shared-blocks.ts';
import { SharedSlab } from '../../src/lb/shared-slab.ts';
import { type ConnectionCount, localConnectionCount } from '../../src/listener/connection-count.ts';
import type { ListenerDeps } from '../../src/listener/deps.ts';
import { ListenerManager } from '../../src/listener/listener-manager.ts';
import { type FilterChainSettings, type ListenerSettings, MATCH_ANYTHING } from '../../src/listener/settings.ts';
import type { Address } from '../../src/net/address.ts';
import { kernelPreparedSockets } from '../../src/net/socket-options.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { silentLogger } from '../../src/runtime/logger.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { RealClock } from '../../src/runtime/real-clock.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { NO_SECRETS } from '../../src/tls/secrets.ts';
import { PlainStats } from './plain-stats.ts';

export interface LoggedLine {
  readonly info: StreamInfo;
  readonly type: string;
  readonly logger: unknown;
}

export interface RigOptions {
  readonly clock?: Clock;
  readonly clusters?: ClusterManager;
  readonly runtime?: Record<string, string>;
  readonly originalDestination?: (local: Address) => Address | null;
  readonly globalLimit?: number;
  readonly workerIndex?: number;
  readonly drainTimeMs?: number;
}

export class ListenerRig {
  readonly stats = new PlainStats();
  readonly log: LoggedLine[] = [];
  readonly networkFilters: Record<string, (settings: unknown, deps: NetworkFilterDeps) => NetworkFilterFactory> = {};
  readonly listenerFilters: Record<string, (settings: unknown, deps: FilterDeps) => ListenerFilterFactory> = {};
  readonly filterDeps: FilterDeps;
  readonly manager: ListenerManager;
  readonly #sockets: Socket[] = [];

  constructor(options: RigOptions = {}) {
    const clock = options.clock ?? new RealClock();
    const random = seededRandom(7);
    this.filterDeps = {
      clock,
      random,
      format: { clock, random, hostname: 'host', variable: () => undefined },
      runtime: new StaticRuntime(new Map(Object.entries(options.runtime ?? {}))),
      logger: silentLogger,
      clusters: options.clusters ?? { get: () => null },
      scope: this.stats,
      rootScope: this.stats,
      localInfo: { node: new Uint8Array(), nodeId: 'node', clusterName: 'cluster', zone: 'zone', hostname: 'host', addressIp: '10.0.0.9' },
      shared: new SharedBlocks(SharedSlab.create(1 << 18, 16)),
    };
    const counts = new Map<string, ConnectionCount>();
    const deps: ListenerDeps = {
      handOver: () => undefined,
      workerIndex: options.workerIndex ?? 0,
      filters: this.filterDeps,
      newNetworkFilter: (type, settings, filterDeps) => this.networkFilters[type]?.(settings, filterDeps) ?? null,
      newListenerFilter: (type, settings, filterDeps) => this.listenerFilters[type]?.(settings, filterDeps) ?? null,
      newAccessLogger: (settings) => ({ log: (info, type) => void this.log.push({ info, type, logger: settings }) }),
      connectionCount: (key) => {
        const count = counts.get(key) ?? localConnectionCount();
        counts.set(key, count);
        return count;
      },
      globalConnectionCount: localConnectionCount(),
      globalConnectionLimit: () => options.globalLimit ?? Number.POSITIVE_INFINITY,
      ticketKey: Buffer.alloc(48),
      secrets: NO_SECRETS,
      originalDestination: { resolve: (_socket, local) => options.originalDestination?.(local) ?? null },
      preparedSockets: kernelPreparedSockets(),
    };
    this.manager = new ListenerManager(deps, 'immediate', options.drainTimeMs ?? 600_000);
  }

  /** Port of the listener's main address. */
  port(key: string): number {
    const text = this.manager.status().find((s) => s.key === key)!.addresses[0]!;
    return Number(text.slice(text.lastIndexOf(':') + 1));
  }

  connect(key: string): Client {
    return this.connectTo({ host: '127.0.0.1', port: this.port(key) });
  }

  connectTo(target: { host: string; port: number } | { path: string }): Client {
    const socket = createConnection({ ...target, allowHalfOpen: true });
    this.#sockets.push(socket);
    return new Client(socket);
  }

  stop(): void {
    this.manager.shutdown();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** The far end of a connection, collecting what it gets. */
export class Client {
  readonly socket: Socket;
  received = '';
  ended = false;
  closed = false;
  error = '';
  #waiting: { done: () => boolean; resolve: () => void }[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    const check = () => {
      this.#waiting = this.#waiting.filter((w) => {
        if (!w.done()) return true;
        w.resolve();
        return false;
      });
    };
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.latin1Slice();
      check();
    });
    socket.on('end', () => {
      this.ended = true;
      check();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.error = error.code ?? error.message;
    });
    socket.on('close', () => {
      this.closed = true;
      check();
    });
  }

  send(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  async until(done: (client: Client) => boolean): Promise<this> {
    if (!done(this)) await new Promise<void>((resolve) => this.#waiting.push({ done: () => done(this), resolve }));
    return this;
  }

  /** Until at least `text` has come. */
  async untilText(text: string): Promise<string> {
    await this.until(() => this.received.includes(text) || this.closed);
    return this.received;
  }

  /** Until the other side has ended its part, or the connection is gone. */
  async untilEnd(): Promise<string> {
    await this.until(() => this.ended || this.closed);
    return this.received;
  }
}

/** Waits for a condition that something else brings about. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

export function chain(
  name: string,
  filters: readonly (string | [string, unknown])[],
  match: Partial<FilterChainSettings['match']> = {},
): FilterChainSettings {
  return {
    name,
    match: { ...MATCH_ANYTHING, ...match },
    filters: filters.map((f) => (typeof f === 'string' ? { name: f, type: f, settings: {} } : { name: f[0], type: f[0], settings: f[1] })),
    tls: null,
    transportSocketConnectTimeoutMs: 0,
    metadata: null,
  };
}

export function listener(changes: Partial<ListenerSettings> = {}): ListenerSettings {
  return {
    name: 'l',
    statPrefix: 'l',
    addresses: [{ kind: 'ip', ip: '127.0.0.1', port: 0, ipv4Compat: false }],
    bindToPort: true,
    useOriginalDst: false,
    transparent: false,
    freebind: false,
    socketOptions: [],
    keepalive: null,
    backlog: 0,
    fastOpenQueueLength: 0,
    reusePort: true,
    bufferLimit: 1 << 20,
    listenerFilters: [],
    listenerFiltersTimeoutMs: 15_000,
    continueOnListenerFiltersTimeout: false,
    trafficDirection: 0,
    drainType: 'DEFAULT',
    ignoreGlobalConnectionLimit: false,
    bypassOverloadManager: false,
    exactBalance: false,
    filterChains: [chain('c', ['echo'])],
    defaultFilterChain: null,
    accessLogs: [],
    ...changes,
  };
}
