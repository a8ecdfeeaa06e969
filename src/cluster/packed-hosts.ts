/**
 * Many hosts as text in pieces. A thread reads a piece in a fraction of a millisecond and serves its sockets before the next; one that does not
 * use the cluster keeps the text. A host of which only the address was said takes some thirty bytes.
 */
import type { Locality } from '../lb/host.ts';
import type { HostDelta } from './host-delta.ts';
import { assignmentPolicy, type HostRecord, type HostUpdate } from './host-update.ts';
import type { AssignmentPolicy } from './settings.ts';

export interface PackedHosts extends AssignmentPolicy {
  readonly cluster: string;
  readonly id: number;
  /** HostUpdate.version that it builds on; -1 = none, all hosts are told. */
  readonly from: number;
  readonly version: number;
  /** Index = priority. */
  readonly packed: readonly PackedPriority[];
}

export interface PackedPriority {
  /** Slots of hosts that are gone; empty where all are told. */
  readonly removed: readonly number[];
  /** What many hosts have in common. */
  readonly places: readonly Place[];
  /** JSON of a PackedRecord[] each. */
  readonly pieces: readonly string[];
}

interface Place {
  readonly locality: Locality;
  readonly weight: number;
  readonly metadata: HostRecord['metadata'];
}

/** Slot, IP, port, index of the place, and what is neither as by default nor as in the place. */
type PackedRecord = readonly [number, string, number, number, Partial<Rest>?];
type Rest = Pick<HostRecord, 'path' | 'hostname' | 'weight' | 'health' | 'metadata' | 'additional' | 'check'>;

const NO_ADDRESSES: readonly string[] = [];
/** Hosts a piece. */
const PIECE = 200;
/** Metadata of more kinds than that goes with each host. */
const MAX_PLACES = 100;

export function packUpdate(update: HostUpdate): PackedHosts {
  const { cluster, id, version } = update;
  const packed = update.priorities.map(({ hosts }) => packPriority([], hosts));
  return { cluster, id, from: -1, version, packed, ...assignmentPolicy(update) };
}

export function packDelta(delta: HostDelta): PackedHosts {
  const { cluster, id, from, version } = delta;
  const packed = delta.priorities.map(({ removed, set }) => packPriority(removed, set));
  return { cluster, id, from, version, packed, ...assignmentPolicy(delta) };
}

/** @param packed tells all hosts */
export function unpackUpdate(packed: PackedHosts): HostUpdate {
  const { cluster, id, version } = packed;
  return { cluster, id, version, priorities: packed.packed.map((priority) => ({ hosts: records(priority) })), ...assignmentPolicy(packed) };
}

/** @param packed builds on other hosts */
export function unpackDelta(packed: PackedHosts): HostDelta {
  const { cluster, id, from, version } = packed;
  const priorities = packed.packed.map((priority) => ({ removed: priority.removed, set: records(priority) }));
  return { cluster, id, from, version, priorities, ...assignmentPolicy(packed) };
}

export function unpackPiece(piece: string, places: readonly Place[]): HostRecord[] {
  return (JSON.parse(piece) as PackedRecord[]).map(([slot, ip, port, place, rest]) => {
    const { locality, weight, metadata } = places[place]!;
    return {
      ...{ ip, port, slot, locality, localityWeight: weight },
      path: rest?.path ?? '',
      hostname: rest?.hostname ?? '',
      weight: rest?.weight ?? 1,
      health: rest?.health ?? 0,
      metadata: rest?.metadata ?? metadata,
      additional: rest?.additional ?? NO_ADDRESSES,
      check: rest?.check ?? null,
    };
  });
}

function records({ places, pieces }: PackedPriority): HostRecord[] {
  return pieces.flatMap((piece) => unpackPiece(piece, places));
}

function packPriority(removed: readonly number[], hosts: readonly HostRecord[]): PackedPriority {
  const places = new Places();
  const pieces: string[] = [];
  for (let at = 0; at < hosts.length; at += PIECE)
    pieces.push(JSON.stringify(hosts.slice(at, at + PIECE).map((host) => packRecord(host, places))));
  return { removed, places: places.list, pieces };
}

function packRecord(host: HostRecord, places: Places): PackedRecord {
  const { path, hostname, weight, health, additional, check, slot, ip, port } = host;
  const place = places.indexOf(host);
  const metadata = host.metadata === null || places.list[place]!.metadata !== null ? null : host.metadata;
  if (path === '' && hostname === '' && weight === 1 && health === 0 && metadata === null && additional.length === 0 && check === null)
    return [slot, ip, port, place];
  return [
    ...([slot, ip, port, place] as const),
    {
      ...(path !== '' && { path }),
      ...(hostname !== '' && { hostname }),
      ...(weight !== 1 && { weight }),
      ...(health !== 0 && { health }),
      ...(metadata !== null && { metadata }),
      ...(additional.length > 0 && { additional }),
      ...(check !== null && { check }),
    },
  ];
}

class Places {
  readonly list: Place[] = [];
  readonly #indices = new Map<string, number>();
  /** Hosts of one locality follow one another and share the object. */
  #last: HostRecord | null = null;
  #lastIndex = 0;

  indexOf(host: HostRecord): number {
    const last = this.#last;
    const { locality, localityWeight: weight, metadata } = host;
    if (last?.locality === locality && last.localityWeight === weight && last.metadata === metadata) return this.#lastIndex;
    this.#last = host;
    this.#lastIndex = this.#find({ locality, weight, metadata });
    return this.#lastIndex;
  }

  #find(place: Place): number {
    const key = JSON.stringify(place);
    const known = this.#indices.get(key);
    if (known !== undefined) return known;
    if (place.metadata !== null && this.list.length >= MAX_PLACES) return this.#find({ ...place, metadata: null });
    const index = this.list.push(place) - 1;
    this.#indices.set(key, index);
    return index;
  }
}
