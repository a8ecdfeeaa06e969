/** Which requests are tapped, as far as can be told while they pass. What has not come yet does not match. Source: Envoy's Extensions::Common::Matcher. */
import type { HeaderMap } from '../../../http/header-map.ts';
import { buildHeaderMatcher, type HeaderMatcher, matchesAll } from '../../../http/header-matcher.ts';
import type { TapMatchSettings } from './settings.ts';

/** What of one request and its response has passed. */
export interface Passed {
  readonly request_headers: HeaderMap | null;
  readonly request_trailers: HeaderMap | null;
  readonly response_headers: HeaderMap | null;
  readonly response_trailers: HeaderMap | null;
}

type Rule = (passed: Passed, bodies: readonly BodySearch[]) => boolean;

export class TapMatcher {
  readonly #rule: Rule;
  readonly #bodies: (TapMatchSettings & { kind: 'body' })[] = [];

  constructor(settings: TapMatchSettings) {
    this.#rule = this.#build(settings);
  }

  /** Of one request: the bodies that are looked into. */
  newSearches(): BodySearch[] {
    return this.#bodies.map((body) => new BodySearch(body.of, body.patterns, body.limit));
  }

  matches(passed: Passed, searches: readonly BodySearch[]): boolean {
    return this.#rule(passed, searches);
  }

  #build(settings: TapMatchSettings): Rule {
    switch (settings.kind) {
      case 'and': {
        const rules = settings.rules.map((rule) => this.#build(rule));
        return (passed, bodies) => rules.every((rule) => rule(passed, bodies));
      }
      case 'or': {
        const rules = settings.rules.map((rule) => this.#build(rule));
        return (passed, bodies) => rules.some((rule) => rule(passed, bodies));
      }
      case 'not': {
        const rule = this.#build(settings.rule);
        return (passed, bodies) => !rule(passed, bodies);
      }
      case 'any':
        return () => true;
      case 'headers': {
        const matchers: HeaderMatcher[] = settings.headers.map(buildHeaderMatcher);
        const { of } = settings;
        return (passed) => {
          const headers = passed[of];
          return headers !== null && matchesAll(matchers, headers);
        };
      }
      case 'body': {
        const index = this.#bodies.push(settings) - 1;
        return (_passed, bodies) => bodies[index]!.found;
      }
    }
  }
}

/** Looks for all patterns in the first bytes of a body that comes in pieces. */
export class BodySearch {
  readonly of: 'request' | 'response';
  readonly #missing: Uint8Array[];
  readonly #keep: number;
  #left: number;
  /** The end of what has passed: a pattern may go on in the next piece. */
  #tail: Buffer;

  constructor(of: 'request' | 'response', patterns: readonly Uint8Array[], limit: number) {
    this.of = of;
    this.#missing = [...patterns];
    this.#keep = Math.max(...patterns.map((pattern) => pattern.length)) - 1;
    this.#left = limit === 0 ? Number.POSITIVE_INFINITY : limit;
    this.#tail = Buffer.alloc(0);
  }

  get found(): boolean {
    return this.#missing.length === 0;
  }

  add(chunk: Buffer): void {
    if (this.#left <= 0 || this.#missing.length === 0) return;
    const part = chunk.length > this.#left ? chunk.subarray(0, this.#left) : chunk;
    this.#left -= part.length;
    const text = Buffer.concat([this.#tail, part]);
    for (let i = this.#missing.length - 1; i >= 0; i--) if (text.includes(this.#missing[i]!)) this.#missing.splice(i, 1);
    this.#tail = Buffer.from(text.subarray(Math.max(0, text.length - this.#keep)));
  }
}
