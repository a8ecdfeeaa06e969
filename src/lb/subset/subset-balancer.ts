/**
 * Subset balancing: the route's metadata picks a group of hosts, another policy balances inside it. Behaviour: Envoy's SubsetLoadBalancer.
 * The balancer of a subset is made when the subset is first picked: thousands of subsets cost an index only. A table of consistent hashing is
 * made with it then; for the hosts that follow the control thread makes them, of the subsets that it was asked for.
 */
import type { Counter, Gauge, StatsScope } from '../../stats/scope.ts';
import { HashBalancer } from '../hash/hash-balancer.ts';
import type { HashTable } from '../hash/table.ts';
import type { Host } from '../host.ts';
import { type HostSet, type LocalityHosts, narrowHostSet } from '../host-set.ts';
import type { BalanceContext, LoadBalancer } from '../load-balancer.ts';
import { type Criteria, CriteriaReader } from './criteria.ts';
import type { SubsetSettings } from './settings.ts';
import { ANY_ENDPOINT, DEFAULT_SUBSET, hostMatches, type SubsetHosts, SubsetIndexer } from './subset-index.ts';

class SubsetStats {
  readonly active: Gauge;
  readonly created: Counter;
  readonly removed: Counter;
  readonly selected: Counter;
  readonly fallback: Counter;
  readonly fallbackPanic: Counter;
  readonly duplicates: Gauge;
  constructor(scope: StatsScope) {
    this.active = scope.gauge('lb_subsets_active');
    this.created = scope.counter('lb_subsets_created');
    this.removed = scope.counter('lb_subsets_removed');
    this.selected = scope.counter('lb_subsets_selected');
    this.fallback = scope.counter('lb_subsets_fallback');
    this.fallbackPanic = scope.counter('lb_subsets_fallback_panic');
    this.duplicates = scope.gauge('lb_subsets_single_host_per_subset_duplicate');
  }
}

/** One group of hosts and, once it was asked, its balancer. */
class Subset {
  readonly name: string;
  hosts: readonly (readonly Host[])[] = [];
  singleHost = false;
  balancer: LoadBalancer | null = null;

  constructor(name: string) {
    this.name = name;
  }
}

export class SubsetBalancer implements LoadBalancer {
  readonly #settings: SubsetSettings;
  readonly #newBalancer: () => LoadBalancer;
  readonly #stats: SubsetStats;
  readonly #reader: CriteriaReader;
  readonly #indexer: SubsetIndexer;
  #subsets = new Map<string, Subset>();
  /** All hosts, and those of default_subset; null where no fallback asks for them. */
  readonly #any: Subset | null;
  readonly #default: Subset | null;
  readonly #fallback: Subset | null;
  readonly #askForTables: ((subset: string) => void) | null;
  #sets: readonly HostSet[] = [];

  /**
   * @param scope `cluster.<name>.` @param newBalancer makes the policy that balances inside a subset
   * @param askForTables from now on the subset's tables of consistent hashing are to come through `useTables`; null = nobody makes them
   */
  constructor(
    settings: SubsetSettings,
    scope: StatsScope,
    newBalancer: () => LoadBalancer,
    askForTables: ((subset: string) => void) | null = null,
  ) {
    this.#settings = settings;
    this.#askForTables = askForTables;
    this.#newBalancer = newBalancer;
    this.#stats = new SubsetStats(scope);
    this.#reader = new CriteriaReader(settings);
    this.#indexer = new SubsetIndexer(settings);
    const uses = (policy: string) => settings.fallback === policy || settings.selectors.some(({ fallback }) => fallback === policy);
    this.#any = uses('ANY_ENDPOINT') || settings.panicModeAny ? new Subset(ANY_ENDPOINT) : null;
    this.#default = uses('DEFAULT_SUBSET') ? new Subset(DEFAULT_SUBSET) : null;
    this.#fallback = settings.fallback === 'ANY_ENDPOINT' ? this.#any : settings.fallback === 'DEFAULT_SUBSET' ? this.#default : null;
  }

