/** Generic matching (xds.type.matcher.v3.Matcher): a tree of predicates and maps that ends in actions. An action is a number: its owner knows what it means. */
import type { RequestHeaders } from '../header-map.ts';
import type { StreamInfo } from '../stream-info.ts';
import { buildStringMatcher, type StringMatcher, type StringMatcherSettings } from '../string-matcher.ts';

export type MatchTreeSettings =
  | {
      readonly kind: 'list';
      readonly entries: readonly { readonly predicate: PredicateSettings; readonly onMatch: OnMatchSettings }[];
      readonly onNoMatch: OnMatchSettings | null;
    }
  | {
      readonly kind: 'exact' | 'prefix';
      readonly input: MatchInputSettings;
      readonly map: Readonly<Record<string, OnMatchSettings>>;
      readonly onNoMatch: OnMatchSettings | null;
    };

export type OnMatchSettings = { readonly action: number } | { readonly tree: MatchTreeSettings };

export type PredicateSettings =
  | { readonly kind: 'value'; readonly input: MatchInputSettings; readonly value: StringMatcherSettings }
  | { readonly kind: 'and' | 'or'; readonly predicates: readonly PredicateSettings[] }
  | { readonly kind: 'not'; readonly predicate: PredicateSettings };

export interface MatchInputSettings {
  readonly kind: 'request_header' | 'filter_state';
  /** Header in lower case, pseudo headers with their colon; or key of the filter state. */
  readonly name: string;
}

/** No action: nothing in the tree matched. */
export const NO_ACTION = -1;

export interface MatchTree {
  /** The action for a request, or NO_ACTION. */
  match(headers: RequestHeaders, info: StreamInfo): number;
}

interface Predicate {
  holds(headers: RequestHeaders, info: StreamInfo): boolean;
}

export function buildMatchTree(settings: MatchTreeSettings): MatchTree {
  if (settings.kind === 'list') return new ListTree(settings.entries, buildOnMatch(settings.onNoMatch));
  const map = new Map(Object.entries(settings.map).map(([key, onMatch]) => [key, buildOnMatch(onMatch)]));
  return settings.kind === 'exact'
    ? new ExactTree(settings.input, map, buildOnMatch(settings.onNoMatch))
    : new PrefixTree(settings.input, map, buildOnMatch(settings.onNoMatch));
}

function buildOnMatch(settings: OnMatchSettings | null): MatchTree {
  if (settings === null) return new Leaf(NO_ACTION);
  return 'action' in settings ? new Leaf(settings.action) : buildMatchTree(settings.tree);
}

class Leaf implements MatchTree {
  readonly #action: number;
  constructor(action: number) {
    this.#action = action;
  }
  match(): number {
    return this.#action;
  }
}

class ListTree implements MatchTree {
  readonly #entries: readonly { readonly predicate: Predicate; readonly onMatch: MatchTree }[];
  readonly #onNoMatch: MatchTree;

  constructor(entries: readonly { readonly predicate: PredicateSettings; readonly onMatch: OnMatchSettings }[], onNoMatch: MatchTree) {
    this.#entries = entries.map((entry) => ({ predicate: buildPredicate(entry.predicate), onMatch: buildOnMatch(entry.onMatch) }));
    this.#onNoMatch = onNoMatch;
  }

  match(headers: RequestHeaders, info: StreamInfo): number {
    for (let i = 0; i < this.#entries.length; i++) {
      const { predicate, onMatch } = this.#entries[i]!;
      if (!predicate.holds(headers, info)) continue;
      // A subtree that has no answer gives the next entry its turn.
      const action = onMatch.match(headers, info);
      if (action !== NO_ACTION) return action;
    }
    return this.#onNoMatch.match(headers, info);
  }
}

class ExactTree implements MatchTree {
  readonly #input: MatchInputSettings;
  readonly #map: ReadonlyMap<string, MatchTree>;
  readonly #onNoMatch: MatchTree;

  constructor(input: MatchInputSettings, map: ReadonlyMap<string, MatchTree>, onNoMatch: MatchTree) {
    this.#input = input;
    this.#map = map;
    this.#onNoMatch = onNoMatch;
  }

  match(headers: RequestHeaders, info: StreamInfo): number {
    const value = readInput(this.#input, headers, info);
    const action = value === undefined ? NO_ACTION : (this.#map.get(value)?.match(headers, info) ?? NO_ACTION);
    return action === NO_ACTION ? this.#onNoMatch.match(headers, info) : action;
  }
}

class PrefixTree implements MatchTree {
  readonly #input: MatchInputSettings;
  readonly #map: ReadonlyMap<string, MatchTree>;
  /** The longest first. */
  readonly #lengths: readonly number[];
  readonly #onNoMatch: MatchTree;

  constructor(input: MatchInputSettings, map: ReadonlyMap<string, MatchTree>, onNoMatch: MatchTree) {
    this.#input = input;
    this.#map = map;
    this.#lengths = [...new Set([...map.keys()].map((key) => key.length))].sort((a, b) => b - a);
    this.#onNoMatch = onNoMatch;
  }

  match(headers: RequestHeaders, info: StreamInfo): number {
    const value = readInput(this.#input, headers, info);
    if (value !== undefined) {
      for (let i = 0; i < this.#lengths.length; i++) {
        const length = this.#lengths[i]!;
        if (length > value.length) continue;
        const action = this.#map.get(value.slice(0, length))?.match(headers, info) ?? NO_ACTION;
        if (action !== NO_ACTION) return action;
      }
    }
    return this.#onNoMatch.match(headers, info);
  }
}

function buildPredicate(settings: PredicateSettings): Predicate {
  switch (settings.kind) {
    case 'value':
      return new ValuePredicate(settings.input, buildStringMatcher(settings.value));
    case 'not':
      return new NotPredicate(buildPredicate(settings.predicate));
    default:
      return new ManyPredicate(settings.predicates.map(buildPredicate), settings.kind === 'or');
  }
}

class ValuePredicate implements Predicate {
  readonly #input: MatchInputSettings;
  readonly #value: StringMatcher;
  constructor(input: MatchInputSettings, value: StringMatcher) {
    this.#input = input;
    this.#value = value;
  }
  holds(headers: RequestHeaders, info: StreamInfo): boolean {
    const value = readInput(this.#input, headers, info);
    return value !== undefined && this.#value.matches(value);
  }
}

class NotPredicate implements Predicate {
  readonly #predicate: Predicate;
  constructor(predicate: Predicate) {
    this.#predicate = predicate;
  }
  holds(headers: RequestHeaders, info: StreamInfo): boolean {
    return !this.#predicate.holds(headers, info);
  }
}

class ManyPredicate implements Predicate {
  readonly #predicates: readonly Predicate[];
  /** The outcome of one that decides. */
  readonly #decisive: boolean;
  constructor(predicates: readonly Predicate[], decisive: boolean) {
    this.#predicates = predicates;
    this.#decisive = decisive;
  }
  holds(headers: RequestHeaders, info: StreamInfo): boolean {
    for (let i = 0; i < this.#predicates.length; i++) {
      if (this.#predicates[i]!.holds(headers, info) === this.#decisive) return this.#decisive;
    }
    return !this.#decisive;
  }
}

function readInput(input: MatchInputSettings, headers: RequestHeaders, info: StreamInfo): string | undefined {
  if (input.kind === 'request_header') return headers.lookup(input.name);
  const state = info.filterState?.get(input.name);
  return state === undefined ? undefined : String(state);
}
