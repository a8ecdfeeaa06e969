/**
 * Connections to hosts that the next requests will go to, before these come. Source: preconnect_policy.predictive_preconnect_ratio; rules:
 * Envoy's ClusterManagerImpl::ThreadLocalClusterManagerImpl::maybePreconnect.
 */
import type { ClusterPool } from './pool/pool-owner.ts';
import { type StreamCounts, wantsAhead } from './pool/stream-counts.ts';

/** Envoy's bound for each request. */
const MAX_PER_REQUEST = 3;

/**
 * A request is about to be given to a pool.
 * @param pools of the cluster on this worker
 * @param next the pool of the host that is picked next; null = it cannot be told
 */
export function preconnectAhead(ratio: number, pools: Iterable<ClusterPool>, next: () => ClusterPool | null): void {
  const sum: StreamCounts = { pending: 0, active: 0, spare: 0 };
  for (let i = 0; i < MAX_PER_REQUEST; i++) {
    sum.pending = 0;
    sum.active = 0;
    sum.spare = 0;
    for (const pool of pools) pool.countStreams(sum);
    if (!wantsAhead(sum, ratio) || next()?.preconnect(ratio) !== true) return;
  }
}
