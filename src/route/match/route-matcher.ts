/** All criteria of one envoy.config.route.v3.RouteMatch. Every one has to hold. */
import { isGrpcContentType } from '../../http/grpc-status.ts';
import { cookieValue } from '../../http/header-lookup.ts';
import type { RequestHeaders } from '../../http/header-map.ts';
import { buildHeaderMatcher, type HeaderMatcher } from '../../http/header-matcher.ts';
import { MetadataMatcher } from '../../http/metadata-matcher.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { buildStringMatcher, type StringMatcher } from '../../http/string-matcher.ts';
import type { FractionSettings, RuntimeSnapshot } from '../../runtime/runtime.ts';
import type { RouteMatchSettings } from '../settings.ts';
import { buildPathMatcher, type PathMatcher } from './path-matcher.ts';
import { QueryParameterMatcher } from './query-parameter-matcher.ts';

/** One criterion besides the path. */
interface Criterion {
  matches(headers: RequestHeaders, info: StreamInfo, random: number): boolean;
  describe(): string;
}

export class RouteMatcher {
  readonly path: PathMatcher;
  readonly #isConnect: boolean;
  readonly #criteria: readonly Criterion[];

  constructor(settings: RouteMatchSettings, runtime: RuntimeSnapshot) {
    this.path = buildPathMatcher(settings.path);
    this.#isConnect = settings.path.kind === 'connect';
    this.#criteria = buildCriteria(settings, runtime);
  }

  /** Nothing but the path decides. */
  get isPathOnly(): boolean {
    return this.#criteria.length === 0 && !this.#isConnect;
  }

