/** Tables of consistent hashing: plain data in shared memory, made where it disturbs nobody, read by every worker. */
import { remainder64 } from '../../runtime/u64.ts';

export interface RingSettings {
  readonly kind: 'ring';
  readonly murmur: boolean;
  readonly minSize: number;
  readonly maxSize: number;
}

export interface MaglevSettings {
  readonly kind: 'maglev';
  /** A prime. */
  readonly tableSize: number;
}

export interface ConsistentHashSettings {
  readonly table: RingSettings | MaglevSettings;
  readonly useHostname: boolean;
  /** Percent of the average load that a host may have; 0 = no bound. */
  readonly balanceFactor: number;
  /** locality_weighted_lb_config */
  readonly byLocality: boolean;
}

export interface HashTable {
  readonly kind: 'ring' | 'maglev';
  /** Position → host, as its place in the priority's list. */
  readonly owners: Uint32Array;
  /** Ring only: the hash at each position, ascending. Empty for maglev. */
  readonly low: Uint32Array;
  readonly high: Uint32Array;
  /** Hosts that have places, and their shares: what bounded loads go by. */
  readonly members: Uint32Array;
  readonly weights: Float64Array;
  /** Envoy's gauges: ring_hash_lb.size, and the least and the most places that a host got. */
  readonly size: number;
  readonly minPlaces: number;
  readonly maxPlaces: number;
}

/**
 * Position that the hash leads to; `owners` must not be empty.
 * @param low @param high of the hash, unsigned @param attempt 0, or which retry of the host selection this is
 */
export function findPosition(table: HashTable, low: number, high: number, attempt: number): number {
  const size = table.owners.length;
  if (table.kind === 'ring') return (firstAtOrAfter(table, low, high) + attempt) % size;
  if (attempt === 0) return remainder64(low, high, size);
  // Most bits change, so that the retries of one host do not all go to one other: hash ^ (~0 - attempt + 1).
  return remainder64((low ^ -attempt) >>> 0, ~high >>> 0, size);
}

/** The first position whose hash is not below high:low; 0 when there is none. */
function firstAtOrAfter(table: HashTable, low: number, high: number): number {
  const highs = table.high;
  const lows = table.low;
  let from = 0;
  let to = highs.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const h = highs[middle]!;
    if (h < high || (h === high && lows[middle]! < low)) from = middle + 1;
    else to = middle;
  }
  return from === highs.length ? 0 : from;
}

export function sharedUint32(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(length * 4));
}

export function sharedCopy(values: Uint32Array): Uint32Array {
  const copy = sharedUint32(values.length);
  copy.set(values);
  return copy;
}

export function sharedFloats(values: Float64Array): Float64Array {
  const copy = new Float64Array(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}
