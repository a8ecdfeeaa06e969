/**
 * What a request is called where it is limited: lists of key and value, made by the actions that routes, virtual hosts and filters configure.
 * Behaviour: Envoy's RateLimitPolicyEntryImpl.
 */
import { AddressRanges, rangeOf } from '../../http/address-ranges.ts';
import { compileFormat, type Formatter } from '../../http/format/formatter.ts';
import { FormatContext, type FormatEnvironment } from '../../http/format/operator.ts';
import { firstValue } from '../../http/header-lookup.ts';
import type { RequestHeaders } from '../../http/header-map.ts';
import { buildHeaderMatcher, matchesAll } from '../../http/header-matcher.ts';
import { percentDecode, queryParameter } from '../../http/query.ts';
import type { StreamInfo } from '../../http/stream-info.ts';
import { wireText } from '../../http/wire-text.ts';
import type { RuntimeSnapshot } from '../../runtime/runtime.ts';
import { QueryParameterMatcher } from '../match/query-parameter-matcher.ts';
import type { EntryText, RateLimitActionSettings, RateLimitSettings } from './settings.ts';

/** The request that descriptors are made of. */
export interface RateLimitSubject {
  readonly requestHeaders: RequestHeaders;
  readonly info: StreamInfo;
  /** Where its route leads. */
  readonly clusterName: string;
}

export interface RateLimitDeps {
  readonly runtime: RuntimeSnapshot;
  readonly format: FormatEnvironment;
  /** --service-cluster. */
  readonly localClusterName: string;
}

export class RateLimitDescriptor {
  readonly keys: string[] = [];
  readonly values: string[] = [];
  /** How much the request counts for; null = the filter's usual. */
  hits: number | null = null;
  negativeHits = false;
  settings: RateLimitSettings;

  constructor(settings: RateLimitSettings) {
    this.settings = settings;
  }
}

const Outcome = { Added: 0, Skipped: 1, Failed: 2 } as const;
type Outcome = (typeof Outcome)[keyof typeof Outcome];

interface Action {
  /** Failed: there is no descriptor at all. */
  addTo(descriptor: RateLimitDescriptor, subject: RateLimitSubject): Outcome;
}

/** Runtime key: values with %OPERATORS% are formats. In Envoy 1.40, too, they are not by default. */
export const FORMATTED_VALUES = 'envoy.reloadable_features.enable_formatter_for_ratelimit_action_descriptor_value';
/** More hits than that are none, as in Envoy. */
const MAX_HITS = 1_000_000_000;

/** One list of `rate_limits`. */
export class RateLimits {
  readonly #limits: readonly RateLimit[];

  constructor(settings: readonly RateLimitSettings[], deps: RateLimitDeps) {
    this.#limits = settings.map((limit) => new RateLimit(limit, deps));
  }

  get empty(): boolean {
    return this.#limits.length === 0;
  }

  /** Adds the descriptors that the request has. @param stage -1 = of every one @param atEnd those with apply_on_stream_done, or the others */
  addTo(descriptors: RateLimitDescriptor[], subject: RateLimitSubject, stage: number, atEnd: boolean): void {
    for (let i = 0; i < this.#limits.length; i++) {
      const limit = this.#limits[i]!;
      if ((stage >= 0 && limit.settings.stage !== stage) || limit.settings.applyOnStreamDone !== atEnd) continue;
      const descriptor = limit.describe(subject);
      if (descriptor !== null) descriptors.push(descriptor);
    }
  }
}

class RateLimit {
  readonly settings: RateLimitSettings;
  readonly #actions: readonly Action[];
  readonly #runtime: RuntimeSnapshot;
  readonly #disableKey: string;
  readonly #hits: Formatter | null;

  constructor(settings: RateLimitSettings, deps: RateLimitDeps) {
    this.settings = settings;
    this.#actions = settings.actions.map((action) => buildAction(action, deps));
    this.#runtime = deps.runtime;
    this.#disableKey = settings.disableKey === '' ? '' : `ratelimit.${settings.disableKey}.http_filter_enabled`;
    const format = settings.hitsAddend?.format ?? '';
    this.#hits = format === '' ? null : compileFormat(format, deps.format, '');
  }

