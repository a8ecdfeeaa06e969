/**
 * Addresses of names that requests bring, on one worker: the first request for a name waits for the answer, later ones find it, and it is
 * refreshed as long as somebody asks. Behaviour: Envoy's DnsCacheImpl.
 */
import { type Address, ipAddress, isIp } from '../../net/address.ts';
import { type Clock, Timer, type TimerTarget } from '../../runtime/clock.ts';
import type { Random } from '../../runtime/random.ts';
import type { StatsScope } from '../../stats/scope.ts';
import { lookUp } from '../discovery/lookup.ts';
import type { DnsResolver, ResolvedAddress } from '../discovery/resolver.ts';
import { DnsCacheStats } from './dns-cache-stats.ts';
import type { DnsCacheSettings } from './settings.ts';

export interface DnsCacheDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly rootScope: StatsScope;
  readonly resolver: DnsResolver;
  /** A waiter threw: an error in this program. */
  readonly onException: (error: unknown) => void;
}

/** Waits for the first answer about a name. */
export interface DnsWaiter {
  /** The host's address is known now, or has turned out not to be. */
  onDnsAnswer(host: CachedName): void;
}

/** Hears of every name that has an address. */
export interface DnsCacheListener {
  onAddress(host: CachedName): void;
  onRemoved(host: CachedName): void;
}

/** What Envoy's resolver says in %RESPONSE_CODE_DETAILS%: its own word, then that of c-ares. */
const NO_RECORDS = 'cares_norecords:Domain_name_not_found';
const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'cares_failure:Could_not_contact_DNS_servers',
  ETIMEOUT: 'cares_failure:Timeout_while_contacting_DNS_servers',
  ESERVFAIL: 'cares_failure:DNS_server_returned_general_failure',
  EREFUSED: 'cares_failure:DNS_server_refused_query',
};

function failureText(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return FAILURES[code] ?? `cares_failure:${code}`;
}

const REFRESH = 0;
const TIMEOUT = 1;

/** One "host:port". */
export class CachedName implements TimerTarget {
  /** The name with its port, as requests look for it. */
  readonly key: string;
  readonly name: string;
  readonly port: number;
  /** null: never resolved. */
  address: Address | null;
  /** The first question was answered, or failed. */
  answered: boolean;
  /** Why the last question failed; ''. */
  failure: string;
  lastUsedMs: number;
  readonly waiting: Set<DnsWaiter>;
  readonly #cache: DnsCache;
  readonly refresh: Timer;
  readonly timeout: Timer;
  /** Counts questions: a late answer to an earlier one is dropped. */
  question: number;
  failures: number;

  constructor(key: string, name: string, port: number, cache: DnsCache, nowMs: number) {
    this.key = key;
    this.name = name;
    this.port = port;
    this.address = null;
    this.answered = false;
    this.failure = '';
    this.lastUsedMs = nowMs;
    this.waiting = new Set();
    this.#cache = cache;
    this.refresh = new Timer(this, REFRESH);
    this.timeout = new Timer(this, TIMEOUT);
    this.question = 0;
    this.failures = 0;
  }

  onTimer(timer: Timer): void {
    if (timer.kind === REFRESH) this.#cache.onRefresh(this);
    else this.#cache.onTimeout(this);
  }
}

export class DnsCache {
  readonly settings: DnsCacheSettings;
  readonly #deps: DnsCacheDeps;
  readonly #stats: DnsCacheStats;
  readonly #names = new Map<string, CachedName>();
  readonly #listeners = new Set<DnsCacheListener>();
  #pending = 0;

  constructor(settings: DnsCacheSettings, deps: DnsCacheDeps) {
    this.settings = settings;
    this.#deps = deps;
    this.#stats = new DnsCacheStats(deps.rootScope, settings.name);
    this.#stats.pendingRemaining.set(settings.maxPendingRequests);
    for (const { host, port } of settings.preresolve) this.load(host, port);
  }

