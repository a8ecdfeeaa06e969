/** Plain-text tables, numbers aligned right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const render = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  return [render(header), widths.map((w) => '-'.repeat(w)).join('  '), ...rows.map(render)].join('\n');
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export const print = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** A figure beside the most it may be. */
export interface Bar {
  readonly what: string;
  readonly value: number;
  readonly atMost: number;
  readonly unit: string;
}

export function printBars(bars: readonly Bar[]): boolean {
  if (bars.length === 0) return true;
  print('');
  const rows = bars.map((bar) => [
    bar.what,
    format(bar.value),
    `≤ ${format(bar.atMost)}`,
    bar.unit,
    bar.value <= bar.atMost ? 'met' : 'MISSED',
  ]);
  print(table(['bar', 'value', 'at most', 'unit', ''], rows));
  return bars.every((bar) => bar.value <= bar.atMost);
}

export function format(value: number): string {
  if (Number.isNaN(value)) return '–';
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
