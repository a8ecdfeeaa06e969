/**
 * Refuses requests that change something and that a page of a foreign site made the browser send: Origin, else Referer, has to name the host
 * that the request is for, or a trusted one. Behaviour: Envoy's CsrfFilter.
 */
import type { RequestHeaders } from '../../../http/header-map.ts';
import { buildStringMatcher, type StringMatcher } from '../../../http/string-matcher.ts';
import type { FractionSettings } from '../../../runtime/runtime.ts';
import type { Counter } from '../../../stats/scope.ts';
import type { FilterDeps, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import type { CsrfSettings } from './config.ts';

/** Unsafe methods (RFC 9110 §9.2.1) that forms and scripts can send. */
const CHANGING: ReadonlySet<string> = new Set(['POST', 'PUT', 'DELETE', 'PATCH']);

/** Holds nothing of a request, so one object serves all of them. */
class CsrfFilter extends PassThroughFilter {
  readonly #settings: CsrfSettings;
  readonly #deps: FilterDeps;
  readonly #trusted = new WeakMap<CsrfSettings, readonly StringMatcher[]>();
  readonly #missing: Counter;
  readonly #invalid: Counter;
  readonly #valid: Counter;

  constructor(settings: CsrfSettings, deps: FilterDeps) {
    super();
    this.#settings = settings;
    this.#deps = deps;
    const scope = deps.scope.scope('csrf');
    this.#missing = scope.counter('missing_source_origin');
    this.#invalid = scope.counter('request_invalid');
    this.#valid = scope.counter('request_valid');
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders): Status {
    if (!CHANGING.has(headers.method)) return Status.Continue;
    const settings = stream.routeSettings<CsrfSettings>(this) ?? this.#settings;
    const enabled = this.#drawn(settings.enabled);
    if (!enabled && !this.#drawn(settings.shadowEnabled)) return Status.Continue;
    const source = sourceOf(headers);
    if (source === '') this.#missing.inc();
    else if (source === headers.authority || this.#trusts(settings, source)) {
      this.#valid.inc();
      return Status.Continue;
    } else this.#invalid.inc();
    if (!enabled) return Status.Continue;
    stream.localReply(403, 'Invalid origin', 0, 'csrf_origin_mismatch');
    return Status.Stop;
  }

  #drawn({ runtimeKey, numerator, denominator }: FractionSettings): boolean {
    return this.#deps.runtime.fraction(runtimeKey, numerator, denominator, this.#deps.random.nextU32());
  }

  #trusts(settings: CsrfSettings, source: string): boolean {
    let matchers = this.#trusted.get(settings);
    if (matchers === undefined) {
      matchers = settings.additionalOrigins.map(buildStringMatcher);
      this.#trusted.set(settings, matchers);
    }
    for (let i = 0; i < matchers.length; i++) if (matchers[i]!.matches(source)) return true;
    return false;
  }
}

/** Host and port of Origin, else of Referer; '' when neither says anything. "null" is what a sandboxed frame sends: nobody's word for it is taken. */
function sourceOf(headers: RequestHeaders): string {
  const origin = headers.get('origin') ?? '';
  if (origin === 'null') return '';
  return hostOf(origin === '' ? (headers.get('referer') ?? '') : origin);
}

const AUTHORITY = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/(?:[^/?#]*@)?([^/?#@]+)/;

/** What is no absolute URL stands for itself. */
function hostOf(url: string): string {
  return AUTHORITY.exec(url)?.[1] ?? url;
}

export function createCsrf(settings: CsrfSettings, deps: FilterDeps): HttpFilterFactory {
  const filter = new CsrfFilter(settings, deps);
  return { newFilter: () => filter };
}
