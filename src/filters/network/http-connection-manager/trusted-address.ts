/** Who the client really is: x-forwarded-for and the detection extensions. Source: conn_manager_utility.cc, mutateRequestHeaders. */
import type { RequestHeaders } from '../../../http/header-map.ts';
import { type Address, ipAddress, isIp } from '../../../net/address.ts';
import { type Cidr, parseCidr } from '../../../net/cidr.ts';

/** The address `hops` entries from the right of x-forwarded-for (0 = last); null if there is none or it is malformed. */
export function xffAddress(headers: RequestHeaders, hops: number): { ip: string; only: boolean } | null {
  const value = headers.joined('x-forwarded-for');
  if (value === undefined || value === '') return null;
  const entries = value.split(',');
  const at = entries.length - 1 - hops;
  if (at < 0) return null;
  const ip = cleanEntry(entries[at]!);
  return ip === null ? null : { ip, only: entries.length === 1 };
}

/** Walks from the right over trusted ranges; all trusted: the leftmost. Source: xff extension, xff_trusted_cidrs. */
export function xffUntrusted(headers: RequestHeaders, trusted: readonly Cidr[]): { ip: string; only: boolean } | null {
  const value = headers.joined('x-forwarded-for');
  if (value === undefined || value === '') return null;
  const entries = value.split(',');
  for (let i = entries.length - 1; i >= 0; i--) {
    const ip = cleanEntry(entries[i]!);
    if (ip === null) return null;
    if (i === 0 || !trusted.some((range) => range.contains(ip))) return { ip, only: entries.length === 1 };
  }
  return null;
}

function cleanEntry(entry: string): string | null {
  const ip = entry.trim();
  return isIp(ip) ? ip : null;
}

/** Whether an address counts as internal; nothing does unless `internal_address_config` says so. */
export class InternalAddresses {
  readonly #ranges: readonly Cidr[];
  readonly #unixSockets: boolean;

  constructor(cidrs: readonly string[], unixSockets: boolean) {
    this.#ranges = cidrs.map((text) => parseCidr(text)!);
    this.#unixSockets = unixSockets;
  }

  get none(): boolean {
    return this.#ranges.length === 0 && !this.#unixSockets;
  }

  has(address: Address): boolean {
    if (address.kind === 'pipe') return this.#unixSockets;
    for (const range of this.#ranges) if (range.contains(address.ip)) return true;
    return false;
  }

  hasIp(ip: string): boolean {
    return this.#ranges.length > 0 && this.has(ipAddress(ip, 0));
  }
}
