/** envoy.config.route.v3.HeaderMatcher: routes, retry policies, access-log filters and HTTP filters match headers with it. */
import type { HeaderMap } from './header-map.ts';
import { buildStringMatcher, type StringMatcher, type StringMatcherSettings } from './string-matcher.ts';

/** Whole base-10 numbers, start <= n < end. */
export interface RangeSettings {
  readonly kind: 'range';
  readonly start: number;
  readonly end: number;
}

export interface HeaderMatcherSettings {
  /** Lower case; pseudo headers by their names (":path"). */
  readonly name: string;
  /** null: presence alone decides. */
  readonly value: StringMatcherSettings | RangeSettings | null;
  /** With `value` null: whether the header has to be there, or has to be absent. */
  readonly present: boolean;
  readonly invert: boolean;
  readonly treatMissingAsEmpty: boolean;
}

export interface HeaderMatcher {
  matches(headers: HeaderMap): boolean;
  describe(): string;
}

export function buildHeaderMatcher(settings: HeaderMatcherSettings): HeaderMatcher {
  if (settings.value === null) return new PresenceMatcher(settings);
  const value = settings.value.kind === 'range' ? new RangeMatcher(settings.value) : buildStringMatcher(settings.value);
  return new ValueMatcher(settings, value);
}

/** All of them match. */
export function matchesAll(matchers: readonly HeaderMatcher[], headers: HeaderMap): boolean {
  for (let i = 0; i < matchers.length; i++) if (!matchers[i]!.matches(headers)) return false;
  return true;
}

/** At least one of them matches. */
export function matchesAny(matchers: readonly HeaderMatcher[], headers: HeaderMap): boolean {
  for (let i = 0; i < matchers.length; i++) if (matchers[i]!.matches(headers)) return true;
  return false;
}

class PresenceMatcher implements HeaderMatcher {
  readonly #name: string;
  readonly #wanted: boolean;
  readonly #alwaysThere: boolean;
  constructor(settings: HeaderMatcherSettings) {
    this.#name = settings.name;
    this.#wanted = settings.present !== settings.invert;
    this.#alwaysThere = settings.treatMissingAsEmpty;
  }
  matches(headers: HeaderMap): boolean {
    return (this.#alwaysThere || headers.lookup(this.#name) !== undefined) === this.#wanted;
  }
  describe(): string {
    return `header ${this.#name} ${this.#wanted ? 'present' : 'absent'}`;
  }
}

class ValueMatcher implements HeaderMatcher {
  readonly #name: string;
  readonly #value: StringMatcher;
  readonly #invert: boolean;
  readonly #missingIsEmpty: boolean;
  constructor(settings: HeaderMatcherSettings, value: StringMatcher) {
    this.#name = settings.name;
    this.#value = value;
    this.#invert = settings.invert;
    this.#missingIsEmpty = settings.treatMissingAsEmpty;
  }
  matches(headers: HeaderMap): boolean {
    const name = this.#name;
    if (name.charCodeAt(0) === 0x3a) {
      const text = headers.lookup(name);
      return text === undefined ? this.#missing() : this.#value.matches(text) !== this.#invert;
    }
    const names = headers.names;
    let i = names.indexOf(name);
    if (i < 0) return this.#missing();
    // Of several lines one has to match.
    for (; i >= 0; i = names.indexOf(name, i + 1)) if (this.#value.matches(headers.values[i]!)) return !this.#invert;
    return this.#invert;
  }
  /** A header that is not there matches nothing, and invert_match does not change that. */
  #missing(): boolean {
    return this.#missingIsEmpty && this.#value.matches('') !== this.#invert;
  }
  describe(): string {
    return `header ${this.#name} ${this.#invert ? 'not ' : ''}${this.#value.describe()}`;
  }
}

const WHOLE_NUMBER = /^\s*[+-]?\d+\s*$/;

class RangeMatcher implements StringMatcher {
  readonly #start: number;
  readonly #end: number;
  constructor(settings: RangeSettings) {
    this.#start = settings.start;
    this.#end = settings.end;
  }
  matches(text: string): boolean {
    if (!WHOLE_NUMBER.test(text)) return false;
    const n = Number(text);
    return n >= this.#start && n < this.#end;
  }
  describe(): string {
    return `in [${this.#start}, ${this.#end})`;
  }
}
