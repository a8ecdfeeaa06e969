/**
 * Zone-aware routing: as much as possible stays in the proxy's own zone, and the rest goes where there is capacity to spare, so that every
 * upstream host gets the same load. Arithmetic of Envoy's ZoneAwareLoadBalancerBase; priority 0 only.
 */
import type { Random } from '../../runtime/random.ts';
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import type { Counter, StatsScope } from '../../stats/scope.ts';
import type { Host, Locality } from '../host.ts';
import type { HostSet } from '../host-set.ts';
import { inPanic } from '../priority-load.ts';
import type { LocalityPolicy } from './policy.ts';

/** The cluster that this proxy and its siblings belong to (cluster_manager.local_cluster_name). */
export interface LocalCluster {
  /** Its hosts by locality. */
  readonly hostSet: HostSet;
}

export interface ZoneRoutingDeps {
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  /** `cluster.<name>.` */
  readonly scope: StatsScope;
}

/** Answers of `choose` that are no locality. */
export const ANY_ZONE = -1;
export const NO_ZONE = -2;

/** 10,000 is all of it. */
const WHOLE = 10_000;

type Mode = 'off' | 'direct' | 'residual';

export class ZoneRouting {
  readonly #policy: LocalityPolicy;
  readonly #deps: ZoneRoutingDeps;
  readonly #local: LocalCluster;
  readonly #recalculated: Counter;
  readonly #localClusterNotOk: Counter;
  readonly #tooSmall: Counter;
  readonly #allDirectly: Counter;
  readonly #sampled: Counter;
  readonly #crossZone: Counter;
  readonly #noCapacityLeft: Counter;
  #mode: Mode = 'off';
  #localPanic = false;
  /** In the proxy's own zone, of 10,000. */
  #stays = 0;
  /** Capacity to spare, each locality's added to that of those before it. */
  #residual: number[] = [];

  constructor(policy: LocalityPolicy, local: LocalCluster, deps: ZoneRoutingDeps) {
    this.#policy = policy;
    this.#local = local;
    this.#deps = deps;
    const { scope } = deps;
    this.#recalculated = scope.counter('lb_recalculate_zone_structures');
    this.#localClusterNotOk = scope.counter('lb_local_cluster_not_ok');
    this.#tooSmall = scope.counter('lb_zone_cluster_too_small');
    this.#allDirectly = scope.counter('lb_zone_routing_all_directly');
    this.#sampled = scope.counter('lb_zone_routing_sampled');
    this.#crossZone = scope.counter('lb_zone_routing_cross_zone');
    this.#noCapacityLeft = scope.counter('lb_zone_no_capacity_left');
  }

  get active(): boolean {
    return this.#mode !== 'off';
  }

  /** @param set priority 0 of the upstream cluster, by locality @param panicThreshold percent */
  recalculate(set: HostSet, panicThreshold: number): void {
    this.#recalculated.inc();
    this.#mode = this.#possible(set) ? this.#shares(set) : 'off';
    this.#localPanic = this.active && inPanic(this.#local.hostSet, panicThreshold);
  }

  /** For one pick, while `active`: index of a locality, ANY_ZONE for the whole priority, or NO_ZONE for no host at all. */
  choose(): number {
    const { random, runtime } = this.#deps;
    if (!runtime.fraction('upstream.zone_routing.enabled', this.#policy.routingEnabled, 100, random.nextU32())) return ANY_ZONE;
    if (this.#localPanic) {
      this.#localClusterNotOk.inc();
      return this.#policy.failTrafficOnPanic ? NO_ZONE : ANY_ZONE;
    }
    if (this.#mode === 'direct') {
      this.#allDirectly.inc();
      return 0;
    }
    if (random.nextU32() % WHOLE < this.#stays) {
      this.#sampled.inc();
      return 0;
    }
    this.#crossZone.inc();
    const residual = this.#residual;
    const spare = residual[residual.length - 1]!;
    if (spare === 0) {
      this.#noCapacityLeft.inc();
      return random.below(residual.length);
    }
    const drawn = random.nextU32() % spare;
    let i = 0;
    while (drawn >= residual[i]!) i++;
    return i;
  }

  #possible(set: HostSet): boolean {
    const { runtime } = this.#deps;
    const local = this.#local.hostSet;
    if ((set.localities?.length ?? 0) < 2) return false;
    if ((local.localities?.length ?? 0) < 2 && this.#policy.forceLocalZoneMinSize === 0) return false;
    if (!local.hasLocalLocality) {
      this.#localClusterNotOk.inc();
      return false;
    }
    if (set.healthy.length < runtime.integer('upstream.zone_routing.min_cluster_size', this.#policy.minClusterSize)) {
      this.#tooSmall.inc();
      return false;
    }
    return true;
  }

  #shares(set: HostSet): Mode {
    const localities = set.localities!;
    const { ownShares, upstreamShares } = this.#percentages(set);
    const forced = this.#policy.forceLocalZoneMinSize;
    if (set.hasLocalLocality) {
      if (upstreamShares[0]! > 0 && upstreamShares[0]! >= ownShares[0]!) return 'direct';
      const atLeast = forced === 0 ? 0 : this.#deps.runtime.integer('upstream.zone_routing.force_local_zone.min_size', forced);
      if (forced > 0 && localities[0]!.healthy.length >= atLeast) return 'direct';
    }
    this.#stays = set.hasLocalLocality && ownShares[0]! > 0 ? Math.floor((upstreamShares[0]! * WHOLE) / ownShares[0]!) : 0;
    let sum = 0;
    this.#residual = localities.map((_locality, i) => {
      // The own zone has got already what it can take.
      if (i > 0 || !set.hasLocalLocality) sum += Math.max(0, upstreamShares[i]! - ownShares[i]!);
      return sum;
    });
    return 'residual';
  }

  /** Which part of the proxies, and of the upstream hosts, is in each of the upstream's localities. */
  #percentages(set: HostSet): { ownShares: number[]; upstreamShares: number[] } {
    const size = (hosts: readonly Host[]) => (this.#policy.byHostWeight ? hosts.reduce((sum, host) => sum + host.weight, 0) : hosts.length);
    const own = new Map<string, number>();
    let ownTotal = 0;
    for (const { locality, healthy } of this.#local.hostSet.localities ?? []) {
      own.set(keyOf(locality), size(healthy));
      ownTotal += size(healthy);
    }
    const localities = set.localities!;
    const upstreamTotal = localities.reduce((sum, { healthy }) => sum + size(healthy), 0);
    const share = (part: number, total: number) => (total > 0 ? Math.floor((WHOLE * part) / total) : 0);
    return {
      // Where no upstream host is left, no proxy counts either.
      ownShares: localities.map(({ locality, healthy }) => (healthy.length === 0 ? 0 : share(own.get(keyOf(locality)) ?? 0, ownTotal))),
      upstreamShares: localities.map(({ healthy }) => share(size(healthy), upstreamTotal)),
    };
  }
}

function keyOf({ region, zone, subZone }: Locality): string {
  return region + '\n' + zone + '\n' + subZone;
}
