/** Picks an entry of weighted_clusters. */
import type { RequestHeaders } from '../../../http/header-map.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';
import type { Route } from '../../route.ts';
import type { WeightedSettings } from '../../settings.ts';
import type { HashPolicies } from '../hash-policy/hash-policy.ts';

const DECIMAL = /^\d{1,20}$/;
const MAX_U64 = 2n ** 64n - 1n;

export class WeightedChoice {
  readonly #settings: WeightedSettings;
  readonly #weights: number[];
  readonly #total: number;
  readonly #hashPolicies: HashPolicies | null;
  readonly #runtime: RuntimeSnapshot;

  constructor(settings: WeightedSettings, hashPolicies: HashPolicies | null, runtime: RuntimeSnapshot) {
    this.#settings = settings;
    this.#weights = settings.entries.map((entry) => entry.weight);
    this.#total = this.#weights.reduce((sum, weight) => sum + weight, 0);
    this.#hashPolicies = settings.useHashPolicy ? hashPolicies : null;
    this.#runtime = runtime;
  }

  /** Index of the chosen entry. Entries hold consecutive shares of the total, in their order; one of weight 0 is never chosen. */
  choose(headers: RequestHeaders, info: StreamInfo, random: number): number {
    const prefix = this.#settings.runtimeKeyPrefix;
    let total = this.#total;
    if (prefix !== '') {
      total = 0;
      for (let i = 0; i < this.#weights.length; i++) total += this.#weight(i);
      if (total === 0) return 0;
    }
    let point = this.#point(headers, info, random, total);
    for (let i = 0; i < this.#weights.length; i++) {
      point -= prefix === '' ? this.#weights[i]! : this.#weight(i);
      if (point < 0) return i;
    }
    return this.#weights.length - 1;
  }

  /** Among entries that are not in `tried`; -1 if none of them has a share. */
  chooseUntried(headers: RequestHeaders, info: StreamInfo, random: number, tried: ReadonlySet<number>): number {
    let total = 0;
    for (let i = 0; i < this.#weights.length; i++) if (!tried.has(i)) total += this.#weight(i);
    if (total === 0) return -1;
    let point = this.#point(headers, info, random, total);
    for (let i = 0; i < this.#weights.length; i++) {
      if (tried.has(i)) continue;
      point -= this.#weight(i);
      if (point < 0) return i;
    }
    return -1;
  }

  #weight(i: number): number {
    if (this.#settings.runtimeKeyPrefix === '') return this.#weights[i]!;
    const entry = this.#settings.entries[i]!;
    return this.#runtime.integer(`${this.#settings.runtimeKeyPrefix}.${entry.name}`, entry.weight);
  }

  #point(headers: RequestHeaders, info: StreamInfo, random: number, total: number): number {
    if (this.#settings.headerName !== '') {
      const text = headers.joined(this.#settings.headerName);
      // Several values hold a comma, and are no number either.
      if (text !== undefined && DECIMAL.test(text)) {
        const value = BigInt(text);
        if (value <= MAX_U64) return Number(value % BigInt(total));
      }
    } else if (this.#hashPolicies !== null) {
      const result = this.#hashPolicies.hash(headers, info);
      if (result !== null) return Number(result.hash % BigInt(total));
    }
    return random % total;
  }
}

/** The routes of all entries: a retry that may go to another cluster takes one that has not been tried, and begins anew when all have been. */
export class WeightedEntries {
  readonly #choice: WeightedChoice;
  readonly #routes: readonly Route[];

  constructor(choice: WeightedChoice, routes: readonly Route[]) {
    this.#choice = choice;
    this.#routes = routes;
  }

  /**
   * Where those that are left have no share, the request stays where it is. @param current the entry that has just been tried
   * @param tried of this request so far; changed
   */
  another(current: Route, tried: Set<number>, headers: RequestHeaders, info: StreamInfo, random: number): Route {
    tried.add(this.#routes.indexOf(current));
    if (tried.size === this.#routes.length) tried.clear();
    return this.#routes[this.#choice.chooseUntried(headers, info, random, tried)] ?? current;
  }
}
