/**
 * One listener on one worker, with one set of settings: takes accepted sockets, runs listener filters, hands redirected connections
 * over to the listener of their original destination, picks the filter chain and starts the connection on it.
 */

import type { AccessLogger, NetworkFilterDeps } from '../filters/api.ts';
import { Flag } from '../http/response-flags.ts';
import { StreamInfo } from '../http/stream-info.ts';
import type { Accepted } from '../net/accepted.ts';
import { type Address, pipeAddress } from '../net/address.ts';
import { adoptAccepted, type CloseEvent, Connection, type ConnectionHandler } from '../net/connection.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Logger } from '../runtime/logger.ts';
import { NEVER_OVERLOADED, Overload, type OverloadState } from '../runtime/overload.ts';
import type { StatsScope } from '../stats/scope.ts';
import { DownstreamTls } from '../tls/downstream-tls.ts';
import type { DownstreamTlsSettings } from '../tls/settings.ts';
import { TlsStats } from '../tls/stats.ts';
import { ActiveConnection, type ConnectionOwner } from './active-connection.ts';
import { BALANCE_CELLS, BALANCED_WORKERS, ConnectionBalance, receiveSocket, sendSocket } from './connection-balance.ts';
import type { ConnectionCount } from './connection-count.ts';
import { DownstreamConnectionInfo } from './connection-info.ts';
import type { ListenerDeps } from './deps.ts';
import { DrainSequence } from './drain.ts';
import { FilterChain } from './filter-chain.ts';
import { isFilterDisabled } from './filter-disabled.ts';
import { Handshake } from './handshake.ts';
import { ListenerStats } from './listener-stats.ts';
import { type ConnectionFacts, FilterChainTable } from './match/filter-chain-match.ts';
import { type ListenerFilterEntry, PendingConnection } from './pending-connection.ts';
import type { FilterChainSettings, ListenerSettings } from './settings.ts';

/** What a listener asks of the one that manages it. */
export interface ListenerDirectory {
  /** The listener that a connection redirected from `destination` belongs to; null = none but the one that has it. */
  findForDestination(destination: Address): TcpListener | null;
  /** The server drains connections of listeners like this. */
  shouldDrain(listener: TcpListener): boolean;
}

export class TcpListener implements ConnectionOwner {
  readonly key: string;
  settings: ListenerSettings;
  readonly clock: Clock;
  /** `listener.<address>.` */
  readonly scope: StatsScope;
  readonly stats: ListenerStats;
  /** Started when the listener is removed or replaced. */
  readonly drain: DrainSequence;
  #chains: FilterChain[];
  #table: FilterChainTable<FilterChain>;
  readonly #deps: ListenerDeps;
  readonly #directory: ListenerDirectory;
  readonly #chainDeps: NetworkFilterDeps;
  readonly #listenerFilters: readonly ListenerFilterEntry[];
  readonly #debug: Logger;
  readonly #accessLogs: readonly AccessLogger[];
  readonly #count: ConnectionCount;
  /** The same as `#count`; null = connections stay where the kernel put them. */
  readonly #balance: ConnectionBalance | null;
  readonly #limitKey: string;
  readonly #overload: OverloadState;
  /** Whatever chain a connection gets, its first reader is TLS. */
  #tlsOnly = false;
  #tlsStats: TlsStats | null = null;

