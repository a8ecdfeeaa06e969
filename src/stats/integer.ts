/** Counters and gauges are unsigned numbers of 64 bits: one this big is still written out in full, and -1 is 2^64 - 1, as in Envoy. */
export function integer(value: number): string {
  const whole = Math.trunc(value);
  if (whole < 0) return Number.isSafeInteger(whole) ? BigInt.asUintN(64, BigInt(whole)).toString() : '0';
  return Number.isSafeInteger(whole) ? String(whole + 0) : Number.isFinite(whole) ? BigInt(whole).toString() : '0';
}