  /** null: none. */
  describe(subject: RateLimitSubject): RateLimitDescriptor | null {
    if (this.#disableKey !== '' && !this.#runtime.fraction(this.#disableKey, 100, 100, subject.info.randomValue)) return null;
    const descriptor = new RateLimitDescriptor(this.settings);
    for (let i = 0; i < this.#actions.length; i++) if (this.#actions[i]!.addTo(descriptor, subject) === Outcome.Failed) return null;
    const addend = this.settings.hitsAddend;
    if (addend === null) return descriptor;
    descriptor.hits = addend.number;
    descriptor.negativeHits = addend.negative;
    if (this.#hits === null) return descriptor;
    const text = this.#hits.format(new FormatContext(subject.info).use(subject.info));
    const hits = text.trim() === '' ? Number.NaN : Number(text);
    if (!(hits >= 0 && hits <= MAX_HITS)) return null;
    descriptor.hits = Math.trunc(hits);
    return descriptor;
  }
}

function add(descriptor: RateLimitDescriptor, key: string, value: string): Outcome {
  descriptor.keys.push(key);
  descriptor.values.push(value);
  return Outcome.Added;
}

function absent(skip: boolean): Outcome {
  return skip ? Outcome.Skipped : Outcome.Failed;
}

function buildAction(settings: RateLimitActionSettings, deps: RateLimitDeps): Action {
  switch (settings.kind) {
    case 'source_cluster':
      return { addTo: (descriptor) => add(descriptor, 'source_cluster', deps.localClusterName) };
    case 'destination_cluster':
      return { addTo: (descriptor, subject) => add(descriptor, 'destination_cluster', subject.clusterName) };
    case 'remote_address':
      return {
        addTo: (descriptor, { info }) =>
          info.remoteAddress.kind === 'ip' ? add(descriptor, 'remote_address', info.remoteAddress.ip) : Outcome.Failed,
      };
    case 'masked_remote_address':
      return {
        addTo: (descriptor, { info }) => {
          const range = rangeOf(info.remoteAddress, settings.v4Length, settings.v6Length);
          return range === '' ? Outcome.Failed : add(descriptor, 'masked_remote_address', range);
        },
      };
    case 'request_headers':
      return {
        addTo: (descriptor, { requestHeaders }) => {
          const value = settings.header.startsWith(':')
            ? requestHeaders.lookup(settings.header)
            : firstValue(requestHeaders, settings.header);
          return value === undefined ? absent(settings.skipIfAbsent) : add(descriptor, settings.key, value);
        },
      };
    case 'query_parameters':
      return {
        addTo: (descriptor, { requestHeaders }) => {
          const value = queryParameter(requestHeaders.path, settings.parameter);
          return value === undefined ? absent(settings.skipIfAbsent) : add(descriptor, settings.key, percentDecode(value));
        },
      };
    case 'metadata':
      return {
        addTo: (descriptor, { info }) => {
          const value = metadataText(info, settings);
          return value === '' ? absent(settings.skipIfAbsent) : add(descriptor, settings.key, value);
        },
      };
    default:
      return new MatchAction(settings, matches(settings), deps);
  }
}

type MatchSettings = Extract<RateLimitActionSettings, EntryText>;

function matches(settings: MatchSettings): (subject: RateLimitSubject) => boolean {
  switch (settings.kind) {
    case 'generic_key':
      return () => true;
    case 'header_value_match': {
      const matchers = settings.headers.map(buildHeaderMatcher);
      return ({ requestHeaders }) => matchesAll(matchers, requestHeaders) === settings.expect;
    }
    case 'query_parameter_value_match': {
      const matchers = settings.parameters.map((parameter) => new QueryParameterMatcher(parameter));
      return ({ requestHeaders }) => matchers.every((matcher) => matcher.matchesDecoded(requestHeaders.path)) === settings.expect;
    }
    case 'remote_address_match': {
      const ranges = new AddressRanges(settings.ranges);
      return ({ info }) => ranges.contains(info.remoteAddress) !== settings.invert;
    }
  }
}

/** An entry of a configured key and value, if the request is of some kind. */
class MatchAction implements Action {
  readonly #key: string;
  readonly #literal: string | null;
  readonly #value: Formatter | null;
  readonly #fallback: string;
  readonly #matches: (subject: RateLimitSubject) => boolean;
  #context: FormatContext | null = null;

  constructor(settings: EntryText, matches: (subject: RateLimitSubject) => boolean, deps: RateLimitDeps) {
    this.#key = settings.key;
    this.#literal = deps.runtime.boolean(FORMATTED_VALUES, false) ? null : wireText(settings.value);
    this.#value = this.#literal === null ? compileFormat(settings.value, deps.format, '') : null;
    this.#fallback = settings.fallback;
    this.#matches = matches;
  }

  addTo(descriptor: RateLimitDescriptor, subject: RateLimitSubject): Outcome {
    if (!this.#matches(subject)) return Outcome.Failed;
    let value = this.#literal;
    if (value === null) {
      this.#context ??= new FormatContext(subject.info);
      value = this.#value!.format(this.#context.use(subject.info));
    }
    if (value === '') value = this.#fallback;
    return value === '' ? Outcome.Failed : add(descriptor, this.#key, value);
  }
}

/** '' = none. */
function metadataText(info: StreamInfo, settings: Extract<RateLimitActionSettings, { kind: 'metadata' }>): string {
  const { namespace, source } = settings;
  const all = source === 'ROUTE' ? info.routeMetadata : source === 'CLUSTER' ? info.clusterMetadata : null;
  let value: unknown = source === 'DYNAMIC' ? info.dynamicMetadata?.get(namespace) : all?.[namespace];
  for (let i = 0; i < settings.path.length; i++) {
    if (value === null || typeof value !== 'object') return settings.fallback;
    value = (value as Readonly<Record<string, unknown>>)[settings.path[i]!];
  }
  return typeof value === 'string' && value !== '' ? value : settings.fallback;
}
