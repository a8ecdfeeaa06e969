/** How a cluster's block in the shared slab is laid out: its limits at both priorities, the hosts if they are fixed, and what retry budgets count over time. */
import { HOST_CELLS } from '../lb/host.ts';
import { BREAKER_CELLS } from '../resilience/circuit-breaker.ts';
import { MONITOR_CELLS } from '../resilience/outlier/monitor-cells.ts';
import { RequestWindow, WINDOW_CELLS } from '../resilience/request-window.ts';
import type { Clock } from '../runtime/clock.ts';
import { countEndpoints } from './host-update.ts';
import type { ClusterSettings } from './settings.ts';

export const CLUSTER_CELLS = 2 * BREAKER_CELLS;

/** Cells of one host: its own, then its monitor's where there is outlier detection. */
export function hostCells(settings: ClusterSettings): number {
  return settings.outlier === null ? HOST_CELLS : HOST_CELLS + MONITOR_CELLS;
}

export function clusterBlockCells(settings: ClusterSettings): number {
  return windowsAt(settings) + WINDOW_CELLS * (intervalOf(settings, 1) > 0 ? 2 : intervalOf(settings, 0) > 0 ? 1 : 0);
}

/** Requests of the retry budget's interval at that priority; null where it has none. @param block the cluster's; -1 = its cells are this thread's own */
export function requestWindow(
  settings: ClusterSettings,
  priority: 0 | 1,
  cells: Int32Array,
  block: number,
  clock: Clock,
): RequestWindow | null {
  const intervalMs = intervalOf(settings, priority);
  if (intervalMs === 0) return null;
  return new RequestWindow(cells, Math.max(block, 0) + windowsAt(settings) + priority * WINDOW_CELLS, intervalMs, clock);
}

function windowsAt(settings: ClusterSettings): number {
  return CLUSTER_CELLS + (settings.type === 'STATIC' ? countEndpoints(settings) * hostCells(settings) : 0);
}

function intervalOf({ breakers }: ClusterSettings, priority: 0 | 1): number {
  return breakers[priority].retryBudget?.intervalMs ?? 0;
}
