/** From hosts to their table. */
import type { Host } from '../host.ts';
import { buildMaglev } from './maglev.ts';
import { buildRing } from './ring.ts';
import type { ConsistentHashSettings, HashTable } from './table.ts';
import { type HashHost, normalizeWeights } from './weights.ts';

/** Each `yield` is a chance to let others run. The result is null when no host has a place. */
export function* buildTable(hosts: readonly HashHost[], settings: ConsistentHashSettings): Generator<void, HashTable | null> {
  const shares = normalizeWeights(hosts, settings.byLocality);
  if (shares.members.length === 0) return null;
  const table = settings.table;
  return yield* table.kind === 'ring' ? buildRing(hosts, shares, table) : buildMaglev(hosts, shares, table);
}

/** In one go. */
export function buildTableNow(hosts: readonly HashHost[], settings: ConsistentHashSettings): HashTable | null {
  const steps = buildTable(hosts, settings);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** What is hashed for a host. Source: metadata envoy.lb.hash_key, use_hostname_for_hashing. @param address text of it */
function hashKey(
  address: string,
  hostname: string,
  metadata: Readonly<Record<string, unknown>> | null,
  settings: ConsistentHashSettings,
): string {
  const key = metadata === null ? undefined : (metadata['envoy.lb'] as Readonly<Record<string, unknown>> | undefined)?.['hash_key'];
  if (typeof key === 'string' && key !== '') return key;
  return settings.useHostname ? hostname : address;
}

/** @param panic health does not matter */
export function hashHost(host: Host, panic: boolean, settings: ConsistentHashSettings): HashHost {
  const { region, zone, subZone } = host.locality;
  return {
    key: hashKey(host.address.text, host.hostname, host.metadata, settings),
    usable: panic || (!host.unhealthy && !host.degraded),
    weight: host.weight,
    locality: region + '\0' + zone + '\0' + subZone,
    localityWeight: host.localityWeight,
  };
}
