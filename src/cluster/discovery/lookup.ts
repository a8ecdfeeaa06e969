/** dns_lookup_family: which families are asked for, and in which order. */
import type { DnsLookupFamily } from '../settings.ts';
import type { DnsResolver, ResolvedAddress } from './resolver.ts';

/** @throws when no question that mattered was answered */
export async function lookUp(resolver: DnsResolver, name: string, family: DnsLookupFamily): Promise<readonly ResolvedAddress[]> {
  switch (family) {
    case 'V4_ONLY':
      return resolver.resolve(name, 4);
    case 'V6_ONLY':
      return resolver.resolve(name, 6);
    case 'V4_PREFERRED':
      return firstNonEmpty(resolver, name, 4, 6);
    case 'ALL':
      return both(resolver, name);
    default:
      return firstNonEmpty(resolver, name, 6, 4);
  }
}

/** The second family is asked when the first has no address, or could not be asked. */
async function firstNonEmpty(resolver: DnsResolver, name: string, first: 4 | 6, second: 4 | 6): Promise<readonly ResolvedAddress[]> {
  const found = await resolver.resolve(name, first).catch(() => []);
  return found.length > 0 ? found : resolver.resolve(name, second);
}

async function both(resolver: DnsResolver, name: string): Promise<readonly ResolvedAddress[]> {
  const [v6, v4] = await Promise.allSettled([resolver.resolve(name, 6), resolver.resolve(name, 4)]);
  if (v6.status === 'rejected' && v4.status === 'rejected') throw v4.reason;
  return [...(v6.status === 'fulfilled' ? v6.value : []), ...(v4.status === 'fulfilled' ? v4.value : [])];
}
