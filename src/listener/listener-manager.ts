/**
 * The listeners of one worker: adds, updates and removes them. What did not change is not touched; a change of filter chains alone
 * leaves the listener in place; any other change replaces it, handing over its sockets where they can stay.
 */
import type { NetworkFilter } from '../filters/api.ts';
import type { Address } from '../net/address.ts';
import { Timer, type TimerTarget } from '../runtime/clock.ts';
import { receiveSocket } from './connection-balance.ts';
import type { ListenerDeps } from './deps.ts';
import { DrainSequence, type DrainStrategy } from './drain.ts';
import type { FilterChain } from './filter-chain.ts';
import { addressText, ListenSocket, socketIdentity } from './listen-socket.ts';
import { ListenerManagerStats } from './listener-manager-stats.ts';
import type { ListenAddressSettings, ListenerSettings } from './settings.ts';
import { type ListenerDirectory, TcpListener } from './tcp-listener.ts';

export type UpdateOutcome = 'added' | 'unchanged' | 'filter-chains' | 'replaced';

/** A listener as `/listeners` shows it. */
export interface ListenerStatus {
  readonly name: string;
  readonly key: string;
  readonly addresses: readonly string[];
  readonly connections: number;
}

/** Streams that one look at the memory may end. Source: Envoy's WatermarkBufferFactory. */
const MAX_RESETS = 50;

const INBOUND = 1;
const OUTBOUND = 2;

interface Running {
  listener: TcpListener;
  text: string;
  sockets: ListenSocket[];
}

/** Filter chains that are on their way out, with the connections that they still have. */
class Leaving implements TimerTarget {
  readonly chains: readonly FilterChain[];
  readonly #done: () => void;
  readonly timer: Timer;
  #left: number;

  constructor(chains: readonly FilterChain[], done: () => void) {
    this.chains = chains;
    this.#done = done;
    this.timer = new Timer(this, 0);
    this.#left = chains.length;
  }

  start(strategy: DrainStrategy, durationMs: number): void {
    for (const chain of this.chains) {
      chain.drain.start(strategy, durationMs);
      // Gradually each connection finds out for itself, with one of its responses: not all of them reconnect at once.
      if (strategy === 'immediate') chain.notifyDrain();
    }
    for (const chain of this.chains) {
      chain.whenEmpty(() => {
        if (--this.#left === 0) this.#done();
      });
    }
  }

  onTimer(): void {
    this.closeAll();
  }

  get connectionCount(): number {
    let n = 0;
    for (const chain of this.chains) n += chain.connectionCount;
    return n;
  }

  closeAll(): void {
    for (const chain of this.chains) chain.closeAll();
  }
}

export class ListenerManager implements ListenerDirectory {
  readonly #deps: ListenerDeps;
  readonly #running = new Map<string, Running>();
  readonly #leaving = new Set<Leaving>();
  readonly #serverDrain: DrainSequence;
  #drainInboundOnly: boolean;
  #terminating: boolean;
  #holding: boolean;
  /** stop_accepting_connections is active. */
  #overloaded: boolean;
  /** After `/healthcheck/fail`: connections of listeners with drain_type DEFAULT are let go. */
  healthCheckFailed: boolean;
  /** Destination text → listener. */
  #byAddress: Map<string, TcpListener>;
  /** Updates run one after the other. */
  #tail: Promise<unknown>;
  drainStrategy: DrainStrategy;
  drainTimeMs: number;
  readonly #stats: ListenerManagerStats;

  constructor(deps: ListenerDeps, drainStrategy: DrainStrategy, drainTimeMs: number) {
    this.#deps = deps;
    this.#serverDrain = new DrainSequence(deps.filters.clock, deps.filters.random);
    this.#drainInboundOnly = false;
    this.#terminating = false;
    this.#holding = false;
    this.#overloaded = false;
    this.healthCheckFailed = false;
    this.#byAddress = new Map();
    this.#tail = Promise.resolve();
    this.drainStrategy = drainStrategy;
    this.drainTimeMs = drainTimeMs;
    this.#stats = new ListenerManagerStats(deps.filters.scope, deps.workerIndex);
  }

  /**
   * Puts a listener in place under `key`. Rejects, with everything as it was, if a socket cannot be opened or a filter cannot be made.
   * Port 0 is resolved by the first worker; the others are given the settings with the port that `status` then shows.
   */
  addOrUpdate(key: string, settings: ListenerSettings): Promise<UpdateOutcome> {
    const done = this.#tail.then(() => this.#apply(key, settings));
    this.#tail = done.then(
      (outcome) => {
        if (outcome !== 'unchanged') this.#stats.createSuccess.inc();
        if (outcome === 'filter-chains') this.#stats.updatedInPlace();
      },
      () => this.#stats.createFailure.inc(),
    );
    return done;
  }

