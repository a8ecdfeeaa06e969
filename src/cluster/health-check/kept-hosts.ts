/** Which hosts of a cluster stay although discovery does not name them. */
import type { HostBook, KeyedHost } from '../discovery/host-book.ts';
import type { ClusterHealth } from './cluster-health.ts';

/** Hosts that discovery does not name any more stay while their checks pass: discovery is trusted less than what can be seen. */
export function withHealthy(told: KeyedHost[][], kept: readonly KeyedHost[][], book: HostBook, health: ClusterHealth): KeyedHost[][] {
  const named = new Set(told.flat().map(({ key }) => key));
  const all = told.map((hosts) => [...hosts]);
  for (const [priority, hosts] of kept.entries()) {
    for (const { key, host } of hosts) {
      const slot = book.slotOf(key);
      if (named.has(key)) {
        health.markRemoved(slot, false);
        continue;
      }
      if (!health.keeps({ ...host, slot })) continue;
      health.markRemoved(slot, true);
      while (all.length <= priority) all.push([]);
      all[priority]!.push({ key, host });
    }
  }
  return all;
}
