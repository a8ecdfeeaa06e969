/** envoy.config.route.v3.QueryParameterMatcher: looks at the first value of a key, as it is written. */
import { percentDecode, queryParameter } from '../../http/query.ts';
import { buildStringMatcher, type StringMatcher } from '../../http/string-matcher.ts';
import type { QueryParameterSettings } from '../settings.ts';

export class QueryParameterMatcher {
  readonly #name: string;
  readonly #value: StringMatcher | null;
  readonly #present: boolean;

  constructor(settings: QueryParameterSettings) {
    this.#name = settings.name;
    this.#value = settings.value === null ? null : buildStringMatcher(settings.value);
    this.#present = settings.present;
  }

  /** @param path with its query */
  matches(path: string): boolean {
    return this.#matchesValue(queryParameter(path, this.#name));
  }

  /** As `matches`, with %XX of the value decoded. */
  matchesDecoded(path: string): boolean {
    const value = queryParameter(path, this.#name);
    return this.#matchesValue(value === undefined ? undefined : percentDecode(value));
  }

  #matchesValue(value: string | undefined): boolean {
    if (this.#value === null) return (value !== undefined) === this.#present;
    return value !== undefined && this.#value.matches(value);
  }

  describe(): string {
    const what = this.#value === null ? (this.#present ? 'present' : 'absent') : this.#value.describe();
    return `query parameter ${this.#name} ${what}`;
  }
}
