/**
 * envoy.clusters.aggregate: other clusters in order of preference. Their priorities become one list; a pick first chooses a priority of
 * that list, then that cluster's own balancer chooses inside it. Hosts, pools and connections stay those of the child.
 */
import type { RequestHeaders } from '../http/header-map.ts';
import type { ConnectionInfo, StreamInfo } from '../http/stream-info.ts';
import type { Host } from '../lb/host.ts';
import type { HostSet } from '../lb/host-set.ts';
import { type BalanceContext, type BalancerDeps, type LoadBalancer, type LoadOverride, panicThresholdOf } from '../lb/load-balancer.ts';
import { computePriorityLoads, type PriorityLoads } from '../lb/priority-load.ts';
import type { LbContext } from './api.ts';

/** What the aggregate needs of a child. */
export interface ChildCluster {
  readonly hostSets: readonly HostSet[];
  /** Another number whenever `hostSets` is another list. */
  readonly setsVersion: number;
  readonly balancer: LoadBalancer;
}

/** The request as its child sees it: the priority has been chosen. One for all picks, since a pick ends before the next begins. */
class ChildContext implements LbContext, LoadOverride {
  inner: LbContext | null = null;
  #priority = 0;
  #degraded = false;
  readonly loadOverride: LoadOverride = this;

  aim(inner: LbContext, priority: number, degraded: boolean): this {
    this.inner = inner;
    this.#priority = priority;
    this.#degraded = degraded;
    return this;
  }

  priorityLoads(sets: readonly HostSet[], loads: PriorityLoads): PriorityLoads {
    const chosen = sets.map((_set, p) => (p === this.#priority ? 100 : 0));
    const none = sets.map(() => 0);
    return this.#degraded
      ? { healthy: none, degraded: chosen, panic: loads.panic }
      : { healthy: chosen, degraded: none, panic: loads.panic };
  }

  get hash(): bigint | null {
    return this.inner!.hash;
  }
  get requestHeaders(): RequestHeaders | null {
    return this.inner!.requestHeaders;
  }
  get streamInfo(): StreamInfo {
    return this.inner!.streamInfo;
  }
  get downstream(): ConnectionInfo {
    return this.inner!.downstream;
  }
  get hostSelectionRetries(): number {
    return this.inner!.hostSelectionRetries;
  }
  get metadataMatch(): Readonly<Record<string, unknown>> | null {
    return this.inner!.metadataMatch;
  }
  shouldSelectAnotherHost(host: Host): boolean {
    return this.inner!.shouldSelectAnotherHost(host);
  }
}

export class AggregateBalancer implements LoadBalancer {
  readonly #names: readonly string[];
  readonly #resolve: (name: string) => ChildCluster | null;
  readonly #deps: BalancerDeps;
  readonly #context = new ChildContext();
  readonly #children: (ChildCluster | null)[] = [];
  readonly #versions: number[] = [];
  /** The children's priorities that have hosts, one after the other. */
  #sets: HostSet[] = [];
  #owners: { readonly child: ChildCluster; readonly priority: number }[] = [];
  #loads: PriorityLoads = { healthy: [], degraded: [], panic: [] };

  constructor(names: readonly string[], resolve: (name: string) => ChildCluster | null, deps: BalancerDeps) {
    this.#names = names;
    this.#resolve = resolve;
    this.#deps = deps;
  }

  /** It has no hosts of its own. */
  update(): void {}

  chooseHost(context: BalanceContext): Host | null {
    if (this.#childrenChanged()) this.#flatten();
    const override = context.loadOverride;
    const loads = override === undefined || override === null ? this.#loads : override.priorityLoads(this.#sets, this.#loads);
    const draw = (this.#deps.random.nextU32() % 100) + 1;
    let sum = 0;
    for (const [p, load] of loads.healthy.entries()) if (draw <= (sum += load)) return this.#chooseIn(p, false, context);
    for (const [p, load] of loads.degraded.entries()) if (draw <= (sum += load)) return this.#chooseIn(p, true, context);
    return this.#owners.length === 0 ? null : this.#chooseIn(0, false, context);
  }

  #chooseIn(p: number, degraded: boolean, context: BalanceContext): Host | null {
    const { child, priority } = this.#owners[p]!;
    return child.balancer.chooseHost(this.#context.aim(context as LbContext, priority, degraded));
  }

  /** A child came, went, was replaced, or has other hosts or health. */
  #childrenChanged(): boolean {
    let changed = false;
    for (let i = 0; i < this.#names.length; i++) {
      const child = this.#resolve(this.#names[i]!);
      const version = child === null ? -1 : child.setsVersion;
      if (child === this.#children[i] && version === this.#versions[i]) continue;
      this.#children[i] = child;
      this.#versions[i] = version;
      changed = true;
    }
    return changed;
  }

  #flatten(): void {
    this.#sets = [];
    this.#owners = [];
    for (const child of this.#children) {
      for (const [priority, set] of (child?.hostSets ?? []).entries()) {
        if (set.hosts.length === 0) continue;
        this.#sets.push(set);
        this.#owners.push({ child: child!, priority });
      }
    }
    this.#loads = computePriorityLoads(this.#sets, panicThresholdOf(this.#deps));
  }
}
