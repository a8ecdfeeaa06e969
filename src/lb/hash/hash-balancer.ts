/**
 * RING_HASH and MAGLEV: the hash of the request picks the priority, and in that priority's table the host. Tables come from the control
 * thread with the hosts; where none came (subsets, a cluster made by thousands) the balancer makes its own at the first pick.
 */
import { HIGH, LOW } from '../../runtime/u64.ts';
import type { Host } from '../host.ts';
import type { HostSet } from '../host-set.ts';
import { type BalanceContext, type BalancerDeps, type LoadBalancer, panicThresholdOf } from '../load-balancer.ts';
import { computePriorityLoads, type PriorityLoads } from '../priority-load.ts';
import { BoundedLoad } from './bounded-load.ts';
import { buildTableNow, hashHost } from './build.ts';
import { type ConsistentHashSettings, findPosition, type HashTable } from './table.ts';

/** A table with the hosts that its positions mean. */
class PriorityTable {
  readonly table: HashTable | null;
  readonly hosts: readonly Host[];

  constructor(table: HashTable | null, hosts: readonly Host[]) {
    this.table = table;
    this.hosts = hosts;
  }
}

/** Halves of the hash that is being looked up. */
const wide = new BigUint64Array(1);
const halves = new Uint32Array(wide.buffer);

export class HashBalancer implements LoadBalancer {
  readonly #deps: BalancerDeps;
  readonly #settings: ConsistentHashSettings;
  readonly #bounded: BoundedLoad | null;
  #sets: readonly HostSet[] = [];
  #loads: PriorityLoads = { healthy: [], degraded: [], panic: [] };
  #tables: (PriorityTable | null)[] = [];
  /** The tables were made for hosts or health of before. */
  #stale = false;
  /** The control thread makes the tables. */
  #provided = false;

  /** @param activeRequests in flight to the whole cluster, from all workers */
  constructor(deps: BalancerDeps, settings: ConsistentHashSettings, activeRequests: () => number) {
    this.#deps = deps;
    this.#settings = settings;
    this.#bounded = settings.balanceFactor === 0 ? null : new BoundedLoad(settings.balanceFactor, activeRequests);
  }

  update(sets: readonly HostSet[]): void {
    this.#loads = computePriorityLoads(sets, panicThresholdOf(this.#deps));
    this.#sets = sets;
    // Until the new tables come the old ones serve, without the hosts that are gone.
    if (this.#provided) this.#stale = true;
    else this.#tables = sets.map(() => null);
  }

  /** @param tables by priority, made for the hosts of the last update */
  useTables(tables: readonly (HashTable | null)[]): void {
    this.#provided = true;
    this.#stale = false;
    this.#tables = this.#sets.map(({ hosts }, p) => new PriorityTable(tables[p] ?? null, hosts));
  }

  chooseHost(context: BalanceContext): Host | null {
    const { random } = this.#deps;
    const hash = context.hash;
    if (hash === null) {
      halves[LOW] = random.nextU32();
      halves[HIGH] = random.nextU32();
    } else wide[0] = hash;
    const low = halves[LOW]!;
    const high = halves[HIGH]!;
    const override = context.loadOverride;
    const loads = override === undefined || override === null ? this.#loads : override.priorityLoads(this.#sets, this.#loads);
    const p = choosePriority(loads, low, high);
    if (p >= this.#sets.length) return null;
    if (this.#loads.panic[p]) this.#deps.healthyPanic.inc();
    this.#tables[p] ??= this.#build(p);
    const { table, hosts } = this.#tables[p]!;
    if (table === null) return null;
    let host: Host | null = null;
    for (let attempt = 0; attempt <= context.hostSelectionRetries; attempt++) {
      host = this.#pick(table, hosts, low, high, attempt, this.#loads.panic[p]!);
      if (host === null || !context.shouldSelectAnotherHost(host)) return host;
    }
    return host;
  }

  #pick(table: HashTable, hosts: readonly Host[], low: number, high: number, attempt: number, panic: boolean): Host | null {
    const position = findPosition(table, low, high, attempt);
    const owner = this.#stale ? nextInUse(table, hosts, position, panic) : table.owners[position]!;
    if (owner < 0) return null;
    return this.#bounded === null ? hosts[owner]! : this.#bounded.pick(table, hosts, owner, low);
  }

  #build(p: number): PriorityTable {
    const { hosts } = this.#sets[p]!;
    const panic = this.#loads.panic[p]!;
    const entries = hosts.map((host) => hashHost(host, panic, this.#settings));
    return new PriorityTable(buildTableNow(entries, this.#settings), hosts);
  }
}

/** The owner of the first position from here on that may still be used: on a ring that is the host which the next ring will give. -1 if there is none. */
function nextInUse(table: HashTable, hosts: readonly Host[], position: number, panic: boolean): number {
  const size = table.owners.length;
  for (let i = 0; i < size; i++) {
    const owner = table.owners[(position + i) % size]!;
    const host = hosts[owner]!;
    if (host.member && (panic || !host.unhealthy)) return owner;
  }
  return -1;
}

/** Envoy's choosePriority: the hash modulo 100 against the loads of healthy, then of degraded hosts. */
function choosePriority({ healthy, degraded }: PriorityLoads, low: number, high: number): number {
  if (healthy[0] === 100) return 0;
  // 2^32 is 96 modulo 100.
  const draw = (((high % 100) * 96 + (low % 100)) % 100) + 1;
  let sum = 0;
  for (let p = 0; p < healthy.length; p++) if (draw <= (sum += healthy[p]!)) return p;
  for (let p = 0; p < degraded.length; p++) if (draw <= (sum += degraded[p]!)) return p;
  return 0;
}
