/** Rows of text in columns that fit a width: numbers to the right, names cut before numbers are. */

export interface Column {
  readonly title: string;
  readonly right: boolean;
  /** The column that gives way when the line is too long, and takes what is left. */
  readonly flexible?: boolean;
}

export interface Row {
  readonly cells: readonly string[];
  readonly style: Style;
}

export type Style = 'plain' | 'bold' | 'dim' | 'bad' | 'warn' | 'selected';

const CODES: Readonly<Record<Style, string>> = { plain: '', bold: '1', dim: '2', bad: '31', warn: '33', selected: '7' };

/** Control characters of what peers sent must not reach the terminal. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

export function styled(text: string, style: Style, colors: boolean): string {
  return colors && style !== 'plain' ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}

export function inWidth(text: string, width: number, right = false): string {
  if (text.length > width) return width < 2 ? text.slice(0, width) : text.slice(0, width - 1) + '…';
  return right ? text.padStart(width) : text.padEnd(width);
}

/** @returns the title line, then one line a row */
export function table(columns: readonly Column[], rows: readonly Row[], width: number, colors: boolean): string[] {
  const widths = columns.map(({ title }, i) => Math.max(title.length, ...rows.map(({ cells }) => (cells[i] ?? '').length)));
  const flexible = columns.findIndex((column) => column.flexible === true);
  const rest = widths.reduce((sum, w, i) => (i === flexible ? sum : sum + w + 2), 0);
  if (flexible >= 0) widths[flexible] = Math.max(8, Math.min(widths[flexible]!, width - rest));
  const line = (cells: readonly string[]) =>
    inWidth(cells.map((cell, i) => inWidth(cell, widths[i]!, columns[i]!.right)).join('  '), width).trimEnd();
  return [
    styled(line(columns.map(({ title }) => title)), 'dim', colors),
    ...rows.map(({ cells, style }) => styled(style === 'selected' ? inWidth(line(cells), width) : line(cells), style, colors)),
  ];
}
