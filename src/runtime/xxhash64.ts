/** xxHash64 (XXH64), seed 0: the hash that Envoy takes for consistent balancing. Input is latin1 text, one char a byte. */
const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

function u64(n: bigint): bigint {
  return BigInt.asUintN(64, n);
}

function rotl(n: bigint, bits: bigint): bigint {
  return u64((n << bits) | (n >> (64n - bits)));
}

function round(acc: bigint, lane: bigint): bigint {
  return u64(rotl(u64(acc + lane * P2), 31n) * P1);
}

function merge(acc: bigint, lane: bigint): bigint {
  return u64((acc ^ round(0n, lane)) * P1 + P4);
}

export function xxHash64(text: string, seed = 0n): bigint {
  const input = Buffer.from(text, 'latin1');
  const end = input.length;
  let at = 0;
  let h: bigint;
  if (end >= 32) {
    let a = u64(seed + P1 + P2);
    let b = u64(seed + P2);
    let c = seed;
    let d = u64(seed - P1);
    for (; at + 32 <= end; at += 32) {
      a = round(a, input.readBigUInt64LE(at));
      b = round(b, input.readBigUInt64LE(at + 8));
      c = round(c, input.readBigUInt64LE(at + 16));
      d = round(d, input.readBigUInt64LE(at + 24));
    }
    h = merge(merge(merge(merge(u64(rotl(a, 1n) + rotl(b, 7n) + rotl(c, 12n) + rotl(d, 18n)), a), b), c), d);
  } else h = u64(seed + P5);
  h = u64(h + BigInt(end));
  for (; at + 8 <= end; at += 8) h = u64(rotl(h ^ round(0n, input.readBigUInt64LE(at)), 27n) * P1 + P4);
  if (at + 4 <= end) {
    h = u64(rotl(h ^ u64(BigInt(input.readUInt32LE(at)) * P1), 23n) * P2 + P3);
    at += 4;
  }
  for (; at < end; at++) h = u64(rotl(h ^ u64(BigInt(input[at]!) * P5), 11n) * P1);
  h = u64((h ^ (h >> 33n)) * P2);
  h = u64((h ^ (h >> 29n)) * P3);
  return h ^ (h >> 32n);
}
