/**
 * Patterns of `stats_tags`. Envoy reads them, and no others, by std::regex: ECMAScript's syntax with POSIX classes. RE2 reads most of
 * them and never backtracks; what it has no word for, such as lookahead, goes to V8's engine. They meet only names of statistics, on
 * the control thread, once for each name.
 */
import { re2 } from '../runtime/re2.ts';

export interface TagMatch {
  /** Of the first group: what goes from the name. */
  readonly start: number;
  readonly end: number;
  /** Of the second group, or else the first. */
  readonly value: string;
}

/** null = no match, or none of the first group. */
export type TagPattern = (name: string) => TagMatch | null;

const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: 'a-zA-Z0-9',
  alpha: 'a-zA-Z',
  blank: ' \\t',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  w: '\\w',
  xdigit: '0-9a-fA-F',
};

/** @throws in RE2's words if neither engine can read it */
export function compileTagPattern(pattern: string): TagPattern {
  try {
    return withRe2(pattern);
  } catch (error) {
    const regex = ecmaScript(pattern);
    if (regex === null) throw error;
    return (name) => {
      const match = regex.exec(name);
      const range = match?.indices?.[1];
      return range === undefined ? null : { start: range[0], end: range[1], value: match!.length > 2 ? (match![2] ?? '') : match![1]! };
    };
  }
}

function withRe2(pattern: string): TagPattern {
  const regex = re2().RE2JS.compile(pattern);
  return (name) => {
    const matcher = regex.matcher(name);
    if (!matcher.find() || matcher.start(1) < 0) return null;
    const value = (matcher.groupCount() > 1 ? matcher.group(2) : matcher.group(1)) ?? '';
    return { start: matcher.start(1), end: matcher.end(1), value };
  };
}

function ecmaScript(pattern: string): RegExp | null {
  const source = pattern.replace(/\[:(\w+):\]/g, (all, name: string) => POSIX_CLASSES[name] ?? all);
  try {
    return new RegExp(source, 'd');
  } catch {
    return null;
  }
}
