/**
 * The tables of RING_HASH and MAGLEV clusters, made on the control thread in slices whenever hosts, their weights or their health change. Workers
 * get them ready, in shared memory: a table of a million entries costs their event loops nothing.
 */
import { buildTable, hashHost } from '../lb/hash/build.ts';
import type { ConsistentHashSettings, HashTable } from '../lb/hash/table.ts';
import { HOST_CELLS, Host } from '../lb/host.ts';
import { type HostSet, makeHostSet } from '../lb/host-set.ts';
import { panicThresholdOf } from '../lb/load-balancer.ts';
import { computePriorityLoads } from '../lb/priority-load.ts';
import type { SharedSlab } from '../lb/shared-slab.ts';
import type { SubsetSettings } from '../lb/subset/settings.ts';
import { subsetHostSets } from '../lb/subset/subset-index.ts';
import type { Clock } from '../runtime/clock.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import { nextTurn } from '../runtime/turn.ts';
import type { StatsScope } from '../stats/scope.ts';
import { type HostRecord, type HostUpdate, recordAddress } from './host-update.ts';
import type { ClusterSettings } from './settings.ts';

/** What workers get. */
export interface HashTables {
  readonly cluster: string;
  readonly id: number;
  /** HostUpdate.version of the hosts that the tables' owners are places of. */
  readonly version: number;
  /** By priority; null = no host has a place. */
  readonly priorities: readonly (HashTable | null)[];
  /** Of a cluster with subsets instead, by name: of those that workers use. */
  readonly subsets: ReadonlyMap<string, readonly (HashTable | null)[]> | null;
}

export interface HashTablesDeps {
  readonly clock: Clock;
  readonly runtime: RuntimeSnapshot;
  readonly slab: SharedSlab;
  publishTables(tables: HashTables): void;
}

/** Of so many clusters tables are made in advance; each worker makes those of further ones itself, when they are first used. */
const IN_ADVANCE_UP_TO = 100;
/** Of so many subsets of a cluster. */
const SUBSETS_IN_ADVANCE = 50;
/** The control thread does other things at least this often. */
const SLICE_MS = 4;
const UNUSED_CELLS = new Int32Array(HOST_CELLS);

/** One cluster. */
class Entry {
  readonly settings: ClusterSettings;
  readonly consistentHash: ConsistentHashSettings;
  readonly #scope: StatsScope;
  /** The hosts as they are now. */
  readonly hosts: () => HostUpdate;
  /** Told when the tables for new hosts are out. */
  announce: (() => void) | null = null;
  wanted = false;
  /** Subsets that workers use. */
  readonly subsets = new Set<string>();
  /** Those of them that there are no tables of yet. */
  readonly newSubsets = new Set<string>();
  building: Promise<void> = Promise.resolve();
  idle = true;
  tables: HashTables | null = null;

  constructor(settings: ClusterSettings, consistentHash: ConsistentHashSettings, scope: StatsScope, hosts: () => HostUpdate) {
    this.settings = settings;
    this.consistentHash = consistentHash;
    this.#scope = scope;
    this.hosts = hosts;
    for (const [name] of gaugesOf(consistentHash, null)) scope.gauge(name);
  }

  /** The last priority that has hosts is what shows, as in Envoy. */
  done(tables: HashTables): void {
    this.tables = tables;
    this.#show(tables.priorities);
    for (const priorities of tables.subsets?.values() ?? []) this.#show(priorities);
  }

  #show(priorities: readonly (HashTable | null)[]): void {
    for (const table of priorities) {
      if (table === null) continue;
      for (const [name, value] of gaugesOf(this.consistentHash, table)) this.#scope.gauge(name).set(value);
    }
  }
}

export class HashTableMaker {
  readonly #deps: HashTablesDeps;
  readonly #entries = new Map<string, Entry>();

  constructor(deps: HashTablesDeps) {
    this.#deps = deps;
  }

