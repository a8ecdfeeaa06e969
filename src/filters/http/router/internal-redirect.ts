/** Internal redirects: a 3xx of the upstream is followed here and the client never sees it. Behaviour: spec/routing.md §1.12. */
import type { RequestHeaders, ResponseHeaders } from '../../../http/header-map.ts';
import type { InternalRedirectSettings, RedirectPredicate } from '../../../route/route.ts';
import type { TerminalHttpStream } from '../../api.ts';
import { observabilityName } from './answers.ts';
import type { RouterStats } from './router-stats.ts';

/** How often this downstream request was redirected; lives in its filter state, under Envoy's name. */
const COUNT_KEY = 'num_internal_redirects';

/** Parts of an absolute http(s) URL, the fragment cut off. */
interface Target {
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
}

/**
 * Turns `stream.requestHeaders` into those of the redirected request. False, with the headers as they were and the reason counted, when
 * the response has to be passed on instead.
 */
export function followRedirect(
  stream: TerminalHttpStream,
  response: ResponseHeaders,
  settings: InternalRedirectSettings,
  stats: RouterStats,
): boolean {
  const headers = stream.requestHeaders;
  const location = response.get('location');
  if (location === undefined || headers.path === '') return false;
  const target = parseTarget(location);
  if (target === null) {
    stats.redirectBadLocation.inc();
    return false;
  }
  const wasHttp = headers.scheme !== 'https';
  if (!settings.allowCrossSchemeRedirect && wasHttp !== (target.scheme === 'http')) {
    stats.redirectUnsafeScheme.inc();
    return false;
  }
  stream.info.filterState ??= new Map();
  const state = stream.info.filterState;
  const count = (state.get(COUNT_KEY) as number | undefined) ?? 0;
  if (count >= settings.maxInternalRedirects) {
    stats.redirectTooManyRedirects.inc();
    return false;
  }
  const from = stream.route?.name ?? '';
  const saved = headers.clone();
  copyResponseHeaders(headers, response, settings.responseHeadersToCopy);
  headers.scheme = target.scheme;
  headers.authority = target.authority;
  headers.path = target.path;
  stream.clearRouteCache();
  // The log names the cluster that the redirect leads to, or none.
  const cluster = stream.route === null ? null : stream.clusters.get(stream.clusterName);
  stream.info.upstreamCluster = cluster === null ? '' : cluster.name;
  stream.info.upstreamClusterObservabilityName = cluster === null ? '' : observabilityName(cluster);
  const toHttp = target.scheme === 'http';
  const found = stream.route !== null;
  if (stream.route === null || !allows(settings.predicates, state, from, stream.route.name, wasHttp, toHttp)) {
    if (found) stats.redirectPredicate.inc();
    else {
      stats.redirectNoRoute.inc();
      stream.info.routeName = '';
    }
    restore(headers, saved);
    stream.clearRouteCache();
    return false;
  }
  // RFC 9110 §15.4.4: a 303 is fetched with GET and has no body.
  if (response.status === 303 && headers.method !== 'GET' && headers.method !== 'HEAD') {
    headers.method = 'GET';
    headers.remove('content-length');
    headers.remove('transfer-encoding');
  }
  state.set(COUNT_KEY, count + 1);
  headers.set('x-envoy-original-url', (wasHttp ? 'http' : 'https') + '://' + saved.authority + saved.path);
  return true;
}

function allows(
  predicates: readonly RedirectPredicate[],
  state: Map<string, unknown>,
  from: string,
  to: string,
  wasHttp: boolean,
  toHttp: boolean,
): boolean {
  for (const predicate of predicates) {
    if (predicate.kind === 'allow_listed_routes') {
      if (!predicate.names.includes(to)) return false;
    } else if (predicate.kind === 'safe_cross_scheme') {
      if (wasHttp && !toHttp) return false;
    } else if (!isNewTarget(state, from, to)) return false;
  }
  return true;
}

/** previous_routes: from one route, a request is led to each other route once. */
function isNewTarget(state: Map<string, unknown>, from: string, to: string): boolean {
  const key = 'envoy.internal_redirect.previous_routes_predicate_state.' + from;
  const seen = state.get(key) as Set<string> | undefined;
  if (seen === undefined) state.set(key, new Set([to]));
  else if (seen.has(to)) return false;
  else seen.add(to);
  return true;
}

function copyResponseHeaders(headers: RequestHeaders, response: ResponseHeaders, names: readonly string[]): void {
  for (const name of names) {
    headers.remove(name);
    for (const value of response.getAll(name)) headers.add(name, value);
  }
}

function restore(headers: RequestHeaders, saved: RequestHeaders): void {
  headers.method = saved.method;
  headers.path = saved.path;
  headers.authority = saved.authority;
  headers.scheme = saved.scheme;
  headers.names = saved.names;
  headers.values = saved.values;
  headers.rawNames = saved.rawNames;
}

function parseTarget(location: string): Target | null {
  const schemeEnd = location.indexOf('://');
  if (schemeEnd < 0) return null;
  const scheme = location.slice(0, schemeEnd).toLowerCase();
  if (scheme !== 'http' && scheme !== 'https') return null;
  const start = schemeEnd + 3;
  let end = start;
  while (end < location.length && '/?#'.indexOf(location[end]!) < 0) end++;
  const authority = location.slice(start, end);
  if (authority === '' || authority.indexOf('@') >= 0) return null;
  const fragment = location.indexOf('#', end);
  const rest = fragment < 0 ? location.slice(end) : location.slice(end, fragment);
  return { scheme, authority, path: rest.startsWith('/') ? rest : '/' + rest };
}
