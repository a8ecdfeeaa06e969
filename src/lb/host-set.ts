/** The hosts of one priority, sorted by health. A snapshot: a change makes a new one. */
import type { Host } from './host.ts';

export interface HostSet {
  readonly priority: number;
  readonly hosts: readonly Host[];
  readonly healthy: readonly Host[];
  readonly degraded: readonly Host[];
  /** Hosts that are left out of the denominators (waiting for their first health check). */
  readonly excluded: number;
  /** Percentage by which a priority's healthy share is inflated; 140 by default. */
  readonly overprovisioningFactor: number;
  readonly weightsEqual: boolean;
}

export function makeHostSet(priority: number, hosts: readonly Host[], overprovisioningFactor: number): HostSet {
  const healthy: Host[] = [];
  const degraded: Host[] = [];
  let excluded = 0;
  let weightsEqual = true;
  for (const host of hosts) {
    if (host.excluded) excluded++;
    if (host.degraded) degraded.push(host);
    else if (!host.unhealthy) healthy.push(host);
    if (host.weight !== hosts[0]!.weight) weightsEqual = false;
  }
  // The common case keeps one array.
  const allHealthy = healthy.length === hosts.length;
  return { priority, hosts, healthy: allHealthy ? hosts : healthy, degraded, excluded, overprovisioningFactor, weightsEqual };
}
