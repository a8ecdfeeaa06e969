/** What of a message's headers speaks for and against compressing its body. Behaviour: Envoy's CompressorFilter. */
import type { HeaderMap, ResponseHeaders } from '../../../http/header-map.ts';
import { asciiLower, buildStringMatcher, type StringMatcher } from '../../../http/string-matcher.ts';
import type { RuntimeSnapshot } from '../../../runtime/runtime.ts';
import type { Counter, StatsScope } from '../../../stats/scope.ts';
import type { CompressorDirection } from './settings.ts';

export class Direction {
  readonly #settings: CompressorDirection;
  readonly #runtime: RuntimeSnapshot;
  readonly #types: ReadonlySet<string>;
  readonly #matchers: readonly StringMatcher[];
  readonly compressed: Counter;
  readonly notCompressed: Counter;
  readonly totalUncompressedBytes: Counter;
  readonly totalCompressedBytes: Counter;
  readonly contentLengthTooSmall: Counter;

  constructor(settings: CompressorDirection, scope: StatsScope, runtime: RuntimeSnapshot) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.#types = new Set(settings.contentTypes.map(asciiLower));
    this.#matchers = settings.contentTypeMatchers.map(buildStringMatcher);
    this.compressed = scope.counter('compressed');
    this.notCompressed = scope.counter('not_compressed');
    this.totalUncompressedBytes = scope.counter('total_uncompressed_bytes');
    this.totalCompressedBytes = scope.counter('total_compressed_bytes');
    this.contentLengthTooSmall = scope.counter('content_length_too_small');
  }

  get enabled(): boolean {
    const { enabled, runtimeKey } = this.#settings;
    return runtimeKey === '' ? enabled : this.#runtime.boolean(runtimeKey, enabled);
  }

  isLongEnough(headers: HeaderMap): boolean {
    const length = headers.get('content-length');
    if (length === undefined) return true;
    const enough = Number(length) >= this.#settings.minContentLength;
    if (!enough) this.contentLengthTooSmall.inc();
    return enough;
  }

  takesType(headers: HeaderMap): boolean {
    const contentType = headers.get('content-type');
    if (contentType === undefined) return true;
    const semicolon = contentType.indexOf(';');
    const type = (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim();
    if (this.#types.has(asciiLower(type))) return true;
    for (const matcher of this.#matchers) if (matcher.matches(type)) return true;
    return false;
  }
}

/** `token` stands in a comma-separated list, in any case. */
export function hasToken(list: string | undefined, token: string): boolean {
  if (list === undefined) return false;
  for (const part of list.split(',')) if (part.trim().toLowerCase() === token) return true;
  return false;
}

const CODINGS = ['gzip', 'deflate', 'br', 'zstd'];

/** The body is not coded on its way already. */
export function isTransferPlain(headers: HeaderMap): boolean {
  const value = headers.get('transfer-encoding');
  if (value === undefined) return true;
  return !CODINGS.some((coding) => hasToken(value, coding));
}

export function forbidsTransform(headers: HeaderMap): boolean {
  return hasToken(headers.joined('cache-control'), 'no-transform');
}

/** A strong validator is of the bytes as they were (RFC 9110 §8.8.1). */
export function adjustEtag(headers: ResponseHeaders, weaken: boolean): void {
  const etag = headers.get('etag');
  if (etag === undefined || etag.length <= 2 || /^[wW]\//.test(etag)) return;
  if (weaken) headers.set('etag', `W/${etag}`);
  else headers.remove('etag');
}

export function addVary(headers: ResponseHeaders): void {
  const vary = headers.get('vary');
  if (vary === undefined) headers.add('vary', 'Accept-Encoding');
  else if (!vary.split(',').some((part) => part.trim() === 'Accept-Encoding')) headers.set('vary', `${vary}, Accept-Encoding`);
}
