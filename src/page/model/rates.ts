/** Figures as they are told: no more digits than anybody reads, which is a third of the bytes. */

/** Per second. */
export function rate(count: number, seconds: number): number {
  return Math.round((count / seconds) * 100) / 100;
}

/** 0 to 1; 0 of nothing. */
export function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((part / whole) * 10_000) / 10_000;
}