  /**
   * The entry of a name, made if need be.
   * @param host with or without a port @param defaultPort if it has none @returns null: max_hosts are there already
   */
  load(host: string, defaultPort: number): CachedName | null {
    const key = cacheKey(host, defaultPort);
    const known = this.#names.get(key);
    if (known !== undefined) {
      known.lastUsedMs = this.#deps.clock.nowMs();
      return known;
    }
    if (this.#names.size >= this.settings.maxHosts) {
      this.#stats.hostOverflow.inc();
      return null;
    }
    const colon = key.lastIndexOf(':');
    const bare = key.slice(0, colon);
    const name = bare.startsWith('[') ? bare.slice(1, -1) : bare;
    const entry = new CachedName(key, name, Number(key.slice(colon + 1)), this, this.#deps.clock.nowMs());
    this.#names.set(key, entry);
    this.#stats.hostAdded.inc();
    this.#stats.numHosts.inc();
    this.#ask(entry);
    return entry;
  }

  /** Finds what `load` has put there; null = nothing. Counts as use. */
  find(host: string, defaultPort: number): CachedName | null {
    const entry = this.#names.get(cacheKey(host, defaultPort)) ?? null;
    if (entry !== null) entry.lastUsedMs = this.#deps.clock.nowMs();
    return entry;
  }

  /** The waiter may wait: one more is within the limit. Whoever is admitted calls `release`. */
  admit(): boolean {
    if (this.#pending >= this.settings.maxPendingRequests) {
      this.#stats.pendingOverflow.inc();
      return false;
    }
    this.#setPending(this.#pending + 1);
    return true;
  }

  release(): void {
    this.#setPending(this.#pending - 1);
  }

  listen(listener: DnsCacheListener): void {
    this.#listeners.add(listener);
    for (const entry of this.#names.values()) if (entry.address !== null) listener.onAddress(entry);
  }

  unlisten(listener: DnsCacheListener): void {
    this.#listeners.delete(listener);
  }

  onRefresh(entry: CachedName): void {
    if (this.#deps.clock.nowMs() - entry.lastUsedMs > this.settings.hostTtlMs) this.#forget(entry);
    else this.#ask(entry);
  }

  onTimeout(entry: CachedName): void {
    this.#stats.queryTimeout.inc();
    this.#fail(entry, 'resolve_timeout');
  }

  #setPending(count: number): void {
    this.#pending = count;
    const remaining = this.settings.maxPendingRequests - count;
    this.#stats.pendingRemaining.set(remaining);
    this.#stats.pendingOpen.set(remaining > 0 ? 0 : 1);
  }

  #ask(entry: CachedName): void {
    const question = ++entry.question;
    this.#stats.queryAttempt.inc();
    this.#deps.clock.arm(entry.timeout, this.settings.queryTimeoutMs);
    lookUp(this.#deps.resolver, entry.name, familyFor(entry.name, this.settings)).then(
      (addresses) => {
        if (entry.question === question) this.#answer(entry, addresses);
      },
      (error: unknown) => {
        if (entry.question === question) this.#fail(entry, failureText(error));
      },
    );
  }

  #answer(entry: CachedName, addresses: readonly ResolvedAddress[]): void {
    this.#stats.querySuccess.inc();
    const first = addresses[0];
    if (first === undefined) {
      this.#settle(entry, NO_RECORDS);
      return;
    }
    entry.failure = '';
    entry.failures = 0;
    if (entry.address?.ip !== first.ip) {
      entry.address = ipAddress(first.ip, entry.port);
      this.#stats.hostAddressChanged.inc();
      for (const listener of this.#listeners) listener.onAddress(entry);
    }
    const { refreshMs, minRefreshMs } = this.settings;
    this.#next(entry, Number.isFinite(first.ttlS) ? Math.max(minRefreshMs, first.ttlS * 1000) : refreshMs);
  }

  #fail(entry: CachedName, why: string): void {
    this.#stats.queryFailure.inc();
    this.#settle(entry, why);
  }

  /** Nothing new was learnt: an address that is known stays. */
  #settle(entry: CachedName, why: string): void {
    entry.failure = why;
    const { failureRefreshMs: base, failureRefreshMaxMs: max, forgetFailed } = this.settings;
    const interval = Math.min(max, base * 2 ** Math.min(entry.failures++, 30));
    this.#next(entry, base === max ? base : this.#deps.random.below(Math.max(1, Math.floor(interval))));
    if (forgetFailed && entry.address === null) this.#forget(entry);
  }

  #next(entry: CachedName, delayMs: number): void {
    const { clock } = this.#deps;
    entry.question++;
    clock.disarm(entry.timeout);
    clock.arm(entry.refresh, Math.max(1, delayMs));
    entry.answered = true;
    const waiting = [...entry.waiting];
    entry.waiting.clear();
    for (const waiter of waiting) {
      try {
        waiter.onDnsAnswer(entry);
      } catch (error) {
        this.#deps.onException(error);
      }
    }
  }

  #forget(entry: CachedName): void {
    entry.question++;
    this.#deps.clock.disarm(entry.refresh);
    this.#deps.clock.disarm(entry.timeout);
    this.#names.delete(entry.key);
    this.#stats.hostRemoved.inc();
    this.#stats.numHosts.dec();
    if (entry.address !== null) for (const listener of this.#listeners) listener.onRemoved(entry);
  }
}

/** Literals are of the family that they are of. */
function familyFor(name: string, settings: DnsCacheSettings): DnsCacheSettings['lookupFamily'] {
  if (!isIp(name)) return settings.lookupFamily;
  return name.includes(':') ? 'V6_ONLY' : 'V4_ONLY';
}

/** "host:port", with brackets around IPv6 addresses. */
export function cacheKey(host: string, defaultPort: number): string {
  const colon = host.lastIndexOf(':');
  // A bare IPv6 address has colons too, but none behind a bracket.
  if (colon >= 0 && host.indexOf(':') !== colon && !host.startsWith('[')) return `[${host}]:${defaultPort}`;
  const hasPort = colon > host.lastIndexOf(']') && isPort(host, colon + 1);
  return hasPort ? host : `${host}:${defaultPort}`;
}

function isPort(text: string, from: number): boolean {
  if (from >= text.length || text.length - from > 5) return false;
  for (let i = from; i < text.length; i++) if (text.charCodeAt(i) < 0x30 || text.charCodeAt(i) > 0x39) return false;
  return Number(text.slice(from)) <= 65_535;
}
