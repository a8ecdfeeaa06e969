/** Generic matching (xds.type.matcher.v3.Matcher): a tree of predicates and maps that ends in actions. An action is a number: its owner knows what it means. */
import { type Address, ipAddress, isIp } from '../../net/address.ts';
import { AddressRanges } from '../address-ranges.ts';
import type { RequestHeaders } from '../header-map.ts';
import type { StreamInfo } from '../stream-info.ts';
import { buildStringMatcher, type StringMatcher, type StringMatcherSettings } from '../string-matcher.ts';
import { type MatchInputSettings, readInput } from './match-input.ts';

export type MatchTreeSettings =
  | {
      readonly kind: 'list';
      readonly entries: readonly { readonly predicate: PredicateSettings; readonly onMatch: OnMatchSettings }[];
      readonly onNoMatch: OnMatchSettings | null;
    }
  | {
      /** `server_name`: "*" and names that begin with "*." stand for what they end in. */
      readonly kind: 'exact' | 'prefix' | 'server_name';
      readonly input: MatchInputSettings;
      readonly map: Readonly<Record<string, OnMatchSettings>>;
      readonly onNoMatch: OnMatchSettings | null;
    }
  | {
      readonly kind: 'ip';
      readonly input: MatchInputSettings;
      /** The longest prefix first. */
      readonly ranges: readonly IpRangeSettings[];
      readonly onNoMatch: OnMatchSettings | null;
    };

export interface IpRangeSettings {
  /** "10.0.0.0/8" */
  readonly range: string;
  readonly onMatch: OnMatchSettings;
  /** Counts only where no narrower range holds the address. */
  readonly exclusive: boolean;
}

export type OnMatchSettings = { readonly action: number } | { readonly tree: MatchTreeSettings };

export type PredicateSettings =
  | { readonly kind: 'value'; readonly input: MatchInputSettings; readonly value: StringMatcherSettings }
  /** "10.0.0.0/8", any of them. Source: envoy.extensions.matching.input_matchers.ip.v3.Ip. */
  | { readonly kind: 'ip'; readonly input: MatchInputSettings; readonly ranges: readonly string[] }
  | { readonly kind: 'and' | 'or'; readonly predicates: readonly PredicateSettings[] }
  | { readonly kind: 'not'; readonly predicate: PredicateSettings };

/** No action: nothing in the tree matched. */
export const NO_ACTION = -1;

export interface MatchTree {
  /** The action for a request, or NO_ACTION. @param headers null for a connection that carries no HTTP */
  match(headers: RequestHeaders | null, info: StreamInfo): number;
}

interface Predicate {
  holds(headers: RequestHeaders | null, info: StreamInfo): boolean;
}

