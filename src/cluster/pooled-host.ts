/** A host with this worker's pools to it, by routing priority. */
import { Host } from '../lb/host.ts';
import { type Address, parseIpPort } from '../net/address.ts';
import type { WorkerCluster } from './cluster.ts';
import { type HostRecord, recordAddress } from './host-update.ts';
import type { ClusterPool } from './pool/pool-owner.ts';
import type { TcpConnecting } from './pool/tcp-connect.ts';

export class PooledHost extends Host {
  /** The cluster that made it, and has its pools. */
  readonly owner: WorkerCluster;
  defaultPool: ClusterPool | null;
  highPool: ClusterPool | null;
  /** With use_downstream_protocol_config, beside the HTTP/1 ones. */
  defaultHttp2Pool: ClusterPool | null;
  highHttp2Pool: ClusterPool | null;
  /** Pools of servers that requests name, by `nameKey`; null = there has been none. */
  named: Map<string, ClusterPool> | null;
  /** Further addresses of the host; null = none. */
  others: readonly Address[] | null;
  /** `failing` as it was last told. */
  wasFailing: boolean;
  /** Connections that end with the host's health (close_connections_on_host_health_failure); null = none. */
  tcp: Set<TcpConnecting> | null;

  constructor(address: Address, hostname: string, cells: Int32Array, base: number, ledger: Int32Array | null, owner: WorkerCluster) {
    super(address, hostname, cells, base, ledger);
    this.owner = owner;
    this.defaultPool = null;
    this.highPool = null;
    this.defaultHttp2Pool = null;
    this.highHttp2Pool = null;
    this.named = null;
    this.others = null;
    this.wasFailing = false;
    this.tcp = null;
  }

  eachPool(visit: (pool: ClusterPool) => void): void {
    // A visit may take the pool away. Thousands of hosts may go at once, most of which have none.
    if (this.defaultPool !== null) visit(this.defaultPool);
    if (this.highPool !== null) visit(this.highPool);
    if (this.defaultHttp2Pool !== null) visit(this.defaultHttp2Pool);
    if (this.highHttp2Pool !== null) visit(this.highHttp2Pool);
    if (this.named !== null) for (const pool of [...this.named.values()]) visit(pool);
  }

  /** @param second it is the HTTP/2 one of two kinds */
  keepPool(pool: ClusterPool, priority: 0 | 1, second: boolean): void {
    if (second) {
      if (priority === 0) this.defaultHttp2Pool = pool;
      else this.highHttp2Pool = pool;
    } else if (priority === 0) this.defaultPool = pool;
    else this.highPool = pool;
  }

  forgetPool(pool: ClusterPool): void {
    if (this.defaultPool === pool) this.defaultPool = null;
    else if (this.highPool === pool) this.highPool = null;
    else if (this.defaultHttp2Pool === pool) this.defaultHttp2Pool = null;
    else if (this.highHttp2Pool === pool) this.highHttp2Pool = null;
    else if (this.named !== null) for (const [key, named] of this.named) if (named === pool) this.named.delete(key);
  }
}

/** What a list of hosts tells of one that is here. */
export function placeHost(host: PooledHost, record: HostRecord, priority: number): PooledHost {
  // A logical host (LOGICAL_DNS) keeps its identity while its address changes.
  const { ip, port, path } = host.address;
  if (ip !== record.ip || port !== record.port || path !== record.path) {
    const address: Address = recordAddress(record);
    if (host.address.text !== address.text) host.address = address;
  }
  const { additional } = record;
  host.others = additional.length === 0 ? null : additional.map((text) => parseIpPort(text)!);
  host.weight = record.weight;
  host.metadata = record.metadata;
  host.locality = record.locality;
  host.localityWeight = record.localityWeight;
  host.endpointHealth = record.health;
  host.priority = priority;
  return host;
}
