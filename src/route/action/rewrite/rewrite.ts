/** What a route changes in the path and the authority before a request goes upstream. */
import { firstValue } from '../../../http/header-lookup.ts';
import type { RequestHeaders } from '../../../http/header-map.ts';
import { pathOnly } from '../../../http/query.ts';
import { compileRegex, type LinearRegex, type RegexRewriteSettings } from '../../../http/regex.ts';
import type { PathMatcher } from '../../match/path-matcher.ts';
import { compileTemplateRewrite, compileUriTemplate } from '../../match/uri-template.ts';
import type { PathMatchSettings, RewriteSettings } from '../../settings.ts';

/** A regular expression with its substitution, ready to use. */
export class RegexRewrite {
  readonly #regex: LinearRegex;
  readonly #substitution: string;
  constructor(settings: RegexRewriteSettings) {
    this.#regex = compileRegex(settings.pattern);
    this.#substitution = settings.substitution;
  }
  apply(text: string): string {
    return this.#regex.replaceAll(text, this.#substitution);
  }
}

/** The path with its rewritten part; the query stays. */
export interface PathRewrite {
  rewrite(path: string): string;
}

/** null when the path stays as it is. */
export function buildPathRewrite(
  prefix: string,
  regex: RegexRewriteSettings | null,
  template: string,
  matcher: PathMatcher,
  match: PathMatchSettings,
): PathRewrite | null {
  if (prefix !== '') return new PrefixRewrite(prefix, matcher);
  if (regex !== null) return new WholePathRewrite(new RegexRewrite(regex));
  if (template === '') return null;
  const source = compileUriTemplate(match.value);
  return new WholePathRewrite(new RegexRewrite({ pattern: source.regex.pattern, substitution: compileTemplateRewrite(template, source) }));
}

class PrefixRewrite implements PathRewrite {
  readonly #prefix: string;
  readonly #matcher: PathMatcher;
  constructor(prefix: string, matcher: PathMatcher) {
    this.#prefix = prefix;
    this.#matcher = matcher;
  }
  rewrite(path: string): string {
    return this.#prefix + path.slice(this.#matcher.matchedLength(pathOnly(path)));
  }
}

class WholePathRewrite implements PathRewrite {
  readonly #rewrite: RegexRewrite;
  constructor(rewrite: RegexRewrite) {
    this.#rewrite = rewrite;
  }
  rewrite(path: string): string {
    const bare = pathOnly(path);
    return this.#rewrite.apply(bare) + path.slice(bare.length);
  }
}

/** Changes the path, and keeps the old one in x-envoy-original-path unless told not to. */
export function rewritePath(headers: RequestHeaders, rewrite: PathRewrite | null, suppressEnvoyHeaders: boolean): void {
  if (rewrite === null || headers.path === '') return;
  const path = rewrite.rewrite(headers.path);
  if (!suppressEnvoyHeaders) headers.set('x-envoy-original-path', headers.path);
  headers.path = path;
}

/**
 * Changes the authority. Also for auto_host_rewrite, whose host is known only once it is chosen.
 * @param appendXForwardedHost the old one goes to x-forwarded-host, if it is not its last element already
 */
export function updateAuthority(
  headers: RequestHeaders,
  authority: string,
  appendXForwardedHost: boolean,
  suppressEnvoyHeaders: boolean,
): void {
  const old = headers.authority;
  if (!suppressEnvoyHeaders && old !== '') headers.set('x-envoy-original-host', old);
  if (appendXForwardedHost && old !== '') {
    const forwarded = headers.get('x-forwarded-host');
    if (forwarded === undefined || forwarded === '') headers.set('x-forwarded-host', old);
    // Compared as it is, with the space that may stand behind the comma.
    else if (forwarded.slice(forwarded.lastIndexOf(',') + 1) !== old) headers.set('x-forwarded-host', forwarded + ',' + old);
  }
  headers.authority = authority;
}

export interface HostRewrite {
  /** The new authority; '' leaves it. */
  authority(headers: RequestHeaders): string;
}

export function buildHostRewrite(settings: RewriteSettings): HostRewrite | null {
  if (settings.host !== '') return { authority: () => settings.host };
  if (settings.hostHeader !== '') return { authority: (headers) => firstValue(headers, settings.hostHeader) ?? '' };
  if (settings.hostPathRegex === null) return null;
  const rewrite = new RegexRewrite(settings.hostPathRegex);
  return { authority: (headers) => rewrite.apply(pathOnly(headers.path)) };
}
