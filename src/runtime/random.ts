/** Chance. Balancing, splitting and jitter use a fast generator; identifiers that leave the process use random bytes. */
import { fs, nodeModule } from './node-module.ts';

export interface Random {
  /** Uniform integer in [0, 2^32). */
  nextU32(): number;
  /** Uniform integer in [0, bound); `bound` in 1..2^32. */
  below(bound: number): number;
  /** Version-4 UUID text (RFC 9562 §5.4). */
  uuid(): string;
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** xoshiro128**: 32 bits a call, period 2^128-1, nothing allocated. */
class Xoshiro implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  readonly #fill: (bytes: Uint8Array) => void;
  readonly #pool = new Uint8Array(4096);
  #used = 4096;

  constructor(seed: Uint32Array, fill: ((bytes: Uint8Array) => void) | null) {
    this.#a = seed[0]! | 1;
    this.#b = seed[1]!;
    this.#c = seed[2]!;
    this.#d = seed[3]!;
    this.#fill = fill ?? ((bytes) => this.#fillSeeded(bytes));
  }

  nextU32(): number {
    const b5 = Math.imul(this.#b, 5);
    const result = Math.imul((b5 << 7) | (b5 >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  below(bound: number): number {
    // Multiply-shift: unbiased to 2^-32 relative to `bound`, and no modulo.
    return Math.floor((this.nextU32() / 4294967296) * bound);
  }

  uuid(): string {
    if (this.#used + 16 > this.#pool.length) {
      this.#fill(this.#pool);
      this.#used = 0;
    }
    const p = this.#pool;
    const o = this.#used;
    this.#used = o + 16;
    return (
      HEX[p[o]!]! +
      HEX[p[o + 1]!]! +
      HEX[p[o + 2]!]! +
      HEX[p[o + 3]!]! +
      '-' +
      HEX[p[o + 4]!]! +
      HEX[p[o + 5]!]! +
      '-' +
      HEX[(p[o + 6]! & 0x0f) | 0x40]! +
      HEX[p[o + 7]!]! +
      '-' +
      HEX[(p[o + 8]! & 0x3f) | 0x80]! +
      HEX[p[o + 9]!]! +
      '-' +
      HEX[p[o + 10]!]! +
      HEX[p[o + 11]!]! +
      HEX[p[o + 12]!]! +
      HEX[p[o + 13]!]! +
      HEX[p[o + 14]!]! +
      HEX[p[o + 15]!]!
    );
  }

  #fillSeeded(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.nextU32() & 0xff;
  }
}

export function systemRandom(): Random {
  const fill = systemBytes();
  const seed = new Uint32Array(4);
  fill(new Uint8Array(seed.buffer));
  return new Xoshiro(seed, fill);
}

/** For keys. */
export function secretBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  systemBytes()(bytes);
  return bytes;
}

/** From the kernel's generator; `node:crypto`, which costs megabytes for the same bytes, only where there is no such file. */
function systemBytes(): (bytes: Uint8Array) => void {
  let fd: number;
  try {
    fd = fs.openSync('/dev/urandom', 'r');
  } catch {
    const crypto = nodeModule<typeof import('node:crypto')>('node:crypto');
    return (bytes) => void crypto.randomFillSync(bytes);
  }
  return (bytes) => {
    for (let filled = 0; filled < bytes.length; ) filled += fs.readSync(fd, bytes, filled, bytes.length - filled, null);
  };
}

/** The same sequence for the same seed: for tests and simulations. */
export function seededRandom(seed: number): Random {
  const state = new Uint32Array(4);
  let x = seed >>> 0;
  for (let i = 0; i < 4; i++) {
    // splitmix32, the usual way to spread a small seed over the state.
    x = (x + 0x9e3779b9) >>> 0;
    let z = x;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    state[i] = (z ^ (z >>> 16)) >>> 0;
  }
  return new Xoshiro(state, null);
}
