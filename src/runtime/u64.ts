/** Unsigned 64-bit arithmetic on two 32-bit halves: several times as fast as BigInt, and nothing is allocated. */

/** Where results go: the low and the high half, in this order. */
export const LOW = 0;
export const HIGH = 1;

/** `out = a * b` modulo 2^64. The halves may be given as signed or unsigned. */
export function multiply64(out: Int32Array, aLow: number, aHigh: number, bLow: number, bHigh: number): void {
  const a0 = aLow & 0xffff;
  const a1 = aLow >>> 16;
  const b0 = bLow & 0xffff;
  const b1 = bLow >>> 16;
  const p00 = Math.imul(a0, b0);
  const p01 = Math.imul(a0, b1);
  const p10 = Math.imul(a1, b0);
  // At most 3 * 65535: no carry is lost.
  const middle = (p00 >>> 16) + (p01 & 0xffff) + (p10 & 0xffff);
  out[LOW] = (middle << 16) | (p00 & 0xffff);
  out[HIGH] = Math.imul(a1, b1) + (p01 >>> 16) + (p10 >>> 16) + (middle >>> 16) + Math.imul(aLow, bHigh) + Math.imul(aHigh, bLow);
}

/** `out += b` modulo 2^64. */
export function add64(out: Int32Array, bLow: number, bHigh: number): void {
  const sum = (out[LOW]! >>> 0) + (bLow >>> 0);
  out[HIGH] = out[HIGH]! + bHigh + (sum > 0xffffffff ? 1 : 0);
  out[LOW] = sum;
}

/** `out` rotated left by `bits`, 1 to 31. */
export function rotateLeft64(out: Int32Array, bits: number): void {
  const low = out[LOW]!;
  const high = out[HIGH]!;
  out[LOW] = (low << bits) | (high >>> (32 - bits));
  out[HIGH] = (high << bits) | (low >>> (32 - bits));
}

/** Remainder of high:low by `divisor`, at most 2^21. @param low @param high unsigned */
export function remainder64(low: number, high: number, divisor: number): number {
  return ((((high % divisor) * (4294967296 % divisor)) % divisor) + (low % divisor)) % divisor;
}
