/** MurmurHash2, the 64-bit variant of libstdc++'s std::_Hash_bytes with its seed: what Envoy means by MURMUR_HASH_2. */
import { HIGH, LOW, multiply64 } from './u64.ts';

const SEED = 0xc70f6907;
const M_LOW = 0x5bd1e995;
const M_HIGH = 0xc6a4a793 | 0;

const h = new Int32Array(2);
const t = new Int32Array(2);

/** v ^= v >> 47 */
function shiftMix(v: Int32Array): void {
  v[LOW]! ^= v[HIGH]! >>> 15;
}

function times(v: Int32Array): void {
  multiply64(v, v[LOW]!, v[HIGH]!, M_LOW, M_HIGH);
}

/** h = (h ^ t) * m */
function mixIn(): void {
  h[LOW]! ^= t[LOW]!;
  h[HIGH]! ^= t[HIGH]!;
  times(h);
}

/** @param out gets the hash: low half, high half */
export function murmurHash2Bytes(out: Uint32Array, bytes: Uint8Array, length: number): void {
  multiply64(h, length, 0, M_LOW, M_HIGH);
  h[LOW]! ^= SEED;
  let at = 0;
  for (; at + 8 <= length; at += 8) {
    t[LOW] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    t[HIGH] = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
    times(t);
    shiftMix(t);
    times(t);
    mixIn();
  }
  if (at < length) {
    t[LOW] = 0;
    t[HIGH] = 0;
    for (let i = length - 1; i >= at; i--) {
      t[HIGH] = (t[HIGH]! << 8) | (t[LOW]! >>> 24);
      t[LOW] = (t[LOW]! << 8) | bytes[i]!;
    }
    mixIn();
  }
  shiftMix(h);
  times(h);
  shiftMix(h);
  out[LOW] = h[LOW]!;
  out[HIGH] = h[HIGH]!;
}
