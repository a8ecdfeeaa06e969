/** One virtual host: its routes in their order, and what it says for all of them. */
import type { FormatContext, FormatEnvironment } from '../http/format/operator.ts';
import type { RequestHeaders } from '../http/header-map.ts';
import { buildHeaderMatcher, type HeaderMatcher, matchesAll } from '../http/header-matcher.ts';
import { buildMatchTree, type MatchTree, NO_ACTION } from '../http/matching/match-tree.ts';
import { compileRegex } from '../http/regex.ts';
import type { StreamInfo } from '../http/stream-info.ts';
import type { RuntimeSnapshot } from '../runtime/runtime.ts';
import { ClusterMatcher } from './action/cluster/cluster-matcher.ts';
import { DirectResponse, Redirect, TlsRedirect } from './action/direct.ts';
import { ForwardAction } from './action/forward.ts';
import { HashPolicies } from './action/hash-policy/hash-policy.ts';
import { MirrorPolicy } from './action/mirror/mirror-policy.ts';
import { WeightedChoice, WeightedEntries } from './action/weighted/weighted-clusters.ts';
import { RouteIndex } from './match/route-index.ts';
import { RouteMatcher } from './match/route-matcher.ts';
import { compileUriTemplate } from './match/uri-template.ts';
import { mergePerFilter } from './per-filter/per-filter.ts';
import type { RateLimitSettings } from './rate-limit/settings.ts';
import type { Route, VirtualHost } from './route.ts';
import { type PreparedLevel, prepareLevel, RouteEntry, type RouteSurroundings } from './route-entry.ts';
import type { ForwardSettings, PathMatchSettings, RouteSettings, VirtualHostSettings, WeightedSettings } from './settings.ts';

/** What routes need of the worker. */
export interface RouteDeps {
  readonly runtime: RuntimeSnapshot;
  readonly format: FormatEnvironment;
}

interface Candidate {
  readonly matcher: RouteMatcher;
  /** One route, or one per weighted entry. */
  readonly routes: readonly RouteEntry[];
  readonly choice: WeightedChoice | null;
}

export class MatchingVirtualHost implements VirtualHost {
  readonly name: string;
  readonly routeConfiguration: string;
  readonly includeRequestAttemptCount: boolean;
  readonly includeAttemptCountInResponse: boolean;
  readonly includeIsTimeoutRetryHeader: boolean;
  readonly settings: VirtualHostSettings;
  readonly rateLimits: readonly RateLimitSettings[];
  readonly #candidates: readonly Candidate[];
  readonly #index: RouteIndex;
  readonly #tree: MatchTree | null;
  readonly #virtualClusters: readonly { readonly name: string; readonly headers: readonly HeaderMatcher[] }[];
  /** The answer to plain text where TLS is required; null where it is not. */
  readonly #tlsRedirect: Route | null;

  constructor(
    settings: VirtualHostSettings,
    routeConfiguration: string,
    configLevel: PreparedLevel,
    mostSpecificWins: boolean,
    deps: RouteDeps,
    formatContext: FormatContext,
  ) {
    this.settings = settings;
    this.rateLimits = settings.rateLimits;
    this.name = settings.name;
    this.routeConfiguration = routeConfiguration;
    this.includeRequestAttemptCount = settings.includeRequestAttemptCount;
    this.includeAttemptCountInResponse = settings.includeAttemptCountInResponse;
    this.includeIsTimeoutRetryHeader = settings.includeIsTimeoutRetryHeader;
    const virtualHostLevel = prepareLevel(settings, deps.format);
    const around: RouteSurroundings = {
      virtualHost: this,
      virtualHostLevel,
      configLevel,
      mostSpecificWins,
      perFilter: mergePerFilter([configLevel.settings.perFilter, settings.perFilter]),
      format: deps.format,
      formatContext,
    };
    this.#candidates = settings.routes.map((route) => buildCandidate(route, around, deps.runtime));
    this.#index = new RouteIndex(
      settings.routes.map((route, i) => ({
        path: route.match.path,
        literalPrefix: literalPrefixOf(route.match.path),
        isPathOnly: this.#candidates[i]!.matcher.isPathOnly,
      })),
    );
    this.#tree = settings.matcher === null ? null : buildMatchTree(settings.matcher.tree);
    this.#virtualClusters = settings.virtualClusters.map((cluster) => ({
      name: cluster.name,
      headers: cluster.headers.map(buildHeaderMatcher),
    }));
    this.#tlsRedirect = settings.requireTls === 'NONE' ? null : tlsRedirect(around);
  }

  virtualCluster(headers: RequestHeaders): string {
    const clusters = this.#virtualClusters;
    for (let i = 0; i < clusters.length; i++) if (matchesAll(clusters[i]!.headers, headers)) return clusters[i]!.name;
    return clusters.length === 0 ? '' : 'other';
  }

  /** @param path of the request without its query (and parameters, where those are ignored) */
  match(headers: RequestHeaders, info: StreamInfo, random: number, path: string): Route | null {
    if (this.#tlsRedirect !== null) {
      const proto = headers.get('x-forwarded-proto');
      if (proto === undefined) return null;
      if (proto !== 'https' && this.requiresTls(headers)) return this.#tlsRedirect;
    }
    const candidates = this.#tree === null ? this.#index.candidates(path) : this.#routesOf(this.#tree.match(headers, info));
    for (let i = 0; i < candidates.length; i++) {
      const candidate = this.#candidates[candidates[i]!]!;
      if (!candidate.matcher.matches(headers, info, random, path)) continue;
      const choice = candidate.choice;
      return candidate.routes[choice === null ? 0 : choice.choose(headers, info, random)]!;
    }
    return null;
  }

  /** Indices of the routes that are looked at for a request, in their order. */
  considered(headers: RequestHeaders, info: StreamInfo): readonly number[] {
    return this.#tree === null ? this.settings.routes.map((_, i) => i) : this.#routesOf(this.#tree.match(headers, info));
  }

  #routesOf(action: number): readonly number[] {
    return action === NO_ACTION ? NO_ROUTES : this.settings.matcher!.actions[action]!;
  }

  requiresTls(headers: RequestHeaders): boolean {
    if (this.settings.requireTls === 'EXTERNAL_ONLY') return headers.get('x-envoy-internal') !== 'true';
    return this.settings.requireTls === 'ALL';
  }

  /** What the request lacks for route `index`; empty if that route matches it. */
  mismatches(index: number, headers: RequestHeaders, info: StreamInfo, random: number, path: string): readonly string[] {
    return this.#candidates[index]!.matcher.mismatches(headers, info, random, path);
  }

  /** Of one of its routes, or of a weighted entry of one; -1 = it is none. Not for the request path. */
  indexOf(route: Route): number {
    return this.#candidates.findIndex(({ routes }) => routes.includes(route as RouteEntry));
  }

  describeRoute(index: number): string {
    return this.#candidates[index]!.matcher.describe();
  }
}

