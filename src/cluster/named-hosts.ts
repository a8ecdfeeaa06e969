/** Hosts that requests name themselves: by their session, or where the policy override_host says. */
import type { Host } from '../lb/host.ts';
import type { HostSet } from '../lb/host-set.ts';
import { ANY_STATUS, OverrideHosts } from '../lb/override-hosts.ts';
import { namedAddresses } from '../lb/override-sources.ts';
import type { LbContext } from './api.ts';
import type { BalancerSettings } from './settings.ts';

export class NamedHosts {
  readonly #settings: BalancerSettings;
  #hosts: OverrideHosts | null = null;

  constructor(settings: BalancerSettings) {
    this.#settings = settings;
  }

  /** null: the request names none, or none that can be used. @param sets as they are now */
  choose(context: LbContext, sets: readonly HostSet[]): Host | null {
    const session = context.overrideHost ?? null;
    if (session !== null) return this.#find(session.address, this.#settings.overrideStatus, sets);
    const sources = this.#settings.overrideSources;
    if (sources === null) return null;
    const addresses = namedAddresses(sources, context);
    // Each try begins with the next name; in whatever health the host is, as in Envoy.
    for (let i = Math.max(context.streamInfo.attemptCount - 1, 0); i < addresses.length; i++) {
      const host = this.#find(addresses[i]!, ANY_STATUS, sets);
      if (host !== null) return host;
    }
    return null;
  }

  #find(address: string, allowed: number, sets: readonly HostSet[]): Host | null {
    if (this.#hosts?.sets !== sets) this.#hosts = new OverrideHosts(sets);
    return this.#hosts.find(address, allowed);
  }
}
