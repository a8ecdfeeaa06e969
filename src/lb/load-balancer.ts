/** What a balancing policy is, and the part all policies share: priority, panic, health and locality decide the list that the policy picks from. */
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { Counter, StatsScope } from '../stats/scope.ts';
import type { Host } from './host.ts';
import type { HostSet } from './host-set.ts';
import { HostSource } from './host-source.ts';
import type { LocalityPolicy } from './locality/policy.ts';
import { type LocalityScheduler, makeLocalityScheduler } from './locality/scheduler.ts';
import { ANY_ZONE, type LocalCluster, NO_ZONE, ZoneRouting } from './locality/zone-routing.ts';
import { computePriorityLoads, type PriorityLoads } from './priority-load.ts';

export { HostSource };

/** Replaces the shares of the priorities for one pick: retry priority, or an aggregate cluster that has decided already. */
export interface LoadOverride {
  /** @param loads the balancer's own @returns `loads` itself to leave them */
  priorityLoads(sets: readonly HostSet[], loads: PriorityLoads): PriorityLoads;
}

/** What balancing may look at; the request's own context has more. */
export interface BalanceContext {
  readonly hash: bigint | null;
  shouldSelectAnotherHost(host: Host): boolean;
  readonly hostSelectionRetries: number;
  readonly loadOverride?: LoadOverride | null;
  /** `envoy.lb` fields that a host must have (subsets). */
  readonly metadataMatch?: Readonly<Record<string, unknown>> | null;
}

export interface LoadBalancer {
  /** The host sets changed; index = priority. */
  update(sets: readonly HostSet[]): void;
  /** null = no host can be used. */
  chooseHost(context: BalanceContext): Host | null;
  /** The host that a pick after the next ones will return, further with each call; null = it cannot be told. Absent: it never can. */
  peekHost?(context: BalanceContext): Host | null;
}

export interface BalancerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  /** Percent; 0 = never. Runtime key upstream.healthy_panic_threshold. */
  readonly panicThreshold: number;
  readonly locality: LocalityPolicy;
  /** Null: no zone-aware routing. */
  readonly localCluster: LocalCluster | null;
  /** `lb_healthy_panic`. */
  readonly healthyPanic: Counter;
  /** `cluster.<name>.` */
  readonly scope: StatsScope;
}

/** Percent, as it is now. */
export function panicThresholdOf(deps: Pick<BalancerDeps, 'runtime' | 'panicThreshold'>): number {
  return Math.min(100, Math.max(0, deps.runtime.integer('upstream.healthy_panic_threshold', deps.panicThreshold)));
}

/** The lists of one priority. */
interface PrioritySources {
  readonly healthy: HostSource;
  readonly degraded: HostSource;
  readonly all: HostSource;
  /** By locality; empty where localities are not looked at. */
  readonly healthyZones: readonly HostSource[];
  readonly degradedZones: readonly HostSource[];
  readonly healthyTurns: LocalityScheduler | null;
  readonly degradedTurns: LocalityScheduler | null;
}

export abstract class PriorityBalancer implements LoadBalancer {
  protected readonly random: Random;
  readonly #deps: BalancerDeps;
  readonly #zones: ZoneRouting | null;
  #sets: readonly HostSet[] = [];
  #loads: PriorityLoads = { healthy: [], degraded: [], panic: [] };
  #sources: readonly PrioritySources[] = [];
  /** Every pick goes to the healthy hosts of priority 0: nothing to draw. */
  #simple: HostSource | null = null;
  /** Hosts that have been told already are the next to be picked; null = none was ever asked for. */
  #peeked: Host[] | null = null;

  constructor(deps: BalancerDeps) {
    this.random = deps.random;
    this.#deps = deps;
    this.#zones = deps.localCluster === null ? null : new ZoneRouting(deps.locality, deps.localCluster, deps);
  }

