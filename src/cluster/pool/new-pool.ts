/** The kind of pool that a cluster's protocol options ask for. */
import type { Host } from '../../lb/host.ts';
import { AutoPool } from './auto-pool.ts';
import { Http1Pool } from './h1-pool.ts';
import { Http2Pool } from './h2-pool.ts';
import type { ClusterPool, PoolOwner } from './pool-owner.ts';
import type { ServerNames } from './server-names.ts';

/** @param http2 unless handshakes decide */
export function newHttpPool(
  host: Host,
  priority: 0 | 1,
  owner: PoolOwner,
  onEmpty: (pool: ClusterPool) => void,
  names: ServerNames,
  http2: boolean,
): ClusterPool {
  if (owner.http.auto) return new AutoPool(host, priority, owner, onEmpty, names);
  return http2 ? new Http2Pool(host, priority, owner, onEmpty, names) : new Http1Pool(host, priority, owner, onEmpty, names);
}
