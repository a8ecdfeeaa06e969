/** What a request wants of a host's `envoy.lb` metadata, made ready for look-ups once a route. */
import type { SelectorFallback, SubsetSelectorSettings, SubsetSettings } from './settings.ts';

export type LbMetadata = Readonly<Record<string, unknown>>;

/** Key of `fallback_list` in the metadata of a route. */
const FALLBACK_LIST = 'fallback_list';

/** Equal for equal values and for no others: a struct's fields in order. */
export function canonicalValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return '[' + value.map(canonicalValue).join(',') + ']';
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return '{' + fields.map(([name, field]) => JSON.stringify(name) + ':' + canonicalValue(field)).join(',') + '}';
}

/** Name of one subset. Canonical values hold no line breaks, so no two lists of values make the same name. */
export function subsetName(selector: string, values: readonly string[]): string {
  return selector + '\n' + values.join('\n');
}

/** Name of a set of keys. */
export function selectorName(keys: readonly string[]): string {
  return JSON.stringify(keys);
}

export interface FallbackRule {
  readonly policy: SelectorFallback;
  readonly keys: readonly string[];
}

export class Criteria {
  readonly metadata: LbMetadata;
  /** Of the subset that is asked for; '' = none can be. */
  readonly name: string;
  /** What the selector with these keys says; null = the cluster's fallback. */
  readonly rule: FallbackRule | null;
  /** For KEYS_SUBSET: the same with fewer keys. */
  readonly fewer: Criteria | null;

  constructor(metadata: LbMetadata, name: string, rule: FallbackRule | null, fewer: Criteria | null) {
    this.metadata = metadata;
    this.name = name;
    this.rule = rule;
    this.fewer = fewer;
  }
}

export class CriteriaReader {
  readonly #settings: SubsetSettings;
  readonly #rules: ReadonlyMap<string, FallbackRule>;
  /** By the object that a route holds; each is a list of what is to be tried in turn. */
  readonly #known = new WeakMap<LbMetadata, readonly Criteria[]>();

  constructor(settings: SubsetSettings) {
    this.#settings = settings;
    this.#rules = fallbackRules(settings.selectors);
  }

  read(metadata: LbMetadata): readonly Criteria[] {
    const known = this.#known.get(metadata);
    if (known !== undefined) return known;
    const made = this.#variants(metadata).map((variant) => this.#make(variant));
    this.#known.set(metadata, made);
    return made;
  }

  #variants(metadata: LbMetadata): LbMetadata[] {
    const list = this.#settings.fallbackList ? metadata[FALLBACK_LIST] : undefined;
    if (list === undefined) return [metadata];
    const { [FALLBACK_LIST]: _list, ...rest } = metadata;
    const overrides = Array.isArray(list) ? (list as unknown[]) : [];
    return overrides.length === 0 ? [rest] : overrides.map((override) => ({ ...rest, ...(override as object) }));
  }

  #make(metadata: LbMetadata): Criteria {
    let wanted = metadata;
    if (this.#settings.allowRedundantKeys) {
      const selector = this.#settings.selectors.find(({ keys }) => keys.every((key) => Object.hasOwn(metadata, key)));
      if (selector !== undefined) wanted = only(metadata, selector.keys);
    }
    const keys = Object.keys(wanted).sort();
    const selector = selectorName(keys);
    const values = keys.map((key) => canonicalValue(wanted[key]));
    const rule = this.#rules.get(selector) ?? null;
    const fewer = rule?.policy === 'KEYS_SUBSET' ? this.#make(only(wanted, rule.keys)) : null;
    return new Criteria(wanted, keys.length === 0 ? '' : subsetName(selector, values), rule, fewer);
  }
}

function only(metadata: LbMetadata, keys: readonly string[]): LbMetadata {
  return Object.fromEntries(keys.filter((key) => Object.hasOwn(metadata, key)).map((key) => [key, metadata[key]]));
}

/**
 * Fallback by set of keys. As in Envoy, which keeps the rules in a tree, one whose keys another before it begins with is not
 * noticed.
 */
function fallbackRules(selectors: readonly SubsetSelectorSettings[]): Map<string, FallbackRule> {
  const rules = new Map<string, FallbackRule>();
  const nodes = new Set<string>();
  for (const { keys, fallback, fallbackKeys } of selectors) {
    if (fallback === 'NOT_DEFINED') continue;
    for (let n = 1; n <= keys.length; n++) {
      const name = selectorName(keys.slice(0, n));
      if (nodes.has(name)) continue;
      nodes.add(name);
      if (n === keys.length) rules.set(name, { policy: fallback, keys: fallbackKeys });
    }
  }
  return rules;
}
