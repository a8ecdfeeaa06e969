/** The table of MAGLEV: hosts take turns to claim slots, each in an order of its own (Eisenbud et al., "Maglev", NSDI 2016, listing 1). */
import { remainder64 } from '../../runtime/u64.ts';
import { xxHash64Bytes } from '../../runtime/xxhash64.ts';
import { type HashTable, type MaglevSettings, sharedCopy, sharedFloats, sharedUint32 } from './table.ts';
import type { HashHost, NormalizedHosts } from './weights.ts';

/** So many slots are filled between two chances to stop: about a millisecond. */
const SLICE = 4096;
const FREE = 0xffffffff;
const NONE = new Uint32Array(0);

/** Each `yield` is a chance to let others run. @param hosts at least one has a place */
export function* buildMaglev(hosts: readonly HashHost[], shares: NormalizedHosts, settings: MaglevSettings): Generator<void, HashTable> {
  const size = settings.tableSize;
  const count = shares.members.length;
  // In the order of their keys, so that the order in which hosts are listed does not matter.
  const turns = sortedByKey(hosts, shares.members);
  const position = new Uint32Array(count);
  const skip = new Uint32Array(count);
  const places = new Uint32Array(count);
  const target = new Float64Array(count);
  const weight = new Float64Array(count);
  const out = new Uint32Array(2);
  for (let i = 0; i < count; i++) {
    const key = Buffer.from(hosts[shares.members[turns[i]!]!]!.key);
    xxHash64Bytes(out, key, key.length);
    position[i] = remainder64(out[0]!, out[1]!, size);
    xxHash64Bytes(out, key, key.length, 1);
    skip[i] = remainder64(out[0]!, out[1]!, size - 1) + 1;
    weight[i] = shares.weights[turns[i]!]!;
    if ((i + 1) % SLICE === 0) yield;
  }
  const owners = sharedUint32(size).fill(FREE);
  let filled = 0;
  for (let iteration = 1; filled < size; iteration++) {
    for (let i = 0; i < count && filled < size; i++) {
      // A host with a third of the greatest weight has every third turn.
      if (iteration * weight[i]! < target[i]!) continue;
      target[i]! += shares.max;
      const step = skip[i]!;
      let slot = position[i]!;
      while (owners[slot] !== FREE) {
        slot += step;
        if (slot >= size) slot -= size;
      }
      owners[slot] = shares.members[turns[i]!]!;
      slot += step;
      position[i] = slot >= size ? slot - size : slot;
      places[i]!++;
      if (++filled % SLICE === 0) yield;
    }
  }
  return {
    kind: 'maglev',
    owners,
    low: NONE,
    high: NONE,
    members: sharedCopy(shares.members),
    weights: sharedFloats(shares.weights),
    size,
    minPlaces: places.reduce((a, b) => Math.min(a, b), size),
    maxPlaces: places.reduce((a, b) => Math.max(a, b), 0),
  };
}

function sortedByKey(hosts: readonly HashHost[], members: Uint32Array): Uint32Array {
  const key = (turn: number): string => hosts[members[turn]!]!.key;
  return Uint32Array.from(members.keys()).sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}
