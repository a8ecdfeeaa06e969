/** envoy.type.matcher.v3.MetadataMatcher with its ValueMatcher: routes and access-log filters match dynamic metadata with it. */
import type { StreamInfo } from './stream-info.ts';
import { buildStringMatcher, type StringMatcher, type StringMatcherSettings } from './string-matcher.ts';
import { wireText } from './wire-text.ts';

export interface MetadataMatcherSettings {
  /** Namespace. */
  readonly filter: string;
  readonly path: readonly string[];
  readonly value: ValueMatcherSettings;
  readonly invert: boolean;
}

export type ValueMatcherSettings =
  | { readonly kind: 'null' }
  | { readonly kind: 'present'; readonly present: boolean }
  | { readonly kind: 'boolean'; readonly value: boolean }
  /** start <= n < end, or n === start when both are the same. */
  | { readonly kind: 'number'; readonly start: number; readonly end: number }
  | { readonly kind: 'string'; readonly value: StringMatcherSettings }
  | { readonly kind: 'list'; readonly one: ValueMatcherSettings }
  | { readonly kind: 'or'; readonly any: readonly ValueMatcherSettings[] };

type ValueTest = (value: unknown) => boolean;

export class MetadataMatcher {
  readonly #filter: string;
  readonly #path: readonly string[];
  readonly #test: ValueTest;
  readonly #invert: boolean;
  readonly #ofRoute: boolean;

  /** @param ofRoute looks at the route's metadata, not at the dynamic one */
  constructor(settings: MetadataMatcherSettings, ofRoute = false) {
    this.#ofRoute = ofRoute;
    this.#filter = settings.filter;
    this.#path = settings.path;
    this.#test = buildValueTest(settings.value);
    this.#invert = settings.invert;
  }

  matches(info: StreamInfo): boolean {
    return this.#test(this.find(info)) !== this.#invert;
  }

  /** The value that is looked at; undefined if there is none. */
  find(info: StreamInfo): unknown {
    let value: unknown = this.#ofRoute ? info.routeMetadata?.[this.#filter] : info.dynamicMetadata?.get(this.#filter);
    for (let i = 0; i < this.#path.length; i++) {
      if (value === null || typeof value !== 'object') return undefined;
      value = (value as Readonly<Record<string, unknown>>)[this.#path[i]!];
    }
    return value;
  }

  describe(): string {
    return `dynamic metadata ${this.#filter}:${this.#path.join(':')}`;
  }
}

function buildValueTest(settings: ValueMatcherSettings): ValueTest {
  switch (settings.kind) {
    case 'null':
      return (value) => value === null;
    case 'present':
      return (value) => (value !== undefined) === settings.present;
    case 'boolean':
      return (value) => value === settings.value;
    case 'number':
      return (value) => typeof value === 'number' && (value === settings.start || (value > settings.start && value < settings.end));
    case 'string': {
      const matcher: StringMatcher = buildStringMatcher(settings.value);
      return (value) => typeof value === 'string' && matcher.matches(wireText(value));
    }
    case 'list': {
      const one = buildValueTest(settings.one);
      return (value) => Array.isArray(value) && value.some(one);
    }
    default: {
      const tests = settings.any.map(buildValueTest);
      return (value) => tests.some((test) => test(value));
    }
  }
}
