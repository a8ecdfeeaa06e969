/** How a cluster's block in the shared slab is laid out: its limits at both priorities, then the hosts if they are fixed. */
import { HOST_CELLS } from '../lb/host.ts';
import { BREAKER_CELLS } from '../resilience/circuit-breaker.ts';
import { MONITOR_CELLS } from '../resilience/outlier/monitor-cells.ts';
import { countEndpoints } from './host-update.ts';
import type { ClusterSettings } from './settings.ts';

export const CLUSTER_CELLS = 2 * BREAKER_CELLS;

/** Cells of one host: its own, then its monitor's where there is outlier detection. */
export function hostCells(settings: ClusterSettings): number {
  return settings.outlier === null ? HOST_CELLS : HOST_CELLS + MONITOR_CELLS;
}

export function clusterBlockCells(settings: ClusterSettings): number {
  return CLUSTER_CELLS + (settings.type === 'STATIC' ? countEndpoints(settings) * hostCells(settings) : 0);
}
