/** Hosts by address, for requests that name theirs (stateful sessions). Made when the first of them comes. */
import { HealthFlag, type Host } from './host.ts';
import type { HostSet } from './host-set.ts';

/** A host that a request is to go to. */
export interface OverrideHost {
  /** "ip:port", or the path of a UNIX socket. */
  readonly address: string;
  /** That host or none. */
  readonly strict: boolean;
}

/** Bits of override_host_status. */
export const OverrideStatus = { Healthy: 1, Degraded: 2, Unhealthy: 4, Draining: 8 } as const;

export const ANY_STATUS: number = OverrideStatus.Healthy | OverrideStatus.Degraded | OverrideStatus.Unhealthy | OverrideStatus.Draining;

export class OverrideHosts {
  readonly sets: readonly HostSet[];
  readonly #byAddress = new Map<string, Host>();

  constructor(sets: readonly HostSet[]) {
    this.sets = sets;
    for (const { hosts } of sets) for (const host of hosts) this.#byAddress.set(host.address.text, host);
  }

  /** @param allowed OverrideStatus bits: in which health the host may be @returns null if it is not there, or not in such health */
  find(address: string, allowed: number): Host | null {
    const host = this.#byAddress.get(address);
    return host === undefined || (statusOf(host) & allowed) === 0 ? null : host;
  }
}

function statusOf(host: Host): number {
  const flags = host.healthFlags;
  if ((flags & (HealthFlag.FailedActiveHc | HealthFlag.FailedOutlierCheck)) !== 0) return OverrideStatus.Unhealthy;
  if ((flags & HealthFlag.EdsStatusDraining) !== 0) return OverrideStatus.Draining;
  if (host.unhealthy) return OverrideStatus.Unhealthy;
  return host.degraded ? OverrideStatus.Degraded : OverrideStatus.Healthy;
}
