/**
 * ORIGINAL_DST: the host is where the client wanted to go. The address comes from dynamic metadata, filter state, a header or the
 * restored local address of the connection, in that order; hosts are made on demand and dropped when unused for cleanup_interval.
 */
import type { Host, HostAddress } from '../lb/host.ts';
import type { BalanceContext } from '../lb/load-balancer.ts';
import type { SharedSlab } from '../lb/shared-slab.ts';
import { ipAddress, parseIpPort } from '../net/address.ts';
import { type Clock, Timer, type TimerTarget } from '../runtime/clock.ts';
import type { LbContext } from './api.ts';
import type { ClusterStats } from './cluster-stats.ts';
import { OwnHostCells, type OwnHostsBalancer } from './own-hosts.ts';
import type { OriginalDstSettings } from './settings.ts';

/** Filter-state object that overrides the destination. */
const FILTER_STATE_KEY = 'envoy.network.transport_socket.original_dst_address';

class Entry {
  readonly host: Host;
  used: boolean;
  constructor(host: Host) {
    this.host = host;
    this.used = true;
  }
}

export class OriginalDstBalancer implements OwnHostsBalancer, TimerTarget {
  readonly #settings: OriginalDstSettings;
  readonly #stats: ClusterStats;
  readonly #clock: Clock;
  readonly #make: (address: HostAddress, cells: Int32Array, slot: number) => Host;
  readonly #drop: (host: Host) => void;
  readonly #hosts: Map<string, Entry>;
  readonly #timer: Timer;
  readonly #cells: OwnHostCells;

  constructor(
    settings: OriginalDstSettings,
    stats: ClusterStats,
    clock: Clock,
    slab: SharedSlab,
    make: (address: HostAddress, cells: Int32Array, slot: number) => Host,
    drop: (host: Host) => void,
  ) {
    this.#settings = settings;
    this.#stats = stats;
    this.#clock = clock;
    this.#make = make;
    this.#drop = drop;
    this.#hosts = new Map();
    this.#timer = new Timer(this, 0);
    this.#cells = new OwnHostCells(slab);
  }

  update(): void {}

  chooseHost(context: BalanceContext): Host | null {
    const address = this.#destination(context as LbContext);
    if (address === null) return null;
    let entry = this.#hosts.get(address.text);
    if (entry === undefined) {
      entry = new Entry(this.#cells.newHost((cells, base) => this.#make(address, cells, base)));
      this.#hosts.set(address.text, entry);
      if (!this.#timer.armed) this.#clock.arm(this.#timer, this.#settings.cleanupIntervalMs);
    }
    entry.used = true;
    return entry.host;
  }

  hosts(): Host[] {
    return Array.from(this.#hosts.values(), (entry) => entry.host);
  }

  stop(): void {
    this.#clock.disarm(this.#timer);
  }

  onTimer(): void {
    for (const [key, entry] of this.#hosts) {
      // A host with connections or requests is in use, whether or not it was picked lately.
      if (entry.used || entry.host.cxActive > 0 || entry.host.rqActive > 0) entry.used = false;
      else {
        this.#hosts.delete(key);
        this.#drop(entry.host);
        this.#cells.free(entry.host);
      }
    }
    if (this.#hosts.size > 0) this.#clock.arm(this.#timer, this.#settings.cleanupIntervalMs);
  }

  #destination(context: LbContext): HostAddress | null {
    const address = this.#wanted(context);
    if (address === null || this.#settings.portOverride === 0 || address.kind !== 'ip') return address;
    return ipAddress(address.ip, this.#settings.portOverride);
  }

  #wanted(context: LbContext): HostAddress | null {
    const { metadataPath, useHttpHeader, httpHeaderName } = this.#settings;
    if (metadataPath.length > 0) {
      const text = metadataText(context.streamInfo.dynamicMetadata, metadataPath);
      if (text !== null) return this.#parsed(text);
    }
    const state = context.streamInfo.filterState?.get(FILTER_STATE_KEY);
    if (state !== undefined) {
      if (typeof state === 'string') return this.#parsed(state);
      return state as HostAddress;
    }
    if (useHttpHeader) {
      const text = context.requestHeaders?.lookup(httpHeaderName);
      if (text !== undefined) return this.#parsed(text);
    }
    // Without the listener's restoring it is the proxy's own port: a loop.
    return context.downstream.localAddressRestored ? context.downstream.localAddress : null;
  }

  #parsed(text: string): HostAddress | null {
    const address = parseIpPort(text);
    if (address === null) this.#stats.originalDstHostInvalid.inc();
    return address;
  }
}

function metadataText(metadata: ReadonlyMap<string, Record<string, unknown>> | null, path: readonly string[]): string | null {
  let value: unknown = metadata?.get(path[0]!);
  for (let i = 1; i < path.length; i++) {
    if (typeof value !== 'object' || value === null) return null;
    value = (value as Record<string, unknown>)[path[i]!];
  }
  return typeof value === 'string' ? value : null;
}
