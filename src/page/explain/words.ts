/** Numbers as people read them. */

/** "12 ms", "1.5 s", "2 min". */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 100) / 10} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** "1,024". */
export function count(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** "1 host", "5 hosts". */
export function counted(n: number, noun: string): string {
  return n === 1 ? `1 ${noun}` : `${count(n)} ${noun}s`;
}

/** "a", "a and b", "a, b and c". */
export function list(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts[parts.length - 1]}`;
}

/** "12.5 %". @param share 0 to 1 */
export function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}
