/** Other hosts for a cluster on a worker: made ready piece by piece beside those in use, which are replaced in one step at the end. */
import type { HostSet } from '../lb/host-set.ts';
import { nextTurn } from '../runtime/turn.ts';
import type { HostRecord, HostUpdate } from './host-update.ts';
import { type PackedHosts, unpackPiece } from './packed-hosts.ts';
import { type PooledHost, placeHost } from './pooled-host.ts';
import type { AssignmentPolicy } from './settings.ts';

/** So many characters are read in one go: some two hundred hosts. */
const AT_ONCE = 16_384;

/** The cluster, as a change of its hosts sees it. */
export interface HostTarget {
  readonly hostSets: readonly HostSet[];
  /** HostUpdate.version of the hosts of now. */
  readonly hostsVersion: number;
  newHost(record: HostRecord, cells: Int32Array): PooledHost;
  /** @param gone are in no list any more @param members hosts have come or gone */
  replaceHosts(lists: readonly PooledHost[][], told: ToldHosts, gone: readonly PooledHost[], members: boolean): void;
}

export interface ToldHosts extends AssignmentPolicy {
  readonly version: number;
}

export class HostChange {
  readonly #target: HostTarget;
  readonly #told: ToldHosts;
  readonly #cells: Int32Array;
  /** By slot: the hosts of now. Where all hosts are told, those that have not been named yet. */
  readonly #known = new Map<number, PooledHost>();
  /** Where all hosts are told, those whose cells are others. */
  readonly #unnamed: PooledHost[] = [];
  /** By priority, slots; null = all hosts are told. */
  readonly #removed: readonly ReadonlySet<number>[] | null;
  /** By slot: hosts that were removed from a priority, and have not come to another. */
  readonly #gone = new Map<number, PooledHost>();
  readonly #lists: PooledHost[][];
  #members = false;

  /** @param removed null: all hosts will be told @param cells of the hosts' slots */
  constructor(target: HostTarget, told: ToldHosts, priorities: number, removed: readonly (readonly number[])[] | null, cells: Int32Array) {
    this.#target = target;
    this.#told = told;
    this.#cells = cells;
    this.#lists = Array.from({ length: priorities }, () => []);
    for (const { hosts } of target.hostSets) {
      for (const host of hosts as readonly PooledHost[]) {
        if (host.cells === cells) this.#known.set(host.base, host);
        else this.#unnamed.push(host);
      }
    }
    this.#removed = removed === null ? null : removed.map((slots) => new Set(slots));
    for (const slots of this.#removed ?? []) for (const slot of slots) this.#gone.set(slot, this.#known.get(slot)!);
  }

  add(priority: number, records: readonly HostRecord[]): void {
    const list = this.#lists[priority]!;
    for (const record of records) {
      const known = this.#known.get(record.slot);
      if (known === undefined) this.#members = true;
      const stays = this.#removed !== null && known?.priority === priority && !this.#removed[priority]!.has(record.slot);
      const host = placeHost(known ?? this.#target.newHost(record, this.#cells), record, priority);
      if (stays) continue;
      list.push(host);
      if (this.#removed === null) this.#known.delete(record.slot);
      else this.#gone.delete(record.slot);
    }
  }

  apply(): void {
    const gone = this.#removed === null ? [...this.#known.values(), ...this.#unnamed] : [...this.#gone.values()];
    this.#target.replaceHosts(
      this.#removed === null ? this.#lists : this.#merged(this.#removed),
      this.#told,
      gone,
      this.#members || gone.length > 0,
    );
  }

  #merged(removed: readonly ReadonlySet<number>[]): PooledHost[][] {
    return this.#lists.map((added, p) => {
      const before = (this.#target.hostSets[p]?.hosts ?? []) as readonly PooledHost[];
      const slots = removed[p]!;
      const stay = slots.size === 0 ? before : before.filter((host) => !slots.has(host.base));
      return [...stay, ...added];
    });
  }
}

/** In one go. */
export function changeHosts(target: HostTarget, update: HostUpdate, cells: Int32Array): void {
  const change = new HostChange(target, update, update.priorities.length, null, cells);
  for (const [priority, { hosts }] of update.priorities.entries()) change.add(priority, hosts);
  change.apply();
}

/**
 * A piece a turn, unless it is little in all: that is in use when this returns.
 * @param wanted false: the cluster is gone @returns null when done
 */
export function changeHostsInPieces(
  target: HostTarget,
  packed: PackedHosts,
  cells: Int32Array,
  wanted: () => boolean,
): Promise<void> | null {
  const removed = packed.from < 0 ? null : packed.packed.map((priority) => priority.removed);
  const change = new HostChange(target, packed, packed.packed.length, removed, cells);
  const add = (priority: number, piece: string) => change.add(priority, unpackPiece(piece, packed.packed[priority]!.places));
  const pieces = packed.packed.flatMap((priority, p) => priority.pieces.map((piece) => [p, piece] as const));
  if (pieces.reduce((n, [, { length }]) => n + length, 0) > AT_ONCE) return inTurns(pieces, change, add, wanted);
  for (const [priority, piece] of pieces) add(priority, piece);
  change.apply();
  return null;
}

async function inTurns(
  pieces: readonly (readonly [number, string])[],
  change: HostChange,
  add: (priority: number, piece: string) => void,
  wanted: () => boolean,
): Promise<void> {
  for (const [priority, piece] of pieces) {
    await nextTurn();
    if (!wanted()) return;
    add(priority, piece);
  }
  await nextTurn();
  if (wanted()) change.apply();
}
