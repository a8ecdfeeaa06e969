/** Nearest valid name for a mistyped one, for error messages. */

/**
 * Edit distance with adjacent transpositions, given up (returning `limit + 1`) once it must exceed `limit`.
 */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let d = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === b.charCodeAt(j - 1)) {
        d = Math.min(d, before[j - 2]! + 1);
      }
      row.push(d);
      if (d < least) least = d;
    }
    if (least > limit) return limit + 1;
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}

/** The candidate nearest to `name`, or null if none is near enough to be what was meant. */
export function nearestName(name: string, candidates: Iterable<string>): string | null {
  const wanted = normal(name);
  // A third of the letters may be wrong; short names allow one.
  let limit = Math.max(1, Math.floor(wanted.length / 3));
  let best: string | null = null;
  for (const candidate of candidates) {
    const d = editDistance(wanted, normal(candidate), limit);
    if (d > limit) continue;
    if (d === 0) return candidate;
    best = candidate;
    limit = d - 1;
  }
  return best;
}

/** `; did you mean "x"?`, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const nearest = nearestName(name, candidates);
  return nearest === null ? '' : `; did you mean "${nearest}"?`;
}

function normal(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}
