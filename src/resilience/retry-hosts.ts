/** Which hosts and priorities a retry is to avoid. Source: retry_host_predicate and retry_priority of envoy.config.route.v3.RetryPolicy. */
import type { Host } from '../lb/host.ts';
import type { HostSet } from '../lb/host-set.ts';
import type { LoadOverride } from '../lb/load-balancer.ts';
import { healthShares, type PriorityLoads, shareOut } from '../lb/priority-load.ts';

export interface RetryHostSettings {
  /** previous_hosts. */
  readonly previousHosts: boolean;
  /** omit_canary_hosts. */
  readonly canaries: boolean;
  /** omit_host_metadata: hosts are avoided that have all of these under `envoy.lb`; null = the predicate is absent. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** previous_priorities: after how many tries their priorities are left out; 0 = never. */
  readonly priorityUpdateFrequency: number;
}

/** The hosts that one request was tried on. */
export class TriedHosts implements LoadOverride {
  readonly #settings: RetryHostSettings;
  readonly #hosts: Host[];
  /** Priorities that are left out; the loads that follow from it. */
  #excluded: boolean[];
  #loads: PriorityLoads | null;

  constructor(settings: RetryHostSettings) {
    this.#settings = settings;
    this.#hosts = [];
    this.#excluded = [];
    this.#loads = null;
  }

  note(host: Host): void {
    this.#hosts.push(host);
  }

  /** Whether another host is to be picked than this. */
  avoids(host: Host): boolean {
    const { previousHosts, canaries, metadata } = this.#settings;
    if (previousHosts && this.#hosts.includes(host)) return true;
    if (canaries && host.canary) return true;
    return metadata !== null && hasAll(host.metadata, metadata);
  }

  get avoidsPriorities(): boolean {
    return this.#settings.priorityUpdateFrequency > 0;
  }

  priorityLoads(sets: readonly HostSet[], loads: PriorityLoads): PriorityLoads {
    const tried = this.#hosts.length;
    const frequency = this.#settings.priorityUpdateFrequency;
    if (tried < frequency) return loads;
    if (tried % frequency === 0) {
      for (const host of this.#hosts) this.#excluded[priorityIn(sets, host)] = true;
      this.#loads = this.#loadsOfOthers(sets, loads);
    }
    return this.#loads ?? loads;
  }

  /** null: there is nobody anywhere. */
  #loadsOfOthers(sets: readonly HostSet[], loads: PriorityLoads): PriorityLoads | null {
    const shares = healthShares(sets);
    let others = this.#withoutExcluded(shares);
    if (sum(others.healthy) + sum(others.degraded) === 0) {
      // All were tried: they start over.
      this.#excluded = [];
      this.#hosts.length = 0;
      others = this.#withoutExcluded(shares);
    }
    const available = Math.min(100, sum(others.healthy) + sum(others.degraded));
    return available === 0 ? null : { ...shareOut(others.healthy, others.degraded, available), panic: loads.panic };
  }

  #withoutExcluded(shares: { readonly healthy: readonly number[]; readonly degraded: readonly number[] }) {
    const left = (list: readonly number[]) => list.map((share, priority) => (this.#excluded[priority] === true ? 0 : share));
    return { healthy: left(shares.healthy), degraded: left(shares.degraded) };
  }
}

/** Its own priority, or in an aggregate cluster that of its cluster's place. */
function priorityIn(sets: readonly HostSet[], host: Host): number {
  if (sets[host.priority]?.hosts.includes(host) === true) return host.priority;
  const found = sets.findIndex((set) => set.hosts.includes(host));
  return found < 0 ? host.priority : found;
}

function sum(list: readonly number[]): number {
  return list.reduce((a, b) => a + b, 0);
}

/** As Envoy's Metadata::metadataLabelMatch: a list of the host matches by any of its items. */
function hasAll(metadata: Readonly<Record<string, unknown>> | null, wanted: Readonly<Record<string, unknown>>): boolean {
  const own = metadata?.['envoy.lb'] as Readonly<Record<string, unknown>> | undefined;
  for (const [key, value] of Object.entries(wanted)) {
    const found = own?.[key];
    if (found === undefined) return false;
    const text = JSON.stringify(value);
    const matches = Array.isArray(found) ? found.some((item) => JSON.stringify(item) === text) : JSON.stringify(found) === text;
    if (!matches) return false;
  }
  return true;
}