  update(sets: readonly HostSet[]): void {
    const sameHosts = sets.length === this.#sets.length && sets.every((set, p) => set.hosts === this.#sets[p]!.hosts);
    this.#sets = sets;
    // Health alone has changed: the groups are what they were.
    if (!sameHosts) this.#regroup(sets);
    for (const subset of this.#subsets.values()) this.#refresh(subset);
    if (this.#any !== null) this.#refresh(this.#any);
    if (this.#default !== null) this.#refresh(this.#default);
  }

  /** @param tables by subset and priority, made for the hosts of the last update */
  useTables(tables: ReadonlyMap<string, readonly (HashTable | null)[]>): void {
    for (const [name, priorities] of tables) {
      const subset = name === ANY_ENDPOINT ? this.#any : name === DEFAULT_SUBSET ? this.#default : this.#subsets.get(name);
      if (subset?.balancer instanceof HashBalancer) subset.balancer.useTables(priorities);
    }
  }

  chooseHost(context: BalanceContext): Host | null {
    const metadata = context.metadataMatch;
    if (metadata === undefined || metadata === null) return this.#chooseFallback(context);
    const criteria = this.#reader.read(metadata);
    for (let i = 0; i < criteria.length; i++) {
      const host = this.#chooseBy(criteria[i]!, context);
      if (host !== null) return host;
    }
    return null;
  }

  #chooseBy(criteria: Criteria, context: BalanceContext): Host | null {
    const subset = this.#subsets.get(criteria.name);
    if (subset !== undefined) {
      this.#stats.selected.inc();
      return this.#chooseIn(subset, context);
    }
    const rule = criteria.rule;
    if (rule === null) return this.#chooseFallback(context);
    if (criteria.fewer !== null) return this.#chooseBy(criteria.fewer, context);
    const group = rule.policy === 'ANY_ENDPOINT' ? this.#any : rule.policy === 'DEFAULT_SUBSET' ? this.#default : null;
    return group === null ? null : this.#chooseIn(group, context);
  }

  #chooseFallback(context: BalanceContext): Host | null {
    if (this.#fallback === null) return null;
    const host = this.#chooseIn(this.#fallback, context);
    if (host !== null) {
      this.#stats.fallback.inc();
      return host;
    }
    if (!this.#settings.panicModeAny) return null;
    const any = this.#chooseIn(this.#any!, context);
    if (any !== null) this.#stats.fallbackPanic.inc();
    return any;
  }

  #chooseIn(subset: Subset, context: BalanceContext): Host | null {
    // Its health does not matter, nor its priority.
    if (subset.singleHost) return subset.hosts.find((hosts) => hosts.length > 0)![0]!;
    if (subset.balancer === null) {
      subset.balancer = this.#newBalancer();
      this.#refresh(subset);
      this.#askForTables?.(subset.name);
    }
    return subset.balancer.chooseHost(context);
  }

  #regroup(sets: readonly HostSet[]): void {
    const before = this.#subsets;
    const found = this.#indexer.index(sets);
    this.#subsets = new Map();
    for (const [name, hosts] of found) this.#subsets.set(name, place(before.get(name) ?? new Subset(name), hosts));
    let created = 0;
    for (const name of found.keys()) if (!before.has(name)) created++;
    const removed = before.size + created - found.size;
    this.#stats.created.add(created);
    this.#stats.removed.add(removed);
    this.#stats.active.set(found.size);
    this.#stats.duplicates.set(this.#indexer.duplicates);
    if (this.#any !== null) this.#any.hosts = sets.map((set) => set.hosts);
    if (this.#default !== null) {
      const { defaultSubset, listAsAny } = this.#settings;
      this.#default.hosts = sets.map((set) => set.hosts.filter((host) => hostMatches(host, defaultSubset, listAsAny)));
    }
  }

  #refresh(subset: Subset): void {
    if (subset.balancer === null) return;
    subset.balancer.update(this.#sets.map((set, p) => narrowHostSet(set, subset.hosts[p] ?? [], this.#localityWeight)));
  }

  readonly #localityWeight = (locality: LocalityHosts, remaining: number): number => {
    const { localityWeightAware, scaleLocalityWeight } = this.#settings;
    if (!localityWeightAware) return 0;
    if (!scaleLocalityWeight) return locality.weight;
    return Math.round((locality.weight * remaining) / locality.hosts.length);
  };
}

function place(subset: Subset, { hosts, singleHost }: SubsetHosts): Subset {
  subset.hosts = hosts;
  subset.singleHost = singleHost;
  return subset;
}