const NO_ROUTES: readonly number[] = [];

function literalPrefixOf(path: PathMatchSettings): string {
  if (path.kind === 'regex') return compileRegex(path.value).literalPrefix;
  return path.kind === 'uri_template' ? compileUriTemplate(path.value).regex.literalPrefix : '';
}

function buildCandidate(settings: RouteSettings, around: RouteSurroundings, runtime: RuntimeSnapshot): Candidate {
  const matcher = new RouteMatcher(settings.match, runtime);
  const level = prepareLevel(settings, around.format);
  const action = settings.action;
  if (action.kind === 'forward') return forwardCandidate(settings, action, matcher, level, around, runtime);
  const direct =
    action.kind === 'direct_response'
      ? new DirectResponse(action)
      : action.kind === 'redirect'
        ? new Redirect(action, settings.match.path, matcher.path)
        : null;
  return { matcher, routes: [new RouteEntry(settings, around, matcher.path, direct, null, level, null)], choice: null };
}

const NO_MIRRORS: readonly MirrorPolicy[] = [];

function forwardCandidate(
  settings: RouteSettings,
  forward: ForwardSettings,
  matcher: RouteMatcher,
  level: PreparedLevel,
  around: RouteSurroundings,
  runtime: RuntimeSnapshot,
): Candidate {
  const hashPolicies = forward.hashPolicies.length === 0 ? null : new HashPolicies(forward.hashPolicies);
  const mirrors =
    forward.mirrors.length === 0
      ? NO_MIRRORS
      : forward.mirrors.map((mirror) => new MirrorPolicy(mirror, around.format, around.formatContext));
  const cluster = forward.cluster;
  if (cluster.kind !== 'weighted') {
    const name = cluster.kind === 'name' ? cluster.name : '';
    const clusterMatcher = cluster.kind === 'matched' ? new ClusterMatcher(cluster) : null;
    const source = { name, header: cluster.kind === 'header' ? cluster.header : '', matcher: clusterMatcher };
    const action = new ForwardAction(forward, source, forward.metadataMatch, hashPolicies, mirrors);
    return { matcher, routes: [new RouteEntry(settings, around, matcher.path, null, action, level, null)], choice: null };
  }
  const routes = cluster.entries.map((entry) => {
    const action = new ForwardAction(forward, entry, entry.metadataMatch, hashPolicies, mirrors);
    const weighted = { level: prepareLevel(entry, around.format), hostRewrite: entry.hostRewrite };
    return new RouteEntry(settings, around, matcher.path, null, action, level, weighted);
  });
  const choice = new WeightedChoice(cluster satisfies WeightedSettings, hashPolicies, runtime);
  const entries = new WeightedEntries(choice, routes);
  for (const route of routes) route.entries = entries;
  return { matcher, routes, choice };
}

function tlsRedirect(around: RouteSurroundings): Route {
  return {
    name: '',
    virtualHost: around.virtualHost,
    statPrefix: '',
    metadata: null,
    direct: new TlsRedirect(),
    action: null,
    filterSettings: () => undefined,
    filterDisabled: () => undefined,
    allFilterSettings: () => [],
    finalizeRequestHeaders: () => undefined,
    finalizeResponseHeaders: () => undefined,
  };
}
