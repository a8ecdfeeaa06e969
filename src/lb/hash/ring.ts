/** The ring of RING_HASH: every host at as many places as its weight asks for. Envoy's RingHashLoadBalancer::Ring, entry by entry. */
import { murmurHash2Bytes } from '../../runtime/murmur-hash2.ts';
import { xxHash64Bytes } from '../../runtime/xxhash64.ts';
import { type HashTable, type RingSettings, sharedCopy, sharedFloats, sharedUint32 } from './table.ts';
import type { HashHost, NormalizedHosts } from './weights.ts';

/** So many entries are dealt with between two chances to stop: below a millisecond. */
const SLICE = 4096;
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

/** Each `yield` is a chance to let others run. @param hosts at least one has a place */
export function* buildRing(hosts: readonly HashHost[], shares: NormalizedHosts, settings: RingSettings): Generator<void, HashTable> {
  // The host with the least weight gets a whole number of places; others come as near as running sums allow.
  const scale = Math.min(Math.ceil(shares.min * settings.minSize) / shares.min, settings.maxSize);
  const size = Math.ceil(scale);
  const capacity = size + shares.members.length;
  const low = new Uint32Array(capacity);
  const high = new Uint32Array(capacity);
  const owners = new Uint32Array(capacity);
  const hash = settings.murmur ? murmurHash2Bytes : xxHash64Bytes;
  const out = new Uint32Array(2);
  let count = 0;
  let target = 0;
  let minPlaces = size;
  let maxPlaces = 0;
  for (let m = 0; m < shares.members.length; m++) {
    const owner = shares.members[m]!;
    const key = Buffer.from(hosts[owner]!.key + '_');
    const bytes = Buffer.alloc(key.length + 10);
    key.copy(bytes);
    target += scale * shares.weights[m]!;
    let place = 0;
    while (count < target) {
      hash(out, bytes, key.length + bytes.write(String(place), key.length, 'latin1'));
      low[count] = out[0]!;
      high[count] = out[1]!;
      owners[count] = owner;
      place++;
      if (++count % SLICE === 0) yield;
    }
    if (place < minPlaces) minPlaces = place;
    if (place > maxPlaces) maxPlaces = place;
  }
  const order = yield* sortedOrder(low, high, count);
  const table: HashTable = {
    kind: 'ring',
    owners: sharedUint32(count),
    low: sharedUint32(count),
    high: sharedUint32(count),
    members: sharedCopy(shares.members),
    weights: sharedFloats(shares.weights),
    size,
    minPlaces,
    maxPlaces,
  };
  for (let i = 0; i < count; i++) {
    const from = order[i]!;
    table.owners[i] = owners[from]!;
    table.low[i] = low[from]!;
    table.high[i] = high[from]!;
    if ((i + 1) % (SLICE * 16) === 0) yield;
  }
  return table;
}

/** Positions by ascending hash: a radix sort on the high half, then the few that are equal there by the low half. */
function* sortedOrder(low: Uint32Array, high: Uint32Array, count: number): Generator<void, Uint32Array> {
  let order = new Uint32Array(count);
  let next = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  const starts = new Uint32Array(DIGITS);
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    starts.fill(0);
    for (let i = 0; i < count; i++) starts[(high[i]! >>> shift) & (DIGITS - 1)]!++;
    let sum = 0;
    for (let d = 0; d < DIGITS; d++) {
      const n = starts[d]!;
      starts[d] = sum;
      sum += n;
    }
    yield;
    for (let i = 0; i < count; i++) {
      const at = order[i]!;
      next[starts[(high[at]! >>> shift) & (DIGITS - 1)]!++] = at;
      if ((i + 1) % (SLICE * 16) === 0) yield;
    }
    [order, next] = [next, order];
  }
  for (let i = 1; i < count; i++) {
    const at = order[i]!;
    let to = i;
    for (; to > 0 && high[order[to - 1]!] === high[at] && low[order[to - 1]!]! > low[at]!; to--) order[to] = order[to - 1]!;
    order[to] = at;
  }
  return order;
}
