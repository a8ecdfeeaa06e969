/** Answers the browser's question whether a page of another origin may use this one (https://fetch.spec.whatwg.org/#http-cors-protocol). */
import type { RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { Route } from '../../../route/route.ts';
import type { Counter } from '../../../stats/scope.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import type { CorsSettings } from './config.ts';
import { CorsPolicy } from './policy.ts';

const DETAILS = 'cors_response';

const NO_LEVELS: readonly unknown[] = [];

class CorsFactory implements HttpFilterFactory {
  readonly deps: FilterDeps;
  readonly originValid: Counter;
  readonly originInvalid: Counter;
  readonly #policies = new WeakMap<readonly unknown[], CorsPolicy>();
  readonly #nothing = new PassThroughFilter();

  constructor(deps: FilterDeps) {
    this.deps = deps;
    const scope = deps.scope.scope('cors');
    this.originValid = scope.counter('origin_valid');
    this.originInvalid = scope.counter('origin_invalid');
  }

  newFilter(route: Route | null, name: string): HttpFilter {
    // As in Envoy what answers by itself is not asked for its origins.
    const levels = route === null || route.action === null ? NO_LEVELS : route.allFilterSettings(name);
    if (levels.length === 0) return this.#nothing;
    let policy = this.#policies.get(levels);
    if (policy === undefined) {
      policy = new CorsPolicy(levels as readonly CorsSettings[]);
      this.#policies.set(levels, policy);
    }
    return new CorsFilter(this, policy);
  }
}

class CorsFilter extends PassThroughFilter {
  readonly #factory: CorsFactory;
  readonly #policy: CorsPolicy;
  /** '' unless the response is to allow it. */
  #origin: string;

  constructor(factory: CorsFactory, policy: CorsPolicy) {
    super();
    this.#factory = factory;
    this.#policy = policy;
    this.#origin = '';
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders): Status {
    const { deps, originValid, originInvalid } = this.#factory;
    const policy = this.#policy;
    const enabled = policy.isEnabled(deps.runtime, deps.random);
    if (!enabled && !policy.isShadowEnabled(deps.runtime, deps.random)) return Status.Continue;
    const origin = headers.get('origin') ?? '';
    if (origin === '') return Status.Continue;
    const isPreflight = headers.method === 'OPTIONS' && (headers.get('access-control-request-method') ?? '') !== '';
    if (!policy.allows(origin)) {
      originInvalid.inc();
      if (!enabled || !isPreflight || policy.forwardNotMatchingPreflights) return Status.Continue;
    } else {
      originValid.inc();
      if (!enabled) return Status.Continue;
      this.#origin = origin;
      if (!isPreflight) return Status.Continue;
    }
    stream.localReply(200, '', 0, DETAILS, (response) => this.#answerPreflight(response, headers));
    return Status.Stop;
  }

  override onResponseHeaders(_stream: HttpStream, headers: ResponseHeaders): Status {
    if (this.#origin === '') return Status.Continue;
    headers.set('access-control-allow-origin', this.#origin);
    if (this.#policy.allowCredentials) headers.set('access-control-allow-credentials', 'true');
    if (this.#policy.exposeHeaders !== '') headers.set('access-control-expose-headers', this.#policy.exposeHeaders);
    return Status.Continue;
  }

  #answerPreflight(response: ResponseHeaders, request: RequestHeaders): void {
    const policy = this.#policy;
    if (this.#origin !== '') {
      response.set('access-control-allow-origin', this.#origin);
      if (policy.allowCredentials) response.set('access-control-allow-credentials', 'true');
    }
    addAllowed(response, 'access-control-allow-methods', policy.allowMethods, request.get('access-control-request-method'));
    addAllowed(response, 'access-control-allow-headers', policy.allowHeaders, request.get('access-control-request-headers'));
    if (policy.maxAge !== '') response.set('access-control-max-age', policy.maxAge);
    if (policy.allowPrivateNetworkAccess && request.get('access-control-request-private-network') === 'true')
      response.set('access-control-allow-private-network', 'true');
  }
}

/** "*" allows what is asked for: with credentials the star itself would stand for no name at all. */
function addAllowed(response: ResponseHeaders, name: string, allowed: string, asked: string | undefined): void {
  if (allowed !== '') response.set(name, allowed === '*' ? (asked ?? '') : allowed);
}

export function createCors(_settings: null, deps: FilterDeps): HttpFilterFactory {
  return new CorsFactory(deps);
}