  /** @param path of the request without its query; '' if it has none */
  matches(headers: RequestHeaders, info: StreamInfo, random: number, path: string): boolean {
    if (this.#isConnect ? !isConnect(headers) : path === '' || !this.path.matches(path)) return false;
    for (let i = 0; i < this.#criteria.length; i++) if (!this.#criteria[i]!.matches(headers, info, random)) return false;
    return true;
  }

  /** What the request lacks; empty if it matches. The slow twin of `matches`, for people. */
  mismatches(headers: RequestHeaders, info: StreamInfo, random: number, path: string): readonly string[] {
    const missed: string[] = [];
    if (this.#isConnect) {
      if (!isConnect(headers)) missed.push('connect_matcher: the method is not CONNECT');
    } else if (path === '') missed.push('the request has no path');
    else if (!this.path.matches(path)) missed.push(this.path.describe());
    for (const criterion of this.#criteria) if (!criterion.matches(headers, info, random)) missed.push(criterion.describe());
    return missed;
  }

  describe(): string {
    return [this.path.describe(), ...this.#criteria.map((c) => c.describe())].join(', ');
  }
}

function isConnect(headers: RequestHeaders): boolean {
  return headers.method === 'CONNECT' || headers.method === 'CONNECT-UDP';
}

/** In the order in which Envoy evaluates them. */
function buildCriteria(settings: RouteMatchSettings, runtime: RuntimeSnapshot): Criterion[] {
  const criteria: Criterion[] = [];
  if (settings.runtimeFraction !== null) criteria.push(new RuntimeCriterion(settings.runtimeFraction, runtime));
  if (settings.grpc) criteria.push(new GrpcCriterion());
  for (const header of settings.headers) criteria.push(new HeaderCriterion(buildHeaderMatcher(header)));
  for (const parameter of settings.queryParameters) criteria.push(new QueryCriterion(new QueryParameterMatcher(parameter)));
  for (const cookie of settings.cookies) criteria.push(new CookieCriterion(cookie.name, buildStringMatcher(cookie.value), cookie.invert));
  if (settings.tls !== null) criteria.push(new TlsCriterion(settings.tls));
  for (const metadata of settings.dynamicMetadata) criteria.push(new MetadataCriterion(new MetadataMatcher(metadata)));
  for (const state of settings.filterState) criteria.push(new FilterStateCriterion(state.key, buildStringMatcher(state.value)));
  return criteria;
}

class RuntimeCriterion implements Criterion {
  readonly #fraction: FractionSettings;
  readonly #runtime: RuntimeSnapshot;
  constructor(fraction: FractionSettings, runtime: RuntimeSnapshot) {
    this.#fraction = fraction;
    this.#runtime = runtime;
  }
  matches(_headers: RequestHeaders, _info: StreamInfo, random: number): boolean {
    return this.#runtime.fraction(this.#fraction.runtimeKey, this.#fraction.numerator, this.#fraction.denominator, random);
  }
  describe(): string {
    return `runtime_fraction ${this.#fraction.numerator}/${this.#fraction.denominator} ${this.#fraction.runtimeKey}`.trimEnd();
  }
}

class GrpcCriterion implements Criterion {
  matches(headers: RequestHeaders): boolean {
    return isGrpcContentType(headers.get('content-type'));
  }
  describe(): string {
    return 'grpc (content-type application/grpc)';
  }
}

class HeaderCriterion implements Criterion {
  readonly #matcher: HeaderMatcher;
  constructor(matcher: HeaderMatcher) {
    this.#matcher = matcher;
  }
  matches(headers: RequestHeaders): boolean {
    return this.#matcher.matches(headers);
  }
  describe(): string {
    return this.#matcher.describe();
  }
}

class QueryCriterion implements Criterion {
  readonly #matcher: QueryParameterMatcher;
  constructor(matcher: QueryParameterMatcher) {
    this.#matcher = matcher;
  }
  matches(headers: RequestHeaders): boolean {
    return this.#matcher.matches(headers.path);
  }
  describe(): string {
    return this.#matcher.describe();
  }
}

class CookieCriterion implements Criterion {
  readonly #name: string;
  readonly #value: StringMatcher;
  readonly #invert: boolean;
  constructor(name: string, value: StringMatcher, invert: boolean) {
    this.#name = name;
    this.#value = value;
    this.#invert = invert;
  }
  matches(headers: RequestHeaders): boolean {
    const value = cookieValue(headers, this.#name);
    return value === undefined ? this.#invert : this.#value.matches(value) !== this.#invert;
  }
  describe(): string {
    return `cookie ${this.#name} ${this.#invert ? 'not ' : ''}${this.#value.describe()}`;
  }
}

/** Certificate of the client; without TLS there is none: neither presented nor validated. */
class TlsCriterion implements Criterion {
  readonly #wanted: { readonly presented: boolean | null; readonly validated: boolean | null };
  constructor(wanted: { readonly presented: boolean | null; readonly validated: boolean | null }) {
    this.#wanted = wanted;
  }
  matches(_headers: RequestHeaders, info: StreamInfo): boolean {
    const { presented, validated } = this.#wanted;
    const { tls } = info.connection;
    if (presented !== null && presented !== (tls?.peerPresented ?? false)) return false;
    return validated === null || validated === (tls?.peerValidated ?? false);
  }
  describe(): string {
    return 'tls_context';
  }
}

class MetadataCriterion implements Criterion {
  readonly #matcher: MetadataMatcher;
  constructor(matcher: MetadataMatcher) {
    this.#matcher = matcher;
  }
  matches(_headers: RequestHeaders, info: StreamInfo): boolean {
    return this.#matcher.matches(info);
  }
  describe(): string {
    return this.#matcher.describe();
  }
}

class FilterStateCriterion implements Criterion {
  readonly #key: string;
  readonly #value: StringMatcher;
  constructor(key: string, value: StringMatcher) {
    this.#key = key;
    this.#value = value;
  }
  matches(_headers: RequestHeaders, info: StreamInfo): boolean {
    const state = info.filterState?.get(this.#key);
    return typeof state === 'string' && this.#value.matches(state);
  }
  describe(): string {
    return `filter state ${this.#key} ${this.#value.describe()}`;
  }
}
