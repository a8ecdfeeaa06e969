/** envoy.type.matcher.v3.StringMatcher: plain settings, and the matcher that a worker makes of them. */
import { compileRegex, type LinearRegex } from './regex.ts';

export interface StringMatcherSettings {
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex';
  readonly value: string;
  /** Has no meaning for regular expressions: they say (?i) themselves. */
  readonly ignoreCase: boolean;
}

export interface StringMatcher {
  matches(text: string): boolean;
  /** For people: `prefix "/a"`. */
  describe(): string;
}

export function buildStringMatcher(settings: StringMatcherSettings): StringMatcher {
  if (settings.kind === 'regex') return new RegexMatcher(compileRegex(settings.value));
  return settings.ignoreCase ? new CaselessMatcher(settings) : new PlainMatcher(settings);
}

class PlainMatcher implements StringMatcher {
  readonly #kind: StringMatcherSettings['kind'];
  readonly #value: string;
  constructor(settings: StringMatcherSettings) {
    this.#kind = settings.kind;
    this.#value = settings.value;
  }
  matches(text: string): boolean {
    switch (this.#kind) {
      case 'exact':
        return text === this.#value;
      case 'prefix':
        return text.startsWith(this.#value);
      case 'suffix':
        return text.endsWith(this.#value);
      default:
        return text.includes(this.#value);
    }
  }
  describe(): string {
    return `${this.#kind} ${JSON.stringify(this.#value)}`;
  }
}

class CaselessMatcher implements StringMatcher {
  readonly #plain: PlainMatcher;
  constructor(settings: StringMatcherSettings) {
    this.#plain = new PlainMatcher({ ...settings, value: asciiLower(settings.value) });
  }
  matches(text: string): boolean {
    return this.#plain.matches(asciiLower(text));
  }
  describe(): string {
    return `${this.#plain.describe()} (any case)`;
  }
}

class RegexMatcher implements StringMatcher {
  readonly #regex: LinearRegex;
  constructor(regex: LinearRegex) {
    this.#regex = regex;
  }
  matches(text: string): boolean {
    return this.#regex.fullMatch(text);
  }
  describe(): string {
    return `regex ${JSON.stringify(this.#regex.pattern)}`;
  }
}

const UPPER_CASE = /[A-Z]/;
const UPPER_CASE_RUNS = /[A-Z]+/g;

/** Lower case for A-Z alone, as Envoy does: bytes above 127 are not letters. */
export function asciiLower(text: string): string {
  return UPPER_CASE.test(text) ? text.replace(UPPER_CASE_RUNS, (run) => run.toLowerCase()) : text;
}