  /** Begins with a cluster, if it is one of the kind. @param scope `cluster.<name>.` @param hosts as they are whenever it is asked */
  add(settings: ClusterSettings, scope: () => StatsScope, hosts: () => HostUpdate): void {
    const { consistentHash } = settings.balancer;
    this.#entries.delete(settings.name);
    if (consistentHash === null || this.#entries.size >= IN_ADVANCE_UP_TO) return;
    this.#entries.set(settings.name, new Entry(settings, consistentHash, scope(), hosts));
  }

  remove(cluster: string): void {
    this.#entries.delete(cluster);
  }

  /** The cluster's hosts have changed. @param announce tells them to workers, after their tables; at once where there are none */
  hostsChanged(cluster: string, announce: () => void): void {
    const entry = this.#entries.get(cluster);
    if (entry === undefined) {
      announce();
      return;
    }
    entry.announce = announce;
    this.#build(entry);
  }

  /** Weights or health have changed. */
  refresh(cluster: string): void {
    const entry = this.#entries.get(cluster);
    if (entry !== undefined) this.#build(entry);
  }

  /** A worker uses a subset. What it picks from until it is told the tables it makes itself. */
  want(cluster: string, subset: string): void {
    const entry = this.#entries.get(cluster);
    if (entry === undefined || entry.settings.balancer.subset === null) return;
    if (entry.subsets.has(subset)) {
      if (entry.idle && entry.tables !== null) this.#deps.publishTables(entry.tables);
      return;
    }
    if (entry.subsets.size >= SUBSETS_IN_ADVANCE) return;
    entry.subsets.add(subset);
    entry.newSubsets.add(subset);
    this.#start(entry);
  }

  /** Settles when the tables are those of the hosts of now. */
  async ready(cluster: string): Promise<void> {
    const entry = this.#entries.get(cluster);
    if (entry !== undefined) await entry.building;
  }

  /** For a worker that starts later. */
  current(): HashTables[] {
    return Array.from(this.#entries.values(), ({ tables }) => tables).filter((tables) => tables !== null);
  }

  #build(entry: Entry): void {
    entry.wanted = true;
    this.#start(entry);
  }

  #start(entry: Entry): void {
    if (!entry.idle) return;
    entry.idle = false;
    entry.building = this.#run(entry);
  }

  async #run(entry: Entry): Promise<void> {
    while (entry.wanted || entry.newSubsets.size > 0) {
      const whole = entry.wanted;
      entry.wanted = false;
      const update = entry.hosts();
      const { announce } = entry;
      entry.announce = null;
      const sets = update.priorities.map(({ hosts }, priority) => hostSet(priority, hosts, update, this.#deps.slab.cells));
      const { subset } = entry.settings.balancer;
      const priorities = subset === null ? await this.#tables(entry, sets) : [];
      const subsets = subset === null ? null : await this.#subsets(entry, subset, sets, whole || entry.tables?.version !== update.version);
      if (this.#entries.get(entry.settings.name) !== entry) break;
      const tables = { cluster: update.cluster, id: update.id, version: update.version, priorities, subsets };
      entry.done(tables);
      this.#deps.publishTables(tables);
      announce?.();
    }
    entry.idle = true;
  }

  async #subsets(
    entry: Entry,
    settings: SubsetSettings,
    sets: readonly HostSet[],
    whole: boolean,
  ): Promise<Map<string, readonly (HashTable | null)[]>> {
    const groups = subsetHostSets(settings, sets, whole ? entry.subsets : entry.newSubsets);
    entry.newSubsets.clear();
    const tables = new Map(whole ? [] : entry.tables?.subsets);
    for (const [name, group] of groups) tables.set(name, await this.#tables(entry, group));
    return tables;
  }

  async #tables({ settings, consistentHash }: Entry, sets: readonly HostSet[]): Promise<(HashTable | null)[]> {
    const { clock, runtime } = this.#deps;
    const { panic } = computePriorityLoads(sets, panicThresholdOf({ runtime, panicThreshold: settings.panicThreshold }));
    const tables: (HashTable | null)[] = [];
    for (const [p, { hosts }] of sets.entries()) {
      const steps = buildTable(
        hosts.map((host) => hashHost(host, panic[p]!, consistentHash)),
        consistentHash,
      );
      for (let since = clock.nowMs(); ; ) {
        const step = steps.next();
        if (step.done === true) {
          tables.push(step.value);
          break;
        }
        if (clock.nowMs() - since < SLICE_MS) continue;
        await nextTurn();
        since = clock.nowMs();
      }
    }
    return tables;
  }
}

function hostSet(priority: number, records: readonly HostRecord[], update: HostUpdate, cells: Int32Array): HostSet {
  const hosts = records.map((record) => {
    const host =
      record.slot < 0
        ? new Host(recordAddress(record), record.hostname, UNUSED_CELLS, 0)
        : new Host(recordAddress(record), record.hostname, cells, record.slot);
    host.weight = record.weight;
    host.metadata = record.metadata;
    host.locality = record.locality;
    host.localityWeight = record.localityWeight;
    host.endpointHealth = record.health;
    return host;
  });
  const { weightedPriorityHealth } = update;
  return makeHostSet(priority, hosts, update.overprovisioningFactor, { weightedPriorityHealth, byLocality: false, local: null });
}

function gaugesOf({ table: { kind } }: ConsistentHashSettings, table: HashTable | null): [string, number][] {
  const min = table?.minPlaces ?? 0;
  const max = table?.maxPlaces ?? 0;
  return kind === 'ring'
    ? [
        ['ring_hash_lb.size', table?.size ?? 0],
        ['ring_hash_lb.min_hashes_per_host', min],
        ['ring_hash_lb.max_hashes_per_host', max],
      ]
    : [
        ['maglev_lb.min_entries_per_host', min],
        ['maglev_lb.max_entries_per_host', max],
      ];
}