  /** @param address text of the main address as bound: names the statistics */
  constructor(key: string, settings: ListenerSettings, addressText: string, deps: ListenerDeps, directory: ListenerDirectory) {
    const root = deps.filters.rootScope;
    const scope = root.tagged('listener', 'envoy.listener_address', (settings.statPrefix || addressText).replaceAll(':', '_'));
    this.key = key;
    this.settings = settings;
    this.clock = deps.filters.clock;
    this.scope = scope;
    this.stats = new ListenerStats(scope, deps.workerIndex);
    this.drain = new DrainSequence(deps.filters.clock, deps.filters.random);
    this.#deps = deps;
    this.#debug = deps.filters.logger.component('conn_handler');
    this.#directory = directory;
    this.#chainDeps = {
      ...deps.filters,
      listenerScope: scope,
      bufferLimit: settings.bufferLimit,
      newAccessLogger: (s) => deps.newAccessLogger(s),
    };
    this.#accessLogs = settings.accessLogs.map((s) => deps.newAccessLogger(s));
    this.#overload = deps.filters.overload ?? NEVER_OVERLOADED;
    const count = deps.connectionCount(key);
    this.#balance = settings.exactBalance ? newBalance(key, deps, count) : null;
    this.#count = this.#balance ?? count;
    this.#limitKey = `envoy.resource_limits.listener.${settings.name}.connection_limit`;
    this.#listenerFilters = settings.listenerFilters.map((f) => {
      const factory = deps.newListenerFilter(f.type, f.settings, deps.filters);
      if (factory === null) throw new Error(`listener '${settings.name}': no listener filter for '${f.type}'`);
      const rule = f.disabled;
      return { factory, disabled: rule === null ? null : (destination) => isFilterDisabled(rule, destination) };
    });
    this.#chains = [];
    this.#table = new FilterChainTable<FilterChain>(null);
    this.updateFilterChains(settings.filterChains, settings.defaultFilterChain);
  }

  /** Puts other filter chains in place. Chains that did not change keep running; returns those that are not there any more. */
  updateFilterChains(chains: readonly FilterChainSettings[], defaultChain: FilterChainSettings | null): FilterChain[] {
    const left = new Map(this.#chains.map((chain) => [JSON.stringify(chain.settings), chain]));
    const take = (settings: FilterChainSettings): FilterChain => {
      const text = JSON.stringify(settings);
      const same = left.get(text);
      if (same === undefined) return this.#makeChain(settings);
      left.delete(text);
      return same;
    };
    const fallback = defaultChain === null ? null : take(defaultChain);
    const table = new FilterChainTable<FilterChain>(fallback);
    const all = fallback === null ? [] : [fallback];
    for (const settings of chains) {
      const chain = take(settings);
      table.add(settings.match, chain);
      all.push(chain);
    }
    this.#chains = all;
    this.#table = table;
    this.#tlsOnly = this.#listenerFilters.length === 0 && all.every((chain) => chain.tls !== null);
    return [...left.values()];
  }

  get chains(): readonly FilterChain[] {
    return this.#chains;
  }

  /** The chain that a connection with these facts gets; null = it is refused. */
  findChain(facts: ConnectionFacts): FilterChain | null {
    return this.#table.find(facts);
  }

  get connectionCount(): number {
    let n = 0;
    for (const chain of this.#chains) n += chain.connectionCount;
    return n;
  }

  /** With exact balance the worker with the fewest connections gets the socket. */
  handOver(accepted: Accepted, listenPath: string): boolean {
    const balance = this.#balance;
    if (balance === null) return false;
    const worker = balance.pick();
    if (worker !== this.#deps.workerIndex) {
      const fd = sendSocket(accepted);
      if (fd >= 0) {
        this.#deps.handOver(worker, this.key, fd, listenPath);
        return true;
      }
      balance.takeBack(worker);
      return false;
    }
    balance.arrive(() => this.acceptSocket(accepted, listenPath));
    return true;
  }

  /** A connection that another worker has accepted for this one. */
  takeOver(fd: number, listenPath: string): void {
    const accept = () => this.acceptSocket(receiveSocket(fd), listenPath);
    if (this.#balance === null) accept();
    else this.#balance.arrive(accept);
  }

  /** @param listenPath path of the UNIX socket that accepted it; '' for TCP */
  acceptSocket(accepted: Accepted, listenPath: string): void {
    if (!this.settings.ignoreGlobalConnectionLimit && !this.#deps.globalConnectionCount.tryAcquire(this.#deps.globalConnectionLimit())) {
      this.stats.globalCxOverflow.inc();
      accepted.close();
      return;
    }
    const overload = this.#overload;
    if (overload.any && !this.settings.bypassOverloadManager && this.#rejects(overload)) {
      this.stats.cxOverloadReject.inc();
      this.#releaseGlobal();
      accepted.close();
      return;
    }
    if (!this.#count.tryAcquire(this.#deps.filters.runtime.integer(this.#limitKey, Number.POSITIVE_INFINITY))) {
      this.stats.cxOverflow.inc();
      this.#releaseGlobal();
      accepted.close();
      return;
    }
    const remote = listenPath !== '' ? pipeAddress('') : accepted.remote;
    const local = listenPath !== '' ? pipeAddress(listenPath) : accepted.local;
    if (remote === null || local === null) {
      // The peer has gone before we looked.
      this.#count.release();
      this.#releaseGlobal();
      accepted.close();
      return;
    }
    // TLS takes over the connection as it was accepted: nobody else reads from it.
    const connection = new Connection(this.#tlsOnly ? accepted : adoptAccepted(accepted), IGNORE, local, remote);
    connection.setBufferLimit(this.settings.bufferLimit);
    const info = new DownstreamConnectionInfo(connection);
    const nowMs = this.clock.nowMs();
    if (this.#listenerFilters.length === 0) {
      // Envoy's gauge has seen every connection; so a listener that has had one shows it.
      this.stats.preCxActive.add(0);
      this.#newConnection(connection, info, nowMs, null, NO_BYTES);
    } else this.#filter(new PendingConnection(this, connection, info, nowMs));
  }

  /** Takes over a connection that was redirected to another listener. */
  adopt(pending: PendingConnection): void {
    this.#count.tryAcquire(Number.POSITIVE_INFINITY);
    pending.listener = this;
    pending.mayHandOff = false;
    pending.connection.setBufferLimit(this.settings.bufferLimit);
    this.#filter(pending);
  }

  onListenerFiltersDone(pending: PendingConnection): void {
    this.stats.preCxActive.dec();
    if (pending.mayHandOff && this.settings.useOriginalDst && pending.info.localAddressRestored) {
      const target = this.#directory.findForDestination(pending.info.localAddress);
      if (target !== null && target !== this) {
        this.#count.release();
        target.adopt(pending);
        return;
      }
    }
    this.#newConnection(pending.connection, pending.info, pending.startMs, pending.madeStreamInfo, pending.bytes);
  }

  /** The connection ended before it had a filter chain. */
  onPendingClosed(pending: PendingConnection): void {
    this.stats.preCxActive.dec();
    this.#count.release();
    this.#releaseGlobal();
    if (this.#accessLogs.length > 0) this.#log(pending.streamInfo);
  }

  originalDestination(connection: Connection): Address | null {
    const redirected = this.#deps.originalDestination.resolve(connection.socket, connection.directLocalAddress);
    // TPROXY leaves the packet as it is: the accepted socket's own address is where the client meant to go.
    return redirected ?? (this.settings.transparent ? connection.directLocalAddress : null);
  }

  newStreamInfo(info: DownstreamConnectionInfo, startMs: number): StreamInfo {
    const { clock, random } = this.#deps.filters;
    return new StreamInfo(info, startMs, clock.wallMs() - (clock.nowMs() - startMs), random.nextU32());
  }

  shouldDrain(): boolean {
    return this.drain.shouldClose() || this.#directory.shouldDrain(this);
  }

  onConnectionClosed(active: ActiveConnection): void {
    active.chain.remove(active);
    if (this.#debug.debugEnabled) {
      const { bytesReceived, bytesSent, closeError } = active.connection;
      this.#debug.debug('connection closed', { connection: active.info.id, bytesReceived, bytesSent, error: closeError });
    }
    this.stats.cxActive.dec();
    this.stats.workerCxActive.dec();
    this.stats.cxDestroy.inc();
    this.stats.cxLengthMs.record(this.clock.nowMs() - active.startMs);
    this.#count.release();
    this.#releaseGlobal();
    if (this.#accessLogs.length > 0) this.#log(active.endInfo);
  }

  #rejects(overload: OverloadState): boolean {
    return overload.shed(Overload.TcpAccept) || overload.active(Overload.RejectConnections);
  }

  #filter(pending: PendingConnection): void {
    this.stats.preCxActive.inc();
    pending.connection.handler = pending;
    pending.connection.dispatch(() => pending.start(this.#listenerFilters));
  }

  /** @param peeked what listener filters have left of the connection's first bytes */
  #newConnection(
    connection: Connection,
    info: DownstreamConnectionInfo,
    startMs: number,
    streamInfo: StreamInfo | null,
    peeked: Buffer,
  ): void {
    if (info.transportProtocol === '') info.transportProtocol = 'raw_buffer';
    info.listenerName = this.settings.name;
    info.trafficDirection = this.settings.trafficDirection;
    const chain = this.findChain(info);
    if (chain === null) {
      if (this.#debug.debugEnabled)
        this.#debug.debug('closing connection: no matching filter chain found', { connection: info.id, ...ends(info) });
      this.stats.noFilterChainMatch.inc();
      this.#refuse(connection);
      if (this.#accessLogs.length > 0) {
        const refused = streamInfo ?? this.newStreamInfo(info, startMs);
        refused.flags |= Flag.NR;
        refused.responseCodeDetails = 'filter_chain_not_found';
        this.#log(refused);
      }
      return;
    }
    info.filterChainName = chain.settings.name;
    if (this.#debug.debugEnabled) this.#debug.debug('new connection', { connection: info.id, ...ends(info) });
    const active = new ActiveConnection(this, connection, info, chain, startMs, streamInfo);
    chain.add(active);
    this.stats.cxTotal.inc();
    this.stats.workerCxTotal.inc();
    this.stats.cxActive.inc();
    this.stats.workerCxActive.inc();
    connection.handler = active;
    if (chain.factories.length === 0) {
      connection.close('no-flush');
      return;
    }
    if (chain.tls !== null)
      info.tls = chain.tls.start(connection, peeked, new Handshake(this, active, chain.settings.transportSocketConnectTimeoutMs));
    connection.dispatch(() => active.start());
    if (chain.tls === null && peeked.length > 0 && !connection.closing) connection.unread(peeked);
  }

  #refuse(connection: Connection): void {
    connection.handler = IGNORE;
    connection.close('no-flush');
    this.#count.release();
    this.#releaseGlobal();
  }

  #releaseGlobal(): void {
    if (!this.settings.ignoreGlobalConnectionLimit) this.#deps.globalConnectionCount.release();
  }

  #log(info: StreamInfo): void {
    info.endMs = this.clock.nowMs();
    info.downstreamTransportFailureReason = info.connection.transportFailureReason;
    for (const logger of this.#accessLogs) logger.log(info, 'NotSet');
  }

  #makeChain(settings: FilterChainSettings): FilterChain {
    const factories = settings.filters.map((f) => {
      const factory = this.#deps.newNetworkFilter(f.type, f.settings, this.#chainDeps);
      if (factory === null) throw new Error(`listener '${this.settings.name}': no network filter for '${f.type}'`);
      return factory;
    });
    const drain = new DrainSequence(this.#deps.filters.clock, this.#deps.filters.random);
    return new FilterChain(settings, factories, drain, this.#makeTls(settings.tls));
  }

  #makeTls(settings: DownstreamTlsSettings | null): DownstreamTls | null {
    if (settings === null) return null;
    this.#tlsStats ??= new TlsStats(this.scope, 'server');
    return new DownstreamTls(settings, this.#tlsStats, this.#deps.ticketKey, this.#deps.secrets, this.clock);
  }
}

const NO_BYTES = Buffer.alloc(0);

function newBalance(key: string, deps: ListenerDeps, count: ConnectionCount): ConnectionBalance | null {
  if (deps.workerIndex >= BALANCED_WORKERS) return null;
  const { shared } = deps.filters;
  const block = shared.acquire(`connection balance ${key}`);
  // The first worker makes the listener before the others: nobody else asks at the same time.
  const base = shared.extend(block, 0, BALANCE_CELLS);
  if (base < 0) return null;
  return new ConnectionBalance({ cells: block.cells, base, ledger: block.ledger, holder: block }, deps.workerIndex, count);
}

/** Of a connection that is not yet, or not any more, anybody's. */
const IGNORE: ConnectionHandler = {
  onData: () => undefined,
  onEnd: () => undefined,
  onClose: (_event: CloseEvent) => undefined,
  onAboveWriteBufferHighWatermark: () => undefined,
  onBelowWriteBufferLowWatermark: () => undefined,
};

function ends(info: DownstreamConnectionInfo): object {
  return {
    listener: info.listenerName,
    filterChain: info.filterChainName,
    remote: info.remoteAddress.text,
    local: info.localAddress.text,
    serverName: info.requestedServerName,
  };
}
