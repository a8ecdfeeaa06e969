/**
 * What is different about a cluster's hosts: of thousands mostly one or two come, go or change, and telling workers all of them again would
 * hold up the requests of each for milliseconds. Larger changes go as text (packed-hosts.ts).
 */
import { assignmentPolicy, type HostRecord, type HostUpdate } from './host-update.ts';
import { type PackedHosts, packDelta, packUpdate } from './packed-hosts.ts';
import type { AssignmentPolicy } from './settings.ts';

export interface HostDelta extends AssignmentPolicy {
  readonly cluster: string;
  readonly id: number;
  /** HostUpdate.version that it builds on. */
  readonly from: number;
  readonly version: number;
  /** Index = priority. */
  readonly priorities: readonly PriorityDelta[];
}

export interface PriorityDelta {
  /** Slots of hosts that are gone. */
  readonly removed: readonly number[];
  /** Hosts that are not as before, in their places, and new ones, at the end. */
  readonly set: readonly HostRecord[];
}

export type HostMessage = HostDelta | PackedHosts | HostUpdate;

/** A change of more than one host in so many is told as a whole. */
const PART = 8;
/** More hosts than that are told as text. */
const AS_OBJECTS = 32;
/** Changes are gathered that long even for few hosts. */
const MIN_GATHERED = 100;

interface Told {
  update: HostUpdate;
  /** Hosts in the changes that were told since the whole. */
  gathered: number;
}

/** Remembers what workers were told. */
export class HostTeller {
  readonly #told = new Map<string, Told>();

  /** What brings every worker from what it was told last to `update`. */
  messages(update: HostUpdate): HostMessage[] {
    const told = this.#told.get(update.cluster);
    const delta = told === undefined || told.update.id !== update.id ? null : hostDelta(told.update, update);
    if (told === undefined || delta === null) {
      this.#told.set(update.cluster, { update, gathered: 0 });
      return [packUpdate(update)];
    }
    const changed = delta.priorities.reduce((n, { removed, set }) => n + removed.length + set.length, 0);
    told.update = update;
    told.gathered += changed;
    const message = changed > AS_OBJECTS ? packDelta(delta) : delta;
    if (told.gathered <= Math.max(MIN_GATHERED, countHosts(update) / PART)) return [message];
    told.gathered = 0;
    // For workers that do not use the cluster: they keep what they are told, and may forget the changes now.
    return [message, packUpdate(update)];
  }
}

function countHosts({ priorities }: HostUpdate): number {
  return priorities.reduce((n, { hosts }) => n + hosts.length, 0);
}

/** null: it is not less than the whole. */
export function hostDelta(before: HostUpdate, after: HostUpdate): HostDelta | null {
  if (before.priorities.length !== after.priorities.length) return null;
  const priorities: PriorityDelta[] = [];
  for (const [p, { hosts }] of after.priorities.entries()) {
    const delta = priorityDelta(before.priorities[p]!.hosts, hosts);
    if (delta === null) return null;
    priorities.push(delta);
  }
  return { cluster: after.cluster, id: after.id, from: before.version, version: after.version, priorities, ...assignmentPolicy(after) };
}

function priorityDelta(before: readonly HostRecord[], after: readonly HostRecord[]): PriorityDelta | null {
  const limit = Math.max(before.length, after.length) / PART;
  const slots = new Set<number>();
  for (const { slot } of after) {
    if (slot < 0) return null;
    slots.add(slot);
  }
  const removed: number[] = [];
  const set: HostRecord[] = [];
  let at = 0;
  for (const old of before) {
    if (!slots.has(old.slot)) {
      removed.push(old.slot);
      continue;
    }
    const now = after[at++]!;
    // In another order than the worker would put them.
    if (now.slot !== old.slot) return null;
    if (!sameRecord(old, now)) set.push(now);
  }
  for (; at < after.length; at++) set.push(after[at]!);
  return removed.length + set.length > limit ? null : { removed, set };
}

/** @returns true if only their slots may be different */
export function sameRecord(a: Omit<HostRecord, 'slot'>, b: Omit<HostRecord, 'slot'>): boolean {
  return (
    a.ip === b.ip &&
    a.port === b.port &&
    a.path === b.path &&
    a.hostname === b.hostname &&
    a.weight === b.weight &&
    a.health === b.health &&
    a.localityWeight === b.localityWeight &&
    sameData(a.metadata, b.metadata) &&
    sameData(a.locality, b.locality) &&
    sameData(a.additional, b.additional) &&
    sameData(a.check, b.check)
  );
}

function sameData(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

export function applyDelta(before: HostUpdate, delta: HostDelta): HostUpdate {
  const priorities = delta.priorities.map((change, p) => ({
    hosts: changedList(
      before.priorities[p]!.hosts,
      change,
      (record) => record.slot,
      (record) => record,
    ),
  }));
  const { cluster, id } = before;
  return { cluster, id, priorities, version: delta.version, ...assignmentPolicy(delta) };
}

/** The list after the change, of hosts in whatever form. @param make the host of a record @param known the one that was there */
export function changedList<T>(
  before: readonly T[],
  { removed, set }: PriorityDelta,
  slotOf: (host: T) => number,
  make: (record: HostRecord, known: T | null) => T,
): T[] {
  const gone = new Set(removed);
  const changes = new Map(set.map((record) => [record.slot, record]));
  const list: T[] = [];
  for (const host of before) {
    const slot = slotOf(host);
    if (gone.has(slot)) continue;
    const record = changes.size === 0 ? undefined : changes.get(slot);
    if (record === undefined) list.push(host);
    else {
      changes.delete(slot);
      list.push(make(record, host));
    }
  }
  for (const record of changes.values()) list.push(make(record, null));
  return list;
}
