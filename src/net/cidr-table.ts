/** Longest-prefix lookup over CIDR ranges: one hash table for each prefix length in use, the longest first. */
import type { Address } from './address.ts';
import { parseIpBytes } from './address.ts';
import type { Cidr } from './cidr.ts';

interface Bucket<T> {
  readonly prefixLength: number;
  readonly values: Map<string, T>;
}

export class CidrTable<T> {
  /** Stands for "no range given": matches everything that no range does, addresses that are no IP too. */
  fallback: T | null = null;
  readonly #v4: Bucket<T>[] = [];
  readonly #v6: Bucket<T>[] = [];

  /** The value of exactly this range, made by `make` if there is none yet. */
  getOrInsert(range: Cidr, make: () => T): T {
    const buckets = range.bytes.length === 4 ? this.#v4 : this.#v6;
    let bucket = buckets.find((b) => b.prefixLength === range.prefixLength);
    if (bucket === undefined) {
      bucket = { prefixLength: range.prefixLength, values: new Map() };
      buckets.push(bucket);
      buckets.sort((a, b) => b.prefixLength - a.prefixLength);
    }
    const key = maskedKey(range.bytes, range.prefixLength);
    let value = bucket.values.get(key);
    if (value === undefined) {
      value = make();
      bucket.values.set(key, value);
    }
    return value;
  }

  /** The value of the longest range that holds `address`, else the fallback. */
  lookup(address: Address): T | null {
    const buckets = address.version === 4 ? this.#v4 : address.version === 6 ? this.#v6 : NONE;
    if (buckets.length > 0) {
      const bytes = parseIpBytes(address.ip);
      if (bytes !== null) {
        for (const bucket of buckets) {
          const value = bucket.values.get(maskedKey(bytes, bucket.prefixLength));
          if (value !== undefined) return value as T;
        }
      }
    }
    return this.fallback;
  }
}

const NONE: readonly Bucket<never>[] = [];

/** The leading `bits` of `bytes`, the rest zero, one character a byte. */
function maskedKey(bytes: Uint8Array, bits: number): string {
  let key = '';
  for (let i = 0, left = bits; i < bytes.length; i++, left -= 8) {
    const mask = left >= 8 ? 0xff : left <= 0 ? 0 : (0xff << (8 - left)) & 0xff;
    key += String.fromCharCode(bytes[i]! & mask);
  }
  return key;
}
