/**
 * envoy.clusters.dynamic_forward_proxy: the host is the one that the request names; its address comes from a DNS cache, where a filter
 * has put it before. Hosts come and go with the cache's entries.
 */
import type { Host, HostAddress } from '../lb/host.ts';
import type { BalanceContext } from '../lb/load-balancer.ts';
import type { SharedSlab } from '../lb/shared-slab.ts';
import type { LbContext } from './api.ts';
import type { CachedName, DnsCache, DnsCacheListener } from './dns-cache/dns-cache.ts';
import { OwnHostCells, type OwnHostsBalancer } from './own-hosts.ts';

/** Filter state that other filters may set. */
const HOST_STATE = 'envoy.upstream.dynamic_host';
const PORT_STATE = 'envoy.upstream.dynamic_port';

/** What is assumed of a host without a port. */
export function defaultPort(secure: boolean): number {
  return secure ? 443 : 80;
}

/** "name:port" → the name that the host's certificate has to have. */
export function serverNameOf(key: string): string {
  const name = key.slice(0, key.lastIndexOf(':'));
  return name.startsWith('[') ? name.slice(1, -1) : name;
}

export class ForwardProxyBalancer implements OwnHostsBalancer, DnsCacheListener {
  readonly #cache: DnsCache;
  readonly #defaultPort: number;
  readonly #cells: OwnHostCells;
  readonly #make: (name: string, address: HostAddress, cells: Int32Array, base: number) => Host;
  readonly #drop: (host: Host) => void;
  readonly #hosts = new Map<string, Host>();

  constructor(
    cache: DnsCache,
    secure: boolean,
    slab: SharedSlab,
    make: (name: string, address: HostAddress, cells: Int32Array, base: number) => Host,
    drop: (host: Host) => void,
  ) {
    this.#cache = cache;
    this.#defaultPort = defaultPort(secure);
    this.#cells = new OwnHostCells(slab);
    this.#make = make;
    this.#drop = drop;
    cache.listen(this);
  }

  /** It has no hosts but those of the cache. */
  update(): void {}

  chooseHost(context: BalanceContext): Host | null {
    const { requestHeaders, streamInfo, downstream } = context as LbContext;
    const state = streamInfo.filterState;
    const name = (state?.get(HOST_STATE) as string | undefined) ?? requestHeaders?.authority ?? downstream.requestedServerName;
    if (name === '') return null;
    const port = Number(state?.get(PORT_STATE) ?? 0);
    const entry = this.#cache.find(name, port > 0 && port <= 65_535 ? port : this.#defaultPort);
    return entry === null ? null : (this.#hosts.get(entry.key) ?? null);
  }

  hosts(): Host[] {
    return [...this.#hosts.values()];
  }

  stop(): void {
    this.#cache.unlisten(this);
  }

  onAddress(entry: CachedName): void {
    const address = entry.address!;
    const known = this.#hosts.get(entry.key);
    // A host keeps its identity while its address changes, as with LOGICAL_DNS.
    if (known !== undefined) known.address = address;
    else
      this.#hosts.set(
        entry.key,
        this.#cells.newHost((cells, base) => this.#make(entry.key, address, cells, base)),
      );
  }

  onRemoved(entry: CachedName): void {
    const host = this.#hosts.get(entry.key);
    if (host === undefined) return;
    this.#hosts.delete(entry.key);
    this.#drop(host);
    this.#cells.free(host);
  }
}
