/** Changes headers, trailers and query parameters as configured, for the filter and then for the route. Behaviour: Envoy's HeaderMutation. */
import { FormatContext } from '../../../http/format/operator.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import { HeaderSteps } from '../../../route/headers/header-steps.ts';
import type { Route } from '../../../route/route.ts';
import type { FilterDeps, HttpFilter, HttpFilterFactory, HttpStream } from '../../api.ts';
import { PassThroughFilter, Status } from '../../api.ts';
import { QuerySteps } from './query-steps.ts';
import type { HeaderMutationFilterSettings, MutationsSettings } from './settings.ts';

class LevelMutations {
  readonly request: HeaderSteps;
  readonly response: HeaderSteps;
  readonly requestTrailers: HeaderSteps;
  readonly responseTrailers: HeaderSteps;
  readonly query: QuerySteps;

  constructor(settings: MutationsSettings, { format }: FilterDeps) {
    this.request = new HeaderSteps(settings.request, format);
    this.response = new HeaderSteps(settings.response, format);
    this.requestTrailers = new HeaderSteps(settings.requestTrailers, format);
    this.responseTrailers = new HeaderSteps(settings.responseTrailers, format);
    this.query = new QuerySteps(settings.query, format);
  }
}

/** Holds nothing of a request, so one object serves all that have the same levels. */
class HeaderMutationFilter extends PassThroughFilter {
  readonly #levels: readonly LevelMutations[];
  #context: FormatContext | null = null;

  constructor(levels: readonly LevelMutations[]) {
    super();
    this.#levels = levels;
  }

  override onRequestHeaders(stream: HttpStream, headers: RequestHeaders): Status {
    const ctx = this.#use(stream.info, headers, null);
    for (let i = 0; i < this.#levels.length; i++) {
      const { request, query } = this.#levels[i]!;
      request.apply(headers, ctx);
      if (!query.empty) headers.path = query.apply(headers.path, ctx);
    }
    return Status.Continue;
  }

  override onRequestTrailers(stream: HttpStream, trailers: HeaderMap): Status {
    const ctx = this.#use(stream.info, stream.requestHeaders, null);
    for (let i = 0; i < this.#levels.length; i++) this.#levels[i]!.requestTrailers.apply(trailers, ctx);
    return Status.Continue;
  }

  override onResponseHeaders(stream: HttpStream, headers: ResponseHeaders): Status {
    const ctx = this.#use(stream.info, stream.info.requestHeaders, headers);
    for (let i = 0; i < this.#levels.length; i++) this.#levels[i]!.response.apply(headers, ctx);
    return Status.Continue;
  }

  override onResponseTrailers(stream: HttpStream, trailers: HeaderMap): Status {
    const ctx = this.#use(stream.info, stream.info.requestHeaders, stream.responseHeaders);
    ctx.responseTrailers = trailers;
    for (let i = 0; i < this.#levels.length; i++) this.#levels[i]!.responseTrailers.apply(trailers, ctx);
    return Status.Continue;
  }

  #use(info: StreamInfo, request: RequestHeaders | null, response: ResponseHeaders | null): FormatContext {
    this.#context ??= new FormatContext(info);
    const ctx = this.#context.use(info);
    ctx.requestHeaders = request;
    ctx.responseHeaders = response;
    return ctx;
  }
}

class HeaderMutationFactory implements HttpFilterFactory {
  readonly #deps: FilterDeps;
  readonly #mostSpecificWins: boolean;
  readonly #own: LevelMutations;
  readonly #plain: HeaderMutationFilter;
  readonly #ofRoutes = new WeakMap<readonly unknown[], HeaderMutationFilter>();

  constructor(settings: HeaderMutationFilterSettings, deps: FilterDeps) {
    this.#deps = deps;
    this.#mostSpecificWins = settings.mostSpecificWins;
    this.#own = new LevelMutations(settings.mutations, deps);
    this.#plain = new HeaderMutationFilter([this.#own]);
  }

  newFilter(route: Route | null, name: string): HttpFilter {
    const levels = route === null ? [] : route.allFilterSettings(name);
    if (levels.length === 0) return this.#plain;
    let filter = this.#ofRoutes.get(levels);
    if (filter === undefined) {
      const built = (levels as readonly MutationsSettings[]).map((level) => new LevelMutations(level, this.#deps));
      filter = new HeaderMutationFilter([this.#own, ...(this.#mostSpecificWins ? built : built.reverse())]);
      this.#ofRoutes.set(levels, filter);
    }
    return filter;
  }
}

export function createHeaderMutation(settings: HeaderMutationFilterSettings, deps: FilterDeps): HttpFilterFactory {
  return new HeaderMutationFactory(settings, deps);
}
