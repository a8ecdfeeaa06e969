/** What a balancing policy is, and the part all policies share: priority, panic and health decide the list that the policy picks from. */
import type { Random } from '../runtime/random.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import type { Counter } from '../stats/scope.ts';
import type { Host } from './host.ts';
import type { HostSet } from './host-set.ts';
import { computePriorityLoads, type PriorityLoads } from './priority-load.ts';

/** What balancing may look at; the request's own context has more. */
export interface BalanceContext {
  readonly hash: bigint | null;
  shouldSelectAnotherHost(host: Host): boolean;
  readonly hostSelectionRetries: number;
}

export interface LoadBalancer {
  /** The host sets changed; index = priority. */
  update(sets: readonly HostSet[]): void;
  /** null = no host can be used. */
  chooseHost(context: BalanceContext): Host | null;
}

export interface BalancerDeps {
  readonly random: Random;
  readonly runtime: RuntimeSnapshot;
  /** Percent; 0 = never. Runtime key upstream.healthy_panic_threshold. */
  readonly panicThreshold: number;
  readonly failTrafficOnPanic: boolean;
  /** `lb_healthy_panic`. */
  readonly healthyPanic: Counter;
}

/** One list that a policy picks from: the healthy, the degraded or all hosts of a priority. The policy keeps its position here. */
export class HostSource {
  readonly hosts: readonly Host[];
  readonly weightsEqual: boolean;
  /** The policy's own state for this list. */
  index: number;
  scheduler: unknown;

  constructor(hosts: readonly Host[], weightsEqual: boolean) {
    this.hosts = hosts;
    this.weightsEqual = weightsEqual;
    this.index = 0;
    this.scheduler = null;
  }
}

export abstract class PriorityBalancer implements LoadBalancer {
  protected readonly random: Random;
  readonly #deps: BalancerDeps;
  #loads: PriorityLoads = { healthy: [], degraded: [], panic: [] };
  #healthy: HostSource[] = [];
  #degraded: HostSource[] = [];
  #all: HostSource[] = [];
  /** Every pick goes to the healthy hosts of priority 0: nothing to draw. */
  #simple: HostSource | null = null;

  constructor(deps: BalancerDeps) {
    this.random = deps.random;
    this.#deps = deps;
  }

  update(sets: readonly HostSet[]): void {
    const threshold = Math.min(100, Math.max(0, this.#deps.runtime.integer('upstream.healthy_panic_threshold', this.#deps.panicThreshold)));
    this.#loads = computePriorityLoads(sets, threshold);
    const build = (hosts: readonly Host[], set: HostSet) => {
      const source = new HostSource(hosts, set.weightsEqual);
      if (hosts.length > 0) this.prepare(source);
      return source;
    };
    this.#healthy = sets.map((set) => build(set.healthy, set));
    this.#degraded = sets.map((set) => build(set.degraded, set));
    this.#all = sets.map((set, p) => (set.healthy.length === set.hosts.length ? this.#healthy[p]! : build(set.hosts, set)));
    this.#simple = this.#loads.healthy[0] === 100 && !this.#loads.panic[0] && this.#healthy[0]!.hosts.length > 0 ? this.#healthy[0]! : null;
  }

  chooseHost(context: BalanceContext): Host | null {
    let retries = context.hostSelectionRetries;
    for (;;) {
      const host = this.#chooseOnce();
      if (host === null || retries-- <= 0 || !context.shouldSelectAnotherHost(host)) return host;
    }
  }

  #chooseOnce(): Host | null {
    if (this.#simple !== null) return this.pick(this.#simple);
    const source = this.#chooseSource();
    return source === null || source.hosts.length === 0 ? null : this.pick(source);
  }

  #chooseSource(): HostSource | null {
    const { healthy, degraded, panic } = this.#loads;
    const draw = (this.random.nextU32() % 100) + 1;
    let sum = 0;
    for (let p = 0; p < healthy.length; p++) if (draw <= (sum += healthy[p]!)) return this.#sourceOf(p, this.#healthy, panic[p]!);
    for (let p = 0; p < degraded.length; p++) if (draw <= (sum += degraded[p]!)) return this.#sourceOf(p, this.#degraded, panic[p]!);
    // No load anywhere: there is no host. Envoy goes through the first priority, and counts its panic.
    return healthy.length === 0 ? null : this.#sourceOf(0, this.#healthy, panic[0]!);
  }

  #sourceOf(priority: number, list: readonly HostSource[], panic: boolean): HostSource | null {
    if (!panic) return list[priority]!;
    this.#deps.healthyPanic.inc();
    return this.#deps.failTrafficOnPanic ? null : this.#all[priority]!;
  }

  /** A new list has come; it has at least one host. */
  protected abstract prepare(source: HostSource): void;
  /** @param source has at least one host */
  protected abstract pick(source: HostSource): Host;
}