  update(sets: readonly HostSet[]): void {
    const threshold = panicThresholdOf(this.#deps);
    this.#peeked = null;
    this.#sets = sets;
    this.#loads = computePriorityLoads(sets, threshold);
    if (this.#zones !== null && sets.length > 0) this.#zones.recalculate(sets[0]!, threshold);
    this.#sources = sets.map((set) => this.#sourcesOf(set));
    const first = this.#sources[0];
    this.#simple =
      first !== undefined &&
      this.#loads.healthy[0] === 100 &&
      !this.#loads.panic[0] &&
      first.healthy.hosts.length > 0 &&
      first.healthyTurns === null &&
      this.#zones?.active !== true
        ? first.healthy
        : null;
    if (this.#simple !== null) this.#prepare(this.#simple);
  }

  chooseHost(context: BalanceContext): Host | null {
    let retries = context.hostSelectionRetries;
    for (;;) {
      const host = this.#chooseOnce(context);
      if (host === null || retries-- <= 0 || !context.shouldSelectAnotherHost(host)) return host;
    }
  }

  /** As in Envoy no more than there are healthy hosts. */
  peekHost(context: BalanceContext): Host | null {
    if (!this.foreseeable) return null;
    let healthy = 0;
    for (const set of this.#sets) healthy += set.healthy.length;
    const peeked = this.#peeked ?? [];
    this.#peeked = null;
    const host = peeked.length >= healthy ? null : this.#chooseOnce(context);
    if (host !== null) peeked.push(host);
    this.#peeked = peeked;
    return host;
  }

  #chooseOnce(context: BalanceContext): Host | null {
    if (this.#peeked !== null && this.#peeked.length > 0) return this.#peeked.shift()!;
    const override = context.loadOverride;
    if (this.#simple !== null && (override === undefined || override === null)) return this.pick(this.#simple);
    const loads = override === undefined || override === null ? this.#loads : override.priorityLoads(this.#sets, this.#loads);
    const source = this.#chooseSource(loads);
    if (source === null || source.hosts.length === 0) return null;
    if (!source.prepared) this.#prepare(source);
    return this.pick(source);
  }

  #chooseSource({ healthy, degraded }: PriorityLoads): HostSource | null {
    const draw = (this.random.nextU32() % 100) + 1;
    let sum = 0;
    for (let p = 0; p < healthy.length; p++) if (draw <= (sum += healthy[p]!)) return this.#sourceIn(p, false);
    for (let p = 0; p < degraded.length; p++) if (draw <= (sum += degraded[p]!)) return this.#sourceIn(p, true);
    // No load anywhere: there is no host. Envoy goes through the first priority, and counts its panic.
    return healthy.length === 0 ? null : this.#sourceIn(0, false);
  }

  #sourceIn(priority: number, degraded: boolean): HostSource | null {
    const sources = this.#sources[priority]!;
    if (this.#loads.panic[priority]!) {
      this.#deps.healthyPanic.inc();
      return this.#deps.locality.failTrafficOnPanic ? null : sources.all;
    }
    const turns = degraded ? sources.degradedTurns : sources.healthyTurns;
    if (turns !== null) return turns.next();
    if (priority === 0 && this.#zones?.active === true) {
      const zone = this.#zones.choose();
      if (zone === NO_ZONE) return null;
      if (zone !== ANY_ZONE) return (degraded ? sources.degradedZones : sources.healthyZones)[zone]!;
    }
    return degraded ? sources.degraded : sources.healthy;
  }

  #sourcesOf(set: HostSet): PrioritySources {
    const make = (hosts: readonly Host[]) => new HostSource(hosts, set.weightsEqual);
    const { weighted } = this.#deps.locality;
    const zoned = set.localities !== null && (weighted || (set.priority === 0 && this.#zones?.active === true));
    const healthyZones = zoned ? set.localities.map((locality) => make(locality.healthy)) : [];
    const degradedZones = zoned ? set.localities.map((locality) => make(locality.degraded)) : [];
    const healthy = make(set.healthy);
    return {
      healthy,
      degraded: make(set.degraded),
      all: set.healthy.length === set.hosts.length ? healthy : make(set.hosts),
      healthyZones,
      degradedZones,
      healthyTurns: weighted && zoned ? makeLocalityScheduler(set, healthyZones, this.random) : null,
      degradedTurns: weighted && zoned ? makeLocalityScheduler(set, degradedZones, this.random) : null,
    };
  }

  #prepare(source: HostSource): void {
    source.prepared = true;
    this.prepare(source);
  }

  /** Picks do not depend on what happens before them. */
  protected readonly foreseeable: boolean = true;
  /** A list is picked from for the first time; it has at least one host. */
  protected abstract prepare(source: HostSource): void;
  /** @param source has at least one host */
  protected abstract pick(source: HostSource): Host;
}
