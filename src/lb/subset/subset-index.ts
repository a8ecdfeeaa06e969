/** Hosts by the values of their `envoy.lb` metadata: one look-up finds a subset, whatever their number. */
import type { Host } from '../host.ts';
import { type HostSet, narrowHostSet } from '../host-set.ts';
import { canonicalValue, selectorName } from './criteria.ts';
import type { SubsetSelectorSettings, SubsetSettings } from './settings.ts';

/** Hosts of one subset, by priority. */
export interface SubsetHosts {
  readonly hosts: Host[][];
  readonly singleHost: boolean;
}

/** Names of the groups that fallbacks use; those of subsets begin with a bracket. */
export const ANY_ENDPOINT = 'any';
export const DEFAULT_SUBSET = 'default';

const NO_FIELDS: Readonly<Record<string, unknown>> = Object.freeze({});

function balancingFields(host: Host): Readonly<Record<string, unknown>> {
  const fields = host.metadata?.['envoy.lb'];
  return typeof fields === 'object' && fields !== null ? (fields as Record<string, unknown>) : NO_FIELDS;
}

export class SubsetIndexer {
  readonly #listAsAny: boolean;
  readonly #selectors: readonly { readonly settings: SubsetSelectorSettings; readonly name: string }[];
  /** Canonical text of the strings seen: most hosts say the same. */
  readonly #texts = new Map<string, string>();
  /** Of all host sets of the last index. */
  duplicates = 0;

  constructor({ listAsAny, selectors }: SubsetSettings) {
    this.#listAsAny = listAsAny;
    const byName = new Map(selectors.map((settings) => [selectorName(settings.keys), settings] as const));
    this.#selectors = Array.from(byName, ([name, settings]) => ({ name, settings }));
  }

  index(sets: readonly HostSet[]): Map<string, SubsetHosts> {
    const subsets = new Map<string, SubsetHosts>();
    /** Hosts that were told together share their metadata. */
    const known = new Map<Host['metadata'], readonly SubsetHosts[]>();
    this.duplicates = 0;
    for (const [priority, set] of sets.entries()) {
      for (const host of set.hosts) {
        let memberOf = known.get(host.metadata);
        if (memberOf === undefined) {
          memberOf = this.#subsetsOf(balancingFields(host), subsets);
          known.set(host.metadata, memberOf);
        }
        for (const subset of memberOf) this.#add(subset, host, priority);
      }
    }
    this.#texts.clear();
    return subsets;
  }

  #subsetsOf(fields: Readonly<Record<string, unknown>>, subsets: Map<string, SubsetHosts>): SubsetHosts[] {
    const found: SubsetHosts[] = [];
    if (fields === NO_FIELDS) return found;
    for (const { settings, name: selector } of this.#selectors) {
      for (const name of this.#names(fields, settings.keys, selector)) {
        let subset = subsets.get(name);
        if (subset === undefined) {
          subset = { hosts: [], singleHost: settings.singleHost };
          subsets.set(name, subset);
        }
        found.push(subset);
      }
    }
    return found;
  }

  #names(fields: Readonly<Record<string, unknown>>, keys: readonly string[], selector: string): string[] {
    let names = [selector];
    for (const key of keys) {
      const value = fields[key];
      if (value === undefined) return [];
      if (this.#listAsAny && Array.isArray(value)) {
        const texts = value.map((item) => this.#text(item));
        names = names.flatMap((name) => texts.map((text) => name + '\n' + text));
      } else {
        const text = this.#text(value);
        for (let i = 0; i < names.length; i++) names[i] += '\n' + text;
      }
    }
    return names;
  }

  #add(subset: SubsetHosts, host: Host, priority: number): void {
    while (subset.hosts.length <= priority) subset.hosts.push([]);
    const hosts = subset.hosts[priority]!;
    if (subset.singleHost && hosts.length > 0) this.duplicates++;
    else if (hosts[hosts.length - 1] !== host) hosts.push(host);
  }

  #text(value: unknown): string {
    if (typeof value !== 'string') return canonicalValue(value);
    let text = this.#texts.get(value);
    if (text === undefined) {
      text = canonicalValue(value);
      this.#texts.set(value, text);
    }
    return text;
  }
}

/** The host sets of some groups by name, without their localities. Those that no host is in are left out. */
export function subsetHostSets(settings: SubsetSettings, sets: readonly HostSet[], names: Iterable<string>): Map<string, HostSet[]> {
  const index = new SubsetIndexer(settings).index(sets);
  const { defaultSubset, listAsAny } = settings;
  const hostsOf = (name: string, p: number): readonly Host[] => {
    const { hosts } = sets[p]!;
    if (name === ANY_ENDPOINT) return hosts;
    return name === DEFAULT_SUBSET
      ? hosts.filter((host) => hostMatches(host, defaultSubset, listAsAny))
      : (index.get(name)?.hosts[p] ?? []);
  };
  const found = new Map<string, HostSet[]>();
  for (const name of names) {
    const narrowed = sets.map((set, p) => narrowHostSet(set, hostsOf(name, p), () => 0));
    if (narrowed.some(({ hosts }) => hosts.length > 0)) found.set(name, narrowed);
  }
  return found;
}

/** Whether a host has every field of `wanted` (default_subset). */
export function hostMatches(host: Host, wanted: Readonly<Record<string, unknown>>, listAsAny: boolean): boolean {
  const fields = balancingFields(host);
  for (const [key, value] of Object.entries(wanted)) {
    const own = fields[key];
    if (own === undefined) return false;
    const text = canonicalValue(value);
    const inList = listAsAny && Array.isArray(own) && own.some((item) => canonicalValue(item) === text);
    if (!inList && canonicalValue(own) !== text) return false;
  }
  return true;
}
