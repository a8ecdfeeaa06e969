/** The DNS caches of one worker, by name: filters and clusters that name the same one share it. */
import type { DnsResolver } from '../discovery/resolver.ts';
import { SystemResolver } from '../discovery/system-resolver.ts';
import { DnsCache, type DnsCacheDeps } from './dns-cache.ts';
import type { DnsCacheSettings } from './settings.ts';

/** @returns null = the resolver of this system */
export type NewResolver = (settings: DnsCacheSettings) => DnsResolver;

export class DnsCaches {
  readonly #deps: Omit<DnsCacheDeps, 'resolver'>;
  readonly #newResolver: NewResolver;
  readonly #caches = new Map<string, DnsCache>();

  constructor(deps: Omit<DnsCacheDeps, 'resolver'>, newResolver: NewResolver = systemResolver) {
    this.#deps = deps;
    this.#newResolver = newResolver;
  }

  /** The first one who names a cache settles how it works, as in Envoy. */
  get(settings: DnsCacheSettings): DnsCache {
    let cache = this.#caches.get(settings.name);
    if (cache === undefined) {
      cache = new DnsCache(settings, { ...this.#deps, resolver: this.#newResolver(settings) });
      this.#caches.set(settings.name, cache);
    }
    return cache;
  }
}

function systemResolver({ resolvers, resolverOptions }: DnsCacheSettings): DnsResolver {
  return new SystemResolver(resolvers, resolverOptions);
}
