/** The balancer that a cluster's settings ask for. */
import { HashBalancer } from '../lb/hash/hash-balancer.ts';
import { LeastRequestBalancer } from '../lb/least-request.ts';
import type { BalancerDeps, LoadBalancer } from '../lb/load-balancer.ts';
import { RandomBalancer } from '../lb/random.ts';
import { RoundRobinBalancer } from '../lb/round-robin.ts';
import { SubsetBalancer } from '../lb/subset/subset-balancer.ts';
import type { BalancerSettings } from './settings.ts';

/** @param activeRequests in flight to the cluster, from all workers @param askForTables SubsetBalancer's */
export function makeBalancer(
  settings: BalancerSettings,
  activeRequests: () => number,
  deps: BalancerDeps,
  askForTables: (subset: string) => void,
): LoadBalancer {
  const { subset } = settings;
  if (subset === null) return makePolicy(settings, activeRequests, deps);
  const ask = settings.consistentHash === null ? null : askForTables;
  return new SubsetBalancer(subset, deps.scope, () => makePolicy(settings, activeRequests, deps), ask);
}

function makePolicy(settings: BalancerSettings, activeRequests: () => number, deps: BalancerDeps): LoadBalancer {
  if (settings.consistentHash !== null) return new HashBalancer(deps, settings.consistentHash, activeRequests);
  switch (settings.policy) {
    case 'LEAST_REQUEST':
      return new LeastRequestBalancer(deps, settings, settings.slowStart);
    case 'RANDOM':
      return new RandomBalancer(deps);
    default:
      return new RoundRobinBalancer(deps, settings.slowStart);
  }
}
