/** xxHash64 (XXH64), seed 0 unless told otherwise: the hash that Envoy takes for consistent balancing. */
import { add64, HIGH, LOW, multiply64, rotateLeft64 } from './u64.ts';

const P1_LOW = 0x85ebca87 | 0;
const P1_HIGH = 0x9e3779b1 | 0;
const P2_LOW = 0x27d4eb4f;
const P2_HIGH = 0xc2b2ae3d | 0;
const P3_LOW = 0x9e3779f9 | 0;
const P3_HIGH = 0x165667b1;
const P4_LOW = 0xc2b2ae63 | 0;
const P4_HIGH = 0x85ebca77 | 0;
const P5_LOW = 0x165667c5;
const P5_HIGH = 0x27d4eb2f;

/** One lane's product, and the hash as it comes together. */
const t = new Int32Array(2);
const h = new Int32Array(2);
/** The four lanes of long inputs. */
const a = new Int32Array(2);
const b = new Int32Array(2);
const c = new Int32Array(2);
const d = new Int32Array(2);

function start(acc: Int32Array, low: number, high: number): void {
  acc[LOW] = low;
  acc[HIGH] = high;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** acc = rotl(acc + lane * P2, 31) * P1 */
function round(acc: Int32Array, low: number, high: number): void {
  multiply64(t, low, high, P2_LOW, P2_HIGH);
  add64(acc, t[LOW]!, t[HIGH]!);
  rotateLeft64(acc, 31);
  multiply64(acc, acc[LOW]!, acc[HIGH]!, P1_LOW, P1_HIGH);
}

const lane = new Int32Array(2);

/** h += rotl(lane, bits) */
function addRotated(acc: Int32Array, bits: number): void {
  t[LOW] = acc[LOW]!;
  t[HIGH] = acc[HIGH]!;
  rotateLeft64(t, bits);
  add64(h, t[LOW]!, t[HIGH]!);
}

/** h = (h ^ round(0, lane)) * P1 + P4 */
function merge(acc: Int32Array): void {
  start(lane, 0, 0);
  round(lane, acc[LOW]!, acc[HIGH]!);
  multiply64(h, h[LOW]! ^ lane[LOW]!, h[HIGH]! ^ lane[HIGH]!, P1_LOW, P1_HIGH);
  add64(h, P4_LOW, P4_HIGH);
}

/** @param out gets the hash: low half, high half @param seed low half @param seedHigh high half */
export function xxHash64Bytes(out: Uint32Array, bytes: Uint8Array, length: number, seed = 0, seedHigh = 0): void {
  let at = 0;
  if (length >= 32) {
    start(a, seed, seedHigh);
    start(b, seed, seedHigh);
    start(c, seed, seedHigh);
    start(d, seed, seedHigh);
    add64(a, P1_LOW, P1_HIGH);
    add64(a, P2_LOW, P2_HIGH);
    add64(b, P2_LOW, P2_HIGH);
    // - P1
    add64(d, -P1_LOW, ~P1_HIGH);
    for (; at + 32 <= length; at += 32) {
      round(a, word(bytes, at), word(bytes, at + 4));
      round(b, word(bytes, at + 8), word(bytes, at + 12));
      round(c, word(bytes, at + 16), word(bytes, at + 20));
      round(d, word(bytes, at + 24), word(bytes, at + 28));
    }
    start(h, 0, 0);
    addRotated(a, 1);
    addRotated(b, 7);
    addRotated(c, 12);
    addRotated(d, 18);
    merge(a);
    merge(b);
    merge(c);
    merge(d);
  } else {
    h[LOW] = P5_LOW;
    h[HIGH] = P5_HIGH;
    add64(h, seed, seedHigh);
  }
  add64(h, length, 0);
  for (; at + 8 <= length; at += 8) {
    start(lane, 0, 0);
    round(lane, word(bytes, at), word(bytes, at + 4));
    h[LOW]! ^= lane[LOW]!;
    h[HIGH]! ^= lane[HIGH]!;
    rotateLeft64(h, 27);
    multiply64(h, h[LOW]!, h[HIGH]!, P1_LOW, P1_HIGH);
    add64(h, P4_LOW, P4_HIGH);
  }
  if (at + 4 <= length) {
    multiply64(t, word(bytes, at), 0, P1_LOW, P1_HIGH);
    h[LOW]! ^= t[LOW]!;
    h[HIGH]! ^= t[HIGH]!;
    rotateLeft64(h, 23);
    multiply64(h, h[LOW]!, h[HIGH]!, P2_LOW, P2_HIGH);
    add64(h, P3_LOW, P3_HIGH);
    at += 4;
  }
  for (; at < length; at++) {
    multiply64(t, bytes[at]!, 0, P5_LOW, P5_HIGH);
    h[LOW]! ^= t[LOW]!;
    h[HIGH]! ^= t[HIGH]!;
    rotateLeft64(h, 11);
    multiply64(h, h[LOW]!, h[HIGH]!, P1_LOW, P1_HIGH);
  }
  // h ^= h >> 33; h *= P2; h ^= h >> 29; h *= P3; h ^= h >> 32
  multiply64(h, h[LOW]! ^ (h[HIGH]! >>> 1), h[HIGH]!, P2_LOW, P2_HIGH);
  multiply64(h, h[LOW]! ^ ((h[LOW]! >>> 29) | (h[HIGH]! << 3)), h[HIGH]! ^ (h[HIGH]! >>> 29), P3_LOW, P3_HIGH);
  out[LOW] = h[LOW]! ^ h[HIGH]!;
  out[HIGH] = h[HIGH]!;
}

let scratch = Buffer.alloc(256);
const result = new BigUint64Array(1);
const halves = new Uint32Array(result.buffer);

/** @param text latin1, one char a byte */
export function xxHash64(text: string, seed = 0): bigint {
  hashText(text, seed, 0);
  return result[0]!;
}

/** Each text's hash is the seed of the next: how Envoy hashes several values. */
export function xxHash64Sequence(texts: readonly string[]): bigint {
  result[0] = 0n;
  for (const text of texts) hashText(text, halves[LOW]!, halves[HIGH]!);
  return result[0]!;
}

function hashText(text: string, seed: number, seedHigh: number): void {
  const length = text.length;
  if (length > scratch.length) scratch = Buffer.alloc(length * 2);
  scratch.write(text, 'latin1');
  xxHash64Bytes(halves, scratch, length, seed, seedHigh);
}
