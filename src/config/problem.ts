/** What is wrong, or doubtful, in a configuration. */

export type Severity = 'error' | 'warning';

export interface ConfigProblem {
  readonly severity: Severity;
  /** As in `static_resources.clusters[2].lb_polcy`; '' for the document as a whole. */
  readonly path: string;
  /** File name, or the flag that carried the text. */
  readonly file: string;
  /** From 1; 0 when the source has no lines. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** `FILE:LINE:COL: path: message` */
export function formatProblem(p: ConfigProblem): string {
  const where = p.line === 0 ? p.file : `${p.file}:${p.line}:${p.column}`;
  const path = p.path === '' ? '' : `${p.path}: `;
  return `${where}: ${p.severity === 'warning' ? 'warning: ' : ''}${path}${p.message}`;
}

export function hasErrors(problems: readonly ConfigProblem[]): boolean {
  return problems.some((p) => p.severity === 'error');
}

/** In the order of the source, each once. */
export function sortProblems(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const seen = new Set<string>();
  return problems
    .filter((p) => {
      const text = formatProblem(p);
      if (seen.has(text)) return false;
      seen.add(text);
      return true;
    })
    .sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column));
}
