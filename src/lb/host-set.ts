/** The hosts of one priority, sorted by health and, where the cluster needs it, by locality. A snapshot: a change makes a new one. */
import { DEGRADED, EXCLUDED, type Host, type Locality, UNHEALTHY } from './host.ts';

/** The hosts of one locality. */
export interface LocalityHosts {
  readonly locality: Locality;
  /** `load_balancing_weight` of the locality; 0 = none given. */
  readonly weight: number;
  readonly hosts: readonly Host[];
  readonly healthy: readonly Host[];
  readonly degraded: readonly Host[];
  /** Number of excluded hosts. */
  readonly excluded: number;
}

export interface HostSet {
  readonly priority: number;
  readonly hosts: readonly Host[];
  readonly healthy: readonly Host[];
  readonly degraded: readonly Host[];
  /** Hosts that are left out of the denominators (waiting for their first health check). */
  readonly excluded: number;
  /** Percentage by which a priority's healthy share is inflated; 140 by default. */
  readonly overprovisioningFactor: number;
  /** Health of the priority is that of its hosts' weights, not of their number. */
  readonly weightedPriorityHealth: boolean;
  readonly weightsEqual: boolean;
  /** The proxy's own locality first if it has hosts here, then by region, zone and sub-zone. Null where nobody asks for them. */
  readonly localities: readonly LocalityHosts[] | null;
  /** The first of `localities` is the proxy's own. */
  readonly hasLocalLocality: boolean;
}

/** What is the same for all host sets of a cluster. */
export interface HostSetOptions {
  readonly weightedPriorityHealth: boolean;
  readonly byLocality: boolean;
  /** The proxy's own locality; null = not told. */
  readonly local: Locality | null;
}

export const PLAIN_HOST_SET: HostSetOptions = Object.freeze({ weightedPriorityHealth: false, byLocality: false, local: null });

export function makeHostSet(
  priority: number,
  hosts: readonly Host[],
  overprovisioningFactor: number,
  options: HostSetOptions = PLAIN_HOST_SET,
): HostSet {
  const healthy: Host[] = [];
  const degraded: Host[] = [];
  let excluded = 0;
  let weightsEqual = true;
  for (const host of hosts) {
    const flags = host.healthFlags;
    if (flags === 0) healthy.push(host);
    else {
      if ((flags & EXCLUDED) !== 0) excluded++;
      if ((flags & (UNHEALTHY | DEGRADED)) === 0) healthy.push(host);
      else if ((flags & UNHEALTHY) === 0) degraded.push(host);
    }
    if (host.weight !== hosts[0]!.weight) weightsEqual = false;
  }
  const localities = options.byLocality ? sortByLocality(hosts, options.local) : null;
  return {
    priority,
    hosts,
    // The common case keeps one array.
    healthy: healthy.length === hosts.length ? hosts : healthy,
    degraded,
    excluded,
    overprovisioningFactor,
    weightedPriorityHealth: options.weightedPriorityHealth,
    weightsEqual,
    localities,
    hasLocalLocality:
      localities !== null && localities.length > 0 && options.local !== null && sameLocality(localities[0]!.locality, options.local),
  };
}

/** The same priority over some of its hosts only. Localities keep their places, so that they stay comparable, even if they have become empty. */
export function narrowHostSet(
  set: HostSet,
  hosts: readonly Host[],
  weightOf: (locality: LocalityHosts, remaining: number) => number,
): HostSet {
  const narrowed = makeHostSet(set.priority, hosts, set.overprovisioningFactor, {
    weightedPriorityHealth: set.weightedPriorityHealth,
    byLocality: false,
    local: null,
  });
  if (set.localities === null) return narrowed;
  const kept = new Set(hosts);
  const localities = set.localities.map((locality) => {
    const inside = locality.hosts.filter((host) => kept.has(host));
    return localityHosts(locality.locality, weightOf(locality, inside.length), inside);
  });
  return { ...narrowed, localities, hasLocalLocality: set.hasLocalLocality };
}

function sortByLocality(hosts: readonly Host[], local: Locality | null): LocalityHosts[] {
  const groups = new Map<string, Host[]>();
  for (const host of hosts) {
    const { region, zone, subZone } = host.locality;
    const key = region + '\n' + zone + '\n' + subZone;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [host]);
    else group.push(host);
  }
  return [...groups.values()]
    .map((group) => localityHosts(group[0]!.locality, group[0]!.localityWeight, group))
    .sort((a, b) => compareLocalities(a.locality, b.locality, local));
}

function localityHosts(locality: Locality, weight: number, hosts: readonly Host[]): LocalityHosts {
  const healthy = hosts.filter((host) => !host.unhealthy && !host.degraded);
  return {
    locality,
    weight,
    hosts,
    healthy: healthy.length === hosts.length ? hosts : healthy,
    degraded: hosts.filter((host) => host.degraded),
    excluded: hosts.reduce((n, host) => n + (host.excluded ? 1 : 0), 0),
  };
}

export function sameLocality(a: Locality, b: Locality): boolean {
  return a.region === b.region && a.zone === b.zone && a.subZone === b.subZone;
}

function compareLocalities(a: Locality, b: Locality, local: Locality | null): number {
  if (local !== null) {
    if (sameLocality(a, local)) return -1;
    if (sameLocality(b, local)) return 1;
  }
  return compareText(a.region, b.region) || compareText(a.zone, b.zone) || compareText(a.subZone, b.subZone);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