  /** Stops accepting at once; connections drain and are closed when the drain time is over. */
  remove(key: string): Promise<boolean> {
    const done = this.#tail.then(() => {
      const running = this.#running.get(key);
      if (running === undefined) return false;
      this.#running.delete(key);
      for (const socket of running.sockets) socket.close();
      this.#index();
      this.#leave(running.listener);
      return true;
    });
    this.#tail = done.catch(() => undefined);
    return done;
  }

  /** Lets go of connections, by and by with the gradual strategy, while new ones are still accepted. */
  startDraining(inboundOnly: boolean): void {
    this.#drainInboundOnly = inboundOnly;
    this.#serverDrain.start(this.drainStrategy, this.drainTimeMs);
    if (this.drainStrategy === 'gradual') return;
    for (const { listener } of this.#running.values()) {
      if (this.shouldNotify(listener)) for (const chain of listener.chains) chain.notifyDrain();
    }
  }

  /** No listener, or none of traffic direction INBOUND, accepts any more. Connections stay. */
  stopListening(inboundOnly: boolean): void {
    for (const running of this.#running.values()) {
      if (inboundOnly && running.listener.settings.trafficDirection !== INBOUND) continue;
      for (const socket of running.sockets) socket.close();
      running.sockets = [];
    }
    this.#index();
  }

  /** While the proxy starts: listeners open, and connections to them wait until `serveConnections` instead of being refused. */
  holdConnections(): void {
    this.#holding = true;
  }

  serveConnections(): void {
    this.#holding = false;
    if (!this.#overloaded) this.#releaseSockets();
  }

  /**
   * stop_accepting_connections: new connections wait until the pressure is gone. Node cannot leave them in the kernel's backlog; they are
   * accepted, and neither read nor counted.
   */
  holdForOverload(hold: boolean): void {
    this.#overloaded = hold;
    if (!hold) {
      if (!this.#holding) this.#releaseSockets();
      return;
    }
    for (const { listener, sockets } of this.#running.values()) {
      if (!listener.settings.bypassOverloadManager) for (const socket of sockets) socket.hold();
    }
  }

  /** A connection that another worker has accepted for this one; closed if its listener is gone. */
  takeConnection(key: string, fd: number, listenPath: string): void {
    const running = this.#running.get(key);
    if (running === undefined) receiveSocket(fd).close();
    else running.listener.takeOver(fd, listenPath);
  }

  /** Ends the streams that hold at least `minBytes`, the largest first. @returns how many */
  resetStreams(minBytes: number): number {
    const found: { bytes: number; filter: NetworkFilter }[] = [];
    for (const { listener } of this.#running.values()) for (const chain of listener.chains) chain.collectBuffered(minBytes, found);
    for (const leaving of this.#leaving) for (const chain of leaving.chains) chain.collectBuffered(minBytes, found);
    found.sort((a, b) => b.bytes - a.bytes);
    const count = Math.min(found.length, MAX_RESETS);
    for (let i = 0; i < count; i++) found[i]!.filter.resetForMemory?.();
    return count;
  }

  #releaseSockets(): void {
    for (const { sockets } of this.#running.values()) for (const socket of sockets) socket.release();
  }

  /**
   * The process is about to end: what comes in from outside is let go with its next response and accepted no more, at once and whatever
   * the drain type. Listeners of traffic direction OUTBOUND work on: the application needs them for its own way out.
   */
  terminate(): void {
    this.#terminating = true;
    for (const running of this.#running.values()) {
      if (running.listener.settings.trafficDirection === OUTBOUND) continue;
      for (const chain of running.listener.chains) chain.notifyDrain();
      for (const socket of running.sockets) socket.close();
      running.sockets = [];
    }
    this.#index();
  }

  /** Ends everything now. */
  shutdown(): void {
    this.stopListening(false);
    for (const { listener } of this.#running.values()) for (const chain of listener.chains) chain.closeAll();
    for (const leaving of this.#leaving) leaving.closeAll();
  }

  status(): ListenerStatus[] {
    return [...this.#running.entries()].map(([key, { listener, sockets }]) => ({
      name: listener.settings.name,
      key,
      addresses: sockets.length > 0 ? sockets.map((s) => s.address.text) : listener.settings.addresses.map(addressText),
      connections: listener.connectionCount,
    }));
  }

  /** Connections that are open, those of listeners and filter chains on their way out too. */
  get connectionCount(): number {
    let n = 0;
    for (const { listener } of this.#running.values()) n += listener.connectionCount;
    return n + this.leavingCount;
  }

  /** Connections of listeners and filter chains on their way out: they go on as they were configured. */
  get leavingCount(): number {
    let n = 0;
    for (const leaving of this.#leaving) n += leaving.connectionCount;
    return n;
  }

  /** In the order in which they were added. */
  get listeners(): readonly TcpListener[] {
    return Array.from(this.#running.values(), ({ listener }) => listener);
  }

  findForDestination(destination: Address): TcpListener | null {
    const exact = this.#byAddress.get(destination.text);
    if (exact !== undefined) return exact;
    if (destination.kind !== 'ip') return null;
    return this.#byAddress.get(destination.version === 4 ? `0.0.0.0:${destination.port}` : `[::]:${destination.port}`) ?? null;
  }

  shouldDrain(listener: TcpListener): boolean {
    if (this.#terminating && listener.settings.trafficDirection !== OUTBOUND) return true;
    if (this.healthCheckFailed && listener.settings.drainType === 'DEFAULT') return true;
    return this.shouldNotify(listener) && this.#serverDrain.shouldClose();
  }

  private shouldNotify(listener: TcpListener): boolean {
    return listener.settings.drainType === 'DEFAULT' && (!this.#drainInboundOnly || listener.settings.trafficDirection === INBOUND);
  }

  async #apply(key: string, settings: ListenerSettings): Promise<UpdateOutcome> {
    const text = JSON.stringify(settings);
    const running = this.#running.get(key);
    if (running === undefined) {
      const first = settings.addresses[0];
      const listener = new TcpListener(key, settings, first === undefined ? '' : addressText(first), this.#deps, this);
      const sockets = await this.#open(settings, listener, []);
      this.#running.set(key, { listener, text, sockets });
      this.#index();
      return 'added';
    }
    if (running.text === text) return 'unchanged';
    if (withoutChains(running.listener.settings) === withoutChains(settings)) {
      const gone = running.listener.updateFilterChains(settings.filterChains, settings.defaultFilterChain);
      running.listener.settings = settings;
      running.text = text;
      this.#drainChains(gone, false);
      return 'filter-chains';
    }
    const old = running.listener;
    const listener = new TcpListener(key, settings, addressText(settings.addresses[0]!), this.#deps, this);
    const before = running.sockets;
    running.sockets = await this.#open(settings, listener, before);
    for (const socket of before) if (!running.sockets.includes(socket)) socket.close();
    running.listener = listener;
    running.text = text;
    this.#index();
    this.#leave(old);
    return 'replaced';
  }

  /** The sockets of a listener: those of `before` that can stay, the others opened. All or none. */
  async #open(settings: ListenerSettings, listener: TcpListener, before: readonly ListenSocket[]): Promise<ListenSocket[]> {
    if (!settings.bindToPort || (this.#terminating && settings.trafficDirection !== OUTBOUND)) return [];
    const sockets: ListenSocket[] = [];
    const opened: ListenSocket[] = [];
    try {
      for (const address of settings.addresses) {
        if (!this.#opensHere(settings, address)) continue;
        const identity = socketIdentity(settings, address);
        let socket = before.find((s) => s.identity === identity);
        if (socket === undefined) {
          socket = await ListenSocket.open(settings, address, this.#deps.preparedSockets, listener);
          if (this.#holding || (this.#overloaded && !settings.bypassOverloadManager)) socket.hold();
          opened.push(socket);
        }
        sockets.push(socket);
      }
    } catch (error) {
      for (const socket of opened) socket.close();
      throw error;
    }
    for (const socket of sockets) socket.receiver = listener;
    return sockets;
  }

  /** Only sockets that can be opened more than once are opened by every worker; the first worker has the others for itself. */
  #opensHere(settings: ListenerSettings, address: ListenAddressSettings): boolean {
    return this.#deps.workerIndex === 0 || (settings.reusePort && address.kind === 'ip');
  }

  #index(): void {
    const map = new Map<string, TcpListener>();
    for (const { listener, sockets } of this.#running.values()) {
      const { settings } = listener;
      // A listener that has stopped is no candidate; one that never binds always is.
      if (settings.bindToPort && sockets.length === 0 && this.#deps.workerIndex === 0) continue;
      for (const address of settings.addresses) {
        map.set(addressText(address), listener);
        if (address.kind === 'ip' && address.ip === '::' && address.ipv4Compat) {
          const compat = `0.0.0.0:${address.port}`;
          if (!map.has(compat)) map.set(compat, listener);
        }
      }
      for (const socket of sockets) map.set(socket.address.text, listener);
    }
    this.#byAddress = map;
  }

  #leave(listener: TcpListener): void {
    listener.drain.start(this.drainStrategy, this.drainTimeMs);
    this.#drainChains(listener.chains, true);
  }

  /** @param whole all chains of a listener that goes with them */
  #drainChains(chains: readonly FilterChain[], whole: boolean): void {
    if (chains.length === 0) return;
    const { clock } = this.#deps.filters;
    const leaving: Leaving = new Leaving(chains, () => {
      clock.disarm(leaving.timer);
      this.#leaving.delete(leaving);
      for (const chain of chains) chain.close();
      this.#stats.draining(whole, -chains.length);
    });
    this.#stats.draining(whole, chains.length);
    this.#leaving.add(leaving);
    clock.arm(leaving.timer, this.drainTimeMs);
    leaving.start(this.drainStrategy, this.drainTimeMs);
  }
}

/** What may not differ for an update of the filter chains alone. */
function withoutChains(settings: ListenerSettings): string {
  return JSON.stringify({ ...settings, filterChains: [], defaultFilterChain: null });
}
