/**
 * Regular expressions from configuration: RE2 syntax and semantics, time linear in the input whatever the pattern
 * (docs/decisions/002-linear-regular-expressions.md says why this engine). Subjects are latin1 header text.
 */
import { type RE2JS, re2 } from '../runtime/re2.ts';

/** A regular expression with what replaces its matches. */
export interface RegexRewriteSettings {
  readonly pattern: string;
  readonly substitution: string;
}

/** What is wrong with a pattern, in RE2's words. */
export class RegexError extends Error {}

export interface LinearRegex {
  readonly pattern: string;
  /** The whole of `text` matches, as `safe_regex` means it. */
  fullMatch(text: string): boolean;
  /** Some part of `text` matches. */
  contains(text: string): boolean;
  /** Replaces every match; `\0`..`\9` in `substitution` stand for groups, `\\` for a backslash. `text` itself if it names a group that there is not. */
  replaceAll(text: string, substitution: string): string;
  /** Text with which every full match begins; '' if none is known. */
  readonly literalPrefix: string;
}

/** Characters that mean something in a pattern. */
const SPECIAL = /[\\^$.|?*+()[\]{}]/;

/** @throws RegexError */
export function compileRegex(pattern: string): LinearRegex {
  let compiled: RE2JS;
  try {
    compiled = re2().RE2JS.compile(pattern);
  } catch (e) {
    throw new RegexError(e instanceof Error ? e.message.replace(/^error parsing regexp: /, '') : String(e));
  }
  return new Re2Regex(pattern, compiled);
}

/** What is wrong with `substitution` for `pattern`, and what comes of it, as in RE2; '' if all is well. */
export function substitutionProblem(pattern: string, substitution: string): string {
  let groups: number;
  try {
    groups = re2().RE2JS.compile(pattern).groupCount();
  } catch {
    // The pattern has a report of its own.
    return '';
  }
  const highest = highestGroup(substitution);
  if (highest > groups) return `"${substitution}" refers to group ${highest}, and the pattern has ${groups}: nothing will be rewritten`;
  const bad = /^(?:[^\\]|\\[\\0-9])*\\(?![\\0-9])/.exec(substitution);
  return bad === null ? '' : `"${substitution}" has a backslash with neither a digit nor a backslash behind it: the rest is left out`;
}

function highestGroup(substitution: string): number {
  let highest = 0;
  for (let i = 0; i < substitution.length; i++) {
    if (substitution[i] !== '\\') continue;
    const next = substitution[++i];
    if (next !== undefined && next >= '0' && next <= '9') highest = Math.max(highest, Number(next));
  }
  return highest;
}

class Re2Regex implements LinearRegex {
  readonly pattern: string;
  readonly literalPrefix: string;
  readonly #regex: RE2JS;
  /** The two commonest shapes need no engine: a literal, and a literal followed by `.*`. */
  readonly #shape: 'literal' | 'prefix' | 'general';
  /** The substitution that was looked at last: a pattern is used with one alone. */
  #checked: string;
  #usable: boolean;

  constructor(pattern: string, regex: RE2JS) {
    this.pattern = pattern;
    this.#regex = regex;
    this.#checked = '';
    this.#usable = true;
    this.literalPrefix = literalPrefixOf(pattern);
    this.#shape = this.literalPrefix === pattern ? 'literal' : this.literalPrefix + '.*' === pattern ? 'prefix' : 'general';
  }

  fullMatch(text: string): boolean {
    if (this.#shape === 'literal') return text === this.pattern;
    if (!text.startsWith(this.literalPrefix)) return false;
    if (this.#shape === 'prefix') return text.indexOf('\n', this.literalPrefix.length) < 0;
    return this.#regex.testExact(text);
  }

  contains(text: string): boolean {
    return this.#regex.test(text);
  }

  replaceAll(text: string, substitution: string): string {
    if (substitution !== this.#checked) {
      this.#checked = substitution;
      this.#usable = highestGroup(substitution) <= this.#regex.groupCount();
    }
    if (!this.#usable) return text;
    const matcher = this.#regex.matcher(text);
    let out = '';
    let from = 0;
    while (matcher.find()) {
      out += text.slice(from, matcher.start()) + expand(substitution, (n) => matcher.group(n));
      from = matcher.end();
    }
    return from === 0 && out === '' ? text : out + text.slice(from);
  }
}

function expand(substitution: string, group: (n: number) => string | null): string {
  if (substitution.indexOf('\\') < 0) return substitution;
  let out = '';
  for (let i = 0; i < substitution.length; i++) {
    const c = substitution[i]!;
    if (c !== '\\') {
      out += c;
      continue;
    }
    const next = substitution[++i];
    if (next === '\\') out += next;
    else if (next !== undefined && next >= '0' && next <= '9') out += group(Number(next)) ?? '';
    else return out;
  }
  return out;
}

function literalPrefixOf(pattern: string): string {
  const special = pattern.search(SPECIAL);
  if (special < 0) return pattern;
  // An alternative may begin otherwise, and flags change what letters mean.
  if (pattern.includes('|') || pattern.includes('(?')) return '';
  const repeats = pattern[special] === '?' || pattern[special] === '*' || pattern[special] === '{';
  return pattern.slice(0, repeats ? Math.max(0, special - 1) : special);
}
