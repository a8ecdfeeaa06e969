/** Plain settings of envoy.filters.http.stateful_session. */

export interface CookieSessionSettings {
  readonly kind: 'cookie';
  readonly name: string;
  /** 0 = the cookie lasts as long as the browser's session, and what it holds has no end. */
  readonly ttlSeconds: number;
  /** Requests elsewhere have no session; '' = everywhere. */
  readonly path: string;
  /** What stands behind name="value" in set-cookie. */
  readonly suffix: string;
}

export interface HeaderSessionSettings {
  readonly kind: 'header';
  /** Lower case. */
  readonly name: string;
}

export interface StatefulSessionSettings {
  /** null: there are no sessions. */
  readonly state: CookieSessionSettings | HeaderSessionSettings | null;
  /** The host of the session or none. */
  readonly strict: boolean;
  /** '' = nothing is counted. */
  readonly statPrefix: string;
  /** Status of the answer when a strict session's host is not there. */
  readonly notFoundStatus: number;
}

/** A route's own: null = the filter does nothing there. */
export interface RouteSessionSettings {
  readonly session: StatefulSessionSettings | null;
}
