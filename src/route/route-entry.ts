/** One route, or one entry of its weighted clusters: all that is done with a request it matches, prepared. */
import type { FormatContext, FormatEnvironment } from '../http/format/operator.ts';
import type { HeaderMap, RequestHeaders, ResponseHeaders } from '../http/header-map.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { RouteTracingSettings } from '../tracing/settings.ts';
import {
  buildHostRewrite,
  buildPathRewrite,
  type HostRewrite,
  type PathRewrite,
  rewritePath,
  updateAuthority,
} from './action/rewrite/rewrite.ts';
import type { WeightedEntries } from './action/weighted/weighted-clusters.ts';
import { buildHeaderMutation, type HeaderMutation } from './headers/header-mutation.ts';
import type { PathMatcher } from './match/path-matcher.ts';
import { mergePerFilter, type PerFilterConfig } from './per-filter/per-filter.ts';
import type { DirectAction, Route, RouteAction, VirtualHost } from './route.ts';
import type { LevelSettings, RouteSettings } from './settings.ts';

/** What the levels above a route have prepared for all their routes. */
export interface RouteSurroundings {
  readonly virtualHost: VirtualHost;
  /** Settings of the virtual host and of the route configuration. */
  readonly virtualHostLevel: PreparedLevel;
  readonly configLevel: PreparedLevel;
  readonly mostSpecificWins: boolean;
  /** For routes that say nothing of their own. */
  readonly perFilter: PerFilterConfig | null;
  readonly format: FormatEnvironment;
  readonly formatContext: FormatContext;
}

export interface PreparedLevel {
  readonly settings: LevelSettings;
  readonly request: HeaderMutation | null;
  readonly response: HeaderMutation | null;
}

export function prepareLevel(settings: LevelSettings, format: FormatEnvironment): PreparedLevel {
  return {
    settings,
    request: buildHeaderMutation(settings.requestHeaders, format),
    response: buildHeaderMutation(settings.responseHeaders, format),
  };
}

export class RouteEntry implements Route {
  readonly name: string;
  readonly virtualHost: VirtualHost;
  readonly statPrefix: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly tracing: RouteTracingSettings | null;
  readonly direct: DirectAction | null;
  readonly action: RouteAction | null;
  /** Set once all of them have been made. */
  entries: WeightedEntries | null;
  readonly #perFilter: PerFilterConfig | null;
  /** In the order in which they are applied. */
  readonly #requestMutations: readonly HeaderMutation[];
  readonly #responseMutations: readonly HeaderMutation[];
  readonly #entryHost: string;
  readonly #hostRewrite: HostRewrite | null;
  readonly #pathRewrite: PathRewrite | null;
  /** The request goes on as it is. */
  readonly #leavesRequest: boolean;
  readonly #formatContext: FormatContext;

  /** @param entry the weighted cluster this is about, with its own host_rewrite_literal */
  constructor(
    settings: RouteSettings,
    around: RouteSurroundings,
    path: PathMatcher,
    direct: DirectAction | null,
    action: RouteAction | null,
    route: PreparedLevel,
    entry: { readonly level: PreparedLevel; readonly hostRewrite: string } | null,
  ) {
    this.name = settings.name;
    this.virtualHost = around.virtualHost;
    this.statPrefix = settings.statPrefix;
    this.metadata = settings.metadata;
    this.tracing = settings.tracing ?? null;
    this.direct = direct;
    this.action = action;
    this.entries = null;
    const own = entry === null ? [route] : [route, entry.level];
    this.#perFilter = own.every((level) => level.settings.perFilter === null)
      ? around.perFilter
      : mergePerFilter([around.configLevel, around.virtualHostLevel, ...own].map((level) => level.settings.perFilter));
    const shared = [route, around.virtualHostLevel, around.configLevel];
    if (around.mostSpecificWins) shared.reverse();
    // A weighted entry comes first either way.
    const order = entry === null ? shared : [entry.level, ...shared];
    this.#requestMutations = order.map((level) => level.request).filter((mutation) => mutation !== null);
    this.#responseMutations = order.map((level) => level.response).filter((mutation) => mutation !== null);
    this.#entryHost = entry?.hostRewrite ?? '';
    const rewrite = settings.action.kind === 'forward' ? settings.action.rewrite : null;
    this.#hostRewrite = rewrite === null ? null : buildHostRewrite(rewrite);
    this.#pathRewrite =
      rewrite === null ? null : buildPathRewrite(rewrite.prefix, rewrite.regex, rewrite.template, path, settings.match.path);
    this.#leavesRequest =
      this.#requestMutations.length === 0 && this.#hostRewrite === null && this.#pathRewrite === null && this.#entryHost === '';
    this.#formatContext = around.formatContext;
  }

  filterSettings(filterName: string): unknown {
    return this.#perFilter === null ? undefined : this.#perFilter.settings(filterName);
  }

  filterDisabled(filterName: string): boolean | undefined {
    return this.#perFilter === null ? undefined : this.#perFilter.disabled(filterName);
  }

  allFilterSettings(filterName: string): readonly unknown[] {
    return this.#perFilter === null ? [] : this.#perFilter.all(filterName);
  }

  finalizeRequestHeaders(headers: RequestHeaders, info: StreamInfo, suppressEnvoyHeaders: boolean): void {
    if (this.#leavesRequest) return;
    const mutations = this.#requestMutations;
    if (mutations.length > 0) this.#apply(mutations, headers, info, headers, null);
    if (this.#entryHost !== '') headers.authority = this.#entryHost;
    if (this.#hostRewrite !== null) {
      const authority = this.#hostRewrite.authority(headers);
      if (authority !== '') updateAuthority(headers, authority, this.action?.appendXForwardedHost ?? false, suppressEnvoyHeaders);
    }
    rewritePath(headers, this.#pathRewrite, suppressEnvoyHeaders);
  }

  finalizeResponseHeaders(headers: ResponseHeaders, info: StreamInfo): void {
    const mutations = this.#responseMutations;
    if (mutations.length > 0) this.#apply(mutations, headers, info, info.requestHeaders, headers);
  }

  #apply(
    mutations: readonly HeaderMutation[],
    target: HeaderMap,
    info: StreamInfo,
    request: RequestHeaders | null,
    response: ResponseHeaders | null,
  ): void {
    const ctx = this.#formatContext.use(info);
    ctx.requestHeaders = request;
    ctx.responseHeaders = response;
    for (let i = 0; i < mutations.length; i++) mutations[i]!.apply(target, ctx);
  }
}
