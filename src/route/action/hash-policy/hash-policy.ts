/** Hash policies: what consistent balancing keys on. Source: envoy.config.route.v3.RouteAction.HashPolicy. */
import { cookieValue, firstValue } from '../../../http/header-lookup.ts';
import type { RequestHeaders } from '../../../http/header-map.ts';
import { queryParameter } from '../../../http/query.ts';
import type { StreamInfo } from '../../../http/stream-info.ts';
import { xxHash64, xxHash64Sequence } from '../../../runtime/xxhash64.ts';
import type { HashResult } from '../../route.ts';
import type { HashPolicySettings } from '../../settings.ts';
import { RegexRewrite } from '../rewrite/rewrite.ts';

interface Policy {
  readonly terminal: boolean;
  /** The text to hash, or several; undefined if the request has none. */
  key(headers: RequestHeaders, info: StreamInfo): string | readonly string[] | undefined;
}

const NO_COOKIES: readonly string[] = [];

export class HashPolicies {
  readonly #policies: readonly Policy[];

  constructor(settings: readonly HashPolicySettings[]) {
    this.#policies = settings.map(buildPolicy);
  }

  /** null when no policy yields a hash. */
  hash(headers: RequestHeaders, info: StreamInfo): HashResult | null {
    let hash: bigint | null = null;
    let setCookies = NO_COOKIES;
    for (const policy of this.#policies) {
      let key = policy.key(headers, info);
      if (key === undefined && policy instanceof CookiePolicy && policy.generates) {
        key = generatedValue(info);
        setCookies = [...setCookies, policy.setCookie(key)];
      }
      if (key !== undefined) {
        const one = typeof key === 'string' ? xxHash64(key) : xxHash64Sequence(key);
        // Rotated before the next is mixed in, so that two equal hashes do not cancel out.
        hash = hash === null ? one : BigInt.asUintN(64, (hash << 1n) | (hash >> 63n)) ^ one;
      }
      if (policy.terminal && hash !== null) break;
    }
    return hash === null ? null : { hash, setCookies };
  }
}

function buildPolicy(settings: HashPolicySettings): Policy {
  const terminal = settings.terminal;
  switch (settings.kind) {
    case 'header':
      return new HeaderPolicy(settings);
    case 'cookie':
      return new CookiePolicy(settings);
    case 'source_ip':
      return { terminal, key: (_headers, info) => (info.remoteAddress.kind === 'ip' ? info.remoteAddress.ip : undefined) };
    case 'query_parameter':
      return { terminal, key: (headers) => queryParameter(headers.path, settings.name) };
    default:
      return { terminal, key: (_headers, info) => filterStateText(info, settings.key) };
  }
}

function filterStateText(info: StreamInfo, key: string): string | undefined {
  const state = info.filterState?.get(key);
  return typeof state === 'string' ? state : undefined;
}

class HeaderPolicy implements Policy {
  readonly terminal: boolean;
  readonly #name: string;
  readonly #rewrite: RegexRewrite | null;

  constructor(settings: Extract<HashPolicySettings, { kind: 'header' }>) {
    this.terminal = settings.terminal;
    this.#name = settings.name;
    this.#rewrite = settings.rewrite === null ? null : new RegexRewrite(settings.rewrite);
  }

  key(headers: RequestHeaders): string | readonly string[] | undefined {
    const first = firstValue(headers, this.#name);
    if (first === undefined) return undefined;
    if (headers.names.indexOf(this.#name) === headers.names.lastIndexOf(this.#name)) return this.#edited(first);
    const values = headers.getAll(this.#name).map((value) => this.#edited(value));
    // The order of the lines must not change the host.
    return values.sort();
  }

  #edited(value: string): string {
    return this.#rewrite === null ? value : this.#rewrite.apply(value);
  }
}

class CookiePolicy implements Policy {
  readonly terminal: boolean;
  /** A cookie is made for a request without one. */
  readonly generates: boolean;
  readonly #name: string;
  /** What stands behind name="value" in set-cookie. */
  readonly #suffix: string;

  constructor(settings: Extract<HashPolicySettings, { kind: 'cookie' }>) {
    this.terminal = settings.terminal;
    this.generates = settings.ttlSeconds !== null;
    this.#name = settings.name;
    let suffix = '';
    // A ttl of 0 makes a session cookie.
    if (settings.ttlSeconds !== null && settings.ttlSeconds > 0) suffix += `; Max-Age=${settings.ttlSeconds}`;
    if (settings.path !== '') suffix += `; Path=${settings.path}`;
    for (const { name, value } of settings.attributes) suffix += value === '' ? `; ${name}` : `; ${name}=${value}`;
    this.#suffix = suffix + '; HttpOnly';
  }

  key(headers: RequestHeaders): string | undefined {
    const value = cookieValue(headers, this.#name);
    return value === '' ? undefined : value;
  }

  setCookie(value: string): string {
    return `${this.#name}="${value}"${this.#suffix}`;
  }
}

/** Stable for a connection, so that its requests stay together even if the client drops cookies. Sixteen digits always, as in Envoy. */
function generatedValue(info: StreamInfo): string {
  return xxHash64(info.remoteAddress.text + info.connection.localAddress.text)
    .toString(16)
    .padStart(16, '0');
}
