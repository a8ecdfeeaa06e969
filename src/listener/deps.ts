/** What listeners on a worker are given by the server. */
import type { AccessLogger, FilterDeps, ListenerFilterFactory, NetworkFilterDeps, NetworkFilterFactory } from '../filters/api.ts';
import type { OriginalDestination, PreparedSockets } from '../net/socket-options.ts';
import type { SecretSource } from '../tls/secrets.ts';
import type { ConnectionCount } from './connection-count.ts';

export interface ListenerDeps {
  readonly workerIndex: number;
  /** `scope` is the root scope. */
  readonly filters: FilterDeps;
  /** null = no implementation of this configuration message. */
  newNetworkFilter(type: string, settings: unknown, deps: NetworkFilterDeps): NetworkFilterFactory | null;
  newListenerFilter(type: string, settings: unknown, deps: FilterDeps): ListenerFilterFactory | null;
  newAccessLogger(settings: unknown): AccessLogger;
  /** Open connections of a listener, over all workers. */
  connectionCount(listenerKey: string): ConnectionCount;
  /** Open connections of all listeners that do not ignore the global limit. */
  readonly globalConnectionCount: ConnectionCount;
  /** Infinity = no limit. */
  globalConnectionLimit(): number;
  /** 48 bytes for TLS session tickets, the same on all workers. */
  readonly ticketKey: Buffer;
  readonly secrets: SecretSource;
  /** Gives an accepted connection to another worker's listener of the same key. */
  handOver(worker: number, listenerKey: string, fd: number, listenPath: string): void;
  readonly originalDestination: OriginalDestination;
  readonly preparedSockets: PreparedSockets;
}
