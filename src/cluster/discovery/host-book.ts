/** The control thread's list of one dynamic cluster's hosts: gives each its cells in the shared slab, and tells what changed. */
import { HOST_CELLS, hostCellsIdle, resetHostCells } from '../../lb/host.ts';
import type { SharedSlab } from '../../lb/shared-slab.ts';
import { type HostDelta, hostDelta } from '../host-delta.ts';
import { assignmentPolicy, type HostRecord, type HostUpdate } from '../host-update.ts';
import type { AssignmentPolicy } from '../settings.ts';

/** Cells of hosts that left. They are used again when nothing is in flight on them any more. */
export class SlotPool {
  readonly #slab: SharedSlab;
  /** By how many cells they have. */
  readonly #freed = new Map<number, number[]>();

  constructor(slab: SharedSlab) {
    this.#slab = slab;
  }

  /** @param size HOST_CELLS, and what belongs to the host besides */
  take(size: number): number {
    const cells = this.#slab.cells;
    const freed = this.#freed.get(size) ?? [];
    for (let i = 0; i < freed.length; i++) {
      const slot = freed[i]!;
      if (!hostCellsIdle(cells, slot)) continue;
      freed.splice(i, 1);
      resetHostCells(cells, slot);
      cells.fill(0, slot + HOST_CELLS, slot + size);
      return slot;
    }
    return this.#slab.allocate(size);
  }

  give(slot: number, size: number): void {
    if (slot < 0) return;
    const freed = this.#freed.get(size);
    if (freed === undefined) this.#freed.set(size, [slot]);
    else freed.push(slot);
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
  #slotOf = new Map<string, number>();
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
    return this.#slotOf.get(key) ?? -1;
  }

  /** The hosts as they are now. */
  get current(): HostUpdate {
    return this.#update;
  }

  /** @param priorities index = priority @returns whether hosts came or went ('members'), something else about them changed ('details'), or nothing */
  set(priorities: readonly (readonly KeyedHost[])[]): 'members' | 'details' | 'nothing' {
    const slots = new Map<string, number>();
    const places = new Map([...this.#slotOf.keys()].map((key, i) => [key, i]));
    const place = ({ key }: KeyedHost): number => places.get(key) ?? Number.MAX_SAFE_INTEGER;
    let came = false;
    const take = ({ key, host }: KeyedHost): HostRecord => {
      let slot = this.#slotOf.get(key);
      if (slot === undefined) {
        slot = this.#slots.take(this.#slotSize);
        came = true;
        this.made++;
      }
      slots.set(key, slot);
      return { ...host, slot };
    };
    const update = {
      cluster: this.#cluster,
      id: this.#id,
      priorities: priorities.map((hosts) => ({ hosts: inOrder(unique(hosts), place).map(take) })),
      ...this.policy,
      version: 0,
    };
    let went = false;
    for (const [key, slot] of this.#slotOf) {
      if (slots.has(key)) continue;
      went = true;
      this.#slots.give(slot, this.#slotSize);
    }
    this.#slotOf = slots;
    const delta = hostDelta(this.#update, update);
    const same = delta !== null && isNothing(delta) && samePolicy(this.#update, this.policy);
    this.#update = { ...update, version: same ? this.#update.version : this.#update.version + 1 };
    return came || went ? 'members' : same ? 'nothing' : 'details';
  }

  /** The cluster is gone. */
  clear(): void {
    for (const slot of this.#slotOf.values()) this.#slots.give(slot, this.#slotSize);
    this.#slotOf.clear();
  }
}

function isNothing({ priorities }: HostDelta): boolean {
  return priorities.every(({ removed, set }) => removed.length === 0 && set.length === 0);
}

function samePolicy(a: AssignmentPolicy, b: AssignmentPolicy): boolean {
  return JSON.stringify(assignmentPolicy(a)) === JSON.stringify(assignmentPolicy(b));
}

/** A key that comes twice is one host. */
function unique(hosts: readonly KeyedHost[]): KeyedHost[] {
  const seen = new Set<string>();
  return hosts.filter(({ key }) => !seen.has(key) && seen.add(key) !== undefined);
}

/** Known hosts stay where they were, whatever order the server answers in today; new ones follow. */
function inOrder(hosts: readonly KeyedHost[], place: (host: KeyedHost) => number): KeyedHost[] {
  return hosts.toSorted((a, b) => place(a) - place(b));
}
