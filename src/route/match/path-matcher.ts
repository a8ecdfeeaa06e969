/** Path specifiers of envoy.config.route.v3.RouteMatch, each with the rewriting of what it matched. */
import { compileRegex, type LinearRegex } from '../../http/regex.ts';
import { asciiLower } from '../../http/string-matcher.ts';
import type { PathMatchSettings } from '../settings.ts';
import { compileUriTemplate, type UriTemplate } from './uri-template.ts';

export interface PathMatcher {
  /** @param path without query and fragment (and parameters, if those are ignored) */
  matches(path: string): boolean;
  /** Length of what prefix_rewrite replaces in a path that matched. */
  matchedLength(path: string): number;
  describe(): string;
}

export function buildPathMatcher(settings: PathMatchSettings): PathMatcher {
  switch (settings.kind) {
    case 'prefix':
      return new PrefixMatcher(settings);
    case 'path':
      return new ExactMatcher(settings);
    case 'path_separated_prefix':
      return new SeparatedPrefixMatcher(settings);
    case 'regex':
      return new RegexPathMatcher(compileRegex(settings.value));
    case 'uri_template':
      return new TemplateMatcher(compileUriTemplate(settings.value));
    default:
      return new ConnectPathMatcher();
  }
}

class PrefixMatcher implements PathMatcher {
  readonly #value: string;
  readonly #caseSensitive: boolean;
  constructor(settings: PathMatchSettings) {
    this.#caseSensitive = settings.caseSensitive;
    this.#value = settings.caseSensitive ? settings.value : asciiLower(settings.value);
  }
  matches(path: string): boolean {
    return (this.#caseSensitive ? path : asciiLower(path)).startsWith(this.#value);
  }
  matchedLength(): number {
    return this.#value.length;
  }
  describe(): string {
    return `prefix ${JSON.stringify(this.#value)}${this.#caseSensitive ? '' : ' (any case)'}`;
  }
}

class ExactMatcher implements PathMatcher {
  readonly #value: string;
  readonly #caseSensitive: boolean;
  constructor(settings: PathMatchSettings) {
    this.#caseSensitive = settings.caseSensitive;
    this.#value = settings.caseSensitive ? settings.value : asciiLower(settings.value);
  }
  matches(path: string): boolean {
    return (this.#caseSensitive ? path : asciiLower(path)) === this.#value;
  }
  matchedLength(): number {
    return this.#value.length;
  }
  describe(): string {
    return `path ${JSON.stringify(this.#value)}${this.#caseSensitive ? '' : ' (any case)'}`;
  }
}

class SeparatedPrefixMatcher implements PathMatcher {
  readonly #value: string;
  readonly #caseSensitive: boolean;
  constructor(settings: PathMatchSettings) {
    this.#caseSensitive = settings.caseSensitive;
    this.#value = settings.caseSensitive ? settings.value : asciiLower(settings.value);
  }
  matches(path: string): boolean {
    const length = this.#value.length;
    if (!(this.#caseSensitive ? path : asciiLower(path)).startsWith(this.#value)) return false;
    return path.length === length || path.charCodeAt(length) === 0x2f;
  }
  matchedLength(): number {
    return this.#value.length;
  }
  describe(): string {
    return `path_separated_prefix ${JSON.stringify(this.#value)}${this.#caseSensitive ? '' : ' (any case)'}`;
  }
}

class RegexPathMatcher implements PathMatcher {
  readonly #regex: LinearRegex;
  constructor(regex: LinearRegex) {
    this.#regex = regex;
  }
  matches(path: string): boolean {
    return this.#regex.fullMatch(path);
  }
  matchedLength(path: string): number {
    return path.length;
  }
  describe(): string {
    return `safe_regex ${JSON.stringify(this.#regex.pattern)}`;
  }
}

class TemplateMatcher implements PathMatcher {
  readonly #template: UriTemplate;
  constructor(template: UriTemplate) {
    this.#template = template;
  }
  matches(path: string): boolean {
    return this.#template.regex.fullMatch(path);
  }
  matchedLength(path: string): number {
    return path.length;
  }
  describe(): string {
    return `uri_template ${JSON.stringify(this.#template.text)}`;
  }
}

/** CONNECT is decided by the method (route-matcher.ts); whatever path there is fits. */
class ConnectPathMatcher implements PathMatcher {
  matches(): boolean {
    return true;
  }
  matchedLength(path: string): number {
    return path.length;
  }
  describe(): string {
    return 'connect_matcher';
  }
}
