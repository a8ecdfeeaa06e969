/** A cluster's own word on which responses are errors. Source: envoy.config.common.matcher.v3.MatchPredicate, as far as response headers can tell. */
import type { HeaderMap } from '../../http/header-map.ts';
import { buildHeaderMatcher, type HeaderMatcher, type HeaderMatcherSettings, matchesAll } from '../../http/header-matcher.ts';

export type ErrorMatchSettings =
  | { readonly kind: 'and' | 'or'; readonly rules: readonly ErrorMatchSettings[] }
  | { readonly kind: 'not'; readonly rule: ErrorMatchSettings }
  /** `any_match`; or a part of the exchange that is not looked at, and so never matches. */
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'headers'; readonly headers: readonly HeaderMatcherSettings[] };

export interface ErrorMatcher {
  /** The response is an error. */
  matches(headers: HeaderMap): boolean;
}

export function buildErrorMatcher(settings: ErrorMatchSettings): ErrorMatcher {
  switch (settings.kind) {
    case 'and':
    case 'or':
      return new Combined(settings.kind === 'and', settings.rules.map(buildErrorMatcher));
    case 'not':
      return new Not(buildErrorMatcher(settings.rule));
    case 'constant':
      return settings.value ? ALWAYS : NEVER;
    case 'headers':
      return new Headers(settings.headers.map(buildHeaderMatcher));
  }
}

const ALWAYS: ErrorMatcher = { matches: () => true };
const NEVER: ErrorMatcher = { matches: () => false };

class Combined implements ErrorMatcher {
  readonly #all: boolean;
  readonly #rules: readonly ErrorMatcher[];
  constructor(all: boolean, rules: readonly ErrorMatcher[]) {
    this.#all = all;
    this.#rules = rules;
  }
  matches(headers: HeaderMap): boolean {
    for (let i = 0; i < this.#rules.length; i++) if (this.#rules[i]!.matches(headers) !== this.#all) return !this.#all;
    return this.#all;
  }
}

class Not implements ErrorMatcher {
  readonly #rule: ErrorMatcher;
  constructor(rule: ErrorMatcher) {
    this.#rule = rule;
  }
  matches(headers: HeaderMap): boolean {
    return !this.#rule.matches(headers);
  }
}

class Headers implements ErrorMatcher {
  readonly #headers: readonly HeaderMatcher[];
  constructor(headers: readonly HeaderMatcher[]) {
    this.#headers = headers;
  }
  matches(headers: HeaderMap): boolean {
    return matchesAll(this.#headers, headers);
  }
}