export function buildMatchTree(settings: MatchTreeSettings): MatchTree {
  if (settings.kind === 'list') return new ListTree(settings.entries, buildOnMatch(settings.onNoMatch));
  const onNoMatch = buildOnMatch(settings.onNoMatch);
  if (settings.kind === 'ip') return new IpTree(settings.input, settings.ranges, onNoMatch);
  const map = new Map(Object.entries(settings.map).map(([key, onMatch]) => [key, buildOnMatch(onMatch)]));
  if (settings.kind === 'exact') return new ExactTree(settings.input, map, onNoMatch);
  return settings.kind === 'prefix' ? new PrefixTree(settings.input, map, onNoMatch) : new ServerNameTree(settings.input, map, onNoMatch);
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

  match(headers: RequestHeaders | null, info: StreamInfo): number {
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

/** Looks entries of a map up by the value of an input. */
abstract class MapTree implements MatchTree {
  readonly #input: MatchInputSettings;
  readonly #map: ReadonlyMap<string, MatchTree>;
  readonly #onNoMatch: MatchTree;

  constructor(input: MatchInputSettings, map: ReadonlyMap<string, MatchTree>, onNoMatch: MatchTree) {
    this.#input = input;
    this.#map = map;
    this.#onNoMatch = onNoMatch;
  }

  match(headers: RequestHeaders | null, info: StreamInfo): number {
    const value = readInput(this.#input, headers, info);
    const action = value === undefined ? NO_ACTION : this.find(value, headers, info);
    return action === NO_ACTION ? this.#onNoMatch.match(headers, info) : action;
  }

  /** What the entries that `value` stands for say, in their order. */
  protected abstract find(value: string, headers: RequestHeaders | null, info: StreamInfo): number;

  protected entry(key: string, headers: RequestHeaders | null, info: StreamInfo): number {
    return this.#map.get(key)?.match(headers, info) ?? NO_ACTION;
  }
}

class ExactTree extends MapTree {
  protected override find(value: string, headers: RequestHeaders | null, info: StreamInfo): number {
    return this.entry(value, headers, info);
  }
}

class PrefixTree extends MapTree {
  /** The longest first. */
  readonly #lengths: readonly number[];

  constructor(input: MatchInputSettings, map: ReadonlyMap<string, MatchTree>, onNoMatch: MatchTree) {
    super(input, map, onNoMatch);
    this.#lengths = [...new Set([...map.keys()].map((key) => key.length))].sort((a, b) => b - a);
  }

  protected override find(value: string, headers: RequestHeaders | null, info: StreamInfo): number {
    for (let i = 0; i < this.#lengths.length; i++) {
      const length = this.#lengths[i]!;
      const action = length > value.length ? NO_ACTION : this.entry(value.slice(0, length), headers, info);
      if (action !== NO_ACTION) return action;
    }
    return NO_ACTION;
  }
}

class ServerNameTree extends MapTree {
  protected override find(name: string, headers: RequestHeaders | null, info: StreamInfo): number {
    let action = this.entry(name, headers, info);
    // From the whole name to its last label.
    for (let dot = name.indexOf('.'); action === NO_ACTION && dot >= 0; dot = name.indexOf('.', dot + 1))
      action = this.entry(`*${name.slice(dot)}`, headers, info);
    return action === NO_ACTION ? this.entry('*', headers, info) : action;
  }
}

class IpTree implements MatchTree {
  readonly #input: MatchInputSettings;
  readonly #ranges: readonly { readonly range: AddressRanges; readonly onMatch: MatchTree; readonly exclusive: boolean }[];
  readonly #onNoMatch: MatchTree;

  constructor(input: MatchInputSettings, ranges: readonly IpRangeSettings[], onNoMatch: MatchTree) {
    this.#input = input;
    this.#ranges = ranges.map(({ range, onMatch, exclusive }) => ({
      range: new AddressRanges([range]),
      onMatch: buildOnMatch(onMatch),
      exclusive,
    }));
    this.#onNoMatch = onNoMatch;
  }

  match(headers: RequestHeaders | null, info: StreamInfo): number {
    const address = readAddress(this.#input, headers, info);
    let narrowest = true;
    for (let i = 0; address !== null && i < this.#ranges.length; i++) {
      const { range, onMatch, exclusive } = this.#ranges[i]!;
      if (!range.contains(address) || (exclusive && !narrowest)) continue;
      const action = onMatch.match(headers, info);
      if (action !== NO_ACTION) return action;
      narrowest = false;
    }
    return this.#onNoMatch.match(headers, info);
  }
}

function readAddress(input: MatchInputSettings, headers: RequestHeaders | null, info: StreamInfo): Address | null {
  const text = readInput(input, headers, info);
  return text !== undefined && isIp(text) ? ipAddress(text, 0) : null;
}

function buildPredicate(settings: PredicateSettings): Predicate {
  switch (settings.kind) {
    case 'value':
      return new ValuePredicate(settings.input, buildStringMatcher(settings.value));
    case 'ip':
      return new IpPredicate(settings.input, new AddressRanges(settings.ranges));
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
  holds(headers: RequestHeaders | null, info: StreamInfo): boolean {
    const value = readInput(this.#input, headers, info);
    return value !== undefined && this.#value.matches(value);
  }
}

class IpPredicate implements Predicate {
  readonly #input: MatchInputSettings;
  readonly #ranges: AddressRanges;
  constructor(input: MatchInputSettings, ranges: AddressRanges) {
    this.#input = input;
    this.#ranges = ranges;
  }
  holds(headers: RequestHeaders | null, info: StreamInfo): boolean {
    const address = readAddress(this.#input, headers, info);
    return address !== null && this.#ranges.contains(address);
  }
}

class NotPredicate implements Predicate {
  readonly #predicate: Predicate;
  constructor(predicate: Predicate) {
    this.#predicate = predicate;
  }
  holds(headers: RequestHeaders | null, info: StreamInfo): boolean {
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
  holds(headers: RequestHeaders | null, info: StreamInfo): boolean {
    for (let i = 0; i < this.#predicates.length; i++) {
      if (this.#predicates[i]!.holds(headers, info) === this.#decisive) return this.#decisive;
    }
    return !this.#decisive;
  }
}
