/** Hosts by the values of their `envoy.lb` metadata: one look-up finds a subset, whatever their number. */
import type { Host } from '../host.ts';
import type { HostSet } from '../host-set.ts';
import { canonicalValue, selectorName } from './criteria.ts';
import type { SubsetSelectorSettings, SubsetSettings } from './settings.ts';

/** Hosts of one subset, by priority. */
export interface SubsetHosts {
  readonly hosts: Host[][];
  readonly singleHost: boolean;
}

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
    this.duplicates = 0;
    for (const [priority, set] of sets.entries()) {
      for (const host of set.hosts) {
        const fields = balancingFields(host);
        if (fields === NO_FIELDS) continue;
        for (const { settings, name } of this.#selectors) this.#add(subsets, host, priority, fields, settings, name);
      }
    }
    this.#texts.clear();
    return subsets;
  }

  #add(
    subsets: Map<string, SubsetHosts>,
    host: Host,
    priority: number,
    fields: Readonly<Record<string, unknown>>,
    { keys, singleHost }: SubsetSelectorSettings,
    selector: string,
  ): void {
    let names = [selector];
    for (const key of keys) {
      const value = fields[key];
      if (value === undefined) return;
      if (this.#listAsAny && Array.isArray(value)) {
        const texts = value.map((item) => this.#text(item));
        names = names.flatMap((name) => texts.map((text) => name + '\n' + text));
      } else {
        const text = this.#text(value);
        for (let i = 0; i < names.length; i++) names[i] += '\n' + text;
      }
    }
    for (const name of names) {
      let subset = subsets.get(name);
      if (subset === undefined) {
        subset = { hosts: [], singleHost };
        subsets.set(name, subset);
      }
      while (subset.hosts.length <= priority) subset.hosts.push([]);
      const hosts = subset.hosts[priority]!;
      if (singleHost && hosts.length > 0) this.duplicates++;
      else if (hosts[hosts.length - 1] !== host) hosts.push(host);
    }
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
