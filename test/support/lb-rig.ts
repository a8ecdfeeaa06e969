/** Hosts and host sets for balancing tests. */
import { HealthFlag, HOST_CELLS, Host } from '../../src/lb/host.ts';
import { type HostSet, makeHostSet } from '../../src/lb/host-set.ts';
import type { BalanceContext, BalancerDeps, LoadBalancer } from '../../src/lb/load-balancer.ts';
import { DEFAULT_LOCALITY_POLICY } from '../../src/lb/locality/policy.ts';
import { seededRandom } from '../../src/runtime/random.ts';
import { StaticRuntime } from '../../src/runtime/runtime.ts';
import { SimulatedClock } from '../../src/runtime/simulated-clock.ts';
import { PlainStats } from './plain-stats.ts';

export type HostKind = 'healthy' | 'degraded' | 'unhealthy' | 'excluded';

const FLAGS: Record<HostKind, number> = {
  healthy: 0,
  degraded: HealthFlag.DegradedEdsHealth,
  unhealthy: HealthFlag.FailedEdsHealth,
  excluded: HealthFlag.FailedActiveHc | HealthFlag.PendingActiveHc,
};

let nextHost = 1;

export function host(weight = 1, kind: HostKind = 'healthy'): Host {
  const text = `10.0.${nextHost >> 8}.${nextHost & 255}:80`;
  nextHost++;
  const made = new Host({ kind: 'ip', ip: text.slice(0, -3), port: 80, version: 4, path: '', text }, '', new Int32Array(HOST_CELLS), 0);
  made.weight = weight;
  made.endpointHealth = FLAGS[kind];
  return made;
}

/** @param counts how many of each kind */
export function hostSet(priority: number, counts: Partial<Record<HostKind, number>>, overprovisioningFactor = 140): HostSet {
  const hosts = Object.entries(counts).flatMap(([kind, n]) => Array.from({ length: n }, () => host(1, kind as HostKind)));
  return makeHostSet(priority, hosts, overprovisioningFactor);
}

export function balancerDeps(
  { failTrafficOnPanic = false, ...more }: Partial<BalancerDeps> & { failTrafficOnPanic?: boolean } = {},
  runtime: Record<string, string> = {},
): BalancerDeps & { stats: PlainStats } {
  const stats = new PlainStats();
  return {
    clock: new SimulatedClock(),
    random: seededRandom(7),
    runtime: new StaticRuntime(new Map(Object.entries(runtime))),
    panicThreshold: 50,
    locality: { ...DEFAULT_LOCALITY_POLICY, failTrafficOnPanic },
    localCluster: null,
    scope: stats,
    healthyPanic: stats.counter('lb_healthy_panic'),
    stats,
    ...more,
  };
}

export const ANY: BalanceContext = { hash: null, shouldSelectAnotherHost: () => false, hostSelectionRetries: 0 };

/** How often each host is picked in `n` picks, in the order of `hosts`. */
export function picks(balancer: LoadBalancer, hosts: readonly Host[], n: number, context: BalanceContext = ANY): number[] {
  const counts = hosts.map(() => 0);
  for (let i = 0; i < n; i++) counts[hosts.indexOf(balancer.chooseHost(context)!)]!++;
  return counts;
}
