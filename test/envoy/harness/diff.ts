/** A line difference (longest common subsequence) small enough for the short texts of a case. */
export function difference(left: string, right: string): string[] {
  const a = left.split('\n');
  const b = right.split('\n');
  const width = b.length + 1;
  const table = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const same = a[i] === b[j];
      const down = table[(i + 1) * width + j] as number;
      const across = table[i * width + j + 1] as number;
      table[i * width + j] = same ? (table[(i + 1) * width + j + 1] as number) + 1 : Math.max(down, across);
    }
  }
  const out: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      out.push(`  ${a[i]}`);
      i++;
      j++;
    } else if (i < a.length && (j >= b.length || (table[(i + 1) * width + j] as number) >= (table[i * width + j + 1] as number))) {
      out.push(`- ${a[i++]}`);
    } else out.push(`+ ${b[j++]}`);
  }
  return out;
}

/** Only the changed lines: what an explained difference must be, exactly. */
export function changes(left: string, right: string): string[] {
  return difference(left, right).filter((line) => !line.startsWith('  '));
}
