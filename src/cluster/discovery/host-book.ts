/** The control thread's list of one dynamic cluster's hosts: gives each its cells in the shared slab, and tells what changed. */
import { HOST_CELLS, hostCellsIdle, resetHostCells } from '../../lb/host.ts';
import type { SharedSlab } from '../../lb/shared-slab.ts';
import { sameRecord } from '../host-delta.ts';
import { assignmentPolicy, type HostRecord, type HostUpdate } from '../host-update.ts';
import type { AssignmentPolicy } from '../settings.ts';

/** Slots that are looked at for one that is idle. */
const TRIES = 16;

/** Freed slots of one size, those freed first at the front: a worker may lag behind, and use them a little longer. */
class Freed {
  #slots: number[] = [];
  #head = 0;

  push(slot: number): void {
    this.#slots.push(slot);
  }

  /** -1 = none that is idle. */
  take(cells: Int32Array): number {
    for (let tries = Math.min(TRIES, this.#slots.length - this.#head); tries > 0; tries--) {
      const slot = this.#slots[this.#head++]!;
      if (this.#head > 1024 && this.#head * 2 > this.#slots.length) {
        this.#slots = this.#slots.slice(this.#head);
        this.#head = 0;
      }
      if (hostCellsIdle(cells, slot)) return slot;
      this.#slots.push(slot);
    }
    return -1;
  }
}

/** Cells of hosts that left. They are used again when nothing is in flight on them any more. */
export class SlotPool {
  readonly #slab: SharedSlab;
  /** By how many cells they have. */
  readonly #freed = new Map<number, Freed>();

  constructor(slab: SharedSlab) {
    this.#slab = slab;
  }

  /** @param size HOST_CELLS, and what belongs to the host besides */
  take(size: number): number {
    const cells = this.#slab.cells;
    const slot = this.#freed.get(size)?.take(cells) ?? -1;
    if (slot < 0) return this.#slab.allocate(size);
    resetHostCells(cells, slot);
    cells.fill(0, slot + HOST_CELLS, slot + size);
    return slot;
  }

  give(slot: number, size: number): void {
    if (slot < 0) return;
    let freed = this.#freed.get(size);
    if (freed === undefined) {
      freed = new Freed();
      this.#freed.set(size, freed);
    }
    freed.push(slot);
  }
}

/** A host with what makes it the same host in the next list. */
export interface KeyedHost {
  readonly key: string;
  readonly host: Omit<HostRecord, 'slot'>;
}

export class HostBook {
  readonly #cluster: string;
  readonly #id: number;
  /** An endpoint list may bring its own. */
  policy: AssignmentPolicy;
  /** Hosts made since the start. */
  made = 0;
  readonly #slots: SlotPool;
  readonly #slotSize: number;
  readonly #entries = new Map<string, Entry>();
  #round = 0;
  #update: HostUpdate;

  constructor(cluster: string, id: number, policy: AssignmentPolicy, slots: SlotPool, slotSize = HOST_CELLS) {
    this.#cluster = cluster;
    this.#id = id;
    this.policy = assignmentPolicy(policy);
    this.#slots = slots;
    this.#slotSize = slotSize;
    this.#update = { cluster, id, priorities: [{ hosts: [] }], ...this.policy, version: 0 };
  }

  /** Where the host's cells are; -1 if there is no such host. */
  slotOf(key: string): number {
    return this.#entries.get(key)?.slot ?? -1;
  }

  /** The hosts as they are now. */
  get current(): HostUpdate {
    return this.#update;
  }

  /** @param priorities index = priority @returns whether hosts came or went ('members'), something else about them changed ('details'), or nothing */
  set(priorities: readonly (readonly KeyedHost[])[]): 'members' | 'details' | 'nothing' {
    const before = this.#update;
    const known = this.#entries.size;
    this.#round++;
    let same = before.priorities.length === priorities.length && samePolicy(before, this.policy);
    const lists = priorities.map((hosts, priority) => {
      const list = this.#list(hosts, priority);
      same &&= isSame(before.priorities[priority]!.hosts, list);
      return { hosts: list };
    });
    const came = this.#entries.size > known;
    const went = this.#forgetUnnamed();
    const version = same && !came && !went ? before.version : before.version + 1;
    this.#update = { cluster: this.#cluster, id: this.#id, priorities: lists, ...this.policy, version };
    return came || went ? 'members' : same ? 'nothing' : 'details';
  }

  /** Known hosts stay where they were, whatever order the server answers in today; new ones follow. A key that comes twice is one host. */
  #list(hosts: readonly KeyedHost[], priority: number): HostRecord[] {
    const entries: Entry[] = [];
    let sorted = true;
    for (const { key, host } of hosts) {
      let entry = this.#entries.get(key);
      if (entry === undefined) {
        entry = new Entry(this.#slots.take(this.#slotSize));
        this.#entries.set(key, entry);
        this.made++;
      }
      if (entry.round === this.#round && entry.priority === priority) continue;
      entry.round = this.#round;
      entry.priority = priority;
      entry.host = host;
      sorted &&= entries.length === 0 || entries[entries.length - 1]!.place <= entry.place;
      entries.push(entry);
    }
    if (!sorted) entries.sort((a, b) => a.place - b.place);
    return entries.map(({ host, slot }) => ({ ...host!, slot }));
  }

  /** Gives each host its place in the order, too. */
  #forgetUnnamed(): boolean {
    let place = 0;
    let went = false;
    for (const [key, entry] of this.#entries) {
      entry.host = null;
      if (entry.round === this.#round) entry.place = place++;
      else {
        went = true;
        this.#entries.delete(key);
        this.#slots.give(entry.slot, this.#slotSize);
      }
    }
    return went;
  }

  /** The cluster is gone. */
  clear(): void {
    for (const { slot } of this.#entries.values()) this.#slots.give(slot, this.#slotSize);
    this.#entries.clear();
  }
}

/** What the book knows of a host. */
class Entry {
  readonly slot: number;
  /** Number of the list that named it last, and in which priority. */
  round = 0;
  priority = 0;
  /** Among the hosts of the last list; new ones come behind all. */
  place = Number.MAX_SAFE_INTEGER;
  /** While a list is made. */
  host: Omit<HostRecord, 'slot'> | null = null;

  constructor(slot: number) {
    this.slot = slot;
  }
}

function isSame(before: readonly HostRecord[], after: readonly HostRecord[]): boolean {
  return before.length === after.length && before.every((record, i) => record.slot === after[i]!.slot && sameRecord(record, after[i]!));
}

function samePolicy(a: AssignmentPolicy, b: AssignmentPolicy): boolean {
  return JSON.stringify(assignmentPolicy(a)) === JSON.stringify(assignmentPolicy(b));
}
