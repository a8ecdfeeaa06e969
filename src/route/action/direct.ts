/** Answers that need no upstream: direct_response, redirect, and the redirect to https of require_tls. */
import type { RequestHeaders } from '../../http/header-map.ts';
import type { PathMatcher } from '../match/path-matcher.ts';
import type { DirectAction } from '../route.ts';
import type { DirectResponseSettings, PathMatchSettings, RedirectSettings } from '../settings.ts';
import { buildPathRewrite, type PathRewrite, rewritePath } from './rewrite/rewrite.ts';

/** Location goes with every 3xx, and with 201 (RFC 9110 §10.2.2), whether or not the answer is a redirect. */
function wantsLocation(status: number): boolean {
  return status === 201 || (status >= 300 && status < 400);
}

export class DirectResponse implements DirectAction {
  readonly kind = 'direct_response';
  readonly status: number;
  readonly body: string;

  constructor(settings: DirectResponseSettings) {
    this.status = settings.status;
    this.body = settings.body;
  }

  location(headers: RequestHeaders): string | null {
    if (!wantsLocation(this.status) || headers.path === '') return null;
    return `${headers.scheme}://${headers.authority}${headers.path}`;
  }

  rewritePath(): void {}
}

export class Redirect implements DirectAction {
  readonly kind = 'redirect';
  readonly status: number;
  readonly body = '';
  readonly #settings: RedirectSettings;
  readonly #rewrite: PathRewrite | null;

  constructor(settings: RedirectSettings, match: PathMatchSettings, matcher: PathMatcher) {
    this.status = settings.status;
    this.#settings = settings;
    this.#rewrite = buildPathRewrite(settings.prefixRewrite, settings.regexRewrite, '', matcher, match);
  }

  location(headers: RequestHeaders): string | null {
    const settings = this.#settings;
    const scheme = settings.scheme === '' ? headers.scheme : settings.scheme;
    const host = settings.host === '' ? this.#ownHost(headers, scheme) : settings.host;
    const port = settings.port === 0 ? '' : ':' + settings.port;
    const path = this.#path(headers.path);
    return `${scheme}://${host}${port}${path.startsWith('/') ? '' : '/'}${path}`;
  }

  rewritePath(headers: RequestHeaders, suppressEnvoyHeaders: boolean): void {
    rewritePath(headers, this.#rewrite, suppressEnvoyHeaders);
  }

  #path(requestPath: string): string {
    const own = this.#settings.path;
    // A query of its own is used as it is, and never stripped.
    if (own.indexOf('?') >= 0) return own;
    let path: string;
    if (own !== '') {
      const query = requestPath.indexOf('?');
      path = query < 0 ? own : own + requestPath.slice(query);
    } else path = this.#rewrite === null ? requestPath : this.#rewrite.rewrite(requestPath);
    const query = this.#settings.stripQuery ? path.indexOf('?') : -1;
    return query < 0 ? path : path.slice(0, query);
  }

  /** The request's host, without its port where that would be wrong after the redirect. */
  #ownHost(headers: RequestHeaders, scheme: string): string {
    const host = headers.authority;
    // "[::1]:80": the colon after the bracket; a bare "[::1]" has no port.
    const colon = host.startsWith('[') ? host.lastIndexOf(']:') + 1 || -1 : host.lastIndexOf(':');
    if (colon < 0) return host;
    const port = host.slice(colon);
    // x-forwarded-proto, not the scheme: http://a:80 may have come in over TLS.
    const proto = headers.get('x-forwarded-proto') ?? '';
    const isDefaultPort = scheme !== proto && ((proto === 'https' && port === ':443') || (proto === 'http' && port === ':80'));
    return this.#settings.port !== 0 || isDefaultPort ? host.slice(0, colon) : host;
  }
}

/** require_tls: the same address by https. */
export class TlsRedirect implements DirectAction {
  readonly kind = 'redirect';
  readonly status = 301;
  readonly body = '';

  location(headers: RequestHeaders): string | null {
    return `https://${headers.authority}${headers.path}`;
  }

  rewritePath(): void {}
}
