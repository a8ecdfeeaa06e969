/** How traffic is shared between priority levels. Integer arithmetic as in Envoy's LoadBalancerBase::recalculatePerPriorityState. */
import type { Host } from './host.ts';
import type { HostSet } from './host-set.ts';

export interface PriorityLoads {
  /** Percent of picks that go to the healthy hosts of each priority. */
  readonly healthy: readonly number[];
  /** … and to its degraded hosts. Together they add up to 100, or to 0 when there is no host at all. */
  readonly degraded: readonly number[];
  /** Priorities that are in panic: picks ignore health there. */
  readonly panic: readonly boolean[];
}

/** How much of its traffic each priority could take, in percent, inflated by the overprovisioning factor. */
export function healthShares(sets: readonly HostSet[]): { readonly healthy: readonly number[]; readonly degraded: readonly number[] } {
  const healthyShare: number[] = [];
  const degradedShare: number[] = [];
  for (const set of sets) {
    const total = set.weightedPriorityHealth ? weightOf(set.hosts) - excludedWeight(set) : set.hosts.length - set.excluded;
    const healthy = set.weightedPriorityHealth ? weightOf(set.healthy) : set.healthy.length;
    const degraded = set.weightedPriorityHealth ? weightOf(set.degraded) : set.degraded.length;
    healthyShare.push(total <= 0 ? 0 : Math.min(100, Math.floor((set.overprovisioningFactor * healthy) / total)));
    degradedShare.push(total <= 0 ? 0 : Math.min(100, Math.floor((set.overprovisioningFactor * degraded) / total)));
  }
  return { healthy: healthyShare, degraded: degradedShare };
}

/** @param panicThreshold percent; 0 = never panic */
export function computePriorityLoads(sets: readonly HostSet[], panicThreshold: number): PriorityLoads {
  const shares = healthShares(sets);
  const total = (list: readonly number[]) => list.reduce((a, b) => a + b, 0);
  const available = Math.min(100, total(shares.healthy) + total(shares.degraded));
  const panic = sets.map((set) => available < 100 && inPanic(set, panicThreshold));
  if (available === 0 || panic.every(Boolean)) return { healthy: loadsByHostCount(sets), degraded: sets.map(() => 0), panic };
  return { ...shareOut(shares.healthy, shares.degraded, available), panic };
}

/** All traffic over shares that add up to `available` percent, which is not 0: healthy hosts first, in the order of priorities. */
export function shareOut(
  healthyShare: readonly number[],
  degradedShare: readonly number[],
  available: number,
): { readonly healthy: readonly number[]; readonly degraded: readonly number[] } {
  let remaining = 100;
  const take = (share: number) => {
    const load = Math.min(remaining, Math.floor((share * 100) / available));
    remaining -= load;
    return load;
  };
  const healthy = healthyShare.map(take);
  const degraded = degradedShare.map(take);
  if (remaining > 0) {
    // What rounding left over.
    const firstHealthy = healthyShare.findIndex((share) => share > 0);
    if (firstHealthy >= 0) healthy[firstHealthy]! += remaining;
    else degraded[degradedShare.findIndex((share) => share > 0)]! += remaining;
  }
  return { healthy, degraded };
}

function weightOf(hosts: readonly Host[]): number {
  return hosts.reduce((sum, host) => sum + host.weight, 0);
}

function excludedWeight(set: HostSet): number {
  return set.excluded === 0 ? 0 : set.hosts.reduce((sum, host) => sum + (host.excluded ? host.weight : 0), 0);
}

/** Too few of the hosts can be used; always by their number. */
export function inPanic(set: HostSet, threshold: number): boolean {
  const total = set.hosts.length - set.excluded;
  const percent = total <= 0 ? 0 : (100 * set.healthy.length) / total + (100 * set.degraded.length) / total;
  return percent < threshold;
}

/** Everything panics: priorities share by their number of hosts, the remainder to the first that has any. */
function loadsByHostCount(sets: readonly HostSet[]): number[] {
  const total = sets.reduce((n, set) => n + set.hosts.length, 0);
  if (total === 0) return sets.map(() => 0);
  const loads = sets.map((set) => Math.floor((100 * set.hosts.length) / total));
  const first = sets.findIndex((set) => set.hosts.length > 0);
  loads[first]! += 100 - loads.reduce((a, b) => a + b, 0);
  return loads;
}
